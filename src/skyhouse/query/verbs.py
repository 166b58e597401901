"""The verbs of a Query, as pure steps from tree to tree.

Each verb sees the result of the one before. Where the same SELECT can say both, the verb adds its clause to it, so that
the SQL stays readable; else the query so far becomes a query in FROM.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral

from sqlglot import exp

from skyhouse.errors import InputError, QueryError
from skyhouse.query.functions import FUNCTIONS
from skyhouse.query.parse import parse_items, parse_order

__all__ = [
    "HOW",
    "constant",
    "distinct",
    "grouped",
    "join",
    "limit",
    "order_by",
    "sample",
    "select",
    "sorted_by",
    "table",
    "union",
    "where",
    "with_columns",
]

HOW = ("inner", "left", "right", "full", "semi", "anti", "cross")


def table(name: str) -> exp.Select:
    """Return the query of all rows of a table."""
    schema, _, short = name.rpartition(".")
    node = exp.Table(this=exp.to_identifier(short, quoted=True), db=exp.to_identifier(schema or None, quoted=True))
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=node))


def constant(rows: Sequence[Mapping[str, object]]) -> exp.Query:
    """Return the query of rows that are known: whole numbers, texts, None for an unknown number."""
    selects = [
        exp.Select(expressions=[exp.alias_(_constant(value), name, quoted=True) for name, value in row.items()])
        for row in rows
    ]
    tree: exp.Query = selects[0]
    for other in selects[1:]:
        tree = exp.Union(this=tree, expression=other, distinct=False)
    return tree


def _constant(value: object) -> exp.Expr:
    if value is None:
        return exp.Cast(this=exp.Null(), to=exp.DataType(this=exp.DType.BIGINT))
    return exp.Literal.number(value) if isinstance(value, int) else exp.Literal.string(str(value))


def sorted_by(tree: exp.Query, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the first terms of a query's ORDER BY that are columns of its result, rising and NULLs last."""
    order = tree.args.get("order")
    names = {name.lower(): name for name in columns}
    found: list[str] = []
    for term in order.expressions if order else []:
        node = term.this
        plain = isinstance(node, exp.Column) and not node.table and node.name.lower() in names
        if not plain or term.args.get("desc") or term.args.get("nulls_first") or term.args.get("with_fill"):
            break
        found.append(names[node.name.lower()])
    return tuple(found)


def where(tree: exp.Query, texts: Iterable[str]) -> exp.Query:
    """Keep the rows for which all conditions are true."""
    found = [_one(text) for text in texts]
    if not found:
        raise InputError('where takes a condition: where("z < 0.1")')
    select = _bare(tree, "distinct", "limit", "offset", "sample")
    before = select.args.get("where")
    condition = exp.and_(*([before.this] if before else []), *found, copy=False)
    select.set("where", exp.Where(this=condition))
    return select


def select(tree: exp.Query, texts: Iterable[str], named: Mapping[str, str]) -> exp.Query:
    """Compute columns; an aggregate among them makes one row of all."""
    items = _items(texts, named)
    if not items:
        raise InputError('select takes columns: select("plateifu", flux="2 * flux")')
    clauses = ("order", "limit", "offset") if _gathers(items) else ()
    new = _bare(tree, "distinct", *clauses)
    if _aggregates(items):
        new.set("order", None)
    _keep_order(new)
    new.set("expressions", items)
    return new


def with_columns(tree: exp.Query, named: Mapping[str, str], present: Iterable[str]) -> exp.Query:
    """Add columns to all that there are; one that is there already is replaced in its place."""
    items = _items((), named)
    if not items:
        raise InputError('with_columns takes named columns: with_columns(flux="2 * flux")')
    known = {name.lower() for name in present}
    new = [item for item in items if item.alias.lower() not in known]
    replaced = [item for item in items if item.alias.lower() in known]
    clauses = ("limit", "offset") if _gathers(items) else ()
    outer = _bare(tree, "distinct", *clauses)
    _keep_order(outer)
    outer.set("expressions", [exp.Star(replace=replaced) if replaced else exp.Star(), *new])
    return outer


def grouped(tree: exp.Query, keys: Iterable[str], texts: Iterable[str], named: Mapping[str, str]) -> exp.Query:
    """Make one row of each group of rows whose keys are equal."""
    items = _items(texts, named)
    if not items:
        raise InputError('group_by(...).select takes columns: .select("plateifu", n="count(*)")')
    new = _bare(tree, "distinct", "order", "limit", "offset")
    new.set("order", None)
    new.set("expressions", items)
    new.set("group", exp.Group(expressions=[key for text in keys for key in parse_items(text)]))
    return new


def join(left: exp.Query, right: exp.Query, on: str | Iterable[str] | None, how: str) -> exp.Query:
    """Join two queries, which the condition may call `left` and `right`."""
    if how not in HOW:
        raise InputError(f"how is one of {', '.join(HOW)}, not {how!r}")
    clause = exp.Join(this=_source(right, "right"))
    if how in ("semi", "anti", "cross"):
        clause.set("kind", how.upper())
    elif how in ("left", "right", "full"):
        clause.set("side", how.upper())
    texts = [on] if isinstance(on, str) else list(on or [])
    terms = [item for text in texts for item in parse_items(text)]
    if bool(terms) == (how == "cross"):
        raise InputError('join takes on="key", on=["a", "b"] or on="left.a = right.b"; a cross join takes none')
    if all(isinstance(term, exp.Column) and not term.table for term in terms):
        if terms:
            clause.set("using", [term.this for term in terms])
    else:
        clause.set("on", exp.and_(*terms, copy=False))
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=_source(left, "left")), joins=[clause])


def order_by(tree: exp.Query, texts: Iterable[str]) -> exp.Query:
    """Sort the rows; NULL comes last."""
    terms = [term for text in texts for term in parse_order(text)]
    if not terms:
        raise InputError('order_by takes columns: order_by("n DESC", "plateifu")')
    new = _nested(tree) if _has(tree, "limit", "offset") else tree.copy()
    new.set("order", exp.Order(expressions=terms))
    return new


def limit(tree: exp.Query, rows: int, offset: int) -> exp.Query:
    """Keep the first rows after the offset."""
    numbers: tuple[object, ...] = (rows, offset)
    if not all(isinstance(number, Integral) and int(number) >= 0 for number in numbers):
        raise InputError(f"limit takes whole numbers from 0, not {rows!r} and {offset!r}")
    new = _nested(tree) if _has(tree, "limit", "offset") else tree.copy()
    new.set("limit", exp.Limit(expression=exp.Literal.number(int(rows))))
    if offset:
        new.set("offset", exp.Offset(expression=exp.Literal.number(int(offset))))
    return new


def union(left: exp.Query, right: exp.Query, all_rows: bool) -> exp.Query:
    """Put the rows of two queries below each other."""
    sides = [
        _nested(side) if _has(side, "order", "limit", "offset", "with_") else side.copy() for side in (left, right)
    ]
    for side in sides:
        side.set("order", None)
    # What is written after UNION belongs to the left side first.
    grouped_right = exp.Subquery(this=sides[1]) if isinstance(right, exp.SetOperation) else sides[1]
    return exp.Union(this=sides[0], expression=grouped_right, distinct=not all_rows)


def distinct(tree: exp.Query) -> exp.Query:
    """Keep one of each set of equal rows."""
    plain = isinstance(tree, exp.Select) and not _has(tree, "order", "limit", "offset", "distinct")
    new = tree.copy() if plain else _nested(tree)
    new.set("distinct", exp.Distinct())
    return new


def sample(tree: exp.Query, fraction: float | None, rows: int | None, seed: int) -> exp.Query:
    """Keep a share of the rows, or a number of them, chosen by a hash of each row and the seed."""
    if (fraction is None) == (rows is None):
        raise InputError("sample takes either a fraction or n")
    if fraction is not None and not 0 <= fraction <= 1:
        raise InputError(f"a fraction is from 0 to 1, not {fraction!r}")
    if rows is not None and rows < 0:
        raise InputError(f"n is a whole number from 0, not {rows!r}")
    chosen = exp.TableSample(seed=exp.Literal.number(seed))
    if fraction is not None:
        chosen.set("percent", exp.Literal.number(repr(fraction * 100)))
    else:
        chosen.set("size", exp.Literal.number(rows))
    source = _source(tree, "")
    source.set("sample", chosen)
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=source))


# -- helpers ------------------------------------------------------------------------------------------------------


def _one(text: str) -> exp.Expr:
    items = parse_items(text)
    if len(items) != 1 or isinstance(items[0], exp.Alias):
        raise QueryError(f"one expression without AS is needed, not {text!r}")
    return items[0]


def _items(texts: Iterable[str], named: Mapping[str, str]) -> list[exp.Expr]:
    items = [item for text in texts for item in parse_items(text)]
    return [
        *items,
        *(exp.Alias(this=_one(text), alias=exp.to_identifier(name, quoted=True)) for name, text in named.items()),
    ]


def _gathers(items: Iterable[exp.Expr]) -> bool:
    """Whether an item needs to see all rows: an aggregate or a window."""
    for item in items:
        for call in item.find_all(exp.Anonymous, exp.Window):
            function = FUNCTIONS.get(str(call.this).lower()) if isinstance(call, exp.Anonymous) else None
            if isinstance(call, exp.Window) or (function is not None and function.group == "aggregate"):
                return True
    return False


def _aggregates(items: Iterable[exp.Expr]) -> bool:
    """Whether an aggregate that is no window makes one row of many."""
    for call in (call for item in items for call in item.find_all(exp.Anonymous)):
        function = FUNCTIONS.get(str(call.this).lower())
        outer = call.parent if isinstance(call.parent, exp.Filter) else call
        windowed = isinstance(outer.parent, exp.Window) and outer.arg_key == "this"
        if function is not None and function.group == "aggregate" and not windowed:
            return True
    return False


def _has(tree: exp.Query, *clauses: str) -> bool:
    return any(tree.args.get(clause) for clause in clauses)


def _bare(tree: exp.Query, *unwanted: str) -> exp.Select:
    """Return a SELECT of all columns to which a clause can be added: a copy of the query, or one around it."""
    only_star = isinstance(tree, exp.Select) and len(tree.expressions) == 1 and _is_star(tree.expressions[0])
    if (
        isinstance(tree, exp.Select)
        and only_star
        and not _has(tree, "group", "having", "qualify", "windows", *unwanted)
    ):
        return tree.copy()
    return _nested(tree)


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) and not any(node.args.values())


def _nested(tree: exp.Query) -> exp.Select:
    """Return a SELECT around a query. Its order moves out, for SQL gives a query in FROM none; a limit keeps it too."""
    outer = exp.Select(expressions=[exp.Star()], from_=exp.From(this=_source(tree, "")))
    order = tree.args.get("order")
    names = {item.alias_or_name.lower() for item in tree.selects}
    if order is not None and all(_names_output(term.this, names) for term in order.expressions):
        outer.set("order", order.copy())
        if not _has(tree, "limit", "offset"):
            outer.args["from_"].this.this.set("order", None)
    return outer


def _names_output(node: exp.Expr, names: set[str]) -> bool:
    return isinstance(node, exp.Column) and not node.table and ("*" in names or node.name.lower() in names)


def _keep_order(select: exp.Select) -> None:
    """Let the terms of an order go on meaning what they did, whatever new columns are named."""
    order = select.args.get("order")
    for term in order.expressions if order is not None else ():
        term.this.meta["inner"] = True


def _source(tree: exp.Query, alias: str) -> exp.Expr:
    """Return a query as FROM takes it: a bare table as itself, all else in parentheses."""
    if (
        isinstance(tree, exp.Select)
        and set(_set_args(tree)) == {"expressions", "from_"}
        and _is_star(tree.expressions[0])
    ):
        only = tree.args["from_"].this
        if isinstance(only, exp.Table) and len(tree.expressions) == 1 and not only.args.get("sample"):
            node: exp.Expr = only.copy()
            if alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
            return node
    named = exp.TableAlias(this=exp.to_identifier(alias, quoted=True)) if alias else None
    return exp.Subquery(this=tree.copy(), alias=named)


def _set_args(tree: exp.Query) -> list[str]:
    return [key for key, value in tree.args.items() if value]
