"""Functions that kill, block or bloat their worker: exactly the guilty objects fail, on the pool and on Spark."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import skyhouse
from skyhouse import Column

RETURNS = [Column("n", "int32")]


def rows(lake, table):
    return lake.sql(f"SELECT * FROM {table} ORDER BY object_id").to_arrow().to_pylist()


def check(lake, guilty, exception):
    """Check that all objects but one are in the table x.n, and that one alone in the failures; return the failure."""
    assert [row["object_id"] for row in rows(lake, "x.n")] == sorted(set(range(300)) - {guilty})
    (failure,) = rows(lake, "x.n__failures")
    assert (failure["object_id"], failure["exception"]) == (guilty, exception)
    assert (failure["row"], failure["file"][-8:]) == (guilty % 100, ".parquet")
    return failure


def test_a_segfault(lake):
    @skyhouse.function(returns=RETURNS)
    def n(obj):
        if obj.object_id == 234:
            ctypes.string_at(0)
        return len(obj.lc.mag)

    run = lake.apply(n, "ztf.objects", into="x.n").wait()
    assert (run.progress.done, run.progress.failures, run.objects) == (300, 1, 300)
    failure = check(lake, 234, "WorkerDied")
    assert failure["message"] == "killed by SIGSEGV"
    assert "in n" in failure["traceback"]
    again = lake.apply(n, "ztf.objects", into="x.n").wait()
    assert again.progress.objects == 0


def test_an_exit_in_a_batch_of_a_query(lake):
    @skyhouse.function(returns=RETURNS, per="batch")
    def n(batch):
        if 200.2 in batch["z2"].to_pylist():
            os._exit(3)
        return {"n": batch["object_id"]}

    lake.apply(n, "SELECT object_id, z * 1000 + 0.2 AS z2 FROM ztf.objects WHERE z < 0.25", into="x.n").wait()
    assert [row["object_id"] for row in rows(lake, "x.n")] == sorted(set(range(250)) - {200})
    (failure,) = rows(lake, "x.n__failures")
    assert (failure["object_id"], failure["message"]) == (200, "exit status 3")


@pytest.mark.soak
def test_an_endless_compiled_loop(lake):
    @skyhouse.function(returns=RETURNS, per="compiled", inputs=["object_id"])
    def n(number):
        while number == 7:
            pass
        return number

    lake.apply(n, "ztf.objects", into="x.n", timeout=1).wait()
    assert check(lake, 7, "Timeout")["message"] == "more than 1 s"


def test_an_endless_loop_in_python(lake):
    @skyhouse.function(returns=RETURNS)
    def n(obj):
        while obj.object_id == 7:
            pass
        return 1

    lake.apply(n, "ztf.objects", into="x.n", timeout=1.5).wait()
    assert "in n" in check(lake, 7, "Timeout")["traceback"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("per", ["object", "batch"])
def test_what_would_end_the_worker_is_the_objects(lake, error, per):
    @skyhouse.function(returns=RETURNS)
    def one(obj):
        if obj.object_id == 50:
            raise error("enough")
        return 1

    @skyhouse.function(returns=RETURNS, per="batch")
    def many(batch):
        if 50 in batch["object_id"].to_pylist():
            raise error("enough")
        return {"n": np.ones(batch.num_rows, "i4")}

    lake.apply(one if per == "object" else many, "ztf.objects", into="x.n").wait()
    assert check(lake, 50, error.__name__)["message"] == "enough"


def test_more_memory_than_there_is(lake):
    @skyhouse.function(returns=RETURNS)
    def n(obj):
        if obj.object_id == 50:
            np.ones(1 << 50)
        return 1

    lake.apply(n, "ztf.objects", into="x.n").wait()
    assert "Unable to allocate" in check(lake, 50, "MemoryError")["message"]


def test_a_setup_that_kills_fails_the_run(lake):
    @skyhouse.function(returns=RETURNS, setup=lambda: ctypes.string_at(0))
    def n(obj, shared):
        return 1

    run = lake.apply(n, "SELECT object_id FROM ztf.objects WHERE object_id < 40", into="x.n")
    with pytest.raises(skyhouse.errors.TaskError, match="setup"):
        run.wait()
    assert rows(lake, "x.n__failures") == []


def test_too_many_deaths_stop_the_run(lake):
    @skyhouse.function(returns=RETURNS)
    def n(obj):
        os._exit(3)

    run = lake.apply(n, "SELECT object_id FROM ztf.objects WHERE object_id < 40", into="x.n", max_failures=1)
    with pytest.raises(skyhouse.errors.TaskError, match=r"exit status 3 \(object_id = 0\)"):
        run.wait()


def test_a_function_that_kills_always_is_soon_given_up(lake):
    @skyhouse.function(returns=RETURNS)
    def n(obj):
        os._exit(3)

    run = lake.apply(n, "SELECT object_id FROM ztf.objects WHERE object_id < 40", into="x.n")
    with pytest.raises(skyhouse.errors.TaskError, match=r"first 10 objects \(WorkerDied: exit status 3\).*at fault"):
        run.wait()


def test_a_run_that_hangs_is_cancelled(lake, tmp_path):
    mark = tmp_path / "hangs"

    @skyhouse.function(returns=RETURNS)
    def n(obj):
        if obj.object_id == 7:
            mark.write_text(str(os.getpid()))
            time.sleep(600)
        return 1

    run = lake.apply(n, "ztf.objects", into="x.n")
    while not mark.exists():
        time.sleep(0.05)
    began = time.monotonic()
    run.cancel()
    run.join()
    assert time.monotonic() - began < 5
    assert run.status == "cancelled"
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


@pytest.mark.spark
def test_the_same_on_spark(lake, tmp_path):
    @skyhouse.function(returns=RETURNS)
    def n(obj):
        if obj.object_id == 123:
            ctypes.string_at(0)
        while obj.object_id == 223:
            pass
        return len(obj.lc.mag)

    lake.apply(n, "ztf.objects", into="x.n", engine="spark", timeout=1.5).wait()
    assert [row["object_id"] for row in rows(lake, "x.n")] == sorted(set(range(300)) - {123, 223})
    lost = {row["object_id"]: row["message"] for row in rows(lake, "x.n__failures")}
    assert lost == {123: "killed by SIGSEGV", 223: "more than 1.5 s"}

    mark = tmp_path / "hangs"

    @skyhouse.function(returns=RETURNS)
    def hangs(obj):
        mark.write_text(str(os.getpid()))
        time.sleep(600)

    run = lake.apply(hangs, "ztf.objects", into="x.hangs", engine="spark")
    wait_until(mark.exists)
    began = time.monotonic()
    run.cancel()
    run.join()
    assert time.monotonic() - began < 5
    assert run.status == "cancelled"
    wait_until(lambda: not running(int(mark.read_text())))


DRIVER = """
import os, sys, time
import skyhouse
from skyhouse import Column

path, engine, mark = sys.argv[1:]

@skyhouse.function(returns=[Column("n", "int32")])
def n(obj):
    with open(mark, "a") as held:
        print(obj.object_id, os.getpid(), file=held)
    if obj.object_id == 0:
        os._exit(1)
    time.sleep(600)

if __name__ == "__main__":
    with skyhouse.open(path, workers=1, spark_master="local[1]", spark_memory="1g") as lake:
        lake.apply(n, "ztf.objects", into="x.n", engine=engine).wait()
"""


@pytest.mark.parametrize("engine", ["pool", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.soak])])
def test_nothing_outlives_a_driver_that_is_killed(ztf, tmp_path, engine):
    mark = tmp_path / "pids"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, ztf.path, engine, mark])
    try:
        # Object 0 ends each process that comes to it, so that it is a child process which hangs at object 1.
        wait_until(lambda: mark.exists() and "\n1 " in mark.read_text())
        started = descendants(driver.pid)
        assert int(mark.read_text().split()[-1]) in started
    finally:
        driver.kill()
        driver.wait()
    wait_until(lambda: not any(map(running, started)))


def wait_until(true, seconds=120):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def descendants(pid):
    """Return the processes that a process has started, and those that these have."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def running(pid):
    """Return whether a process is there, other than as a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
