"""A table in the making: it lies beside its place under a hidden name, and takes it whole in one step."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from skyhouse.errors import CommitConflict, LakeError, TableExists
from skyhouse.lake.commit import commit
from skyhouse.lake.delta import create_log, replace_log
from skyhouse.lake.registry import DRAFT
from skyhouse.lake.table import Table
from skyhouse.lake.writer import TableWriter

if TYPE_CHECKING:
    from types import TracebackType

    from skyhouse.lake.definition import Definition
    from skyhouse.lake.registry import Registry
    from skyhouse.lake.writer import WrittenFile

__all__ = ["Draft"]

_TRIES = 50


class Draft:
    """A new table, or a new content of one, that nobody sees before `create` or `replace`.

    A context manager that leaves nothing behind where neither was called. Raises InputError for a definition that
    cannot be, LakeError where the folder cannot be written.
    """

    def __init__(self, registry: Registry, definition: Definition) -> None:
        self.definition = definition
        self._registry = registry
        self._place = registry.folder(definition.name)
        self.path = self._place.with_name(f"{DRAFT}{self._place.name}-{uuid.uuid4().hex}")
        create_log(self.path, definition)

    def writer(self) -> TableWriter:
        """Return a writer of the table's files."""
        return TableWriter(self.definition, self.path)

    def create(self, files: Sequence[WrittenFile], note: Mapping[str, str] | None = None) -> Table:
        """Make it the table of that name, with these files. Raises TableExists, LakeError."""
        self._registry.check_free(self.definition.name)
        commit(Table(self.path, self.definition.name), files, expect=0, note=note)
        try:
            self.path.rename(self._place)
        except OSError as error:
            if self._place.exists():
                raise TableExists(f"table {self.definition.name} is already there ({self._place})") from error
            raise LakeError(f"table {self.definition.name} cannot be created: {error}") from error
        return Table(self._place, self.definition.name)

    def replace(self, files: Sequence[WrittenFile], note: Mapping[str, str] | None = None) -> Table:
        """Make it the table of that name in one commit, whatever was there; a reader keeps the version that he reads.

        Raises CommitConflict, LakeError.
        """
        name = self.definition.name
        if not self._registry.has(name):
            try:
                return self.create(files, note)
            except TableExists:
                if not self._registry.has(name):
                    raise
        commit(Table(self.path, name), files, expect=0, note=note)
        table = self._registry.table(name)
        try:
            for file in files:
                (self.path / file.name).rename(table.path / file.name)
        except OSError as error:
            raise LakeError(f"table {name} cannot be replaced: {error}") from error
        for _ in range(_TRIES):
            version = table.refresh().version
            old = [held.path for held in table.files()]
            for path in old:
                os.utime(path)  # vacuum spares young files: a query may still be reading them
            gone = [os.path.relpath(path, table.path) for path in old]
            if replace_log(table.path, self.path, version, gone, note):
                return table.refresh()
        raise CommitConflict(f"table {name}: other writers were faster {_TRIES} times in a row; retry later")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
