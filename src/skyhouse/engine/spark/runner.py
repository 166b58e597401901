"""Tasks on Spark."""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import ClassVar, TypeVar

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


class SparkRunner:
    """Runs tasks on an engine's Spark session, one Spark task each.

    Function, tasks and values are pickled, those of a script or notebook too; the package must be installed where
    Spark's workers run.
    """

    name: ClassVar[str] = "spark"

    def __init__(self, engine: SparkEngine) -> None:
        self.engine = engine

    def run(
        self, function: Callable[[T], R], tasks: Iterable[T], *, careful: Callable[[T], T] | None = None
    ) -> Iterator[Outcome[T, R]]:
        """Yield an outcome for every task as its wave completes.

        Tasks go out in waves, two at least at a time: of four a core where they are quick, else of so many as take
        some seconds. An exception is its task's outcome. Spark tries the tasks of a lost executor again; where that
        does not help, the tasks of the wave are run one by one, and the guilty one's outcome is a TaskError. So a
        task must bear being begun more than once. Where it can be made `careful`, it is.
        """
        cores = self.engine.link().cores()
        size = cores
        code = cloudpickle.dumps(function)
        waiting = iter(tasks) if careful is None else map(careful, tasks)
        flying: dict[Future[_Endings], tuple[list[T], Job]] = {}
        with ThreadPoolExecutor(_WAVES, thread_name_prefix="skyhouse-wave") as threads:
            try:
                while True:
                    while len(flying) < 2 or sum(len(wave) for wave, _ in flying.values()) < 2 * cores:
                        wave = list(itertools.islice(waiting, size))
                        if not wave:
                            break
                        job = Job()
                        flying[threads.submit(self._wave, code, wave, job)] = wave, job
                    if not flying:
                        return
                    for done in wait(flying, return_when=FIRST_COMPLETED).done:
                        wave, _ = flying.pop(done)
                        if done.exception() is None:
                            size = _size(cores, done.result().seconds / len(wave))
                        yield from self._outcomes(code, wave, done)
            finally:
                for _, job in flying.values():
                    job.cancel()

    def close(self) -> None:
        """Nothing to stop: the session is the engine's."""

    def _outcomes(self, code: bytes, wave: list[T], done: Future[_Endings]) -> Iterator[Outcome[T, R]]:
        if done.exception() is None:
            for task, ending in zip(wave, done.result().endings, strict=True):
                yield outcome(task, ending)
            return
        for task in wave:
            try:
                (ending,) = self._wave(code, [task], Job()).endings
            except Exception as error:  # noqa: BLE001 - it becomes the task's outcome
                yield Outcome(task, error=TaskError(f"its worker died: {told(error)}"))
            else:
                yield outcome(task, ending)

    def _wave(self, code: bytes, wave: list[T], job: Job) -> _Endings:
        work = _work(code, search_path())
        pickled = [cloudpickle.dumps(task) for task in wave]
        orders = pa.table({"number": range(len(wave)), "task": pickled})
        link = self.engine.link()
        frame = link.session.createDataFrame(orders).coalesce(1).repartition(len(wave))
        mapped = frame.mapInArrow(work, "number long, ending binary, seconds double")
        try:
            schema, batches = self.engine.tagged(lambda: link.rows(mapped), job)
        finally:
            job.end()
        ended = pa.Table.from_batches(batches, schema=schema)
        return _Endings(ended.sort_by("number")["ending"].to_pylist(), sum(ended["seconds"].to_pylist()))


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
