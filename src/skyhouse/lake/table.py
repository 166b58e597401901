"""A table of the lake, as its log stands at one version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.errors import LakeError, UnknownTable
from skyhouse.lake.definition import Definition
from skyhouse.lake.delta import delta_errors, open_log, read_definition
from skyhouse.lake.lineage import Source, Span, sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deltalake import DeltaTable


__all__ = ["DataFile", "Table"]


_TRIES = 5


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table: absolute path, bytes, rows, and the extremes of the sort and key columns.

    `minimum` and `maximum` leave out columns for which the log has no value (all NULL, or float).
    """

    path: str
    size: int
    rows: int
    minimum: Mapping[str, Any]
    maximum: Mapping[str, Any]


class Table:
    """A table at the version that its log had when it was opened or last refreshed.

    Raises LakeError where the folder holds no readable log, UnknownTable where it holds none.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.spans: dict[str, tuple[Span, ...]] = {}  # footers never change, so what was read stays true
        self._log, self._born = _opened(path, name)
        self._definition: tuple[int, Definition] | None = None
        self._files: tuple[int, tuple[DataFile, ...]] | None = None

    def __repr__(self) -> str:
        return f"<Table {self.name} version {self.version}>"

    @property
    def log(self) -> DeltaTable:
        """The Delta table underneath."""
        return self._log

    @property
    def version(self) -> int:
        """The version: 0 when created, one more with every commit."""
        return self._log.version()

    @property
    def stamp(self) -> str:
        """The version, and which table of that name it is of: one that was dropped and made anew is another."""
        return f"{self.version}-{self._born[1] if self._born else 0}"

    @property
    def definition(self) -> Definition:
        """The definition, from the log."""
        if self._definition is None or self._definition[0] != self.version:
            self._definition = (self.version, read_definition(self._log, self.name))
        return self._definition[1]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return self.definition.columns

    @property
    def rows(self) -> int:
        """The number of rows, from the log."""
        return sum(file.rows for file in self.files())

    @property
    def bytes(self) -> int:
        """The size of all Parquet files."""
        return sum(file.size for file in self.files())

    def files(self) -> tuple[DataFile, ...]:
        """Return the Parquet files of this version, in the order of the smallest values of their sort columns."""
        if self._files is None or self._files[0] != self.version:
            try:
                with delta_errors(f"table {self.name}: its log cannot be read"):
                    # from_stream, since pa.table() would import pandas to ask whether it was given a data frame.
                    entries = pa.RecordBatchReader.from_stream(self._log.get_add_actions(flatten=True)).read_all()
            except LakeError as error:
                if self.is_same:
                    raise
                raise UnknownTable(f"no table {self.name!r} any more: it was dropped just now") from error
            found = [self._file(entry) for entry in entries.to_pylist()]
            self._files = (self.version, tuple(sorted(found, key=self._place)))
        return self._files[1]

    @property
    def is_same(self) -> bool:
        """Whether the folder still holds the table that was opened, and not one that was made anew."""
        return _birth(self.path) == self._born

    def refresh(self) -> Table:
        """Move to the newest version of the log, also where the table was dropped and made anew; return the table.

        Raises UnknownTable where it is gone, LakeError.
        """
        if self.is_same:
            try:
                with delta_errors(f"table {self.name}: its log cannot be read"):
                    self._log.update_incremental()
                return self
            except LakeError:
                if self.is_same:
                    raise
        self._log, self._born = _opened(self.path, self.name)
        self._files = self._definition = None
        return self

    def lineage(self) -> dict[str, Source]:
        """Return what the rows were made from, by source key; see `skyhouse.lake.lineage.sources`."""
        return sources(self)

    def _file(self, entry: dict[str, Any]) -> DataFile:
        def extremes(prefix: str) -> dict[str, Any]:
            return {k.removeprefix(prefix): v for k, v in entry.items() if k.startswith(prefix) and v is not None}

        path = str(self.path / unquote(entry["path"]))
        return DataFile(path, entry["size_bytes"], entry["num_records"] or 0, extremes("min."), extremes("max."))

    def _place(self, file: DataFile) -> tuple[Any, ...]:
        sort = self.definition.sort
        return (*((name not in file.minimum, file.minimum.get(name, 0)) for name in sort), file.path)


def _opened(path: Path, name: str) -> tuple[DeltaTable, tuple[int, int] | None]:
    """Open the log in a folder, again where another table has taken the place of the one that was being opened."""
    for _ in range(_TRIES):
        born = _birth(path)
        try:
            return open_log(path), born
        except LakeError as error:
            if not (path / "_delta_log").exists():
                raise UnknownTable(f"no table {name!r} any more: it was dropped just now") from error
            if born == _birth(path):
                raise
    return open_log(path), _birth(path)


def _birth(path: Path) -> tuple[int, int] | None:
    """Return what tells a log from another one that lay in the same folder: its first entry never changes."""
    try:
        first = (path / "_delta_log" / f"{0:020}.json").stat()
    except FileNotFoundError:
        return None
    return first.st_ino, first.st_mtime_ns
