"""lake.apply: the results are in the table, whatever the form, the query, the runner and the order of events."""

from __future__ import annotations

import numpy as np
import pytest

import skyhouse
from skyhouse import Column

RETURNS = [Column("amplitude", "float32", unit="mag"), Column("n", "int32")]


@skyhouse.function(returns=RETURNS)
def amplitude(obj):
    """Half the range of the magnitudes."""
    mag = obj.lc.mag
    return {"amplitude": (mag.max() - mag.min()) / 2 if mag.size else None, "n": len(mag)}


@skyhouse.function(returns=RETURNS, per="compiled", inputs=["lc.mag"])
def by_number(mag):
    return (mag.max() - mag.min()) / 2 if mag.size else np.nan, mag.size


def rows(lake, table):
    return lake.sql(f"SELECT * FROM {table} ORDER BY object_id").to_arrow().to_pylist()


def test_a_table_of_results(lake):
    run = lake.apply(amplitude, "ztf.objects", into="ztf.amplitudes").wait()
    assert (run.status, run.objects, run.progress.done, run.progress.failures) == ("done", 300, 300, 0)
    table = lake.registry.table("ztf.amplitudes")
    assert [column.name for column in table.columns] == ["object_id", "amplitude", "n"]
    assert table.columns[1].unit == "mag"
    assert (table.definition.key, table.definition.description) == (
        ("object_id",),
        "Half the range of the magnitudes.",
    )
    found = rows(lake, "ztf.amplitudes")
    objects = rows(lake, "ztf.objects")
    assert [row["object_id"] for row in found] == list(range(300))
    for row, one in zip(found, objects, strict=True):
        mags = one["lc"]["mag"]
        assert row["n"] == len(mags)
        assert row["amplitude"] == (pytest.approx((max(mags) - min(mags)) / 2, abs=1e-5) if mags else None)


def test_a_query_goes_row_by_row(lake):
    query = "SELECT object_id, lc, 2 * z AS zz FROM ztf.objects WHERE z >= 0.15 AND object_id % 2 = 0"

    @skyhouse.function(returns=[Column("x", "float64"), Column("n", "int32")])
    def twice(obj):
        return {"x": obj.zz, "n": obj.lc.mag.size}

    run = lake.apply(twice, query, into="ztf.twice").wait()
    assert run.objects == 75
    assert run.progress.objects == 150  # row groups that the condition rules out are not read
    assert [row["object_id"] for row in rows(lake, "ztf.twice")] == list(range(150, 300, 2))
    assert rows(lake, "ztf.twice")[0] == {"object_id": 150, "x": 0.3, "n": 150 % 8}


@pytest.mark.spark
def test_the_same_on_spark(lake):
    lake.apply(by_number, "SELECT object_id, lc FROM ztf.objects WHERE z > 0.1", into="ztf.here").wait()
    run = lake.apply(by_number, "SELECT object_id, lc FROM ztf.objects WHERE z > 0.1", into="ztf.there", engine="spark")
    assert run.wait().objects == 199
    assert str(rows(lake, "ztf.here")) == str(rows(lake, "ztf.there"))
