"""Conditional entropy: how little the phase tells of the magnitude."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred
from skyhouse.lightcurves.curves import Band, Doubles

__all__ = ["conditional_entropy"]


def conditional_entropy(
    band: Band, frequency: npt.ArrayLike, *, phase_bins: int = 10, magnitude_bins: int = 5
) -> Doubles:
    """Return the conditional entropy of the magnitude, given the phase, at each frequency (1/d): float64[n, m].

    The sum over bins of p(m, phase) ln(p(phase) / p(m, phase)), p being shares of the points; magnitudes are binned
    evenly from the least to the largest. Graham et al. 2013 (MNRAS 434, 2629), equation 5. It is least at the period,
    whatever the shape; it looks at no errors. NaN for an object with fewer than 5 points or equal magnitudes. Phases
    begin in the middle of the observations, so bins lie otherwise than where they begin elsewhere.

    Raises InputError for fewer than two bins, or frequencies that are not in one row.

    >>> time = np.arange(90.0)
    >>> band = Band(np.array([0, 90]), time, 15 + np.sin(2 * np.pi * 0.31 * time), np.full(90, 0.01))
    >>> bool(np.argmin(conditional_entropy(band, [0.1234, 0.2321, 0.31])) == 2)
    True
    """
    wanted = np.ascontiguousarray(frequency, dtype=np.float64)
    if min(phase_bins, magnitude_bins) < 2 or wanted.ndim != 1:
        raise InputError(
            f"phase_bins={phase_bins}, magnitude_bins={magnitude_bins}, frequencies {wanted.shape}: bins are two or "
            "more, frequencies a row"
        )
    found = np.full((len(band), len(wanted)), np.nan)
    _entropies(centred([band], 5), wanted, phase_bins, magnitude_bins, found)
    return found


@njit(cache=True, nogil=True)
def _entropies(points: Centred, frequency: Doubles, phase_bins: int, magnitude_bins: int, found: Doubles) -> None:
    for i in range(len(found)):
        start, stop = points.starts[0, i], points.stops[0, i]
        if stop > start and points.chi2[0, i] > 0:
            time, value = points.time[start:stop], points.residual[start:stop]
            least, width = value.min(), value.max() - value.min()
            level = np.minimum((magnitude_bins * (value - least) / width).astype(np.int64), magnitude_bins - 1)
            for k in range(len(frequency)):
                counts = np.zeros((phase_bins, magnitude_bins))
                for j in range(len(time)):
                    turns = frequency[k] * time[j]
                    phase = min(int(phase_bins * (turns - math.floor(turns))), phase_bins - 1)
                    counts[phase, level[j]] += 1
                found[i, k] = _entropy(counts / len(time))


@njit(cache=True, nogil=True)
def _entropy(shares: Doubles) -> float:
    total = 0.0
    for row in shares:
        whole = row.sum()
        for share in row:
            if share > 0:
                total += share * math.log(whole / share)
    return total
