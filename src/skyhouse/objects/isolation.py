"""Work on many objects in a child process, so that one that kills it, or never ends, is found and left out.

A range of objects whose child died is divided into 32, and so on, until the guilty object is alone. It is blamed only
if it kills a child that has computed no other object before, so that none pays for memory that another one broke.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import cloudpickle

from skyhouse.engine.tasks import outcome
from skyhouse.engine.worker import Death, Worker, free_memory
from skyhouse.errors import TaskError
from skyhouse.objects.results import Failure

__all__ = ["Computed", "Span", "isolated"]

Span = tuple[int, int]
Compute = Callable[[int, int], bytes]

_PIECES = 32
_WARM_SECONDS = 30.0
_PREPARE_TRIES = 2
_TRACE_LINES = 12
_FREE_SHARE = 0.8
_LEAST_MEMORY = 1 << 30


@dataclass(frozen=True)
class Computed:
    """What was computed for the objects from `start` to before `stop`."""

    start: int
    stop: int
    data: bytes


def isolated(
    prepare: Callable[[], Compute],
    spans: Iterable[Span],
    *,
    timeout: float | None = None,
    memory_bytes: int | None = None,
    warm_seconds: float = _WARM_SECONDS,
) -> Iterator[Computed | Failure]:
    """Yield what is computed for spans of objects, in their order, and a failure for each that ended its process.

    A child process calls `prepare()`, and what that returns with `(start, stop)` of each span or part of one. The
    first call of a child that nothing is known to be good for may take `warm_seconds` more than `timeout`: it may
    compile. `memory_bytes` limits what a child may have of its own: where none is given, to most of what is free when
    it starts; 0 is no limit.

    A guilty object among n costs at most log32(n) + 3 starts of a child. What is raised is passed on, since it is no
    object's death, but for a MemoryError. Raises TaskError where `prepare` ends its process.
    """
    with _Child(prepare, timeout, memory_bytes, warm_seconds) as child:
        for span in spans:
            parts = [span] if span[0] < span[1] else []
            while parts:
                start, stop = child.first_of(parts)
                alone, strict = stop - start == 1, child.fresh
                ending = child.compute(start, stop)
                if not isinstance(ending, Death):
                    yield Computed(start, stop, ending)
                elif not alone:
                    parts.extend(reversed(_pieces(start, stop)))
                elif not strict and ending.kind != "Timeout":
                    parts.append((start, stop))
                else:
                    yield Failure(start, ending.kind, ending.reason, ending.trace)


def _pieces(start: int, stop: int) -> list[Span]:
    """Return a range in pieces.

    >>> _pieces(10, 13)
    [(10, 11), (11, 12), (12, 13)]
    >>> len(_pieces(0, 10_000))
    32
    """
    number = min(stop - start, _PIECES)
    edges = [start + (stop - start) * n // number for n in range(number + 1)]
    return list(itertools.pairwise(edges))


class _Child:
    """The child process of the moment; where it died, the next call starts another."""

    def __init__(
        self, prepare: Callable[[], Compute], timeout: float | None, memory_bytes: int | None, warm_seconds: float
    ) -> None:
        self._code = cloudpickle.dumps(_Work(prepare))
        self._timeout = timeout
        self._memory_bytes = memory_bytes
        self._warm_seconds = warm_seconds
        self._worker: Worker | None = None
        self._warm = False
        self._good: int | None = None  # an object that did well
        self.fresh = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def first_of(self, parts: list[Span]) -> Span:
        """Take the range to compute next: one object only, where a child is to be warmed up by it."""
        start, stop = parts.pop()
        if self._timeout is not None and not self._warm and self._good is None and stop - start > 1:
            parts.append((start + 1, stop))
            stop = start + 1
        return start, stop

    def compute(self, start: int, stop: int) -> bytes | Death:
        """Compute a range. Raises what it raises."""
        if self._timeout is not None and not self._warm and self._good is not None:
            self._warm_up(self._good)
        limit = self._timeout if self._timeout is None or self._warm else self._timeout + self._warm_seconds
        self.fresh = False
        ending = self._ask((start, stop), limit)
        if not isinstance(ending, Death):
            self._warm, self._good = True, start
        return ending

    def _warm_up(self, good: int) -> None:
        """Have a new child compile what it has to, on an object that is known to do well."""
        assert self._timeout is not None
        self._warm = not isinstance(self._ask((good, good + 1), self._timeout + self._warm_seconds), Death)
        if not self._warm:
            self._good = None

    def _ask(self, task: Span, limit: float | None) -> bytes | Death:
        if self._worker is None:
            self._worker = self._started()
        return self._told(self._worker, task, limit)

    def _started(self, tries: int = _PREPARE_TRIES) -> Worker:
        """Return a child that is prepared; a kill for want of memory may have been another's fault."""
        memory_bytes = self._memory_bytes
        if memory_bytes is None:
            memory_bytes = max(int(_FREE_SHARE * free_memory()), _LEAST_MEMORY)
        self._worker = worker = Worker(memory_bytes)
        ending = self._told(worker, None, None)
        if not isinstance(ending, Death):
            return worker
        if tries > 1:
            return self._started(tries - 1)
        raise TaskError(
            "the worker died before it came to an object, in the function's setup or in reading the input: "
            f"{ending}\n{ending.trace}".rstrip()
        )

    def _told(self, worker: Worker, task: Span | None, limit: float | None) -> bytes | Death:
        with suppress(OSError):  # it died while it waited: what it answers is its death
            worker.start(self._code, cloudpickle.dumps(task))
        ending = worker.receive(limit)
        if isinstance(ending, Death):
            self._end()
            return ending
        found = outcome(task, ending)
        if isinstance(found.error, MemoryError):
            self._end()
            lines = found.traceback.rstrip().splitlines()[-_TRACE_LINES:]
            return Death("OutOfMemory", str(found.error) or "no memory is left", "\n".join(lines))
        if found.error is not None:
            found.error.add_note(f"in a child process:\n{found.traceback}")
            raise found.error
        data: bytes = found.value or b""
        return data

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._worker, self._warm, self.fresh = None, False, True


class _Work:
    """What a child runs: it prepares at the first call, and computes at all others."""

    def __init__(self, prepare: Callable[[], Compute]) -> None:
        self.prepare = prepare
        self.compute: Any = None

    def __call__(self, span: Span | None) -> bytes:
        """Compute a range."""
        if span is None:
            self.compute = self.prepare()
            return b""
        found: bytes = self.compute(*span)
        return found
