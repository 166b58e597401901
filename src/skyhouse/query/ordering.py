"""What ends a query: ORDER BY, LIMIT and OFFSET."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError
from skyhouse.query.expressions import Expressions
from skyhouse.query.kinds import with_kind
from skyhouse.query.parse import fault
from skyhouse.query.scope import clause_of

__all__ = ["first_of_each", "ordinal", "tail"]

_LARGEST = 2**31 - 1


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
            found = _limit(node, found)
        count: exp.Expr | None = found.args.get("expression")
        if isinstance(count, exp.Var) and count.name.upper() == "ALL":
            node.set(clause, None)
            continue
        if (
            not isinstance(count, exp.Literal)
            or not count.name.isdigit()
            or count.is_string
            or found.args.get("limit_options")
        ):
            raise fault(QueryError, f"{clause.upper()} takes a whole number", found)
        if int(count.name) > _LARGEST:
            raise fault(QueryError, f"{clause.upper()} is at most {_LARGEST:,}; leave it out", found)


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
    if any(clause_of(column, term) for column in checked.scope.lent):
        problem = "a query in ORDER BY looks at this one's columns; name it in SELECT and order by the query's result"
        raise fault(QueryError, problem, term)
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


def first_of_each(node: exp.Select, checked: Expressions, columns: Sequence[Column]) -> None:
    """Put a QUALIFY in the place of DISTINCT ON: the first row of each, by its order and its columns."""
    on = node.args["distinct"].args["on"]
    if node.args.get("qualify") is not None:
        raise fault(QueryError, "DISTINCT ON and QUALIFY do not go together; put one of them into a query in FROM", on)
    keys = []
    for key in on.expressions if isinstance(on, exp.Tuple) else [on]:
        place = ordinal(key, len(columns), "DISTINCT ON")
        holder = exp.Paren(this=key if place is None else node.expressions[place].unalias().copy())
        if place is None:
            checked.plain(holder, "DISTINCT ON")
        keys.append(holder.this)
    order = node.args.get("order")
    terms = [_first_term(term, node, checked, columns) for term in order.expressions] if order is not None else []
    orderable = (item.unalias() for item, column in zip(node.expressions, columns, strict=True) if _plain(column))
    terms += [exp.Ordered(this=item.copy()) for item in orderable]
    number = with_kind(exp.Anonymous(this="row_number"), "int64")
    window = exp.Window(this=number, partition_by=keys, order=exp.Order(expressions=terms), over="OVER")
    one = with_kind(exp.Literal.number(1), "int64")
    first = with_kind(exp.EQ(this=with_kind(window, "int64"), expression=one), "bool")
    node.set("distinct", None)
    node.set("qualify", exp.Qualify(this=first))


def _first_term(term: exp.Expr, node: exp.Select, checked: Expressions, columns: Sequence[Column]) -> exp.Ordered:
    """Return a term of ORDER BY for the window of DISTINCT ON, result columns as their expressions."""
    if not isinstance(term, exp.Ordered) or isinstance(term.this, exp.Var):
        raise fault(QueryError, "DISTINCT ON needs its ORDER BY written out", term)
    copy = term.copy()
    place = ordinal(copy.this, len(columns), "ORDER BY")
    if isinstance(copy.this, exp.Column) and not copy.this.table:
        names = [column.name.lower() for column in columns]
        place = names.index(copy.name.lower()) if copy.name.lower() in names else None
    if place is not None:
        copy.set("this", node.expressions[place].unalias().copy())
    else:
        checked.any(copy, "ORDER BY")
    return copy


def _plain(column: Column) -> bool:
    return "<" not in column.type


def _limit(node: exp.Expr, fetch: exp.Fetch) -> exp.Limit:
    """Put a LIMIT in the place of FETCH FIRST n ROWS ONLY."""
    options = fetch.args.get("limit_options")
    if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
        problem = "FETCH takes a number of rows and ONLY; for ties use QUALIFY rank() OVER (ORDER BY ...) <= n"
        raise fault(QueryError, problem, fetch)
    limit = exp.Limit(expression=fetch.args.get("count") or exp.Literal.number(1))
    node.set("limit", limit)
    return limit
