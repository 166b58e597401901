"""CSV files as Arrow batches: types found over the whole file, errors that name file, line and column."""

from __future__ import annotations

import csv as rows_of
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from skyhouse.errors import FormatError, InputError, did_you_mean
from skyhouse.formats.blocks import Block, blocks
from skyhouse.formats.stored import together

__all__ = ["CsvFile", "CsvOptions"]

_ROW = re.compile(r"Row #(\d+)")
_COLUMN = re.compile(r"In CSV column #(\d+)")
_VALUE = re.compile(r"invalid value '(.*)'", re.DOTALL)
_COUNT = re.compile(r"Expected (\d+) columns, got (\d+)")


@dataclass(frozen=True)
class CsvOptions:
    """How a CSV file is written.

    `delimiter` is one character. `header` says whether the first line names the columns; `names` are used instead
    of it, or where there is none. `nulls` are the texts that stand for NULL. `bad_lines` is "error", or "skip" to
    leave out lines with more or fewer fields. Lines at the top that begin with "#" are passed over.
    """

    delimiter: str = ","
    header: bool = True
    names: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ("", "NULL", "null", "NA", "N/A")
    bad_lines: str = "error"

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1:
            raise InputError(f"delimiter is one character, not {self.delimiter!r}")
        if self.bad_lines not in ("error", "skip"):
            raise InputError(f"bad_lines is 'error' or 'skip', not {self.bad_lines!r}")


@dataclass
class CsvFile:
    """One CSV file, plain or gzip. `skipped` counts the lines that were left out."""

    path: Path
    options: CsvOptions = field(default_factory=CsvOptions)
    skipped: int = 0

    def schema(self, types: Mapping[str, pa.DataType]) -> pa.Schema:
        """Return names and types, found over all rows: where blocks differ, the type that holds both, else text.

        `types` are those that are known already. Raises FormatError.
        """
        names = self.names()
        if (unknown := next((name for name in types if name not in names), None)) is not None:
            raise FormatError(str(self.path), f"has no column {unknown!r} (types){did_you_mean(unknown, names)}")
        found = [pa.null()] * len(names)
        for block in self._bodies():
            kinds = self._read(block, names, types).schema.types
            for place, kind in enumerate(kinds):
                if pa.types.is_binary(kind):
                    raise self._wrong(block, names[place], "is not UTF-8 text; convert the file first")
                found[place] = together(found[place], kind) or pa.string()
        return pa.schema(list(zip(names, found, strict=True)))

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows, a block at a time, in the types of the schema. Raises FormatError."""
        self.skipped = 0
        names = self.names()
        types = {one.name: one.type for one in schema}
        for block in self._bodies():
            yield from self._read(block, names, types).to_batches()

    def names(self) -> list[str]:
        """Return the names of the columns: as given, else of the header; those without one are col1, col2 ..."""
        first = next(self._records(), None)
        if first is None:
            raise FormatError(str(self.path), "is empty; a CSV file needs at least a line of names")
        line = io.StringIO(first.data.decode("utf-8", "replace"), newline="")
        fields = next(rows_of.reader(line, delimiter=self.options.delimiter), [])
        if self.options.names:
            if len(self.options.names) != len(fields):
                raise FormatError(
                    str(self.path), f"has {len(fields)} columns, and names gives {len(self.options.names)}"
                )
            return list(self.options.names)
        return _unique(fields) if self.options.header else [f"col{n}" for n in range(1, len(fields) + 1)]

    def _records(self) -> Iterator[Block]:
        """Yield the blocks from the first line on that is no comment."""
        leading = True
        for block in blocks(self.path, b'"'):
            data, line = block.data, block.line
            while leading and data.startswith(b"#"):
                data, line = data.partition(b"\n")[2], line + 1
            if leading and not data.strip():
                continue
            leading = False
            yield Block(line, data)

    def _bodies(self) -> Iterator[Block]:
        """Yield the blocks without the header."""
        first = self.options.header
        for block in self._records():
            data, line = block.data, block.line
            if first:
                end = data.find(b"\n") + 1
                while 0 < end < len(data) and data.count(b'"', 0, end) % 2:
                    end = data.find(b"\n", end) + 1
                line += data.count(b"\n", 0, end)
                data = data[end:] if end else b""
                first = False
            if data.strip():
                yield Block(line, data)

    def _read(self, block: Block, names: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
        from pyarrow import csv

        bad: list[csv.InvalidRow] = []

        def unfit(row: csv.InvalidRow) -> str:
            bad.append(row)
            return self.options.bad_lines

        def attempt(threads: bool) -> pa.Table:
            bad.clear()
            return csv.read_csv(
                pa.BufferReader(block.data),
                csv.ReadOptions(column_names=names, use_threads=threads, block_size=max(len(block.data), 1)),
                csv.ParseOptions(delimiter=self.options.delimiter, newlines_in_values=True, invalid_row_handler=unfit),
                csv.ConvertOptions(column_types=types, null_values=self.options.nulls, strings_can_be_null=True),
            )

        try:
            table = attempt(True)
        except pa.ArrowInvalid:
            try:
                table = attempt(False)  # only so does an error name its row
            except pa.ArrowInvalid as error:
                raise self._explained(block, names, types, str(error), bad) from error
        self.skipped += len(bad)
        return table

    def _explained(
        self,
        block: Block,
        names: Sequence[str],
        types: Mapping[str, pa.DataType],
        text: str,
        bad: Sequence[object],
    ) -> FormatError:
        row = getattr(bad[-1], "number", None) if bad else None
        if row is None:
            found = _ROW.search(text)
            row = int(found[1]) if found else None
        if (counted := _COUNT.search(text)) is not None:
            problem = f"has {counted[2]} fields where {counted[1]} are due; mend it, or attach with bad_lines='skip'"
            return self._wrong(block, "", problem, row)
        column, value = _COLUMN.search(text), _VALUE.search(text)
        if column is not None and value is not None:
            name = names[int(column[1])]
            problem = f"{value[1]!r} is no {types.get(name, 'value')}; declare another type or name it in nulls"
            return self._wrong(block, name, problem, row)
        return self._wrong(block, "", text, row)

    def _wrong(self, block: Block, column: str, problem: str, row: int | None = None) -> FormatError:
        line = block.line if row is None else block.line + _line_of(block.data, row)
        where = f"line {line}" + (f", column {column!r}" if column else "")
        return FormatError(str(self.path), f"{where}: {problem}")


def _line_of(data: bytes, row: int) -> int:
    """Return how many lines come before a row (from 1), some of whose fields may have line ends inside."""
    start = 0
    for _ in range(row - 1):
        end = data.find(b"\n", start) + 1
        while 0 < end < len(data) and data.count(b'"', start, end) % 2:
            end = data.find(b"\n", end) + 1
        start = end or len(data)
    return data.count(b"\n", 0, start)


def _unique(fields: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, text in enumerate(fields, 1):
        wanted = name = text.strip() or f"col{number}"
        times = 1
        while name.lower() in (taken.lower() for taken in names):
            times += 1
            name = f"{wanted}_{times}"
        names.append(name)
    return names
