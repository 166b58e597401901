"""Files of foreign formats, one protocol for all: a schema, and batches in its types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from skyhouse.columns import arrow_type
from skyhouse.errors import FormatError, InputError, did_you_mean

if TYPE_CHECKING:
    from skyhouse.formats.csv_reader import CsvFile
    from skyhouse.formats.json_reader import JsonLines

__all__ = ["ENDINGS", "KINDS", "Source", "check_options", "declared", "source"]

KINDS = ("parquet", "csv", "json", "fits", "votable")
_NAMED = {
    "parquet": "parquet", "parq": "parquet", "pq": "parquet", "csv": "csv", "tsv": "csv", "jsonl": "json",
    "ndjson": "json", "json": "json", "fits": "fits", "fit": "fits", "vot": "votable", "votable": "votable",
    "xml": "votable",
}  # fmt: skip
ENDINGS = {f".{name}{gz}": kind for name, kind in _NAMED.items() for gz in ("", ".gz") if kind != "parquet" or not gz}
_ANY = frozenset({"types", "units"})
_TAKES = {
    "parquet": frozenset({"convert"}),
    "csv": frozenset({"delimiter", "header", "names", "nulls", "bad_lines"}),
    "json": frozenset[str](),
    "fits": frozenset({"hdu"}),
    "votable": frozenset({"table"}),
}


class Source(Protocol):
    """One file."""

    def schema(self) -> pa.Schema:
        """Return what its rows have, with units in the fields' metadata. Raises FormatError."""
        ...

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield its rows: columns of the schema by name, in types that can be cast to it. Raises FormatError."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Return what was left out, once all batches are read."""
        ...


def check_options(kind: str, options: Mapping[str, Any]) -> None:
    """Raise InputError for an option that the kind of file does not take."""
    takes = _ANY | _TAKES[kind]
    for name in options:
        if name not in takes:
            raise InputError(
                f"no option {name!r} for {kind} files{did_you_mean(name, takes)}; they take {', '.join(sorted(takes))}"
            )
    declared(options)


def declared(options: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """Return the types that the option `types` declares. Raises InputError for a type that is none."""
    return {name: arrow_type(kind) for name, kind in dict(options.get("types") or {}).items()}


def source(path: Path, kind: str, options: Mapping[str, Any]) -> Source:
    """Return the reader of one file."""
    if kind == "csv":
        return _Lines(_csv(path, options), options)
    if kind == "json":
        from skyhouse.formats.json_reader import JsonLines

        return _Lines(JsonLines(path), options)
    if kind == "fits":
        return _Fits(path, options.get("hdu"))
    return _Votable(path, options.get("table", 0)) if kind == "votable" else _Parquet(path)


class _Lines:
    """A file of text, whose types may be declared."""

    def __init__(self, file: CsvFile | JsonLines, options: Mapping[str, Any]) -> None:
        self._file = file
        self._types = declared(options)

    def schema(self) -> pa.Schema:
        return self._file.schema(self._types)

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        return self._file.batches(schema)

    def notes(self) -> tuple[str, ...]:
        count = self._file.skipped
        return (f"{self._file.path.name}: {count:,} lines of another number of fields left out",) if count else ()


def _csv(path: Path, options: Mapping[str, Any]) -> CsvFile:
    from skyhouse.formats.csv_reader import CsvFile, CsvOptions

    known = {one.name for one in fields(CsvOptions)}
    given: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in options.items() if name in known
    }
    if path.name.lower().removesuffix(".gz").endswith(".tsv"):
        given = {"delimiter": "\t"} | given
    return CsvFile(path, CsvOptions(**given))


class _Fits:
    def __init__(self, path: Path, hdu: Any) -> None:
        self._path = path
        self._hdu = hdu

    def schema(self) -> pa.Schema:
        from skyhouse.formats import fits

        return fits.schema(self._path, self._hdu)

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        from skyhouse.formats import fits

        return fits.batches(self._path, self._hdu, columns=schema.names)

    def notes(self) -> tuple[str, ...]:
        return ()


class _Votable:
    def __init__(self, path: Path, table: int | str) -> None:
        from skyhouse.formats.votable_reader import read_votable

        self._rows, self._left_out = read_votable(path, table)
        self._name = path.name

    def schema(self) -> pa.Schema:
        return self._rows.schema

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        return iter(self._rows.select(schema.names).to_batches(65_536))

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{self._name}: column {text} left out" for text in self._left_out)


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path

    def schema(self) -> pa.Schema:
        import pyarrow.parquet as pq

        try:
            return pq.read_schema(self._path)
        except (pa.ArrowInvalid, OSError) as error:
            raise FormatError(str(self._path), f"is no Parquet file that can be read: {error}") from error

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._path) as file:
            yield from file.iter_batches(65_536, columns=schema.names)

    def notes(self) -> tuple[str, ...]:
        return ()
