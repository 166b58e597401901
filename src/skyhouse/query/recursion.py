"""WITH RECURSIVE: a query that goes on from its own rows.

``WITH RECURSIVE r AS (start UNION ALL step)``: the step reads the rows that it made the time before, until it makes
none. The types of the columns are what start and step become together. A hidden column counts the steps, so that both
engines stop one that never ends in the same place.
"""

from __future__ import annotations

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError
from skyhouse.query import units
from skyhouse.query.kinds import cast, common, with_kind
from skyhouse.query.parse import fault
from skyhouse.query.scope import AskQuery, Ctes, Scope, with_names

__all__ = ["MOST_STEPS", "recursive"]

MOST_STEPS = 1000
_LEVEL = "_level"
_PLAIN = ("group", "having", "distinct", "order", "limit", "offset", "qualify", "with_")


def recursive(
    cte: exp.CTE, names: list[exp.Expr], ask: AskQuery, outer: Scope | None, ctes: Ctes
) -> tuple[Column, ...]:
    """Check a query of WITH RECURSIVE and return its columns; `names` are those after its name, perhaps none.

    Raises QueryError for a form that the engines do not share.
    """
    name = cte.args["alias"].name.lower()
    if not _references(cte.this, name):
        return _renamed(ask(cte.this, outer, ctes), names)
    union = cte.this
    if not isinstance(union, exp.Union) or union.args.get("distinct"):
        hint = "; count the steps in a column, and stop by it" if isinstance(union, exp.Union) else ""
        problem = f"{name!r} reads itself: it has to be a start and a step joined by UNION ALL{hint}"
        raise fault(QueryError, problem, cte)
    if any(union.args.get(key) for key in ("order", "limit", "offset", "with_")) or _references(union.left, name):
        raise fault(QueryError, f"{name!r}: its start cannot read itself, nor can it be ordered or limited", cte)
    step = union.right.unnest()
    if not isinstance(step, exp.Select) or any(step.args.get(key) for key in _PLAIN):
        raise fault(QueryError, f"{name!r}: its step is one SELECT of FROM, JOIN and WHERE", cte)
    union.right.replace(step)
    reference = _only_reference(step, name, cte)
    start = _renamed(ask(union.left, outer, ctes), names)
    columns = start
    for _ in range(3):
        columns, before = _together(columns, ask(step.copy(), outer, ctes | {name: columns}), cte), columns
        if [column.type for column in columns] == [column.type for column in before]:
            break
    ask(step, outer, ctes | {name: columns})
    if step.meta.get("groups"):
        raise fault(QueryError, f"{name!r}: its step cannot aggregate; do that where it is read", cte)
    _count_steps(union, step, reference.alias, start, columns)
    cte.args["alias"].set("columns", [exp.to_identifier(c, quoted=True) for c in [*(c.name for c in columns), _LEVEL]])
    cte.meta["steps"] = MOST_STEPS
    return columns


def _references(node: exp.Expr, name: str) -> list[exp.Table]:
    return [table for table in node.find_all(exp.Table) if table.name.lower() == name and not table.args.get("db")]


def _only_reference(step: exp.Select, name: str, cte: exp.CTE) -> exp.Table:
    """Return where the step reads itself; raises QueryError unless it does so once, in a plain FROM or JOIN."""
    found = _references(step, name)
    holder = found[0].parent if found else None
    if len(found) != 1 or not isinstance(holder, (exp.From, exp.Join)) or holder.parent is not step:
        raise fault(QueryError, f"{name!r} is read once in its step, in FROM or a JOIN", found[-1] if found else cte)
    joins = step.args.get("joins") or []
    after = joins[joins.index(holder) + 1 :] if isinstance(holder, exp.Join) else joins
    own = [holder] if isinstance(holder, exp.Join) else []
    if any(join.side or join.kind in ("SEMI", "ANTI") for join in own) or any(
        join.side in ("RIGHT", "FULL") for join in after
    ):
        raise fault(QueryError, f"{name!r}: an outer JOIN cannot leave out the rows of its own step", found[0])
    return found[0]


def _renamed(columns: tuple[Column, ...], names: list[exp.Expr]) -> tuple[Column, ...]:
    return with_names(columns, names, "the query") if names else columns


def _together(start: tuple[Column, ...], step: tuple[Column, ...], cte: exp.CTE) -> tuple[Column, ...]:
    if len(start) != len(step):
        raise fault(QueryError, f"the start has {len(start)} columns and the step {len(step)}", cte)
    columns = []
    for a, b in zip(start, step, strict=True):
        found = common(a.type, b.type)
        if found in (None, "null"):
            raise fault(
                QueryError, f"column {a.name!r} is {a.type} in the start and {b.type} in the step: cast it", cte
            )
        columns.append(units.either(a, b, found or ""))
    return tuple(columns)


def _count_steps(
    union: exp.Union, step: exp.Select, own: str, start: tuple[Column, ...], columns: tuple[Column, ...]
) -> None:
    """Cast both sides to the columns' types, and add the column that counts the steps."""
    left = union.left
    names = [item.alias_or_name for item in left.selects]
    items: list[exp.Expr] = []
    for name, have, want in zip(names, start, columns, strict=True):
        column = exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier("side", quoted=True))
        items.append(exp.alias_(cast(with_kind(column, have.type), want.type), want.name, quoted=True))
    items.append(exp.alias_(_whole(0), _LEVEL, quoted=True))
    outer = exp.Select(expressions=items)
    left.replace(outer)
    inner = left.this if isinstance(left, exp.Subquery) and not left.args.get("order") else left
    side = exp.TableAlias(this=exp.to_identifier("side", quoted=True))
    outer.set("from_", exp.From(this=exp.Subquery(this=inner, alias=side)))
    items = []
    for item, want in zip(step.expressions, columns, strict=True):
        items.append(exp.alias_(cast(item.unalias(), want.type), want.name, quoted=True))
    level = with_kind(exp.column(_LEVEL, table=own, quoted=True), "int64")
    problem = f"a query of WITH RECURSIVE took more than {MOST_STEPS} steps; give its step a WHERE that ends it"
    stop = exp.Anonymous(this="error", expressions=[exp.Literal.string(problem)])
    stop.meta["stop"] = True
    more = with_kind(exp.LT(this=level.copy(), expression=_whole(MOST_STEPS)), "bool")
    after = with_kind(exp.Add(this=level, expression=_whole(1)), "int64")
    to = exp.DataType(this=exp.DType.BIGINT)
    otherwise = with_kind(exp.Cast(this=stop, to=to), "int64")
    branch = with_kind(exp.If(this=more, true=after), "int64")
    items.append(exp.alias_(with_kind(exp.Case(ifs=[branch], default=otherwise), "int64"), _LEVEL, quoted=True))
    step.set("expressions", items)


def _whole(number: int) -> exp.Expr:
    return with_kind(exp.Literal.number(number), "int64")
