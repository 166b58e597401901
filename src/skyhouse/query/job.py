"""One run of a statement, as those share it who wait for it, watch it and stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from skyhouse.errors import EngineError, InputError, OutOfTime

__all__ = ["Job", "Progress"]

T = TypeVar("T")

_WATCHED = 0.1  # seconds between two looks at the progress
_GRACE = 0.05  # seconds that an engine has to end a call that was stopped, before it is left alone
_AGAIN = 0.02


@dataclass(frozen=True)
class Progress:
    """How far a statement is.

    `fraction` is from 0 to 1, None where the engine cannot tell; `what` says it in words ("stage 2 of 3", "1.2 of 3.4
    GB"); `seconds` have passed since the start.
    """

    fraction: float | None
    what: str
    seconds: float


class Job:
    """One run of a statement, with a time limit of so many seconds (0: none), counted from here to the last row.

    Who waits makes it and hands it to `SqlEngine.batches`. The engine calls `begin` before it starts, makes its long
    calls by `do`, and calls `end` when the last row is out or the reader is dropped. Any thread may `cancel` it, before
    it begins too, and ask for its `progress`; `watch` is given the progress ten times a second, in the thread that
    waits, and that it is done.
    """

    def __init__(self, time_limit: float = 0, watch: Callable[[Progress], None] | None = None) -> None:
        if not 0 <= time_limit < float("inf"):
            raise InputError(f"time_limit is a number of seconds, 0 for none, not {time_limit!r}")
        self.time_limit = time_limit
        self._watch = watch
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._stopped: EngineError | None = None
        self._stop: Callable[[], None] | None = None
        self._measure: Callable[[], tuple[float | None, str]] | None = None
        self._timer: threading.Timer | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._doing: Future[Any] | None = None

    def begin(self, stop: Callable[[], None], measure: Callable[[], tuple[float | None, str]] | None = None) -> None:
        """Take the engine's way to stop the statement, and to say how far it is: (fraction, words).

        `stop` may be called again and again until `end`, from other threads, and before anything runs. Where a second
        engine takes over, it begins again. Raises the error of a job that was stopped before.
        """
        self._ended.clear()
        with self._lock:
            self._stop, self._measure = stop, measure
            if self._timer is None and self.time_limit:
                left = self.time_limit - (time.monotonic() - self._started)
                self._timer = threading.Timer(max(left, 0), self._halt, [self._late()])
                self._timer.daemon = True
                self._timer.start()
        self.check()

    def do(self, work: Callable[[], T]) -> T:
        """Do an engine's work in the job's own thread and wait for it, or for the job to be stopped.

        An engine that does not heed its stop is left behind in its thread, so that who waits can go on. Raises what
        the work raises, or the error of a job that was stopped. Whatever else ends the waiting, as Ctrl-C does,
        cancels the job.
        """
        self.check()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="skyhouse-job")
        self._wake.clear()
        doing = self._thread.submit(work)
        self._doing = doing
        doing.add_done_callback(lambda _: self._wake.set())
        try:
            while not (doing.done() or self.stopped):
                # Never for good: a signal that another thread was woken by is heard by this one when it next looks.
                if not self._wake.wait(_WATCHED) and self._watch:
                    self._watch(self.progress())
        except BaseException:
            self.cancel()
            raise
        if self.stopped:
            wait([doing], timeout=_GRACE)
            raise self.error() from (doing.exception() if doing.done() else None)
        return doing.result()

    def end(self) -> None:
        """Say that nothing runs any more: a limit or a `cancel` that comes later does nothing."""
        told = self._ended.is_set() or self._watch is None
        self._ended.set()
        if not told and self._watch is not None:
            self._watch(Progress(1, "done", time.monotonic() - self._started))
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._thread is not None:
                self._thread.shutdown(wait=False)
            if self.stopped and self._stop and self._doing and not self._doing.done():
                left = (self._stop, self._doing)
                # No daemon, as the job's own thread is none: one of the two lets go of the engine's statement at last,
                # which must not happen while Python goes down.
                threading.Thread(target=_chase, args=left, name="skyhouse-stop").start()
            self._stop = self._measure = self._thread = self._timer = self._doing = None

    def renew(self) -> None:
        """Let another engine take over what ran out of time: it has the same limit, counted from here."""
        if isinstance(self._stopped, OutOfTime):
            self.end()
            self._started = time.monotonic()
            self._stopped = None

    def cancel(self) -> None:
        """Stop the statement; who waits for it gets an EngineError."""
        self._halt(EngineError("stopped: the query was cancelled"))

    @property
    def stopped(self) -> bool:
        """Whether it was cancelled or ran out of time."""
        return self._stopped is not None

    def check(self) -> None:
        """Raise the error of a job that was stopped: EngineError, or OutOfTime."""
        if self._stopped is not None:
            raise self.error()

    def error(self) -> EngineError:
        """Return why the job was stopped, as an error."""
        why = self._stopped or EngineError("stopped: the query was cancelled")
        return type(why)(str(why))

    def progress(self) -> Progress:
        """Return how far the statement is."""
        with self._lock:
            measure = self._measure
        fraction, what = measure() if measure is not None else (None, "")
        return Progress(fraction, what, time.monotonic() - self._started)

    def _late(self) -> OutOfTime:
        return OutOfTime(f"stopped at its time limit of {self.time_limit:g} s: raise time_limit, or ask for less")

    def _halt(self, why: EngineError) -> None:
        with self._lock:
            if self._stopped is not None or self._ended.is_set():
                return
            self._stopped = why
        self._press()
        self._wake.set()
        # An engine may forget what it was told just before it began.
        threading.Thread(target=self._press_on, name="skyhouse-stop", daemon=True).start()

    def _press(self) -> None:
        with self._lock:
            stop = self._stop
        if stop is not None:
            stop()

    def _press_on(self) -> None:
        pause = _AGAIN
        while not self._ended.wait(pause):
            self._press()
            pause = min(2 * pause, 1)


def _chase(stop: Callable[[], None], doing: Future[Any]) -> None:
    """Stop what was left behind until it heeds."""
    pause = _AGAIN
    while not wait([doing], timeout=pause).done:
        stop()
        pause = min(2 * pause, 1)
