"""Lists and structs in expressions: dotted names, fields, items, slices, literals, and lambdas.

A dotted name is read from the left, and the first of these that fits counts: a table's alias and its column, a schema,
a table and its column, a bare column. What is left names fields of structs. Inner queries come before outer ones.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

from skyhouse.columns import Column, field_types, item_type, list_type, struct_type
from skyhouse.errors import QueryError, UnknownColumn, did_you_mean
from skyhouse.query.clause import Clause, shown, word
from skyhouse.query.kinds import INTEGERS, common, family, is_nested, kind, with_kind
from skyhouse.query.parse import fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skyhouse.query.expressions import Expressions
    from skyhouse.query.scope import Scope

__all__ = [
    "check_nested_cast",
    "dotted",
    "field",
    "fields_of",
    "item",
    "joined",
    "lambda_body",
    "list_literal",
    "name",
    "own_name",
    "parameter",
    "struct_literal",
    "whole",
]


# -- names ---------------------------------------------------------------------------------------------------------


def dotted(checked: Expressions, node: exp.Column) -> exp.Expr | None:
    """Return a dotted name as fields of a column, or None where all of it names a column, or none of it does."""
    parts = node.parts
    if len(parts) < 2:
        return None
    if parts[0].name.lower() in checked.parameters:
        return _fields(exp.column(parts[0]), parts[1:])
    if (found := fields_of(checked.scope, node)) is not None:
        return found
    if checked.clause.aliases and parts[0].name.lower() in checked.scope.aliases and not _table(checked.scope, node):
        return _fields(exp.column(parts[0]), parts[1:])
    return None


def fields_of(scope: Scope, node: exp.Column) -> exp.Expr | None:
    """Return a dotted name as fields of a scope's column, or None where all of it names a column or none does."""
    count, _ = _column_parts(scope, node.parts)
    if count in (0, len(node.parts)):
        return None
    names = [part.copy() for part in reversed(node.parts[:count])]
    return _fields(exp.Column(**dict(zip(("this", "table", "db"), names, strict=False))), node.parts[count:])


def own_name(scope: Scope, node: exp.Expr) -> str:
    """Return the name that a column or field has by itself; empty for any other expression."""
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        return node.expression.name
    if not isinstance(node, exp.Column):
        return ""
    count, held = _column_parts(scope, node.parts)
    if count in (0, len(node.parts)):
        return scope.spelling(node)
    spelled = node.name
    for part in node.parts[count:]:
        known = {field.lower(): (field, inner) for field, inner in field_types(held) or ()}
        spelled, held = known.get(part.name.lower(), (part.name, ""))
    return spelled


def _column_parts(scope: Scope | None, parts: Sequence[exp.Expr]) -> tuple[int, str]:
    """Return how many parts of a dotted name make a column, 0 for none, and the column's kind."""
    names = [part.name.lower() for part in parts]
    full = ".".join(names[:2])
    while scope is not None:
        source = scope.named(names[0])
        if len(names) > 1 and source is not None and names[1] in source.columns:
            return 2, source.columns[names[1]].type
        for one in scope.sources if len(names) > 2 else ():
            if one.relation is not None and one.relation.name.lower() == full and names[2] in one.columns:
                return 3, one.columns[names[2]].type
        if names[0] in scope.merged:
            return 1, kind(scope.merged[names[0]])
        for one in scope.sources:
            if names[0] in one.columns and not one.hidden:
                return 1, one.columns[names[0]].type
        scope = scope.outer
    return 0, ""


def _table(scope: Scope | None, node: exp.Column) -> bool:
    while scope is not None:
        if scope.named(node.parts[0].name):
            return True
        scope = scope.outer
    return False


def _fields(column: exp.Expr, names: Sequence[exp.Expr]) -> exp.Expr:
    for name in names:
        column = exp.Dot(this=column, expression=name.copy())
    return column


# -- fields, items, slices -----------------------------------------------------------------------------------------


def field(checked: Expressions, node: exp.Dot) -> str:
    """Check a struct's field, in any case, and spell it as the struct does."""
    found = checked.visit(node.this)
    name = node.expression
    if not isinstance(name, exp.Identifier):
        raise fault(QueryError, f"{shown(node)} is not part of the language", node)
    fields = field_types(found)
    if fields is None:
        raise fault(QueryError, f"{shown(node.this)} is a {word(found)}, which has no field {name.name!r}", name)
    for known, inner in fields:
        if known.lower() == name.name.lower():
            name.set("this", known)
            name.set("quoted", True)
            of_call = {column.name: column for column in node.this.unnest().meta.get("returns", ())}
            if known in of_call:  # of a user's function, which declares its unit
                node.meta["column"] = of_call[known]
            return inner
    near = did_you_mean(name.name, [known for known, _ in fields])
    raise fault(UnknownColumn, f"no field {name.name!r} in {shown(node.this)}{near}", name)


def item(checked: Expressions, node: exp.Bracket) -> str:
    """Check ``x[i]``, ``x[i:j]`` and ``x['field']``."""
    found = checked.visit(node.this)
    inside = node.expressions
    if len(inside) != 1:
        raise fault(QueryError, "[ ] takes one place, or two with a colon between", node)
    (at,) = inside
    if field_types(found) is not None and isinstance(at, exp.Literal) and at.is_string:
        dot = exp.Dot(this=node.this, expression=exp.to_identifier(at.name, quoted=True))
        node.replace(dot)
        return checked.visit(dot)
    inner = item_type(found)
    if inner is None:
        raise fault(QueryError, f"{shown(node.this)} is a {word(found)}; [ ] takes a list", node)
    if not isinstance(at, exp.Slice):
        whole(checked, at, "[ ]")
        return inner
    if at.args.get("step") is not None:
        raise fault(QueryError, "a slice has a first and a last place, and no step", node)
    for bound in (at.this, at.expression):
        if bound is not None:
            whole(checked, bound, "[ ]")
    return found


def whole(checked: Expressions, node: exp.Expr, where: str) -> None:
    """Check an expression that has to be an integer."""
    if (found := checked.visit(node)) not in INTEGERS and found not in ("", "null"):
        raise fault(QueryError, f"{where} takes integers, and {shown(node)} is a {word(found)} ({found})", node)


# -- literals and || -----------------------------------------------------------------------------------------------


def list_literal(checked: Expressions, node: exp.Array) -> str:
    """Check ``[a, b]`` and ``ARRAY[a, b]``: the items are brought to one kind."""
    for part in list(node.expressions):
        if isinstance(part, (exp.Comprehension, exp.Query)):
            raise fault(QueryError, "a list is written of values: [a, b]; others are made by list_transform", part)
        checked.visit(part)
    return list_type(checked.together(node.expressions, "a list") if node.expressions else "null")


def struct_literal(checked: Expressions, node: exp.Struct) -> str:
    """Check ``{'a': 1, 'b': 2}``."""
    fields: dict[str, tuple[str, str]] = {}
    for part in node.expressions:
        if not isinstance(part, exp.PropertyEQ) or not part.name:
            raise fault(QueryError, "a struct is written {'name': value}", node)
        if part.name.lower() in fields:
            raise fault(QueryError, f"two fields are named {part.name!r}", part.this)
        fields[part.name.lower()] = part.name, checked.visit(part.expression)
    if not fields:
        raise fault(QueryError, "a struct has at least one field", node)
    return struct_type(fields.values())


def joined(checked: Expressions, node: exp.DPipe) -> str | None:
    """Return what ``||`` of two lists gives, both sides visited; None where they are no lists."""
    sides = [node.left, node.right]
    if all(item_type(kind(side)) is None for side in sides):
        return None
    return checked.together(sides, "||")


def check_nested_cast(node: exp.Cast, found: str, wanted: str) -> None:
    """Refuse a cast of or to a list or struct that would need more than its numbers widened.

    Raises QueryError.
    """
    safe = found == "null" or _widens(found, wanted)
    if not safe or isinstance(node, exp.TryCast):
        problem = f"{shown(node.this)} is a {word(found)} ({found}), which cannot be cast to {wanted} as a whole"
        raise fault(QueryError, f"{problem}; use list_transform(x, lambda v: CAST(v AS ...))", node)


def _widens(found: str, wanted: str) -> bool:
    a, b = item_type(found), item_type(wanted)
    if a is not None and b is not None:
        return _widens(a, b)
    one, other = field_types(found), field_types(wanted)
    if one is not None and other is not None:
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(x.lower() == y.lower() and _widens(k, m) for (x, k), (y, m) in pairs)
    if is_nested(found) or is_nested(wanted):
        return False
    numbers = family(found) == family(wanted) == "number"
    return common(found, wanted) == wanted or (numbers and (found in INTEGERS) >= (wanted in INTEGERS))


# -- lambdas -------------------------------------------------------------------------------------------------------


def parameter(checked: Expressions, node: exp.Expr) -> str | None:
    """Put the column that stands for a lambda's parameter in a name's place; None for a name that is none."""
    found = checked.parameters.get(node.name.lower())
    if found is None:
        return None
    new = found.copy()
    new.meta["place"] = (node.this if isinstance(node, exp.Column) else node).meta.get("place")
    node.replace(new)
    return kind(new)


def name(checked: Expressions, node: exp.Identifier) -> str:
    """Check a bare name in a lambda's body."""
    found = parameter(checked, node)
    if found is None:
        raise fault(QueryError, f"{shown(node)} is not part of the language", node)
    return found


def lambda_body(checked: Expressions, node: exp.Lambda, columns: Sequence[Column]) -> str:
    """Check a lambda whose parameters are these columns, as many as it names, and return its body's kind."""
    names = node.expressions
    lowered = [part.name.lower() for part in names]
    if len(set(lowered)) < len(lowered):
        raise fault(QueryError, f"two parameters of a lambda are named {names[-1].name!r}", names[-1])
    if (query := node.this.find(exp.Query)) is not None:
        raise fault(QueryError, "a query cannot stand in a lambda; join its result first", query)
    found: dict[str, exp.Expr] = {}
    for part, column in zip(list(names), columns, strict=False):
        free = _free(checked, part.name, [other.name for other in found.values()])
        new = exp.Column(this=exp.Identifier(this=free, quoted=True))
        new.meta["column"] = column
        found[part.name.lower()] = with_kind(new, column.type)
        part.replace(exp.Identifier(this=free, quoted=True))
    with _parameters(checked, found), checked.within(Clause("a lambda")):
        return checked.visit(node.this)


@contextmanager
def _parameters(checked: Expressions, found: dict[str, exp.Expr]) -> Iterator[None]:
    before = checked.parameters
    checked.parameters = before | found
    try:
        yield
    finally:
        checked.parameters = before


def _free(checked: Expressions, wanted: str, taken: list[str]) -> str:
    """Return a parameter's name such that nothing else in the query can be meant by it, on either engine."""
    used = {name.lower() for name in taken} | {known.name.lower() for known in checked.parameters.values()}
    scope: Scope | None = checked.scope
    while scope is not None:
        used |= {source.alias.lower() for source in scope.sources}
        scope = scope.outer
    plain = wanted.lstrip("_") or "x"  # the templates' own parameters begin with _
    free, count = plain, 1
    while free.lower() in used:
        free, count = f"{plain}_{count}", count + 1
    return free
