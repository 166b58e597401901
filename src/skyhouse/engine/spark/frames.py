"""A statement's tables as views of a Spark session, each made once; its functions likewise.

A view never changes: a table that has moved on is another view. So a small query pays for no view, statements that run
at once do not meet, and a frame that runs later still reads what its statement meant.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skyhouse.columns import Column
from skyhouse.engine.spark.functions import Functions
from skyhouse.engine.spark.types import struct
from skyhouse.query.relation import Part, Relation, Scan, Statement

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Views"]

# Texts and quoted names, as Spark SQL writes them.
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`", re.DOTALL)
# So many views are kept; of a table that changes every minute the old ones go.
_KEPT = 256


class Views:
    """The views that a session has of relations."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._functions = Functions(session)
        self._lock = threading.Lock()
        self._made = 0
        self._names: OrderedDict[tuple[str, tuple[Part, ...]], tuple[Relation, str]] = OrderedDict()

    def sql(self, statement: Statement) -> str:
        """Return the statement's SQL with the session's names of views and functions in place of its own.

        Those that are missing are made.
        """
        if not (statement.scans or statement.calls):
            return statement.sql
        with self._lock:
            names = {_quoted(scan.name): _quoted(self._view(scan)) for scan in statement.scans}
        names |= {_quoted(own): _quoted(name) for own, name in self._functions.names(statement.calls).items()}
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
    schema = struct(columns)
    if not part.files:
        return session.createDataFrame([], schema)
    frame = session.read.schema(schema).parquet(*(re.sub(r"([\[\]{}*?\\])", r"\\\1", file) for file in part.files))
    if not part.foreign:
        return frame
    # Of a float in an expression Spark does not compare the files' extremes, which may pass over NaN.
    floats = {column.name for column in columns if column.type in ("float32", "float64")}
    named = {name: _quoted(name) for name in frame.columns}
    return frame.selectExpr(*(f"nanvl({q}, {q}) AS {q}" if name in floats else q for name, q in named.items()))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
