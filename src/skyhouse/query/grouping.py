"""GROUP BY: its keys, and which columns may stand beside them."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.clause import only
from skyhouse.query.expressions import Expressions
from skyhouse.query.ordering import ordinal
from skyhouse.query.parse import fault
from skyhouse.query.scope import Scope

__all__ = ["check_grouping", "group_keys"]


def group_keys(node: exp.Select, checked: Expressions) -> list[exp.Expr] | None:
    """Check GROUP BY and return its keys; None where there is none."""
    group = node.args.get("group")
    if group is None:
        return None
    only(group, {"expressions", "all"}, "GROUP BY")
    items = node.expressions
    if group.args.get("all"):
        keys: list[exp.Expr] = [
            item.copy()
            for item in (item.unalias() for item in items)
            if not checked.is_aggregate(item) and item.find(exp.Column) is not None
        ]
        node.set("group", exp.Group(expressions=keys) if keys else None)
        return keys
    keys = []
    for key in list(group.expressions):
        place = ordinal(key, len(items), "GROUP BY")
        if place is not None:
            keys.append(items[place].unalias().copy())
            continue
        holder = exp.Paren(this=key)
        checked.plain(holder, "GROUP BY")
        keys.append(holder.this.unnest())
    group.set("expressions", keys)
    return keys


def check_grouping(node: exp.Select, keys: list[exp.Expr], scope: Scope) -> None:
    """Refuse a column that is neither grouped by nor inside an aggregate."""
    own = {source.alias for source in scope.sources}
    clauses = [*node.expressions]
    clauses += [node.args[name] for name in ("having", "qualify", "order") if node.args.get(name)]
    pending: list[exp.Expr] = clauses[::-1]
    while pending:
        part = pending.pop()
        if part in keys or part.meta.get("aggregate"):
            continue
        if isinstance(part, exp.Column) and part.table in own:
            problem = (
                f"column {part.name!r} is neither in GROUP BY nor inside an aggregate such as max() or any_value()"
            )
            raise fault(QueryError, problem, part)
        pending.extend(part.iter_expressions())
