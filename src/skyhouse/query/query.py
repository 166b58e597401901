"""The lazy query: from SQL text or by verbs, run when its rows are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from sqlglot import exp

from skyhouse.columns import Column, columns_of
from skyhouse.errors import InputError, MissingPackage, SkyhouseError
from skyhouse.query import display, verbs
from skyhouse.query.answer import Answer, Asked
from skyhouse.query.engines import engine_named
from skyhouse.query.explain import Explanation
from skyhouse.query.job import Job, Progress
from skyhouse.query.lower import lower_resolved
from skyhouse.query.parse import Dialect, parse
from skyhouse.query.resolve import Resolved

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Context", "Grouped", "Query", "Run"]

_SHOWN_ROWS = 10
_SHOWN_COLUMNS = 24


class Context(Protocol):
    """What a query needs to run; a session is one."""

    def resolved(self, tree: exp.Query) -> Resolved:
        """Return a checked query, to look at only; raises what `resolve` raises."""
        ...

    def batches(
        self, tree: exp.Query, engine: str | None, job: Job | None = None, asked: Asked | None = None
    ) -> Answer:
        """Run a query on an engine, or on the one that fits; return its rows as they come.

        `asked` is the text that the query came from, where there is one.
        """
        ...

    def explain(self, tree: exp.Query, engine: str | None = None, native: bool = False) -> Explanation:
        """Return how a query would run; with `native`, the engine's own plan too."""
        ...

    def job(self, time_limit: float | None = None, watch: Callable[[Progress], None] | None = None) -> Job:
        """Return a job for one run, limited to so many seconds or as the settings say."""
        ...

    def native(self, tree: exp.Query, engine: str) -> Any:
        """Return an engine's own lazy object for a query."""
        ...

    def to_astropy(self, table: pa.Table) -> Any:
        """Return an astropy QTable, with units."""
        ...

    def write(self, reader: pa.RecordBatchReader, path: str | PathLike[str]) -> int:
        """Write rows to a file whose ending names the format; return their number."""
        ...


@dataclass(frozen=True)
class Run:
    """One run of a query: the engine that ran it, the seconds until its last row, and the rows.

    `reason` says why that engine, `predicted` how many seconds were expected; `moved`, why the query left the engine
    that it began on.
    """

    engine: str
    seconds: float
    rows: int
    table: pa.Table
    predicted: float | None = None
    reason: str = ""
    moved: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Query:
    """Rows that are asked for but not yet fetched.

    A query comes from `Lake.sql` or `Lake.table`. Verbs give new queries; expressions in them are written in SQL. Rows
    are fetched by `to_arrow` and its kin, by iteration over Arrow batches, or by printing the query, which fetches ten.

        lake.table("manga.spaxels").where("good").group_by("plateifu").select("plateifu", n="count(*)").to_pandas()
    """

    tree: exp.Query
    context: Context
    engine: str | None = None
    asked: Asked | None = None

    @classmethod
    def of(cls, text: str, context: Context, dialect: str = "sql", engine: str | None = None) -> Query:
        """Return the query of an SQL text.

        Raises QueryError, UnknownTable, UnknownColumn and UnknownFunction.
        """
        return cls.checked(parse(text, dialect), context, engine, Asked(text, dialect))

    @classmethod
    def checked(cls, tree: exp.Query, context: Context, engine: str | None = None, asked: Asked | None = None) -> Query:
        """Return the query of a tree that was read from a text; raises what `of` raises."""
        query = cls(tree, context, engine_named(engine), asked)
        _ = query.columns
        return query

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, object]], context: Context) -> Query:
        """Return the query of rows that are known: whole numbers, texts, None for an unknown number.

        To show them is no run that a history keeps.
        """
        return cls.checked(verbs.constant(rows), context, asked=Asked("", kept=False))

    @classmethod
    def of_table(cls, name: str, context: Context) -> Query:
        """Return the query of all rows of a table; raises UnknownTable."""
        query = cls(verbs.table(name), context)
        _ = query.columns
        return query

    # -- verbs -----------------------------------------------------------------------------------------------

    def where(self, *conditions: str) -> Query:
        """Keep the rows for which all conditions are true: ``where("good", "z < 0.05")``."""
        return self.then(verbs.where(self.tree, conditions))

    def select(self, *columns: str, **named: str) -> Query:
        """Compute columns: ``select("plateifu", n="count(*)")``; an aggregate makes one row of all."""
        return self.then(verbs.select(self.tree, columns, named))

    def with_columns(self, **named: str) -> Query:
        """Add columns to those that are there; a name that is there already is replaced in its place."""
        return self.then(verbs.with_columns(self.tree, named, [column.name for column in self.columns]))

    def group_by(self, *keys: str) -> Grouped:
        """Group rows by keys; `Grouped.select` says what is made of each group."""
        if not keys:
            raise InputError('group_by takes keys: group_by("plateifu")')
        return Grouped(self, keys)

    def join(self, other: Query, on: str | list[str] | None = None, how: str = "inner") -> Query:
        """Join with another query: ``on="key"``, ``on=["a", "b"]`` or ``on="left.a = right.b"``.

        `how` is inner, left, right, full, semi, anti or cross. Of two columns of one name the right one gets ``_1``.
        """
        return self.then(verbs.join(self.tree, _query(other).tree, on, how))

    def order_by(self, *terms: str) -> Query:
        """Sort: ``order_by("n DESC", "plateifu")``. NULLs come last."""
        return self.then(verbs.order_by(self.tree, terms))

    def limit(self, rows: int, offset: int = 0) -> Query:
        """Keep so many rows, after the first `offset`."""
        return self.then(verbs.limit(self.tree, rows, offset))

    def union(self, other: Query, all: bool = True) -> Query:  # noqa: A002 - SQL's word
        """Put the rows of another query below these, column by column; ``all=False`` keeps one of equal rows."""
        return self.then(verbs.union(self.tree, _query(other).tree, all))

    def distinct(self) -> Query:
        """Keep one of each set of equal rows."""
        return self.then(verbs.distinct(self.tree))

    def sample(self, fraction: float | None = None, n: int | None = None, seed: int = 0) -> Query:
        """Keep a share of the rows, from 0 to 1, or n of them; the same ones on every engine for the same seed."""
        return self.then(verbs.sample(self.tree, fraction, n, seed))

    def on(self, engine: str) -> Query:
        """Return the same query for one engine, "duckdb" or "spark"."""
        return replace(self, engine=engine_named(engine))

    def then(self, tree: exp.Query) -> Query:
        """Return another query of the same lake and engine, checked."""
        query = replace(self, tree=tree, asked=self._asked_on)
        _ = query.columns
        return query

    @property
    def _asked_on(self) -> Asked | None:
        """What is known of the text of a query that goes on from this one."""
        return self.asked if self.asked is not None and not self.asked.kept else None

    # -- what it is ------------------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the result, with units where they survive; a type that only the engine knows is empty."""
        found = self.context.resolved(self.tree).columns
        return tuple(replace(column, type="string") if column.type == "null" else column for column in found)

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """The columns of the result that its rows are sorted by, rising, NULLs last; may be none."""
        return verbs.sorted_by(self.tree, [column.name for column in self.columns])

    @property
    def text(self) -> str:
        """The query in Skyhouse's own SQL."""
        return self.tree.sql(dialect=Dialect, pretty=True, normalize_functions=False, comments=False)

    def sql(self, engine: str = "duckdb") -> str:
        """Return the SQL that an engine gets for this query."""
        return lower_resolved(self.context.resolved(self.tree).copy(), engine, pretty=True).sql

    def explain(self, native: bool = False) -> Explanation:
        """Return how the query would run: engine and reason, predictions, what is read, the engine's SQL.

        With `native`, the engine's own plan too, for which the engine is started.
        """
        return self.context.explain(self.tree, self.engine, native)

    # -- rows ------------------------------------------------------------------------------------------------

    def batches(self, job: Job | None = None) -> pa.RecordBatchReader:
        """Run the query and stream its rows, so that the result is never held whole.

        `job` is this run in the hand of another thread: to cancel it, to see how far it is. Raises EngineError and
        its kin, OutOfTime at the settings' `time_limit`.
        """
        return self.context.batches(self.tree, self.engine, job, self.asked).reader

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self.batches())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.batches().__arrow_c_stream__(requested_schema)

    def run(
        self,
        engine: str | None = None,
        *,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Run:
        """Run the query and say which engine ran it and how long it took.

        Past `time_limit` (seconds; that of the settings where it is not given) it is stopped: OutOfTime. `progress`
        is called about ten times a second, in this thread; Ctrl-C stops the query.
        """
        start = time.perf_counter()
        job = self.context.job(time_limit, progress)
        answer = self.context.batches(self.tree, engine_named(engine) or self.engine, job, self.asked)
        table = answer.reader.read_all()
        seconds = time.perf_counter() - start
        course = answer.course
        return Run(course.engine, seconds, table.num_rows, table, course.predicted, course.reason, course.moved)

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table, units in the fields' metadata."""
        return self.run().table

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame. Raises MissingPackage."""
        try:
            import pandas as pd  # noqa: F401 - pyarrow would raise a less helpful error
        except ImportError as error:
            raise MissingPackage("pandas is not installed; pip install 'skyhouse[pandas]'") from error
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a Polars DataFrame. Raises MissingPackage."""
        try:
            import polars as pl
        except ImportError as error:
            raise MissingPackage("polars is not installed; pip install 'skyhouse[polars]'") from error
        return pl.DataFrame(self.to_arrow())

    def to_astropy(self) -> Any:
        """Return the rows as an astropy QTable; columns with a unit are Quantities."""
        return self.context.to_astropy(self.to_arrow())

    def to_duckdb(self) -> Any:
        """Return a DuckDB relation, not yet run, to go on with DuckDB's own API."""
        return self.context.native(self.tree, "duckdb")

    def to_spark(self) -> Any:
        """Return a Spark DataFrame, not yet run, to go on with Spark's own API."""
        return self.context.native(self.tree, "spark")

    def write(self, path: str | PathLike[str]) -> int:
        """Write the rows to a file, ``.parquet``, ``.fits``, ``.csv`` or ``.vot``; return how many there were."""
        return self.context.write(self.batches(), path)

    # -- printing --------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return self._shown(display.as_text, str)

    def _repr_html_(self) -> str:
        return self._shown(display.as_html, display.as_pre)

    def _shown(self, show: Callable[..., str], complain: Callable[[str], str]) -> str:
        """Show ten rows. Printing never raises what a query can be blamed for: the text says it instead."""
        try:
            tree = verbs.limit(self.tree, _SHOWN_ROWS + 1, 0)
            if len(self.columns) > _SHOWN_COLUMNS:
                names = [exp.to_identifier(c.name, quoted=True).sql(Dialect) for c in self.columns[:_SHOWN_COLUMNS]]
                tree = verbs.select(tree, names, {})
            table = self.context.batches(tree, "duckdb", asked=self._asked_on).reader.read_all()
        except SkyhouseError as error:
            return complain(f"{type(error).__name__}: {error}")
        columns = (*columns_of(table.schema), *self.columns[table.num_columns :])
        return show(table.slice(0, _SHOWN_ROWS), columns, table.num_rows > _SHOWN_ROWS)


@dataclass(frozen=True)
class Grouped:
    """A query's rows in groups; `select` makes a query of it."""

    query: Query
    keys: tuple[str, ...]

    def select(self, *columns: str, **named: str) -> Query:
        """Return one row for each group: ``select("plateifu", n="count(*)")``."""
        return self.query.then(verbs.grouped(self.query.tree, self.keys, columns, named))


def _query(other: Query) -> Query:
    if not isinstance(other, Query):
        raise InputError(f'another query is needed, such as lake.table("manga.galaxies"); {other!r} is none')
    return other
