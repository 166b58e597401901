"""Light curves for the benchmarks: a lake of simulated ones, made once and kept, and tables of even ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from report import SCRATCH

import skyhouse
from skyhouse.surveys import ztf

__all__ = ["curve_lake", "even_curves"]


def curve_lake(objects: int) -> Path:
    """Return a lake that has so many of ZTF's objects, simulated, in ztf.objects."""
    path = SCRATCH / f"ztf-{objects}"
    with skyhouse.open(path) as lake:
        if not lake.registry.has("ztf.objects"):
            ztf.simulate(lake, objects=objects)
    return path


def even_curves(
    objects: int, epochs: int = 200, years: float = 5.0, bands: tuple[str, ...] = ("g", "r"), seed: int = 1
) -> pa.Table:
    """Return objects with as many points each, in nested bands of mjd [d], mag and magerr [mag], catflags.

    Each object has a season of 240 nights a year, at most a few looks a night. Half are constant, half are sawteeth of
    0.2 to 10 days, as pulsators are.
    """
    random = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {"object_id": pa.array(np.arange(objects, dtype=np.int64))}
    period = np.where(random.random(objects) < 0.5, 10 ** random.uniform(-0.7, 1.0, objects), np.inf)
    amplitude, mean = random.uniform(0.1, 0.8, objects), random.uniform(15.0, 19.5, objects)
    offsets = np.arange(objects + 1, dtype=np.int32) * epochs
    for place, band in enumerate(bands):
        night = random.integers(0, int(240 * years), (objects, epochs))
        mjd = 58_200.0 + night // 240 * 365.25 + night % 240 + random.uniform(0.1, 0.45, (objects, epochs))
        mjd.sort(axis=1)
        phase = (mjd / period[:, None]) % 1.0
        light = np.where(phase < 0.15, 1 - phase / 0.15, (phase - 0.15) / 0.85)
        error = 0.01 + 0.04 * 10 ** (0.4 * (mean[:, None] - 19.5)) * random.uniform(0.7, 1.4, (objects, epochs))
        mag = mean[:, None] + 0.4 * place + np.where(np.isfinite(period), amplitude, 0.0)[:, None] * light
        mag += error * random.standard_normal((objects, epochs))
        flags = np.where(random.random((objects, epochs)) < 0.01, 32_768, 0)
        lists = [
            pa.ListArray.from_arrays(offsets, pa.array(values.ravel().astype(kind)))
            for values, kind in ((mjd, "f8"), (mag, "f4"), (error, "f4"), (flags, "i4"))
        ]
        columns[band] = pa.StructArray.from_arrays(lists, ["mjd", "mag", "magerr", "catflags"])
    return pa.table(columns)
