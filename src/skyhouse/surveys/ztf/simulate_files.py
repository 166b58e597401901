"""Simulated objects as files of IRSA's layout: a row for each curve, which the converter merges again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.surveys.ztf.blocks import Block, block, blocks_of, field_of
from skyhouse.surveys.ztf.population import shares
from skyhouse.surveys.ztf.tables import BANDS

__all__ = ["curve_rows", "simulate_files"]

_SCATTER_ARCSEC = 0.08  # of the places of one star's curves
_CURVE = pa.struct(
    [
        ("hmjd", pa.list_(pa.float64())),
        ("mag", pa.list_(pa.float32())),
        ("magerr", pa.list_(pa.float32())),
        ("clrcoeff", pa.list_(pa.float32())),
        ("catflags", pa.list_(pa.int32())),
    ]
)


def simulate_files(
    folder: str | Path,
    objects: int = 1000,
    *,
    seed: int = 1,
    classes: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write simulated objects as Parquet files of IRSA's layout, one a field, and return their paths.

    A file ``field000545/ztf_000545_simulated.parquet`` has a row for each object, field and filter: objectid,
    filterid, fieldid, rcid, objra, objdec [deg], nepochs and the nested column lightcurve (hmjd [d], mag, magerr,
    clrcoeff, catflags). Ingested, they give the rows that `simulate` makes of the same seed and number, but for places,
    which differ from curve to curve by some 0.1 arcsec. `progress(done, objects)` is called after each file. Raises
    InputError as `simulate` does.
    """
    mix = shares(classes)
    paths, done = [], 0
    for number, of_field in groupby(blocks_of(seed, objects), key=lambda each: field_of(seed, each[0]).number):
        path = Path(folder) / f"field{number:06}" / f"ztf_{number:06}_simulated.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = [(block(seed, each, mix, count), each, count) for each, count in of_field]
        rows = pa.concat_tables([curve_rows(one, np.random.default_rng([seed, each, 2])) for one, each, _ in made])
        pq.write_table(rows, path, compression="zstd")
        paths.append(path)
        done += sum(count for _, _, count in made)
        if progress is not None:
            progress(done, objects)
    return paths


def curve_rows(made: Block, rng: np.random.Generator) -> pa.Table:
    """Return the curves of a block's objects as rows of IRSA's layout; `rng` scatters their places."""
    return pa.concat_tables(list(_curves(made, rng)))


def _curves(made: Block, rng: np.random.Generator) -> Iterator[pa.Table]:
    for second in (False, True):
        for band in range(len(BANDS)):
            curves = made.curves[band]
            here = curves.second == second
            owner = np.repeat(np.arange(len(made.ra)), np.diff(curves.offsets))[here]
            counts = np.bincount(owner, minlength=len(made.ra))
            seen = np.flatnonzero(counts)
            offsets = pa.array(np.concatenate(([0], np.cumsum(counts[seen]))).astype(np.int32))
            colour = np.full(len(owner), 0.1, np.float32)
            points = (curves.mjd, curves.mag, curves.magerr, colour, curves.catflags)
            parts = [pa.array(values if values is colour else values[here]) for values in points]
            lists = [pa.ListArray.from_arrays(offsets, part) for part in parts]
            off = rng.normal(0.0, _SCATTER_ARCSEC / 3600, (2, len(seen)))
            ids = made.curve_ids(band, second)[seen]
            ra = made.ra[seen] + off[0] / np.cos(np.radians(made.dec[seen]))
            yield pa.table(
                {
                    "objectid": ids,
                    "filterid": np.full(len(seen), band + 1, np.int8),
                    "fieldid": (ids // 10**12).astype(np.int16),
                    "rcid": made.readout[seen].astype(np.int8),
                    "objra": (ra % 360).astype(np.float32),
                    "objdec": (made.dec[seen] + off[1]).astype(np.float32),
                    "nepochs": counts[seen],
                    "lightcurve": pa.StructArray.from_arrays(lists, fields=list(_CURVE)),
                }
            )
