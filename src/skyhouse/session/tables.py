"""The lake's tables as the query layer sees them."""

from __future__ import annotations

from skyhouse.foreign.attached import Attached
from skyhouse.lake.registry import Registry
from skyhouse.lake.table import DataFile, Table
from skyhouse.query.relation import Part, Relation

__all__ = ["LakeTables"]


class LakeTables:
    """The lake's tables as the query layer sees them: each at its newest version, with the parts that widen it.

    Attached tables are among them; a table of the lake's own goes before one of the same name.
    """

    def __init__(self, registry: Registry, attached: Attached) -> None:
        self._registry = registry
        self._attached = attached
        self._opened: dict[str, Table] = {}
        self._relations: dict[str, Relation] = {}
        self._files: dict[str, DataFile] = {}

    def names(self) -> list[str]:
        """Return the names of all tables, attached ones included."""
        return sorted({*self._registry.names(), *self._attached.names()})

    def relation(self, name: str) -> Relation:
        """Return a table at its newest version; raises UnknownTable, and what a read of an attached one raises."""
        names = self._registry.names()
        held = {known.lower(): known for known in names}
        if name.lower() not in held and (found := self._attached.relation(name)) is not None:
            return found
        table = self._newest(held.get(name.lower()) or self._registry.table(name).name)
        schema = table.name.partition(".")[0]
        beside = [n for n in names if n.startswith(f"{schema}.") and self._part_of(n) == table.name]
        tables = [table, *(self._newest(n) for n in beside)]
        version = "/".join(f"{one.name}@{one.stamp}" for one in tables)
        known = self._relations.get(table.name)
        if known is None or known.version != version:
            known = Relation(
                name=table.name,
                parts=tuple(Part(one.columns, tuple(file.path for file in one.files())) for one in tables),
                join_key=tables[-1].definition.key if len(tables) > 1 else (),
                version=version,
                rows=table.rows,
            )
            self._relations[table.name] = known
            self._files |= {file.path: file for one in tables for file in one.files()}
        return known

    def file(self, path: str) -> DataFile | None:
        """Return what the log says of a file of a relation that was asked for; None for one that is in no log."""
        return self._files.get(path)

    def _part_of(self, name: str) -> str:
        """Return the table that a table widens; an old version knows it too, unless it was made anew."""
        known = self._opened.get(name)
        return (known if known is not None and known.is_same else self._newest(name)).definition.part_of

    def _newest(self, name: str) -> Table:
        known = self._opened.get(name)
        return self._opened.setdefault(name, self._registry.table(name)) if known is None else known.refresh()
