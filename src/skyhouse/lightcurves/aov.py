"""The analysis of variance with several harmonics: the periodogram for curves that are not sinusoids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred, for_each_object
from skyhouse.lightcurves.curves import Band, Doubles
from skyhouse.lightcurves.lombscargle import cosine_sine

__all__ = ["multiharmonic_aov"]

_Complexes = npt.NDArray[np.complex128]

_DEPENDENT = 1e-12  # of its first norm squared: what is left of a polynomial that these times cannot tell from others
_ROUNDING = 1e-15  # of chi-squared: no fit is better


def multiharmonic_aov(bands: Band | Sequence[Band], frequency: npt.ArrayLike, *, harmonics: int = 3) -> Doubles:
    """Return the statistic of the analysis of variance of each object at each frequency; noise has 1 in the mean.

    To each band a Fourier series of H = `harmonics` terms and a mean is fitted, weighted by 1 / magerr^2. With N points
    in B bands it is the chi-squared that the series take away, over the 2 H B parameters that they have beyond the
    means, over the chi-squared that is left, over the N - (2 H + 1) B degrees of freedom: Fisher's F. `frequency` (1/d)
    is of shape (m,), or (n, m) for n objects with frequencies of their own; the statistic is float64[n, m]. A band with
    fewer than 2 H + 2 points takes no part; it is NaN where none is left or all magnitudes are equal.

    Schwarzenberg-Czerny 1996 (ApJ 460, L107): the series are orthogonal polynomials of exp(2 pi i frequency time).

    Raises InputError where there is no band, the bands' objects differ in number, `harmonics` is below 1, or the
    frequencies' shape does not fit.

    >>> time = 0.37 * np.arange(300)
    >>> band = Band(np.array([0, 300]), time, 15 + (0.4 * time) % 1, np.full(300, 0.01))
    >>> statistic = multiharmonic_aov(band, [0.3, 0.4])[0]
    >>> bool(statistic[0] < 2), bool(statistic[1] > 100)
    (True, True)
    """
    if harmonics < 1:
        raise InputError(f"harmonics is {harmonics}; it must be 1 or more")
    points = centred([bands] if isinstance(bands, Band) else bands, 2 * harmonics + 2)
    wanted = for_each_object(frequency, points)
    statistic = np.full(wanted.shape, np.nan)
    most = int((points.stops - points.starts).max(initial=0))
    _statistics(points, wanted, harmonics, np.zeros((4, most), np.complex128), statistic)
    return statistic


@njit(cache=True, nogil=True)
def _statistics(points: Centred, frequency: Doubles, harmonics: int, spare: _Complexes, statistic: Doubles) -> None:
    for i in range(len(frequency)):
        whole, bands, count = 0.0, 0, 0
        for band in range(len(points.starts)):
            if points.chi2[band, i] > 0:
                whole += points.chi2[band, i]
                bands += 1
                count += points.stops[band, i] - points.starts[band, i]
        for k in range(frequency.shape[1]):
            if whole > 0 and np.isfinite(points.baseline[i] * frequency[i, k]):
                taken = 0.0
                for band in range(len(points.starts)):
                    here = slice(points.starts[band, i], points.stops[band, i])
                    if points.chi2[band, i] > 0:
                        time, weight, residual = points.time[here], points.weight[here], points.residual[here]
                        share = _share(time, weight, residual, frequency[i, k], harmonics, spare[:, : len(time)])
                        taken += points.chi2[band, i] * share
                left = max(whole - taken, _ROUNDING * whole)
                free = count - (2 * harmonics + 1) * bands
                statistic[i, k] = taken / (2 * harmonics * bands) / (left / free)


@njit(cache=True, nogil=True)
def _share(
    time: Doubles, weight: Doubles, residual: Doubles, frequency: float, harmonics: int, spare: _Complexes
) -> float:
    """Return the share of one band's chi-squared that a Fourier series takes away.

    A series of H harmonics, times z^H, is a polynomial of degree 2 H in z = exp(2 pi i frequency time). Szego's
    recurrence makes the orthogonal ones: P_n+1 = z P_n - a z^n conj(P_n).
    """
    turn, power, polynomial, value = spare
    squares = 0.0
    for j in range(len(time)):
        cosine, sine = cosine_sine(frequency * time[j])
        turn[j], power[j], polynomial[j] = complex(cosine, sine), 1, np.sqrt(weight[j])
        value[j] = np.sqrt(weight[j]) * residual[j]
        squares += weight[j] * residual[j] ** 2
    for _ in range(harmonics):
        value *= turn
    taken = 0.0
    for _ in range(2 * harmonics + 1):
        norm, inner, overlap = 0.0, 0j, 0j
        for j in range(len(time)):
            one = polynomial[j]
            norm += one.real**2 + one.imag**2
            inner += turn[j] * one * one * np.conj(power[j])
            overlap += np.conj(one) * value[j]
        if norm < _DEPENDENT:
            break
        taken += (overlap.real**2 + overlap.imag**2) / norm
        for j in range(len(time)):
            one = polynomial[j]
            polynomial[j] = turn[j] * one - inner / norm * power[j] * np.conj(one)
            power[j] *= turn[j]
    return min(taken / squares, 1.0)
