"""The select list: what ``*`` stands for, and the name of each result column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from skyhouse.errors import QueryError, UnknownColumn, did_you_mean
from skyhouse.query.clause import only
from skyhouse.query.nested import own_name
from skyhouse.query.parse import fault, written
from skyhouse.query.registered import Registered
from skyhouse.query.registered_calls import write_out
from skyhouse.query.scope import Scope

__all__ = ["name_items", "write_out_stars"]

_LONGEST = 80


def write_out_stars(node: exp.Select, scope: Scope, functions: Mapping[str, Registered]) -> None:
    """Put the columns that ``*`` stands for in its place; those of a registered function, where it is ``f(x).*``."""
    items: list[exp.Expr] = []
    for item in node.expressions:
        if columns := write_out(item, functions):
            items.extend(columns)
            continue
        star = item.this if isinstance(item, exp.Column) and isinstance(item.this, exp.Star) else item
        if not isinstance(star, exp.Star):
            items.append(item)
            continue
        table = item.args.get("table") if item is not star else None
        items.extend(_expanded(star, table, scope))
    if not items:
        raise fault(QueryError, "SELECT has no columns left", node)
    node.set("expressions", items)


def name_items(node: exp.Select, scope: Scope) -> None:
    """Give every item its result name: the alias as written, a column's own name, or the expression's text if short."""
    taken: set[str] = set()
    named: list[tuple[str, exp.Expr, bool]] = []
    for item in node.expressions:
        if isinstance(item, exp.Alias):
            name, inner, given = item.alias, item.this, True
        elif own := own_name(scope, item):
            name, inner, given = own, item, False
        elif isinstance(item, (exp.Aliases, exp.PropertyEQ)):
            raise fault(QueryError, "this is not an expression of the language", item)
        else:
            text = (own_name(scope, item.this) if isinstance(item, exp.Cast) else "") or written(item)
            name, inner, given = text if len(text) <= _LONGEST else f"column_{len(named) + 1}", item, False
        if not name:
            raise fault(QueryError, "a result column needs a name, and this one is empty", item)
        if given and name.lower() in taken:
            raise fault(QueryError, f"two result columns are named {name!r}", item.args.get("alias"))
        named.append((name, inner, given))
        if given:
            taken.add(name.lower())
    items = []
    for name, inner, given in named:
        free, count = name, 1
        while not given and free.lower() in taken:
            free, count = f"{name}_{count}", count + 1
        taken.add(free.lower())
        if "column" in inner.meta and not given and free == inner.name:
            items.append(inner)  # written out from *
            continue
        new = exp.Alias(this=inner, alias=exp.Identifier(this=free, quoted=True))
        new.meta["named"] = given
        items.append(new)
    node.set("expressions", items)


def _expanded(star: exp.Star, table: exp.Identifier | None, scope: Scope) -> Iterator[exp.Expr]:
    only(star, {"except_", "replace"}, "*")
    replaced = {item.alias.lower(): item for item in star.args.get("replace") or []}
    left_out = {}
    for name in star.args.get("except_") or []:
        left_out[name.name.lower()] = name
    if table is not None:
        source = scope.named(table.name)
        if source is None or source.hidden:
            raise fault(QueryError, f"no table {table.name!r} in FROM", table)
        chosen = [(source, column) for column in source.columns.values()]
    elif not scope.sources:
        raise fault(QueryError, "SELECT * needs a FROM", star)
    else:
        chosen = scope.all_columns()
    present = {column.name.lower() for _, column in chosen}
    for low, name in (left_out | replaced).items():
        if low not in present:
            shown = name.alias_or_name
            word = "REPLACE" if low in replaced else "EXCLUDE"
            raise fault(UnknownColumn, f"no column {shown!r} to {word}{did_you_mean(shown, present)}", name)
    for source, column in chosen:
        if column.name.lower() in replaced:
            yield exp.alias_(replaced[column.name.lower()].this, column.name, quoted=True)
        elif column.name.lower() not in left_out:
            merged = scope.merged.get(column.name.lower()) if table is None else None
            if merged is not None:
                yield exp.alias_(merged.copy(), column.name, quoted=True)
            else:
                yield source.column(column)
