"""The dialects that a query may be written in.

Each is a sqlglot parser that knows no functions (a call keeps the name it was written with) and a tuple of rewrites,
each a pure step from that dialect's tree to the tree of Skyhouse's own language. What a text means in its dialect it
means here too: where the language has another meaning for the same words, the rewrite says what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from skyhouse.errors import InputError
from skyhouse.query.dialects.house import Dialect
from skyhouse.query.dialects.rewrite import Rewrite

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect as Reader

__all__ = ["DIALECTS", "Dialect", "Spoken", "spoken"]


@dataclass(frozen=True)
class Spoken:
    """An input dialect: what reads its text, and what makes our tree of that tree.

    `refused` are words that begin a line of what is no query, each with the reason why it is not read.
    """

    reader: type[Reader]
    rewrites: tuple[Rewrite, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def spoken(name: str) -> Spoken:
    """Return an input dialect by its name, one of `DIALECTS`; raises InputError for another."""
    if name not in _LOADERS:
        raise InputError(f"no SQL dialect {name!r}; there is {', '.join(DIALECTS)}")
    return _LOADERS[name]()


def _sql() -> Spoken:
    return Spoken(Dialect)


# Each of sqlglot's dialects costs an import, which the other dialects need not wait for.
def _adql() -> Spoken:
    from skyhouse.query.dialects import adql

    return Spoken(adql.Adql, adql.REWRITES)


def _tsql() -> Spoken:
    from skyhouse.query.dialects import tsql

    return Spoken(tsql.SkyServerSql, tsql.REWRITES, tsql.REFUSED)


def _spark() -> Spoken:
    from skyhouse.query.dialects import spark

    return Spoken(spark.SparkSql, spark.REWRITES)


def _ibis() -> Spoken:
    from skyhouse.query.dialects import ibis

    return Spoken(Dialect, ibis.REWRITES)


_LOADERS: Mapping[str, Callable[[], Spoken]] = MappingProxyType(
    {"sql": _sql, "adql": _adql, "tsql": _tsql, "spark": _spark, "ibis": _ibis}
)
DIALECTS = tuple(name for name in _LOADERS if name != "ibis")  # people do not write that one
