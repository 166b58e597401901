"""What a table's files were made from. Each Parquet file says it itself, in its footer, so no list can go stale."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from skyhouse.errors import LakeError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from skyhouse.lake.table import Table

__all__ = ["Source", "Span", "files_of", "footer_text", "read_spans", "sources"]

FOOTER_KEY = b"skyhouse.lineage"


@dataclass(frozen=True, slots=True)
class Source:
    """One raw file, or one unit of it, as it was when rows were made from it.

    `key` names the unit ("7815-3702/HYB10-GAU-MILESHC"); `path`, `size` (bytes) and `mtime_ns` tell whether the raw
    file has changed since.
    """

    key: str
    path: str = ""
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """`rows` consecutive rows of a Parquet file, all made from one source."""

    source: Source
    rows: int


def footer_text(spans: Iterable[Span]) -> str:
    """Return the lineage as the JSON text that a Parquet footer carries; spans stand in the order of the rows.

    >>> footer_text([Span(Source("7815-3702"), 773)])
    '[{"key": "7815-3702", "path": "", "size": 0, "mtime_ns": 0, "rows": 773}]'
    """
    return json.dumps([{**asdict(span.source), "rows": span.rows} for span in spans])


def read_spans(metadata: pq.FileMetaData) -> tuple[Span, ...]:
    """Return the spans of a Parquet file; none where the file was not written by Skyhouse."""
    text = (metadata.metadata or {}).get(FOOTER_KEY, b"[]")
    return tuple(Span(Source(e["key"], e["path"], e["size"], e["mtime_ns"]), e["rows"]) for e in json.loads(text))


def sources(table: Table) -> dict[str, Source]:
    """Return the sources of all rows of the table, by key.

    Reads the footers of files not seen before through this `Table`. Raises LakeError where a file is missing.
    """
    return {span.source.key: span.source for spans in _spans(table).values() for span in spans}


def files_of(table: Table, keys: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the files that hold rows of the given sources: absolute path -> which of the keys it holds."""
    wanted = frozenset(keys)
    found: dict[str, set[str]] = defaultdict(set)
    for path, spans in _spans(table).items():
        for span in spans:
            if span.source.key in wanted:
                found[path].add(span.source.key)
    return {path: frozenset(held) for path, held in found.items()}


def _spans(table: Table) -> Mapping[str, tuple[Span, ...]]:
    paths = [file.path for file in table.files()]
    seen = table.spans
    new = [path for path in paths if path not in seen]
    with ThreadPoolExecutor() as pool:  # footers of wide tables are large, and Arrow reads them without the GIL
        seen.update(zip(new, pool.map(_read, new), strict=True))
    return {path: seen[path] for path in paths}


def _read(path: str) -> tuple[Span, ...]:
    import pyarrow.parquet as pq

    try:
        return read_spans(pq.read_metadata(path))
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise LakeError(f"the footer of {path} cannot be read: {error}") from error
