"""A warm Connect server, and an engine and a runner on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from skyhouse.engine import warm
from skyhouse.engine.base import Job
from skyhouse.engine.spark import SparkEngine, SparkRunner
from skyhouse.errors import EngineError, InputError
from skyhouse.query.relation import Statement
from skyhouse.settings import Settings
from skyhouse.testing import EngineContract, TaskRunnerContract

CLI = [sys.executable, "-m", "skyhouse", "spark"]
NEVER = "SELECT count(*) AS n FROM range(1000000000000) WHERE sin(id) > 2"


def says(sql):
    return Statement(sql, "spark", (), ())


def answer(engine, sql, job=None):
    return engine.batches(says(sql), job=job).read_all().to_pylist()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server in a folder of its own, so that no other test meets it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        started = subprocess.run(
            [*CLI, "start", "--master", "local[2]", "--memory", "2g"], capture_output=True, text=True, check=True
        )
        assert "ready after" in started.stdout
        yield warm.find()
        assert warm.stop()


@pytest.fixture(scope="module")
def spark(server):
    engine = SparkEngine(Settings(spark_master=server.url))
    yield engine
    engine.close()


@pytest.mark.spark
class TestConnectEngine(EngineContract):
    quote = "`"

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, spark):
        return spark

    def rows_of(self, native):
        return native.collect()


@pytest.mark.spark
class TestConnectRunner(TaskRunnerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, spark):
        return SparkRunner(spark)


@pytest.mark.spark
def test_a_large_result_comes_in_bounded_memory(spark):
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
def test_an_error_has_no_java_in_it(spark):
    with pytest.raises(EngineError, match="CAST_INVALID_INPUT") as raised:
        answer(spark, "SELECT CAST('x' AS INT) + id AS n FROM range(3)")
    assert "\tat " not in str(raised.value)
    assert "JVM" not in str(raised.value)


@pytest.mark.spark
def test_a_statement_stops_within_a_second_and_so_does_its_spark_job(spark, server):
    job = Job()
    stopped = []

    def cancel():
        stopped.append(time.monotonic())
        job.cancel()

    threading.Timer(3, cancel).start()
    with pytest.raises(EngineError, match="cancelled"):
        answer(spark, NEVER, job)
    assert time.monotonic() - stopped[0] < 1
    wait_for(lambda: warm.find().busy == 0)


@pytest.mark.spark
def test_a_functions_module_need_not_be_installed(spark, tmp_path, monkeypatch):
    (tmp_path / "my_own_tools.py").write_text("def thrice(n):\n    return 3 * n\n")
    monkeypatch.syspath_prepend(tmp_path)
    import my_own_tools

    assert [o.value for o in SparkRunner(spark).run(my_own_tools.thrice, [7])] == [21]


@pytest.mark.spark
def test_a_function_of_a_script_runs(server):
    script = (
        "from skyhouse.engine.spark import SparkEngine, SparkRunner\n"
        "from skyhouse.settings import Settings\n"
        "factor = 3\n"
        "def thrice(n):\n    return factor * n\n"
        "engine = SparkEngine(Settings())\n"
        "print(sorted(o.value for o in SparkRunner(engine).run(thrice, [1, 2])), engine)\n"
        "engine.close()\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"[3, 6] <SparkEngine on a warm server, {server.where}>"


@pytest.mark.spark
def test_a_session_that_the_server_has_closed_is_opened_again(spark):
    assert answer(spark, "SELECT 1 AS one") == [{"one": 1}]
    spark.session().client.release_session()
    assert answer(spark, "SELECT 2 AS two") == [{"two": 2}]


@pytest.mark.spark
def test_who_does_not_know_the_secret_stays_outside(server):
    stranger = SparkEngine(Settings(spark_master=f"{server.where}/;token=guess"))
    with pytest.raises(EngineError, match=r"no session at \S+ \(spark_master\): Invalid auth") as raised:
        answer(stranger, "SELECT 1 AS one")
    assert "guess" not in str(raised.value)
    state = warm.runtime_folder() / "state.json"
    assert state.stat().st_mode & 0o777 == 0o600
    assert server.token not in repr(server)


@pytest.mark.spark
def test_a_server_that_is_not_there_is_said_soon():
    began = time.monotonic()
    with pytest.raises(EngineError, match="no session at sc://localhost:1 "):
        answer(SparkEngine(Settings(spark_master="sc://localhost:1")), "SELECT 1 AS one")
    assert time.monotonic() - began < 20


@pytest.mark.spark
def test_the_server_outlives_a_client_that_is_killed(server):
    script = (
        "from skyhouse.engine.spark import SparkEngine\n"
        "from skyhouse.query.relation import Statement\n"
        "from skyhouse.settings import Settings\n"
        "engine = SparkEngine(Settings(spark_master='warm'))\n"
        f"engine.batches(Statement({NEVER!r}, 'spark', (), ()))\n"
    )
    client = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: warm.find().busy > 0)
    client.kill()
    client.wait()
    fresh = SparkEngine(Settings(spark_master="warm"))
    assert answer(fresh, "SELECT 1 AS one") == [{"one": 1}]
    assert "warm server" in fresh.where
    fresh.close()


@pytest.mark.spark
def test_status_and_a_second_start_find_the_server(server):
    started = subprocess.run([*CLI, "start"], capture_output=True, text=True, check=True)
    assert "it runs already" in started.stdout
    shown = json.loads(subprocess.run([*CLI, "status", "--json"], capture_output=True, text=True, check=True).stdout)
    assert (shown["pid"], shown["where"]) == (server.pid, server.where)
    assert server.token not in str(shown)


@pytest.mark.spark
@pytest.mark.soak
def test_two_starts_make_one_server_which_stops_when_it_is_idle(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    command = [*CLI, "start", "--master", "local[1]", "--memory", "1g", "--idle", "8s", "--json"]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shown = [json.loads(start.communicate()[0]) for start in starts]
    assert shown[0]["pid"] == shown[1]["pid"]
    wait_for(lambda: warm.find() is None, seconds=40)
    assert not (tmp_path / "skyhouse" / "state.json").exists()


@pytest.mark.spark
@pytest.mark.soak
def test_a_server_that_was_killed_leaves_nothing_that_misleads(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    server = warm.start("local[1]", "1g", idle=600)
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: warm.find() is None)
    assert (tmp_path / "skyhouse" / "state.json").exists()
    assert not warm.stop()
    again = warm.start("local[1]", "1g", idle=600)
    assert again.pid != server.pid
    assert warm.stop()
    assert warm.find() is None


def test_without_a_server_warm_says_what_to_do(tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(EngineError, match="skyhouse spark start"):
        SparkEngine(Settings(spark_master="warm")).session()
    ran = subprocess.run([*CLI, "status"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (3, "no warm Spark server runs here")


def test_a_folder_that_is_open_to_others_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "skyhouse").mkdir(mode=0o755)
    with pytest.raises(EngineError, match="open to others"):
        warm.find()


@pytest.mark.parametrize("wrong", ["", "30", "m", "-1s", "1d", "30 m"])
def test_a_time_has_its_unit(wrong):
    with pytest.raises(InputError, match="30m"):
        warm.seconds(wrong)


def test_a_memory_has_its_unit(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(InputError, match="4g"):
        warm.start(memory="lots")


def wait_for(so, seconds=30):
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)
