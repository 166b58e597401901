"""All that is attached to one lake."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from skyhouse.errors import SkyhouseError, TableExists
from skyhouse.foreign.files import FileTable, attachment
from skyhouse.foreign.table import AttachedTable
from skyhouse.lake.attachments import FOLDER, Attachment, Attachments
from skyhouse.query.relation import Relation

__all__ = ["Attached"]


class Attached:
    """The attached tables of the lake in a folder. Threads may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER
        self._kept = Attachments(root)
        self._lock = threading.RLock()
        self._open: dict[str, tuple[Attachment, FileTable]] = {}

    def all(self) -> list[Attachment]:
        """Return the attachments, by name. Raises LakeError."""
        return self._kept.all()

    def names(self) -> list[str]:
        """Return the names of all attached tables, without asking any server."""
        return sorted(name for one in self.all() for name in one.names)

    def attach(
        self, name: str, target: str | os.PathLike[str], taken: Iterable[str], **options: Any
    ) -> list[AttachedTable]:
        """Attach a target under a name and return its tables; `taken` are the names of the lake's own tables.

        Raises InputError, FormatError, TableExists, LakeError, and what a server's answer raises.
        """
        new = attachment(name, target, options)
        for held in taken:
            if held.lower() == name.lower() or held.lower().startswith(f"{name.lower()}."):
                raise TableExists(f"the lake has a table {held} of its own; attach under another name")
        with self._lock:
            self._kept.put(new)
            try:
                return self._tables(new)
            except BaseException:
                self.detach(name)
                raise

    def detach(self, name: str) -> None:
        """Forget an attachment, and delete what was copied of it. Raises UnknownTable, LakeError."""
        with self._lock:
            removed = self._kept.remove(name)
            opened = self._opened(removed)
            opened.cache.clear()
            self._open.pop(removed.name, None)

    def tables(self) -> list[AttachedTable]:
        """Return all attached tables, by name; one that cannot be read now has no columns, and a note that says why."""
        found: list[AttachedTable] = []
        for one in self.all():
            try:
                found += self._tables(one)
            except SkyhouseError as error:
                found += [AttachedTable(name, (), 0, 0, one.target, (f"{error}",)) for name in one.names]
        return sorted(found, key=lambda table: table.name)

    def relation(self, name: str) -> Relation | None:
        """Return an attached table as it is now; None for a name that is nothing attached.

        Raises FormatError, LakeError and UnknownTable.
        """
        low = name.lower()
        for one in self.all():
            if low in (one.name.lower(), *(known.lower() for known in one.names)):
                with self._lock:
                    return self._opened(one).relation()
        return None

    def _tables(self, one: Attachment) -> list[AttachedTable]:
        with self._lock:
            return [self._opened(one).table()]

    def _opened(self, one: Attachment) -> FileTable:
        held = self._open.get(one.name)
        if held is None or held[0] != one:
            held = self._open[one.name] = one, FileTable(one, self._root)
        return held[1]
