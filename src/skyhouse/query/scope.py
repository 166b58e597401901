"""What a SELECT can see: the sources of its FROM, their columns, and the queries around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError, UnknownColumn, did_you_mean
from skyhouse.query.kinds import common, with_kind
from skyhouse.query.parse import fault, written
from skyhouse.query.relation import Relation

__all__ = ["AskQuery", "Ctes", "Scope", "Source", "by_lower", "clause_of", "named_source", "with_names"]

Ctes = dict[str, tuple[Column, ...]]


def clause_of(node: exp.Expr, query: exp.Expr) -> str:
    """Return the name of the query's clause that a node stands in; empty where it stands in none."""
    part = node
    while part.parent is not None and part.parent is not query:
        part = part.parent
    return part.arg_key or "" if part.parent is query else ""


def by_lower(columns: tuple[Column, ...], node: exp.Expr) -> dict[str, Column]:
    """Return the columns by their names in lower case; raises QueryError where two differ in case only."""
    found = {column.name.lower(): column for column in columns}
    if len(found) < len(columns):
        raise fault(QueryError, "two columns of this table have the same name but for case", node)
    return found


@dataclass
class Source:
    """A table, CTE or query in FROM: its alias and columns; for a table, the relation and the set of columns read.

    `origins` are the names of renamed columns where they come from, by their new names. The columns of a `hidden`
    source are seen by none but the condition of its join.
    """

    alias: str
    columns: dict[str, Column]
    relation: Relation | None = None
    reads: set[str] = field(default_factory=set)
    hidden: bool = False
    origins: dict[str, str] = field(default_factory=dict)

    def column(self, column: Column) -> exp.Column:
        """Return a node that reads one of the source's columns, and note the reading."""
        name = self.origins.get(column.name, column.name)
        self.reads.add(name)
        node = exp.Column(
            this=exp.Identifier(this=name, quoted=True), table=exp.Identifier(this=self.alias, quoted=True)
        )
        node.meta["column"] = column
        with_kind(node, column.type)
        return node

    @property
    def title(self) -> str:
        """The name for messages."""
        return self.relation.name if self.relation is not None else self.alias


def named_source(node: exp.Expr, columns: tuple[Column, ...], default: str) -> Source:
    """Return the source of a node of FROM by its alias, or by the default, and write the alias out.

    Names after the alias, ``AS t(a, b)``, are those of the first columns.
    """
    given = node.args.get("alias")
    alias = node.alias or default
    names = given.args.get("columns") or [] if isinstance(given, exp.TableAlias) else []
    node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    renamed = with_names(columns, names, alias)
    origins = {new.name: old.name for new, old in zip(renamed, columns, strict=True) if new.name != old.name}
    return Source(alias, by_lower(renamed, names[0] if names else node), origins=origins)


def with_names(columns: tuple[Column, ...], names: list[exp.Expr], of: str) -> tuple[Column, ...]:
    """Return the columns with the first of them renamed; raises QueryError for more names than columns."""
    if len(names) > len(columns):
        problem = f"{of!r} has {len(columns)} columns, and here are {len(names)} names for them"
        raise fault(QueryError, problem, names[len(columns)])
    return (
        *(replace(column, name=name.name) for column, name in zip(columns, names, strict=False)),
        *columns[len(names) :],
    )


@dataclass
class Scope:
    """The sources of one SELECT, within an outer one for a query inside an expression.

    `merged` holds the columns that USING made one of two; `aliases` the select list's expressions by their names;
    `outside` the columns of the outer scope that are used here, `lent` the columns of this one that queries within it
    use.
    """

    sources: list[Source]
    outer: Scope | None
    ctes: Ctes
    merged: dict[str, exp.Expr] = field(default_factory=dict)
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    outside: list[exp.Expr] = field(default_factory=list)
    lent: list[exp.Expr] = field(default_factory=list)

    def named(self, name: str) -> Source | None:
        """Return the source of an alias, or None."""
        return next((s for s in self.sources if s.alias.lower() == name.lower()), None)

    def unused(self, name: str) -> str:
        """Return the name, or the name with the first number that makes it one of its own."""
        free, count = name, 1
        while self.named(free):
            free, count = f"{name}_{count}", count + 1
        return free

    def add(self, source: Source, node: exp.Expr) -> None:
        """Add a source; raises QueryError where its alias is taken."""
        if self.named(source.alias):
            raise fault(QueryError, f"two tables in FROM are called {source.alias!r}; give one an alias (AS ...)", node)
        self.sources.append(source)

    def all_columns(self) -> list[tuple[Source, Column]]:
        """Return what ``*`` stands for: every visible column, those of USING once and first."""
        visible = [(s, c) for s in self.sources if not s.hidden for c in s.columns.values()]
        if not self.merged:
            return visible
        first: dict[str, tuple[Source, Column]] = {}
        rest = []
        for source, column in visible:
            if column.name.lower() in self.merged:
                first.setdefault(column.name.lower(), (source, column))
            else:
                rest.append((source, column))
        return [*first.values(), *rest]

    def shared(self, right: Source) -> list[str]:
        """Return the columns of a source that those before it have too: what a NATURAL JOIN joins by."""
        known = {name for source in self.sources if not source.hidden for name in source.columns}
        return [column.name for low, column in right.columns.items() if low in known]

    def merge(self, right: Source, name: exp.Expr, side: str) -> exp.Expr:
        """Return the equality that USING stands for, and let the bare name mean the side that always has a value."""
        low = name.name.lower()
        column = right.columns.get(low)
        if column is None:
            raise fault(
                UnknownColumn, f"no column {name.name!r} in {right.title}{did_you_mean(name.name, right.columns)}", name
            )
        left: exp.Expr
        if low in self.merged:
            left = self.merged[low].copy()
        else:
            found = [s for s in self.sources if low in s.columns and not s.hidden]
            if not found:
                known = [n for s in self.sources for n in s.columns]
                raise fault(
                    UnknownColumn, f"no column {name.name!r} left of the JOIN{did_you_mean(name.name, known)}", name
                )
            if len(found) > 1:
                raise self.ambiguous(name, found)
            left = found[0].column(found[0].columns[low])
        own = right.column(column)
        together = common(left.meta["kind"], column.type)
        if together is None:
            raise fault(QueryError, f"USING ({name.name}): the columns are {left.meta['kind']} and {column.type}", name)
        if side == "FULL":
            both = exp.Anonymous(this="coalesce", expressions=[left.copy(), own.copy()])
            both.meta["column"] = column
            self.merged[low] = with_kind(both, together)
        else:
            self.merged[low] = own.copy() if side == "RIGHT" else left.copy()
        return with_kind(exp.EQ(this=left, expression=own), "bool")

    def ambiguous(self, node: exp.Expr, found: list[Source]) -> QueryError:
        """Return the error for a bare name that several sources have."""
        where = " and ".join(s.title for s in found)
        return fault(
            QueryError, f"column {node.name!r} is ambiguous: it is in {where}; write {found[0].alias}.{node.name}", node
        )

    def find(self, node: exp.Column) -> exp.Expr | None:
        """Return the qualified column that a name stands for, here or in the query around this one, or None.

        Raises QueryError for an ambiguous name and for one of a query further out, and UnknownColumn for a table's
        unknown column.
        """
        found = self._own(node)
        if found is not None or self.outer is None:
            return found
        found = self.outer._own(node)  # noqa: SLF001 - one of its kind
        if found is not None:
            self.outside.append(found)
            self.outer.lent.append(found)
        elif self.outer.outer is not None and self.outer.find(node) is not None:
            problem = f"{written(node)!r} is of a query too far out: a query sees the columns of the one around it only"
            raise fault(QueryError, problem, node)
        return found

    def _own(self, node: exp.Column) -> exp.Expr | None:
        low = node.name.lower()
        if node.table:
            source = self._qualifier(node)
            if source is None or source.hidden:
                return None
            column = source.columns.get(low)
            if column is None:
                near = did_you_mean(node.name, [c.name for c in source.columns.values()])
                raise fault(UnknownColumn, f"no column {node.name!r} in {source.title}{near}", node)
            return source.column(column)
        if low in self.merged:
            return self.merged[low].copy()
        found = [s for s in self.sources if low in s.columns and not s.hidden]
        if len(found) > 1:
            raise self.ambiguous(node, found)
        return found[0].column(found[0].columns[low]) if found else None

    def spelling(self, node: exp.Column) -> str:
        """Return a column's name as its table spells it; as it is written where no source has it."""
        low = node.name.lower()
        found = [
            s for s in self.sources if low in s.columns and (not node.table or s.alias.lower() == node.table.lower())
        ]
        return found[0].columns[low].name if found else node.name

    def _qualifier(self, node: exp.Column) -> Source | None:
        if node.args.get("db"):
            full = f"{node.args['db'].name}.{node.table}".lower()
            return next((s for s in self.sources if s.relation and s.relation.name.lower() == full), None)
        return self.named(node.table)

    def unknown(self, node: exp.Column) -> UnknownColumn:
        """Return the error for a column that no source has."""
        if not self.sources and self.outer is None:
            return fault(UnknownColumn, f"no column {node.name!r}: the query has no FROM", node)
        scopes, here = [self], self.outer
        while here is not None:
            scopes.append(here)
            here = here.outer
        sources = [s for scope in scopes for s in scope.sources]
        if node.table and not any(s.alias.lower() == node.table.lower() for s in sources):
            near = did_you_mean(node.table, [s.alias for s in sources])
            return fault(UnknownColumn, f"no table or alias {node.table!r} in FROM{near}", node)
        where = " or ".join(s.title for s in self.sources or sources if not s.hidden)
        known = [c.name for s in sources for c in s.columns.values()]
        near = did_you_mean(node.name, known)
        if not near and node.this.args.get("quoted"):
            near = "; double quotes name a column, a text stands in single quotes"
        return fault(UnknownColumn, f"no column {node.name!r} in {where}{near}", node)


# Checks a query within another: the query, the scope that it may look out to, and the queries of WITH.
AskQuery = Callable[[exp.Expr, Scope | None, Ctes], tuple[Column, ...]]
