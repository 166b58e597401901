"""Samples that are the same on every engine: a row is taken by a hash of what identifies it and the seed.

``TABLESAMPLE`` means another thing to each engine. Here it becomes a query with a filter (a percentage) or an order and
a limit (a number of rows) on the MD5 of the row's identifying columns: the relation's key where it has one, else all
its integer, text, date and truth columns. Rows that agree in all of these are taken or left together.
"""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.kinds import INTEGERS, cast, kind, with_kind
from skyhouse.query.parse import fault
from skyhouse.query.scope import Source

__all__ = ["sampled"]

_SPAN = 16**8


def sampled(node: exp.Expr, sample: exp.TableSample, source: Source) -> None:
    """Put a query that samples around a table or query of FROM, in place.

    Raises QueryError for a sample that is neither a percentage from 0 to 100 nor a whole number of rows, and for a
    source without a column to choose by.
    """
    percent, size, seed = (sample.args.get(key) for key in ("percent", "size", "seed"))
    given = percent or size
    if not isinstance(given, exp.Literal) or given.is_string or not isinstance(seed, (exp.Literal, type(None))):
        raise fault(QueryError, "a sample is a percentage, TABLESAMPLE (10 PERCENT), or a number of rows", sample)
    method = str(sample.args.get("method") or "").upper()
    by_percent = percent is not None or method in ("BERNOULLI", "SYSTEM")
    digest = _digest(source, "0" if seed is None else seed.name, sample)
    alias = exp.TableAlias(this=exp.to_identifier(source.alias, quoted=True))
    items: list[exp.Expr] = [exp.Star()]
    inner = exp.Select(expressions=items)
    node.replace(exp.Subquery(this=inner, alias=alias))
    inner.set("from_", exp.From(this=node))
    _into(inner, digest, given, by_percent)


def _into(select: exp.Select, digest: exp.Expr, given: exp.Literal, by_percent: bool) -> None:
    if by_percent:
        share = float(given.name)
        if not 0 <= share <= 100:
            raise fault(QueryError, "a percentage is from 0 to 100", given)
        if share == 100:
            return
        bound = exp.Literal.string(f"{int(share / 100 * _SPAN):08x}")
        less = with_kind(exp.LT(this=digest, expression=with_kind(bound, "string")), "bool")
        select.set("where", exp.Where(this=less))
        return
    if not given.name.isdigit():
        raise fault(QueryError, "a number of rows is a whole number", given)
    select.set("order", exp.Order(expressions=[exp.Ordered(this=digest, nulls_first=False)]))
    select.set("limit", exp.Limit(expression=exp.Literal.number(given.name)))


def _digest(source: Source, seed: str, sample: exp.TableSample) -> exp.Expr:
    chosen = _identity(source)
    if not chosen:
        raise fault(QueryError, "a sample needs an integer or text column to choose rows by", sample)
    text: exp.Expr = with_kind(exp.Literal.string(f"{seed}:"), "string")
    for column in chosen:
        empty = with_kind(exp.Literal.string(""), "string")
        as_text = cast(column, "string")
        either = with_kind(exp.Coalesce(this=as_text, expressions=[empty]), "string")
        text = with_kind(exp.DPipe(this=text, expression=either), "string")
        text = with_kind(exp.DPipe(this=text, expression=with_kind(exp.Literal.string(":"), "string")), "string")
    return with_kind(exp.Anonymous(this="md5", expressions=[text]), "string")


def _identity(source: Source) -> list[exp.Expr]:
    key = source.relation.join_key if source.relation is not None else ()
    if key:
        return [source.column(source.columns[name.lower()]) for name in key]
    fit = INTEGERS | {"string", "bool", "date"}
    return [node for c in source.columns.values() if c.type in fit for node in [source.column(c)] if kind(node)]
