from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from skyhouse.engine.pool import PoolRunner
from skyhouse.errors import SettingsError, TaskError
from skyhouse.testing import TaskRunnerContract, square


class TestPoolRunner(TaskRunnerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls):
        runner = PoolRunner(2)
        yield runner
        runner.close()


@pytest.fixture
def pool():
    runner = PoolRunner(2)
    yield runner
    runner.close()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_are_kept_for_the_next_run_and_gone_after_close(pool):
    first = {o.value for o in pool.run(os.path.getsize, [os.devnull] * 4)}
    assert first == {0}
    kept = [worker.process.pid for worker in pool._idle]
    list(pool.run(square, range(4)))
    assert sorted(kept) == sorted(worker.process.pid for worker in pool._idle)
    pool.close()
    assert not any(alive(pid) for pid in kept)


def test_an_idle_worker_that_was_killed_is_replaced(pool):
    list(pool.run(square, range(4)))
    for worker in pool._idle:
        worker.process.kill()
        worker.process.wait()
    assert sorted(o.value for o in pool.run(square, range(4))) == [0, 1, 4, 9]


def test_how_a_worker_died_is_told(pool):
    (ended,) = pool.run(signal.raise_signal, [signal.SIGKILL])
    assert "SIGKILL" in str(ended.error)


def test_a_worker_that_exits_by_itself_is_not_said_to_be_killed(pool):
    outcomes = list(pool.run(os._exit, [3, 4]))
    assert all(f"exit status {ended.task}" in str(ended.error) for ended in outcomes)


def test_what_is_no_text_in_the_search_path_is_passed_over(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [tmp_path, *sys.path])
    assert [ended.value for ended in pool.run(square, [3])] == [9]


def test_a_module_that_was_changed_and_reloaded_is_new_to_the_workers_too(pool, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "edited_module.py"
    source.write_text("def answer(_):\n    return 1\n")
    module = importlib.import_module("edited_module")
    assert [ended.value for ended in pool.run(module.answer, [0])] == [1]
    (before,) = pool._idle
    assert [ended.value for ended in pool.run(module.answer, [0])] == [1]
    assert pool._idle == [before]
    source.write_text("def answer(_):\n    return 1_000\n")
    module = importlib.reload(module)
    assert [ended.value for ended in pool.run(module.answer, [0])] == [1_000]


def test_two_runs_at_once(pool):
    one, other = pool.run(square, range(10)), pool.run(square, range(10, 20))
    values = [o.value for pair in zip(one, other, strict=True) for o in pair]
    assert sorted(values) == [n * n for n in range(20)]


def test_a_task_that_would_exit_fails_and_its_worker_lives(pool):
    outcomes = list(pool.run(sys.exit, ["enough", 4]))
    assert {str(ended.error) for ended in outcomes} == {"SystemExit: enough", "SystemExit: 4"}
    assert all(alive(worker.process.pid) for worker in pool._idle)


def test_a_function_that_cannot_be_sent_is_refused(pool):
    with pytest.raises(TaskError, match="cannot be sent to a worker"):
        next(pool.run(partial(square, threading.Lock()), [1]))


def test_a_task_whose_worker_died_is_run_once_more_as_carefully_as_it_can_be(pool):
    def fragile(task):
        number, careful = task
        if number == 3 and not careful:
            os._exit(1)
        if number == 4:
            os._exit(2)
        return number

    tasks = [(number, False) for number in range(6)]
    outcomes = list(pool.run(fragile, tasks, careful=lambda task: (task[0], True)))
    assert {ended.task: ended.value for ended in outcomes if not ended.error} == {
        (0, False): 0, (1, False): 1, (2, False): 2, (3, True): 3, (5, False): 5}  # fmt: skip
    (lost,) = (ended for ended in outcomes if ended.error)
    assert lost.task == (4, True)
    assert "exit status 2" in str(lost.error)


def test_no_workers_is_no_pool():
    with pytest.raises(SettingsError, match="workers"):
        PoolRunner(0)


SCRIPT = """
from skyhouse.engine.pool import PoolRunner
from skyhouse.testing import square, write_late
pool = PoolRunner(2)
print(sorted(o.value for o in pool.run(square, range(3))), flush=True)
{more}
"""


def test_a_script_from_a_pipe_without_a_main_guard():
    told = subprocess.run(
        [sys.executable, "-"], input=SCRIPT.format(more="pool.close()"), capture_output=True, text=True, check=False
    )
    assert told.stdout == "[0, 1, 4]\n", told.stderr


NOTEBOOK = """
import sys
from dataclasses import dataclass
from functools import partial
from skyhouse.engine.pool import PoolRunner

@dataclass(frozen=True)
class Star:
    mag: float

class Faint(ValueError):
    pass

def brighter(by, star):
    if star.mag > 20:
        raise Faint(star)
    return Star(star.mag - by)

pool = PoolRunner(1)
ended = list(pool.run(partial(brighter, 1.5), [Star(16.5), Star(21.0)]))
print(ended[0].value == Star(15.0), isinstance(ended[1].error, Faint), ended[1].error)
pool.close()
"""


def test_functions_tasks_values_and_errors_may_be_a_notebooks_own():
    told = subprocess.run([sys.executable, "-"], input=NOTEBOOK, capture_output=True, text=True, check=False)
    assert told.stdout == "True True Star(mag=21.0)\n", told.stderr


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path, deadly):
    task = str(tmp_path / "x"), 2
    more = f"print(*[w.process.pid for w in pool._idle], flush=True)\nlist(pool.run(write_late, [{task}] * 2))"
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(more=more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    parent.stdout.readline()
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.3)
    parent.send_signal(deadly)
    _, said = parent.communicate()  # to the end of the workers, which write there too
    while any(alive(pid) for pid in pids):
        time.sleep(0.05)
    assert "BrokenPipe" not in said
    assert not (tmp_path / "x").exists()


def test_a_runner_that_is_forgotten_stops_its_workers():
    runner = PoolRunner(2)
    list(runner.run(square, range(4)))
    pids = [worker.process.pid for worker in runner._idle]
    assert pids
    assert all(alive(pid) for pid in pids)
    del runner
    gc.collect()
    assert not any(alive(pid) for pid in pids)
