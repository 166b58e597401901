"""What a job over many objects takes on a machine: hours, core-hours, what bounds it, dollars; with its arithmetic.

The model: a job is a number of objects, each with core-seconds and bytes, in parts that are done whole by one core. A
node reads at so many bytes a second while its cores compute, so the job takes the longer of the two, after the start
of the machine and of each worker.
What is not counted: storage, requests to an object store and traffic out of a cloud.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from skyhouse.query.explain import size_told

__all__ = ["Cost", "Machine", "Owned", "Rented", "Workload", "cost", "makespan", "objects_per_core_second", "time_told"]

_HOUR = 3600.0
_YEAR_HOURS = 365.25 * 24


@dataclass(frozen=True, slots=True)
class Rented:
    """A node that is paid by the hour.

    >>> Rented(0.714).dollars_per_hour
    0.714
    """

    dollars_per_hour: float

    def __str__(self) -> str:
        return f"${self.dollars_per_hour:.4g}"


@dataclass(frozen=True, slots=True)
class Owned:
    """A node of one's own: its purchase, spread over the hours that it computes in its life, and its power.

    `use` is the share of its life in which it computes; `power_kw` that of a busy node, with its cooling.

    >>> round(Owned(8000, 5, 0.5, 1.0, 0.09).dollars_per_hour, 3)
    0.455
    """

    purchase_dollars: float
    lifetime_years: float
    use: float
    power_kw: float
    dollars_per_kwh: float

    @property
    def dollars_per_hour(self) -> float:
        """Of a busy node."""
        return self._purchase + self.power_kw * self.dollars_per_kwh

    @property
    def _purchase(self) -> float:
        return self.purchase_dollars / (self.lifetime_years * _YEAR_HOURS * self.use)

    def __str__(self) -> str:
        power = f"{self.power_kw:.3g} kW x ${self.dollars_per_kwh:.3g}/kWh"
        if not self.purchase_dollars:
            return f"({power})"
        spread = f"${self.purchase_dollars:,.0f} / ({self.lifetime_years:g} years x {100 * self.use:.0f}% in use)"
        return f"({spread} = ${self._purchase:.3g}, + {power})"


@dataclass(frozen=True, slots=True)
class Machine:
    """Nodes with cores, each node with memory and a way to the data; `price` None where nobody counts.

    `speed` is that of a core in cores of the machine that a job was measured on. `bytes_per_second` is a node's,
    `start_seconds` passes before the first worker starts and is paid for. Where its cores do not read `ahead`, they
    wait for their input, and reading and computing add up.
    """

    name: str
    nodes: int
    cores: int
    bytes_per_second: float = math.inf
    start_seconds: float = 0.0
    price: Rented | Owned | None = None
    speed: float = 1.0
    memory_bytes: float = math.inf
    ahead: bool = True
    as_of: str = ""
    source: str = ""

    @property
    def all_cores(self) -> int:
        """Cores of all nodes."""
        return self.nodes * self.cores


@dataclass(frozen=True, slots=True)
class Workload:
    """A job: objects, and of each the core-seconds and the bytes that are read and written, on average.

    `parts` are what one core does whole, in any unit, in the order in which they are begun; without them the job may be
    divided at will. `start_seconds` is what each core spends once, before its first object: on setup, on compiling.
    """

    objects: int
    core_seconds: float
    bytes: float = 0.0
    parts: tuple[float, ...] = ()
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job takes on a machine. `cpu_seconds` and `io_seconds` are wall seconds of all cores and nodes at work."""

    machine: Machine
    work: Workload
    cpu_seconds: float
    io_seconds: float

    @property
    def bound(self) -> str:
        """Which of the two takes longer: "CPU" or "I/O"."""
        return "CPU" if self.cpu_seconds >= self.io_seconds else "I/O"

    @property
    def start_seconds(self) -> float:
        """Until the first object."""
        return self.machine.start_seconds + self.work.start_seconds / self.machine.speed

    @property
    def wall_seconds(self) -> float:
        """From the order to the last object."""
        both = self.cpu_seconds, self.io_seconds
        return self.start_seconds + (max(both) if self.machine.ahead else sum(both))

    @property
    def core_hours(self) -> float:
        """Cores times wall hours, as a cluster's users are charged: idle cores count."""
        return self.machine.all_cores * self.wall_seconds / _HOUR

    @property
    def dollars(self) -> float | None:
        """None where the machine has no price."""
        price = self.machine.price
        return None if price is None else price.dollars_per_hour * self.machine.nodes * self.wall_seconds / _HOUR

    @property
    def arithmetic(self) -> str:
        """How the figures came about."""
        return "; ".join(self._steps())

    def _steps(self) -> list[str]:
        machine, work = self.machine, self.work
        compute = work.objects * work.core_seconds
        each = f"{work.objects:,} objects x {time_told(work.core_seconds)} = {_hours(compute)} core-hours"
        speed = "" if machine.speed == 1 else f" of speed {machine.speed:g}"
        steps = [f"{each}, / {machine.all_cores:,} cores{speed} = {time_told(self.cpu_seconds)}"]
        even = compute / (machine.all_cores * machine.speed)
        if self.cpu_seconds > 1.01 * even:
            steps[0] += f" (not {time_told(even)}, for they are {len(work.parts):,} parts)"
        if math.isfinite(machine.bytes_per_second):
            size = (
                f"{size_told(work.objects * work.bytes)} / ({machine.nodes} x {size_told(machine.bytes_per_second)}/s)"
            )
            wait = "" if machine.ahead else " more, of waiting"
            steps.append(f"{size} = {time_told(self.io_seconds)}{wait}: {self.bound} bound")
        if self.start_seconds:
            steps.append(f"+ {time_told(self.start_seconds)} to start = {time_told(self.wall_seconds)}")
        if machine.price is not None:
            hours = f"{machine.nodes} nodes x {_hours(self.wall_seconds)} h x {machine.price}"
            steps.append(f"{hours} = {dollars_told(self.dollars)}")
        return steps


def cost(work: Workload, machine: Machine) -> Cost:
    """Return what a job takes on a machine.

    >>> spent = cost(Workload(10**9, 1 / 27), Machine("cloud", 40, 16, price=Rented(0.5625)))
    >>> round(spent.wall_seconds / 3600, 1), round(spent.core_hours), round(spent.dollars)
    (16.1, 10288, 362)
    """
    compute = work.objects * work.core_seconds / machine.speed
    whole = sum(work.parts)
    share = makespan(work.parts, machine.all_cores) / whole if whole else 1 / machine.all_cores
    read = work.objects * work.bytes / (machine.nodes * machine.bytes_per_second)
    # Who waits for his own input waits longer where he has more parts than others.
    return Cost(machine, work, compute * share, read if machine.ahead else read * share * machine.all_cores)


def makespan(parts: Sequence[float], workers: int) -> float:
    """Return when the last of the parts is done where a free worker takes the next one.

    >>> makespan([3.0, 2.0, 2.0], 2), makespan([3.0, 2.0, 2.0], 5)
    (4.0, 3.0)
    """
    if len(parts) <= workers:
        return max(parts, default=0.0)
    free = [0.0] * workers
    for part in parts:
        heapq.heapreplace(free, free[0] + part)
    return max(free)


def objects_per_core_second(objects: float, nodes: int, cores: int, hours: float) -> float:
    """Return the rate of a run from its size: objects a second and core.

    >>> round(objects_per_core_second(1e9, 40, 16, 16), 1), round(objects_per_core_second(1e9, 14, 24, 100), 1)
    (27.1, 8.3)
    """
    return objects / (nodes * cores * hours * _HOUR)


def time_told(seconds: float) -> str:
    """Return a time as people read it.

    >>> [time_told(t) for t in (0.0000021, 0.0018, 3.21, 250, 57_600, 1_000_000)]
    ['2.1 us', '1.8 ms', '3.21 s', '4.17 min', '16 h', '278 h']
    """
    for unit, size in (("h", _HOUR), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds * 1e6)} us"


def dollars_told(dollars: float | None) -> str:
    """Return dollars as people read them, "-" for none.

    >>> dollars_told(0.0312), dollars_told(3.5), dollars_told(1234.5), dollars_told(None)
    ('$0.031', '$3.50', '$1,234', '-')
    """
    if dollars is None:
        return "-"
    if dollars >= 100:
        return f"${dollars:,.0f}"
    return f"${dollars:.2f}" if dollars >= 0.1 else f"${dollars:.2g}"


def _hours(seconds: float) -> str:
    return _short(seconds / _HOUR)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
