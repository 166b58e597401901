"""The local process pool: tasks in processes of their own, so that one that crashes takes nothing else with it.

The standard library's pools run the user's script again in every worker (it then needs a ``__main__`` guard, and cannot
come from a notebook or a pipe), and lose all tasks in flight when one worker dies. Here a worker is a fresh interpreter
at the other end of a pipe, with one task at a time, so it is known which task a dead worker had.
"""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import ClassVar, TypeVar

from skyhouse.engine.base import Outcome
from skyhouse.engine.tasks import attempt, failed, outcome
from skyhouse.errors import SettingsError, TaskError

__all__ = ["PoolRunner"]

T = TypeVar("T")
R = TypeVar("R")
_ENDING_SECONDS = 5


class PoolRunner:
    """Runs tasks in `workers` processes, which are started at need and kept for the next run.

    Function, tasks and values are pickled: the function is a module's own, or a `functools.partial` or instance of
    one. A task is taken from the iterable when a worker is free for it.
    """

    name: ClassVar[str] = "pool"

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise SettingsError(f"workers is a whole number from 1, not {workers}")
        self.workers = workers
        self._idle: list[_Worker] = []
        # A runner that nobody closed still takes its workers with it.
        weakref.finalize(self, _stop, self._idle)

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Outcome[T, R]]:
        """Yield an outcome for every task as it completes, in any order.

        An exception is its task's outcome. A task whose worker dies (a crash in C, a kill for want of memory) is tried
        once more when all others are done, alone; if that worker dies too, its outcome is a TaskError. So a task
        must bear being begun twice. Raises TaskError for a function that a worker cannot import.
        """
        if getattr(function, "__module__", "") == "__main__":
            raise TaskError(
                f"{function!r} lives in a script or notebook: put it into a module, which workers can import"
            )
        code = pickle.dumps(function)
        busy: dict[object, tuple[_Worker, T]] = {}
        suspects: list[T] = []
        waiting = iter(tasks)
        try:
            for task in itertools.islice(waiting, self.workers):
                self._start(code, task, busy)
            while busy:
                for task, ending, death in self._ended(busy):
                    for following in itertools.islice(waiting, 1):
                        self._start(code, following, busy)
                    if death:
                        suspects.append(task)
                    else:
                        yield outcome(task, ending)
            for task in suspects:
                self._start(code, task, busy)
                ((_, ending, death),) = self._ended(busy)
                if death:
                    yield Outcome(task, error=TaskError(f"its worker died twice, the second time alone: {death}"))
                else:
                    yield outcome(task, ending)
        finally:
            for worker, _ in busy.values():
                worker.kill()

    def close(self) -> None:
        """Stop the workers."""
        _stop(self._idle)

    def _start(self, code: bytes, task: T, busy: dict[object, tuple[_Worker, T]]) -> None:
        order = pickle.dumps((code, pickle.dumps(task)))
        worker = self._idle.pop() if self._idle else _Worker()
        try:
            worker.pipe.send_bytes(order)
        except OSError:  # an idle worker was killed
            worker.kill()
            worker = _Worker()
            worker.pipe.send_bytes(order)
        busy[worker.pipe] = worker, task

    def _ended(self, busy: dict[object, tuple[_Worker, T]]) -> list[tuple[T, bytes, str]]:
        """Wait for workers; return each task that has ended with its ending, or how its worker died."""
        ended = []
        for pipe in wait([worker.pipe for worker, _ in busy.values()]):
            worker, task = busy.pop(pipe)
            ending, death = worker.receive()
            if not death:
                self._idle.append(worker)
            ended.append((task, ending, death))
        return ended


def _stop(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().kill()


class _Worker:
    """A Python process that runs tasks, one at a time; its standard streams are this process's."""

    def __init__(self) -> None:
        self.pipe, theirs = Pipe()
        # What is no text in sys.path (a Path, say) is passed over by Python's own imports too.
        given: Iterable[object] = sys.path
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in given if isinstance(folder, str))
        # Workers share the cores; each with threads on all of them would only get in each other's way.
        environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": path}
        program = f"from skyhouse.engine.pool import work; work({theirs.fileno()})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL
        )
        theirs.close()

    def receive(self) -> tuple[bytes, str]:
        """Return the pickled ending of the task, or how the process died."""
        try:
            return self.pipe.recv_bytes(), ""
        except (EOFError, OSError):
            status = self._ended()
        if status < 0:
            return b"", f"killed by {signal.Signals(-status).name}" + (" (out of memory?)" if status == -9 else "")
        return b"", f"exit status {status}"

    def _ended(self) -> int:
        """Return the status of a process that has closed its pipe; killed by us, it would not say why it ended."""
        try:
            return self.process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()
        finally:
            self.pipe.close()

    def kill(self) -> int:
        self.pipe.close()
        self.process.kill()
        return self.process.wait()


def work(descriptor: int) -> None:
    """Run the tasks that come through a pipe until it is closed; what a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its workers
    with Connection(descriptor) as pipe:
        while True:
            try:
                code, task = pickle.loads(pipe.recv_bytes())
            except EOFError:
                return
            try:
                ending = attempt(pickle.loads(code), pickle.loads(task))
            except Exception as error:  # noqa: BLE001 - what cannot be unpickled here is the task's outcome too
                ending = failed(error)
            try:
                pipe.send_bytes(ending)
            except BrokenPipeError:  # the parent is gone
                return
