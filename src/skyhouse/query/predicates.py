"""Conditions that compare a column with constants: which row groups they may leave, and about how many rows.

Statistics of floats leave NaN out, and NaN is greater than all numbers here. So no bound of a float column in a file
that others wrote rules out ``x > 5``, while ``x < 5`` and ``x = 5`` hold for no NaN; the lake's own files have no
bounds where there is a NaN. What cannot be compared for sure rules out nothing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from skyhouse.query.kinds import FLOATS, kind
from skyhouse.query.statistics import Extent

__all__ = ["Predicate", "conjuncts", "may_hold", "predicate", "share"]

_COMPARISONS: dict[type[exp.Expr], str] = {exp.EQ: "=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_UNKNOWN = 0.3  # the share of rows that a condition nobody knows anything of keeps
_EQUAL = 0.01  # ... and one value of a column without countable values
_RANGES = frozenset(_TURNED) - {"="}
_UP_TO_NAN = (">", ">=")


@dataclass(frozen=True, slots=True)
class Predicate:
    """A column, an operator (=, <, <=, >, >=, in, null, not null), and its constants.

    `floating`: the column is one of floats, or is compared as one.
    """

    column: str
    operator: str
    values: tuple[Any, ...] = ()
    floating: bool = False


def conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the conditions all of which have to hold."""
    pending = [] if condition is None else [condition]
    while pending:
        node = pending.pop().unnest()
        if isinstance(node, exp.And):
            pending += [node.expression, node.this]
        else:
            yield node


def predicate(node: exp.Expr) -> list[tuple[exp.Column, Predicate]]:
    """Return what a condition says of single columns; nothing where it compares anything but a column with constants.

    >>> from skyhouse.query.parse import parse_items
    >>> [found for _, found in predicate(parse_items("z BETWEEN 1 AND 2")[0])]
    [Predicate(column='z', operator='>=', values=(1,), floating=False), Predicate(column='z', operator='<=', ...)]
    """
    node = node.unnest()
    if isinstance(node, exp.Column):
        return [_of(node, "=", True)] if kind(node) == "bool" else []
    if isinstance(node, exp.Not):
        return _negated(node.this.unnest())
    if isinstance(node, exp.Is) and isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Null):
        return [_of(node.this, "null")]
    if isinstance(node, exp.In) and isinstance(node.this, exp.Column) and node.expressions:
        values = [constant(item) for item in node.expressions]
        return [] if None in values else [_of(node.this, "in", *values)]
    if isinstance(node, exp.Between) and isinstance(node.this, exp.Column) and not node.args.get("symmetric"):
        low, high = constant(node.args["low"]), constant(node.args["high"])
        return [] if low is None or high is None else [_of(node.this, ">=", low), _of(node.this, "<=", high)]
    operator = _COMPARISONS.get(type(node))
    return [] if operator is None else _compared(operator, node.this.unnest(), node.expression.unnest())


def _compared(operator: str, left: exp.Expr, right: exp.Expr) -> list[tuple[exp.Column, Predicate]]:
    if not isinstance(left, exp.Column):
        left, right, operator = right, left, _TURNED[operator]
    value = constant(right)
    return [_of(left, operator, value)] if isinstance(left, exp.Column) and value is not None else []


def _negated(node: exp.Expr) -> list[tuple[exp.Column, Predicate]]:
    if isinstance(node, exp.Column) and kind(node) == "bool":
        return [_of(node, "=", False)]
    if isinstance(node, exp.Is) and isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Null):
        return [_of(node.this, "not null")]
    return []


def _of(column: exp.Column, operator: str, *values: Any) -> tuple[exp.Column, Predicate]:
    floating = kind(column) in FLOATS or any(isinstance(value, float) for value in values)
    return column, Predicate(column.name, operator, values, floating)


def constant(node: exp.Expr) -> Any:
    """Return the value of a constant: number, text, truth value, date; None for all else and for NULL."""
    node = node.unnest()
    if isinstance(node, exp.Neg):
        value = constant(node.this)
        return -value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if isinstance(node, exp.Literal):
        return node.name if node.is_string else _number(node.name)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.HexString):
        return int(str(node.this), 16)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.this.is_string:
        return _time(node.this.name, node.to)
    return None


def _number(text: str) -> int | float | None:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return None


def _time(text: str, to: exp.DataType) -> Any:
    try:
        if to.is_type(exp.DType.DATE):
            return dt.date.fromisoformat(text)
        found = dt.datetime.fromisoformat(text) if to.is_type(exp.DType.TIMESTAMPNTZ) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is None else None


def may_hold(condition: Predicate, extent: Extent | None, rows: int | None, foreign: bool = True) -> bool:
    """Whether a row group (or file) of such values may hold a row that meets the condition; false only if none can.

    In a `foreign` file a column with bounds may hold NaN too.
    """
    if extent is None:
        return True
    if condition.operator == "null":
        return extent.nulls != 0
    if rows is not None and extent.nulls == rows:
        return False
    if condition.operator == "not null" or (foreign and condition.floating and condition.operator in _UP_TO_NAN):
        return True
    low, high = extent.minimum, extent.maximum
    try:
        return any(_within(condition, value, low, high) for value in condition.values)
    except (TypeError, OverflowError):
        return True


def _within(condition: Predicate, value: Any, low: Any, high: Any) -> bool:
    if condition.floating:
        # Whole numbers and doubles meet as doubles, and a double may be equal to several whole numbers.
        value, low, high = float(value), _finite(low), _finite(high)
        if math.isnan(value):
            return True
    above = low is None or _alike(low, value) is None or low <= value
    below = high is None or _alike(high, value) is None or high >= value
    if condition.operator == "<":
        return low is None or _alike(low, value) is None or low < value
    if condition.operator == ">":
        return high is None or _alike(high, value) is None or high > value
    return {"<=": above, ">=": below}.get(condition.operator, above and below)


def _finite(bound: Any) -> float | None:
    return None if bound is None or math.isnan(float(bound)) else float(bound)


def _alike(bound: Any, value: Any) -> bool | None:
    """Return None for values of two types, which have no common order that is sure."""
    numbers = (bool, int, float)
    same = type(bound) is type(value) or (isinstance(bound, numbers) and isinstance(value, numbers))
    return same or None


def share(conditions: Iterable[Predicate], extents: Mapping[str, Extent], rows: int) -> float:
    """Return about which share of a group's rows meets all conditions, were values spread evenly and independently."""
    kept = 1.0
    ranges: dict[str, float] = {}
    for condition in conditions:
        one = _share(condition, extents.get(condition.column), rows)
        if condition.operator in _RANGES:
            ranges[condition.column] = ranges.get(condition.column, 1.0) - (1 - one)
        else:
            kept *= one
    for left in ranges.values():
        kept *= max(left, 1 / rows if rows else 0.0)
    return kept


def _share(condition: Predicate, extent: Extent | None, rows: int) -> float:
    nulls = (extent.nulls or 0) / rows if extent is not None and rows else 0.0
    if condition.operator == "null":
        return nulls if extent is not None and extent.nulls is not None else 0.05
    if condition.operator == "not null":
        return 1 - nulls
    low, high = (extent.minimum, extent.maximum) if extent is not None else (None, None)
    if condition.operator in ("=", "in"):
        return (1 - nulls) * min(1.0, len(condition.values) * _one_of(low, high))
    try:
        value, first, last = (float(str(x)) for x in (condition.values[0], low, high))
        place = min(max((value - first) / (last - first), 0.0), 1.0)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return _UNKNOWN
    return (1 - nulls) * (place if condition.operator in ("<", "<=") else 1 - place)


def _one_of(low: Any, high: Any) -> float:
    """Return the share of one value of a column between two bounds."""
    if isinstance(low, bool):
        return 1.0 if low == high else 0.5
    if low is not None and low == high:
        return 1.0
    if isinstance(low, int) and isinstance(high, int):
        return 1 / (high - low + 1)
    return _EQUAL
