"""Whole SELECTs in another shape, where an engine lacks the one that they have; done before the rules of `lower`.

- A SELECT of groups becomes two where its results need more than groups: QUALIFY, a query that looks at a key, IN of a
  query. The inner one has the keys and aggregates, the outer one all else.
- The grand total of GROUPING SETS, ROLLUP and CUBE is a row even where there are no rows: Spark leaves it out.
- An ASOF JOIN is a window on the one engine, a query for each row on the other (see `asof`).
- IN of a query is told apart as true, false and unknown, where it matters: Spark takes unknown for false.
"""

from __future__ import annotations

from sqlglot import exp

from skyhouse.query.asof import nearest
from skyhouse.query.engines import Engine
from skyhouse.query.kinds import data_type, kind, with_kind
from skyhouse.query.membership import three_valued

__all__ = ["reshape"]

_GROUPS = "_groups"
_AROUND = ("having", "qualify", "order", "windows", "distinct", "limit", "offset")


def reshape(tree: exp.Expr, engine: Engine) -> None:
    """Change a resolved tree, in place, into one that the engine runs as it is meant."""
    found: list[exp.Expr] = [node for node in tree.walk() if isinstance(node, (exp.Select, exp.Join))]
    for join in found:
        if isinstance(join, exp.Join) and join.method == "ASOF":
            nearest(join, engine)
    if engine != "spark":
        return
    for select in reversed(found):
        if isinstance(select, exp.Select) and _needs_two(select):
            _split(select)
    for node in list(tree.find_all(exp.In, exp.Anonymous, exp.Window)):
        _reshaped(node)


def _reshaped(node: exp.Expr) -> None:
    if isinstance(node, exp.In):
        if node.args.get("query") is not None and not _is_filter(node):
            node.replace(three_valued(node))
    elif isinstance(node, exp.Window):
        if (call := node.find(exp.Anonymous)) is not None and node.this in (call, call.parent):
            _distinct(node, call)
    elif isinstance(node, exp.Anonymous):
        if node.meta.get("stop"):
            node.set("this", "raise_error")
        elif node.name.lower() == "grouping" and len(node.expressions) > 1:
            node.replace(_bits(node))


def _distinct(window: exp.Window, call: exp.Anonymous) -> None:
    """Write count(DISTINCT x) OVER as the size of a set."""
    if not call.expressions or not isinstance(call.expressions[0], exp.Distinct):
        return
    value = call.expressions[0].expressions[0]
    if isinstance(window.this, exp.Filter):
        branch = exp.If(this=window.this.expression.this, true=value)
        value = with_kind(exp.Case(ifs=[with_kind(branch, kind(value))]), kind(value))
    over = window.copy()
    over.set("this", exp.Anonymous(this="collect_set", expressions=[value]))
    size = exp.Anonymous(this="size", expressions=[over])
    window.replace(with_kind(exp.Cast(this=size, to=data_type("int64")), "int64"))


def _needs_two(select: exp.Select) -> bool:
    if not select.meta.get("groups"):
        return False
    if select.args.get("qualify") is not None or select.meta.get("lent") or _sets(select):
        return True
    parts = [*select.expressions, *(select.args[key] for key in ("having", "order") if select.args.get(key))]
    return any(
        node.args.get("query") is not None and not _is_filter(node) for part in parts for node in part.find_all(exp.In)
    )


def _sets(select: exp.Select) -> list[exp.Expr]:
    group = select.args.get("group")
    first = group.expressions[0] if group is not None and group.expressions else None
    return first.expressions if isinstance(first, exp.GroupingSets) else []


def _split(select: exp.Select) -> None:
    """Make two of a SELECT of groups; the node itself becomes the outer one."""
    group = select.args.get("group")
    inner = exp.Select(expressions=[])
    sets = _sets(select)
    keys = list(dict.fromkeys(key for one in sets for key in one.expressions)) if sets else []
    if group is not None and not sets:
        keys = list(dict.fromkeys(group.expressions))
    names = {key: f"_k{place}" for place, key in enumerate(keys)}
    for key, name in names.items():
        inner.append("expressions", with_kind(exp.alias_(key.copy(), name, quoted=True), kind(key)))
    parts = [*select.expressions, *(select.args[key] for key in _AROUND if isinstance(select.args.get(key), exp.Expr))]
    for part in [*parts, *(select.args.get("windows") or [])]:
        _outside(part, names, len(keys), inner)
    if not inner.expressions:
        inner.set("expressions", [exp.alias_(with_kind(exp.Literal.number(1), "int64"), "_k0", quoted=True)])
    for clause in ("from_", "joins", "where", "group", "laterals"):
        inner.set(clause, select.args.get(clause))
        select.set(clause, None)
    body: exp.Expr = inner
    for _ in range(sum(not one.expressions for one in sets) if len(sets) > 1 else 0):
        body = exp.Union(this=body, expression=_empty_total(inner, len(keys)), distinct=False)
    alias = exp.TableAlias(this=exp.to_identifier(_GROUPS, quoted=True))
    select.set("from_", exp.From(this=exp.Subquery(this=body, alias=alias)))
    if (having := select.args.get("having")) is not None:
        select.set("where", exp.Where(this=having.this))
        select.set("having", None)


def _outside(part: exp.Expr, names: dict[exp.Expr, str], keys: int, inner: exp.Select) -> None:
    """Put columns of the inner SELECT in the place of its keys and aggregates."""
    pending = [(child, False) for child in part.iter_expressions()]
    while pending:
        node, within = pending.pop()
        own_aggregate = bool(node.meta.get("aggregate")) and not within
        if node not in names and not own_aggregate:
            within = within or isinstance(node, exp.Query)
            pending += [(child, within) for child in node.iter_expressions()]
            continue
        if node not in names:
            names[node.copy()] = f"_a{len(names) - keys}"
            inner.append("expressions", with_kind(exp.alias_(node.copy(), names[node], quoted=True), kind(node)))
        name = exp.to_identifier(names[node], quoted=True)
        column = exp.Column(this=name, table=exp.to_identifier(_GROUPS, quoted=True))
        node.replace(with_kind(column, kind(node)))


def _empty_total(inner: exp.Select, keys: int) -> exp.Select:
    """Return the grand total of no rows, as one row where there are none."""
    total = inner.copy()
    source = exp.Select(expressions=[exp.alias_(with_kind(exp.Literal.number(1), "int64"), "one", quoted=True)])
    for clause in ("from_", "joins", "where", "laterals"):
        source.set(clause, total.args[clause].copy() if isinstance(total.args.get(clause), exp.Expr) else None)
    source.set("joins", [join.copy() for join in total.args.get("joins") or []])
    for item in total.expressions[:keys]:
        to = data_type(kind(item.this))
        null = exp.Null() if to is None else exp.Cast(this=exp.Null(), to=to)
        item.set("this", with_kind(null, "null"))
    for item in total.expressions[keys:]:
        call = item.this
        if isinstance(call, exp.Anonymous) and call.name.lower() == "grouping":
            item.set("this", with_kind(exp.Literal.number(2 ** len(call.expressions) - 1), "int64"))
    total.set("group", None)
    total.set("where", exp.Where(this=with_kind(exp.Boolean(this=False), "bool")))
    names = [item.alias for item in total.expressions]
    total.append(
        "expressions",
        exp.alias_(with_kind(exp.Anonymous(this="count", expressions=[exp.Star()]), "int64"), "_n", quoted=True),
    )
    alias = exp.TableAlias(this=exp.to_identifier("_total", quoted=True))
    outer = exp.Select(expressions=[exp.column(exp.to_identifier(name, quoted=True)) for name in names])
    outer.set("from_", exp.From(this=exp.Subquery(this=total, alias=alias)))
    none = exp.Not(this=with_kind(exp.Exists(this=source), "bool"))
    outer.set("where", exp.Where(this=with_kind(none, "bool")))
    return outer


def _bits(call: exp.Anonymous) -> exp.Expr:
    """Return grouping(a, b) as the sum that it is."""
    total: exp.Expr | None = None
    for argument in call.expressions:
        one = with_kind(exp.Anonymous(this="grouping", expressions=[argument.copy()]), "int64")
        if total is not None:
            twice = exp.Mul(this=exp.Paren(this=total), expression=with_kind(exp.Literal.number(2), "int64"))
            total = with_kind(exp.Add(this=with_kind(twice, "int64"), expression=one), "int64")
        else:
            total = one
    return with_kind(exp.Paren(this=total), "int64")


def _is_filter(node: exp.In) -> bool:
    """Whether a row is left out whether the IN is false or unknown: nothing but AND, OR and one NOT is around it."""
    part: exp.Expr = node
    if isinstance(part.parent, exp.Not):
        part = part.parent
    while isinstance(part.parent, (exp.And, exp.Or, exp.Paren)):
        part = part.parent
    return isinstance(part.parent, (exp.Where, exp.Having, exp.Qualify)) or (
        isinstance(part.parent, exp.Join) and part.arg_key == "on"
    )
