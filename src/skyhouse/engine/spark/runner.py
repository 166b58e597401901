"""Tasks on Spark."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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

        Tasks go out in waves of four a core, two waves at a time. An exception is its task's outcome. Spark tries
        the tasks of a lost executor again; where that does not help, the tasks of the wave are run one by one, and
        the guilty one's outcome is a TaskError. So a task must bear being begun more than once. Where it can be
        made `careful`, it is.
        """
        size = 4 * self.engine.link().cores()
        code = cloudpickle.dumps(function)
        waiting = iter(tasks) if careful is None else map(careful, tasks)
        flying: dict[Future[list[bytes]], tuple[list[T], Job]] = {}
        with ThreadPoolExecutor(2, thread_name_prefix="skyhouse-wave") as threads:
            try:
                while True:
                    while len(flying) < 2 and (wave := list(itertools.islice(waiting, size))):
                        job = Job()
                        flying[threads.submit(self._wave, code, wave, job)] = wave, job
                    if not flying:
                        return
                    for done in wait(flying, return_when=FIRST_COMPLETED).done:
                        wave, _ = flying.pop(done)
                        yield from self._outcomes(code, wave, done)
            finally:
                for _, job in flying.values():
                    job.cancel()

    def close(self) -> None:
        """Nothing to stop: the session is the engine's."""

    def _outcomes(self, code: bytes, wave: list[T], done: Future[list[bytes]]) -> Iterator[Outcome[T, R]]:
        error = done.exception()
        if error is None:
            for task, ending in zip(wave, done.result(), strict=True):
                yield outcome(task, ending)
        elif len(wave) == 1:
            yield Outcome(wave[0], error=TaskError(f"its worker died: {told(error)}"))
        else:
            for task in wave:
                alone: Future[list[bytes]] = Future()
                try:
                    alone.set_result(self._wave(code, [task], Job()))
                except Exception as again:  # noqa: BLE001 - it becomes the task's outcome
                    alone.set_exception(again)
                yield from self._outcomes(code, [task], alone)

    def _wave(self, code: bytes, wave: list[T], job: Job) -> list[bytes]:
        work = _work(code, search_path())
        pickled = [cloudpickle.dumps(task) for task in wave]
        orders = pa.table({"number": range(len(wave)), "task": pickled})
        link = self.engine.link()
        frame = link.session.createDataFrame(orders).coalesce(1).repartition(len(wave))
        mapped = frame.mapInArrow(work, "number long, ending binary")
        try:
            schema, batches = self.engine.tagged(lambda: link.rows(mapped), job)
        finally:
            job.end()
        ended = pa.Table.from_batches(batches, schema=schema)
        endings: list[bytes] = ended.sort_by("number")["ending"].to_pylist()
        return endings


def _work(code: bytes, path: list[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a worker does: unpickle the function, then run one task after another."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # A worker of this machine finds what this process imports; elsewhere these folders are not there.
        sys.path += [folder for folder in path if folder not in sys.path]
        for batch in batches:
            for number, task in zip(batch["number"].to_pylist(), batch["task"].to_pylist(), strict=True):
                ending = attempt_pickled(code, task)
                yield pa.RecordBatch.from_pydict({"number": [number], "ending": [ending]})

    return work
