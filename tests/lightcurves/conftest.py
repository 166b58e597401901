"""Real light curves, as bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from skyhouse.lightcurves import Band


def _joined(curves: list[tuple[np.ndarray, ...]]) -> Band:
    offsets = np.concatenate(([0], np.cumsum([len(mjd) for mjd, *_ in curves])))
    return Band(offsets, *(np.concatenate(parts) for parts in zip(*curves, strict=True)))


@pytest.fixture(scope="session")
def stripe_82(real_data: Path) -> dict[str, Band]:
    """RR Lyrae of SDSS Stripe 82, in five bands, as they were published: with sentinels."""
    stars = pq.read_table(real_data / "lightcurves" / "sdss_s82_rrlyrae_half.parquet")
    parts = {b: [stars[f"{part}_{b}"] for part in ("mjd", "mag", "magerr")] for b in "ugriz"}
    return {b: Band.of_lists(*columns) for b, columns in parts.items()}


@pytest.fixture(scope="session")
def macho(real_data: Path) -> Band:
    """MACHO's objects, blue and red as they come."""
    files = sorted((real_data / "lightcurves" / "macho").glob("*.mjd"))
    return _joined([tuple(np.loadtxt(file, skiprows=3).T) for file in files])


@pytest.fixture(scope="session")
def ztf(real_data: Path) -> Band:
    """ZTF objects of the public data releases."""
    tables = [pa.csv.read_csv(file) for file in sorted((real_data / "lightcurves" / "ztf").glob("*.csv"))]
    columns = [[table[name] for name in ("time", "mag", "magerr")] for table in tables]
    curves = [tuple(column.to_numpy() for column in one) for one in columns]
    flags = [
        table["catflags"].to_numpy() if "catflags" in table.schema.names else np.zeros(len(table)) for table in tables
    ]
    band = _joined(curves)
    return Band(band.offsets, band.mjd, band.mag, band.magerr, np.concatenate(flags))


@pytest.fixture(scope="session")
def simulated() -> Band:
    """Constant, red, trending, bursting and coarse curves of 1 to 1,500 points."""
    random = np.random.default_rng(20)
    curves = []
    for n in [1, 2, 3, 4, 5, 6, 7, 9, 24, 25, 33, 50, 200, 500, 1500]:
        for kind in range(5):
            mjd = np.sort(random.uniform(58000, 60000, n)) if kind else 58000 + 3.0 * np.arange(n)
            mag = 18 + random.normal(0, 0.05, n)
            mag += [0, np.cumsum(random.normal(0, 0.03, n)), (mjd - 58000) / 500, -2.0 * (random.random(n) < 0.02), 0][
                kind
            ]
            if kind == 4:
                mag = np.round(mag, 1)  # many equal values
            curves.append((mjd, mag, random.uniform(0.01, 0.1, n)))
    return _joined(curves)
