"""Fourier series of a few harmonics, fitted by weighted least squares: the kernels of ranking and folding.

A series of order K has the 2 K + 1 terms 1, cos, sin, cos 2, sin 2, ... of the phase, in this order. One Cholesky
factor of the normal equations serves all lower orders too, for its leading part is theirs.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from skyhouse.lightcurves.curves import Doubles
from skyhouse.lightcurves.lombscargle import cosine_sine

__all__ = ["MOST", "SUMS", "coefficients", "factor", "fold", "most_orders", "normal", "predict"]

MOST = 4  # harmonics
_POINTS_A_TERM = 2  # fewer let the series follow single points
_SINGULAR = 1e-10  # what of a term the terms before it do not explain already, as a share

# Sums may be taken in any order, so that they vectorise; infinities and NaN keep their meaning.
SUMS = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True)
def most_orders(points: int) -> int:
    """Return up to which order a series may be fitted to so many points: two a term, but the first order to any.

    >>> [most_orders(n) for n in (5, 10, 18, 1000)]
    [1, 2, 4, 4]
    """
    return min(max((points // _POINTS_A_TERM - 1) // 2, 1), MOST)


@njit(cache=True, nogil=True, fastmath=SUMS)
def fold(time: Doubles, frequency: float, cosine: Doubles, sine: Doubles) -> None:
    """Fill in the cosines and sines [MOST, m] of 1, 2, ... times the phase of each of m points."""
    points = len(time)
    first_cosine, first_sine = cosine[0], sine[0]
    for j in range(points):
        first_cosine[j], first_sine[j] = cosine_sine(frequency * time[j])
    for k in range(1, MOST):
        last_cosine, last_sine, next_cosine, next_sine = cosine[k - 1], sine[k - 1], cosine[k], sine[k]
        for j in range(points):
            next_cosine[j] = last_cosine[j] * first_cosine[j] - last_sine[j] * first_sine[j]
            next_sine[j] = last_sine[j] * first_cosine[j] + last_cosine[j] * first_sine[j]


@njit(cache=True, nogil=True, fastmath=SUMS)
def _sums(weight: Doubles, value: Doubles, cosine: Doubles, sine: Doubles) -> tuple[float, float, float, float]:
    c = s = yc = ys = 0.0
    for j in range(len(weight)):
        wc, ws = weight[j] * cosine[j], weight[j] * sine[j]
        c, s = c + wc, s + ws
        yc, ys = yc + wc * value[j], ys + ws * value[j]
    return c, s, yc, ys


@njit(cache=True, nogil=True, fastmath=SUMS)
def _sums_of_products(
    weight: Doubles, cosine: Doubles, sine: Doubles, other_cosine: Doubles, other_sine: Doubles
) -> tuple[float, float]:
    """Return the sums of the cosine and sine of the sum of two angles."""
    c = s = 0.0
    for j in range(len(weight)):
        c += weight[j] * (cosine[j] * other_cosine[j] - sine[j] * other_sine[j])
        s += weight[j] * (sine[j] * other_cosine[j] + cosine[j] * other_sine[j])
    return c, s


@njit(cache=True, nogil=True, fastmath=SUMS)
def normal(
    weight: Doubles,
    value: Doubles,
    cosine: Doubles,
    sine: Doubles,
    start: int,
    stop: int,
    orders: int,
    matrix: Doubles,
    right: Doubles,
) -> float:
    """Fill in the normal equations (lower triangle) of the points start to stop - 1, and return their sum of squares.

    Products of two harmonics are harmonics of sums and differences, so 2 K sums make the whole matrix.
    """
    w, y = weight[start:stop], value[start:stop]
    c, s = np.empty(2 * MOST + 1), np.empty(2 * MOST + 1)
    total = first = squares = 0.0
    for j in range(len(w)):
        total += w[j]
        first += w[j] * y[j]
        squares += w[j] * y[j] * y[j]
    c[0], s[0] = total, 0.0
    matrix[0, 0], right[0] = total, first
    highest_cosine, highest_sine = cosine[orders - 1][start:stop], sine[orders - 1][start:stop]
    for k in range(1, orders + 1):
        own_cosine, own_sine = cosine[k - 1][start:stop], sine[k - 1][start:stop]
        c[k], s[k], right[2 * k - 1], right[2 * k] = _sums(w, y, own_cosine, own_sine)
        c[orders + k], s[orders + k] = _sums_of_products(w, highest_cosine, highest_sine, own_cosine, own_sine)
    for j in range(1, orders + 1):
        matrix[2 * j - 1, 0], matrix[2 * j, 0] = c[j], s[j]
        for k in range(1, j + 1):
            matrix[2 * j - 1, 2 * k - 1] = (c[j - k] + c[j + k]) / 2
            matrix[2 * j - 1, 2 * k] = (s[j + k] - s[j - k]) / 2
            matrix[2 * j, 2 * k - 1] = (s[j + k] + s[j - k]) / 2
            matrix[2 * j, 2 * k] = (c[j - k] - c[j + k]) / 2
    return squares


@njit(cache=True, nogil=True)
def factor(matrix: Doubles, right: Doubles, orders: int) -> int:
    """Turn the normal equations into their Cholesky factor and, in `right`, its solution forwards.

    The first 2 k + 1 entries of `right`, squared, sum to what a series of order k explains. Returns up to which order
    the terms differ at the points: `orders`, or less.
    """
    for i in range(2 * orders + 1):
        whole = matrix[i, i]
        for k in range(i):
            entry = matrix[i, k]
            for m in range(k):
                entry -= matrix[i, m] * matrix[k, m]
            matrix[i, k] = entry / matrix[k, k]
        own = whole
        for k in range(i):
            own -= matrix[i, k] * matrix[i, k]
            right[i] -= matrix[i, k] * right[k]
        if not own > _SINGULAR * matrix[0, 0] * matrix[0, 0]:
            return (i - 1) // 2
        matrix[i, i] = math.sqrt(own)
        right[i] /= matrix[i, i]
    return orders


@njit(cache=True, nogil=True)
def coefficients(matrix: Doubles, right: Doubles, order: int, found: Doubles) -> None:
    """Fill in the 2 order + 1 coefficients of the series from what `factor` made."""
    terms = 2 * order + 1
    for i in range(terms - 1, -1, -1):
        entry = right[i]
        for k in range(i + 1, terms):
            entry -= matrix[k, i] * found[k]
        found[i] = entry / matrix[i, i]


@njit(cache=True, nogil=True, fastmath=SUMS)
def predict(cosine: Doubles, sine: Doubles, start: int, stop: int, order: int, series: Doubles, model: Doubles) -> None:
    """Fill in `model[start:stop]`, the series at these points."""
    here = model[start:stop]
    here[:] = series[0]
    for k in range(order):
        own_cosine, own_sine = cosine[k][start:stop], sine[k][start:stop]
        a, b = series[2 * k + 1], series[2 * k + 2]
        for j in range(len(here)):
            here[j] += a * own_cosine[j] + b * own_sine[j]
