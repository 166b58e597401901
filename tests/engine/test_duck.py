from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skyhouse.columns import Column
from skyhouse.engine.duck import DuckEngine
from skyhouse.errors import EngineError, OutOfMemory, SettingsError
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
