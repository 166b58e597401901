"""The one place that speaks Delta: a definition as a Delta table's metadata and back, and Delta's errors as ours."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from skyhouse.columns import Column, columns_of, field_types, item_type, scalar_types
from skyhouse.errors import InputError, LakeError
from skyhouse.lake.definition import Definition

__all__ = ["create_log", "delta_errors", "notes", "open_log", "read_definition", "replace_log"]

# Delta refuses these in column names unless names are mapped, and mapped names few readers understand.
_FORBIDDEN = frozenset(" ,;{}()\n\t=")
_CHECKPOINT_EVERY = 50
_RUST = re.compile(r'\s*Error: Os \{[^}]*message: "([^"]*)" \}')


@contextmanager
def delta_errors(doing: str) -> Iterator[None]:
    """Turn what deltalake raises inside the block into a LakeError that begins with `doing`."""
    try:
        yield
    except (DeltaError, OSError, ValueError) as error:
        if isinstance(error, LakeError):
            raise
        reason = _RUST.sub(r": \1", str(error).partition("\n   0:")[0])
        raise LakeError(f"{doing}: {reason}") from error


def create_log(folder: Path, definition: Definition) -> None:
    """Write the first entry of a new Delta log. Raises InputError for columns that Delta cannot hold, LakeError."""
    for column in definition.columns:
        _check_column(definition.name, column)
    lists = {name: json.dumps(list(getattr(definition, name))) for name in ("key", "sort", "unit")}
    plain = {name: str(getattr(definition, name)) for name in ("part_of", "row_group_rows", "file_bytes")}
    configuration = {f"skyhouse.{name}": value for name, value in (lists | plain).items()}
    configuration["skyhouse.properties"] = json.dumps(dict(definition.properties))
    configuration["delta.checkpointInterval"] = str(_CHECKPOINT_EVERY)
    # Without this, every reader of the log builds statistics for all columns of a wide table.
    indexed = dict.fromkeys([*definition.sort, *definition.key])
    if indexed:
        configuration["delta.dataSkippingStatsColumns"] = ",".join(f"`{name}`" for name in indexed)
    else:
        configuration["delta.dataSkippingNumIndexedCols"] = "0"
    with delta_errors(f"table {definition.name} cannot be created in {folder}"):
        DeltaTable.create(
            folder,
            definition.schema,
            name=definition.name,
            description=definition.description,
            configuration=configuration,
            # A second creator fails; tried again, it would put its definition on top of the first one's.
            commit_properties=CommitProperties(max_commit_retries=0),
            raise_if_key_not_exists=False,
        )


def replace_log(
    folder: Path, draft: Path, version: int, removed: Iterable[str], note: Mapping[str, str] | None = None
) -> bool:
    """Make the table in a folder what the table in `draft` is, in one entry after `version`; whether that succeeded.

    The draft's files have to lie in the folder already; `removed` are the names of those to go. False where another
    writer has made that entry. The table keeps its Delta id. Raises LakeError.
    """
    now = int(time.time() * 1000)
    log = folder / "_delta_log"
    with delta_errors(f"the table in {folder} cannot be replaced"):
        entries = _entries(draft)
        protocol, metadata = entries["protocol"][0], entries["metaData"][0]
        before = DeltaTable(folder, version=version)
        metadata |= {"id": str(before.metadata().id), "createdTime": now}
        actions: list[dict[str, Any]] = [
            {"commitInfo": {"timestamp": now, "operation": "CREATE OR REPLACE TABLE AS SELECT", **notes(note)}},
            {"protocol": _newer(before, protocol)},
            {"metaData": metadata},
        ]
        gone = {"deletionTimestamp": now, "dataChange": True}
        actions += [{"remove": {"path": name, **gone}} for name in removed]
        actions += [{"add": entry} for entry in entries["add"]]
        written = log / f".{uuid.uuid4().hex}.json"
        try:
            with written.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(action) + "\n" for action in actions)
                file.flush()
                os.fsync(file.fileno())
            os.link(written, log / f"{version + 1:020}.json")
        except FileExistsError:
            return False
        finally:
            written.unlink(missing_ok=True)
    return True


def notes(note: Mapping[str, str] | None) -> dict[str, str]:
    """Return a commit's notes under the names that they have in the log."""
    return {f"skyhouse.{name}": text for name, text in (note or {}).items()}


def _entries(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the actions of a young log, by kind."""
    found: dict[str, list[dict[str, Any]]] = {"add": []}
    for path in sorted((folder / "_delta_log").glob("*.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for kind, action in json.loads(line).items():
                found.setdefault(kind, []).append(action)
    return found


def _newer(before: DeltaTable, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol that has the features of both; a table's protocol never goes back."""
    held = before.protocol()
    merged: dict[str, Any] = {
        "minReaderVersion": max(held.min_reader_version, protocol["minReaderVersion"]),
        "minWriterVersion": max(held.min_writer_version, protocol["minWriterVersion"]),
    }
    for kind, features in (("readerFeatures", held.reader_features), ("writerFeatures", held.writer_features)):
        both = sorted({*(features or []), *(protocol.get(kind) or [])})
        if both:
            merged[kind] = both
    return merged


def open_log(folder: Path) -> DeltaTable:
    """Return the Delta table in a folder, at its newest version; raises LakeError."""
    with delta_errors(f"the table in {folder} cannot be opened"):
        return DeltaTable(folder)


def read_definition(log: DeltaTable, name: str) -> Definition:
    """Return the definition that a Delta log carries; `name` is given, since a moved folder takes a new one.

    A log not made by Skyhouse has columns and a description only.
    """
    with delta_errors(f"table {name}: its log cannot be understood"):
        metadata = log.metadata()
        kept = {k.removeprefix("skyhouse."): v for k, v in metadata.configuration.items() if k.startswith("skyhouse.")}
        return Definition(
            name,
            columns_of(pa.schema(log.schema())),
            key=tuple(json.loads(kept.get("key", "[]"))),
            sort=tuple(json.loads(kept.get("sort", "[]"))),
            unit=tuple(json.loads(kept.get("unit", "[]"))),
            description=metadata.description or "",
            part_of=kept.get("part_of", ""),
            row_group_rows=int(kept.get("row_group_rows", Definition.row_group_rows)),
            file_bytes=int(kept.get("file_bytes", Definition.file_bytes)),
            properties=json.loads(kept.get("properties", "{}")),
        )


def _check_column(table: str, column: Column) -> None:
    for name in [column.name, *_field_names(column.type)]:
        if not name or _FORBIDDEN & set(name):
            raise InputError(
                f"table {table}: a column cannot be named {name!r}; name it (by AS) with letters, digits and _"
            )
    if "uint8" in scalar_types(column.type):
        raise InputError(f"table {table}: Delta has no unsigned numbers; declare column {column.name!r} as int16")


def _field_names(kind: str) -> Iterator[str]:
    if (item := item_type(kind)) is not None:
        yield from _field_names(item)
    for name, inner in field_types(kind) or ():
        yield name
        yield from _field_names(inner)
