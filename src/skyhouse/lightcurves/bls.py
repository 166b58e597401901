"""Box least squares: the periodogram for eclipses and transits, short and of one depth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred, for_each_object
from skyhouse.lightcurves.curves import Band, Doubles, Offsets

__all__ = ["box_least_squares"]

_EMPTY = 1e-9  # share of the weight, inside or outside the box, that is none


def box_least_squares(
    bands: Band | Sequence[Band],
    frequency: npt.ArrayLike,
    *,
    durations: Sequence[float] = (0.01, 0.02, 0.04, 0.08, 0.16),
    oversampling: int = 3,
) -> Doubles:
    """Return the power of each object at each frequency: how much of chi-squared a box takes away, from 0 to 1.

    A box is a magnitude in and one out of eclipse, fainter in it, both fitted with weights 1 / magerr^2. `durations`
    are shares of the period; all are tried, from each of ``oversampling / min(durations)`` phases, and the best is
    taken. Phases begin with the object's first point. Bands have depths of their own, and the eclipse at once.
    `frequency` (1/d) is of shape (m,), or (n, m) for n objects with frequencies of their own; the power is
    float64[n, m], NaN where an object has no points or all its magnitudes are equal.

    Kovacs, Zucker & Mazeh 2002 (A&A 391, 369): the square of their signal residue, over the variance.

    Raises InputError where there is no band, the bands' objects differ in number, a duration is not between 0 and 1,
    `oversampling` is below 1, or the frequencies' shape does not fit.

    >>> time = 0.37 * np.arange(300)
    >>> band = Band(np.array([0, 300]), time, 15 + 0.5 * ((0.4 * time) % 1 < 0.1), np.full(300, 0.01))
    >>> box_least_squares(band, [0.3, 0.4], durations=[0.1]).round(2)[0, 1]
    np.float64(1.0)
    """
    if not (len(durations) and all(0 < one < 1 for one in durations) and oversampling >= 1):
        raise InputError(
            f"durations={durations}, oversampling={oversampling}: durations are shares of the period, one or more "
            "between 0 and 1; oversampling is 1 or more"
        )
    bins = round(oversampling / min(durations))
    widths = np.array(sorted({min(max(round(one * bins), 1), bins - 1) for one in durations}), np.int64)
    points = centred([bands] if isinstance(bands, Band) else bands)
    wanted = for_each_object(frequency, points)
    power = np.full(wanted.shape, np.nan)
    if bins > 1:
        _powers(points, wanted, widths, np.zeros((2, len(points.starts), bins + widths[-1] + 1)), bins, power)
    return power


@njit(cache=True, nogil=True)
def _powers(points: Centred, frequency: Doubles, widths: Offsets, sums: Doubles, bins: int, power: Doubles) -> None:
    for i in range(len(frequency)):
        whole, first = 0.0, np.inf
        for band in range(len(points.starts)):
            whole += points.chi2[band, i]
            for j in range(points.starts[band, i], points.stops[band, i]):
                first = min(first, points.time[j])
        if whole > 0:
            for k in range(frequency.shape[1]):
                if np.isfinite(points.baseline[i] * frequency[i, k]):
                    _fold(points, i, frequency[i, k], first, bins, sums)
                    power[i, k] = min(_best_box(sums, widths, bins) / whole, 1.0)


@njit(cache=True, nogil=True)
def _fold(points: Centred, i: int, frequency: float, first: float, bins: int, sums: Doubles) -> None:
    """Sum the weights, ``sums[0]``, and the weighted residuals, ``sums[1]``, of each band up to each phase.

    They go on into the next cycle, for a box may begin near the end of one. Residuals are in units of the error of
    their mean, so that the squares of different bands may be added.
    """
    sums[:] = 0
    for band in range(len(points.starts)):
        weights, moments = sums[0, band], sums[1, band]
        squares = 0.0
        for j in range(points.starts[band, i], points.stops[band, i]):
            turns = (points.time[j] - first) * frequency
            place = 1 + min(int((turns - np.floor(turns)) * bins), bins - 1)
            moment = points.weight[j] * points.residual[j]
            weights[place] += points.weight[j]
            moments[place] += moment
            squares += moment * points.residual[j]
        unit = np.sqrt(points.chi2[band, i] / squares) if squares > 0 else 0.0
        for place in range(bins + 1, len(weights)):
            weights[place], moments[place] = weights[place - bins], moments[place - bins]
        for place in range(1, len(weights)):
            weights[place] += weights[place - 1]
            moments[place] = moments[place - 1] + unit * moments[place]


@njit(cache=True, nogil=True)
def _best_box(sums: Doubles, widths: Offsets, bins: int) -> float:
    """Return the most that any box takes from chi-squared."""
    best = 0.0
    for width in widths:
        for start in range(bins):
            taken = 0.0
            for band in range(sums.shape[1]):
                inside = sums[0, band, start + width] - sums[0, band, start]
                moment = sums[1, band, start + width] - sums[1, band, start]
                if moment > 0 and _EMPTY < inside < 1 - _EMPTY:
                    taken += moment * moment / (inside * (1 - inside))
            best = max(best, taken)
    return best
