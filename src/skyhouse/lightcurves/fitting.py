"""One object in all its bands, fitted at one frequency: the kernels that rank candidates."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from skyhouse.lightcurves.centred import Centred
from skyhouse.lightcurves.curves import Doubles, Offsets
from skyhouse.lightcurves.harmonics import MOST, SUMS, coefficients, factor, fold, most_orders, normal, predict

__all__ = ["Curves", "best_order", "explained", "fit", "gather", "refined", "robust_score", "room"]

_ROUNDS = 3  # of reweighting; more change no order
_TAIL = 3.0  # degrees of freedom of Student's t: the tails of real residuals
_LEAST_CHI2 = 0.1  # per point: no fit is believed to be closer than errors allow, even where these are overestimated
_LARGE = 1e200  # far from overflow
_ROUNDING = 1e-6  # cycles
_FARTHEST = 0.3  # of one over the baseline: how far one step of refinement goes


class Curves(NamedTuple):
    """The points of one object, band after band (band b: ``bounds[b]:bounds[b + 1]``), and room to work in."""

    bounds: Offsets  # [bands + 1]
    time: Doubles  # [points], days from the middle
    weight: Doubles  # [points], of sum 1 in each band
    value: Doubles  # [points], mag from the band's mean
    chi2: Doubles  # [bands], about the mean
    variance: Doubles  # [bands], the weighted mean of value^2
    cosine: Doubles  # [MOST, points], of the frequency that was fitted last
    sine: Doubles
    matrix: Doubles  # [bands, terms, terms], its Cholesky factors
    right: Doubles  # [bands, terms]
    reached: Offsets  # [bands], up to which order they go
    series: Doubles  # [terms]
    model: Doubles  # [points]
    slope: Doubles  # [points]
    robust: Doubles  # [points]


def room(bands: int, points: int) -> Curves:
    """Return room for an object with up to so many points in all bands."""
    terms = 2 * MOST + 1
    return Curves(
        bounds=np.zeros(bands + 1, np.int64),
        time=np.zeros(points),
        weight=np.zeros(points),
        value=np.zeros(points),
        chi2=np.zeros(bands),
        variance=np.zeros(bands),
        cosine=np.zeros((MOST, points)),
        sine=np.zeros((MOST, points)),
        matrix=np.zeros((bands, terms, terms)),
        right=np.zeros((bands, terms)),
        reached=np.zeros(bands, np.int64),
        series=np.zeros(terms),
        model=np.zeros(points),
        slope=np.zeros(points),
        robust=np.zeros(points),
    )


@njit(cache=True, nogil=True)
def gather(points: Centred, i: int, curves: Curves) -> None:
    """Bring the points of object i together. Constant bands are left out."""
    filled = 0
    for band in range(len(curves.chi2)):
        curves.variance[band] = 0.0
        curves.chi2[band] = points.chi2[band, i]
        if curves.chi2[band] > 0:
            for j in range(points.starts[band, i], points.stops[band, i]):
                weight, value = points.weight[j], points.residual[j]
                curves.time[filled], curves.weight[filled], curves.value[filled] = points.time[j], weight, value
                curves.variance[band] += weight * value * value
                filled += 1
        curves.bounds[band + 1] = filled


@njit(cache=True, nogil=True)
def fit(curves: Curves, frequency: float, baseline: float) -> None:
    """Fit series of all orders that the points of each band allow, and no higher one than cycles were seen."""
    cycles = max(int(frequency * baseline + _ROUNDING), 1)
    points = curves.bounds[-1]
    fold(curves.time[:points], frequency, curves.cosine, curves.sine)
    for band in range(len(curves.chi2)):
        start, stop = curves.bounds[band], curves.bounds[band + 1]
        curves.reached[band] = 0
        if stop > start:
            orders = min(most_orders(stop - start), cycles)
            matrix, right = curves.matrix[band], curves.right[band]
            normal(curves.weight, curves.value, curves.cosine, curves.sine, start, stop, orders, matrix, right)
            curves.reached[band] = factor(matrix, right, orders)


@njit(cache=True, nogil=True)
def explained(curves: Curves, band: int, order: int) -> float:
    """Return the share of the band's chi-squared that the series of this order, or as far as it goes, takes away."""
    found = 0.0
    for i in range(2 * min(order, curves.reached[band]) + 1):
        found += curves.right[band, i] ** 2
    return float(min(found / curves.variance[band], 1.0))


@njit(cache=True, nogil=True)
def best_order(curves: Curves) -> tuple[int, float]:
    """Return the number of harmonics with the least BIC over all bands, and this.

    The BIC is of the least-squares fit; the errors' scale is taken from the residuals.
    """
    score = np.zeros(MOST)
    for band in range(len(curves.chi2)):
        points = curves.bounds[band + 1] - curves.bounds[band]
        if points > 0:
            found = curves.right[band, 0] ** 2
            price, own = math.log(points), 0.0
            for order in range(1, MOST + 1):
                if order == 1 or order <= curves.reached[band]:
                    reached = min(order, curves.reached[band])
                    for i in range(2 * order - 1, 2 * reached + 1):
                        found += curves.right[band, i] ** 2
                    left = curves.chi2[band] * max(1 - found / curves.variance[band], 0.0) / points
                    own = points * math.log(max(left, _LEAST_CHI2)) + (2 * reached + 1) * price
                score[order - 1] += own
    best = np.argmin(score[: max(curves.reached.max(), 1)])
    return int(best) + 1, float(score[best])


@njit(cache=True, nogil=True, fastmath=SUMS)
def _derivatives(time: Doubles, weight: Doubles, value: Doubles, model: Doubles, slope: Doubles) -> tuple[float, float]:
    """Return the first and second derivative of half the squares by the frequency, their signs changed."""
    first = second = 0.0
    for j in range(len(time)):
        change = 2 * math.pi * time[j] * slope[j]
        first += weight[j] * change * (value[j] - model[j])
        second += weight[j] * change * change
    return first, second


@njit(cache=True, nogil=True)
def refined(curves: Curves, frequency: float, order: int, baseline: float) -> float:
    """Return the frequency after one Gauss-Newton step from the one that was fitted last."""
    slope, series = 0.0, curves.series
    curvature = 0.0
    for band in range(len(curves.chi2)):
        start, stop = curves.bounds[band], curves.bounds[band + 1]
        own = min(order, curves.reached[band])
        if stop > start and own > 0:
            scale = max(curves.chi2[band] * (1 - explained(curves, band, own)) / (stop - start), _LEAST_CHI2)
            precision = curves.chi2[band] / curves.variance[band] / scale
            coefficients(curves.matrix[band], curves.right[band], own, series)
            predict(curves.cosine, curves.sine, start, stop, own, series, curves.model)
            series[0] = 0.0
            for k in range(1, own + 1):  # the derivative by the phase
                series[2 * k - 1], series[2 * k] = k * series[2 * k], -k * series[2 * k - 1]
            predict(curves.cosine, curves.sine, start, stop, own, series, curves.slope)
            first, second = _derivatives(
                curves.time[start:stop],
                curves.weight[start:stop],
                curves.value[start:stop],
                curves.model[start:stop],
                curves.slope[start:stop],
            )
            slope += precision * first
            curvature += precision * second
    most = _FARTHEST / baseline
    step = min(max(slope / curvature, -most), most) if curvature > 0 else 0.0
    return float(frequency + step)


@njit(cache=True, nogil=True, fastmath=SUMS)
def _reweight(weight: Doubles, value: Doubles, model: Doubles, unit: float, scale: float, robust: Doubles) -> float:
    """Fill in the weights by Student's t, and return the squares so weighted."""
    total = 0.0
    for j in range(len(weight)):
        square = unit * weight[j] * (value[j] - model[j]) ** 2
        share = (_TAIL + 1) * scale / (_TAIL * scale + square)
        robust[j] = weight[j] * share
        total += share * square
    return total


@njit(cache=True, nogil=True)
def _log_tails(weight: Doubles, value: Doubles, model: Doubles, unit: float, scale: float) -> float:
    """Return the sum of ln(1 + r^2 / (degrees of freedom)): logarithms of products, which are fewer."""
    total, product = 0.0, 1.0
    for j in range(len(weight)):
        product *= 1 + unit * weight[j] * (value[j] - model[j]) ** 2 / (scale * _TAIL)
        if product > _LARGE:
            total, product = total + math.log(product), 1.0
    return total + math.log(product)


@njit(cache=True, nogil=True)
def robust_score(curves: Curves, band: int, order: int) -> float:
    """Return the BIC of a band's fit by Student's t at the frequency that was fitted last, which it overwrites."""
    start, stop = curves.bounds[band], curves.bounds[band + 1]
    points = stop - start
    own = min(order, curves.reached[band])
    matrix, right, series = curves.matrix[band], curves.right[band], curves.series
    unit = curves.chi2[band] / curves.variance[band]  # makes weights 1 / magerr^2 again
    scale = max(curves.chi2[band] * (1 - explained(curves, band, own)) / points, _LEAST_CHI2)
    for _ in range(_ROUNDS):
        coefficients(matrix, right, own, series)
        predict(curves.cosine, curves.sine, start, stop, own, series, curves.model)
        here = slice(start, stop)
        total = _reweight(curves.weight[here], curves.value[here], curves.model[here], unit, scale, curves.robust[here])
        scale = max(total / points, _LEAST_CHI2)
        normal(curves.robust, curves.value, curves.cosine, curves.sine, start, stop, max(own, 1), matrix, right)
        own = min(own, factor(matrix, right, max(own, 1)))
    coefficients(matrix, right, own, series)
    predict(curves.cosine, curves.sine, start, stop, own, series, curves.model)
    here = slice(start, stop)
    tails = _log_tails(curves.weight[here], curves.value[here], curves.model[here], unit, scale)
    return float(points * math.log(scale) + (2 * own + 1) * math.log(points) + (_TAIL + 1) * tails)
