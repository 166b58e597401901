"""Rows that arrive source by source, from several writers at once: a source is in a table once, whoever was first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from skyhouse.errors import CommitConflict
from skyhouse.lake.commit import commit
from skyhouse.lake.lineage import Source, sources
from skyhouse.lake.replace import rewritten, without

if TYPE_CHECKING:
    from skyhouse.lake.table import Table
    from skyhouse.lake.writer import WrittenFile

__all__ = ["commit_sources", "delete", "remove_sources", "without_sources"]

_TRIES = 100


def commit_sources(
    table: Table, files: list[WrittenFile], replaced: Mapping[str, set[Source]], note: Mapping[str, str]
) -> dict[str, tuple[Source, Source]]:
    """Commit the files, but not the sources that another writer has committed meanwhile; return what it made otherwise.

    `replaced` are the older sources, by key, whose rows go in the same commit. What is returned is (our source, theirs)
    by key. Raises CommitConflict where others are faster again and again, LakeError.
    """
    lost: dict[str, tuple[Source, Source]] = {}
    for _ in range(_TRIES):
        version = table.refresh().version
        made = {span.source.key: span.source for file in files for span in file.spans}
        held = sources(table)
        if rivals := {key for key in made.keys() & held.keys() if held[key] not in replaced.get(key, ())}:
            lost |= {key: (made[key], held[key]) for key in rivals if held[key] != made[key]}
            files = without_sources(table, files, rivals)
            continue
        kept, removed = without(table, made.keys() & held.keys())
        try:
            commit(table, [*files, *kept], removed, expect=version, note=note)
        except CommitConflict:
            delete(table, kept)
            continue
        return lost
    delete(table, files)
    raise CommitConflict(f"table {table.name}: other writers were faster {_TRIES} times in a row; try again later")


def remove_sources(table: Table, gone: Collection[Source], note: Mapping[str, str]) -> None:
    """Take the rows of sources out of the table. Raises CommitConflict, LakeError."""
    for _ in range(_TRIES):
        version = table.refresh().version
        held = sources(table)
        keys = {source.key for source in gone if held.get(source.key) == source}
        if not keys:
            return
        kept, removed = without(table, keys)
        try:
            commit(table, kept, removed, expect=version, note=note)
        except CommitConflict:
            delete(table, kept)
            continue
        return
    raise CommitConflict(f"table {table.name}: other writers were faster {_TRIES} times in a row; try again later")


def without_sources(table: Table, files: Iterable[WrittenFile], keys: Collection[str]) -> list[WrittenFile]:
    """Take sources out of files that are not committed yet; the files that held them are deleted."""
    kept: list[WrittenFile] = []
    for file in files:
        if any(span.source.key in keys for span in file.spans):
            kept += rewritten(table.definition, str(table.path / file.name), keys)
            delete(table, [file])
        else:
            kept.append(file)
    return kept


def delete(table: Table, files: Iterable[WrittenFile]) -> None:
    """Delete files of the table's folder that were not committed."""
    for file in files:
        (table.path / file.name).unlink(missing_ok=True)
