"""Objects that kill, block or bloat their process: exactly they fail, and all others are there."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyhouse.engine.worker import free_memory
from skyhouse.errors import TaskError
from skyhouse.objects.isolation import Computed, isolated
from skyhouse.objects.results import Failure

ROWS = 10_000


@dataclass
class Ended:
    """The rows that are there, the failures, and how many processes it took."""

    rows: list[int]
    failures: list[Failure]
    starts: int

    def only(self, *guilty: int, rows: int = ROWS) -> bool:
        due = sorted(set(range(rows)) - set(guilty))
        return self.rows == due and [failure.row for failure in self.failures] == list(guilty)


@pytest.fixture
def run(tmp_path):
    """Return a function that runs another one on each of the rows, in isolation."""
    starts = tmp_path / "starts"

    def ended(call, spans=((0, ROWS),), setup=lambda: None, **options: Any):
        def prepare():
            with starts.open("a") as log:
                log.write(".")
            setup()

            def compute(start, stop):
                for row in range(start, stop):
                    call(row)
                return np.arange(start, stop).tobytes()

            return compute

        rows: list[int] = []
        failures: list[Failure] = []
        starts.unlink(missing_ok=True)
        for one in isolated(prepare, spans, **options):
            if isinstance(one, Failure):
                assert one.row >= len(rows) + len(failures)
                failures.append(one)
            else:
                rows += np.frombuffer(one.data, int).tolist()
        return Ended(rows, failures, len(starts.read_text()))

    return ended


def test_a_segfault_is_its_objects(run):
    def call(row):
        if row == 6_174:
            ctypes.string_at(0)

    found = run(call)
    assert found.only(6_174)
    (failure,) = found.failures
    assert (failure.exception, failure.message) == ("WorkerDied", "killed by SIGSEGV")
    assert "in call" in failure.trace
    assert found.starts <= 6


def test_many_guilty_ones_are_all_found(run):
    guilty = [0, 1, 17, 5_000, 5_001, ROWS - 1]

    def call(row):
        if row in guilty:
            os._exit(3)

    found = run(call, spans=[(0, 4_000), (4_000, 4_000), (4_000, ROWS)])
    assert found.only(*guilty)
    assert {failure.message for failure in found.failures} == {"exit status 3"}
    assert found.starts <= 6 * len(guilty)


def test_a_loop_in_python_is_its_objects(run):
    def call(row):
        while row == 20:
            pass

    found = run(call, spans=[(0, 32)], timeout=1.5)
    assert found.only(20, rows=32)
    assert (found.failures[0].exception, found.failures[0].message) == ("Timeout", "more than 1.5 s")
    assert "in call" in found.failures[0].trace


def test_a_compiled_loop_is_its_objects_and_compiling_is_nobodys(run):
    @numba.njit(nogil=True)
    def spin(n):
        while n == 20:
            pass
        return n

    found = run(spin, spans=[(0, 32)], timeout=1.5)
    assert found.only(20, rows=32)
    assert found.failures[0].exception == "Timeout"


def test_what_takes_long_in_all_is_no_endless_loop(run):
    found = run(lambda row: time.sleep(0.02), spans=[(0, 60)], timeout=1)
    assert found.only(rows=60)


def test_memory_that_is_not_there_is_its_objects(run):
    def call(row):
        if row == 31:
            np.ones(30 << 27)

    found = run(call, spans=[(0, 64)], memory_bytes=2 << 30)
    assert found.only(31, rows=64)
    assert found.failures[0].exception == "OutOfMemory"
    assert "in call" in found.failures[0].trace


def test_more_memory_than_is_free_is_not_had(run):
    def call(row):
        if row == 5:
            np.empty(free_memory(), "int8")

    found = run(call, spans=[(0, 8)])
    assert found.only(5, rows=8)
    assert found.failures[0].exception == "OutOfMemory"


def test_an_object_does_not_pay_for_another_ones_leak(run):
    kept = []

    def call(row):
        kept.append(np.empty(1 << 22))  # 32 MB

    assert run(call, spans=[(0, 64)], memory_bytes=1 << 30).only(rows=64)


def test_a_setup_that_dies_is_no_objects_fault(run):
    with pytest.raises(TaskError, match=r"before it came to an object.*SIGSEGV(.|\n)*in string_at"):
        run(print, setup=lambda: ctypes.string_at(0))


def test_what_is_raised_is_raised_and_says_where(run):
    def call(row):
        raise ValueError(row)

    with pytest.raises(ValueError, match="7") as raised:
        run(call, spans=[(7, 9)])
    assert "in call" in raised.value.__notes__[0]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_would_end_a_process_is_raised_as_an_error(run, error):
    def call(row):
        raise error

    with pytest.raises(TaskError, match=error.__name__):
        run(call)


def test_a_function_that_kills_on_all_objects_costs_a_process_each(run):
    found = run(lambda row: os._exit(5), spans=[(0, 5)])
    assert found.only(*range(5), rows=5)
    assert found.starts <= 7


@settings(max_examples=4, deadline=None)
@given(rows=st.integers(0, 3_000), guilty=st.sets(st.integers(0, 2_999), max_size=3), cut=st.integers(0, 3_000))
def test_whatever_objects_are_guilty_all_others_are_there(rows, guilty, cut):
    def prepare():
        def compute(start, stop):
            if any(start <= row < stop for row in guilty):
                os._exit(1)
            return np.arange(start, stop).tobytes()

        return compute

    found = list(isolated(prepare, [(0, min(cut, rows)), (min(cut, rows), rows)]))
    there = [n for one in found if isinstance(one, Computed) for n in np.frombuffer(one.data, int)]
    assert there == sorted(set(range(rows)) - guilty)
    assert [one.row for one in found if isinstance(one, Failure)] == sorted(row for row in guilty if row < rows)


def test_a_run_that_is_left_ends_its_child(run):
    def prepare():
        return lambda start, stop: str(os.getpid()).encode()

    found = isolated(prepare, [(0, 1), (1, 2)])
    pid = int(next(found).data)
    os.kill(pid, 0)
    found.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
