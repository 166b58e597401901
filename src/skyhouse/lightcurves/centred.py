"""Light curves of some bands made ready for a periodogram: times from the middle, weights, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.curves import Band, Doubles, Floats, Offsets

__all__ = ["Centred", "centred", "for_each_object"]


class Centred(NamedTuple):
    """The points of n objects in some bands, those that have a finite value and a positive error.

    Band b of object i has the points ``starts[b, i]:stops[b, i]`` of `time` (float64, days from the object's epoch),
    `weight` (float64, 1 / magerr^2 over their sum in that band) and `residual` (float64, mag from the weighted mean of
    the band). `chi2` (float64[bands, n]) is chi-squared about that mean, `baseline` (float64[n], days) the object's
    last time less its first, `epoch` (float64[n], MJD) the middle of the two; NaN where an object has no point.

    A tuple, for compiled functions take it whole.
    """

    starts: Offsets
    stops: Offsets
    time: Doubles
    weight: Doubles
    residual: Doubles
    chi2: Doubles
    baseline: Doubles
    epoch: Doubles


def centred(bands: Sequence[Band], fewest: int = 1) -> Centred:
    """Return the points of these bands of the same objects; a band with fewer points than `fewest` has none.

    Raises InputError where there is no band or where they are not of equally many objects.
    """
    if not bands:
        raise InputError("no band is given; a periodogram needs one or more")
    if len({len(band) for band in bands}) > 1:
        raise InputError(f"the bands have {[len(band) for band in bands]} objects; all must be of the same objects")
    firsts = np.cumsum([0] + [len(band.mjd) for band in bands])[:-1]
    starts = np.array([first + band.offsets[:-1] for first, band in zip(firsts, bands, strict=True)])
    stops = np.array([first + band.offsets[1:] for first, band in zip(firsts, bands, strict=True)])
    mjd, mag, magerr = (np.concatenate([getattr(band, name) for band in bands]) for name in ("mjd", "mag", "magerr"))
    objects = starts.shape[1]
    points = Centred(
        starts,
        stops,
        time=mjd,
        weight=np.empty(len(mjd)),
        residual=np.empty(len(mjd)),
        chi2=np.empty(starts.shape),
        baseline=np.empty(objects),
        epoch=np.empty(objects),
    )
    _centre(mag, magerr, fewest, points)
    return points


def for_each_object(frequency: npt.ArrayLike, points: Centred) -> Doubles:
    """Return frequencies of shape (m,), or (n, m) for n objects with frequencies of their own, as float64[n, m].

    Raises InputError where they have another shape.
    """
    objects = len(points.baseline)
    asked = np.asarray(frequency, dtype=np.float64)
    if asked.ndim not in {1, 2} or (asked.ndim == 2 and len(asked) != objects):
        raise InputError(f"frequency has the shape {asked.shape}; it is (m,) or ({objects}, m) for these objects")
    return np.ascontiguousarray(np.broadcast_to(asked, (objects, asked.shape[-1])))


@njit(cache=True, nogil=True)
def _centre(mag: Floats, magerr: Floats, fewest: int, points: Centred) -> None:
    """Fill in all but `starts`; what `stops` and `time` hold is changed."""
    starts, stops, time, weight, residual, chi2, baseline, epoch = points
    bands, objects = starts.shape
    for i in range(objects):
        first, last = np.inf, -np.inf
        for band in range(bands):
            stop = starts[band, i]
            for j in range(starts[band, i], stops[band, i]):
                if magerr[j] > 0 and np.isfinite(magerr[j]) and np.isfinite(mag[j]) and np.isfinite(time[j]):
                    time[stop], residual[stop] = time[j], mag[j]
                    weight[stop] = 1 / np.float64(magerr[j]) ** 2
                    stop += 1
            if stop - starts[band, i] < fewest:
                stop = starts[band, i]
            stops[band, i] = stop
            chi2[band, i] = _about_the_mean(weight[starts[band, i] : stop], residual[starts[band, i] : stop])
            for j in range(starts[band, i], stop):
                first, last = min(first, time[j]), max(last, time[j])
        baseline[i] = last - first if last >= first else np.nan
        epoch[i] = first + (last - first) / 2 if last >= first else np.nan
        for band in range(bands):
            time[starts[band, i] : stops[band, i]] -= epoch[i]


@njit(cache=True, nogil=True)
def _about_the_mean(weight: Doubles, value: Doubles) -> float:
    """Make the weights' sum 1 and the values' weighted mean 0, and return chi-squared about it."""
    if len(weight) == 0:
        return 0.0
    total = weight.sum()
    origin = value[0]  # values close to 0 lose nothing in their sum
    mean = 0.0
    for j in range(len(weight)):
        weight[j] /= total
        value[j] -= origin
        mean += weight[j] * value[j]
    squares = 0.0
    for j in range(len(weight)):
        value[j] -= mean
        squares += weight[j] * value[j] ** 2
    return float(total * squares)
