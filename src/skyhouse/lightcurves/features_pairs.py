"""The features of two bands together: colour, ratio of amplitudes, correlation of near-simultaneous points."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from skyhouse.lightcurves.curves import Band, Doubles, Floats, Offsets
from skyhouse.lightcurves.features_list import PLACES

__all__ = ["pair_features"]

_MINUTES_A_DAY = 1440.0
_TAKEN = "median", "amplitude", "weighted_mean"
_Parts = tuple[Offsets, Doubles, Floats, Floats, Doubles]
_Curve = tuple[Doubles, Floats, Floats, float]


def pair_features(bands: tuple[Band, Band], features: tuple[Doubles, Doubles], minutes: float) -> Doubles:
    """Return the features of the same objects in two bands: float64[3, n], in the order of PAIR_FEATURES.

    `features` are what `band_features` gives for either band. Where an object has none, or they give no ratio, or no
    two points are within `minutes`, there is NaN.
    """
    medians, amplitudes, means = ([one[PLACES[key]] for one in features] for key in _TAKEN)
    values = np.full((3, len(bands[0])), np.nan)
    values[0] = medians[0] - medians[1]
    np.divide(amplitudes[0], amplitudes[1], out=values[1], where=amplitudes[1] > 0)
    parts = [(band.offsets, band.mjd, band.mag, band.magerr, mean) for band, mean in zip(bands, means, strict=True)]
    _stetson(parts[0], parts[1], minutes / _MINUTES_A_DAY, values[2])
    values[~(np.abs(values) <= np.finfo(np.float32).max)] = np.nan
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def _stetson(one: _Parts, other: _Parts, window: float, values: Doubles) -> None:
    for i in range(len(values)):
        mine, its = _object(one, i), _object(other, i)
        if len(mine[0]) >= 2 and len(its[0]) >= 2 and np.isfinite(mine[3]) and np.isfinite(its[3]):
            values[i] = _stetson_of(mine, its, window)


@njit(cache=True, nogil=True, error_model="numpy")
def _object(band: _Parts, i: int) -> _Curve:
    offsets, mjd, mag, magerr, means = band
    here = slice(offsets[i], offsets[i + 1])
    return mjd[here], mag[here], magerr[here], float(means[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _stetson_of(one: _Curve, other: _Curve, window: float) -> float:
    """Return Stetson's J of one object's pairs, each of equal weight; NaN where there is none."""
    t, m, e, mean = one
    u, w, f, centre = other
    total, pairs = 0.0, 0
    j = k = 0
    while j < len(t) and k < len(u):
        apart = abs(t[j] - u[k])
        if k + 1 < len(u) and abs(t[j] - u[k + 1]) < apart:
            k += 1
        elif j + 1 < len(t) and abs(t[j + 1] - u[k]) < apart:
            j += 1
        else:
            if apart <= window:
                product = (m[j] - mean) / e[j] * (w[k] - centre) / f[k]
                total += math.copysign(math.sqrt(abs(product)), product)
                pairs += 1
            j, k = j + 1, k + 1
    if pairs == 0:
        return np.nan
    # sqrt(N / (N - 1)) of either band is in each product, so its root is in the sum.
    scale = math.sqrt(len(t) / (len(t) - 1.0) * len(u) / (len(u) - 1.0))
    return total / pairs * math.sqrt(scale)
