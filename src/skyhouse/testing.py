"""The contract tests of an engine and of a task runner: subclass one, give it a fixture, and the new engine is proven.

    class TestTrino(EngineContract):
        quote = '"'

        @pytest.fixture(scope="class")
        @classmethod
        def engine(cls): ...

Needs pytest.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skyhouse.columns import Column, arrow_schema
from skyhouse.engine.base import Job, Outcome, Progress, SqlEngine, TaskRunner
from skyhouse.errors import EngineError, OutOfTime, TaskError, UnknownTable
from skyhouse.query.registered import Call, Registered
from skyhouse.query.relation import Part, Relation, Scan, Statement

# A test's name says what it shows.
# ruff: noqa: D102

__all__ = ["EngineContract", "Shelf", "TaskRunnerContract", "shelve"]

KINDS: dict[str, list[Any]] = {
    "bool": [True, False, None],
    "int8": [-128, 127, None],
    "uint8": [0, 255, None],
    "int16": [-32768, 32767, None],
    "int32": [-(2**31), 2**31 - 1, None],
    "int64": [-(2**63), 2**63 - 1, None],
    "float32": [math.nan, -math.inf, None],
    "float64": [math.nan, 1e-310, None],
    "string": ["", "H\u03b1 [\U0001f52d] 'quoted' \"too\"", None],
    "binary": [b"", b"\x00\xff", None],
    "date": [dt.date(1582, 10, 15), dt.date(2026, 2, 28), None],
    "timestamp": [dt.datetime(1970, 1, 1, 0, 0, 0, 1), dt.datetime(2026, 3, 29, 2, 30), None],  # noqa: DTZ001
    "list<float32>": [[], [1.5, None], None],
    "list<string>": [["a", ""], [None], None],
    "list<list<int64>>": [[[1, 2], []], [None], None],
    "struct<mjd:list<float64>,Band:string>": [{"mjd": [1.5, None], "Band": "g"}, {"mjd": None, "Band": None}, None],
    'list<struct<a:int16,"b c":bool>>': [[{"a": 1, "b c": True}, None], [], None],
    "struct<s:struct<d:date>>": [{"s": {"d": dt.date(2026, 2, 28)}}, {"s": None}, None],
}


class EngineContract:
    """What every SQL engine must do.

    A subclass has the fixture `engine`, `rows_of`, and its mark around identifiers in `quote`.
    """

    quote = '"'

    def rows_of(self, native: Any) -> list[tuple[Any, ...]]:
        """Return the rows of what the engine's `native` gave."""
        raise NotImplementedError

    def quoted(self, name: str) -> str:
        """Return an identifier as the engine's SQL writes it."""
        return self.quote + name.replace(self.quote, 2 * self.quote) + self.quote

    def ask(self, engine: SqlEngine, sql: str, *relations: Relation, columns: tuple[Column, ...] = ()) -> pa.Table:
        """Return the answer to a statement that reads all columns of the relations."""
        return engine.batches(self.statement(engine, sql, *relations, columns=columns)).read_all()

    def statement(
        self, engine: SqlEngine, sql: str, *relations: Relation, columns: tuple[Column, ...] = ()
    ) -> Statement:
        """Return a statement that reads all columns of the relations."""
        scans = tuple(Scan(r.name, r, tuple(c.name for c in r.columns)) for r in relations)
        return Statement(sql, engine.name, scans, columns)

    def test_every_type_comes_back_as_it_was_written(self, engine: SqlEngine, tmp_path: Path) -> None:
        columns = tuple(Column(f"c_{kind}", kind, "km/s", "phys.veloc", f"a {kind}") for kind in KINDS)
        written = pa.table(
            [pa.array(v, c.field().type) for v, c in zip(KINDS.values(), columns, strict=True)],
            schema=arrow_schema(columns),
        )
        relation = shelve(tmp_path, "t.kinds", written)
        order = f"ORDER BY {self.quoted('c_int16')} NULLS LAST"
        found = self.ask(engine, f"SELECT * FROM {self.quoted('t.kinds')} {order}", relation, columns=columns)
        assert found.schema.equals(written.schema, check_metadata=True)
        assert [repr(row) for row in found.to_pylist()] == [repr(row) for row in written.to_pylist()]

    def test_where_the_type_is_not_known_the_family_is_kept(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(
            tmp_path, "t.numbers", pa.table({"i": pa.array([1, 2], "int32"), "f": pa.array([0.5, 1], "float32")})
        )
        found = self.ask(
            engine,
            f"SELECT sum(i) AS a, avg(i) AS b, count(*) AS c, max(f) AS d, max(i) AS e FROM {self.quoted('t.numbers')}",
            relation,
        )
        assert [str(t) for t in found.schema.types] == ["int64", "double", "int64", "double", "int64"]
        assert found.to_pylist() == [{"a": 3, "b": 1.5, "c": 2, "d": 1.0, "e": 2}]

    def test_a_type_that_is_known_is_given(self, engine: SqlEngine) -> None:
        columns = (Column("v", "float32", "km/s"), Column("n", "int16"))
        found = self.ask(engine, "SELECT CAST(1.5 AS DOUBLE) AS v, CAST(7 AS BIGINT) AS n", columns=columns)
        assert found.schema.equals(arrow_schema(columns), check_metadata=True)
        assert found.to_pylist() == [{"v": 1.5, "n": 7}]

    def test_a_number_too_large_for_its_type_is_an_error(self, engine: SqlEngine) -> None:
        with pytest.raises(EngineError, match="n"):
            self.ask(engine, "SELECT CAST(70000 AS BIGINT) AS n", columns=(Column("n", "int16"),))

    def test_overflow_is_an_error(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.large", pa.table({"i": [2**63 - 1, 2**63 - 1]}))
        for expression in ("max(i + 1)", "sum(i)"):
            with pytest.raises(EngineError):
                self.ask(engine, f"SELECT {expression} AS n FROM {self.quoted('t.large')}", relation)

    def test_a_table_without_files_has_columns_and_no_rows(self, engine: SqlEngine) -> None:
        columns = tuple(Column(f"c_{kind}", kind) for kind in KINDS)
        relation = Relation("t.empty", (Part(columns, ()),))
        name = self.quoted("t.empty")
        found = self.ask(engine, f"SELECT * FROM {name}", relation, columns=columns)
        assert found.schema == arrow_schema(columns)
        assert found.num_rows == 0
        assert self.ask(engine, f"SELECT count(*) AS n FROM {name}", relation).to_pylist() == [{"n": 0}]

    def test_no_column_read_still_counts_rows(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.count", pa.table({"i": [1, 2, 3]}))
        bare = Statement(
            f"SELECT count(*) AS n FROM {self.quoted('t.count')}", engine.name, (Scan("t.count", relation, ()),), ()
        )
        assert engine.batches(bare).read_all().to_pylist() == [{"n": 3}]

    def test_parts_are_joined_and_every_row_of_the_first_stays(self, engine: SqlEngine, tmp_path: Path) -> None:
        first = shelve(tmp_path, "a", pa.table({"id": [1, 2, 3], "kind": ["x", "y", "z"], "u": [1.0, 2.0, 3.0]}))
        second = shelve(tmp_path, "b", pa.table({"id": [3, 1], "kind": ["z", "x"], "v": [30.0, 10.0]}))
        relation = Relation("t.wide", first.parts + second.parts, ("id", "kind"))
        sql = f"SELECT id, kind, u, v FROM {self.quoted('t.wide')} ORDER BY id"
        assert [tuple(row.values()) for row in self.ask(engine, sql, relation).to_pylist()] == [
            (1, "x", 1.0, 10.0), (2, "y", 2.0, None), (3, "z", 3.0, 30.0)]  # fmt: skip
        without = Relation("t.wide", (*first.parts, Part(second.columns, ())), ("id", "kind"))
        assert self.ask(engine, sql, without)["v"].to_pylist() == [None] * 3

    def test_a_part_that_is_not_asked_for_is_not_read(self, engine: SqlEngine, tmp_path: Path) -> None:
        first = shelve(tmp_path, "a", pa.table({"id": [1, 2], "u": [1.0, 2.0]}))
        gone = Part((Column("id", "int64"), Column("v", "float64")), (str(tmp_path / "gone.parquet"),))
        relation = Relation("t.half", (*first.parts, gone), ("id",))
        half = Statement(
            f"SELECT sum(u) AS s FROM {self.quoted('t.half')}", engine.name, (Scan("t.half", relation, ("u",)),), ()
        )
        assert engine.batches(half).read_all().to_pylist() == [{"s": 3.0}]

    def test_nan_is_found_where_the_files_extremes_pass_over_it(self, engine: SqlEngine, tmp_path: Path) -> None:
        rows = pa.table({"x": [1.0, math.nan, 3.0], "f": pa.array([1.0, math.nan, 3.0], "float32")})
        written = shelve(tmp_path, "t.foreign", rows)
        relation = replace(written, parts=(replace(written.parts[0], foreign=True),))
        name = self.quoted("t.foreign")
        for column in ("x", "f"):
            above, below = (f"(SELECT count(*) FROM {name} WHERE {column} {sign} 40)" for sign in "><")
            assert self.ask(engine, f"SELECT {above} AS a, {below} AS b", relation).to_pylist() == [{"a": 1, "b": 2}]

    def test_names_and_paths_may_be_odd(self, engine: SqlEngine, tmp_path: Path) -> None:
        folder = tmp_path / "a [1] *?{b} %20 'é' \\ #"
        folder.mkdir()
        relation = shelve(folder, 'o."dd" `one`', pa.table({'a "b" `c` é': [1]}))
        sql = f"SELECT {self.quoted(relation.columns[0].name)} AS n FROM {self.quoted(relation.name)}"
        assert self.ask(engine, sql, relation).to_pylist() == [{"n": 1}]

    def test_batches_are_no_larger_than_asked_and_in_order(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.long", pa.table({"i": range(25_000)}))
        statement = self.statement(engine, f"SELECT i FROM {self.quoted('t.long')} ORDER BY i DESC", relation)
        with engine.batches(statement, batch_rows=1000) as reader:
            batches = list(reader)
        assert max(batch.num_rows for batch in batches) <= 1000
        assert pa.Table.from_batches(batches)["i"].to_pylist() == list(range(25_000))[::-1]

    def test_a_stream_may_be_left_half_way(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.left", pa.table({"i": range(25_000)}))
        name = self.quoted("t.left")
        reader = engine.batches(self.statement(engine, f"SELECT a.i FROM {name} a", relation), 100)
        assert reader.read_next_batch().num_rows == 100
        del reader
        assert self.ask(engine, f"SELECT count(*) AS n FROM {name}", relation).to_pylist() == [{"n": 25_000}]

    def test_a_failed_statement_is_an_engine_error(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.text", pa.table({"s": ["1"] * 9_999 + ["no number"]}))
        with pytest.raises(EngineError, match="nowhere"):
            self.ask(engine, "SELECT * FROM nowhere")
        with pytest.raises(EngineError, match="no number"):
            self.ask(engine, f"SELECT CAST(s AS INT) AS i FROM {self.quoted('t.text')}", relation)

    def test_a_file_that_is_gone_is_named(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.gone", pa.table({"i": [1]}))
        Path(relation.parts[0].files[0]).unlink()
        with pytest.raises(EngineError, match=r"t\.gone"):
            self.ask(engine, f"SELECT i FROM {self.quoted('t.gone')}", relation)

    def test_the_native_object_runs_later(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.native", pa.table({"i": [1, 2]}))
        sql = f"SELECT i FROM {self.quoted('t.native')} ORDER BY i"
        native = engine.native(self.statement(engine, sql, relation))
        other = replace(shelve(tmp_path, "other", pa.table({"i": [3]})), name="t.native", version="1")
        assert self.ask(engine, sql, other).to_pylist() == [{"i": 3}]
        assert [tuple(row) for row in self.rows_of(native)] == [(1,), (2,)]

    def test_a_newer_version_is_seen(self, engine: SqlEngine, tmp_path: Path) -> None:
        old = shelve(tmp_path, "t.moves", pa.table({"i": [1]}))
        new = shelve(tmp_path, "t.next", pa.table({"i": [1, 2]}))
        sql = f"SELECT count(*) AS n FROM {self.quoted('t.moves')}"
        seen = [self.ask(engine, sql, r)["n"][0].as_py() for r in (old, replace(new, name="t.moves", version="1"), old)]
        assert seen == [1, 2, 1]

    def test_statements_at_once_do_not_meet(self, engine: SqlEngine, tmp_path: Path) -> None:
        relations = [replace(shelve(tmp_path, f"t{n}", pa.table({"i": [n] * 1000})), name="t.same") for n in range(4)]
        sql = f"SELECT min(i) AS a, max(i) AS b, count(*) AS n FROM {self.quoted('t.same')}"
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda n: self.ask(engine, sql, relations[n % 4]).to_pylist(), range(12)))
        assert found == [[{"a": n % 4, "b": n % 4, "n": 1000}] for n in range(12)]

    def test_users_functions_are_called_with_batches(self, engine: SqlEngine, tmp_path: Path) -> None:
        rows = pa.table({"i": [1, None, 3], "s": ["\u00e9", "", None], "x": [[1.5], [], None]})
        relation = shelve(tmp_path, "t.called", rows)
        returns = (Column("n", "int64"), Column("text", "string"), Column("x", "list<float64>"))
        call = Call("SHOWN#1", Registered("shown", returns, Shown()), relation.columns)
        sql = f"SELECT {self.quoted('SHOWN#1')}(i, s, x) AS v FROM {self.quoted('t.called')} ORDER BY i NULLS LAST"
        found = engine.batches(replace(self.statement(engine, sql, relation), calls=(call,))).read_all()
        assert found["v"].to_pylist() == [
            {"n": 2, "text": "1, '\u00e9', [1.5]", "x": [1.5]},
            {"n": 6, "text": "3, None, None", "x": None},
            {"n": None, "text": "None, '', []", "x": []},
        ]

    def test_what_a_users_function_raises_is_told_as_it_is(self, engine: SqlEngine, tmp_path: Path) -> None:
        relation = shelve(tmp_path, "t.raising", pa.table({"i": range(10_000)}))
        call = Call("SHOWN#1", Registered("shown", (Column("n", "int64"),), Shown(refused=7)), relation.columns)
        sql = f"SELECT sum({self.quoted('SHOWN#1')}(i)) AS n FROM {self.quoted('t.raising')}"
        statement = replace(self.statement(engine, sql, relation), calls=(call,))
        with pytest.raises(EngineError, match=r"^shown\(\) raised 7, \u00e9$"):
            engine.batches(statement).read_all()
        other = replace(call, function=replace(call.function, work=Shown()))
        assert engine.batches(replace(statement, calls=(other,))).read_all().to_pylist() == [{"n": 99_990_000}]

    def never(self, engine: SqlEngine, tmp_path: Path) -> Statement:
        """Return a statement that takes hours."""
        relation = shelve(tmp_path, "t.slow", pa.table({"i": range(100_000)}))
        name = self.quoted("t.slow")
        sql = f"SELECT count(*) AS n FROM {name} a JOIN {name} b ON sin(a.i) + sin(b.i) > 2.5"
        return self.statement(engine, sql, relation)

    def test_all_statements_can_be_cancelled(self, engine: SqlEngine, tmp_path: Path) -> None:
        never = self.never(engine, tmp_path)
        ended = threading.Event()

        def cancel() -> None:
            while not ended.wait(0.1):
                engine.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        try:
            with pytest.raises(EngineError, match="cancelled"):
                engine.batches(never).read_all()
        finally:
            ended.set()
            canceller.join()
        assert self.ask(engine, "SELECT 1 AS one").to_pylist() == [{"one": 1}]

    def test_a_job_is_cancelled_alone(self, engine: SqlEngine, tmp_path: Path) -> None:
        job, other = Job(), Job()
        with ThreadPoolExecutor(2) as threads:
            doomed, going = (
                threads.submit(lambda job: engine.batches(self.never(engine, tmp_path), job=job).read_all(), one)
                for one in (job, other)
            )
            time.sleep(1)
            job.cancel()
            with pytest.raises(EngineError, match="cancelled"):
                doomed.result(timeout=20)
            time.sleep(0.5)
            assert not going.done()
            other.cancel()
            with pytest.raises(EngineError, match="cancelled"):
                going.result(timeout=20)

    def test_a_job_that_was_cancelled_does_not_begin(self, engine: SqlEngine, tmp_path: Path) -> None:
        job = Job()
        job.cancel()
        with pytest.raises(EngineError, match="cancelled"):
            engine.batches(self.never(engine, tmp_path), job=job).read_all()

    def test_a_job_ends_at_its_time_limit(self, engine: SqlEngine, tmp_path: Path) -> None:
        self.ask(engine, "SELECT 1 AS one")
        start = time.monotonic()
        with pytest.raises(OutOfTime, match=r"limit of 0\.5 s"):
            engine.batches(self.never(engine, tmp_path), job=Job(0.5)).read_all()
        assert time.monotonic() - start < 10
        job = Job(600)
        statement = self.statement(engine, "SELECT 1 AS one")
        assert engine.batches(statement, job=job).read_all().to_pylist() == [{"one": 1}]
        job.cancel()
        assert not job.stopped  # it had ended

    def test_a_job_says_how_far_it_is(self, engine: SqlEngine, tmp_path: Path) -> None:
        seen: list[Progress] = []
        with pytest.raises(OutOfTime):
            engine.batches(self.never(engine, tmp_path), job=Job(2, seen.append)).read_all()
        assert all(p.fraction is None or 0 <= p.fraction <= 1 for p in seen)
        assert any(p.fraction is not None and p.what for p in seen)
        assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)


def shelve(folder: Path, name: str, rows: pa.Table) -> Relation:
    """Write rows into one Parquet file of several row groups; return the relation.

    As in the lake's own files, a column with NaN has no extremes: the engines would pass over the NaN.
    """
    path = folder / f"{name.replace('/', '-')}.parquet"
    bounded = [one.name for one in rows.schema if not pa.types.is_nested(one.type) and not _has_nan(rows[one.name])]
    pq.write_table(rows, path, row_group_size=4096, write_statistics=bounded)
    columns = tuple(Column(f.name, _names(f.type)) for f in rows.schema)
    return Relation(name, (Part(columns, (str(path),)),), rows=rows.num_rows)


@dataclass(frozen=True)
class Shown:
    """A user's function as engines are given one: it doubles its first argument, and shows all of them."""

    refused: int | None = None

    def __call__(self, rows: pa.RecordBatch) -> pa.Array:
        """Return a value for each row, a struct where there are several arguments."""
        if self.refused in rows.column(0).to_pylist() and self.refused is not None:
            raise EngineError(f"shown() raised {self.refused}, \u00e9")
        doubled = pc.multiply(rows.column(0), 2)
        if rows.num_columns == 1:
            return doubled
        texts = [", ".join(map(repr, row.values())) for row in rows.to_pylist()]
        return pa.StructArray.from_arrays([doubled, pa.array(texts), rows.column(2)], names=["n", "text", "x"])


class Shelf:
    """Relations as the query layer asks for them (`skyhouse.query.relation.Tables`)."""

    def __init__(self, *relations: Relation) -> None:
        self._known = {relation.name.lower(): relation for relation in relations}

    def relation(self, name: str) -> Relation:
        """Return the relation of a name, in any case; raises UnknownTable."""
        if name.lower() not in self._known:
            raise UnknownTable(f"no table {name!r}")
        return self._known[name.lower()]

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return sorted(relation.name for relation in self._known.values())


def _has_nan(values: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(values.type) and bool(pc.any(pc.is_nan(values)).as_py())


def _names(kind: pa.DataType) -> str:
    from skyhouse.columns import columns_of

    return columns_of(pa.schema([("c", kind)]))[0].type


class TaskRunnerContract:
    """What every task runner must do; a subclass has the fixture `runner`."""

    def test_every_task_has_its_outcome(self, runner: TaskRunner) -> None:
        outcomes = list(runner.run(square, range(30)))
        assert sorted((o.task, o.value) for o in outcomes) == [(n, n * n) for n in range(30)]
        assert all(o.error is None and o.traceback == "" for o in outcomes)

    def test_no_tasks_no_outcomes(self, runner: TaskRunner) -> None:
        assert list(runner.run(square, [])) == []

    def test_a_function_may_carry_state(self, runner: TaskRunner) -> None:
        assert [o.value for o in runner.run(Times(3), [5])] == [15]

    def test_a_task_fails_alone_and_says_where(self, runner: TaskRunner) -> None:
        outcomes = by_task(runner.run(odd_only, range(6)))
        assert {n for n, o in outcomes.items() if o.error is None} == {1, 3, 5}
        assert repr(outcomes[4].error) == "ValueError('4 is even')"
        assert "in odd_only" in outcomes[4].traceback

    def test_an_error_that_does_not_pickle_still_says_what(self, runner: TaskRunner) -> None:
        (ended,) = runner.run(fail_oddly, ["this"])
        assert isinstance(ended.error, TaskError)
        assert "Odd: this went wrong" in str(ended.error)

    def test_a_value_that_does_not_pickle_is_a_failure(self, runner: TaskRunner) -> None:
        (ended,) = runner.run(open_file, [os.devnull])
        assert isinstance(ended.error, TypeError)

    def test_large_tasks_and_values_pass(self, runner: TaskRunner) -> None:
        (ended,) = runner.run(doubled, [b"x" * 8_000_000])
        assert ended.value == b"x" * 16_000_000

    def test_tasks_are_taken_as_they_are_needed(self, runner: TaskRunner) -> None:
        taken = itertools.count()
        outcomes = runner.run(square, (next(taken) for _ in range(100_000)))
        first = list(itertools.islice(outcomes, 5))
        outcomes.close()  # type: ignore[attr-defined]
        assert len(first) == 5
        assert next(taken) < 1000

    def test_a_worker_that_dies_takes_no_other_task_with_it(self, runner: TaskRunner) -> None:
        outcomes = by_task(runner.run(die_of_seven, range(5, 12)))
        assert isinstance(outcomes[7].error, TaskError)
        assert [outcomes[n].value for n in (5, 6, 8, 9, 10, 11)] == [5, 6, 8, 9, 10, 11]

    def test_a_run_that_is_left_stops_its_tasks(self, runner: TaskRunner, tmp_path: Path) -> None:
        outcomes = runner.run(write_late, [(str(tmp_path / name), seconds) for name, seconds in (("a", 0), ("b", 3))])
        assert next(outcomes).error is None
        outcomes.close()  # type: ignore[attr-defined]
        assert [o.value for o in runner.run(square, [2])] == [4]

    def test_a_run_is_stopped_by_another_thread(self, runner: TaskRunner) -> None:
        assert [o.value for o in runner.run(square, [2])] == [4]
        stop = threading.Event()
        threading.Timer(1, stop.set).start()
        began = time.monotonic()
        assert list(runner.run(time.sleep, [600] * 3, stop=stop)) == []
        assert time.monotonic() - began < 10
        assert [o.value for o in runner.run(square, [2])] == [4]


def by_task(outcomes: Iterator[Outcome[Any, Any]]) -> dict[Any, Outcome[Any, Any]]:
    """Return the outcomes by their tasks."""
    return {ended.task: ended for ended in outcomes}


def square(number: int) -> int:
    """Return the square."""
    return number * number


class Times:
    """A function with state."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, number: int) -> int:
        """Return the product."""
        return number * self.factor


class Odd(Exception):
    """An error that pickles and does not unpickle."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(f"{what} {how}")


def odd_only(number: int) -> int:
    """Return an odd number, refuse an even one."""
    if number % 2 == 0:
        raise ValueError(f"{number} is even")
    return number


def fail_oddly(what: str) -> None:
    """Raise what cannot be unpickled."""
    raise Odd(what, "went wrong")


def open_file(path: str) -> Any:
    """Return what cannot be pickled."""
    return Path(path).open("rb")


def doubled(data: bytes) -> bytes:
    """Return the bytes twice."""
    return data + data


def die_of_seven(number: int) -> int:
    """End the whole process at 7."""
    if number == 7:
        os._exit(9)
    return number


def write_late(task: tuple[str, float]) -> None:
    """Write a file after some seconds."""
    path, seconds = task
    time.sleep(seconds)
    Path(path).write_text("late", encoding="utf-8")
