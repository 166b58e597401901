"""From a sample to the whole job: sums that are carried, against sums done by hand."""

from __future__ import annotations

import math

import pytest

from skyhouse.errors import InputError
from skyhouse.objects.costs import Machine, Rented
from skyhouse.objects.estimate import CostEstimate, estimated
from skyhouse.objects.sample import Piece, Sample, Spent

PIECES = (
    Piece(100, 1000, 80, 8, 1, Spent(1.0, 1.5), Spent(8.0, 10.0), Spent(1.0, 1.25), 400.0),
    Piece(300, 3000, 120, 120, 0, Spent(3.0, 4.5), Spent(24.0, 30.0), Spent(3.0, 3.75), 600.0),
)
SAMPLE = Sample(PIECES, parts=(6000, 10_000), rows=1600, workers=2, begun_seconds=1.0, start_seconds=5.0, seconds=20.0)


def test_counts_of_the_pieces_add_up():
    assert SAMPLE.computed == 8 + 120
    assert SAMPLE.failures == 1
    assert SAMPLE.bytes == 16_000
    assert SAMPLE.share == 4000 / 16_000
    assert SAMPLE.objects == 1600 * 200 / 400  # half of the rows are left by the conditions


def test_seconds_are_carried_by_bytes():
    assert SAMPLE.total("read") == Spent(16.0, 24.0)
    assert SAMPLE.total("compute") == Spent(128.0, 160.0)
    assert SAMPLE.cpu_seconds == 16 + 128 + 16
    assert SAMPLE.per_object == {"read": 16 / 800, "compute": 128 / 800, "write": 16 / 800}
    assert SAMPLE.read_bytes == 16_000 / 800
    assert SAMPLE.written_bytes == 1000 / 200
    assert SAMPLE.speed == pytest.approx(0.8)
    assert SAMPLE.waited == pytest.approx(24 - 16 / 0.8)


def test_pieces_that_differ_leave_doubt():
    def piece(seconds: float) -> Piece:
        return Piece(100, 1000, 100, 100, 0, Spent(), Spent(seconds, seconds), Spent(), 0.0)

    assert SAMPLE.uncertainty == 0  # both of its pieces take a hundredth of a second a byte
    doubtful = Sample((piece(10), piece(30)), (4000, 4000), 800, 1)
    assert doubtful.uncertainty == pytest.approx(math.sqrt((1 - 1 / 4) * 2 * (10**2 + 10**2)) / 40)
    assert Sample((piece(10), piece(30)), (2000,), 200, 1).uncertainty == 0  # all was looked at
    assert math.isnan(Sample((piece(10),), (4000,), 400, 1).uncertainty)


def test_the_work_of_a_sample():
    work = SAMPLE.work
    assert work.objects == 800
    assert work.core_seconds == pytest.approx(160 / 800)
    assert work.bytes == pytest.approx(25)
    assert work.parts == (6000, 10_000)
    assert work.start_seconds == 5


def test_a_sample_without_objects_costs_its_reading():
    none = Sample((Piece(100, 1000, 0, 0, 0, Spent(1.0, 1.0), Spent(), Spent(), 0.0),), (2000,), 200, 1)
    assert none.objects == 0
    assert none.cpu_seconds == 2
    assert none.work.objects == 0
    assert none.speed == 1


def test_an_empty_job():
    nothing = Sample((), (), 0, 2)
    assert (nothing.objects, nothing.cpu_seconds, nothing.bytes, nothing.share) == (0, 0, 0, 1)


@pytest.fixture
def estimate() -> CostEstimate:
    here = Machine("here", 1, 2, start_seconds=1, speed=0.8)
    cloud = Machine("cloud", 4, 16, 1e9, 60, Rented(0.5), as_of="2026-01", source="a price list")
    return estimated("f over t", SAMPLE, [here, cloud], ["a note"])


def test_an_estimate_is_a_table_and_data(estimate: CostEstimate):
    assert estimate.objects == 800
    # The last of two parts has 10 of 16 shares of 160 core-seconds, at 0.8 of a core.
    assert estimate.here.wall_seconds == pytest.approx(1 + 5 / 0.8 + 160 / 0.8 * 10 / 16)
    assert estimate.on("cloud").dollars == pytest.approx(4 * 0.5 * (65 + 160 * 10 / 16) / 3600)
    rows = estimate.rows()
    assert [row["machine"] for row in rows] == ["here", "cloud"]
    assert rows[0]["dollars"] is None
    assert rows[1]["wall_hours"] == estimate.on("cloud").wall_seconds / 3600
    assert estimate.to_arrow().to_pylist() == rows
    with pytest.raises(InputError, match="no machine 'moon' in the estimate; it has here, cloud"):
        estimate.on("moon")


def test_an_estimate_is_printed_with_its_arithmetic(estimate: CostEstimate):
    assert str(estimate) == (
        "f over t\n"
        "sample: 128 objects from 2 pieces of the input, 20 s, 1 of them failed\n"
        "an object: 20 ms to read, 160 ms to compute, 20 ms to write (+- 0%); 20 bytes read, 5 bytes written\n"
        "once in each worker: 5 s (imports, setup, compiling)\n"
        "\n"
        "machine  nodes x cores  wall      core-hours  bound by  dollars\n"
        "here     1 x 2          2.2 min   0.0735      CPU       -\n"
        "cloud    4 x 16         2.75 min  2.93        CPU       $0.092\n"
        "\n"
        "here: 800 objects x 200 ms = 0.0444 core-hours, / 2 cores of speed 0.8 = 2.08 min "
        "(not 1.67 min, for they are 2 parts); + 7.25 s to start = 2.2 min\n"
        "cloud: 800 objects x 200 ms = 0.0444 core-hours, / 64 cores = 1.67 min "
        "(not 2.5 s, for they are 2 parts); 20 kB / (4 x 1 GB/s) = 5 us: CPU bound; "
        "+ 1.08 min to start = 2.75 min; 4 nodes x 0.0458 h x $0.5 = $0.092\n"
        "\n"
        "prices:\n"
        "cloud: a price list (2026-01)\n"
        "a note"
    )


def test_an_estimate_in_a_notebook(estimate: CostEstimate):
    page = estimate._repr_html_()
    assert "<td>4 x 16</td><td>2.75 min</td>" in page
    assert "f over t<br>sample: 128 objects" in page


def test_an_estimate_scales(estimate: CostEstimate):
    many = estimate.scaled(80_000_000)
    assert many.objects == 80_000_000
    assert many.here.cpu_seconds == pytest.approx(1e5 * 160 / 0.8 / 2)
    assert many.on("cloud").wall_seconds == pytest.approx(65 + 1e5 * 160 / 64)
    assert str(many).endswith("a note\nscaled from 800 objects")
    with pytest.raises(InputError, match="objects is a whole number from 1, not 0"):
        estimate.scaled(0)
