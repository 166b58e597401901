"""Features of light curves folded with their period."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.candidates import FEWEST
from skyhouse.lightcurves.centred import Centred, centred
from skyhouse.lightcurves.curves import Band, Doubles
from skyhouse.lightcurves.features_list import Feature
from skyhouse.lightcurves.fitting import Curves, fit, gather, room
from skyhouse.lightcurves.harmonics import coefficients

__all__ = ["FOLDED_FEATURES", "folded_features"]

_KIM = "Kim et al. 2014, A&A 566, A43"
_SIMON = "Simon & Lee 1981, ApJ 248, 291; with cosines and magnitudes as in Deb & Singh 2009, A&A 507, 1729"

FOLDED_FEATURES: tuple[Feature, ...] = (
    Feature("PsiCS", "", 5, "max(S) - min(S), S_j = sum_i<=j(m_i - <m>) / (N s), in the order of phase", _KIM),
    Feature("PsiEta", "", 5, "sum((m_i+1 - m_i)^2) / ((N - 1) s^2), in the order of phase; 2 for noise", _KIM),
    Feature(
        "LaflerKinmanStringLength",
        "",
        5,
        "(N - 1) / (2 N) sum((m_i+1 - m_i)^2) / sum((m_i - <m>)^2), in the order of phase, the last point before the "
        "first; 1 for noise",
        "Lafler & Kinman 1965, ApJS 11, 216; the factor is Clarke 2002, A&A 386, 763",
    ),
    Feature(
        "FourierAmplitude",
        "mag",
        5,
        "A_1 of m_0 + sum(A_k cos(2 pi k t / P + phi_k)), k to 4, or fewer of less than 18 points, fitted with weights "
        "1 / e_i^2",
        _SIMON,
    ),
    Feature("R21", "", 10, "A_2 / A_1", _SIMON),
    Feature("R31", "", 14, "A_3 / A_1", _SIMON),
    Feature("Phi21", "rad", 10, "phi_2 - 2 phi_1, from 0 to 2 pi", _SIMON),
    Feature("Phi31", "rad", 14, "phi_3 - 3 phi_1, from 0 to 2 pi", _SIMON),
)
"""The features of a folded curve in one band, in the order of the columns."""


def folded_features(bands: Sequence[Band], frequency: npt.ArrayLike) -> Doubles:
    """Return `FOLDED_FEATURES` of n objects, each at its frequency (1/d): float64[n, bands, features].

    Cycles are counted from the middle of the object's observations. NaN where the frequency is NaN, the band has too
    few points, or its magnitudes are equal.

    Raises InputError where the bands' objects differ in number or are not as many as frequencies.

    >>> mjd = np.linspace(0, 99, 60)
    >>> band = Band(np.array([0, 60]), mjd, 15 + 0.5 * np.cos(2 * np.pi * 0.7 * mjd), np.full(60, 0.02))
    >>> dict(zip([one.name for one in FOLDED_FEATURES], folded_features([band], [0.7])[0, 0].round(2)))["PsiEta"]
    np.float64(0.01)
    """
    points = centred(bands, FEWEST)
    wanted = np.ascontiguousarray(frequency, dtype=np.float64)
    objects = len(points.baseline)
    if wanted.shape != (objects,):
        raise InputError(f"frequency has the shape {wanted.shape}; it is one number for each of {objects} objects")
    found = np.full((objects, len(bands), len(FOLDED_FEATURES)), np.nan)
    most = int((points.stops - points.starts).sum(axis=0).max(initial=0))
    _fold_all(points, wanted, room(len(bands), most), found)
    return found


@njit(cache=True, nogil=True)
def _fold_all(points: Centred, frequency: Doubles, curves: Curves, found: Doubles) -> None:
    for i in range(len(frequency)):
        if np.isfinite(frequency[i]):
            gather(points, i, curves)
            fit(curves, frequency[i], points.baseline[i])
            for band in range(len(curves.chi2)):
                start, stop = curves.bounds[band], curves.bounds[band + 1]
                if stop > start:
                    phase = curves.time[start:stop] * frequency[i]
                    order = np.argsort(phase - np.floor(phase))
                    _follow(curves.value[start:stop][order], found[i, band])
                    _analyse(curves, band, found[i, band])


@njit(cache=True, nogil=True)
def _follow(value: Doubles, found: Doubles) -> None:
    """Fill in the first three features of values in the order of phase."""
    points = len(value)
    mean = value.mean()
    squares = steps = total = highest = lowest = 0.0
    for j in range(points):
        squares += (value[j] - mean) ** 2
        total += value[j] - mean
        highest, lowest = max(highest, total), min(lowest, total)
        if j:
            steps += (value[j] - value[j - 1]) ** 2
    found[0] = (highest - lowest) / (points * math.sqrt(squares / (points - 1)))
    found[1] = steps / squares
    found[2] = (points - 1) / (2 * points) * (steps + (value[0] - value[-1]) ** 2) / squares


@njit(cache=True, nogil=True)
def _analyse(curves: Curves, band: int, found: Doubles) -> None:
    """Fill in the amplitude, and the ratios and phase differences that the order of the series allows."""
    order, series = curves.reached[band], curves.series
    if order > 0:
        coefficients(curves.matrix[band], curves.right[band], order, series)
        first = math.hypot(series[1], series[2])
        phase = math.atan2(-series[2], series[1])
        found[3] = first
        for k in range(2, min(order, 3) + 1):
            a, b = series[2 * k - 1], series[2 * k]
            found[2 + k] = math.hypot(a, b) / first
            found[4 + k] = (math.atan2(-b, a) - k * phase) % (2 * math.pi)
