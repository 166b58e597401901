"""The multi-harmonic analysis of variance: a periodogram for curves that are no sinusoids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred
from skyhouse.lightcurves.curves import Band, Doubles
from skyhouse.lightcurves.harmonics import MOST, factor, fold, normal

__all__ = ["multiharmonic_aov"]


def multiharmonic_aov(band: Band, frequency: npt.ArrayLike, *, harmonics: int = 3) -> Doubles:
    """Return the statistic of the multi-harmonic analysis of variance at each frequency (1/d): float64[n, m].

    With K harmonics, fitted to N points with weights 1 / magerr^2 and a free mean, and M the chi-squared that they take
    from the one about the mean, L what they leave: (N - 2 K - 1) M / (2 K L). For noise it is of the F distribution
    with 2 K and N - 2 K - 1 degrees of freedom. Schwarzenberg-Czerny 1996 (ApJ 460, L107), whose orthogonal polynomials
    span the same series. NaN for an object with fewer than 2 K + 2 points or equal magnitudes.

    Raises InputError unless harmonics are 1 to 4 and the frequencies in one row.

    >>> time = np.arange(50.0)
    >>> band = Band(np.array([0, 50]), time, 15 + np.sin(2 * np.pi * 0.3 * time) ** 3, np.full(50, 0.01))
    >>> bool(np.argmax(multiharmonic_aov(band, [0.17, 0.2, 0.3])) == 2)
    True
    """
    wanted = np.ascontiguousarray(frequency, dtype=np.float64)
    if not 1 <= harmonics <= MOST or wanted.ndim != 1:
        raise InputError(
            f"harmonics={harmonics}, frequencies {wanted.shape}: the first is 1 to {MOST}, the others a row"
        )
    points = centred([band], 2 * harmonics + 2)
    found = np.full((len(band), len(wanted)), np.nan)
    _analyse(points, wanted, harmonics, found)
    return found


@njit(cache=True, nogil=True)
def _analyse(points: Centred, frequency: Doubles, harmonics: int, found: Doubles) -> None:
    terms = 2 * harmonics + 1
    matrix, right = np.zeros((terms, terms)), np.zeros(terms)
    for i in range(len(found)):
        start, stop = points.starts[0, i], points.stops[0, i]
        if stop > start and points.chi2[0, i] > 0:
            time, weight, value = points.time[start:stop], points.weight[start:stop], points.residual[start:stop]
            cosine, sine = np.empty((MOST, stop - start)), np.empty((MOST, stop - start))
            for k in range(len(frequency)):
                fold(time, frequency[k], cosine, sine)
                whole = normal(weight, value, cosine, sine, 0, stop - start, harmonics, matrix, right)
                reached = factor(matrix, right, harmonics)
                taken = (right[: 2 * reached + 1] ** 2).sum()
                left = max(whole - taken, 1e-15 * whole)
                found[i, k] = (stop - start - terms) * taken / (2 * harmonics * left)
