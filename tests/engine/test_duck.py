from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skyhouse.columns import Column
from skyhouse.engine.duck import DuckEngine
from skyhouse.errors import EngineError, OutOfMemory, SettingsError
from skyhouse.query.job import Job
from skyhouse.query.relation import Part, Relation, Scan, Statement
from skyhouse.settings import Settings
from skyhouse.testing import EngineContract


def says(sql):
    return Statement(sql, "duckdb", (), ())


class TestDuckEngine(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls):
        engine = DuckEngine(Settings(threads=2))
        yield engine
        engine.close()

    def rows_of(self, native):
        return native.fetchall()


@pytest.fixture
def engine(tmp_path):
    engine = DuckEngine(Settings(threads=2, memory_limit="100MB", spill_folder=str(tmp_path / "spill")))
    yield engine
    engine.close()


def test_results_stream(engine):
    reader = engine.batches(says("SELECT range AS i, md5(range::VARCHAR) AS s FROM range(100_000_000)"), 1000)
    before = pa.total_allocated_bytes()
    for _ in range(1000):
        reader.read_next_batch()
    assert pa.total_allocated_bytes() - before < 50_000_000


def test_an_error_in_mid_stream_is_an_engine_error(engine):
    sql = "SELECT if(range = 5_000_000, error('bad ' || 'row'), range::VARCHAR) AS s FROM range(9_000_000)"
    reader = engine.batches(says(sql), 1000)
    assert reader.read_next_batch().num_rows == 1000
    with pytest.raises(EngineError, match="bad row"):
        reader.read_all()


def test_what_outgrows_memory_spills(engine, tmp_path):
    found = engine.batches(
        says("SELECT count(*) AS n FROM (SELECT range AS i FROM range(12_000_000) ORDER BY hash(i))")
    )
    assert found.read_all().to_pylist() == [{"n": 12_000_000}]


def test_what_cannot_spill_is_out_of_memory(engine):
    with pytest.raises(OutOfMemory, match="100MB"):
        engine.batches(says("SELECT len(list(range)) AS n FROM range(50_000_000)")).read_all()


@pytest.mark.parametrize("sql", ["SET threads = 1", "INSTALL httpfs", "LOAD httpfs", "SELECT * FROM here"])
def test_sql_reaches_neither_settings_nor_extensions_nor_python(engine, sql):
    here = pa.table({"a": [1]})
    with pytest.raises(EngineError):
        engine.batches(says(sql)).read_all()
    assert here.num_rows == 1


@pytest.mark.parametrize("name", ["lake*", "lake?", "lake[1]", "it's {a} 50% lake"])
def test_the_name_of_a_folder_is_no_pattern(engine, tmp_path, name):
    for folder in (name, "lake1", "lake2"):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"a": [folder]}), tmp_path / folder / "part.parquet")
    part = Part((Column("a", "string"),), (str(tmp_path / name / "part.parquet"),))
    scan = Scan("t", Relation("t", (part,)), ("a",))
    found = engine.batches(Statement("SELECT a FROM t", "duckdb", (scan,), ())).read_all()
    assert found.to_pylist() == [{"a": name}]


def test_a_closed_engine_starts_again_and_its_relations_live_on(engine):
    native = engine.native(says("SELECT 42 AS n"))
    engine.close()
    assert native.fetchall() == [(42,)]
    assert engine.batches(says("SELECT 1 AS n")).read_all().to_pylist() == [{"n": 1}]


def test_a_setting_that_duckdb_refuses_is_named():
    with pytest.raises(SettingsError, match="memory_limit"):
        DuckEngine(Settings(memory_limit="plenty")).batches(says("SELECT 1"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('{outside}/x.parquet')",
        "SELECT * FROM read_text('{inside}/../outside/x.parquet')",
        "SELECT * FROM read_text('{inside}/link/x.parquet')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{outside}/y.parquet'",
        "ATTACH '{outside}/y.db'",
        "EXPORT DATABASE '{outside}/y'",
        "SET enable_external_access = true",
        "SET GLOBAL allowed_directories = ['/']",
    ],
)
def test_no_sql_reaches_other_files(tmp_path, sql):
    inside, outside = tmp_path / "it's [1]", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        pq.write_table(pa.table({"a": [1]}), folder / "x.parquet")
    (inside / "link").symlink_to(outside)
    engine = DuckEngine(Settings(threads=1), [inside])
    part = Part((Column("a", "int64"),), (str(inside / "x.parquet"),))
    scan = Scan("t", Relation("t", (part,)), ("a",))
    found = engine.batches(Statement("SELECT a FROM t", "duckdb", (scan,), ())).read_all()
    assert found.to_pylist() == [{"a": 1}]
    text = sql.format(inside=str(inside).replace("'", "''"), outside=outside)
    with pytest.raises(EngineError, match=r"Permission|locked"):
        engine.batches(says(text)).read_all()
    with pytest.raises(Exception, match=r"Permission|locked"):
        engine.native(says("SELECT 1 AS a")).query("t", text).fetchall()
    assert sorted(p.name for p in outside.iterdir()) == ["x.parquet"]
    engine.close()


def test_a_file_elsewhere_opens_its_folder_and_spares_what_runs(tmp_path):
    engine = DuckEngine(Settings(threads=1))
    reader = engine.batches(says("SELECT range AS i FROM range(1_000_000)"), 1000)
    scans = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"a": [name]}), tmp_path / name / "x.parquet")
        part = Part((Column("a", "string"),), (str(tmp_path / name / "x.parquet"),))
        scans.append(Scan(name, Relation(name, (part,)), ("a",)))
    native = engine.native(Statement("SELECT a FROM a", "duckdb", (scans[0],), ()))
    both = Statement("SELECT a FROM a UNION ALL SELECT a FROM b", "duckdb", tuple(scans), ())
    assert engine.batches(both).read_all()["a"].to_pylist() == ["a", "b"]
    assert native.fetchall() == [("a",)]
    assert reader.read_all().num_rows == 1_000_000
    engine.close()


def test_an_error_does_not_quote_the_lowered_sql(engine):
    with pytest.raises(EngineError, match="Could not convert") as caught:
        engine.batches(says("SELECT CAST('x' || range AS INTEGER) AS n FROM range(3)")).read_all()
    assert "LINE" not in str(caught.value)
    assert "range(3)" not in str(caught.value)


def test_what_does_not_heed_is_left_behind(engine):
    slow = "SELECT count(*) AS n FROM (SELECT repeat('a', 50_000_000) AS s) WHERE regexp_matches(s, '(a|aa)+b')"
    job = Job()
    cancelled = []
    timer = threading.Timer(0.3, lambda: (cancelled.append(time.monotonic()), job.cancel()))
    timer.start()
    with pytest.raises(EngineError, match="cancelled"):
        engine.batches(says(slow), job=job).read_all()
    assert time.monotonic() - cancelled[0] < 1  # 0.2 s on a machine that has nothing else to do
    timer.join()


def test_a_large_result_is_never_held(tmp_path):
    script = """
        from pathlib import Path
        from skyhouse.engine.duck import DuckEngine
        from skyhouse.query.relation import Statement
        from skyhouse.settings import Settings

        engine = DuckEngine(Settings(threads=2, memory_limit="300MB"))
        sql = "SELECT range AS i, md5(range::VARCHAR) || md5(range::VARCHAR) AS s FROM range(20_000_000)"
        size = sum(batch.nbytes for batch in engine.batches(Statement(sql, "duckdb", (), ())))
        lines = Path("/proc/self/status").read_text().splitlines()  # ru_maxrss would be the parent's too
        print(size, next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")))
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    size, peak = map(int, ran.stdout.split())
    assert size > 1_500_000_000
    assert peak < 900_000_000
