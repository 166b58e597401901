"""What ends a query: ORDER BY, LIMIT and OFFSET."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError
from skyhouse.query.expressions import Expressions
from skyhouse.query.kinds import with_kind
from skyhouse.query.parse import fault

__all__ = ["ordinal", "tail"]


def tail(node: exp.Expr, checked: Expressions, columns: Sequence[Column], outputs_only: bool = False) -> None:
    """Check ORDER BY, LIMIT and OFFSET; `outputs_only`: the order sees nothing but result columns."""
    order = node.args.get("order")
    if order is not None:
        terms: list[exp.Expr] = []
        for term in order.expressions:
            if not isinstance(term, exp.Ordered) or term.args.get("with_fill"):
                raise fault(QueryError, "this ORDER BY is not part of the language", term)
            if isinstance(term.this, exp.Var) and term.name.upper() == "ALL":
                terms.extend(_ordered(_output(column), term) for column in columns)
                continue
            _order_term(term, checked, columns, outputs_only)
            terms.append(term)
        order.set("expressions", terms)
    for clause in ("limit", "offset"):
        found = node.args.get(clause)
        if found is None:
            continue
        if isinstance(found, exp.Fetch):
            raise fault(QueryError, "FETCH is not part of the language; write LIMIT", found)
        count = found.args.get("expression")
        whole = isinstance(count, exp.Literal) and not count.is_string and count.name.isdigit()
        if not whole or found.args.get("limit_options"):
            raise fault(QueryError, f"{clause.upper()} takes a whole number", found)


def _order_term(term: exp.Ordered, checked: Expressions, columns: Sequence[Column], outputs_only: bool) -> None:
    place = ordinal(term.this, len(columns), "ORDER BY")
    if place is not None:
        term.set("this", _output(columns[place]))
        return
    if isinstance(term.this, exp.Column) and not term.this.table and not term.this.meta.get("inner"):
        named = {column.name.lower(): column for column in columns}
        if term.this.name.lower() in named:
            term.set("this", _output(named[term.this.name.lower()]))
            return
    if not outputs_only or checked.scope.sources:
        checked.any(term, "ORDER BY")
    if outputs_only:
        same = [c for c, item in zip(columns, _items(term), strict=False) if item == term.this]
        if not same:
            shown = ", ".join(column.name for column in columns[:8])
            problem = (
                f"ORDER BY after DISTINCT, a set operation or QUALIFY of groups takes result columns only: {shown}"
            )
            raise fault(QueryError, problem, term.this)
        term.set("this", _output(same[0]))


def ordinal(node: exp.Expr, count: int, clause: str) -> int | None:
    """Return the place, from 0, of the result column that a number names, or None for another expression."""
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    if not node.name.isdigit() or not 1 <= int(node.name) <= count:
        raise fault(QueryError, f"{clause} {node.name}: there are result columns 1 to {count}", node)
    return int(node.name) - 1


def _output(column: Column) -> exp.Expr:
    node = exp.column(exp.to_identifier(column.name, quoted=True))
    node.meta["column"] = column
    node.meta["output"] = True
    return with_kind(node, column.type)


def _ordered(node: exp.Expr, like: exp.Ordered) -> exp.Ordered:
    return exp.Ordered(this=node, desc=like.args.get("desc"), nulls_first=like.args.get("nulls_first"))


def _items(term: exp.Ordered) -> list[exp.Expr]:
    select = term.find_ancestor(exp.Query)
    return [item.unalias() for item in select.expressions] if isinstance(select, exp.Select) else []
