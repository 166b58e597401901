"""A sample of a job, taken in the workers that would do it: seconds and bytes of each object, from all over the input.

All workers take their part at the same time, for cores that share a processor are slower together than one alone. Row
groups are read as a whole, so that reading is measured as it will be; the function is called with as many of their
objects, evenly spread, as fit the time. Sums over the sampled row groups are carried to the whole by their bytes, which
is also how long light curves are.
"""

from __future__ import annotations

import pickle
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter
from skyhouse.objects.costs import Workload
from skyhouse.objects.function import Function
from skyhouse.objects.results import Results

__all__ = ["Group", "Piece", "Reader", "Sample", "Spent", "Take", "Taken", "gathered", "orders", "take"]

_SLICE_SECONDS = 0.1  # that a call of the function with a few objects takes at least, where there are so many
_READ_BYTES = 30e6  # that are read for each second of the sample and worker, about a tenth of its time
_GROUPS = 64  # of each worker at most
_STEPS = ("read", "compute", "write")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the processor and of the clock."""

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def __mul__(self, factor: float) -> Spent:
        return Spent(self.cpu * factor, self.wall * factor)


class Watch:
    """Takes the time of this process, all of its threads, since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def spent(self) -> Spent:
        """Return the time so far."""
        return Spent(time.process_time() - self._cpu, time.perf_counter() - self._wall)


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group of the sample, `rows` and compressed `bytes` (of the columns that are read) as its footer has them.

    `objects` of its rows are left by the query's conditions; with `computed` of these the function was called.
    `read`, `compute` and `write` are the seconds of the whole row group, carried from the objects that were computed.
    """

    rows: int
    bytes: int
    objects: int
    computed: int
    failures: int
    read: Spent
    compute: Spent
    write: Spent
    written_bytes: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured, and what the job has: parts (of the work that one core does whole, by bytes) and `workers`.

    `begun_seconds` passed until the workers ran, `start_seconds` is what each then spent once: on unpickling, setup,
    compiling. `seconds` is the time that the sample took.
    """

    pieces: tuple[Piece, ...]
    parts: tuple[int, ...]
    rows: int
    workers: int
    begun_seconds: float = 0.0
    start_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def bytes(self) -> int:
        """Compressed bytes of the columns that the whole job reads."""
        return sum(self.parts)

    @property
    def share(self) -> float:
        """Which share of the job's bytes was read."""
        read = sum(piece.bytes for piece in self.pieces)
        return read / self.bytes if self.bytes else 1.0

    @property
    def computed(self) -> int:
        """Objects that the function was called with."""
        return sum(piece.computed for piece in self.pieces)

    @property
    def failures(self) -> int:
        """How many of them failed."""
        return sum(piece.failures for piece in self.pieces)

    @property
    def objects(self) -> int:
        """Objects of the whole job, as far as the sample tells."""
        found = sum(piece.objects for piece in self.pieces)
        rows = sum(piece.rows for piece in self.pieces)
        return round(self.rows * found / rows) if rows else 0

    def total(self, step: str) -> Spent:
        """Return the seconds of all workers that a step ("read", "compute", "write") of the whole job takes."""
        found = sum((getattr(piece, step) for piece in self.pieces), Spent())
        return found * (1 / self.share) if self.share else found

    @property
    def cpu_seconds(self) -> float:
        """Seconds of the processor for the whole job, without the start of the workers."""
        return sum(self.total(step).cpu for step in _STEPS)

    @property
    def per_object(self) -> dict[str, float]:
        """Seconds of the processor that an object takes on average, by step."""
        return {step: self.total(step).cpu / max(self.objects, 1) for step in _STEPS}

    @property
    def read_bytes(self) -> float:
        """Compressed bytes that are read for an object."""
        return self.bytes / max(self.objects, 1)

    @property
    def written_bytes(self) -> float:
        """Compressed bytes that are written for an object."""
        written = sum(piece.written_bytes for piece in self.pieces)
        return written / max(sum(piece.objects for piece in self.pieces), 1)

    @property
    def work(self) -> Workload:
        """The job as costs are counted of it."""
        size = self.read_bytes + self.written_bytes
        seconds = self.cpu_seconds / max(self.objects, 1)
        return Workload(self.objects, seconds, size, tuple(map(float, self.parts)), self.start_seconds)

    @property
    def speed(self) -> float:
        """The share of its time that a worker had a core for itself, while it did not wait for its input."""
        steps = [self.total(step) for step in ("compute", "write")]
        cpu, wall = sum(step.cpu for step in steps), sum(step.wall for step in steps)
        return min(1.0, cpu / wall) if wall else 1.0

    @property
    def waited(self) -> float:
        """Seconds of all workers that the whole job waits for its input."""
        read = self.total("read")
        return max(0.0, read.wall - read.cpu / self.speed)


@dataclass(frozen=True, slots=True)
class Group:
    """A row group of a file, with its rows and the compressed bytes of the columns that are read."""

    path: str
    number: int
    rows: int
    bytes: int


class Reader(Protocol):
    """Reads a row group: the objects that the query leaves of it, with the columns that the function gets."""

    def __call__(self, group: Group) -> Iterator[pa.RecordBatch]:
        """Yield them in batches."""
        ...


@dataclass(frozen=True)
class Take:
    """One worker's part of a sample: row groups, of which it looks at the first and at as many as `seconds` allow.

    `function` is pickled; `output` is the table that the job would write, of which `key` are columns of the input.
    """

    function: bytes
    groups: tuple[Group, ...]
    seconds: float
    reader: Reader
    output: Definition
    ordered: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one worker found."""

    pieces: tuple[Piece, ...]
    begun_seconds: float
    start_seconds: float


def take(order: Take) -> Taken:
    """Take a worker's part of a sample; runs in the worker."""
    begun = time.time() - order.ordered
    watch = Watch()
    function = pickle.loads(order.function)
    function.form  # noqa: B018 - setup and compiling begin here
    with tempfile.TemporaryDirectory(prefix="skyhouse-sample-") as folder:
        taker = _Taker(function, order, Path(folder), watch)
        pieces = []
        for number, group in enumerate(order.groups):
            left = order.seconds - watch.spent().wall
            if number and left <= 0:
                break
            pieces.append(taker.piece(group, left / (len(order.groups) - number)))
    return Taken(tuple(pieces), begun, taker.start_seconds)


class _Taker:
    """Looks at row groups, with a function that is called for the first time."""

    def __init__(self, function: Function, order: Take, folder: Path, watch: Watch) -> None:
        self._function = function
        self._order = order
        self._folder = folder
        self._pace = 0.0  # seconds of an object, once the function has been called
        self._slice = 1  # objects of a call that takes long enough
        self.start_seconds = watch.spent().cpu

    def piece(self, group: Group, seconds: float) -> Piece:
        """Read a row group, and compute as many of its objects as fit the seconds, evenly spread."""
        read, compute = Spent(), Spent()
        objects = computed = failures = 0
        tables: list[pa.Table] = []
        batches = iter(self._order.reader(group))
        due = 0.0  # objects that there is time for, and that were not computed
        while True:
            watch = Watch()
            batch = next(batches, None)
            read += watch.spent()
            if batch is None:
                break
            if not batch.num_rows:
                continue
            if not self._pace:
                self._first(batch)
            due += batch.num_rows / group.rows * seconds / self._pace
            objects += batch.num_rows
            size = min(batch.num_rows, max(int(due), 1))
            if computed and size < min(batch.num_rows, self._slice):
                continue
            due -= size
            rows = batch.slice((batch.num_rows - size) * (len(tables) % 2), size)
            watch = Watch()
            results = self._function.applied(rows)
            compute += watch.spent()
            computed += size
            failures += len(results.failures)
            tables.append(self._output(rows, results))
        if not objects:
            return Piece(group.rows, group.bytes, 0, 0, 0, read, compute, Spent(), 0.0)
        more = objects / computed
        write, size_ = self._written(pa.concat_tables(tables))
        return Piece(
            group.rows, group.bytes, objects, computed, failures, read, compute * more, write * more, size_ * more
        )

    def _first(self, batch: pa.RecordBatch) -> None:
        """Call the function for the first time, and find out how long an object takes."""
        watch = Watch()
        self._function.applied(batch.slice(0, 1))
        first = watch.spent().cpu
        size, spent = 0, 0.0
        while size < batch.num_rows and spent < _SLICE_SECONDS:
            size = min(8 * size or 1, batch.num_rows)
            watch = Watch()
            self._function.applied(batch.slice(0, size))
            spent = watch.spent().cpu
        self._pace = max(spent / size, 1e-9)
        self._slice = max(1, round(_SLICE_SECONDS / self._pace))
        self.start_seconds += max(0.0, first - self._pace)

    def _output(self, rows: pa.RecordBatch, results: Results) -> pa.Table:
        """Return the rows that the job would write."""
        names = self._order.output.schema.names
        given = {name: rows.column(name) for name in names if name not in results.columns.schema.names}
        table = pa.table(given | {name: results.columns.column(name) for name in results.columns.schema.names})
        return table.select(names).filter(pa.array(results.good))

    def _written(self, rows: pa.Table) -> tuple[Spent, float]:
        """Return the seconds and bytes that rows take to be written, without what a file takes that has none."""
        (empty, least), (full, size) = self._file(rows.slice(0, 0)), self._file(rows)
        spent = Spent(max(0.0, full.cpu - empty.cpu), max(0.0, full.wall - empty.wall))
        return spent, max(0.0, size - least)

    def _file(self, rows: pa.Table) -> tuple[Spent, int]:
        watch = Watch()
        with TableWriter(self._order.output, self._folder) as writer:
            writer.write(rows, Source("sample"))
            written = writer.close()
        return watch.spent(), sum(file.size for file in written)


def orders(
    function: bytes, groups: Sequence[Group], workers: int, seconds: float, reader: Reader, output: Definition
) -> list[Take]:
    """Return the parts of a sample, one for each worker: row groups from all over the input."""
    size = sum(group.bytes for group in groups) / len(groups)
    wanted = int(workers * seconds * _READ_BYTES / max(size, 1.0))
    count = min(len(groups), max(2 * workers, min(wanted, _GROUPS * workers)))
    chosen = [groups[(2 * number + 1) * len(groups) // (2 * count)] for number in range(count)]
    mixed = [chosen[place] for place in np.random.default_rng(0).permutation(count)]
    shares = [tuple(mixed[worker::workers]) for worker in range(min(workers, count))]
    return [Take(function, share, seconds, reader, output) for share in shares]


def gathered(takes: Sequence[Taken], parts: Sequence[int], rows: int, workers: int, seconds: float) -> Sample:
    """Return the sample that workers have taken, of a job in parts (their bytes) with so many rows."""
    return Sample(
        tuple(piece for taken in takes for piece in taken.pieces),
        tuple(parts),
        rows,
        workers,
        max(taken.begun_seconds for taken in takes),
        statistics.median(taken.start_seconds for taken in takes),
        seconds,
    )
