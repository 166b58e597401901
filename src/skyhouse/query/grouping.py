"""GROUP BY: its keys, their sets, and which columns may stand beside them.

ROLLUP, CUBE, GROUPING SETS and plain keys beside each other are written out as one list of sets of keys, as SQL means
them: every set of one with every set of the others.
"""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.clause import only, shown
from skyhouse.query.expressions import Expressions
from skyhouse.query.kinds import with_kind
from skyhouse.query.ordering import ordinal
from skyhouse.query.parse import fault
from skyhouse.query.scope import Scope, clause_of

_MOST_SETS = 256

__all__ = ["check_grouping", "group_keys", "refuse_outside"]


def group_keys(node: exp.Select, checked: Expressions) -> list[exp.Expr] | None:
    """Check GROUP BY and return its keys; None where there is none."""
    group = node.args.get("group")
    if group is None:
        return None
    only(group, {"expressions", "all", "rollup", "cube"}, "GROUP BY")
    items = node.expressions
    if group.args.get("all"):
        keys: list[exp.Expr] = [
            item.copy()
            for item in (item.unalias() for item in items)
            if not checked.is_aggregate(item) and item.find(exp.Column) is not None
        ]
        node.set("group", exp.Group(expressions=keys) if keys else None)
        return keys
    for word in ("rollup", "cube"):
        if group.args.get(word):  # GROUP BY a, b WITH ROLLUP
            group.set("expressions", [(exp.Rollup if word == "rollup" else exp.Cube)(expressions=group.expressions)])
    keys = []
    sets: list[list[exp.Expr]] = [[]]
    for part in list(group.expressions):
        own = [[_key(key, node, checked) for key in one] for one in _sets(part)]
        keys += [key for one in own for key in one]
        sets = [[*one, *other] for one in sets for other in own]
        if len(sets) > _MOST_SETS:
            raise fault(QueryError, f"GROUP BY has more than {_MOST_SETS} sets of keys", part)
    if len(sets) == 1:
        one = exp.GroupingSets(expressions=[exp.Tuple()])  # GROUP BY ()
        node.set("group", exp.Group(expressions=keys or [one]))
        return keys
    tuples = [exp.Tuple(expressions=[key.copy() for key in dict.fromkeys(one)]) for one in sets]
    node.set("group", exp.Group(expressions=[exp.GroupingSets(expressions=tuples)]))
    return list(dict.fromkeys(keys))


def _key(key: exp.Expr, node: exp.Select, checked: Expressions) -> exp.Expr:
    place = ordinal(key, len(node.expressions), "GROUP BY")
    if place is not None:
        named: exp.Expr = node.expressions[place].unalias().copy()
        if checked.is_aggregate(named):
            raise fault(QueryError, f"GROUP BY {place + 1} is {shown(named)}, an aggregate", key)
        return named
    if key.find(exp.Query) is not None:
        raise fault(QueryError, "GROUP BY takes no query; compute it in a query of FROM, and group by its column", key)
    holder = exp.Paren(this=key.copy())
    checked.plain(holder, "GROUP BY")
    plain: exp.Expr = holder.this.unnest()
    return plain


def _sets(part: exp.Expr) -> list[list[exp.Expr]]:
    """Return the sets of keys that a part of GROUP BY stands for."""
    if isinstance(part, exp.GroupingSets):
        return [one for inner in part.expressions for one in _sets(inner)]
    if isinstance(part, (exp.Rollup, exp.Cube)):
        units = [_together(unit) for unit in part.expressions]
        if isinstance(part, exp.Rollup):
            chosen = [list(range(count)) for count in range(len(units), -1, -1)]
        elif 2 ** len(units) > _MOST_SETS:
            raise fault(QueryError, f"GROUP BY has more than {_MOST_SETS} sets of keys", part)
        else:
            chosen = [[i for i in range(len(units)) if bits >> i & 1] for bits in range(2 ** len(units))]
        return [[key for unit in one for key in units[unit]] for one in chosen]
    return [_together(part)]


def _together(part: exp.Expr) -> list[exp.Expr]:
    if isinstance(part, exp.Tuple):
        return list(part.expressions)
    return [part.unnest()]


def check_grouping(node: exp.Select, keys: list[exp.Expr], scope: Scope) -> None:
    """Refuse a column that is neither grouped by nor inside an aggregate."""
    own = {source.alias for source in scope.sources}
    clauses = [*node.expressions]
    clauses += [node.args[name] for name in ("having", "qualify", "order") if node.args.get(name)]
    pending: list[exp.Expr] = clauses[::-1]
    while pending:
        part = pending.pop()
        if part.meta.get("aggregate") and isinstance(part, exp.Anonymous) and part.name.lower() == "grouping":
            _check_call(part, node, keys)
        if part in keys or part.meta.get("aggregate"):
            continue
        if isinstance(part, exp.Column) and part.table in own:
            problem = (
                f"column {part.name!r} is neither in GROUP BY nor inside an aggregate such as max() or any_value()"
            )
            raise fault(QueryError, problem, part)
        pending.extend(part.iter_expressions())


def _check_call(call: exp.Anonymous, node: exp.Select, keys: list[exp.Expr]) -> None:
    """Check grouping(key, ...): of plain keys it is 0."""
    call.set("expressions", [argument.unnest() for argument in call.expressions])
    strange = next((argument for argument in call.expressions if argument not in keys), None)
    if strange is not None:
        raise fault(QueryError, f"grouping() takes keys of GROUP BY, and {shown(strange)} is none", call)
    group = node.args.get("group")
    if group is None or not isinstance(group.expressions[0], exp.GroupingSets):
        call.replace(with_kind(exp.Literal.number(0), "int64"))


def refuse_outside(node: exp.Select, scope: Scope) -> None:
    """Refuse columns of the query around one of groups but in its conditions; Spark takes them nowhere else."""
    for column in scope.outside:
        if clause_of(column, node) in ("expressions", "group", "order", "qualify"):
            problem = f"{column.name!r} is of the query around this one, which aggregates; use it there, or in WHERE"
            raise fault(QueryError, problem, column)
