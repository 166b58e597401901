"""Workers that crash, hang and eat: each says how it ended."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numba
import numpy as np
import pytest

from skyhouse.engine.tasks import outcome
from skyhouse.engine.worker import Death, Worker, free_memory
from skyhouse.errors import InputError


@pytest.fixture
def told():
    """Return a function that runs another one in a worker and returns its outcome, or the worker's death."""
    workers = []

    def ask(function, task=None, timeout=None, **settings):
        worker = Worker(**settings)
        workers.append(worker)
        worker.start(cloudpickle.dumps(function), cloudpickle.dumps(task))
        ending = worker.receive(timeout)
        return ending if isinstance(ending, Death) else outcome(task, ending)

    yield ask
    for worker in workers:
        worker.kill()


def test_a_segfault_says_in_which_line(told):
    def reads_nothing(_):
        ctypes.string_at(0)

    death = told(reads_nothing)
    assert (death.kind, death.reason) == ("WorkerDied", "killed by SIGSEGV")
    assert death.trace.splitlines()[-1].endswith("in string_at")
    assert death.trace.splitlines()[-2].endswith("in reads_nothing")


def test_an_exit_has_its_status(told):
    assert told(os._exit, 3) == Death("WorkerDied", "exit status 3")


def test_a_loop_in_python_ends_at_its_time_and_says_where(told):
    def endless(_):
        while True:
            pass

    began = time.monotonic()
    death = told(endless, timeout=1)
    assert time.monotonic() - began < 4
    assert (death.kind, death.reason) == ("Timeout", "more than 1 s")
    assert death.trace.splitlines()[-1].endswith("in endless")


def test_a_compiled_loop_ends_at_its_time():
    @numba.njit(nogil=True)
    def spin(n):
        while n > 0:
            n += 1 if n < 1000 else -1
        return n

    def compiled(n):
        return spin(n)

    worker, code = Worker(), cloudpickle.dumps(compiled)
    worker.start(code, cloudpickle.dumps(0))
    assert outcome(0, worker.receive()).value == 0
    worker.start(code, cloudpickle.dumps(1))
    death = worker.receive(1)
    assert (death.kind, death.reason) == ("Timeout", "more than 1 s")
    assert death.trace.splitlines()[-1].endswith("in compiled")


def test_what_a_task_has_started_ends_with_it(told, tmp_path):
    mark = tmp_path / "pid"

    def starts(_):
        other = subprocess.Popen(["sleep", "600"])
        mark.write_text(str(other.pid))
        other.wait()

    assert told(starts, timeout=2).kind == "Timeout"
    wait_for_the_end_of([int(mark.read_text())])


def test_memory_is_limited(told):
    def eats(gigabytes):
        return len(np.empty(gigabytes << 30, "int8"))

    assert isinstance(told(eats, 30, memory_bytes=1 << 30).error, MemoryError)
    assert told(eats, 1, memory_bytes=3 << 30).value == 1 << 30
    with pytest.raises(InputError, match="memory_bytes"):
        Worker(-1)


def test_free_memory_is_part_of_the_machines():
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < free_memory() < machine


def test_a_worker_is_killed_for_want_of_memory_before_its_parent(told):
    score = "/proc/self/oom_score_adj"
    assert int(told(lambda path: Path(path).read_text(), score).value) >= 500 > int(Path(score).read_text())


def test_a_function_is_sent_and_unpickled_once():
    class Counts:
        calls = 0

        def __call__(self, by):
            self.calls += by
            return self.calls

    worker = Worker()
    code = cloudpickle.dumps(Counts())
    values = []
    for step in (1, 2, 3):
        worker.start(code, cloudpickle.dumps(step))
        values.append(outcome(step, worker.receive()).value)
    worker.start(cloudpickle.dumps(len), cloudpickle.dumps("four"))
    values.append(outcome("four", worker.receive()).value)
    worker.kill()
    assert values == [1, 3, 6, 4]


DRIVER = """
import sys, time, cloudpickle
from skyhouse.engine.worker import Worker
def hold_the_lock(_):
    import ctypes
    import os, subprocess
    other = subprocess.Popen(["sleep", "600"])
    print(os.getpid(), other.pid, flush=True)
    ctypes.PyDLL(None).sleep(600)
worker = Worker()
worker.start(cloudpickle.dumps(hold_the_lock), cloudpickle.dumps(None))
time.sleep(600)
"""


def test_a_worker_in_c_code_that_holds_pythons_lock_dies_with_its_parent():
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in driver.stdout.readline().split()]
    assert all(map(running, pids))
    time.sleep(0.5)
    driver.kill()
    driver.communicate()
    wait_for_the_end_of(pids)


def wait_for_the_end_of(pids):
    deadline = time.monotonic() + 5
    while any(map(running, pids)):
        assert time.monotonic() < deadline, "they live on"
        time.sleep(0.02)


def running(pid):
    """Return whether a process is there, other than as a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
