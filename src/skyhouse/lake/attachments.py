"""Which tables of elsewhere belong to a lake: one small file each, in ``<lake>/.attached/``."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skyhouse.errors import InputError, LakeError, TableExists, UnknownTable, did_you_mean

__all__ = ["FOLDER", "Attachment", "Attachments"]

FOLDER = ".attached"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)


@dataclass(frozen=True)
class Attachment:
    """What was attached: `name` is a table ("gaia.stars") or, of a database, a schema ("pg").

    `kind` is "postgres", "parquet", "csv", "json", "fits" or "votable"; `target` a path, a pattern or a URL without a
    password. `tables` are the names that a database had when it was attached.
    """

    name: str
    kind: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tables."""
        return self.tables if self.kind == "postgres" else (self.name,)


class Attachments:
    """The attachments of the lake in a folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self._known: dict[str, tuple[tuple[int, int], Attachment]] = {}

    def all(self) -> list[Attachment]:
        """Return the attachments, by name. Raises LakeError."""
        try:
            with os.scandir(self.folder) as entries:
                files = sorted(entry.path for entry in entries if entry.name.endswith(".json") and entry.name[0] != ".")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LakeError(f"{self.folder} cannot be listed: {error.strerror}") from error
        found = [self._read(file) for file in files]
        return [attachment for attachment in found if attachment is not None]

    def put(self, attachment: Attachment, exist_ok: bool = False) -> None:
        """Keep an attachment. Raises InputError for a name that cannot be, TableExists, LakeError."""
        if not _NAME.fullmatch(attachment.name) or ("." in attachment.name) == (attachment.kind == "postgres"):
            wanted = "schema (letters, digits, _)" if attachment.kind == "postgres" else "table, 'schema.name',"
            raise InputError(f"what is attached is named as a {wanted} not {attachment.name!r}")
        held = self.find(attachment.name)
        if held is not None and not exist_ok:
            raise TableExists(f"{held.name} is attached already, to {held.target}; detach it first")
        draft = self.folder / f".{uuid.uuid4().hex}"
        try:
            self.folder.mkdir(exist_ok=True)
            draft.write_text(json.dumps(asdict(attachment), indent=1) + "\n", encoding="utf-8")
            draft.replace(self._file(held.name if held else attachment.name))
        except OSError as error:
            raise LakeError(f"{attachment.name} cannot be attached: {error}") from error

    def remove(self, name: str) -> Attachment:
        """Forget an attachment and return it. Raises UnknownTable, LakeError."""
        held = self.find(name)
        if held is None:
            known = [one.name for one in self.all()]
            raise UnknownTable(f"nothing is attached as {name!r}{did_you_mean(name, known)}")
        try:
            self._file(held.name).unlink()
        except OSError as error:
            raise LakeError(f"{name} cannot be detached: {error}") from error
        return held

    def find(self, name: str) -> Attachment | None:
        """Return the attachment of a name, in any case, or None."""
        return next((one for one in self.all() if one.name.lower() == name.lower()), None)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _read(self, file: str) -> Attachment | None:
        try:
            status = Path(file).stat()
            stamp = status.st_mtime_ns, status.st_ino
            known = self._known.get(file)
            if known is None or known[0] != stamp:
                found = json.loads(Path(file).read_text(encoding="utf-8"))
                known = stamp, Attachment(**found | {"tables": tuple(found.get("tables", ()))})
                self._known[file] = known
            return known[1]
        except FileNotFoundError:  # detached by another process just now
            return None
        except (OSError, ValueError, TypeError) as error:
            raise LakeError(f"{file} does not say what is attached: {error}; delete it and attach again") from error
