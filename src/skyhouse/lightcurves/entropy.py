"""The conditional entropy of folded light curves, least at the period whatever the curve's shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred, for_each_object
from skyhouse.lightcurves.curves import Band, Doubles

__all__ = ["conditional_entropy"]


def conditional_entropy(
    bands: Band | Sequence[Band], frequency: npt.ArrayLike, *, phase_bins: int = 10, magnitude_bins: int = 5
) -> Doubles:
    """Return the entropy of each object's magnitudes, given their phase, at each frequency: the least is the best.

    With p(m, phase) the share of a band's points in each of `phase_bins` x `magnitude_bins` cells of the folded curve,
    it is the sum of p(m, phase) ln(p(phase) / p(m, phase)), from 0 to ln(`magnitude_bins`); the magnitude bins divide
    each band's range evenly. Of several bands it is the mean, weighted by their points. Errors do not count. Cycles
    begin in the middle of the object's observations. `frequency` (1/d) is of shape (m,), or (n, m) for n objects with
    frequencies of their own; the entropy is float64[n, m], NaN where an object has no points or all its magnitudes are
    equal.

    Graham et al. 2013 (MNRAS 434, 2629), equation 2. With few points it is small at any frequency, for most cells are
    empty; it favours one cycle a day then.

    Raises InputError where there is no band, the bands' objects differ in number, a number of bins is below 1, or the
    frequencies' shape does not fit.

    >>> time = 0.37 * np.arange(300)
    >>> band = Band(np.array([0, 300]), time, 15 + (0.4 * time) % 1, np.full(300, 0.01))
    >>> entropy = conditional_entropy(band, [0.3, 0.4])[0]
    >>> bool(entropy[1] < entropy[0])
    True
    """
    if not (phase_bins >= 1 and magnitude_bins >= 1):
        raise InputError(f"phase_bins={phase_bins}, magnitude_bins={magnitude_bins}: both must be 1 or more")
    points = centred([bands] if isinstance(bands, Band) else bands)
    wanted = for_each_object(frequency, points)
    entropy = np.full(wanted.shape, np.nan)
    level = np.zeros(len(points.residual), np.int64)
    _entropies(points, wanted, level, np.zeros((phase_bins, magnitude_bins)), entropy)
    return entropy


@njit(cache=True, nogil=True)
def _entropies(
    points: Centred, frequency: Doubles, level: npt.NDArray[np.int64], cells: Doubles, entropy: Doubles
) -> None:
    for i in range(len(frequency)):
        total = 0
        for band in range(len(points.starts)):
            start, stop = points.starts[band, i], points.stops[band, i]
            if points.chi2[band, i] > 0:
                total += stop - start
                _divide(points.residual[start:stop], cells.shape[1], level[start:stop])
        for k in range(frequency.shape[1]):
            if total > 0 and np.isfinite(points.baseline[i] * frequency[i, k]):
                found = 0.0
                for band in range(len(points.starts)):
                    start, stop = points.starts[band, i], points.stops[band, i]
                    if points.chi2[band, i] > 0:
                        found += _entropy(points.time[start:stop], level[start:stop], frequency[i, k], cells)
                entropy[i, k] = found / total


@njit(cache=True, nogil=True)
def _divide(value: Doubles, bins: int, level: npt.NDArray[np.int64]) -> None:
    """Fill in the bin of each value."""
    lowest, highest = value.min(), value.max()
    for j in range(len(value)):
        level[j] = min(int((value[j] - lowest) / (highest - lowest) * bins), bins - 1)


@njit(cache=True, nogil=True)
def _entropy(time: Doubles, level: npt.NDArray[np.int64], frequency: float, cells: Doubles) -> float:
    """Return one band's conditional entropy, times its points."""
    phases = len(cells)
    cells[:] = 0
    for j in range(len(time)):
        turns = time[j] * frequency
        cells[min(int((turns - np.floor(turns)) * phases), phases - 1), level[j]] += 1
    found = 0.0
    for phase in range(phases):
        there = cells[phase].sum()
        for count in cells[phase]:
            if count > 0:
                found += count * np.log(there / count)
    return found
