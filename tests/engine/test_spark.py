from __future__ import annotations

import time

import pytest

from skyhouse.engine.spark import SparkEngine, SparkRunner, java_available
from skyhouse.errors import EngineMissing
from skyhouse.query.relation import Statement
from skyhouse.settings import Settings
from skyhouse.testing import EngineContract, TaskRunnerContract


def says(sql):
    return Statement(sql, "spark", (), ())


@pytest.fixture(scope="module")
def spark():
    engine = SparkEngine(Settings(spark_master="local[2]", spark_memory="2g"))
    yield engine
    engine.close()


@pytest.mark.spark
class TestSparkEngine(EngineContract):
    quote = "`"

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, spark):
        return spark

    def rows_of(self, native):
        return native.collect()


@pytest.mark.spark
class TestSparkRunner(TaskRunnerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, spark):
        return SparkRunner(spark)


@pytest.mark.spark
def test_a_result_too_large_for_memory_comes_through_files(spark, tmp_path):
    # Random bits do not compress; 12M x 3 doubles are more than the 256 MB that may come directly.
    sql = "SELECT id, rand(1) AS a, rand(2) AS b, rand(3) AS `odd, name` FROM range(12000000) ORDER BY id"
    rows = 0
    for batch in spark.batches(says(sql), 100_000):
        assert batch.num_rows <= 100_000
        assert batch.schema.names == ["id", "a", "b", "odd, name"]
        assert batch["id"][0].as_py() == rows
        rows += batch.num_rows
    assert rows == 12_000_000


@pytest.mark.spark
def test_a_session_that_is_there_is_used_and_left_running(spark):
    theirs = spark.session()
    theirs.range(3).createOrReplaceTempView("mine")
    guest = SparkEngine(Settings())
    assert guest.batches(says("SELECT 1 AS one")).read_all().to_pylist() == [{"one": 1}]
    assert guest.session().sparkContext is theirs.sparkContext
    guest.close()
    assert theirs.sql("SELECT count(*) FROM mine").collect()[0][0] == 3


def test_without_java_the_mend_is_told(monkeypatch, tmp_path):
    pytest.importorskip("pyspark")
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert not java_available()
    with pytest.raises(EngineMissing, match="Install Java 17"):
        SparkEngine(Settings()).session()


@pytest.mark.spark
def test_slow_tasks_are_told_one_by_one(spark):
    began = time.monotonic()
    seen = [time.monotonic() - began for _ in SparkRunner(spark).run(time.sleep, [2] * 8)]
    assert seen[3] < seen[-1] - 2  # of waves of eight, all would come at the end
