"""Attached files as relations: Parquet is read where it lies, other formats by a copy in the cache."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from skyhouse.columns import columns_of
from skyhouse.errors import FormatError, InputError
from skyhouse.foreign.cache import Cache, Stamp, stamp
from skyhouse.foreign.sources import ENDINGS, KINDS, check_options, declared, source
from skyhouse.foreign.table import AttachedTable
from skyhouse.formats.stored import stored_type, together
from skyhouse.lake.attachments import Attachment
from skyhouse.query.relation import Part, Relation

__all__ = ["FileTable", "attachment"]


def attachment(name: str, target: str | os.PathLike[str], options: Mapping[str, Any]) -> Attachment:
    """Return the attachment of a file, a folder or a pattern of files, not yet kept.

    The option `format` names the kind where the files' ends do not. Raises InputError, FormatError.
    """
    rest = dict(options)
    wanted = rest.pop("format", None)
    if wanted is not None and wanted not in KINDS:
        raise InputError(f"format is one of {', '.join(KINDS)}, not {wanted!r}")
    absolute = str(Path(target).expanduser().absolute())
    listed = _listed(absolute, wanted)
    if not listed:
        raise InputError(f"there is no file {absolute}")
    kinds = {wanted} if wanted else {kind for kind in map(_kind, listed) if kind}
    if len(kinds) != 1:
        found = (
            f"holds files of {', '.join(sorted(kinds))}" if kinds else f"has no name that ends in {', '.join(ENDINGS)}"
        )
        raise InputError(f"{absolute} {found}; name the files by a pattern, or say format=")
    kind = kinds.pop()
    check_options(kind, rest)
    try:
        kept = {key: _plain(value) for key, value in rest.items()}
    except TypeError as error:
        raise InputError(str(error)) from error
    return Attachment(name, kind, absolute, kept)


@dataclass(frozen=True)
class _Found:
    """One version of an attachment's files, and what was made of them."""

    stamps: tuple[Stamp, ...]
    relation: Relation
    table: AttachedTable


class FileTable:
    """The table of one attachment of files; it follows the files as they change."""

    def __init__(self, attachment: Attachment, root: Path) -> None:
        self.attachment = attachment
        self.cache = Cache(root, attachment.name)
        self._found: _Found | None = None

    def relation(self) -> Relation:
        """Return the relation over the files as they are now. Raises FormatError, LakeError."""
        return self._newest().relation

    def table(self) -> AttachedTable:
        """Return the table as it is now. Raises FormatError, LakeError."""
        return self._newest().table

    def _newest(self) -> _Found:
        target, kind = self.attachment.target, self.attachment.kind
        stamps = tuple(stamp(path) for path in _listed(target, kind))
        if not stamps:
            raise FormatError(target, "is not there any more; put it back, or detach the table")
        if self._found is None or self._found.stamps != stamps:
            self._found = self._in_place(stamps) if self._plain_parquet() else self._copied(stamps)
        return self._found

    def _plain_parquet(self) -> bool:
        options = self.attachment.options
        return self.attachment.kind == "parquet" and not options.get("convert") and not options.get("types")

    def _in_place(self, stamps: tuple[Stamp, ...]) -> _Found:
        footers = [_footer(one) for one in stamps]
        schemas = [footer.schema for footer in footers]
        merged = _merged([one[0] for one in stamps], schemas)
        kept = [one for one in merged if _direct(one.type)]
        notes = tuple(
            f"column {one.name!r} ({one.type}) left out: only a copy can hold it; attach with convert=True"
            for one in merged
            if not _direct(one.type)
        )
        ragged = any(_types(schema, kept) != _types(merged, kept) for schema in schemas)
        rows = sum(footer.rows for footer in footers)
        return self._relation(stamps, pa.schema(kept), [one[0] for one in stamps], rows, ragged, notes)

    def _copied(self, stamps: tuple[Stamp, ...]) -> _Found:
        kind, options = self.attachment.kind, self.attachment.options
        sources = [source(Path(one[0]), kind, options) for one in stamps]
        schemas = [self.cache.schema(at, options, one) for at, one in zip(stamps, sources, strict=True)]
        merged = _merged([one[0] for one in stamps], schemas, text=kind == "csv")
        types = declared(options)
        notes = []
        kept = []
        for one in merged:
            wanted = types.get(one.name) or stored_type(one.type)
            if wanted is None:
                notes.append(f"column {one.name!r} ({one.type}) left out: no column of a table can hold it")
            else:
                kept.append(_united(one.with_type(wanted), options))
        schema = pa.schema(kept)
        copies = []
        for at, one, found in zip(stamps, sources, schemas, strict=True):
            raw = pa.schema([merged.field(name) for name in found.names if name in schema.names])
            copies.append(self.cache.copy(at, options, raw, schema, one))
        self.cache.sweep(set(copies))
        for copy in copies:
            notes += self.cache.notes(copy)
        rows = sum(_footer(stamp(copy)).rows for copy in copies)
        return self._relation(stamps, schema, [str(copy) for copy in copies], rows, False, tuple(notes))

    def _relation(
        self,
        stamps: tuple[Stamp, ...],
        schema: pa.Schema,
        files: Sequence[str],
        rows: int,
        ragged: bool,
        notes: tuple[str, ...],
    ) -> _Found:
        name, target = self.attachment.name, self.attachment.target
        if not schema.names:
            raise FormatError(target, f"has no columns that a table can have ({'; '.join(notes) or 'none at all'})")
        columns = columns_of(schema)
        version = hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]
        relation = Relation(
            name, (Part(columns, tuple(files), ragged, foreign=True),), version=version, rows=rows, attached=target
        )
        return _Found(stamps, relation, AttachedTable(name, columns, rows, sum(s[1] for s in stamps), target, notes))


@dataclass(frozen=True)
class _Footer:
    schema: pa.Schema
    rows: int


@lru_cache(maxsize=65_536)
def _footer(of: Stamp) -> _Footer:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(of[0]) as file:
            return _Footer(file.schema_arrow.remove_metadata(), file.metadata.num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise FormatError(of[0], f"is no Parquet file that can be read: {error}") from error


def _listed(target: str, kind: str | None) -> list[Path]:
    """Return the files of a target, sorted; of a folder those with a known ending, in it and below."""
    path = Path(target)
    if path.is_file():
        return [path]
    if path.is_dir():
        if (path / "_delta_log").is_dir():
            raise InputError(
                f"{target} is a Delta table, whose files alone do not say what is in it; open it as a lake"
            )
        found = [Path(at) / name for at, _, names in os.walk(path) for name in names if name[0] not in "._"]
        return sorted(one for one in found if _visible(one, path) and _kind(one) and kind in (None, _kind(one)))
    found = [Path(name) for name in glob.glob(target, recursive=True)]  # noqa: PTH207 - of any root
    return sorted(one for one in found if one.is_file())


def _visible(path: Path, root: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _kind(path: Path) -> str | None:
    name = path.name.lower()
    return next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), None)


def _merged(files: Sequence[str], schemas: Sequence[pa.Schema], text: bool = False) -> pa.Schema:
    """Return the columns of all files, in the order in which they first come.

    Raises FormatError where a column's types have none together and `text` does not stand in.
    """
    fields: dict[str, tuple[pa.Field, str]] = {}
    for file, schema in zip(files, schemas, strict=True):
        for one in schema:
            if one.name not in fields:
                fields[one.name] = one, file
                continue
            before, other = fields[one.name]
            kind = together(before.type, one.type)
            if kind is None and not text:
                problem = f"column {one.name!r} is {one.type}, but {before.type} in {other}; attach them as two tables"
                raise FormatError(file, problem)
            fields[one.name] = before.with_type(kind or pa.string()), other
    return pa.schema([one for one, _ in fields.values()])


def _direct(kind: pa.DataType) -> bool:
    """Whether both engines read a Parquet column of the type as it is."""
    types = pa.types
    if types.is_dictionary(kind):
        return _direct(kind.value_type)
    if types.is_timestamp(kind):
        return bool(kind.tz is None and kind.unit != "ns")
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return True
    if types.is_list(kind) or types.is_large_list(kind):
        return _direct(kind.value_type)
    if types.is_struct(kind):
        return stored_type(kind) is not None and all(_direct(one.type) for one in kind)
    return bool(stored_type(kind) == kind)


def _types(schema: pa.Schema, kept: Sequence[pa.Field]) -> list[pa.DataType | None]:
    at = [schema.get_field_index(one.name) for one in kept]
    return [stored_type(schema.field(place).type) if place >= 0 else None for place in at]


def _united(one: pa.Field, options: Mapping[str, Any]) -> pa.Field:
    unit = dict(options.get("units") or {}).get(one.name)
    if unit is None:
        return one
    return one.with_metadata((one.metadata or {}) | {b"unit": str(unit).encode()})


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    raise TypeError(f"an option is a text, a number, a list or a mapping of these, not {value!r}")
