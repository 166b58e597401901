"""What a table name stands for in a query: columns, and the Parquet files that hold them.

The query layer knows nothing of lakes; a session hands it `Relation` objects through the `Tables` protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from skyhouse.columns import Column
from skyhouse.query.registered import Call
from skyhouse.query.remote import Remote, Request

__all__ = ["ROW", "Part", "Relation", "Scan", "Statement", "Tables"]

ROW = "#row"
"""The column that numbers the rows which a row-wise statement is asked of, and the rows of its result likewise."""


@dataclass(frozen=True)
class Part:
    """Parquet files that hold the same columns; `files` are absolute paths, sorted as the table is.

    Of a `ragged` part some files may lack a column, or hold it in a narrower type of number. The files of a `foreign`
    one were written by others: the extremes in them may pass over NaN, and no engine may skip rows of floats by them.
    """

    columns: tuple[Column, ...]
    files: tuple[str, ...]
    ragged: bool = False
    foreign: bool = False

    @cached_property
    def names(self) -> frozenset[str]:
        """The column names, as written."""
        return frozenset(column.name for column in self.columns)


@dataclass(frozen=True)
class Relation:
    """A table as a query sees it.

    Most tables have one part. A wide table may be split by column into a few: the first part holds every row, the
    others hold further columns of the same rows, joined on `join_key`. A query pays for a part only if it names a
    column of it. `version` changes with every commit. `rows` is the row count of the log.

    `attached` says from where a table that is not the lake's own is read (it cannot be written); `remote` is set where
    its rows have to be fetched from a server first, and its part has no files until then.
    """

    name: str
    parts: tuple[Part, ...]
    join_key: tuple[str, ...] = ()
    version: str = "0"
    rows: int = 0
    attached: str = ""
    remote: Remote | None = None

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """All columns, each once, in the order of the parts."""
        seen: dict[str, Column] = {}
        for part in self.parts:
            for column in part.columns:
                seen.setdefault(column.name, column)
        return tuple(seen.values())


@dataclass(frozen=True)
class Scan:
    """One relation as one statement reads it: `name` is its identifier in the SQL text, `columns` what is read.

    `request` is what a server is asked for, where the relation is remote.
    """

    name: str
    relation: Relation
    columns: tuple[str, ...]
    request: Request | None = None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The fewest parts that hold the columns; the first part always leads, since it holds every row."""
        first, *others = self.relation.parts
        missing = set(self.columns) - first.names
        needed = [first]
        for part in others:
            if missing & part.names:
                needed.append(part)
                missing -= part.names
        return tuple(needed)


@dataclass(frozen=True)
class Statement:
    """A query lowered for one engine: its SQL, the relations that the SQL names, and the result's columns.

    The `type` of a result column is empty where only the engine knows it; its unit, UCD and description are set
    where they survive the expression. `calls` are those of users' functions.
    """

    sql: str
    engine: str
    scans: tuple[Scan, ...]
    columns: tuple[Column, ...]
    calls: tuple[Call, ...] = ()


class Tables(Protocol):
    """What the query layer asks of a lake."""

    def relation(self, name: str) -> Relation:
        """Return the relation of a table name, "schema.table" in any case; raises UnknownTable."""
        ...

    def names(self) -> list[str]:
        """Return the names of all tables, sorted."""
        ...
