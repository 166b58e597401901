"""A run of an apply: tasks go out, what is done is committed every few seconds; anybody may look, wait or stop it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from skyhouse.engine.base import Outcome, TaskRunner
from skyhouse.errors import InputError, LakeError, TaskError
from skyhouse.lake.arrivals import commit_sources, remove_sources
from skyhouse.lake.lineage import Source, sources
from skyhouse.lake.registry import STAGED
from skyhouse.lake.table import Table
from skyhouse.objects.execution import careful, perform
from skyhouse.objects.task import Made, Task, Work
from skyhouse.objects.unit import TARGET, Unit

__all__ = ["Plan", "Progress", "Run"]

_COMMIT_SECONDS = 2.0
_TASK_SECONDS = 60.0
_TASK_BYTES = 8 * TARGET
_LEAST_SECONDS = 1.0
_EDGE_SECONDS = 2.0
_FIRST_ROWS = 2048
_LAST_TASKS = 16  # into which the rest is divided, if they are not too small, so that no worker waits for long
_NOTE = {"task": "apply"}
Ending = Outcome[Task, Made]


@dataclass(frozen=True)
class Progress:
    """How far a run is: `done` of `objects` (rows of the input; those done before not counted), seconds since it began.

    `failures` counts objects for which the function failed.
    """

    objects: int
    done: int = 0
    failures: int = 0
    seconds: float = 0.0

    @property
    def objects_per_second(self) -> float:
        """The mean rate so far."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The seconds that the rest takes at that rate; None where nothing is done yet."""
        return (self.objects - self.done) / self.objects_per_second if self.done else None

    def __str__(self) -> str:
        text = f"{self.done:,} of {self.objects:,} objects, {self.objects_per_second:,.0f}/s, {self.failures:,} failed"
        left = self.seconds_left
        return text if left is None or not left else f"{text}, {left:,.0f} s left"


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    `todo` are the units that are not in the table; `replaced` the older sources, by key, whose rows go when a unit's
    come; `gone` those whose rows only go. `unchanged` units are done already.
    """

    todo: tuple[Unit, ...]
    replaced: dict[str, set[Source]] = field(default_factory=dict)
    gone: tuple[Source, ...] = ()
    unchanged: int = 0

    @classmethod
    def of(cls, units: Sequence[Unit], held: dict[str, Source]) -> Self:
        """Return what is to be done where the table holds these sources."""
        todo = tuple(unit for unit in units if not _same(held.get(unit.source.key), unit.source))
        replaced = {unit.source.key: {held[unit.source.key]} for unit in todo if unit.source.key in held}
        keys = {unit.source.key for unit in units}
        # Rows that others added to the table have a source of no path.
        gone = tuple(source for key, source in held.items() if key not in keys and source.path)
        return cls(todo, replaced, gone, len(units) - len(todo))


def _same(old: Source | None, new: Source) -> bool:
    return old is not None and (old.size, old.mtime_ns) == (new.size, new.mtime_ns)


class Run:
    """A run of a function over a table, in a thread of this process; `Lake.apply` starts one.

    `table` and `failures` name what is written; `status` is "running", "done", "failed" or "cancelled". What is
    committed stays, whatever the ending; the same call goes on from there.
    """

    def __init__(
        self,
        work: Work,
        plan: Plan,
        tables: tuple[Table, Table],
        spool: Path,
        runner: TaskRunner,
        *,
        progress: Callable[[Progress], None] | None = None,
        ended: Callable[[], None] | None = None,
    ) -> None:
        self.table, self.failures = work.table.name, work.failures.name
        self.status = "running"
        self.error: BaseException | None = None
        self.objects = 0
        self.unchanged = plan.unchanged
        self._work, self._plan, self._tables, self._runner = work, plan, tables, runner
        self._watch, self._ended = progress, ended
        self._spool = spool
        self._stopped, self._over = threading.Event(), threading.Event()
        self._rate = 0.0  # objects of the input that a worker has done in a second, the last time
        self._lock = threading.Lock()
        self._began = time.perf_counter()
        self._progress = Progress(sum(unit.rows for unit in plan.todo))
        self._first = ""
        self._thread = threading.Thread(target=self._go, name=f"skyhouse-apply-{self.table}")

    def start(self) -> Self:
        """Begin; for who makes a run."""
        self._thread.start()
        return self

    @property
    def progress(self) -> Progress:
        """How far it is, now."""
        with self._lock:
            return self._progress

    def cancel(self) -> None:
        """Stop it: what is under way is given up, what is done is committed. Returns at once."""
        with self._lock:
            if self.status == "running":
                self.status = "cancelled"
        self._stopped.set()

    def wait(self, timeout: float | None = None) -> Self:
        """Wait for the end, or for so many seconds, and return the run. Ctrl-C cancels it.

        Raises what it failed by: TaskError where too many objects failed or the function cannot be used, LakeError,
        EngineError.
        """
        try:
            self._over.wait(timeout)
        except KeyboardInterrupt:
            self.cancel()
            self.join()
            raise
        if self.error is not None and self._over.is_set():
            raise self.error
        return self

    def join(self) -> None:
        """Wait for the end, however it is."""
        # Before Python 3.13 a join that Ctrl-C interrupts takes the thread for ended, and the process ends under it.
        self._over.wait()
        self._thread.join()

    def __repr__(self) -> str:
        return f"<Run into {self.table}, {self.status}: {self.progress}>"

    # -- the thread ------------------------------------------------------------------------------------------

    def _go(self) -> None:
        try:
            self._do()
            with self._lock:
                self.status = "done" if self.status == "running" else self.status
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self.error = error
            self.status = "failed"
        finally:
            try:
                if self.status == "done" and self._ended is not None:
                    self._ended()
                self._spool.unlink(missing_ok=True)
            finally:
                self._over.set()

    def _do(self) -> None:
        table, failures = self._tables
        for one in (failures, table):
            remove_sources(one, self._plan.gone, _NOTE)
        if not self._plan.todo:
            return
        self._spool.parent.mkdir(parents=True, exist_ok=True)
        self._spool.write_bytes(self._work.pickled())
        error: BaseException | None = None
        for endings in self._in_time():
            error = error or next((one.error for one in endings if one.error is not None), None)
            self._commit([one.value for one in endings if one.value is not None])
            self._count(endings)
            limit, now = self._work.limit, self.progress
            if error is None and limit.broken(now.failures, self.objects):
                error = self._too_many()
            if error is not None:
                self._stopped.set()
        if self.status == "cancelled":
            return
        if error is None and self._work.limit.broken(self.progress.failures, self.objects, early=False):
            error = self._too_many()
        if error is not None and not (isinstance(error, LakeError) and self._is_done_by_others()):
            raise error

    def _is_done_by_others(self) -> bool:
        """Whether another run of the same has committed all units, and cleared their staged files away meanwhile."""
        held = sources(self._tables[0].refresh())
        staged = all(f"{STAGED}/" in unit.source.key for unit in self._plan.todo)
        return staged and not Plan.of(self._plan.todo, held).todo

    def _too_many(self) -> TaskError:
        name, failed = self._work.function.name, self.progress.failures
        return TaskError(
            f"function {name} failed for {failed:,} of {self.objects:,} objects, more than max_failures "
            f"({self._work.limit.most}); they are in {self.failures}, and the first is {self._first}"
        )

    def _tasks(self) -> Iterator[Task]:
        """Yield the tasks when they are asked for: small ones at first, then of about a minute, as far as is known."""
        todo, at = self._plan.todo, 0
        left = sum(unit.rows for unit in todo)
        while at < len(todo):
            most = self._rate * _TASK_SECONDS if self._rate else _FIRST_ROWS
            # Where rows of a large row group are read over, as many as half of them are then done at once.
            rows = max(min(most, left / _LAST_TASKS), self._rate * _LEAST_SECONDS, todo[at].skipped / 2)
            end = at + 1
            size, taken = todo[at].bytes, todo[at].rows
            while end < len(todo) and taken + todo[end].rows <= rows and size + todo[end].bytes <= _TASK_BYTES:
                size, taken = size + todo[end].bytes, taken + todo[end].rows
                end += 1
            rest = self._to_edge(end)
            end, taken = end + len(rest), taken + sum(unit.rows for unit in rest)
            yield Task(str(self._spool), todo[at:end])
            at, left = end, left - taken

    def _to_edge(self, at: int) -> tuple[Unit, ...]:
        """Return the units up to the row group's end where they take little: who begins with them reads over others."""
        end = at
        while end < len(self._plan.todo) and self._plan.todo[end].skipped:
            end += 1
        rest = self._plan.todo[at:end]
        return rest if sum(unit.rows for unit in rest) <= self._rate * _EDGE_SECONDS else ()

    def _in_time(self) -> Iterator[list[Ending]]:
        """Yield what has ended in the last seconds; outcomes are waited for in a thread of their own."""
        ended: queue.Queue[Ending | BaseException | None] = queue.Queue()

        def wait() -> None:
            try:
                for outcome in self._runner.run(perform, self._tasks(), careful=careful, stop=self._stopped):
                    if outcome.value is not None:
                        rows = sum(unit.rows for unit in outcome.task.units)
                        self._rate = rows / max(outcome.value.seconds, 1e-3)
                    ended.put(outcome)
                ended.put(None)
            except BaseException as error:  # noqa: BLE001 - it is raised again by who takes it
                ended.put(error)

        waiter = threading.Thread(target=wait, name="skyhouse-tasks")
        waiter.start()
        held: list[Ending] = []
        due = time.perf_counter() + _COMMIT_SECONDS
        try:
            while True:
                try:
                    found = ended.get(timeout=max(0.0, due - time.perf_counter()) if held else None)
                except queue.Empty:
                    found = held[-1]
                else:
                    if found is None:
                        break
                    if isinstance(found, BaseException):
                        raise found
                    held.append(found)
                if found.error is not None or time.perf_counter() >= due:
                    yield held
                    held, due = [], time.perf_counter() + _COMMIT_SECONDS
            yield held
        finally:
            self._stopped.set()
            waiter.join()

    def _commit(self, made: Sequence[Made]) -> None:
        """Commit what was made: the failures first, so that no object is ever in neither table."""
        files = [file for one in made for file in one.files]
        if not files:
            return
        table, failures = self._tables
        keys = {span.source.key for file in files for span in file.spans}
        # Left by a run that ended between the two commits.
        stale = {key: source for key, source in sources(failures.refresh()).items() if key in keys}
        bad = [file for one in made for file in one.failures]
        made_bad = {span.source.key for file in bad for span in file.spans}
        remove_sources(failures, [source for key, source in stale.items() if key not in made_bad], _NOTE)
        commit_sources(failures, bad, {key: {source} for key, source in stale.items()}, _NOTE)
        commit_sources(table, files, self._plan.replaced, _NOTE)

    def _count(self, endings: Sequence[Ending]) -> None:
        done = sum(unit.rows for one in endings if one.value is not None for unit in one.task.units)
        made = [one.value for one in endings if one.value is not None]
        failed = sum(one.failed for one in made)
        self.objects += sum(one.objects for one in made)
        self._first = self._first or next((one.first for one in made if one.first), "")
        with self._lock:
            before = self._progress
            self._progress = Progress(
                before.objects, before.done + done, before.failures + failed, time.perf_counter() - self._began
            )
        if self._watch is not None:
            self._watch(self.progress)


def limit_of(max_failures: float) -> float:
    """Return `max_failures` as it was given: a share from 0 to 1, or a count as an int. Raises InputError."""
    if isinstance(max_failures, bool) or max_failures < 0 or (not isinstance(max_failures, int) and max_failures > 1):
        raise InputError(f"max_failures is a share from 0 to 1, or a whole number of objects, not {max_failures!r}")
    return max_failures
