"""Copies of foreign files as Parquet, each made once: a file that changes, or is read otherwise, has another copy."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from skyhouse.errors import FormatError, LakeError
from skyhouse.foreign.sources import Source
from skyhouse.formats.parquet import write_parquet
from skyhouse.formats.stored import stored_array

__all__ = ["Cache", "Stamp", "stamp"]

Stamp = tuple[str, int, int]
_KEPT = 3600  # seconds: a query that runs may still read what is stale now


def stamp(path: Path) -> Stamp:
    """Return a file's path, size in bytes and time of its last change in ns. Raises FormatError where it is gone."""
    try:
        status = path.stat()
    except OSError as error:
        raise FormatError(str(path), f"cannot be read: {error.strerror}") from error
    return str(path), status.st_size, status.st_mtime_ns


class Cache:
    """The copies of one attachment, in a folder of its own: in the lake, or with the user where that is read-only."""

    def __init__(self, root: Path, name: str) -> None:
        inside = root / "cache"
        if os.access(inside if inside.exists() else root, os.W_OK):
            self.folder = inside / name
        else:
            home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            self.folder = home / "skyhouse" / hashlib.sha256(str(root).encode()).hexdigest()[:16] / name

    def schema(self, of: Stamp, options: Mapping[str, Any], source: Source) -> pa.Schema:
        """Return a file's schema, found once. Raises FormatError, LakeError."""
        file = self.folder / f"{_digest(of, options)}.schema"
        try:
            return pa.ipc.read_schema(pa.py_buffer(file.read_bytes()))
        except FileNotFoundError:
            found = source.schema()
            self._put(file, lambda draft: draft.write_bytes(found.serialize().to_pybytes()))
            return found

    def copy(self, of: Stamp, options: Mapping[str, Any], raw: pa.Schema, kept: pa.Schema, source: Source) -> Path:
        """Return the Parquet copy of a file, made if need be.

        `raw` are the types that the source gives, `kept` those that are written; columns that the file lacks are NULL.
        Raises FormatError, LakeError.
        """
        file = self.folder / f"{_digest(of, options, raw, kept)}.parquet"
        if not file.exists():
            self._put(file, lambda draft: self._write(draft, of[0], raw, kept, source))
            if notes := source.notes():
                self._put(file.with_suffix(".notes"), lambda draft: draft.write_text("\n".join(notes), "utf-8"))
        return file

    def notes(self, copy: Path) -> tuple[str, ...]:
        """Return what was left out of a copy."""
        file = copy.with_suffix(".notes")
        return tuple(file.read_text("utf-8").splitlines()) if file.exists() else ()

    def sweep(self, used: set[Path]) -> None:
        """Delete the copies that are not used and were made more than an hour ago."""
        if not self.folder.is_dir():
            return
        for file in self.folder.iterdir():
            if file.with_suffix(".parquet") not in used and time.time() - file.stat().st_mtime > _KEPT:
                file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all copies."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, draft: Path, name: str, raw: pa.Schema, kept: pa.Schema, source: Source) -> None:
        def rows() -> Iterator[pa.RecordBatch]:
            for batch in source.batches(raw):
                yield pa.RecordBatch.from_arrays([_column(name, batch, one) for one in kept], schema=kept)

        write_parquet(pa.RecordBatchReader.from_batches(kept, rows()), draft)

    def _put(self, file: Path, write: Any) -> None:
        draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write(draft)
            draft.replace(file)
        except OSError as error:
            if isinstance(error, (FormatError, LakeError)):
                raise
            raise LakeError(f"no copy can be kept in {file.parent}: {error}") from error
        finally:
            draft.unlink(missing_ok=True)


def _column(file: str, batch: pa.RecordBatch, one: pa.Field) -> pa.Array:
    place = batch.schema.get_field_index(one.name)
    if place < 0:
        return pa.nulls(batch.num_rows, one.type)
    try:
        return stored_array(batch.column(place), one.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FormatError(file, f"column {one.name!r} does not go into {one.type}: {error}") from error


def _digest(of: Stamp, options: Mapping[str, Any], *schemas: pa.Schema) -> str:
    told = json.dumps([of, {k: options[k] for k in sorted(options)}], default=str)
    told += "".join(schema.to_string(show_field_metadata=True, truncate_metadata=False) for schema in schemas)
    return hashlib.sha256(told.encode()).hexdigest()[:32]
