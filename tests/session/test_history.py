"""The history of runs, moves to another engine, and what queries teach."""

from __future__ import annotations

import datetime as dt
import logging
import multiprocessing
from dataclasses import replace

import pyarrow as pa
import pytest

import skyhouse
from skyhouse.errors import EngineError, OutOfMemory, OutOfTime, SettingsError
from skyhouse.lake.history import History, Record

RECORD = Record(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "SELECT 1", "sql", "duckdb", "asked for", 0.1, 0.2, 30, 4)


@pytest.fixture
def lake(tmp_path):
    with skyhouse.open(tmp_path / "lake", threads=2, spark_master="local[2]", spark_memory="1g") as opened:
        yield opened


def test_every_run_leaves_a_row(lake):
    lake.sql("SELECT TOP 1 1 AS one", dialect="tsql").to_arrow()
    lake.sql("SELECT 2 AS two").select(three="two + 1").run("duckdb")
    found = lake.history()
    assert found["text"].to_pylist()[0] == "SELECT TOP 1 1 AS one"
    assert "two + 1 AS" in found["text"].to_pylist()[1]
    assert found["dialect"].to_pylist() == ["tsql", "sql"]
    assert found["engine"].to_pylist() == ["duckdb", "duckdb"]
    assert found["reason"].to_pylist()[1] == "asked for"
    assert found["rows"].to_pylist() == [1, 1]
    assert all(seconds > 0 for seconds in found["seconds"].to_pylist() + found["predicted_seconds"].to_pylist())
    assert found["error"].to_pylist() == ["", ""]
    assert lake.history(1)["rows"].to_pylist() == [1]
    assert lake.history(0).num_rows == 0


def test_what_a_statement_tells_of_itself_is_no_run(lake):
    told = lake.sql("EXPLAIN SELECT 1 AS one")
    assert told.where("what = 'engine'").to_arrow().num_rows == 1
    assert "duckdb" in str(told)
    assert told._repr_html_()
    assert lake.history().num_rows == 0
    made = lake.sql("CREATE TABLE my.ones AS SELECT 1 AS one")
    assert made.to_arrow()["rows"].to_pylist() == [1]
    assert str(made)
    assert str(lake.sql("DROP TABLE my.ones"))
    assert lake.history()["text"].to_pylist() == ["CREATE TABLE my.ones AS SELECT 1 AS one"]


def test_an_error_and_a_dropped_reader_are_told(lake):
    with pytest.raises(EngineError):
        lake.sql("SELECT CAST('a' AS INT) AS n").to_arrow()
    reader = lake.sql("SELECT 1 AS a UNION ALL SELECT 2 AS a").batches()
    del reader
    assert [text.split(":")[0] for text in lake.history()["error"].to_pylist()] == [
        "EngineError",
        "the rows were not all fetched",
    ]


def test_a_run_says_what_was_predicted(lake):
    run = lake.sql("SELECT 1 AS one").run()
    assert run.engine == "duckdb"
    assert run.reason.startswith("duckdb: 0.0")
    assert run.predicted > 0
    assert run.moved == ""


def append(folder, name, count):
    history = History(folder, most_bytes=20_000, kept=1000)
    for number in range(count):
        history.add(replace(RECORD, text=f"{name} {number}"))


def test_many_processes_write_at_once(tmp_path):
    started = multiprocessing.get_context("spawn")
    writers = [started.Process(target=append, args=(tmp_path, name, 200)) for name in ("a", "b", "c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = History(tmp_path).table()["text"].to_pylist()
    assert sorted(found) == sorted(f"{name} {number}" for name in "abc" for number in range(200))
    assert len(list(tmp_path.glob("runs-*.jsonl"))) > 3


def test_old_runs_go(tmp_path):
    history = History(tmp_path, most_bytes=2000, kept=2)
    for number in range(100):
        history.add(replace(RECORD, rows=number))
    assert len(list(tmp_path.iterdir())) in (2, 3)
    rows = history.table()["rows"].to_pylist()
    assert rows == list(range(rows[0], 100))
    assert 10 < len(rows) < 30


def test_a_broken_line_is_passed_over(tmp_path):
    history = History(tmp_path)
    history.add(RECORD)
    with (tmp_path / "runs.jsonl").open("a") as lines:
        lines.write('{"started_at": "yesterday", "te')
    history.add(RECORD)
    assert history.table().num_rows == 2


def test_a_long_text_is_cut(tmp_path):
    history = History(tmp_path)
    history.add(replace(RECORD, text="é" * 30_000))
    assert history.table()["text"][0].as_py().endswith("é ... (30,000 characters)")


def test_a_lake_that_cannot_be_written_has_its_history_elsewhere(tmp_path):
    (tmp_path / "lake").write_text("a file, so no folder can be made in it")
    history = History(tmp_path / "lake" / ".history", tmp_path / "other")
    history.add(RECORD)
    assert (tmp_path / "other" / "runs.jsonl").exists()
    assert history.table().num_rows == 1


BIG = "SELECT median(b.i) AS m FROM t.big b CROSS JOIN (SELECT i AS k FROM t.big WHERE i < 40) AS copies"


@pytest.fixture
def small(tmp_path):
    """A lake whose DuckDB has hardly any memory, and nowhere to spill."""

    def opened(**settings):
        return skyhouse.open(tmp_path / "lake", threads=2, memory_limit="30MB", **settings)

    from skyhouse.columns import Column
    from skyhouse.lake.commit import commit
    from skyhouse.lake.definition import Definition
    from skyhouse.lake.lineage import Source
    from skyhouse.lake.writer import TableWriter

    with opened() as lake:
        table = lake.registry.create(Definition("t.big", (Column("i", "int64"),), key=("i",)))
        writer = TableWriter(table.definition, table.path)
        writer.write(pa.table({"i": pa.array(range(400_000), "int64")}), Source("all"))
        commit(table, writer.close())
    return opened


def test_without_spark_running_out_of_memory_is_an_error(small):
    with small(fallback="none") as lake, pytest.raises(OutOfMemory):
        lake.sql(BIG).to_arrow()


@pytest.mark.spark
def test_what_duckdb_has_no_memory_for_moves_to_spark(small, caplog):
    with small(spark_master="local[2]", spark_memory="1g") as lake:
        with caplog.at_level(logging.WARNING, "skyhouse"):
            run = lake.sql(BIG).run()
        assert (run.engine, run.table["m"].to_pylist()) == ("spark", [199_999.5])
        assert run.moved.startswith("from duckdb to spark: DuckDB needs more memory than its limit (30MB)")
        assert run.reason.startswith("duckdb: ")
        assert "the query moves from duckdb to spark" in caplog.text
        last = lake.history(1).to_pylist()[0]
        assert (last["engine"], last["moved"], last["error"], last["rows"]) == ("spark", run.moved, "", 1)
        with pytest.raises(OutOfMemory):
            lake.sql(BIG).run("duckdb")
        assert lake.history(1)["error"][0].as_py().startswith("OutOfMemory")


@pytest.mark.spark
def test_what_duckdb_has_no_time_for_moves_to_spark_which_has_as_much(lake):
    lake.sql("SELECT 1 AS one").run("spark")
    with pytest.raises(OutOfTime):
        lake.sql("SELECT 1 AS one").run(time_limit=1e-6)
    last = lake.history(1).to_pylist()[0]
    assert last["engine"] == "spark"
    assert last["moved"].startswith("from duckdb to spark: stopped at its time limit of 1e-06 s")
    assert last["error"].startswith("OutOfTime")
    with pytest.raises(OutOfTime):
        lake.sql("SELECT 1 AS one").run("duckdb", time_limit=1e-6)
    assert lake.history(1)["moved"][0].as_py() == ""


def test_fallback_is_one_of_three(tmp_path):
    with pytest.raises(SettingsError, match="fallback"):
        skyhouse.open(tmp_path / "lake", fallback="maybe")
