"""The local process pool: tasks in processes of their own, so that one that crashes takes nothing else with it.

The standard library's pools run the user's script again in every worker (it then needs a ``__main__`` guard, and cannot
come from a notebook or a pipe), and lose all tasks in flight when one worker dies. Here a worker is a fresh interpreter
at the other end of a pipe, with one task at a time, so it is known which task a dead worker had.
"""

from __future__ import annotations

import itertools
import pickle
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import cloudpickle

from skyhouse.engine.base import Outcome
from skyhouse.engine.tasks import outcome
from skyhouse.engine.worker import Death, Worker
from skyhouse.errors import SettingsError, TaskError

__all__ = ["PoolRunner"]

T = TypeVar("T")
R = TypeVar("R")
_LOOK_SECONDS = 0.2


class PoolRunner:
    """Runs tasks in `workers` processes, which are started at need and kept for the next run.

    Function, tasks and values are pickled: those of a module by their names, those of a script or notebook whole. A
    task is taken from the iterable when a worker is free for it.
    """

    name: ClassVar[str] = "pool"

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise SettingsError(f"workers is a whole number from 1, not {workers}")
        self.workers = workers
        self._idle: list[Worker] = []
        # A runner that nobody closed still takes its workers with it.
        weakref.finalize(self, _stop, self._idle)

    def run(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        careful: Callable[[T], T] | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Outcome[T, R]]:
        """Yield an outcome for every task as it completes, in any order.

        An exception is its task's outcome. A task whose worker dies (a crash in C, a kill for want of memory) is run
        once more: at once and as `careful` makes it, or without that as it is and alone, when all others are done. If
        that worker dies too, its outcome is a TaskError. So a task must bear being begun twice. Once `stop` is set,
        the workers that are busy are killed. Raises TaskError for a function that cannot be pickled.
        """
        code = _pickled(function)
        self._retire(_last_change())
        busy: dict[object, tuple[Worker, _Order[T]]] = {}
        line = _Line(tasks, careful)
        try:
            self._fill(code, line, busy)
            while busy and not (stop and stop.is_set()):
                found: list[Outcome[T, R] | None] = [line.outcome(order, ending) for order, ending in self._ended(busy)]
                self._fill(code, line, busy)
                yield from (one for one in found if one is not None)
        finally:
            for worker, _ in busy.values():
                worker.kill()

    def close(self) -> None:
        """Stop the workers."""
        _stop(self._idle)

    def _retire(self, changed: float) -> None:
        """Stop idle workers that may have imported what has changed since: nobody would reload it there."""
        for worker in list(self._idle):
            if worker.began < changed:
                with suppress(ValueError):  # another run has just taken it
                    self._idle.remove(worker)
                    worker.kill()

    def _fill(self, code: bytes, line: _Line[T], busy: dict[object, tuple[Worker, _Order[T]]]) -> None:
        while len(busy) < self.workers and (order := line.next(alone=not busy)):
            task = cloudpickle.dumps(order.task)
            worker = self._idle.pop() if self._idle else Worker()
            try:
                worker.start(code, task)
            except OSError:  # an idle worker was killed
                worker.kill()
                worker = Worker()
                worker.start(code, task)
            busy[worker.pipe] = worker, order
            if order.alone:
                return

    def _ended(self, busy: dict[object, tuple[Worker, _Order[T]]]) -> list[tuple[_Order[T], bytes | Death]]:
        """Wait a little; return each order that has ended with its ending, or how its worker died."""
        ended = []
        for pipe in wait([worker.pipe for worker, _ in busy.values()], _LOOK_SECONDS):
            worker, order = busy.pop(pipe)
            ending = worker.receive()
            if not isinstance(ending, Death):
                self._idle.append(worker)
            ended.append((order, ending))
        return ended


@dataclass(frozen=True)
class _Order(Generic[T]):
    task: T
    second: bool = False
    alone: bool = False


class _Line(Generic[T]):
    """The tasks that wait: those that come, and those whose worker died."""

    def __init__(self, tasks: Iterable[T], careful: Callable[[T], T] | None) -> None:
        self._tasks = iter(tasks)
        self._careful = careful
        self._again: deque[_Order[T]] = deque()

    def next(self, *, alone: bool) -> _Order[T] | None:
        """Return what to run next, if anything; `alone` says that nothing else runs."""
        if self._again and not self._again[0].alone:
            return self._again.popleft()
        for task in itertools.islice(self._tasks, 1):
            return _Order(task)
        return self._again.popleft() if self._again and alone else None

    def outcome(self, order: _Order[T], ending: bytes | Death) -> Outcome[T, R] | None:
        """Return the outcome of an order, or None where it waits for its second time."""
        if not isinstance(ending, Death):
            return outcome(order.task, ending)
        if order.second:
            where = ", the second time alone" if order.alone else ""
            error = TaskError(f"its worker died twice{where}: {ending}")
            return Outcome(order.task, error=error, traceback=ending.trace)
        again = order.task if self._careful is None else self._careful(order.task)
        self._again.append(_Order(again, second=True, alone=self._careful is None))
        return None


def _last_change() -> float:
    """Return when a module's file was last changed, of those imported here that are not installed packages."""
    installed = (sys.prefix, sys.base_prefix)
    files = (getattr(module, "__file__", None) or "" for module in list(sys.modules.values()))
    changed = [0.0]
    for file in files:
        if file and not file.startswith(installed):
            with suppress(OSError):  # it is gone, or in an archive
                changed.append(Path(file).stat().st_mtime)
    return max(changed)


def _pickled(function: Callable[[T], R]) -> bytes:
    try:
        code: bytes = cloudpickle.dumps(function)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TaskError(f"{function!r} cannot be sent to a worker: {error}") from error
    return code


def _stop(workers: list[Worker]) -> None:
    while workers:
        workers.pop().kill()
