"""Rules of dates and times."""

from __future__ import annotations

import datetime as dt

from sqlglot import exp

from skyhouse.query.engines import Engine
from skyhouse.query.functions.times import MOMENTS
from skyhouse.query.intervals import Span
from skyhouse.query.kinds import cast, data_type, kind, with_kind
from skyhouse.query.rules.rule import filled

__all__ = ["fix_moment", "time_sums"]

_SHIFTS = {
    "duckdb": ("_1 + to_months(CAST(_2 AS INT))", "_1 + to_microseconds(_2)"),
    "spark": ("_1 + make_ym_interval(0, CAST(_2 AS INT))", "timestampadd(MICROSECOND, _2, _1)"),
}
_DAYS = {"duckdb": "_1 + CAST(_2 AS INT)", "spark": "date_add(_1, CAST(_2 AS INT))"}
_BETWEEN = {"duckdb": "date_diff('day', _2, _1)", "spark": "CAST(datediff(_1, _2) AS BIGINT)"}


def fix_moment(tree: exp.Expr) -> None:
    """Put one moment, this, in the place of every now() and current_date of a statement."""
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    for call in list(tree.find_all(exp.Anonymous)):
        name = MOMENTS.get(str(call.this).lower())
        if name is not None and kind(call):
            text = moment.isoformat(" ") if name == "timestamp" else moment.date().isoformat()
            value = with_kind(exp.Literal.string(text), "string")
            call.replace(with_kind(exp.Cast(this=value, to=data_type(name)), name))


def time_sums(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Add intervals to times, and days to dates, with each engine's own functions."""
    left, right = node.args["this"], node.args["expression"]
    kinds = kind(left), kind(right)
    if kinds == ("date", "date"):
        made = filled(_BETWEEN[engine], [left, right])
    elif "interval" in kinds and kind(node) == "timestamp":
        moment, span = (left, right) if kinds[1] == "interval" else (right, left)
        made = _shifted(cast(moment, "timestamp"), span.unnest(), -1 if isinstance(node, exp.Sub) else 1, engine)
    elif kind(node) == "date":
        day, count = (left, right) if kinds[0] == "date" else (right, left)
        if isinstance(node, exp.Sub):
            count = exp.Neg(this=exp.Paren(this=count))
        made = filled(_DAYS[engine], [day, count])
    else:
        return node
    return with_kind(exp.Paren(this=made), kind(node))


def _shifted(moment: exp.Expr, node: exp.Expr, sign: int, engine: Engine) -> exp.Expr:
    counts = []
    while isinstance(node, exp.Mul):
        left, right = node.this.unnest(), node.expression.unnest()
        node, count = (left, right) if kind(left) == "interval" else (right, left)
        counts.append(count)
    span: Span = node.meta["span"]
    if not isinstance(node.this, exp.Literal):
        counts.append(node.this)
    for amount, shift in zip((span.months, span.micros), _SHIFTS[engine], strict=True):
        if amount:
            number: exp.Expr = exp.Cast(this=exp.Literal.number(sign * amount), to=data_type("int64"))
            for count in counts:
                number = exp.Mul(this=number, expression=exp.Paren(this=cast(count, "int64").copy()))
            moment = filled(shift, [moment, number])
    return moment
