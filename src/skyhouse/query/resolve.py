"""Names to tables, columns and functions; types to expressions; and the gate: what the language lacks is refused here.

`resolve` takes the tree of a query and gives back a copy in which every table is a relation of the lake, every column
is qualified and spelled as its table spells it, ``*`` is written out, each result column has its name, and each
expression knows its kind (see `kinds`). All errors that a query can be blamed for are raised here, before any engine is
asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError, UnknownColumn, UnknownTable, did_you_mean
from skyhouse.query import units
from skyhouse.query.expressions import Expressions
from skyhouse.query.kinds import cast, common, with_kind
from skyhouse.query.parse import fault, written
from skyhouse.query.relation import Relation, Scan, Tables
from skyhouse.query.sample import sampled
from skyhouse.query.scope import Scope, Source, by_lower

__all__ = ["Resolved", "resolve"]

_SELECT = frozenset(
    "expressions from_ joins where group having qualify windows order limit offset distinct with_".split()
)
_UNION = frozenset("this expression distinct with_ order limit offset".split())
_LONGEST = 80
_JOIN_KINDS = frozenset({"", "INNER", "OUTER", "CROSS", "SEMI", "ANTI"})
_JOIN_SIDES = frozenset({"", "LEFT", "RIGHT", "FULL"})


@dataclass(frozen=True)
class Resolved:
    """A checked query: its tree, the relations it reads with the columns of each, and the columns of its result."""

    tree: exp.Query
    scans: tuple[Scan, ...]
    columns: tuple[Column, ...]


def resolve(tree: exp.Query, tables: Tables) -> Resolved:
    """Check a query against the tables and qualify every name in it; the tree that is passed stays as it is.

    Raises QueryError, UnknownTable, UnknownColumn and UnknownFunction.
    """
    copy = tree.copy()
    resolver = _Resolver(tables)
    try:
        columns = resolver.query(copy, None, {})
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error
    scans = tuple(
        Scan(relation.name, relation, tuple(c.name for c in relation.columns if c.name in resolver.reads[name]))
        for name, relation in resolver.relations.items()
    )
    return Resolved(copy, scans, columns)


@dataclass
class _Resolver:
    tables: Tables
    relations: dict[str, Relation] = field(default_factory=dict)
    reads: dict[str, set[str]] = field(default_factory=dict)

    # -- queries ---------------------------------------------------------------------------------------------

    def query(self, node: exp.Expr, outer: Scope | None, ctes: dict[str, tuple[Column, ...]]) -> tuple[Column, ...]:
        ctes = self._with(node, outer, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, outer, ctes)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, outer, ctes)
        if isinstance(node, exp.Subquery):
            _only(node, {"this", "order", "limit", "offset", "with_", "alias"}, "a query in parentheses")
            columns = self.query(node.this, outer, ctes)
            self._tail(node, Expressions(Scope([], None, ctes), self.query), columns, outputs_only=True)
            return columns
        raise fault(QueryError, f"{type(node).__name__.upper()} cannot be used as a query here", node)

    def _with(
        self, node: exp.Expr, outer: Scope | None, ctes: dict[str, tuple[Column, ...]]
    ) -> dict[str, tuple[Column, ...]]:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        if clause.args.get("recursive"):
            raise fault(QueryError, "WITH RECURSIVE is not part of the language yet", clause)
        ctes = dict(ctes)
        for cte in clause.expressions:
            columns = self.query(cte.this, outer, ctes)
            columns = _renamed(cte, columns)
            name = cte.args["alias"].this
            if "." in name.name:
                raise fault(QueryError, f"{name.name!r} cannot name a query of WITH: only tables have a dot", name)
            ctes[name.name.lower()] = columns
            name.set("quoted", True)
        return ctes

    def _set_operation(
        self, node: exp.SetOperation, outer: Scope | None, ctes: dict[str, tuple[Column, ...]]
    ) -> tuple[Column, ...]:
        _only(node, _UNION, "a set operation")
        left, right = self.query(node.left, outer, ctes), self.query(node.right, outer, ctes)
        word = type(node).__name__.upper()
        if len(left) != len(right):
            problem = f"the sides of {word} have {len(left)} and {len(right)} columns; they need the same number"
            raise fault(QueryError, problem, node.right)
        merged = []
        for a, b in zip(left, right, strict=True):
            together = common(a.type, b.type)
            if together is None:
                raise fault(
                    QueryError,
                    f"{word} of {a.name!r} ({a.type}) and {b.name!r} ({b.type}): cast one of them",
                    node.right,
                )
            merged.append(units.either(a, b, together))
        columns = tuple(merged)
        _conform(node.left, left, columns)
        _conform(node.right, right, columns)
        self._tail(node, Expressions(Scope([], None, ctes), self.query), columns, outputs_only=True)
        return columns

    def _select(self, node: exp.Select, outer: Scope | None, ctes: dict[str, tuple[Column, ...]]) -> tuple[Column, ...]:
        _only(node, _SELECT, "SELECT")
        scope = self._sources(node, outer, ctes)
        checked = Expressions(scope, self.query)
        self._stars(node, scope)
        _name_items(node, scope)
        named = [item for item in node.expressions if item.meta.pop("named", False)]
        scope.aliases = {item.alias.lower(): item.this.copy() for item in named}
        if (where := node.args.get("where")) is not None:
            checked.condition(where, "WHERE")
        for window in node.args.get("windows") or []:
            checked.window(window)
            checked.windows.append(window.name)
        columns = tuple(checked.output(item) for item in node.expressions)
        grouped = self._group(node, checked)
        for clause in ("having", "qualify"):
            if (found := node.args.get(clause)) is not None:
                checked.condition(found, clause.upper())
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            raise fault(
                QueryError, "DISTINCT ON is not part of the language; use QUALIFY row_number() OVER (...) = 1", distinct
            )
        # Such groups are picked by a query around them (see `lower`), which orders by what is in the result.
        picked = node.args.get("qualify") is not None and (grouped is not None or checked.aggregates)
        node.meta["picked"] = picked
        self._tail(node, checked, columns, outputs_only=distinct is not None or picked)
        if grouped is not None or checked.aggregates or node.args.get("having"):
            _check_grouping(node, grouped or [], scope)
        return columns

    # -- FROM ------------------------------------------------------------------------------------------------

    def _sources(self, node: exp.Select, outer: Scope | None, ctes: dict[str, tuple[Column, ...]]) -> Scope:
        scope = Scope([], outer, ctes)
        clause = node.args.get("from_")
        if clause is not None:
            scope.add(self._source(clause.this, scope), clause.this)
        for join in node.args.get("joins") or []:
            self._join(join, scope)
        return scope

    def _source(self, node: exp.Expr, scope: Scope) -> Source:
        if isinstance(node, exp.Subquery):
            _only(node, {"this", "alias", "sample"}, "a query in FROM")
            columns = _renamed(node, self.query(node.this, None, scope.ctes))
            alias = node.alias or scope.unused("query")
            source = Source(alias, by_lower(columns, node))
            node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        elif isinstance(node, exp.Table):
            source = self._table(node, scope)
        else:
            raise fault(QueryError, f"FROM takes tables and queries, not {type(node).__name__.upper()}", node)
        if (sample := node.args.get("sample")) is not None:
            node.set("sample", None)
            sampled(node, sample, source)
        return source

    def _table(self, node: exp.Table, scope: Scope) -> Source:
        if not isinstance(node.this, exp.Identifier) or node.args.get("catalog"):
            raise fault(
                QueryError,
                "FROM takes tables of the lake and queries; functions and files cannot be read by name",
                node,
            )
        _only(node, {"this", "db", "alias", "sample"}, "a table")
        schema, short = node.db, node.name
        if not schema and short.lower() in scope.ctes:
            columns = _renamed(node, scope.ctes[short.lower()])
            alias = node.alias or short
            node.set("this", exp.to_identifier(short, quoted=True))
            node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
            return Source(alias, by_lower(columns, node))
        name = f"{schema}.{short}" if schema else short
        try:
            relation = self.tables.relation(name)
        except UnknownTable as error:
            known = [*self.tables.names(), *scope.ctes]
            raise fault(UnknownTable, f"no table {name!r}{did_you_mean(name, known)}", node) from error
        key = relation.name.lower()
        self.relations.setdefault(key, relation)
        columns = _renamed(node, relation.columns)
        alias = node.alias or relation.name.rpartition(".")[2]
        if scope.named(alias) and not node.alias:
            alias = scope.unused(alias)
        node.meta["place"] = (node.args.get("db") or node.this).meta.get("place")
        node.set("this", exp.to_identifier(relation.name, quoted=True))
        node.set("db", None)
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        return Source(alias, by_lower(columns, node), relation, self.reads.setdefault(key, set()))

    def _join(self, join: exp.Join, scope: Scope) -> None:
        _only(join, {"this", "side", "kind", "on", "using"}, "JOIN")
        side, kind = join.side.upper(), join.kind.upper()
        if kind not in _JOIN_KINDS or side not in _JOIN_SIDES:
            raise fault(QueryError, f"{f'{side} {kind}'.strip()} JOIN is not part of the language yet", join.this)
        if kind in ("SEMI", "ANTI") and side == "RIGHT":
            raise fault(QueryError, f"RIGHT {kind} JOIN is not part of the language; turn the sides round", join.this)
        source = self._source(join.this, scope)
        using = join.args.get("using") or []
        conditions = [scope.merge(source, name, side) for name in using]
        scope.add(source, join.this)
        if conditions:
            join.set("using", None)
            join.set("on", exp.and_(*conditions, copy=False))
        on = join.args.get("on")
        if on is None and kind not in ("CROSS", "") and side != "":
            raise fault(QueryError, "this JOIN needs ON or USING", join.this)
        if on is None and (kind in ("SEMI", "ANTI") or side):
            raise fault(QueryError, "this JOIN needs ON or USING", join.this)
        if on is not None:
            Expressions(scope, self.query).condition(join, "ON", "on")
        elif kind == "":
            join.set("kind", "CROSS")
        if kind in ("SEMI", "ANTI"):
            source.hidden = True
            join.set("side", "LEFT")

    # -- SELECT ----------------------------------------------------------------------------------------------

    def _stars(self, node: exp.Select, scope: Scope) -> None:
        items: list[exp.Expr] = []
        for item in node.expressions:
            star = item.this if isinstance(item, exp.Column) and isinstance(item.this, exp.Star) else item
            if not isinstance(star, exp.Star):
                items.append(item)
                continue
            table = item.args.get("table") if item is not star else None
            items.extend(_expanded(star, table, scope))
        if not items:
            raise fault(QueryError, "SELECT has no columns left", node)
        node.set("expressions", items)

    def _group(self, node: exp.Select, checked: Expressions) -> list[exp.Expr] | None:
        group = node.args.get("group")
        if group is None:
            return None
        _only(group, {"expressions", "all"}, "GROUP BY")
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
            place = _ordinal(key, len(items), "GROUP BY")
            if place is not None:
                keys.append(items[place].unalias().copy())
                continue
            holder = exp.Paren(this=key)
            checked.plain(holder, "GROUP BY")
            keys.append(holder.this.unnest())
        group.set("expressions", keys)
        return keys

    def _tail(
        self, node: exp.Expr, checked: Expressions, columns: Sequence[Column], outputs_only: bool = False
    ) -> None:
        order = node.args.get("order")
        if order is not None:
            terms: list[exp.Expr] = []
            for term in order.expressions:
                if not isinstance(term, exp.Ordered) or term.args.get("with_fill"):
                    raise fault(QueryError, "this ORDER BY is not part of the language", term)
                if isinstance(term.this, exp.Var) and term.name.upper() == "ALL":
                    terms.extend(_ordered(_output(column), term) for column in columns)
                    continue
                self._order_term(term, checked, columns, outputs_only)
                terms.append(term)
            order.set("expressions", terms)
        for clause in ("limit", "offset"):
            found = node.args.get(clause)
            if found is None:
                continue
            if isinstance(found, exp.Fetch):
                raise fault(QueryError, "FETCH is not part of the language; write LIMIT", found)
            count = found.args.get("expression")
            whole = isinstance(count, exp.Literal) and not count.is_string and count.name.isdigit()
            if not whole or found.args.get("limit_options"):
                raise fault(QueryError, f"{clause.upper()} takes a whole number", found)

    def _order_term(
        self, term: exp.Ordered, checked: Expressions, columns: Sequence[Column], outputs_only: bool
    ) -> None:
        place = _ordinal(term.this, len(columns), "ORDER BY")
        if place is not None:
            term.set("this", _output(columns[place]))
            return
        if isinstance(term.this, exp.Column) and not term.this.table and not term.this.meta.get("inner"):
            named = {column.name.lower(): column for column in columns}
            if term.this.name.lower() in named:
                term.set("this", _output(named[term.this.name.lower()]))
                return
        if not outputs_only or checked.scope.sources:
            checked.any(term, "ORDER BY")
        if outputs_only:
            same = [c for c, item in zip(columns, _items(term), strict=False) if item == term.this]
            if not same:
                shown = ", ".join(column.name for column in columns[:8])
                problem = (
                    f"ORDER BY after DISTINCT, a set operation or QUALIFY of groups takes result columns only: {shown}"
                )
                raise fault(QueryError, problem, term.this)
            term.set("this", _output(same[0]))


# -- helpers ------------------------------------------------------------------------------------------------------


def _only(node: exp.Expr, allowed: Iterable[str], what: str) -> None:
    known = set(allowed)
    for key, value in node.args.items():
        if key not in known and value and value != [None]:
            word = key.strip("_").replace("_", " ")
            at = value if isinstance(value, exp.Expr) else node
            raise fault(QueryError, f"{word!r} in {what} is not part of the language", at)


def _renamed(node: exp.Expr, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.args.get("columns"):
        raise fault(
            QueryError, "column names after a table's alias are not part of the language; name them in SELECT", alias
        )
    return columns


def _expanded(star: exp.Star, table: exp.Identifier | None, scope: Scope) -> Iterator[exp.Expr]:
    _only(star, {"except_", "replace"}, "*")
    replaced = {item.alias.lower(): item for item in star.args.get("replace") or []}
    left_out = {}
    for name in star.args.get("except_") or []:
        left_out[name.name.lower()] = name
    if table is not None:
        source = scope.named(table.name)
        if source is None or source.hidden:
            raise fault(QueryError, f"no table {table.name!r} in FROM", table)
        chosen = [(source, column) for column in source.columns.values()]
    elif not scope.sources:
        raise fault(QueryError, "SELECT * needs a FROM", star)
    else:
        chosen = scope.all_columns()
    present = {column.name.lower() for _, column in chosen}
    for low, name in (left_out | replaced).items():
        if low not in present:
            shown = name.alias_or_name
            word = "REPLACE" if low in replaced else "EXCLUDE"
            raise fault(UnknownColumn, f"no column {shown!r} to {word}{did_you_mean(shown, present)}", name)
    for source, column in chosen:
        if column.name.lower() in replaced:
            yield exp.alias_(replaced[column.name.lower()].this, column.name, quoted=True)
        elif column.name.lower() not in left_out:
            merged = scope.merged.get(column.name.lower()) if table is None else None
            if merged is not None:
                yield exp.alias_(merged.copy(), column.name, quoted=True)
            else:
                yield source.column(column)


def _name_items(node: exp.Select, scope: Scope) -> None:
    """Give every item its result name: the alias as written, a column's own name, or the expression's text if short."""
    taken: set[str] = set()
    named: list[tuple[str, exp.Expr, bool]] = []
    for item in node.expressions:
        if isinstance(item, exp.Alias):
            name, inner, given = item.alias, item.this, True
        elif isinstance(item, exp.Column):
            name, inner, given = scope.spelling(item), item, False
        elif isinstance(item, (exp.Aliases, exp.PropertyEQ)):
            raise fault(QueryError, "this is not an expression of the language", item)
        else:
            of_column = isinstance(item, exp.Cast) and isinstance(item.this, exp.Column)
            text = scope.spelling(item.this) if of_column else written(item)
            name, inner, given = text if len(text) <= _LONGEST else f"column_{len(named) + 1}", item, False
        if not name:
            raise fault(QueryError, "a result column needs a name, and this one is empty", item)
        if given and name.lower() in taken:
            raise fault(QueryError, f"two result columns are named {name!r}", item.args.get("alias"))
        named.append((name, inner, given))
        if given:
            taken.add(name.lower())
    items = []
    for name, inner, given in named:
        free, count = name, 1
        while not given and free.lower() in taken:
            free, count = f"{name}_{count}", count + 1
        taken.add(free.lower())
        if "column" in inner.meta and not given and free == name:
            items.append(inner)  # written out from *
            continue
        new = exp.Alias(this=inner, alias=exp.Identifier(this=free, quoted=True))
        new.meta["named"] = given
        items.append(new)
    node.set("expressions", items)


def _ordinal(node: exp.Expr, count: int, clause: str) -> int | None:
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    if not node.name.isdigit() or not 1 <= int(node.name) <= count:
        raise fault(QueryError, f"{clause} {node.name}: there are result columns 1 to {count}", node)
    return int(node.name) - 1


def _output(column: Column) -> exp.Expr:
    node = exp.column(exp.to_identifier(column.name, quoted=True))
    node.meta["column"] = column
    node.meta["output"] = True
    return with_kind(node, column.type)


def _ordered(node: exp.Expr, like: exp.Ordered) -> exp.Ordered:
    return exp.Ordered(this=node, desc=like.args.get("desc"), nulls_first=like.args.get("nulls_first"))


def _items(term: exp.Ordered) -> list[exp.Expr]:
    select = term.find_ancestor(exp.Query)
    return [item.unalias() for item in select.expressions] if isinstance(select, exp.Select) else []


def _conform(side: exp.Expr, columns: tuple[Column, ...], wanted: tuple[Column, ...]) -> None:
    """Cast the columns of one side of a set operation where the sides' types differ."""
    if all(have.type in (want.type, "null") for have, want in zip(columns, wanted, strict=True)):
        return
    items: list[exp.Expr] = []
    for have, want in zip(columns, wanted, strict=True):
        column = exp.column(exp.to_identifier(have.name, quoted=True), table=exp.to_identifier("side", quoted=True))
        items.append(exp.alias_(cast(with_kind(column, have.type), want.type), have.name, quoted=True))
    outer = exp.Select(expressions=items)
    side.replace(outer)
    inner = side.this if isinstance(side, exp.Subquery) and not side.args.get("order") else side
    outer.set(
        "from_",
        exp.From(this=exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("side", quoted=True)))),
    )


def _check_grouping(node: exp.Select, keys: list[exp.Expr], scope: Scope) -> None:
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
