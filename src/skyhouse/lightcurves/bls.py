"""Box least squares: periods of eclipses and transits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred
from skyhouse.lightcurves.curves import Band, Doubles

__all__ = ["box_least_squares"]


def box_least_squares(
    band: Band, period: npt.ArrayLike, duration: float, *, oversampling: int = 10
) -> tuple[Doubles, Doubles]:
    """Return the power and the depth (mag) of the best box at each period (d): float64[n, m] each.

    The curve is taken for constant but for a box of `duration` (d) in which it is fainter; the box begins at each of
    `oversampling` places a duration. The power is half the chi-squared that the box takes away, holding the magnitude
    outside, W (m_in - m_out)^2 / 2, with W the sum of 1 / magerr^2 within: Kovacs, Zucker & Mazeh 2002 (A&A 391, 369)
    as in astropy's BoxLeastSquares with objective="likelihood". 0 where no box is fainter; NaN for an object with fewer
    than 5 points or equal magnitudes.

    Raises InputError for a duration that is not above 0 and below all periods, or oversampling below 1.

    >>> time = np.arange(0, 40, 0.1)
    >>> band = Band(np.array([0, 400]), time, 15 + 0.5 * (time % 3.3 < 0.35), np.full(400, 0.05))
    >>> power, depth = box_least_squares(band, [2.7, 3.3, 4.1], 0.35)
    >>> int(np.argmax(power)), depth[0, 1].round(1)
    (1, np.float64(0.5))
    """
    wanted = np.ascontiguousarray(period, dtype=np.float64)
    if wanted.ndim != 1 or not 0 < duration < wanted.min(initial=np.inf) or oversampling < 1:
        raise InputError(
            f"duration={duration}, oversampling={oversampling}, periods {wanted.shape}: periods are a row, all longer "
            "than the duration, which is above 0; oversampling is 1 or more"
        )
    shape = (len(band), len(wanted))
    power, depth = np.full(shape, np.nan), np.full(shape, np.nan)
    _search(centred([band], 5), wanted, duration, oversampling, power, depth)
    return power, depth


@njit(cache=True, nogil=True)
def _search(points: Centred, period: Doubles, duration: float, wide: int, power: Doubles, depth: Doubles) -> None:
    """Fill in the last two; a box is `wide` bins."""
    step = duration / wide
    for i in range(len(power)):
        start, stop = points.starts[0, i], points.stops[0, i]
        if stop > start and points.chi2[0, i] > 0:
            time, weight, value = points.time[start:stop], points.weight[start:stop], points.residual[start:stop]
            earliest = time.min()
            unit = points.chi2[0, i] / (weight * value * value).sum()  # makes weights 1 / magerr^2 again
            for k in range(len(period)):
                bins = math.ceil(period[k] / step)
                weights, sums = np.zeros(bins), np.zeros(bins)
                for j in range(len(time)):
                    place = min(int((time[j] - earliest) % period[k] / step), bins - 1)
                    weights[place] += weight[j]
                    sums[place] += weight[j] * value[j]
                best, power[i, k], depth[i, k] = _best_box(weights, sums, wide), 0.0, 0.0
                if best[0] > 0:
                    power[i, k], depth[i, k] = unit * best[0], best[1]


@njit(cache=True, nogil=True)
def _best_box(weights: Doubles, sums: Doubles, wide: int) -> tuple[float, float]:
    """Return the power, of weights of sum 1, and the depth of the best box of `wide` bins; it may go round the end."""
    bins = len(weights)
    whole, total = weights.sum(), sums.sum()
    within = summed = 0.0
    for b in range(wide):
        within, summed = within + weights[b % bins], summed + sums[b % bins]
    power = depth = 0.0
    for b in range(bins):
        rest = whole - within
        if within > 1e-12 and rest > 1e-12:
            lower = summed / within - (total - summed) / rest
            if lower > 0 and within * lower * lower / 2 > power:
                power, depth = within * lower * lower / 2, lower
        within += weights[(b + wide) % bins] - weights[b]
        summed += sums[(b + wide) % bins] - sums[b]
    return power, depth
