"""The runs of a lake's queries, a line of JSON each, in files that many processes may append to at once."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

__all__ = ["History", "Record"]

_CURRENT = "runs.jsonl"
_LONGEST = 20_000  # characters of a query's text that are kept


@dataclass(frozen=True)
class Record:
    """One run: when it began (UTC), what was asked, which engine ran it and why, what it was predicted to take.

    `seconds` is what was waited for the engine, until the last row that was fetched; `bytes` are those of the columns
    that were to be read, compressed; `rows` those of the result that were fetched; `error` says why it ended early,
    `moved` why it left the engine that it began on.
    """

    started_at: dt.datetime
    text: str
    dialect: str
    engine: str
    reason: str
    predicted_seconds: float | None
    seconds: float
    bytes: int
    rows: int
    error: str = ""
    moved: str = ""


_SCHEMA = pa.schema(
    [
        ("started_at", pa.timestamp("us", "UTC")),
        ("text", pa.string()),
        ("dialect", pa.string()),
        ("engine", pa.string()),
        ("reason", pa.string()),
        ("predicted_seconds", pa.float64()),
        ("seconds", pa.float64()),
        ("bytes", pa.int64()),
        ("rows", pa.int64()),
        ("error", pa.string()),
        ("moved", pa.string()),
    ]
)


class History:
    """The records in a folder, the newest in ``runs.jsonl``; that is put aside when it is over `most_bytes`.

    `kept` files are put aside at most. What cannot be written there goes to the folder `other`. A line that cannot be
    read, as of a process that died, is passed over.
    """

    def __init__(self, folder: Path, other: Path | None = None, *, most_bytes: int = 8_000_000, kept: int = 3) -> None:
        self.folders = [folder, *([other] if other is not None else [])]
        self._most_bytes = most_bytes
        self._kept = kept

    def add(self, record: Record) -> None:
        """Append a record, by one write. Raises OSError."""
        values = asdict(record)
        values["started_at"] = record.started_at.isoformat()
        if len(record.text) > _LONGEST:
            values["text"] = f"{record.text[:_LONGEST]} ... ({len(record.text):,} characters)"
        # Its own beginning of a line makes a record whole even after one that was cut off.
        line = f"\n{json.dumps(values, ensure_ascii=False)}\n".encode(errors="replace")
        for folder in self.folders:
            try:
                self._append(folder, line)
                return
            except OSError:
                if folder is self.folders[-1]:
                    raise

    def _append(self, folder: Path, line: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        current = folder / _CURRENT
        opened = os.open(current, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(opened, line)
            size = os.fstat(opened).st_size
        finally:
            os.close(opened)
        if size > self._most_bytes:
            self._put_aside(current)

    def table(self, n: int | None = None) -> pa.Table:
        """Return the records, or the last n of them, oldest first. Raises OSError."""
        found = [
            record
            for folder in self.folders
            for path in (*_aside(folder), folder / _CURRENT)
            for record in _records(path)
        ]
        found.sort(key=lambda record: record["started_at"])
        return pa.Table.from_pylist(found[-n:] if n else found[: None if n is None else 0], schema=_SCHEMA)

    def _put_aside(self, current: Path) -> None:
        try:
            if current.stat().st_size > self._most_bytes:  # another process may just have done it
                current.rename(current.with_name(f"runs-{time.time_ns():020d}.jsonl"))
            for old in _aside(current.parent)[: -self._kept]:
                old.unlink(missing_ok=True)
        except FileNotFoundError:  # another process did it between the two looks
            return


def _aside(folder: Path) -> list[Path]:
    """Return the files that were put aside, oldest first."""
    return sorted(folder.glob("runs-*.jsonl"))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    names = {field.name for field in fields(Record)}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                values = json.loads(line) if line.strip() else None
                if isinstance(values, dict) and values.keys() >= names:
                    values["started_at"] = dt.datetime.fromisoformat(values["started_at"])
                    yield {name: values[name] for name in names}
            except (ValueError, TypeError):
                continue
