"""Which conditions of a query may take rows of a table away before all joins, those around its SELECT among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

__all__ = ["Condition", "Outside", "conditions", "gathers"]

Condition = tuple[exp.Expr, bool]
"""A condition, and whether it may only be used where it does not hold for NULLs."""

_MANY = (exp.Window, exp.Unnest, exp.Explode, exp.Subquery, exp.Exists)
_HANDS_ON = frozenset({"expressions", "from_", "joins", "where", "order", "with_"})


class Outside:
    """The conditions that stand around the SELECTs of a checked query."""

    def __init__(self, tree: exp.Query) -> None:
        self._found: dict[int, tuple[Condition, ...]] = {}
        self._named: dict[str, list[exp.Expr]] = {}
        for node in tree.find_all(exp.Table, exp.CTE):
            name = node.name if isinstance(node, exp.Table) and not node.db else node.alias
            self._named.setdefault(name, []).append(node)

    def of(self, select: exp.Select) -> tuple[Condition, ...]:
        """Return the conditions on the rows of a SELECT that stand around it, as conditions on what it reads."""
        found = self._found.get(id(select))
        if found is None:
            found = self._found[id(select)] = tuple(self._handed(select))
        return found

    def _handed(self, select: exp.Select) -> Iterator[Condition]:
        named = self._place(select)
        place = named.parent if named is not None else None
        outer = place.parent if place is not None else None
        if named is None or not isinstance(place, exp.From | exp.Join) or not isinstance(outer, exp.Select):
            return
        if not _hands_on(select):
            return
        items = {item.alias_or_name: item.unalias() for item in select.expressions}
        for condition, strict in conditions(outer, place, self.of(outer)):
            inner = _inward(condition, named.alias_or_name, items)
            if inner is not None:
                yield inner, strict

    def _place(self, select: exp.Select) -> exp.Expr | None:
        """Return the node in FROM that has the rows of a SELECT, if one only has them, under their own names."""
        holder = select.parent
        if isinstance(holder, exp.CTE):
            both = self._named[holder.alias]
            uses = [node for node in both if isinstance(node, exp.Table)]
            recursive = holder.parent is not None and holder.parent.args.get("recursive")
            if len(both) != 2 or len(uses) != 1 or recursive or _renamed(holder):
                return None
            holder = uses[0]
        elif not isinstance(holder, exp.Subquery):
            return None
        bare = {key for key, value in holder.args.items() if value} <= {"this", "alias"}
        return holder if bare and not _renamed(holder) else None


def _renamed(node: exp.Expr) -> bool:
    alias = node.args.get("alias")
    return isinstance(alias, exp.TableAlias) and bool(alias.args.get("columns"))


def _hands_on(select: exp.Select) -> bool:
    """Whether a condition on the rows of a SELECT may as well stand in its WHERE."""
    if not {key for key, value in select.args.items() if value} <= _HANDS_ON:
        return False
    return not any(gathers(part) for item in select.expressions for part in item.walk())


def gathers(node: exp.Expr) -> bool:
    """Whether a result has another number of rows for it, or more of the table is read."""
    many = isinstance(node, exp.Anonymous) and str(node.this).lower() in ("unnest", "explode")
    return many or isinstance(node, _MANY) or bool(node.meta.get("aggregate"))


def _inward(condition: exp.Expr, alias: str, items: dict[str, exp.Expr]) -> exp.Expr | None:
    """Return a condition on columns of `alias` as one on the columns that these are; None where they are computed."""
    if any(column.table != alias for column in condition.find_all(exp.Column)) or condition.find(exp.Query):
        return None
    made = exp.Paren(this=condition.copy())
    for column in list(made.find_all(exp.Column)):
        item = items.get(column.name)
        if not isinstance(item, exp.Column):
            return None
        column.replace(item.copy())
    return made.this  # type: ignore[no-any-return]


def conditions(select: exp.Select, place: exp.Expr, outside: Sequence[Condition]) -> Iterator[Condition]:
    """Yield the conditions that may take rows of one table away, each with whether it must not hold for NULLs.

    `place` is the FROM or JOIN that names the table, `outside` the conditions on the rows of the SELECT.
    """
    joins = select.args.get("joins") or []
    at = next((number for number, join in enumerate(joins) if join is place), -1)
    how = [(join.side.upper(), join.kind.upper(), bool(join.args.get("method"))) for join in joins]
    if at >= 0 and (how[at][2] or how[at][1] not in _PLAIN):
        return  # of what an ASOF join finds nearest, nothing may be gone before
    side, kind_, _ = how[at] if at >= 0 else ("", "", False)
    later = {join[0] for join in how[at + 1 :]}
    filling = kind_ in ("SEMI", "ANTI")
    nulls = (side in ("LEFT", "FULL") and not filling) or bool(later & {"RIGHT", "FULL"})
    where = select.args.get("where")
    if where is not None:
        yield from ((part, nulls) for part in _parts(where.this))
    yield from ((part, nulls or strict) for part, strict in outside)
    for number, join in enumerate(joins):
        on = join.args.get("on")
        if on is None or how[number][2]:
            continue
        inner = how[number][1] in ("", "INNER", "CROSS") and not how[number][0]
        if number == at and (filling or side == "LEFT" or inner):
            yield from ((part, bool(later & {"RIGHT", "FULL"}) and inner) for part in _parts(on))
        elif number > at and (inner or how[number][1] == "SEMI"):
            yield from ((part, nulls) for part in _parts(on))


_PLAIN = frozenset({"", "INNER", "CROSS", "OUTER", "SEMI", "ANTI"})


def _parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    pending = [condition]
    while pending:
        part = pending.pop()
        if isinstance(part, exp.Paren):
            pending.append(part.this)
        elif isinstance(part, exp.And):
            pending += [part.right, part.left]
        else:
            yield part
