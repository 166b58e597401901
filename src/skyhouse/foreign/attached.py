"""All that is attached to one lake."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyhouse.errors import InputError, SkyhouseError, TableExists, UnknownTable
from skyhouse.foreign.fetched import Fetched
from skyhouse.foreign.table import AttachedTable
from skyhouse.lake.attachments import FOLDER, Attachment, Attachments
from skyhouse.query.relation import Relation, Scan, Statement

if TYPE_CHECKING:
    from skyhouse.foreign.files import FileTable
    from skyhouse.foreign.postgres import Server
    from skyhouse.query.job import Job

__all__ = ["Attached"]


class Attached:
    """The attached tables of the lake in a folder. Threads may share it; only those that want the same one wait."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER
        self._kept = Attachments(root)
        self._lock = threading.Lock()
        self._locks: dict[str, threading.RLock] = {}
        self._files: dict[str, tuple[Attachment, FileTable]] = {}
        self._servers: dict[str, tuple[Attachment, Server]] = {}

    def all(self) -> list[Attachment]:
        """Return the attachments, by name. Raises LakeError."""
        return self._kept.all()

    def names(self) -> list[str]:
        """Return the names of all attached tables, those of servers as last heard of."""
        found = {name for one in self.all() for name in one.names}
        for _, server in list(self._servers.values()):
            found.update(server.names())
        return sorted(found)

    def attach(
        self, name: str, target: str | os.PathLike[str], taken: Iterable[str], **options: Any
    ) -> list[AttachedTable]:
        """Attach a target under a name and return its tables; `taken` are the names of the lake's own tables.

        Raises InputError, FormatError, TableExists, LakeError, MissingPackage and EngineError.
        """
        new = _attachment(name, os.fspath(target), options)
        for held in taken:
            if held.lower() == name.lower() or held.lower().startswith(f"{name.lower()}."):
                raise TableExists(f"the lake has a table {held} of its own; attach under another name")
        with self._held(new):
            self._kept.put(new)
            try:
                found = self._tables(new)
            except BaseException:
                self.detach(name)
                raise
            if new.kind == "postgres":
                self._kept.put(replace(new, tables=tuple(table.name for table in found)), exist_ok=True)
            return found

    def detach(self, name: str) -> None:
        """Forget an attachment, and delete what was copied of it. Raises UnknownTable, LakeError."""
        held = self._kept.find(name)
        with self._held(held) if held is not None else contextlib.nullcontext():
            removed = self._kept.remove(name)
            if removed.kind == "postgres":
                self._server(removed).close()
                self._servers.pop(removed.name, None)
            else:
                self._file(removed).cache.clear()
                self._files.pop(removed.name, None)

    def tables(self) -> list[AttachedTable]:
        """Return all attached tables, by name; one that cannot be read now has no columns, and a note that says why."""
        found: list[AttachedTable] = []
        for one in self.all():
            try:
                found += self._tables(one)
            except SkyhouseError as error:
                found += [AttachedTable(name, (), 0, 0, one.target, (str(error),)) for name in one.names]
        return sorted(found, key=lambda table: table.name)

    def relation(self, name: str) -> Relation | None:
        """Return an attached table as it is now; None for a name that is nothing attached.

        Raises FormatError, LakeError, UnknownTable, MissingPackage and EngineError.
        """
        low = name.lower()
        for one in self.all():
            if one.kind == "postgres" and low.startswith(f"{one.name.lower()}."):
                with self._held(one):
                    return self._server(one).relation(name)
            if one.kind != "postgres" and low == one.name.lower():
                with self._held(one):
                    return self._file(one).relation()
        return None

    def fetch(self, statement: Statement, job: Job, folder: str) -> Fetched:
        """Fetch what a statement asks of servers into files in a new folder within this one (empty: the system's).

        Raises EngineError, UnknownTable, and what the job says where it is stopped.
        """
        wanted = [scan for scan in statement.scans if scan.relation.remote is not None]
        if not wanted:
            return Fetched(statement)
        fetched = Fetched(statement, folder)
        try:
            for server, scans in self._origins(wanted):
                server.fetch({fetched.file(scan): scan for scan in scans}, job)
        except BaseException:
            fetched.close()
            job.end()
            raise
        return fetched

    def _origins(self, scans: list[Scan]) -> list[tuple[Server, list[Scan]]]:
        known = {one.name: one for one in self.all()}
        grouped: dict[str, list[Scan]] = {}
        for scan in scans:
            assert scan.relation.remote is not None
            grouped.setdefault(scan.relation.remote.origin, []).append(scan)
        for origin in grouped:
            if origin not in known:
                raise UnknownTable(f"{origin!r} was detached before its rows were fetched")
        found = []
        for origin, asked in grouped.items():
            with self._held(known[origin]):
                found.append((self._server(known[origin]), asked))
        return found

    def close(self) -> None:
        """Give the connections to servers back."""
        for one, server in list(self._servers.values()):
            with self._held(one):
                server.close()
                self._servers.pop(one.name, None)

    def _held(self, one: Attachment) -> threading.RLock:
        """Return the lock of one attachment: to copy a long file or to ask a slow server stops no query of others."""
        with self._lock:
            return self._locks.setdefault(one.name.lower(), threading.RLock())

    def _tables(self, one: Attachment) -> list[AttachedTable]:
        with self._held(one):
            return self._server(one).tables() if one.kind == "postgres" else [self._file(one).table()]

    def _file(self, one: Attachment) -> FileTable:
        from skyhouse.foreign.files import FileTable

        held = self._files.get(one.name)
        if held is None or held[0] != one:
            held = self._files[one.name] = one, FileTable(one, self._root)
        return held[1]

    def _server(self, one: Attachment) -> Server:
        from skyhouse.foreign.postgres import Server

        held = self._servers.get(one.name)
        if held is None or held[0].target != one.target or held[0].options != one.options:
            held = self._servers[one.name] = one, Server(one)
        return held[1]


def _attachment(name: str, target: str, options: dict[str, Any]) -> Attachment:
    from skyhouse.foreign import files, postgres

    scheme, mark, _ = target.partition("://")
    if target.startswith(postgres.SCHEMES):
        return postgres.attachment(name, target, options)
    if mark:
        raise InputError(f"nothing can be attached by {scheme}://; targets are files and postgresql:// URLs")
    return files.attachment(name, target, options)
