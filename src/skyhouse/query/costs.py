"""From what a query will read and do to seconds, by an engine's rates.

The model is a sum: the engine's start where it is not up, a fixed cost of a query and of each of its stages, and the
CPU seconds of the work over the cores that can share it. It is coarse on purpose; `Corrections` keep it true to the
machine at hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from skyhouse.query.estimate import Estimate

__all__ = ["DUCKDB", "SPARK", "CallCost", "Correction", "Prediction", "Profile", "Rates", "predict"]

_SPLIT = 4_000_000  # bytes of files below which Spark does not split its input further
_TASK = 128_000_000  # bytes of files that one task of Spark reads at most
_GROUP = 122_880  # rows of DuckDB's smallest piece of parallel work


@dataclass(frozen=True, slots=True)
class Rates:
    """What one engine takes on one machine or cluster.

    Seconds: `start` (until a first session answers), `query`, `stage` (each shuffle of rows makes one), `task` (of a
    core), `file` (opened). Bytes a second and core: `scan` (compressed, typical columns), `shuffle`, `spill`. CPU
    seconds a row: `filter`, `aggregate`, `sort`, `join`; `value`: a value of the result. Bytes: `memory`, and `disk`,
    which may be spilled to; bytes a second: `storage`, what the files come by at most, to all cores (infinite where
    nobody counts).
    """

    cores: int
    memory: float
    start: float
    query: float
    stage: float
    task: float
    file: float
    scan: float
    shuffle: float
    spill: float
    filter: float
    aggregate: float
    sort: float
    join: float
    value: float
    disk: float = math.inf
    storage: float = math.inf


# Measured on two shared cores in late 2026; `skyhouse calibrate` puts this machine's own in their place.
DUCKDB = Rates(
    cores=2, memory=16e9, start=0.03, query=0.004, stage=0.0005, task=0.0, file=0.0002, scan=0.4e9, shuffle=2e9,
    spill=0.4e9, filter=3e-9, aggregate=15e-9, sort=100e-9, join=30e-9, value=10e-9,
)  # fmt: skip
SPARK = Rates(
    cores=2, memory=4e9, start=9.0, query=0.15, stage=0.08, task=0.01, file=0.0003, scan=0.1e9, shuffle=0.1e9,
    spill=0.2e9, filter=15e-9, aggregate=60e-9, sort=400e-9, join=150e-9, value=60e-9,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Correction:
    """By how much the fixed costs and the work of an engine differ from its rates, as runs have shown."""

    fixed: float = 1.0
    work: float = 1.0


@dataclass(frozen=True, slots=True)
class CallCost:
    """The CPU seconds of a call of a user's function; a guess until a run has shown it."""

    seconds: float = 2e-5
    known: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The seconds that a query will take on an engine: `start` before it, its `fixed` costs, its `work`.

    `called` are those in users' functions. `memory` is what it needs in bytes; `fits`: whether the engine has that,
    with what it may spill.
    """

    engine: str
    start: float
    fixed: float
    work: float
    memory: float = 0.0
    fits: bool = True
    called: float = 0.0

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.start + self.fixed + self.work + self.called


@dataclass(frozen=True)
class Profile:
    """Engines with their rates on a machine or cluster, for `Lake.explain` to tell what it would pick there.

    `running` names the engines that are up.
    """

    rates: Mapping[str, Rates] = field(default_factory=lambda: {"duckdb": DUCKDB, "spark": SPARK})
    running: frozenset[str] = frozenset({"duckdb"})


def predict(
    engine: str,
    estimate: Estimate,
    rates: Rates,
    running: bool = True,
    correction: Correction | None = None,
    called: float = 0.0,
) -> Prediction:
    """Return the seconds that a query will take on an engine; `called` are the CPU seconds in users' functions.

    These run on one core in DuckDB, where Python does.

    >>> predict("duckdb", Estimate(), DUCKDB).seconds < predict("spark", Estimate(), SPARK).seconds
    True
    """
    correction = correction or Correction()
    cpu = (
        estimate.bytes / rates.scan
        + estimate.filtered * rates.filter
        + estimate.grouped * rates.aggregate
        + estimate.sorted * rates.sort
        + estimate.joined * rates.join
        + estimate.shuffled / rates.shuffle
    )
    spilled = max(0.0, estimate.memory - rates.memory / 2)
    at_once = max(1.0, min(rates.cores, _pieces(engine, estimate)))
    tasks = max(estimate.size / _TASK, at_once) + estimate.shuffles * rates.cores
    waited = max(0.0, estimate.bytes / rates.storage - estimate.bytes / rates.scan / at_once)
    work = (
        cpu / at_once
        + waited
        + tasks * rates.task / rates.cores
        + 2 * spilled / rates.spill
        + estimate.values * rates.value
    )
    fixed = rates.query + (1 + estimate.shuffles) * rates.stage + estimate.files * rates.file
    return Prediction(
        engine,
        0.0 if running else rates.start,
        fixed * correction.fixed,
        work * correction.work,
        estimate.memory,
        spilled <= rates.disk,
        called if engine == "duckdb" else called / at_once,
    )


def _pieces(engine: str, estimate: Estimate) -> float:
    """Return into how many pieces the reading falls apart."""
    if engine == "spark":
        return estimate.size / _SPLIT
    groups = estimate.groups or estimate.scanned / _GROUP
    return max(groups, estimate.joined / 1e6, estimate.sorted / 1e6)
