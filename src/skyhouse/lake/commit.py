"""One atomic change of a table: files in, files out, or nothing at all."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from skyhouse.errors import CommitConflict, LakeError
from skyhouse.lake.delta import delta_errors, notes

if TYPE_CHECKING:
    from skyhouse.lake.table import DataFile, Table
    from skyhouse.lake.writer import WrittenFile

__all__ = ["commit"]

_TRIES = 50


def commit(
    table: Table,
    added: Iterable[WrittenFile],
    removed: Iterable[DataFile] = (),
    expect: int | None = None,
    note: Mapping[str, str] | None = None,
) -> int:
    """Add files to the table and remove others in one commit; return the version that it made.

    The table is at that version (or a newer one) afterwards. Without `expect`, a commit that another writer
    overtakes is tried again on the newer version, where `removed` has to be in the table still. With `expect`, it
    succeeds only as the successor of that version: who decided what to add by looking at a version can be sure
    that nothing has come in between. `note` is kept in the log's entry.

    Raises CommitConflict where the table has moved past `expect`, has lost one of `removed`, or is changed by
    others too often; LakeError where an added file is not in the table's folder or the log cannot be written.
    """
    added, removed = list(added), list(removed)
    for file in added:
        path = table.path / file.name
        if not path.is_file() or path.stat().st_size != file.size:
            raise LakeError(
                f"{path} is not there as it was written; table {table.name} takes it in only if written again"
            )
    now = time.time()
    for old in removed:
        # Vacuum spares young files: a query that is running may still be reading this one.
        with contextlib.suppress(FileNotFoundError):
            os.utime(old.path)
    actions = [_add(file, now) for file in added] + [_remove(table, file, now) for file in removed]
    properties = CommitProperties(custom_metadata=notes(note), max_commit_retries=0)
    for attempt in range(_TRIES):
        base = table.refresh().version
        if expect is not None and base != expect:
            raise CommitConflict(f"table {table.name} is at version {base}, no more at {expect}: look again and retry")
        if removed and (lost := {file.path for file in removed} - {file.path for file in table.files()}):
            raise CommitConflict(f"{min(lost)} is no more in table {table.name}: another writer replaced it; retry")
        if not actions:
            return base
        try:
            with delta_errors(f"table {table.name}: the commit cannot be written"):
                table.log.create_write_transaction(actions, "append", table.log.schema(), commit_properties=properties)
        except LakeError as error:
            if not isinstance(error.__cause__, CommitFailedError) or table.refresh().version == base:
                raise
            time.sleep(random.uniform(0, 0.01 * (attempt + 1)))  # noqa: S311 - only spreads the writers out
        else:
            table.refresh()
            return base + 1
    raise CommitConflict(f"table {table.name}: other writers were faster {_TRIES} times in a row; retry later")


def _add(file: WrittenFile, now: float) -> AddAction:
    statistics = {
        "numRecords": file.rows,
        "minValues": file.minimum,
        "maxValues": file.maximum,
        "nullCount": file.nulls,
    }
    return AddAction(file.name, file.size, {}, int(now * 1000), True, json.dumps(statistics))


def _remove(table: Table, file: DataFile, now: float) -> RemoveAction:
    name = os.path.relpath(file.path, table.path)
    return RemoveAction(name, data_change=True, deletion_timestamp=int(now * 1000), size=file.size, partition_values={})
