"""The features of nested light curves as a declared function, for `Lake.apply` and for SQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.errors import InputError
from skyhouse.lightcurves.clean import Clean
from skyhouse.lightcurves.curves import Band, Doubles
from skyhouse.lightcurves.features_kernel import REASONS, band_features
from skyhouse.lightcurves.features_list import FEATURES, PAIR_FEATURES, PLACES
from skyhouse.lightcurves.features_pairs import pair_features
from skyhouse.lightcurves.version import RESULTS
from skyhouse.objects.function import Function, function

__all__ = ["features"]

_CLEAN = Clean()


def features(
    bands: Sequence[str] = ("g", "r"), *, clean: Clean | None = _CLEAN, pair_minutes: float = 120.0
) -> Function:
    """Return the function that takes all features of light curves in some bands, and of each two of them.

    `bands` are the columns that it reads, each ``struct<mjd list, mag list, magerr list[, catflags list]>`` (days and
    mag); their names end the names of the columns that it gives: `FEATURES` for each band, as ``weighted_mean_g``,
    `PAIR_FEATURES` for each two bands in their order, as ``median_color_g_r``, and ``reason``. What is not defined for
    an object is NULL, and then ``reason`` says why ("r: too few points"); it is NULL where every feature is there.

    `clean` says which points count; with None all do, and an object with a NaN, an error of 0 or times that do not
    ascend has no features in that band. `pair_minutes` is how far apart points in two bands may be to make a pair for
    their Stetson J. ZTF comes back in another band half an hour later at the earliest, and mostly within two hours.

    Raises InputError where there is no band or one twice, or `pair_minutes` is below 0.

    >>> curve = {"mjd": [1.0, 2.0, 3.0], "mag": [15.0, 15.5, 16.0], "magerr": [0.1, 0.1, 0.1]}
    >>> found = features(["g"]).applied(pa.table({"g": [curve, None]})).columns.select(["median_g", "skew_g", "reason"])
    >>> found.to_pylist()[1]
    {'median_g': None, 'skew_g': None, 'reason': 'g: no points'}
    """
    bands = tuple(bands)
    if not bands or len(set(bands)) < len(bands) or not all(bands):
        raise InputError(f"features are of some bands, each named once, as ('g', 'r'); not of {bands!r}")
    if not pair_minutes >= 0:
        raise InputError(f"pair_minutes is {pair_minutes}; it cannot be below 0")
    columns = [one.column(band) for band in bands for one in FEATURES]
    columns += [one.column(*pair) for pair in combinations(bands, 2) for one in PAIR_FEATURES]
    columns.append(Column("reason", "string", description="why features are NULL; NULL where none is"))

    @function(returns=columns, per="batch", inputs=bands, name="features", version=RESULTS)
    def taken(batch: pa.RecordBatch) -> pa.RecordBatch:
        """Features of light curves."""
        return _features_of(batch, bands, clean, float(pair_minutes))

    return taken


def _features_of(
    batch: pa.RecordBatch, bands: Sequence[str], clean: Clean | None, pair_minutes: float
) -> pa.RecordBatch:
    curves = [Band.of(batch.column(name)) for name in bands]
    curves = curves if clean is None else [clean(band) for band in curves]
    found = [band_features(band) for band in curves]
    arrays, names, codes = [], [], []
    for name, (values, reasons) in zip(bands, found, strict=True):
        arrays += [_nullable(one) for one in values]
        names += [feature.column(name).name for feature in FEATURES]
        codes.append(reasons)
    for (i, one), (j, other) in combinations(enumerate(bands), 2):
        values = pair_features((curves[i], curves[j]), (found[i][0], found[j][0]), pair_minutes)
        arrays += [_nullable(row) for row in values]
        names += [feature.column(one, other).name for feature in PAIR_FEATURES]
        both = np.isfinite(found[i][0][PLACES["mean"]] + found[j][0][PLACES["mean"]])
        codes.append((both & np.isnan(values[-1])).astype(np.int8))
    return pa.RecordBatch.from_arrays([*arrays, _reasons(bands, codes, pair_minutes)], [*names, "reason"])


def _nullable(values: Doubles) -> pa.Array:
    return pa.array(values.astype(np.float32), from_pandas=True)  # NaN becomes NULL


def _reasons(bands: Sequence[str], codes: list[npt.NDArray[np.int8]], minutes: float) -> pa.Array:
    """Return in words why features are missing, from the codes of each band and each pair of bands."""
    alone = f"no points within {minutes:g} minutes"
    words = [[f"{band}: {why}" if why else "" for why in REASONS] for band in bands]
    words += [["", f"{one}, {other}: {alone}"] for one, other in combinations(bands, 2)]
    kinds, which = np.unique(np.array(codes), axis=1, return_inverse=True)
    texts = ["; ".join(filter(None, map(list.__getitem__, words, kind))) or None for kind in kinds.T]
    return pa.array(texts, pa.string()).take(pa.array(which.reshape(-1)))
