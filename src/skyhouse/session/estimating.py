"""What an apply would take: a sample in the pool's workers, carried to the whole, here and elsewhere."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skyhouse.errors import InputError
from skyhouse.objects.costs import Machine
from skyhouse.objects.estimate import CostEstimate, estimated
from skyhouse.objects.prices import prices
from skyhouse.objects.sample import Sample
from skyhouse.objects.sampling import gathered, orders, take
from skyhouse.objects.task import Work
from skyhouse.objects.unit import Unit

if TYPE_CHECKING:
    from skyhouse.session.context import SessionContext

__all__ = ["estimate"]


def estimate(
    context: SessionContext, lake: Path, workers: int, work: Work, units: Sequence[Unit], seconds: float
) -> CostEstimate:
    """Return what doing the units takes. Raises what doing them raises, InputError for no seconds."""
    if not 0 < seconds < math.inf:
        raise InputError(f"seconds is a number above 0, not {seconds!r}")
    sample = _sample(context, work, units, workers, seconds)
    machines = [_here(sample, workers), *_spark(context), *prices(lake).machines.values()]
    title = f"{work.function.name}: {sample.objects:,} objects in {len(sample.parts):,} parts"
    return estimated(title, sample, machines)


def _sample(context: SessionContext, work: Work, units: Sequence[Unit], workers: int, seconds: float) -> Sample:
    workers = min(workers, len(units))
    began = time.perf_counter()
    takes = []
    with tempfile.TemporaryDirectory(prefix="skyhouse-estimate-") as folder:
        spool = Path(folder) / "work"
        spool.write_bytes(work.pickled())
        wanted = orders(str(spool), units, workers, seconds)
        for outcome in context.runner("pool").run(take, wanted):
            if outcome.value is None:
                assert outcome.error is not None
                raise outcome.error
            takes.append(outcome.value)
    return gathered(takes, units, workers, time.perf_counter() - began)


def _here(sample: Sample, workers: int) -> Machine:
    """Return this machine as the sample has found it: shared with others, and with disks of such a speed."""
    waited = sample.waited / workers
    pace = sample.bytes / waited if waited else math.inf
    return Machine(
        "here", 1, workers, bytes_per_second=pace, start_seconds=sample.begun_seconds, speed=sample.speed, ahead=False
    )


def _spark(context: SessionContext) -> list[Machine]:
    """Return the configured Spark, at nobody's cost; nothing where it is missing."""
    found = context.spark_rates()
    if found is None:
        return []
    master, rates = found
    return [Machine(f"spark {master}", 1, rates.cores, start_seconds=rates.start)]
