"""Queries that make each row of their result of one row of one table, so that they may be asked of any part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.query.estimate import estimate
from skyhouse.query.kinds import with_kind
from skyhouse.query.lower import lower_resolved
from skyhouse.query.outside import gathers
from skyhouse.query.predicates import Predicate
from skyhouse.query.relation import ROW, Part, Scan, Statement
from skyhouse.query.resolve import Resolved
from skyhouse.query.statistics import NoStatistics

__all__ = ["RowWise", "row_wise"]

_CLAUSES = frozenset({"expressions", "from_", "where"})


@dataclass(frozen=True)
class RowWise:
    """A query over one part of one table, row by row.

    `columns` are the result's, and `sources` say of each which column of the table it is, or None where it is computed.
    The `statement` gives the computed ones and `ROW` of the rows that the conditions leave; it reads the columns `read`
    and `ROW` from what is registered under the table's name. It is None where nothing is computed and no row left out.
    `conditions` may rule out row groups before.
    """

    scan: Scan
    columns: tuple[Column, ...]
    sources: tuple[str | None, ...]
    conditions: tuple[Predicate, ...]
    statement: Statement | None
    read: tuple[str, ...]

    @property
    def part(self) -> Part:
        """The files."""
        return self.scan.parts[0]


def row_wise(resolved: Resolved) -> RowWise | None:
    """Return a checked query as one that goes row by row; None for one that does not.

    That is a SELECT of columns and expressions with WHERE, or such a SELECT around one, over one table that lies in
    Parquet files of one kind. Joins, groups, windows, ORDER BY, LIMIT and queries inside expressions need all rows.
    """
    if len(resolved.scans) != 1:
        return None
    scan = resolved.scans[0]
    if scan.relation.remote is not None or len(scan.parts) != 1 or scan.parts[0].ragged:
        return None
    selects = _selects(resolved.tree)
    inner = selects[-1].args["from_"].this if selects else None
    if not isinstance(inner, exp.Table) or inner.name != scan.name or inner.db or _renamed(inner):
        return None
    if not all(_goes_by_row(select) for select in selects):
        return None
    sources = tuple(_source(item.unalias(), selects) for item in selects[0].expressions)
    if len(sources) != len(resolved.columns):  # a star, of a sample
        return None
    conditions = estimate(resolved, NoStatistics()).reads[0].conditions
    if all(sources) and not any(select.args.get("where") for select in selects):
        return RowWise(scan, resolved.columns, sources, conditions, None, ())
    statement, read = _computed(resolved, sources)
    return RowWise(scan, resolved.columns, sources, conditions, statement, read)


def _selects(tree: exp.Expr) -> list[exp.Select]:
    """Return the SELECTs that stand in one another's FROM, from the outermost; none where one is more than that."""
    found = []
    node: exp.Expr = tree
    while isinstance(node, exp.Subquery | exp.Select):
        given = {key for key, value in node.args.items() if value}
        if isinstance(node, exp.Subquery):
            if not given <= {"this", "alias"} or _renamed(node):
                return []
            node = node.this
            continue
        if not given <= _CLAUSES or "from_" not in given:
            return []
        found.append(node)
        node = node.args["from_"].this
    return found


def _renamed(node: exp.Expr) -> bool:
    alias = node.args.get("alias")
    return isinstance(alias, exp.TableAlias) and bool(alias.args.get("columns"))


def _goes_by_row(select: exp.Select) -> bool:
    where = select.args.get("where")
    items = [*select.expressions, *([where.this] if where else [])]
    return not any(gathers(part) or isinstance(part, exp.Query) for item in items for part in item.walk())


def _source(item: exp.Expr, selects: Sequence[exp.Select]) -> str | None:
    """Return the table's column that an item of the outermost SELECT is, handed on by all others."""
    for select in selects[1:]:
        if not isinstance(item, exp.Column):
            return None
        name = item.name
        if not any(isinstance(one, exp.Star) for one in select.expressions):
            item = next(one.unalias() for one in select.expressions if one.alias_or_name == name)
    return item.name if isinstance(item, exp.Column) else None


def _computed(resolved: Resolved, sources: Sequence[str | None]) -> tuple[Statement, tuple[str, ...]]:
    """Return the statement for what is not in the table as it is, with the rows' numbers, and the columns it reads."""
    copy = resolved.copy()
    selects = _selects(copy.tree)
    items = [item for item, source in zip(selects[0].expressions, sources, strict=True) if source is None]
    columns = [column for column, source in zip(copy.columns, sources, strict=True) if source is None]
    selects[0].set("expressions", items)
    names = _named(selects[0])
    for select in selects[1:]:
        if not any(isinstance(item, exp.Star) for item in select.expressions):
            select.set("expressions", [item for item in select.expressions if item.alias_or_name in names])
            names = _named(select)
    for select in selects:
        if not any(isinstance(item, exp.Star) for item in select.expressions):
            alias = exp.to_identifier(select.args["from_"].this.alias_or_name, quoted=True)
            number = with_kind(exp.Column(this=exp.to_identifier(ROW, quoted=True), table=alias), "int64")
            select.append("expressions", exp.alias_(number, ROW, quoted=True))
    statement = lower_resolved(replace(copy, columns=(*columns, Column(ROW, "int64"))), "duckdb")
    return statement, tuple(name for name in resolved.scans[0].columns if name in names)


def _named(select: exp.Select) -> set[str]:
    """Return the columns that a SELECT names of what stands in its FROM."""
    source = select.args["from_"]
    return {column.name for column in select.find_all(exp.Column) if column.find_ancestor(exp.From) is not source}
