"""SkyServer's functions: constants by their names, parts of an objID, and searches about a place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlglot import exp

from skyhouse.errors import QueryError, did_you_mean
from skyhouse.query.dialects.rewrite import call, folded, number, operand
from skyhouse.query.dialects.sdss import CONSTANTS, NAMES
from skyhouse.query.place import fault

__all__ = ["applied", "constants", "searches"]

# The bits of an objID: where each part begins, and how many there are.
_OBJECT_ID: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "fskyversion": (59, 4),
        "frerun": (48, 11),
        "frun": (32, 16),
        "fcamcol": (29, 3),
        "ffield": (16, 12),
        "fobj": (0, 16),
    }
)
_PHOTO_COLUMNS = ("objID", "run", "camcol", "field", "rerun", "type", "mode", "cx", "cy", "cz", "htmID")
_SPECTRUM_COLUMNS = ("specObjID", "plate", "mjd", "fiberID", "z", "zErr", "zWarning", "cx", "cy", "cz", "htmID")
_SOURCES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "objeq": ("PhotoPrimary", _PHOTO_COLUMNS),
        "objalleq": ("PhotoObjAll", _PHOTO_COLUMNS),
        "specobjeq": ("SpecObj", _SPECTRUM_COLUMNS),
        "specobjalleq": ("SpecObjAll", _SPECTRUM_COLUMNS),
    }
)


def constants(node: exp.Expr) -> exp.Expr:
    """Put the value in the place of a function that gives it by its name, and the like."""
    name, arguments = str(node.this).lower(), node.expressions
    if name in CONSTANTS:
        return _constant(node, name)
    if name in NAMES and len(arguments) == 1:
        branches = [exp.If(this=number(code), true=exp.Literal.string(text)) for text, code in NAMES[name].items()]
        return exp.Case(this=arguments[0], ifs=branches)
    if name in _OBJECT_ID and len(arguments) == 1:
        first, width = _OBJECT_ID[name]
        shifted = exp.BitwiseRightShift(this=operand(arguments[0]), expression=number(first))
        return exp.Paren(this=exp.BitwiseAnd(this=exp.Paren(this=shifted), expression=number((1 << width) - 1)))
    if name == "fdistancearcmineq" and len(arguments) == 4:
        return exp.Paren(this=exp.Mul(this=number(60), expression=call("separation", *arguments)))
    return node


def _constant(node: exp.Expr, name: str) -> exp.Expr:
    given = node.expressions[0] if len(node.expressions) == 1 else None
    if not isinstance(given, exp.Literal) or not given.is_string:
        raise fault(QueryError, f"{node.this} takes one name in quotes, such as {next(iter(CONSTANTS[name]))!r}", node)
    known = CONSTANTS[name]
    value = known.get(given.name.strip().upper())
    if value is None:
        raise fault(QueryError, f"{node.this} knows no {given.name!r}{did_you_mean(given.name.upper(), known)}", node)
    return number(value)


def searches(node: exp.Expr) -> exp.Expr:
    """Make a search in FROM, such as dbo.fGetNearbyObjEq(ra, dec, arcminutes), a query over the table it looks in."""
    found = _called(node.this)
    if found is None:
        return node
    alias = node.args.get("alias")
    if any(column for argument in found.expressions for column in argument.find_all(exp.Column)):
        raise fault(QueryError, f"{found.name} of columns stands in CROSS APPLY or OUTER APPLY", found)
    used = _used(node, node.alias)
    table, columns, inside, distance = _search(found, "", found.expressions)
    items: list[exp.Expr] = [exp.column(name) for name in columns if used is None or name.lower() in used]
    if distance is not None:
        items.append(exp.alias_(distance, "distance"))
    query = exp.Select(expressions=items, where=exp.Where(this=inside))
    query.set("from_", exp.From(this=_table(table, found)))
    return exp.Subquery(this=_first(query) if "nearest" in found.name.lower() else query, alias=alias)


def applied(node: exp.Expr) -> exp.Expr:
    """Make CROSS APPLY and OUTER APPLY a join: of a search, on the place that it looks about; of a query, lateral."""
    lateral = node.this
    if not isinstance(lateral, exp.Lateral) or lateral.args.get("cross_apply") is None:
        return node
    outer = lateral.args["cross_apply"] is False
    lateral.set("cross_apply", None)
    found = _called(lateral.this)
    if found is None:
        return _joined(node, outer)
    if "nearest" in found.name.lower():
        lateral.set("this", _nearest(node, found, lateral.alias))
        return _joined(node, outer)
    alias = lateral.alias or "near"
    table, columns, inside, distance = _search(found, alias, found.expressions)
    used = _used(node, alias)
    items: list[exp.Expr] = [exp.column(name) for name in columns if used is None or name.lower() in used]
    items += [exp.alias_(exp.column(name), f"_{name}") for name in ("ra", "dec")]
    select = node.find_ancestor(exp.Select)
    query = exp.Select(expressions=items)
    query.set("from_", exp.From(this=_table(table, found)))
    for column in list(select.find_all(exp.Column)) if select is not None else []:
        if distance is not None and column.name.lower() == "distance" and column.table.lower() in ("", alias.lower()):
            column.replace(_named(column, distance.copy()))
    node.set("this", exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(alias))))
    node.set("side" if outer else "kind", "LEFT" if outer else "INNER")
    node.set("on", inside)
    return node


def _joined(join: exp.Expr, outer: bool) -> exp.Expr:
    """Join what is lateral: to every row, or keeping the rows that have nothing there."""
    join.set("side" if outer else "kind", "LEFT" if outer else "CROSS")
    if outer:
        join.set("on", exp.true())
    return join


def _nearest(join: exp.Expr, found: exp.Anonymous, alias: str) -> exp.Subquery:
    """Return the query of the nearest object of each row; its names are kept from those of the row."""
    table, columns, inside, distance = _search(found, "_all", found.expressions)
    used = _used(join, alias)
    names = [name for name in columns if used is None or name.lower() in used]
    renamed = [exp.alias_(exp.column(name), f"_{name}") for name in ("ra", "dec")]
    every = exp.Select(expressions=[*map(exp.column, names), *renamed])
    every.set("from_", exp.From(this=_table(table, found)))
    apart = [] if distance is None else [exp.alias_(distance, "distance")]
    nearest = exp.Select(expressions=[*map(exp.column, names), *apart])
    nearest.set("from_", exp.From(this=exp.Subquery(this=every, alias=exp.TableAlias(this=exp.to_identifier("_all")))))
    nearest.set("where", exp.Where(this=inside))
    return exp.Subquery(this=_first(nearest))


def _first(query: exp.Select) -> exp.Select:
    query.set("order", exp.Order(expressions=[exp.Ordered(this=exp.column("distance"))]))
    query.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    return query


def _named(column: exp.Column, value: exp.Expr) -> exp.Expr:
    """Keep the name of a result column whose expression is replaced."""
    return exp.alias_(value, column.name) if isinstance(column.parent, exp.Select) else exp.Paren(this=value)


def _called(node: exp.Expr) -> exp.Anonymous | None:
    found = node.expression if isinstance(node, exp.Dot) else node
    return found if isinstance(found, exp.Anonymous) and found.name.lower().startswith("fget") else None


def _table(name: str, place: exp.Expr) -> exp.Table:
    identifier = exp.to_identifier(name)
    if place.meta.get("place"):
        identifier.meta["place"] = place.meta["place"]
    return exp.Table(this=identifier)


def _used(node: exp.Expr, alias: str) -> set[str] | None:
    """Return the names that a query may mean a search's columns by, objID among them; None where it takes all."""
    select = node.find_ancestor(exp.Select)
    if select is None:
        return None
    for star in select.find_all(exp.Star):
        of = star.parent.table if isinstance(star.parent, exp.Column) else ""
        if isinstance(star.parent, (exp.Select, exp.Column)) and of.lower() in ("", alias.lower()):
            return None
    names = {c.name.lower() for c in select.find_all(exp.Column) if c.table.lower() in ("", alias.lower())}
    return names | {"objid", "specobjid"}


def _search(
    node: exp.Anonymous, alias: str, arguments: list[exp.Expr]
) -> tuple[str, tuple[str, ...], exp.Expr, exp.Expr | None]:
    """Return the table that a search looks in, the columns it gives, its condition, and the distance in arcminutes."""
    name = node.name.lower()
    ra, dec = (exp.column(f"_{part}" if alias else part, table=alias or None) for part in ("ra", "dec"))
    if name in ("fgetobjfromrect", "fgetobjfromrecteq") and len(arguments) == 4:
        ra1, second, third, dec2 = arguments
        ra2, dec1 = (second, third) if name == "fgetobjfromrect" else (third, second)
        inside = exp.and_(exp.Between(this=ra, low=ra1, high=ra2), exp.Between(this=dec, low=dec1, high=dec2))
        return "PhotoPrimary", _PHOTO_COLUMNS, inside, None
    kind = name.removeprefix("fgetnearby").removeprefix("fgetnearest")
    if kind not in _SOURCES or not name.startswith(("fgetnearby", "fgetnearest")) or len(arguments) != 3:
        known = (
            "fGetNearbyObjEq(ra, dec, arcmin)",
            "fGetNearestObjEq(ra, dec, arcmin)",
            "fGetNearbyObjAllEq",
            "fGetNearbySpecObjEq",
            "fGetObjFromRect",
        )
        raise fault(
            QueryError, f"{node.name} is not read so; of SkyServer's searches there are {', '.join(known)}", node
        )
    centre = [operand(folded(argument)) for argument in arguments[:2]]
    radius = folded(exp.Div(this=operand(arguments[2]), expression=exp.Literal.number("60.0")))
    table, columns = _SOURCES[kind]
    inside = call("in_cone", ra, dec, *centre, radius)
    distance = exp.Mul(
        this=exp.Literal.number("60.0"),
        expression=call("separation", ra.copy(), dec.copy(), *(part.copy() for part in centre)),
    )
    return table, columns, inside, distance
