"""Users' functions as functions of a Spark session: each kind of call is registered once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from skyhouse.columns import arrow_type
from skyhouse.engine.spark.types import data_type
from skyhouse.query.registered import Call

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["Functions"]

# So many are kept, with what they carry: who works on a function registers it anew and anew.
_KEPT = 32


class Functions:
    """The functions that a session has of calls; safe to use from several threads."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._made = 0
        self._names: OrderedDict[Call, str] = OrderedDict()

    def names(self, calls: Iterable[Call]) -> dict[str, str]:
        """Return the session's names of calls by those in the statement; what is missing is registered."""
        with self._lock:
            return {call.name: self._name(call) for call in calls}

    def _name(self, call: Call) -> str:
        if call in self._names:
            self._names.move_to_end(call)
            return self._names[call]
        self._made += 1
        name = f"{call.name}@{self._made}"
        self._register(name, call)
        self._names[call] = name
        while len(self._names) > _KEPT:
            _, old = self._names.popitem(last=False)
            self._session.sql(f"DROP TEMPORARY FUNCTION IF EXISTS `{old}`")
        return name

    def _register(self, name: str, call: Call) -> None:
        from pyspark.sql.pandas.functions import arrow_udf

        made = arrow_udf(_worker(call), data_type(call.function.result))  # type: ignore[call-overload]
        self._session.udf.register(name, made if call.function.deterministic else made.asNondeterministic())


def _worker(call: Call) -> Callable[..., pa.Array]:
    """Return what a worker does with the arrays of arguments."""
    result = arrow_type(call.function.result.replace("uint8", "int16"))  # Spark has no unsigned numbers

    def worker(*columns: pa.Array) -> pa.Array:
        found = call.function.work(call.rows(columns))
        return found if found.type.equals(result) else found.cast(result)

    return worker
