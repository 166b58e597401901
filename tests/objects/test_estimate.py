"""lake.estimate: a sample is taken in the workers, from all over the input, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise

import pytest

import skyhouse
from skyhouse import Column
from skyhouse.errors import InputError, TaskError
from skyhouse.lake.lineage import Source
from skyhouse.objects.sampling import orders
from skyhouse.objects.unit import Unit

N = [Column("n", "int32")]
SPUN = 0.002


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@skyhouse.function(returns=N)
def points(obj):
    return obj.lc.mag.size


@skyhouse.function(returns=N)
def spinning(obj):
    spin(SPUN)
    return obj.lc.mag.size


@skyhouse.function(returns=N)
def failing(obj):
    if obj.object_id % 3 == 0:
        raise ValueError("a third of them")
    return 1


def test_counts_of_the_sample_add_up(lake):
    found = lake.estimate(points, "ztf.objects")
    assert found.objects == found.here.work.objects == 300
    sample = found.sample
    assert sample.share == 1
    assert sample.computed == sum(piece.computed for piece in sample.pieces) == 300
    assert sum(piece.rows for piece in sample.pieces) == sample.rows == 300
    assert sum(piece.bytes for piece in sample.pieces) == sum(sample.parts) == sample.bytes > 0
    assert sample.failures == 0
    assert found.here.cpu_seconds > 0
    assert found.costs[0].machine.name == "here"
    assert {"c7i-on-demand", "own-servers"} <= {one.machine.name for one in found.costs}


def test_conditions_leave_objects_and_row_groups_out(lake):
    found = lake.estimate(points, "SELECT object_id, lc FROM ztf.objects WHERE z >= 0.15 AND object_id % 2 = 0")
    assert found.sample.rows == 150
    assert found.objects == 75
    assert lake.estimate(points, "SELECT object_id, lc FROM ztf.objects WHERE z > 100").objects == 0


def test_nothing_is_left_of_an_estimate(lake):
    def held():
        return sorted(str(path) for path in lake.path.rglob("*"))

    before = held()
    lake.estimate(points, "ztf.objects")
    assert held() == before


def test_failures_are_counted(lake):
    found = lake.estimate(failing, "ztf.objects")
    assert found.sample.failures == 100
    assert "100 of them failed" in str(found)


def test_seconds_of_an_object_are_the_processors(lake):
    """The function keeps the processor busy for a known time; only the lower bound is tight."""
    found = lake.estimate(spinning, "ztf.objects")
    assert SPUN <= found.sample.per_object["compute"] < 5 * SPUN
    assert found.here.work.core_seconds >= SPUN
    assert found.here.wall_seconds >= 300 * SPUN / 2


def test_a_sample_stops_when_its_time_is_up(lake):
    """Of 300 objects of 0.1 s each, four seconds hold a share, and the rest is carried."""

    @skyhouse.function(returns=N)
    def slow(obj):
        spin(0.1)
        return 1

    found = lake.estimate(slow, "ztf.objects", seconds=0.4)
    assert found.objects == 300
    assert 1 <= found.sample.computed < 60
    assert 30 <= found.sample.total("compute").cpu < 90


def test_what_is_done_once_is_not_scaled(lake):
    def setup():
        spin(0.5)
        return 1

    @skyhouse.function(returns=N, setup=setup)
    def prepared(obj, one):
        return one

    found = lake.estimate(prepared, "ztf.objects")
    assert found.sample.start_seconds >= 0.5
    assert found.sample.total("compute").cpu < 0.5
    assert "once in each worker" in str(found)
    many = found.scaled(10**9)
    assert many.here.start_seconds == pytest.approx(found.here.start_seconds)


def test_the_lakes_own_prices(lake):
    (lake.path / "costs.toml").write_text("[machines.mine]\nnodes = 2\ncores = 64\ndollars_per_hour = 1.5\n", "utf-8")
    mine = lake.estimate(points, "ztf.objects").on("mine")
    assert mine.machine.all_cores == 128
    assert mine.dollars == pytest.approx(2 * 1.5 * mine.wall_seconds / 3600)


def test_what_cannot_be_estimated(lake):
    with pytest.raises(InputError, match="is not declared"):
        lake.estimate(len, "ztf.objects")
    with pytest.raises(InputError, match="seconds is a number above 0, not 0"):
        lake.estimate(points, "ztf.objects", seconds=0)

    @skyhouse.function(returns=N)
    def deadly(obj):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(TaskError, match="its worker died"):
        lake.estimate(deadly, "ztf.objects")


def unit(place: int, size: int, group: int) -> Unit:
    """Return a unit of 100 rows in row groups of so many."""
    start = 100 * place
    return Unit(Source(f"f#{place}", "f"), start, start + 100, size, start % group)


@pytest.mark.parametrize(
    ("number", "workers", "rows"), [(1, 4, 100), (3, 2, 100), (40, 4, 100), (900, 8, 100), (90, 4, 300)]
)
def test_a_sample_is_from_all_over_the_input(number: int, workers: int, rows: int):
    """Units have 100 rows each; in larger row groups those of one are read together."""
    units = [unit(place, 2_000_000, rows) for place in range(number)]
    taken = orders("spool", units, workers, 8.0)
    found = sorted((one.start, one.stop) for order in taken for one in order.units)
    assert all(start % rows == 0 and stop - start == rows for start, stop in found)
    assert len(set(found)) == len(found) >= min(100 * number // rows, 2 * workers)
    gaps = [b - a for a, b in pairwise(start for start, _ in found)]
    assert max(gaps, default=0) <= 2 * 100 * number / len(found)
    sizes = [len(order.units) for order in taken]
    assert max(sizes) - min(sizes) <= 1
    assert all(one.bytes == 2_000_000 * rows // 100 for order in taken for one in order.units)


def test_of_a_large_row_group_the_first_part_is_read():
    units = [unit(place, 20_000_000, 1000) for place in range(10)]
    (order,) = orders("spool", units, 2, 8.0)
    assert [(one.start, one.stop) for one in order.units] == [(0, 100)]


def test_an_empty_input_has_no_sample():
    assert orders("spool", [], 2, 8.0) == []
