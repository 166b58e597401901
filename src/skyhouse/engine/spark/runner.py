"""Tasks on Spark."""

from __future__ import annotations

import itertools
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import cloudpickle
import pyarrow as pa

from skyhouse.engine.base import Job, Outcome
from skyhouse.engine.spark.engine import SparkEngine
from skyhouse.engine.spark.faults import told
from skyhouse.engine.tasks import attempt_pickled, outcome
from skyhouse.engine.worker import search_path
from skyhouse.errors import TaskError

__all__ = ["SparkRunner"]

T = TypeVar("T")
R = TypeVar("R")

_WAVES = 16  # at most at once, where there are so many cores
_WAVE_SECONDS = 4.0
_LOOK_SECONDS = 0.2


class SparkRunner:
    """Runs tasks on an engine's Spark session, one Spark task each.

    Function, tasks and values are pickled, those of a script or notebook too; the package must be installed where
    Spark's workers run.
    """

    name: ClassVar[str] = "spark"

    def __init__(self, engine: SparkEngine) -> None:
        self.engine = engine

    def run(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        careful: Callable[[T], T] | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Outcome[T, R]]:
        """Yield an outcome for every task as its wave completes.

        Tasks go out in waves, two at least at a time: of four a core where they are quick, else of so many as take
        some seconds. An exception is its task's outcome. Spark tries the tasks of a lost executor again; where that
        does not help, each task of the wave is run once more by itself, and the guilty one's outcome is a TaskError.
        So a task must bear being begun more than once. Where it can be made `careful`, it is. Once `stop` is set,
        Spark is told to drop what runs.
        """
        cores = self.engine.link().cores()
        size = cores
        code = cloudpickle.dumps(function)
        waiting = iter(tasks) if careful is None else map(careful, tasks)
        suspects: deque[T] = deque()
        flying: dict[Future[_Endings], _Wave[T]] = {}
        with ThreadPoolExecutor(_WAVES, thread_name_prefix="skyhouse-wave") as threads:
            try:
                while not (stop and stop.is_set()):
                    while len(flying) < 2 or sum(len(wave.tasks) for wave in flying.values()) < 2 * cores:
                        wave = _next(suspects, waiting, size)
                        if wave is None:
                            break
                        flying[threads.submit(self._run, code, wave)] = wave
                    if not flying:
                        return
                    for done in wait(flying, _LOOK_SECONDS, FIRST_COMPLETED).done:
                        wave = flying.pop(done)
                        error = done.exception()
                        if error is None:
                            size = _size(cores, done.result().seconds / len(wave.tasks))
                            yield from map(outcome, wave.tasks, done.result().endings)
                        elif wave.second:
                            yield Outcome(wave.tasks[0], error=TaskError(f"its worker died: {told(error)}"))
                        else:
                            suspects.extend(wave.tasks)
            finally:
                for wave in flying.values():
                    wave.job.cancel()

    def close(self) -> None:
        """Nothing to stop: the session is the engine's."""

    def _run(self, code: bytes, wave: _Wave[T]) -> _Endings:
        work = _work(code, search_path())
        pickled = [cloudpickle.dumps(task) for task in wave.tasks]
        orders = pa.table({"number": range(len(pickled)), "task": pickled})
        link = self.engine.link()
        frame = link.session.createDataFrame(orders).coalesce(1).repartition(len(pickled))
        mapped = frame.mapInArrow(work, "number long, ending binary, seconds double")
        try:
            schema, batches = self.engine.tagged(lambda: link.rows(mapped), wave.job)
        finally:
            wave.job.end()
        ended = pa.Table.from_batches(batches, schema=schema)
        return _Endings(ended.sort_by("number")["ending"].to_pylist(), sum(ended["seconds"].to_pylist()))


@dataclass(frozen=True)
class _Wave(Generic[T]):
    tasks: list[T]
    second: bool = False
    job: Job = field(default_factory=Job)


def _next(suspects: deque[T], waiting: Iterator[T], size: int) -> _Wave[T] | None:
    if suspects:
        return _Wave([suspects.popleft()], second=True)
    tasks = list(itertools.islice(waiting, size))
    return _Wave(tasks) if tasks else None


@dataclass(frozen=True)
class _Endings:
    """The pickled endings of a wave's tasks, and the seconds that these took in all."""

    endings: list[bytes]
    seconds: float


def _size(cores: int, seconds: float) -> int:
    """Return how many tasks make a wave, where one takes so many seconds.

    >>> _size(16, 0.01), _size(16, 2.0), _size(16, 600.0), _size(2, 600.0)
    (64, 32, 2, 1)
    """
    wished = round(_WAVE_SECONDS * cores / max(seconds, 1e-9))
    return min(max(wished, math.ceil(2 * cores / _WAVES)), 4 * cores)


def _work(code: bytes, path: list[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a worker does: unpickle the function, then run one task after another."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # A worker of this machine finds what this process imports; elsewhere these folders are not there.
        sys.path += [folder for folder in path if folder not in sys.path]
        for batch in batches:
            for number, task in zip(batch["number"].to_pylist(), batch["task"].to_pylist(), strict=True):
                began = time.perf_counter()
                ending = attempt_pickled(code, task)
                seconds = time.perf_counter() - began
                yield pa.RecordBatch.from_pydict({"number": [number], "ending": [ending], "seconds": [seconds]})

    return work
