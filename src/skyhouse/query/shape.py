"""The shape of a checked query, as far as the estimate asks for it: sources, windows, aggregates, joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from skyhouse.query.functions import FUNCTIONS
from skyhouse.query.kinds import FLOATS, INTEGERS, kind
from skyhouse.query.predicates import Predicate, conjuncts

__all__ = [
    "COMPUTED",
    "below",
    "columns_read",
    "hand_on",
    "inner_queries",
    "is_aggregate",
    "is_plain",
    "key_columns",
    "key_values",
    "last_row",
    "links_two",
    "names_called",
    "nullable_aliases",
    "windows",
]

COMPUTED = ("expressions", "where", "having", "qualify", "order", "group")


def inner_queries(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield the queries inside a SELECT's expressions."""
    holders = [found for key in COMPUTED if (found := select.args.get(key))]
    holders += [[join.args["on"]] for join in select.args.get("joins") or [] if join.args.get("on")]
    for holder in holders:
        for item in holder if isinstance(holder, list) else [holder]:
            for node in item.walk(prune=lambda one: isinstance(one, exp.Query)):
                if isinstance(node, exp.Query):
                    yield node


def is_plain(select: exp.Select) -> bool:
    """Whether a condition on the rows of a SELECT may as well stand on the rows that it reads."""
    clauses = ("group", "having", "qualify", "distinct", "limit", "offset")
    if any(select.args.get(clause) for clause in clauses):
        return False
    return not any(item.find(exp.Window) or is_aggregate(item) for item in select.expressions)


def below(select: exp.Select, pushed: Sequence[Predicate]) -> list[tuple[exp.Column, Predicate]]:
    """Return conditions on the result of a plain SELECT as conditions on the columns that it passes on."""
    if not pushed or not is_plain(select):
        return []
    items = {item.alias_or_name: item.unalias() for item in select.expressions}
    return [
        (column, replace(one, column=column.name))
        for one in pushed
        if isinstance(column := items.get(one.column), exp.Column)
    ]


def windows(select: exp.Select) -> list[int]:
    """Return how many windows there are, by the way in which they part and order the rows."""
    counts: dict[str, int] = {}
    for key in ("expressions", "qualify", "order"):
        found = select.args.get(key)
        for item in found if isinstance(found, list) else [found] if found is not None else []:
            for window in item.find_all(exp.Window):
                parts = (window.args.get("partition_by"), window.args.get("order"), window.args.get("alias"))
                counts[repr(parts)] = counts.get(repr(parts), 0) + 1
    return list(counts.values())


def is_aggregate(item: exp.Expr) -> bool:
    """Whether an expression has an aggregate that is no window, outside queries of its own."""
    for node in item.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(node, exp.Anonymous):
            function = FUNCTIONS.get(str(node.this).lower())
            if function is not None and function.group == "aggregate":
                outer = node.parent if isinstance(node.parent, exp.Filter) else node
                if not isinstance(outer.parent, exp.Window):
                    return True
    return False


def names_called(parts: Iterable[exp.Expr | list[exp.Expr]]) -> list[str]:
    """Return the name of the users' function of each different call in parts of a SELECT, queries inside left out."""
    calls: dict[exp.Expr, str] = {}
    for part in parts:
        for item in part if isinstance(part, list) else [part]:
            for node in item.walk(prune=lambda one: isinstance(one, exp.Query)):
                if "registered" in node.meta:
                    calls[node] = str(node.meta["registered"])
    return list(calls.values())


def nullable_aliases(first: exp.Expr, joins: Sequence[exp.Join]) -> set[str]:
    """Return the aliases whose columns an outer join may fill with NULL."""
    before, found = {first.alias_or_name}, set()
    for join in joins:
        side, alias = join.side.upper(), join.this.alias_or_name
        if side in ("LEFT", "FULL"):
            found.add(alias)
        if side in ("RIGHT", "FULL"):
            found |= before
        before.add(alias)
    return found


def links_two(condition: exp.Expr) -> bool:
    """Whether a condition is an equality of something of one table with something of another."""
    sides = (condition.this, condition.expression) if isinstance(condition, exp.EQ) else ()
    tables = [{column.table for column in side.find_all(exp.Column)} for side in sides]
    return len(tables) == 2 and all(tables) and tables[0].isdisjoint(tables[1])


def hand_on(join: exp.Join, where: Sequence[exp.Expr], placed: dict[str, list[Predicate]]) -> None:
    """Let what is said of a join's one side hold for the other, where an equality of two columns says so."""
    side, alias = join.side.upper(), join.this.alias_or_name
    if side == "FULL" or join.args.get("method"):
        return
    # What WHERE equates is an inner join; LEFT keeps what it does not match, whatever the right side is said to be.
    rightwards, leftwards = side != "RIGHT", side == "RIGHT" or join.kind.upper() == "SEMI" or side == ""
    for condition in [*conjuncts(join.args.get("on")), *(where if not side else ())]:
        pair = (condition.this, condition.expression) if isinstance(condition, exp.EQ) else ()
        if len(pair) != 2 or not all(isinstance(column, exp.Column) for column in pair):
            continue
        left, right = pair if pair[1].table == alias else pair[::-1]
        if right.table != alias or left.table == alias or not _comparable(left, right):
            continue
        before, after = placed.get(left.table, []), placed.get(alias, [])
        if rightwards:
            placed.setdefault(alias, []).extend(_moved(before, left, right))
        if leftwards:
            placed.setdefault(left.table, []).extend(_moved(after, right, left))


def _moved(said: Sequence[Predicate], source: exp.Column, target: exp.Column) -> list[Predicate]:
    floating = FLOATS & {kind(source), kind(target)}
    return [
        replace(one, column=target.name, floating=one.floating or bool(floating))
        for one in said
        if one.column == source.name and one.operator not in ("null", "not null")
    ]


def _comparable(left: exp.Column, right: exp.Column) -> bool:
    kinds = {kind(left), kind(right)}
    return len(kinds) == 1 or kinds <= INTEGERS | FLOATS


def last_row(node: exp.Expr) -> float | None:
    """Return after how many rows a LIMIT with its OFFSET is reached; None without a LIMIT."""
    numbers = []
    for clause in ("limit", "offset"):
        found = node.args.get(clause)
        count = found.args.get("expression") if found is not None else None
        numbers.append(float(count.name) if isinstance(count, exp.Literal) and not count.is_string else None)
    return None if numbers[0] is None else numbers[0] + (numbers[1] or 0)


def key_columns(select: exp.Select) -> dict[str, set[str]]:
    """Return the columns, by alias, that group rows or meet in an equality of a join."""
    found: dict[str, set[str]] = {}
    group = select.args.get("group")
    keys = list(group.expressions) if group is not None else []
    for holder in [select.args.get("where"), *(select.args.get("joins") or [])]:
        condition = None if holder is None else holder.args.get("on") or holder.this
        for one in conjuncts(condition) if not isinstance(condition, (exp.Table, exp.Subquery)) else ():
            keys += [one.this, one.expression] if isinstance(one, exp.EQ) and links_two(one) else []
    for key in keys:
        column = key.unnest()
        if isinstance(column, exp.Column):
            found.setdefault(column.table, set()).add(column.name)
    return found


def key_values(key: exp.Expr, rows: float, distinct: Mapping[tuple[str, str], float]) -> float:
    """Return about how many values a key of groups has; `distinct` has those of columns where they are known."""
    column = key.unnest()
    if isinstance(column, exp.Column) and (column.table, column.name) in distinct:
        return distinct[column.table, column.name]
    found = kind(column)
    few: dict[str, float] = {"bool": 3.0, "int8": 200.0, "uint8": 200.0}
    return few.get(found, max(1.0, float(rows**0.6)))


def columns_read(tree: exp.Expr) -> dict[tuple[int, str], set[str]]:
    """Return the columns that are read of each alias, by the SELECT (its id) in whose FROM the alias stands.

    What a query in FROM or WITH computes and nobody asks for is not computed by an engine, and not counted here.
    """
    reader = _ColumnsRead()
    reader.query(tree, None)
    return reader.found


class _ColumnsRead:
    def __init__(self) -> None:
        self.found: dict[tuple[int, str], set[str]] = {}
        self._owners: dict[int, set[str]] = {}
        self._wanted: dict[str, set[str] | None] = {}  # of queries in WITH

    def query(self, node: exp.Expr, wanted: set[str] | None) -> None:
        """Note the columns that a query reads, where only some of its result are wanted (None: all)."""
        if isinstance(node, exp.Select):
            self._select(node, wanted)
        elif isinstance(node, exp.SetOperation):
            self._sides(node, wanted)
        elif isinstance(node, exp.Subquery):
            self.query(node.this, None if node.args.get("order") else wanted)
        clause = node.args.get("with_")
        for cte in reversed(clause.expressions) if clause is not None else ():
            everything = node.args["with_"].args.get("recursive")
            self.query(cte.this, None if everything else self._wanted.get(cte.alias.lower(), set()))

    def _sides(self, node: exp.SetOperation, wanted: set[str] | None) -> None:
        plain = isinstance(node, exp.Union) and not node.args.get("distinct") and not node.args.get("order")
        names = [item.alias_or_name for item in node.left.selects] if wanted is not None and plain else []
        places = [place for place, name in enumerate(names) if name in (wanted or ())]
        for side in (node.left, node.right):
            own = [item.alias_or_name for item in side.selects]
            whole = not names or len(own) != len(names)
            self.query(side, None if whole else {own[place] for place in places})

    def _select(self, node: exp.Select, wanted: set[str] | None) -> None:
        sources = list(_sources(node))
        self._owners[id(node)] = {source.alias_or_name for source in sources}
        if wanted is not None and not node.args.get("distinct"):
            order = node.args.get("order")
            by_name = {c.name for c in order.find_all(exp.Column) if not c.table} if order is not None else set()
            items = [item for item in node.expressions if item.alias_or_name in wanted | by_name]
        else:
            items = node.expressions
        rest = [child for child in node.iter_expressions() if child.arg_key not in ("expressions", "from_", "with_")]
        for item in [*items, *rest]:
            self._expression(item, node)
        for source in sources:
            if not isinstance(source, (exp.Table, exp.Subquery)):
                self._expression(source, node)
        for source in sources:
            read = self.found.get((id(node), source.alias_or_name), set())
            if isinstance(source, exp.Subquery):
                self.query(source.this, read if not source.args.get("sample") else None)
            elif isinstance(source, exp.Table):
                before = self._wanted.get(source.name.lower(), set())
                star = any(isinstance(item, exp.Star) for item in items)
                self._wanted[source.name.lower()] = None if star or before is None else before | read

    def _expression(self, item: exp.Expr, select: exp.Select) -> None:
        sources = {id(source) for source in _sources(select)}
        inner = []
        for node in item.walk(prune=lambda one: isinstance(one, exp.Query) or id(one) in sources):
            if isinstance(node, exp.Column):
                self._column(node, select)
            elif isinstance(node, exp.Query) and id(node) not in sources:
                inner.append(node)
        for node in inner:
            self.query(node, None)

    def _column(self, column: exp.Column, select: exp.Select) -> None:
        outer: exp.Select | None = select
        while outer is not None and column.table not in self._owners.get(id(outer), ()):
            outer = outer.parent_select
        if outer is not None:
            self.found.setdefault((id(outer), column.table), set()).add(column.name)


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    clause = select.args.get("from_")
    if clause is not None:
        yield clause.this
    for join in select.args.get("joins") or []:
        yield join.this
