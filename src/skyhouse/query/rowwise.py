"""Queries that make each row of their result of one row of one table, so that they may be asked of any part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.query.estimate import estimate
from skyhouse.query.kinds import with_kind
from skyhouse.query.lower import lower_resolved
from skyhouse.query.outside import gathers
from skyhouse.query.predicates import Predicate
from skyhouse.query.relation import Part, Scan, Statement
from skyhouse.query.resolve import Resolved
from skyhouse.query.statistics import NoStatistics

__all__ = ["ROW", "RowWise", "row_wise"]

ROW = "#row"
"""The column that numbers the rows which a row-wise statement is asked of, and the rows of its result likewise."""

_CLAUSES = frozenset({"expressions", "from_", "where"})


@dataclass(frozen=True)
class RowWise:
    """A query over one part of one table, row by row.

    `conditions` may rule out row groups. `plain` are the result's columns by the table's where it is no more than
    these; None where the `statement` has to be asked. That reads the table's columns (`scan`) and `ROW` from what is
    registered under the scan's name, and gives the result's columns and `ROW`.
    """

    scan: Scan
    columns: tuple[Column, ...]
    conditions: tuple[Predicate, ...]
    plain: tuple[str, ...] | None
    statement: Statement

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
    selects = list(_selects(resolved.tree))
    inner = selects[-1].args["from_"].this if selects else None
    if not isinstance(inner, exp.Table) or inner.name != scan.name or inner.db or _renamed(inner):
        return None
    tables = sum(1 for _ in resolved.tree.find_all(exp.Table))
    if tables != 1 or not all(_goes_by_row(select) for select in selects):
        return None
    conditions = estimate(resolved, NoStatistics()).reads[0].conditions
    plain = _plain(selects[0], scan) if len(selects) == 1 else None
    return RowWise(scan, resolved.columns, conditions, plain, _numbered(resolved))


def _selects(tree: exp.Expr) -> Iterator[exp.Select]:
    """Yield the SELECTs that stand in one another's FROM, from the outermost; none where one is more than that."""
    found = []
    node: exp.Expr | None = tree
    while isinstance(node, exp.Subquery | exp.Select):
        given = {key for key, value in node.args.items() if value}
        if isinstance(node, exp.Subquery):
            if not given <= {"this", "alias"} or _renamed(node):
                return
            node = node.this
            continue
        if not given <= _CLAUSES or "from_" not in given:
            return
        found.append(node)
        node = node.args["from_"].this
    yield from found


def _renamed(node: exp.Expr) -> bool:
    alias = node.args.get("alias")
    return isinstance(alias, exp.TableAlias) and bool(alias.args.get("columns"))


def _goes_by_row(select: exp.Select) -> bool:
    where = select.args.get("where")
    items = [*select.expressions, *([where.this] if where else [])]
    return not any(gathers(part) or isinstance(part, exp.Query) for item in items for part in item.walk())


def _plain(select: exp.Select, scan: Scan) -> tuple[str, ...] | None:
    items = [item.unalias() for item in select.expressions]
    if select.args.get("where") or not all(isinstance(item, exp.Column) for item in items):
        return None
    names = {column.name for column in scan.relation.columns}
    return tuple(item.name for item in items) if all(item.name in names for item in items) else None


def _numbered(resolved: Resolved) -> Statement:
    """Return the statement that hands the rows' numbers on."""
    copy = resolved.copy()
    for select in _selects(copy.tree):
        if not any(isinstance(item, exp.Star) for item in select.expressions):
            alias = exp.to_identifier(select.args["from_"].this.alias_or_name, quoted=True)
            number = with_kind(exp.Column(this=exp.to_identifier(ROW, quoted=True), table=alias), "int64")
            select.append("expressions", exp.alias_(number, ROW, quoted=True))
    columns = (*copy.columns, Column(ROW, "int64"))
    return lower_resolved(replace(copy, columns=columns), "duckdb")
