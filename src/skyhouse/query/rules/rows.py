"""Rules of UNNEST."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.columns import item_type, list_type, struct_type
from skyhouse.query.engines import Engine
from skyhouse.query.kinds import cast, data_type, kind, settled
from skyhouse.query.rules.rule import call_of, filled

__all__ = ["rows"]


def rows(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Write UNNEST as the engine unnests: DuckDB in a select list, Spark by functions of its own."""
    lists = [cast(part, settled(kind(part))) for part in node.expressions]
    alias = node.args["alias"]
    counted = bool(node.meta.get("ordinality"))
    if engine == "duckdb":
        return _selected(node, lists, counted)
    if len(lists) == 1 and not counted:
        call = call_of("explode", lists[0])
    else:
        call = call_of("inline", _structs(lists, counted))
    if isinstance(node.parent, exp.Join):
        return exp.Lateral(this=call, alias=alias)
    return exp.Table(this=call, alias=alias)


def _selected(node: exp.Expr, lists: list[exp.Expr], counted: bool) -> exp.Expr:
    """Return a query that unnests in its select list: there it takes a seventeenth of the time it takes in FROM."""
    longest = call_of("greatest", *(call_of("len", part.copy()) for part in lists))
    columns = [*lists, filled("generate_series(1, _1)", [longest])] if counted else lists
    join = node.parent
    if isinstance(join, exp.Join) and join.side:
        # LEFT JOIN ON TRUE: a plain join, with a row of NULLs where all are empty, takes a twelfth of the time.
        join.set("side", None)
        join.set("on", None)
        join.set("kind", "CROSS")
        columns = [filled("CASE WHEN _2 > 0 THEN _1 ELSE [NULL] END", [part, longest]) for part in columns]
    elif isinstance(join, exp.Join) and join.args.get("on") is not None:
        _where_instead_of_on(join)
    names = [name.name for name in node.args["alias"].columns]
    items = [exp.alias_(call_of("unnest", part), name, quoted=True) for part, name in zip(columns, names, strict=True)]
    query = exp.Subquery(this=exp.Select(expressions=items))
    named = exp.TableAlias(this=node.args["alias"].this)
    if isinstance(join, exp.Join):
        return exp.Lateral(this=query, alias=named)
    query.set("alias", named)
    return query


def _where_instead_of_on(join: exp.Join) -> None:
    """Let WHERE say what ON does, where that is the same: a lateral join with a condition takes nine times as long."""
    select = join.parent
    if not isinstance(select, exp.Select) or any(one.side for one in select.args["joins"]):
        return
    condition = join.args["on"]
    join.set("on", None)
    join.set("kind", "CROSS")
    where = select.args.get("where")
    both = (
        condition
        if where is None
        else exp.And(this=exp.paren(where.this, copy=False), expression=exp.paren(condition, copy=False))
    )
    select.set("where", exp.Where(this=both))


def _structs(lists: list[exp.Expr], counted: bool) -> exp.Expr:
    fields = [(f"c{place}", item_type(kind(part)) or "") for place, part in enumerate(lists)]
    zipped = call_of("arrays_zip", *(filled("coalesce(_1, array())", [part]) for part in lists))
    to = data_type(list_type(struct_type(fields)))
    if not counted:
        return zipped if to is None else exp.Cast(this=zipped, to=to)
    inside = ", ".join(f"'{field}', _z.{field}" for field, _ in fields)
    text = f"transform(_1, lambda _z, _i: named_struct({inside}, 'i', CAST(_i AS BIGINT) + 1))"
    return filled(text, [zipped if to is None else exp.Cast(this=zipped, to=to)])
