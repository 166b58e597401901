"""The tables of a lake. The list of tables is the list of folders: there is no catalogue to serve or to go stale."""

from __future__ import annotations

import os
import re
import shutil
import time
import tomllib
import uuid
from pathlib import Path
from urllib.parse import unquote

from skyhouse.errors import InputError, LakeError, NotALake, TableExists, UnknownTable, did_you_mean
from skyhouse.lake.definition import Definition
from skyhouse.lake.delta import create_log
from skyhouse.lake.table import Table

__all__ = ["DRAFT", "FORMAT", "MARKER", "RUNS", "STAGED", "Registry"]

FORMAT = 1
MARKER = "skyhouse.toml"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TRASH = ".dropped-"
DRAFT = ".draft-"
RUNS = ".runs"
"""The folder, in the lake's, of the files by which runs of apply tell their workers what to do."""
STAGED = ".staged"
"""The folder, in the lake's, of queries' rows that runs of apply work on."""


class Registry:
    """The tables under one folder: table ``manga.spaxels`` lies in ``<root>/manga/spaxels``.

    Use `Registry.make` for a new lake and `Registry.open` for one that is there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def make(cls, root: Path) -> Registry:
        """Make a lake in a folder (which may exist, and may already be a lake) and open it.

        Raises LakeError where the folder cannot be written or has a name that Delta cannot, NotALake where it holds a
        lake of a newer format.
        """
        root = _nameable(Path(root).absolute())
        marker = root / MARKER
        try:
            root.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                draft = root / f".{MARKER}.{uuid.uuid4().hex}"
                draft.write_text(f"# This folder is a Skyhouse lake.\nformat = {FORMAT}\n", encoding="utf-8")
                draft.replace(marker)
        except OSError as error:
            raise LakeError(f"no lake can be made in {root}: {error.strerror}") from error
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> Registry:
        """Open the lake in a folder. Raises NotALake where it is none, or of a newer format, LakeError."""
        root = _nameable(Path(root).absolute())
        marker = root / MARKER
        try:
            found = tomllib.loads(marker.read_text(encoding="utf-8")).get("format")
        except (FileNotFoundError, NotADirectoryError):
            made = "skyhouse.open(path) and `skyhouse ingest` make one"
            raise NotALake(f"{root} is not a lake: it has no {MARKER}; {made}") from None
        except (OSError, ValueError) as error:
            raise NotALake(f"{marker} cannot be read: {error}") from error
        if type(found) is not int or found < 1:
            raise NotALake(f"{marker} has no line like 'format = {FORMAT}'")
        if found > FORMAT:
            raise NotALake(f"{root} is a lake of format {found}; this Skyhouse reads up to {FORMAT}: upgrade it")
        return cls(root)

    def names(self) -> list[str]:
        """Return the names of all tables, sorted. Raises LakeError where the folder cannot be read."""
        found = []
        try:
            for schema in _folders(self.root):
                found += [f"{schema.name}.{table.name}" for table in _folders(schema) if _has_log(table)]
        except OSError as error:
            raise LakeError(f"the tables of the lake {self.root} cannot be listed: {error}") from error
        return sorted(name for name in found if _NAME.fullmatch(name))

    def table(self, name: str) -> Table:
        """Open a table by its name, in any case. Raises UnknownTable, LakeError."""
        names = self.names()
        found = _match(name, names)
        if found is None:
            here = did_you_mean(name, names) or (f"; there are {', '.join(names)}" if names else "; it has no tables")
            raise UnknownTable(f"no table {name!r} in the lake {self.root}{here}")
        return Table(self.folder(found), found)

    def create(self, definition: Definition, exist_ok: bool = False) -> Table:
        """Create an empty table.

        With `exist_ok`, a table of that name is returned if it has the same columns, key, sort and unit. Raises
        TableExists, InputError (a name or column that cannot be), LakeError.
        """
        if not _NAME.fullmatch(definition.name):
            raise InputError(f"a table is named 'schema.name' (letters, digits, _), not {definition.name!r}")
        held = _match(definition.name, self.names())
        if held is None:
            folder = self.folder(definition.name)
            try:
                create_log(folder, definition)
            except LakeError:
                if not _has_log(folder):
                    raise
                return self.create(definition, exist_ok)  # another process has just created the same table
            return Table(folder, definition.name)
        table = Table(self.folder(held), held)
        if not exist_ok:
            raise TableExists(f"table {held} is already there ({table.path})")
        if _shape(table.definition) != _shape(definition):
            raise TableExists(f"table {held} is there with other columns, key or order; drop it or choose another name")
        return table

    def has(self, name: str) -> bool:
        """Whether there is a table of that name, in any case."""
        return _match(name, self.names()) is not None

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a table can have that name: "schema.table", of letters, digits and _."""
        return _NAME.fullmatch(name) is not None

    def check_free(self, name: str) -> None:
        """Raise InputError for what cannot be a table's name, TableExists for one that is taken."""
        if not _NAME.fullmatch(name):
            raise InputError(f"a table is named 'schema.name' (letters, digits, _), not {name!r}")
        if held := _match(name, self.names()):
            raise TableExists(f"table {held} is already there ({self.folder(held)})")

    def folder(self, name: str) -> Path:
        """Return the folder where a table of that name lies, or would."""
        schema, table = name.split(".")
        return self.root / schema / table

    def sweep(self, older_than_hours: float = 24) -> list[Path]:
        """Delete what was never finished or only half dropped, untouched for so long; raises LakeError.

        That are tables, and what runs that ended by a crash have left in `RUNS` and `STAGED`; the small lists there of
        what was done stay.
        """
        youngest = time.time() - older_than_hours * 3600
        gone = []
        try:
            for path in [*self.root.glob(f"{RUNS}/*"), *self.root.glob(f"{STAGED}/*/*.parquet")]:
                if path.stat().st_mtime < youngest:
                    path.unlink(missing_ok=True)
                    gone.append(path)
            for schema in _folders(self.root):
                for folder in [*schema.glob(f"{DRAFT}*"), *schema.glob(f"{_TRASH}*")]:
                    if _touched(folder) < youngest:
                        shutil.rmtree(folder)
                        gone.append(folder)
        except OSError as error:
            raise LakeError(f"the lake {self.root} cannot be swept: {error}") from error
        return gone

    def drop(self, name: str) -> None:
        """Delete a table with its files. Readers see all of it or nothing. Raises UnknownTable, LakeError."""
        table = self.table(name)
        trash = table.path.with_name(f"{_TRASH}{table.path.name}-{uuid.uuid4().hex}")
        try:
            table.path.rename(trash)
            shutil.rmtree(trash)
        except OSError as error:
            raise LakeError(f"table {table.name} cannot be dropped: {error}") from error


def _nameable(root: Path) -> Path:
    # deltalake writes under the name as it is, and reads under the one that these stand for: another folder's, maybe.
    if unquote(str(root)) != str(root):
        code = re.search("%[0-9a-fA-F]{2}", str(root))
        assert code
        raise LakeError(f"no lake can lie in {root}: Delta reads {code[0]} as {unquote(code[0])!r}; rename the folder")
    return root


def _touched(folder: Path) -> float:
    """Return when something in a folder changed last; now, where it changes while it is looked at."""
    try:
        return max(path.stat().st_mtime for path in [folder, *folder.rglob("*")])
    except FileNotFoundError:
        return time.time()


def _match(name: str, names: list[str]) -> str | None:
    return next((known for known in names if known.lower() == name.lower()), None)


def _shape(definition: Definition) -> tuple[object, ...]:
    columns = tuple((column.name, column.type) for column in definition.columns)
    return columns, definition.key, definition.sort, definition.unit


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


def _has_log(folder: Path) -> bool:
    try:
        with os.scandir(folder / "_delta_log") as entries:
            return any(entry.name.endswith((".json", ".parquet")) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):  # no table, or one that is being dropped
        return False
