"""What the features take from the magnitudes in order: sorting, quantiles, deviations from the median, normality."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.lightcurves.curves import Doubles, Flags

__all__ = ["anderson_darling", "log_normal_table", "median_deviation", "median_of", "quantile", "sort"]

_SHORT = 24  # points up to which insertion is the faster sort
_DIGIT = 8  # bits of a radix sort's digit
_DIGITS = 1 << _DIGIT

_REACH = 8.0  # standard deviations, either side, that the table covers
_STEPS = 16  # intervals of the table for each
_TERMS = 6  # of the polynomial in each interval; they reach 1e-13


@njit(cache=True, nogil=True, error_model="numpy")
def sort(bits: Flags, keys: Flags, spare: Flags, values: Doubles) -> None:
    """Write into `values` the float32 numbers, all finite, whose bits are given, in ascending order.

    By their bits, as integers, since few digits of them differ within a light curve. `keys` and `spare` are room for
    as many integers.
    """
    n = len(bits)
    least, most = _keys(bits, keys)
    _sort_keys(keys, spare, n, least, most)
    for j in range(n):
        key = np.int64(keys[j])
        spare[j] = key if key >= 0 else key ^ 0x7FFFFFFF
    floats = spare.view(np.float32)
    for j in range(n):
        values[j] = floats[j]


@njit(cache=True, nogil=True, error_model="numpy")
def median_of(bits: Flags, keys: Flags, spare: Flags) -> float:
    """Return the median of the float32 numbers, none below 0, whose bits are given; `keys` and `spare` as in `sort`.

    Only the numbers that share their first digit with the middle ones are sorted.
    """
    n = len(bits)
    least, most = _keys(bits, keys)
    shift = 0
    while (most - least) >> (shift + _DIGIT) > 0:
        shift += 1
    counts = np.zeros(_DIGITS, np.int64)
    for j in range(n):
        counts[(keys[j] - least) >> shift] += 1
    before = first = 0
    while before + counts[first] <= (n - 1) // 2:
        before += int(counts[first])
        first += 1
    last, reached = first, before + int(counts[first])
    while reached <= n // 2:
        last += 1
        reached += int(counts[last])
    kept = 0
    for j in range(n):
        key = np.int64(keys[j])
        if first <= (key - least) >> shift <= last:
            keys[kept] = key
            kept += 1
    _sort_keys(keys, spare, kept, least, most)
    spare[0], spare[1] = keys[(n - 1) // 2 - before], keys[n // 2 - before]
    middle = spare.view(np.float32)
    return (np.float64(middle[0]) + np.float64(middle[1])) / 2


@njit(cache=True, nogil=True, error_model="numpy")
def _keys(bits: Flags, keys: Flags) -> tuple[int, int]:
    """Write the numbers' bits as integers of the same order; return the least and the greatest."""
    least, most = 2**31, -(2**31)
    for j in range(len(bits)):
        key = int(bits[j])
        key = key if key >= 0 else key ^ 0x7FFFFFFF  # negative numbers' bits count the other way
        keys[j] = key
        least, most = min(least, key), max(most, key)
    return least, most


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_keys(keys: Flags, spare: Flags, n: int, least: int, most: int) -> None:
    if n <= _SHORT:
        _insert(keys[:n])
    else:
        _radix(keys, spare, n, least, most)


@njit(cache=True, nogil=True, error_model="numpy")
def _insert(keys: Flags) -> None:
    for j in range(1, len(keys)):
        key, k = keys[j], j
        while k > 0 and keys[k - 1] > key:
            keys[k] = keys[k - 1]
            k -= 1
        keys[k] = key


@njit(cache=True, nogil=True, error_model="numpy")
def _radix(keys: Flags, spare: Flags, n: int, least: int, most: int) -> None:
    """Sort n keys, in `keys`, by the digits in which they differ."""
    ends = np.empty(_DIGITS, np.int64)
    shift, swapped = 0, False
    source, target = keys, spare
    while (most - least) >> shift > 0:
        ends[:] = 0
        for j in range(n):
            ends[((source[j] - least) >> shift) & (_DIGITS - 1)] += 1
        start = 0
        for digit in range(_DIGITS):
            start, ends[digit] = start + ends[digit], start
        for j in range(n):
            digit = ((source[j] - least) >> shift) & (_DIGITS - 1)
            target[ends[digit]] = source[j]
            ends[digit] += 1
        source, target = target, source
        shift, swapped = shift + _DIGIT, not swapped
    if swapped:
        keys[:n] = spare[:n]


@njit(cache=True, nogil=True, error_model="numpy")
def quantile(ordered: Doubles, share: float) -> float:
    """Return a quantile of ascending values: value j stands at (j + 1/2) / n, linear between (Hazen 1914).

    >>> quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.25)
    1.5
    """
    n = len(ordered)
    place = min(max(share * n - 0.5, 0.0), n - 1.0)
    low = int(place)
    high = min(low + 1, n - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


@njit(cache=True, nogil=True, error_model="numpy")
def median_deviation(ordered: Doubles, median: float) -> float:
    """Return the median of the distances of ascending values from their median, without sorting them again."""
    n = len(ordered)
    left, right = (n - 1) // 2, (n - 1) // 2 + 1
    before = distance = 0.0
    for _ in range(n // 2 + 1):
        before = distance
        if right >= n or (left >= 0 and median - ordered[left] <= ordered[right] - median):
            distance = median - ordered[left]
            left -= 1
        else:
            distance = ordered[right] - median
            right += 1
    return float(distance if n % 2 else (before + distance) / 2)


@cache
def log_normal_table() -> Doubles:
    """Return ln(Phi(z)), Phi being the normal distribution, as a polynomial for each 1/16 of z from -8 to 8.

    float64[256, 6]: the coefficients, of the highest power first, of ``16 z`` less the interval's middle.
    """
    from scipy.special import log_ndtr

    nodes = np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS) / 2
    middles = np.arange(2 * _REACH * _STEPS) + 0.5
    values: npt.NDArray[np.float64] = log_ndtr((middles + nodes[:, None]) / _STEPS - _REACH)
    return np.ascontiguousarray(np.linalg.solve(np.vander(nodes, _TERMS), values).T)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _log_normal(z: float, table: Doubles) -> float:
    if z <= -_REACH or z >= _REACH:
        # Seldom. Beyond -8, Phi(z) = exp(-z^2 / 2) / (|z| sqrt(2 pi)) (1 - 1/z^2 + 3/z^4 - ...); beyond 8, 1.
        if z > 0:
            return 0.0
        y = 1 / (z * z)
        series = 1 - y * (1 - 3 * y * (1 - 5 * y * (1 - 7 * y * (1 - 9 * y))))
        return float(-z * z / 2 - np.log(-z * np.sqrt(2 * np.pi)) + np.log(series))
    place = (z + _REACH) * _STEPS
    interval = int(place)
    x = place - interval - 0.5
    c = table[interval]
    return float(((((c[0] * x + c[1]) * x + c[2]) * x + c[3]) * x + c[4]) * x + c[5])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def anderson_darling(ordered: Doubles, mean: float, deviation: float, table: Doubles) -> float:
    """Return the Anderson-Darling statistic of ascending values against a normal distribution.

    With the correction for its mean and standard deviation being estimated from them (Stephens 1974, JASA 69, 730).
    """
    n = len(ordered)
    total = 0.0
    for j in range(n):
        z = (ordered[j] - mean) / deviation
        total += (2 * j + 1) * _log_normal(z, table) + (2 * (n - j) - 1) * _log_normal(-z, table)
    return float((1 + 4 / n - 25 / (n * n)) * (-n - total / n))
