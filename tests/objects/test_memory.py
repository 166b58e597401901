"""Memory is bounded, whatever the size of a partition and of its row groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import skyhouse
from skyhouse import Column

EPOCHS = 1000


def big_row_group(path, number) -> int:
    """Write so many light curves of 1000 epochs as one row group; return their bytes in memory."""
    rng = np.random.default_rng(0)
    offsets = np.arange(0, 1000 * EPOCHS + 1, EPOCHS, dtype="i4")
    mjd = rng.integers(58_000, 59_000, 1000 * EPOCHS).astype("f8")
    mag = rng.integers(18, 21, 1000 * EPOCHS).astype("f4")
    lists = [pa.ListArray.from_arrays(offsets, values) for values in (mjd, mag)]
    repeated = pa.chunked_array([pa.StructArray.from_arrays(lists, ["mjd", "mag"])] * (number // 1000))
    rows = pa.table({"object_id": np.arange(number), "lc": repeated})
    pq.write_table(rows, path, row_group_size=number, use_dictionary=False, compression="zstd")
    assert pq.read_metadata(path).num_row_groups == 1
    return rows.nbytes


def peak() -> int:
    """Return the most bytes that this process has had."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


@skyhouse.function(returns=[Column("epochs", "int64"), Column("peak", "int64")], per="batch")
def measured(batch):
    curves = batch["lc"]
    mag, mjd = (curves.field(name).flatten().to_numpy() for name in ("mag", "mjd"))
    assert (mag < mjd).all()
    lengths = pc.list_value_length(curves.field("mag")).to_numpy()
    return {"epochs": lengths, "peak": np.full(len(batch), peak())}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process has had is asked of Linux")
@pytest.mark.parametrize("number", [30_000, pytest.param(850_000, marks=pytest.mark.soak)])
def test_a_large_row_group_is_never_held_whole(tmp_path, number):
    path = tmp_path / "big.parquet"
    held = big_row_group(path, number)
    with skyhouse.open(tmp_path / "lake", workers=2) as lake:
        lake.attach("big.curves", path)
        lake.apply(measured, "SELECT * FROM big.curves WHERE object_id >= 0", into="my.x", key="object_id").wait()
        found = lake.sql("SELECT sum(epochs) AS n, max(peak) AS peak FROM my.x").to_arrow().to_pylist()
    assert found[0]["n"] == number * EPOCHS
    assert held > number * EPOCHS * 12
    assert found[0]["peak"] < 400e6
