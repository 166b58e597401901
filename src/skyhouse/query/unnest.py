"""Lists as rows: UNNEST in FROM, and LATERAL queries.

Both may look at what stands before them in FROM. Lists that are unnested side by side go on with NULL where they end;
a list that is NULL is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from skyhouse.columns import Column, item_type
from skyhouse.errors import QueryError
from skyhouse.query.clause import Clause, only, shown, word
from skyhouse.query.expressions import Expressions
from skyhouse.query.nested import own_name
from skyhouse.query.parse import fault
from skyhouse.query.scope import Source, by_lower, named_source
from skyhouse.query.units import unit_of

if TYPE_CHECKING:
    from skyhouse.query.scope import Scope
    from skyhouse.query.sources import Sources

__all__ = ["lateral", "series", "unnested"]


def unnested(sources: Sources, node: exp.Expr, scope: Scope) -> Source:
    """Check ``UNNEST(list, ...) AS u(a, ...)``: a row for each place, a column for each list.

    A single list without names has its column called as the alias, others as the lists are.
    """
    only(node, {"expressions", "alias", "offset"}, "UNNEST")
    _check_join(node, "UNNEST")
    given = node.args.get("alias")
    alias = node.alias or scope.unused("unnest")
    names = [name.name for name in given.args.get("columns") or []] if isinstance(given, exp.TableAlias) else []
    offset, count = node.args.get("offset"), len(node.expressions)
    names += [offset.name] if isinstance(offset, exp.Identifier) and isinstance(given, exp.TableAlias) else []
    if len(names) > count + bool(offset):
        problem = f"UNNEST of {count} lists has as many columns; here are {len(names)} names for them"
        raise fault(QueryError, problem, given)
    defaults = [alias] if node.alias and len(node.expressions) == 1 else _own_names(scope, node.expressions)
    checked = Expressions(scope, sources.ask, sources.functions)
    columns = []
    with checked.within(Clause("UNNEST")):
        for place, part in enumerate(list(node.expressions)):
            found = checked.visit(part)
            item = item_type(found)
            value = node.expressions[place]
            if item is None:
                raise fault(QueryError, f"UNNEST takes lists, and {shown(value)} is a {word(found)}", value)
            columns.append(Column([*names, *defaults[len(names) :]][place], item, unit=unit_of(value)))
    if offset:
        columns.append(Column(names[count] if len(names) > count else "ordinality", "int64"))
        node.meta["ordinality"] = True
        node.set("offset", None)
    quoted = [exp.to_identifier(column.name, quoted=True) for column in columns]
    node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True), columns=quoted))
    return Source(alias, by_lower(tuple(columns), node))


def lateral(sources: Sources, node: exp.Expr, scope: Scope) -> Source:
    """Check ``LATERAL (SELECT ...)``, a query for each row of what stands before it, and ``LATERAL UNNEST(...)``."""
    inner = node.this
    if isinstance(inner, exp.Unnest):
        inner.set("alias", node.args.get("alias"))
        node.replace(inner)
        return unnested(sources, inner, scope)
    only(node, {"this", "alias"}, "LATERAL")
    _check_join(node, "LATERAL")
    if not isinstance(inner, exp.Subquery):
        raise fault(QueryError, "LATERAL takes a query in parentheses, or UNNEST", node)
    return named_source(node, sources.ask(inner.this, scope, scope.ctes), scope.unused("query"))


def series(sources: Sources, node: exp.Expr, scope: Scope) -> Source:
    """Check ``range(...)`` or ``generate_series(...)`` in FROM: the list's items as rows."""
    only(node, {"this", "alias"}, "FROM")
    rows = exp.Unnest(expressions=[node.this], alias=node.args.get("alias") or exp.TableAlias())
    if not rows.alias:
        rows.args["alias"].set("this", exp.to_identifier(str(node.this.this).lower()))
    node.replace(rows)
    return unnested(sources, rows, scope)


def _own_names(scope: Scope, nodes: list[exp.Expr]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        name = free = own_name(scope, node) or "unnest"
        count = 1
        while free.lower() in [taken.lower() for taken in names]:
            free, count = f"{name}_{count}", count + 1
        names.append(free)
    return names


def _check_join(node: exp.Expr, what: str) -> None:
    join = node.parent
    if not isinstance(join, exp.Join):
        return
    word = f"{join.side} {join.kind}".strip().upper()
    if join.side.upper() in ("RIGHT", "FULL") or join.kind.upper() in ("SEMI", "ANTI"):
        raise fault(QueryError, f"{word} JOIN of {what} is not part of the language; EXISTS asks for a row", node)
    if join.args.get("using"):
        raise fault(QueryError, f"{what} is joined by ON, or by a comma", node)
    on = join.args.get("on")
    if join.side and not (isinstance(on, exp.Boolean) and on.this):
        raise fault(QueryError, f"LEFT JOIN of {what} takes ON TRUE; put the condition into a LATERAL query", node)
