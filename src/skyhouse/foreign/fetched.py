"""A statement whose remote tables have become files, and the end of these files."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from skyhouse.query.relation import Part, Relation, Scan, Statement

__all__ = ["Fetched"]


class Fetched:
    """A statement with files in the place of remote tables; the files are there until `close`, or until it is gone."""

    def __init__(self, statement: Statement, folder: str | None = None) -> None:
        self._asked = statement
        self._files: dict[str, Path] = {}
        self._folder = None
        if folder is not None:
            self._folder = Path(tempfile.mkdtemp(prefix="skyhouse-fetched-", dir=folder or None))
            self._end = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def file(self, scan: Scan) -> Path:
        """Return where the rows of a remote scan are to be written."""
        assert self._folder is not None
        return self._files.setdefault(scan.name, self._folder / f"{len(self._files)}.parquet")

    @property
    def statement(self) -> Statement:
        """The statement as an engine can run it."""
        if not self._files:
            return self._asked
        return replace(self._asked, scans=tuple(self._local(scan) for scan in self._asked.scans))

    def around(self, run: Callable[[Statement], pa.RecordBatchReader]) -> pa.RecordBatchReader:
        """Run the statement; the files go when the last row is out, or the reader is dropped."""
        if self._folder is None:
            return run(self._asked)
        try:
            reader = run(self.statement)
        except BaseException:
            self.close()
            raise

        def rows() -> Iterator[pa.RecordBatch]:
            try:
                yield from reader
            finally:
                self.close()

        return pa.RecordBatchReader.from_batches(reader.schema, rows())

    def close(self) -> None:
        """Delete the files."""
        if self._folder is not None:
            self._end()

    def _local(self, scan: Scan) -> Scan:
        if scan.request is None:
            return scan
        columns = tuple(column for column in scan.relation.columns if column.name in scan.request.columns)
        part = Part(columns, (str(self._files[scan.name]),), foreign=True)
        return replace(scan, relation=Relation(scan.name, (part,), rows=scan.relation.rows))
