"""Takes a sample of a job, in the workers that would do it, from all over the input.

All workers take their part at the same time, for cores that share a processor are slower together than one alone. Units
are read as a whole, so that reading is measured as it will be; the function is called with as many of their objects,
evenly spread, as fit the time. Sums over the sampled units are carried to the whole by their bytes, which is also how
long light curves are.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter
from skyhouse.objects.sample import Piece, Sample, Spent
from skyhouse.objects.task import Work, called, chunk, loaded, read
from skyhouse.objects.unit import TARGET, Unit
from skyhouse.query.relation import ROW

__all__ = ["Take", "Taken", "gathered", "orders", "take"]

_LEAST_SECONDS = 0.1  # that a call of the function with a few objects takes at least, where there are so many
_READ_BYTES = 30e6  # that are read for each second of the sample and worker, about a tenth of its time
_UNITS = 64  # of each worker at most
_PATIENCE = 4  # the clock's seconds for one of the processor's, at most


@dataclass(frozen=True)
class Take:
    """One worker's part of a sample: units, of which it looks at the first and at as many as `seconds` allow.

    They are the processor's; on a busy machine the clock's are more. `spool` is the file that has the job's `Work`;
    `ordered` is when the worker was asked, by time.time().
    """

    spool: str
    units: tuple[Unit, ...]
    seconds: float
    ordered: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What one worker found."""

    pieces: tuple[Piece, ...]
    begun_seconds: float
    start_seconds: float


def take(order: Take) -> Taken:
    """Take a worker's part of a sample; runs in the worker. Raises what doing the job would raise."""
    begun = time.time() - order.ordered
    with tempfile.TemporaryDirectory(prefix="skyhouse-sample-") as folder:
        taker = _Taker(loaded(order.spool), Path(folder))
        taker.start(order.units[0])
        watch = Watch()
        pieces: list[Piece] = []
        for number, unit in enumerate(order.units):
            left = order.seconds - watch.spent().cpu
            if pieces and (left <= 0 or watch.spent().wall > _PATIENCE * order.seconds):
                break
            pieces.append(taker.piece(unit, left / (len(order.units) - number)))
    return Taken(tuple(pieces), begun, taker.start_seconds)


class _Taker:
    """Looks at units, with a function that is called for the first time."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work = work
        self._folder = folder
        self._watch = Watch()
        self._pace = 0.0  # seconds of an object, once the function has been called
        self._least = 1  # objects of a call that takes long enough to tell
        self.start_seconds = 0.0

    def start(self, unit: Unit) -> None:
        """Do what is done once: imports, setup, compiling; and find out how long an object takes."""
        batch = next((one for one in read(self._work.input, unit) if one.num_rows), None)
        self._work.function.form  # noqa: B018 - setup is run by it
        self.start_seconds = self._watch.spent().cpu
        if batch is None:
            return
        first = self._call(batch, 1)
        size, spent = 1, self._call(batch, 1)
        while size < batch.num_rows and spent < _LEAST_SECONDS:
            size = min(8 * size, batch.num_rows)
            spent = self._call(batch, size)
        self._pace = max(spent / size, 1e-9)
        self._least = max(1, round(_LEAST_SECONDS / self._pace))
        self.start_seconds += max(0.0, first - self._pace)

    def piece(self, unit: Unit, seconds: float) -> Piece:
        """Read a unit, and compute as many of its objects as fit the seconds, evenly spread."""
        read_, compute = Spent(), Spent()
        objects = computed = failures = 0
        origin: int | None = None
        good: list[pa.Table] = []
        batches = read(self._work.input, unit)
        while True:
            watch = Watch()
            batch = next(batches, None)
            read_ += watch.spent()
            if batch is None:
                break
            if not batch.num_rows:
                continue
            if not self._pace:  # the first unit had no object
                self.start(unit)
            objects += batch.num_rows
            first, last = (batch.column(ROW)[place].as_py() for place in (0, -1))
            origin = first if origin is None else origin
            due = int(seconds / self._pace * (last + 1 - origin) / unit.rows) - computed
            if computed and due < min(batch.num_rows, self._least):
                continue
            size = min(batch.num_rows, max(self._least, due))
            watch = Watch()
            # At times from the beginning of a batch, at times from its end.
            rows = batch.slice((batch.num_rows - size) * (len(good) % 2), size)
            made = chunk(self._work, unit, rows, called(self._work.function, rows))
            compute += watch.spent()
            computed += size
            failures += made.failures.num_rows
            good.append(made.rows)
        if not computed:
            return Piece(unit.rows, unit.bytes, 0, 0, 0, read_, compute, Spent(), 0.0)
        write, written = self._written(good)
        more = objects / computed
        return Piece(
            unit.rows, unit.bytes, objects, computed, failures, read_, compute * more, write * more, written * more
        )

    def _call(self, batch: pa.RecordBatch, size: int) -> float:
        watch = Watch()
        called(self._work.function, batch.slice(0, size))
        return watch.spent().cpu

    def _written(self, parts: Sequence[pa.Table]) -> tuple[Spent, float]:
        """Return the seconds and bytes that results take to be written, without what a file takes that has none."""
        (empty, least), (full, size) = self._file([parts[0].slice(0, 0)]), self._file(parts)
        spent = Spent(max(0.0, full.cpu - empty.cpu), max(0.0, full.wall - empty.wall))
        return spent, max(0.0, size - least)

    def _file(self, parts: Sequence[pa.Table]) -> tuple[Spent, int]:
        watch = Watch()
        with TableWriter(self._work.table, self._folder) as writer:
            for rows in parts:
                writer.write(rows, Source("sample"))
            written = writer.close()
        return watch.spent(), sum(file.size for file in written)


def orders(spool: str, units: Sequence[Unit], workers: int, seconds: float) -> list[Take]:
    """Return the parts of a sample, one for each worker: units from all over the input, joined to whole row groups."""
    if not units:
        return []
    count = min(len(units), _UNITS * workers)
    places = [(2 * number + 1) * len(units) // (2 * count) for number in range(count)]
    joined = list(dict.fromkeys(_joined(units, place) for place in places))
    mixed = [joined[place] for place in np.random.default_rng(0).permutation(len(joined))]
    read = itertools.accumulate(unit.bytes for unit in mixed)
    most = workers * seconds * _READ_BYTES
    number = max(2 * workers, sum(1 for size in read if size <= most))
    taken = [tuple(mixed[worker:number:workers]) for worker in range(min(workers, len(mixed)))]
    return [Take(spool, part, seconds, time.time()) for part in taken]


def _joined(units: Sequence[Unit], place: int) -> Unit:
    """Return the unit at a place with its neighbours in the same row group, from its beginning on.

    A reader decodes what lies before a unit in its row group, which a task seldom has to. Of a very large row group it
    is only the first part.
    """
    first = place
    while first and units[first].skipped:
        first -= 1
    end, size = first + 1, units[first].bytes
    while end < len(units) and units[end].skipped and size + units[end].bytes <= TARGET:
        size += units[end].bytes
        end += 1
    return Unit(units[first].source, units[first].start, units[end - 1].stop, size)


def gathered(takes: Sequence[Taken], units: Sequence[Unit], workers: int, seconds: float) -> Sample:
    """Return the sample that workers have taken of a job's units."""
    return Sample(
        tuple(piece for taken in takes for piece in taken.pieces),
        tuple(unit.bytes for unit in units),
        sum(unit.rows for unit in units),
        workers,
        max((taken.begun_seconds for taken in takes), default=0.0),
        statistics.median([taken.start_seconds for taken in takes] or [0.0]),
        seconds,
    )


class Watch:
    """Takes the time of this process, all of its threads, since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def spent(self) -> Spent:
        """Return the time so far."""
        return Spent(time.process_time() - self._cpu, time.perf_counter() - self._wall)
