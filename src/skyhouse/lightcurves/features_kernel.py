"""The features of light curves in one band: compiled, over all objects of a batch, with one room to work in."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.lightcurves.curves import Band, Doubles, Flags, Floats, Offsets
from skyhouse.lightcurves.features_order import (
    anderson_darling,
    log_normal_table,
    median_deviation,
    median_of,
    quantile,
    sort,
)

__all__ = ["REASONS", "band_features"]

# Rows of what comes out, in the order of FEATURES.
_COUNT, _DURATION, _LONGEST, _MEAN, _WEIGHTED, _MEDIAN, _DEVIATION, _SKEW, _KURTOSIS, _AMPLITUDE = range(10)
_PERCENT, _MAD, _IPR_25, _IPR_10, _IPR_5, _BEYOND_1, _BEYOND_2, _BUFFER, _RATIO_40_5, _RATIO_20_10 = range(10, 20)
_CHI2, _EXCESS, _STETSON_J, _STETSON_K, _WELCH_STETSON, _ETA, _ETA_E, _NEUMANN, _ROMS, _CUSUM = range(20, 30)
_NORMALITY, _TREND, _TREND_SIGMA, _FIT, _FIT_SIGMA, _FIT_CHI2, _STEEPEST, _STRUCTURE = range(30, 38)
_ALL = 38

REASONS = (
    "",
    "no points",
    "NaN or infinite values",
    "errors not above 0",
    "times not in order",
    "too few points",
    "equal magnitudes",
    "too few time lags",
    "not defined for these points",
)
"""Why features are NULL, by the kernel's codes; an empty text where none is."""
_FINE, _NO_POINTS, _NOT_FINITE, _ERRORS, _TIMES, _FEW, _EQUAL, _LAGS, _UNDEFINED = range(9)

_LARGEST = float(np.finfo(np.float32).max)
_ENOUGH = 6  # points that every feature can do with
_PAIRS = 5  # of a time lag, to count in the structure function
_LAGS_KEPT = 64  # octaves of time lags, from 2^-32 days on
_FIRST_OCTAVE = 1023 - 32  # as the exponent in a float64's bits

_REORDER = {
    "reassoc",
    "contract",
    "nsz",
    "arcp",
}  # sums may be taken in any order; NaN and infinities keep their meaning


def band_features(band: Band) -> tuple[Doubles, npt.NDArray[np.int8]]:
    """Return the features of each object of a band, and why some of them are missing.

    The features are float64[features, n], in the order of FEATURES, NaN where one is not defined or beyond float32; the
    reasons int8[n], places in REASONS. Times must ascend, errors be positive and everything finite, as `Clean` leaves
    them: where they are not, all features but the number of points are NaN.
    """
    values = np.empty((_ALL, len(band)))
    reasons = np.empty(len(band), np.int8)
    most = int(band.counts.max(initial=0))
    bits = band.mag.view(np.int32)
    _features(band.offsets, band.mjd, band.mag, bits, band.magerr, log_normal_table(), most, values.T, reasons)
    return values, reasons


@njit(cache=True, nogil=True, error_model="numpy")
def _features(
    offsets: Offsets,
    mjd: Doubles,
    mag: Floats,
    bits: Flags,
    magerr: Floats,
    table: Doubles,
    most: int,
    values: Doubles,
    reasons: npt.NDArray[np.int8],
) -> None:
    keys, spare = np.empty(most, np.int32), np.empty(most, np.int32)
    gaps = np.empty(most, np.float32)
    room = np.empty((5, most))
    lags = np.empty((2 * _LAGS_KEPT, 3))
    for i in range(len(reasons)):
        here = slice(offsets[i], offsets[i + 1])
        n = offsets[i + 1] - offsets[i]
        t, m, e, row = mjd[here], mag[here], magerr[here], values[i]
        row[:] = np.nan
        row[_COUNT] = n
        reasons[i] = _usable(t, m, e)
        if reasons[i] != _FINE:
            continue
        ordered, dev, res, weights, spans = room[0, :n], room[1, :n], room[2, :n], room[3, :n], room[4, :n]
        sort(bits[here], keys, spare, ordered)
        equal = ordered[0] == ordered[n - 1]
        mean, variance = _moments(m, e, equal, weights, dev, res, row)
        _order(m, e, ordered, row)
        if n >= 4 and not equal:
            row[_NORMALITY] = anderson_darling(ordered, mean, math.sqrt(variance), table)
        row[_DURATION] = t[n - 1] - t[0]
        if n >= 2:
            _sequence(t, dev, res, variance, gaps, row)
            typical = median_of(gaps.view(np.int32)[: n - 1], keys, spare)
            row[_STETSON_J] = _stetson(gaps[: n - 1], typical, res)
        if n >= 3:
            _lines(t, dev, weights, row)
        if n >= _ENOUGH:
            row[_STRUCTURE] = _structure(t, dev, spans, lags)
        reasons[i] = _reason(n, equal, row)


@njit(cache=True, nogil=True, error_model="numpy")
def _usable(t: Doubles, m: Floats, e: Floats) -> int:
    """Return why nothing can be said of an object."""
    if len(t) == 0:
        return _NO_POINTS
    strange = wrong = 0
    for j in range(len(t)):
        strange += not (abs(t[j]) < np.inf and abs(m[j]) < np.inf and abs(e[j]) < np.inf)
        wrong += not e[j] > 0
    late = 0
    for j in range(1, len(t)):
        late += not t[j] > t[j - 1]
    return _NOT_FINITE if strange else _ERRORS if wrong else _TIMES if late else _FINE


@njit(cache=True, nogil=True, error_model="numpy")
def _reason(n: int, equal: bool, row: Doubles) -> int:
    """Take out what is not finite, and return why anything is missing."""
    missing = 0
    for k in range(_ALL):
        if not abs(row[k]) <= _LARGEST:
            row[k] = np.nan
            missing += 1
    if missing == 0:
        return _FINE
    if n < _ENOUGH:
        return _FEW
    if equal:
        return _EQUAL
    return _LAGS if missing == 1 and np.isnan(row[_STRUCTURE]) else _UNDEFINED


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _moments(
    m: Floats, e: Floats, equal: bool, weights: Doubles, dev: Doubles, res: Doubles, row: Doubles
) -> tuple[float, float]:
    """Fill in the moments; `weights`; `dev`, magnitudes less their mean; `res`, less the weighted mean, over errors.

    Return mean and variance.
    """
    n = len(m)
    total = whole = weighted = errors = 0.0
    for j in range(n):
        value, error = np.float64(m[j]), np.float64(e[j])
        weight = 1 / (error * error)
        weights[j] = weight
        total += value
        whole += weight
        weighted += weight * value
        errors += error * error
    mean = np.float64(m[0]) if equal else total / n
    centre = np.float64(m[0]) if equal else weighted / whole
    row[_MEAN], row[_WEIGHTED] = mean, centre
    second = third = fourth = absolute = chi2 = 0.0
    for j in range(n):
        d = m[j] - mean
        r = (m[j] - centre) / np.float64(e[j])
        dev[j], res[j] = d, r
        square = d * d
        second += square
        third += square * d
        fourth += square * square
        absolute += abs(r)
        chi2 += r * r
    if n < 2:
        return mean, 0.0
    variance = second / (n - 1)
    sigma = math.sqrt(variance)
    row[_DEVIATION] = sigma
    row[_CHI2] = chi2 / (n - 1)
    row[_EXCESS] = (variance - errors / n) / (mean * mean) if mean != 0 else np.nan
    once = twice = 0
    for j in range(n):
        once += abs(dev[j]) > sigma
        twice += abs(dev[j]) > 2 * sigma
    row[_BEYOND_1], row[_BEYOND_2] = once / n, twice / n
    if equal:
        return mean, 0.0
    row[_STETSON_K] = absolute / math.sqrt(n * chi2)
    if n >= 3:
        row[_SKEW] = n / ((n - 1) * (n - 2)) * third / (variance * sigma)
    if n >= 4:
        ratio = fourth / (variance * variance)
        row[_KURTOSIS] = (n * (n + 1) * ratio / (n - 1) - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3))
    return mean, variance


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _order(m: Floats, e: Floats, ordered: Doubles, row: Doubles) -> None:
    """Fill in what the sorted magnitudes tell."""
    n = len(ordered)
    least, most = ordered[0], ordered[n - 1]
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    row[_MEDIAN] = median
    row[_AMPLITUDE] = (most - least) / 2
    row[_PERCENT] = max(most - median, median - least)
    row[_MAD] = median_deviation(ordered, median)
    row[_IPR_25] = quantile(ordered, 0.75) - quantile(ordered, 0.25)
    tenth = quantile(ordered, 0.9) - quantile(ordered, 0.1)
    twentieth = quantile(ordered, 0.95) - quantile(ordered, 0.05)
    row[_IPR_10], row[_IPR_5] = tenth, twentieth
    if twentieth > 0:
        row[_RATIO_40_5] = (quantile(ordered, 0.6) - quantile(ordered, 0.4)) / twentieth
    if tenth > 0:
        row[_RATIO_20_10] = (quantile(ordered, 0.8) - quantile(ordered, 0.2)) / tenth
    near = 0
    for j in range(n):
        near += abs(ordered[j] - median) < (most - least) / 20
    row[_BUFFER] = near / n
    if n < 2:
        return
    distance = 0.0
    for j in range(n):
        distance += abs(m[j] - median) / np.float64(e[j])
    row[_ROMS] = distance / (n - 1)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _sequence(t: Doubles, dev: Doubles, res: Doubles, variance: float, gaps: Floats, row: Doubles) -> None:
    """Fill in what is between consecutive points, and the cumulative sum; `gaps`, the times between them."""
    n = len(t)
    longest = steepest = changes = slopes = products = 0.0
    for j in range(n - 1):
        gap, change = t[j + 1] - t[j], dev[j + 1] - dev[j]
        slope = change / gap
        gaps[j] = gap
        longest = max(longest, gap)
        steepest = max(steepest, abs(slope))
        changes += change * change
        slopes += slope * slope
        products += res[j] * res[j + 1]
    row[_LONGEST], row[_STEEPEST] = longest, steepest
    if n >= 3:
        row[_WELCH_STETSON] = products / math.sqrt((n - 1.0) * (n - 2.0))
    if not variance > 0:
        return
    eta = changes / ((n - 1) * variance)
    row[_ETA], row[_NEUMANN] = eta, 1 / eta
    row[_ETA_E] = ((t[n - 1] - t[0]) / (n - 1)) ** 2 * slopes / ((n - 1) * variance)
    total = low = high = 0.0
    for j in range(n):
        total += dev[j]
        low, high = min(low, total), max(high, total)
    row[_CUSUM] = (high - low) / (n * math.sqrt(variance))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _stetson(gaps: Floats, typical: float, res: Doubles) -> float:
    """Return Stetson's J of consecutive points, weighted by the gap between them."""
    n = len(res)
    total = weights = 0.0
    for j in range(n - 1):
        weight = math.exp(-gaps[j] / typical)
        product = res[j] * res[j + 1]
        total += math.copysign(weight * math.sqrt(abs(product)), product)
        weights += weight
    return total / weights * math.sqrt(n / (n - 1))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _lines(t: Doubles, dev: Doubles, weights: Doubles, row: Doubles) -> None:
    """Fill in the straight lines: of least squares, and weighted by the errors."""
    n = len(t)
    start, times, whole, weighted, level = t[0], 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        times += t[j] - start
        whole += weights[j]
        weighted += weights[j] * (t[j] - start)
        level += weights[j] * dev[j]
    middle, centre, level = start + times / n, start + weighted / whole, level / whole
    tt = tm = ww = wm = 0.0
    for j in range(n):
        plain, own = t[j] - middle, t[j] - centre
        tt += plain * plain
        tm += plain * dev[j]
        ww += weights[j] * own * own
        wm += weights[j] * own * (dev[j] - level)
    trend, slope = tm / tt, wm / ww
    left = chi2 = 0.0
    for j in range(n):
        plain = dev[j] - trend * (t[j] - middle)
        own = dev[j] - level - slope * (t[j] - centre)
        left += plain * plain
        chi2 += weights[j] * own * own
    row[_TREND], row[_TREND_SIGMA] = trend, math.sqrt(left / (n - 2) / tt)
    row[_FIT], row[_FIT_SIGMA], row[_FIT_CHI2] = slope, math.sqrt(1 / ww), chi2 / (n - 2)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _structure(t: Doubles, dev: Doubles, spans: Doubles, lags: Doubles) -> float:
    """Return the slope of the structure function; NaN where fewer than two octaves of lags have enough pairs.

    `lags` is room for each octave's number of pairs, their lags' and squared differences' sums; two for each, which
    take turns, so that a sum need not wait for the one before.
    """
    n = len(t)
    lags[:] = 0
    exponents = spans.view(np.int64)
    apart = 1
    while apart < n:
        for j in range(n - apart):
            spans[j] = t[j + apart] - t[j]
        for j in range(n - apart):
            octave = min(max((exponents[j] >> 52) - _FIRST_OCTAVE, 0), _LAGS_KEPT - 1)
            change = dev[j + apart] - dev[j]
            turn = 2 * octave + (j & 1)
            lags[turn, 0] += 1
            lags[turn, 1] += spans[j]
            lags[turn, 2] += change * change
        apart *= 2
    octaves = 0
    x = y = xx = xy = 0.0
    for turn in range(0, 2 * _LAGS_KEPT, 2):
        pairs = lags[turn, 0] + lags[turn + 1, 0]
        square = lags[turn, 2] + lags[turn + 1, 2]
        if pairs >= _PAIRS and square > 0:
            lag = math.log((lags[turn, 1] + lags[turn + 1, 1]) / pairs)
            size = math.log(square / pairs) / 2
            octaves += 1
            x, y, xx, xy = x + lag, y + size, xx + lag * lag, xy + lag * size
    if octaves < 2:
        return np.nan
    return (xy - x * y / octaves) / (xx - x * x / octaves)
