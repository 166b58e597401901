"""The highest peaks of a spectrum that comes in pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from skyhouse.lightcurves.curves import Doubles, Floats

__all__ = ["Peaks", "gather", "no_peaks"]

_STRETCH = 64  # powers whose maximum is looked at before any of them


class Peaks(NamedTuple):
    """The highest local maxima so far, in falling order: of each the place, in steps of frequency, and the height.

    The place is that of the parabola through a maximum and its neighbours; behind the last peak heights are 0.
    """

    place: Doubles
    height: Floats


@njit(cache=True, nogil=True)
def no_peaks(most: int) -> Peaks:
    """Return room for so many peaks."""
    return Peaks(np.zeros(most), np.zeros(most, np.float32))


@njit(cache=True, nogil=True)
def gather(power: Floats, first: int, apart: float, peaks: Peaks) -> None:
    """Put the local maxima of `power` among the highest peaks where they belong.

    ``power[k]`` is that of frequency number ``first + k``; the first and last one are only neighbours, so pieces of a
    spectrum overlap by two. Of two peaks closer than `apart` steps, the higher one stays.
    """
    last = len(power) - 1
    for begin in range(1, last, _STRETCH):
        end = min(begin + _STRETCH, last)
        if _highest(power[begin:end]) <= peaks.height[-1]:
            continue
        for k in range(begin, end):
            here = power[k]
            if here > peaks.height[-1] and here > power[k - 1] and here >= power[k + 1]:
                left, right = here - power[k - 1], here - power[k + 1]
                _insert(peaks, first + k + (left - right) / (2 * (left + right)), here, apart)


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _highest(power: Floats) -> float:
    highest = np.float32(0)
    for value in power:
        highest = max(highest, value)
    return float(highest)


@njit(cache=True, nogil=True)
def _insert(peaks: Peaks, place: float, height: float, apart: float) -> None:
    """Insert a peak, drop the lowest one or those that it outshines; not if a higher one is close."""
    kept = 0
    for k in range(len(peaks.place)):
        close = peaks.height[k] > 0 and abs(peaks.place[k] - place) < apart
        if close and peaks.height[k] >= height:
            return
        if not close:
            peaks.place[kept], peaks.height[kept] = peaks.place[k], peaks.height[k]
            kept += 1
    peaks.height[kept:] = 0
    k = min(kept, len(peaks.place) - 1)
    while k > 0 and peaks.height[k - 1] < height:
        peaks.place[k], peaks.height[k] = peaks.place[k - 1], peaks.height[k - 1]
        k -= 1
    peaks.place[k], peaks.height[k] = place, height
