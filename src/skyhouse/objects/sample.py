"""A sample of a job: seconds and bytes of some of its objects, and what they make of the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skyhouse.objects.costs import Workload

__all__ = ["Piece", "Sample", "Spent"]

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


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit of the sample, with its rows and the compressed bytes of the columns that are read.

    `objects` of its rows are left by the query's conditions; with `computed` of these the function was called.
    `read`, `compute` and `write` are the seconds of the whole unit, carried from the objects that were computed.
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
    def uncertainty(self) -> float:
        """The standard error of `cpu_seconds` as a share of it, by how the pieces differ; NaN for less than two.

        That of a ratio (seconds to bytes) of a sample without repetition: Cochran 1977, Sampling Techniques, 6.4.
        """
        pieces, number = self.pieces, len(self.pieces)
        seconds: list[float] = [sum(getattr(piece, step).cpu for step in _STEPS) for piece in pieces]
        if number < 2 or not sum(seconds):
            return math.nan
        ratio = sum(seconds) / sum(piece.bytes for piece in pieces)
        spread = sum((taken - ratio * piece.bytes) ** 2 for taken, piece in zip(seconds, pieces, strict=True))
        return math.sqrt(max(0.0, 1 - self.share) * number * spread / (number - 1)) / sum(seconds)

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
