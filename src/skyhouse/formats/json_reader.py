"""Files of JSON lines as Arrow batches: an object a line, types found over the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from skyhouse.errors import FormatError
from skyhouse.formats.blocks import Block, blocks
from skyhouse.formats.stored import together

__all__ = ["JsonLines"]

_ROW = re.compile(r" in row (\d+)")


@dataclass(frozen=True)
class JsonLines:
    """One file of JSON lines, plain or gzip. A key that a line lacks is NULL there; nested objects are structs."""

    path: Path
    skipped: ClassVar[int] = 0  # every line counts

    def schema(self, types: Mapping[str, pa.DataType]) -> pa.Schema:
        """Return the keys in the order in which they first come, and types that hold all values.

        `types` are those that are known already. Raises FormatError where values of one key have no type together.
        """
        found: dict[str, pa.DataType] = {}
        for block in blocks(self.path):
            for one in self._read(block, types, "infer").schema:
                before = found.get(one.name, pa.null())
                kind = together(before, one.type) or _text(before, one.type)
                if kind is None:
                    problem = f"key {one.name!r} is {one.type} here and {before} before; declare its type with types"
                    raise FormatError(str(self.path), f"from line {block.line} on: {problem}")
                found[one.name] = kind
        return pa.schema(list(found.items()))

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows, a block at a time, in the types of the schema. Raises FormatError."""
        types = {one.name: one.type for one in schema}
        for block in blocks(self.path):
            yield from self._read(block, types, "ignore").select(schema.names).cast(schema).to_batches()

    def _read(self, block: Block, types: Mapping[str, pa.DataType], others: str) -> pa.Table:
        from pyarrow import json

        try:
            return json.read_json(
                pa.BufferReader(block.data),
                json.ReadOptions(block_size=len(block.data) + 1, use_threads=False),
                json.ParseOptions(
                    explicit_schema=pa.schema(list(types.items())) if types else None,
                    unexpected_field_behavior=others,
                ),
            )
        except pa.ArrowInvalid as error:
            row = _ROW.search(str(error))
            line = block.line + (int(row[1]) if row else 0)
            problem = _ROW.sub("", str(error)).removeprefix("JSON parse error: ")
            raise FormatError(str(self.path), f"line {line}: {problem}; each line must be one JSON object") from error


def _text(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return text for a pair of text and a time: times are told from text by their looks only."""
    looks = [kind for kind in (a, b) if pa.types.is_timestamp(kind) or pa.types.is_string(kind)]
    return pa.string() if len(looks) == 2 else None
