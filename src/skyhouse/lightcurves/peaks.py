"""The highest peaks of a spectrum that comes in pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from skyhouse.lightcurves.curves import Doubles, Floats, Offsets

__all__ = ["Peaks", "gather", "no_peaks", "prune"]

_COLUMNS, _DEPTH = 128, 16  # of powers whose maximum is looked at before any of them
_ROOM = 4  # times as many peaks are held as are wanted, before the lower ones go
_HALVINGS = 32  # take any interval of single precision down to neighbours


class Peaks(NamedTuple):
    """Peaks: the first ``held[0]`` of `place` (in steps of frequency) and of `height`.

    The place is that of the parabola through a local maximum and its neighbours. No peak is wanted any more that is not
    above ``floor[0]``.
    """

    place: Doubles
    height: Floats
    held: Offsets
    floor: Floats


def no_peaks(most: int) -> Peaks:
    """Return room for so many peaks, and for those that come before it is known which are the highest."""
    return Peaks(
        np.zeros(_ROOM * most), np.zeros(_ROOM * most, np.float32), np.zeros(1, np.int64), np.zeros(1, np.float32)
    )


@njit(cache=True, nogil=True)
def gather(power: Floats, first: int, most: int, peaks: Peaks) -> None:
    """Add the local maxima of `power`, so that `peaks` has the `most` highest of all and some others.

    ``power[k]`` is that of frequency number ``first + k``; the first and last one are only neighbours, so pieces of a
    spectrum overlap by two.
    """
    place, height, held, floor = peaks
    last = len(power) - 1
    highest = np.empty(_COLUMNS, np.float32)
    for begin in range(1, last, _COLUMNS * _DEPTH):
        end = min(begin + _COLUMNS * _DEPTH, last)
        _highest_of_columns(power[begin:end], highest)
        for column in range(_COLUMNS):
            if highest[column] <= floor[0]:
                continue
            for k in range(begin + column, end, _COLUMNS):
                here = power[k]
                if here > floor[0] and here > power[k - 1] and here >= power[k + 1]:
                    if held[0] >= _ROOM * most:
                        prune(most, peaks)
                    left, right = here - power[k - 1], here - power[k + 1]
                    place[held[0]] = first + k + (left - right) / (2 * (left + right))
                    height[held[0]] = here
                    held[0] += 1


@njit(cache=True, nogil=True)
def prune(most: int, peaks: Peaks) -> None:
    """Keep the `most` highest peaks: those above a height that is found by bisection."""
    held = peaks.held[0]
    if held <= most:
        return
    floor, above = peaks.floor[0], peaks.height[:held].max()
    for _ in range(_HALVINGS):
        middle = (floor + above) / 2
        if (peaks.height[:held] > middle).sum() > most:
            floor = middle
        else:
            above = middle
    kept = 0
    for k in range(held):
        if peaks.height[k] > above:
            peaks.place[kept], peaks.height[kept] = peaks.place[k], peaks.height[k]
            kept += 1
    peaks.held[0], peaks.floor[0] = kept, above


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _highest_of_columns(power: Floats, highest: Floats) -> None:
    """Fill in the highest of the powers k, k + n, k + 2 n ... for each of n columns; quick, for it vectorises."""
    highest[:] = 0
    columns, count = np.uint64(len(highest)), np.uint64(len(power))  # unsigned: no index is looked at for its sign
    whole = count // columns * columns
    for begin in range(np.uint64(0), whole, columns):
        for k in range(columns):
            highest[k] = max(highest[k], power[begin + k])
    for k in range(count - whole):
        highest[k] = max(highest[k], power[whole + k])
