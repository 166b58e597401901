"""A statement's tables as views of a Spark session, each made once.

A view never changes: a table that has moved on is another view. So a small query pays for no view, statements that run
at once do not meet, and a frame that runs later still reads what its statement meant.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from skyhouse.columns import Column, field_types, item_type
from skyhouse.query.relation import Part, Relation, Scan, Statement

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Views"]

_TYPES = {
    "bool": "boolean",
    "int8": "byte",
    "uint8": "short",  # Spark has no unsigned numbers
    "int16": "short",
    "int32": "integer",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "binary": "binary",
    "date": "date",
    "timestamp": "timestamp_ntz",
}
# Texts and quoted names, as Spark SQL writes them.
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`", re.DOTALL)
# So many views are kept; of a table that changes every minute the old ones go.
_KEPT = 256


class Views:
    """The views that a session has of relations."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._made = 0
        self._names: OrderedDict[tuple[str, tuple[Part, ...]], tuple[Relation, str]] = OrderedDict()

    def sql(self, statement: Statement) -> str:
        """Return the statement's SQL with the names of views in place of those of its scans; missing views are made."""
        if not statement.scans:
            return statement.sql
        with self._lock:
            names = {_quoted(scan.name): _quoted(self._view(scan)) for scan in statement.scans}
        return _QUOTED.sub(lambda found: names.get(found[0], found[0]), statement.sql)

    def _view(self, scan: Scan) -> str:
        key = scan.name, scan.parts
        known = self._names.get(key)
        if known is not None and known[0] == scan.relation:
            self._names.move_to_end(key)
            return known[1]
        self._made += 1
        name = f"{scan.name}@{self._made}"
        self._frame(scan).createTempView(_quoted(name))
        self._names[key] = scan.relation, name
        while len(self._names) > _KEPT:
            _, (_, old) = self._names.popitem(last=False)
            self._session.catalog.dropTempView(_quoted(old))
        return name

    def _frame(self, scan: Scan) -> DataFrame:
        first, *others = scan.parts
        frame = _read(self._session, first, first.columns)
        held = set(first.names)
        join_key = list(scan.relation.join_key)
        for part in others:
            wanted = [c for c in part.columns if c.name not in held or c.name in join_key]
            frame = frame.join(_read(self._session, part, wanted), join_key, "left")
            held |= part.names
        return frame


def _read(session: SparkSession, part: Part, columns: Sequence[Column]) -> DataFrame:
    from pyspark.sql.types import StructType

    schema = StructType.fromJson(_json_fields((column.name, column.type) for column in columns))
    if not part.files:
        return session.createDataFrame([], schema)
    frame = session.read.schema(schema).parquet(*(re.sub(r"([\[\]{}*?\\])", r"\\\1", file) for file in part.files))
    if not part.foreign:
        return frame
    # Of a float in an expression Spark does not compare the files' extremes, which may pass over NaN.
    floats = {column.name for column in columns if column.type in ("float32", "float64")}
    named = {name: _quoted(name) for name in frame.columns}
    return frame.selectExpr(*(f"nanvl({q}, {q}) AS {q}" if name in floats else q for name, q in named.items()))


def _json_type(name: str) -> Any:
    if (item := item_type(name)) is not None:
        return {"type": "array", "elementType": _json_type(item), "containsNull": True}
    if (fields := field_types(name)) is not None:
        return _json_fields(fields)
    return _TYPES[name]


def _json_fields(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found = [{"name": name, "type": _json_type(kind), "nullable": True, "metadata": {}} for name, kind in fields]
    return {"type": "struct", "fields": found}


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
