"""Intervals, and the sums that dates and times are part of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.clause import shown, word
from skyhouse.query.kinds import INTEGERS, kind
from skyhouse.query.parse import fault

__all__ = ["TIMES", "TIME_TEXT", "Span", "interval", "time_sum"]

# What both engines read as a date or time; each reads other forms too, of its own.
TIME_TEXT = r"^\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T]([01]?[0-9]|2[0-3]):[0-9]{1,2}.*)?\s*$"
TIMES = frozenset({"date", "timestamp", "interval"})
_SECOND = 1_000_000
_UNITS = {
    "year": (12, 0),
    "month": (1, 0),
    "week": (0, 7 * 86_400 * _SECOND),
    "day": (0, 86_400 * _SECOND),
    "hour": (0, 3_600 * _SECOND),
    "minute": (0, 60 * _SECOND),
    "second": (0, _SECOND),
    "millisecond": (0, 1_000),
    "microsecond": (0, 1),
}
_SHORT = {"mon": "month", "hr": "hour", "min": "minute", "sec": "second", "ms": "millisecond", "us": "microsecond"}
_TERM = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_CLOCK = re.compile(r"\s*([-+]?)(\d+):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?\s*$")
_ALONE = "an interval alone is not part of the language; add it to a time: t + INTERVAL '3 days'"


@dataclass(frozen=True)
class Span:
    """Months and microseconds: a month has no fixed length, a day here has 86,400 seconds."""

    months: int
    micros: int


def interval(visit: Callable[[exp.Expr], str], node: exp.Interval) -> str:
    """Check an interval; its `Span` is kept in ``node.meta["span"]``. Raises QueryError."""
    outer = node.parent
    while isinstance(outer, (exp.Paren, exp.Mul)):
        outer = outer.parent
    if not isinstance(outer, (exp.Add, exp.Sub)):
        raise fault(QueryError, _ALONE, node)
    value, unit = node.this, node.args.get("unit")
    text = value.name if isinstance(value, exp.Literal) else "1"
    if unit is not None:
        text += f" {unit.name}"
    if not isinstance(value, exp.Literal):
        if unit is None:
            raise fault(QueryError, "an interval needs a unit: INTERVAL '3 days'", node)
        if visit(value) not in INTEGERS:
            raise fault(QueryError, f"an interval counts by integers, and {shown(node.this)} is none", node.this)
    try:
        node.meta["span"] = _span(text.lower())
    except QueryError as error:
        raise fault(QueryError, error.problem, outer) from error
    return "interval"


def _span(text: str) -> Span:
    months = micros = 0.0
    place = 0
    while place < len(text):
        if clock := _CLOCK.match(text, place):
            sign = -1 if clock[1] == "-" else 1
            micros += sign * (int(clock[2]) * 3600 + int(clock[3]) * 60 + float(clock[4] or 0)) * _SECOND
            break
        term = _TERM.match(text, place)
        name = term[2] if term is not None else ""
        name = _SHORT.get(name, _SHORT.get(name.removesuffix("s"), name.removesuffix("s")))
        if term is None or name not in _UNITS:
            raise QueryError(f"{text!r} is no interval; write '3 days' or '1 year 6 months', of {', '.join(_UNITS)}")
        month, micro = _UNITS[name]
        months += float(term[1]) * month
        micros += float(term[1]) * micro
        place = term.end()
    if months != int(months):
        raise QueryError(f"{text!r} has a part of a month, whose length is not fixed; write days")
    return Span(int(months), round(micros))


def time_sum(node: exp.Binary) -> str:
    """Return the kind of a sum, difference or product of checked sides of which one is a time or interval.

    Raises QueryError where there is none.
    """
    left, right = kind(node.left), kind(node.right)
    if isinstance(node, exp.Mul):
        if {left, right} <= INTEGERS | {"interval"} and left != right:
            return "interval"
        raise fault(QueryError, "an interval is multiplied by an integer; for parts of a day write hours", node)
    moments = ("date", "timestamp")
    if left in moments and right == "interval":
        return "timestamp"
    if isinstance(node, exp.Add) and left == "interval" and right in moments:
        return "timestamp"
    if left == "date" and right in INTEGERS:
        return "date"
    if isinstance(node, exp.Add) and left in INTEGERS and right == "date":
        return "date"
    if isinstance(node, exp.Sub) and left == right == "date":
        return "int64"
    if isinstance(node, exp.Sub) and left in moments and right in moments:
        hint = "write date_diff('second', b, a), or mjd(a) - mjd(b) for days with fractions"
        raise fault(QueryError, f"the difference of two times has no type of its own; {hint}", node)
    if "timestamp" in (left, right) and ({left, right} & INTEGERS):
        raise fault(QueryError, f"a number of what? write {shown(node.left)} + INTERVAL '3 days'", node)
    problem = f"{shown(node.left)} is a {word(left)} and {shown(node.right)} a {word(right)}: these have no sum"
    raise fault(QueryError, problem, node)
