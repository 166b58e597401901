"""Run by an interpreter that has LSDB: the peers' function by `map_rows` and by `map_partitions`, one thread.

    python bench/peer_lsdb.py FILE.parquet

FILE has object_id, ra, dec and nested g and r. Prints CPU seconds of both, without the making of the catalog.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import dask
import lsdb
import nested_pandas
import numpy as np
import pandas as pd
from peer_functions import NAMES, described, described_row

_FIELDS = ("mjd", "mag", "magerr", "catflags")


def by_row(row: dict[str, Any]) -> dict[str, float]:
    """Describe a row as `map_rows` gives it."""
    return dict(zip(NAMES, described_row(row), strict=True))


def by_partition(frame: Any) -> pd.DataFrame:
    """Describe a partition: flat arrays of each band, and where each object's begin."""
    bands = []
    for band in ("g", "r"):
        flat = frame[band].nest
        ends = np.cumsum(flat.len())
        bands.append((np.concatenate([[0], ends]), [flat[name].to_numpy() for name in _FIELDS]))
    rows = [
        described(*(tuple(one[starts[i] : starts[i + 1]] for one in values) for starts, values in bands))
        for i in range(len(frame))
    ]
    return pd.DataFrame(rows, columns=NAMES, index=frame.index)


def seconds(work: Callable[[], Any]) -> tuple[float, int]:
    """Return the CPU seconds of a run and the rows that it gave."""
    begun = time.process_time()
    rows = len(work())
    return time.process_time() - begun, rows


def main() -> None:
    """Measure and print."""
    dask.config.set(scheduler="synchronous")
    frame = nested_pandas.read_parquet(sys.argv[1])
    catalog = lsdb.from_dataframe(frame, ra_column="ra", dec_column="dec")
    meta = pd.DataFrame({name: np.empty(0) for name in NAMES})
    columns = [f"{band}.{name}" for band in ("g", "r") for name in _FIELDS]
    by_row({name: np.linspace(1, 2, 40) * (not name.endswith("flags")) for name in columns})
    rows = seconds(lambda: catalog.map_rows(by_row, columns=columns, meta=meta).compute())
    parts = seconds(lambda: catalog.map_partitions(by_partition, meta=meta).compute())
    print(lsdb.__version__, *rows, *parts)


if __name__ == "__main__":
    main()
