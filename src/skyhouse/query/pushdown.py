"""What of a query a server is asked to do for us: fewer columns, fewer rows.

Of each table that lies on a server the columns are asked for that the query reads, the rows for which those conditions
hold that stand on this table alone, and no more than a LIMIT where nothing comes between. A condition goes there only
where PostgreSQL evaluates it to what Skyhouse's language says: comparisons of a column with a constant or with a
column, IN, BETWEEN, LIKE, IS NULL, truth values, and AND, OR, NOT of these. It stays in the engine's statement too, so
that the rows never depend on what was left to the server.

A condition that stands around a query in FROM, or around the one use of a WITH, goes into it where it is about columns
that the query hands on as they are; but not into one that groups, counts, limits or windows its rows.

A condition of WHERE or of an inner JOIN may take rows of a table away before all joins, but not where an outer join
gives NULLs in their place and the condition holds for NULL. Of a LEFT JOIN's ON, the right side's conditions may.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from skyhouse.query.kinds import FLOATS, INTEGERS, kind
from skyhouse.query.outside import Condition, Outside, conditions, gathers
from skyhouse.query.relation import Relation, Scan
from skyhouse.query.remote import Remote, RemoteColumn, Request

__all__ = ["with_requests"]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?", re.ASCII)
_LAST_SLASH = re.compile(r"(?<!\\)(\\\\)*\\$")
_MOST = 10_000  # values of an IN that are sent along


def with_requests(tree: exp.Query, scans: Sequence[Scan]) -> tuple[Scan, ...]:
    """Return the scans of a resolved query, those of remote relations with what is asked of the server."""
    if not any(scan.relation.remote for scan in scans):
        return tuple(scans)
    outside = Outside(tree)
    return tuple(
        replace(scan, request=_request(tree, outside, scan)) if scan.relation.remote else scan for scan in scans
    )


def _request(tree: exp.Query, outside: Outside, scan: Scan) -> Request:
    relation, remote = scan.relation, scan.relation.remote
    assert remote is not None
    selects = tree.find_all(exp.Select)
    uses = [use for select in selects for use in _uses(select, relation, remote, outside.of(select))]
    mentioned = sum(table.name == scan.name and not table.db for table in tree.find_all(exp.Table))
    names = scan.columns or (relation.columns[0].name,)
    sql = ", ".join(f"{remote.columns[name].value} AS {quoted(name)}" for name in names)
    sql = f"SELECT {sql} FROM {remote.table}"
    if mentioned == len(uses):
        if all(use.conditions for use in uses):
            sql += f" WHERE {_any([' AND '.join(use.conditions) for use in uses])}"
        if len(uses) == 1:
            sql += uses[0].tail()
    return Request(sql, names)


def _any(conditions: list[str]) -> str:
    different = list(dict.fromkeys(conditions))
    return different[0] if len(different) == 1 else " OR ".join(f"({one})" for one in different)


def quoted(name: str) -> str:
    """Return a name as PostgreSQL reads it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as PostgreSQL reads it."""
    return "'" + value.replace("'", "''") + "'"


# -- uses ---------------------------------------------------------------------------------------------------------


@dataclass
class _Use:
    """One place where a relation stands in FROM, and the conditions there that the server can hold its rows against.

    `whole` is true where these are all conditions of the SELECT.
    """

    select: exp.Select
    write: _Writer
    conditions: list[str]
    whole: bool

    def tail(self) -> str:
        """Return ORDER BY and LIMIT where the SELECT is a plain scan: then no more rows are needed than it gives."""
        args = self.select.args
        count = _number(args.get("limit"))
        clauses = ("joins", "group", "having", "qualify", "distinct", "windows", "laterals")
        # An infinite time is NULL to us, so that times are compared and ordered otherwise there.
        if count is None or not self.whole or self.write.times or any(args.get(clause) for clause in clauses):
            return ""
        if any(gathers(part) for item in self.select.expressions for part in item.walk()):
            return ""
        order = self._order(args.get("order"))
        if order is None:
            return ""
        return f"{order} LIMIT {count + (_number(args.get('offset')) or 0)}"

    def _order(self, order: exp.Expr | None) -> str | None:
        if order is None:
            return ""
        inner = {item.alias_or_name: item.unalias() for item in self.select.expressions}
        terms = []
        for term in order.expressions:
            node = inner.get(term.this.name, term.this) if term.this.meta.get("output") else term.this
            column = self.write.column(node)
            if column is None or not column.ordered or column.literal:
                return None
            ends = "FIRST" if term.args.get("nulls_first") else "LAST"
            terms.append(f"{column.ordered}{' DESC' if term.args.get('desc') else ''} NULLS {ends}")
        return f" ORDER BY {', '.join(terms)}"


def _uses(select: exp.Select, relation: Relation, remote: Remote, outside: Sequence[Condition]) -> Iterator[_Use]:
    start = select.args.get("from_")
    joins = select.args.get("joins") or []
    places = ([start] if start else []) + joins
    for place in places:
        table = place.this
        if not (isinstance(table, exp.Table) and table.name == relation.name and not table.db):
            continue
        writer = _Writer(table.alias, remote)
        alias = table.args.get("alias")
        if isinstance(alias, exp.TableAlias) and alias.args.get("columns"):
            yield _Use(select, writer, [], whole=False)
            continue
        found, whole = [], True
        for condition, or_null in conditions(select, place, outside):
            written = writer.condition(condition)
            if written is None or (or_null and condition.find(exp.Is)):
                whole = False
            else:
                found.append(written)
        yield _Use(select, writer, found, whole)


# -- conditions ---------------------------------------------------------------------------------------------------


@dataclass
class _Writer:
    """Writes conditions on one table in PostgreSQL's SQL; None for what would mean something else there.

    `times` tells afterwards whether a time was compared.
    """

    alias: str
    remote: Remote
    times: bool = False

    def column(self, node: exp.Expr) -> RemoteColumn | None:
        """Return the column that a node is; None for anything else."""
        node = node.unnest()
        if not isinstance(node, exp.Column) or node.table != self.alias:
            return None
        return self.remote.columns.get(node.name)

    def condition(self, node: exp.Expr) -> str | None:
        """Return a condition as the server's SQL."""
        if node.args.get("negate") and type(node) is not exp.Like:
            return None
        if isinstance(node, exp.Paren):
            return self.condition(node.this)
        if isinstance(node, (exp.And, exp.Or)):
            return self._logical(node)
        if isinstance(node, exp.Not):
            inner = self.condition(node.this)
            return None if inner is None else f"NOT ({inner})"
        if isinstance(node, exp.Column):
            column = self.column(node)
            return column.operand or None if column is not None and kind(node) == "bool" else None
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            column = self.column(node.this)
            return None if column is None else f"{column.value} IS NULL"
        if type(node) in _COMPARISONS:
            return self._comparison(node, _COMPARISONS[type(node)])
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            return self._between(node)
        return self._like(node) if type(node) is exp.Like else None

    def _logical(self, node: exp.Expr) -> str | None:
        word = "AND" if isinstance(node, exp.And) else "OR"
        sides, pending = [], [node]
        while pending:  # a chain of a thousand is a thousand deep
            part = pending.pop()
            if type(part) is type(node):
                pending += [part.right, part.left]  # type: ignore[attr-defined]
                continue
            written = self.condition(part)
            if written is None:
                return None
            sides.append(f"({written})")
        return f"({f' {word} '.join(sides)})"

    def _comparison(self, node: exp.Expr, sign: str) -> str | None:
        left, right = node.this, node.expression
        if self.column(left) is None:
            left, right, sign = right, left, _TURNED.get(sign, sign)
        return self._compared(left, sign, [right])

    def _compared(self, left: exp.Expr, sign: str, others: Sequence[exp.Expr]) -> str | None:
        """Return ``left sign other`` for a column and one other, or ``left IN (others)``."""
        column = self.column(left)
        if column is None:
            return None
        equal = sign in ("=", "<>", "IN")
        operand = column.operand if equal else column.ordered
        values = [self._operand(left, column, other, equal) for other in others]
        if not operand or any(value is None for value in values):
            return None
        if column.literal:
            self.times = True
        written = [value for value in values if value is not None]
        return f"{operand} IN ({', '.join(written)})" if sign == "IN" else f"{operand} {sign} {written[0]}"

    def _operand(self, left: exp.Expr, column: RemoteColumn, other: exp.Expr, equal: bool) -> str | None:
        """Return what a column is compared with, in the type in which we would compare it."""
        other = other.unnest()
        known = kind(left)
        second = self.column(other)
        if second is not None:
            return self._second(left, column, other, second)
        if known in INTEGERS or known in FLOATS:
            return _written_number(other, known in FLOATS)
        if known == "string":
            is_text = isinstance(other, exp.Literal) and other.is_string and "\0" not in other.name
            return text(other.name) if is_text else None
        if known == "bool":
            return str(other.this).upper() if isinstance(other, exp.Boolean) and equal else None
        return _written_time(other, column.literal)

    @staticmethod
    def _second(left: exp.Expr, column: RemoteColumn, other: exp.Expr, second: RemoteColumn) -> str | None:
        """Return another column to compare with: of the same kind, and texts only as their bytes."""
        if kind(left) != kind(other) or kind(left) == "string" or column.literal != second.literal:
            return None
        return second.ordered or None

    def _in(self, node: exp.In) -> str | None:
        if node.args.get("query") is not None or not 0 < len(node.expressions) <= _MOST:
            return None
        return self._compared(node.this, "IN", node.expressions)

    def _between(self, node: exp.Between) -> str | None:
        low = self._compared(node.this, ">=", [node.args["low"]])
        high = self._compared(node.this, "<=", [node.args["high"]])
        return None if low is None or high is None else f"({low} AND {high})"

    def _like(self, node: exp.Expr) -> str | None:
        column, pattern = self.column(node.this), node.expression
        if column is None or not column.operand or not (isinstance(pattern, exp.Literal) and pattern.is_string):
            return None
        # A pattern that ends in its escape is an error there.
        if "\0" in pattern.name or _LAST_SLASH.search(pattern.name):
            return None
        no = "NOT " if node.args.get("negate") else ""
        return f"{column.operand} {no}LIKE {text(pattern.name)}"


def _number(clause: exp.Expr | None) -> int | None:
    if clause is None or any(value for key, value in clause.args.items() if key != "expression"):
        return None
    found = clause.args.get("expression")
    return int(found.name) if isinstance(found, exp.Literal) and found.name.isdigit() else None


def _written_number(node: exp.Expr, double: bool) -> str | None:
    sign = ""
    if isinstance(node, exp.Neg):
        node, sign = node.this.unnest(), "-"
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    if node.name.isdigit() and not double:
        return f"({sign}{node.name})" if sign else node.name
    value = float(node.name)
    # The double that we compare with, to its last bit.
    return f"'{sign}{value!r}'::float8" if math.isfinite(value) else None


def _written_time(node: exp.Expr, literal: str) -> str | None:
    only_date = literal == "DATE"
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast) and kind(node) in ("date", "timestamp"):
        only_date = only_date or kind(node) == "date"
        node = node.this
    if not (isinstance(node, exp.Literal) and node.is_string and literal):
        return None
    value = node.name
    if not (_DATE.fullmatch(value) or (not only_date and _TIMESTAMP.fullmatch(value))):
        return None
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:  # no such day: the engine says so
        return None
    if literal != "DATE" and len(value) == 10:
        value += " 00:00:00"
    return f"{literal} '{value}{'+00' if literal == 'TIMESTAMPTZ' else ''}'"
