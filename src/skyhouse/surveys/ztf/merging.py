"""The compiled part of the converters: points of several curves into one, by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["merge"]


@njit(cache=True, nogil=True)
def merge(starts: Any, points: Any, curves: Any, owner: Any, offsets: Any, out: Any) -> None:
    """Copy the points of curves to their objects, one after the other, and put each object's in the order of time.

    Curve c has the points ``starts[c]:starts[c + 1]`` of `points` (mjd, mag, magerr, catflags); ``curves[n]`` goes to
    object ``owner[n]``, whose points in `out` are ``offsets[o]:offsets[o + 1]``. Points of one time stay in the order
    of `curves`; a NaN of a time comes last.
    """
    mjd, mag, magerr, catflags = points
    out_mjd, out_mag, out_magerr, out_catflags = out
    here = offsets[:-1].copy()
    for n in range(len(curves)):
        place = here[owner[n]]
        for k in range(starts[curves[n]], starts[curves[n] + 1]):
            out_mjd[place] = mjd[k]
            out_mag[place] = mag[k]
            out_magerr[place] = magerr[k]
            out_catflags[place] = catflags[k]
            place += 1
        here[owner[n]] = place
    for o in range(len(offsets) - 1):
        first, end = offsets[o], offsets[o + 1]
        for k in range(first + 1, end):
            if not out_mjd[k] >= out_mjd[k - 1]:
                order = first + np.argsort(out_mjd[first:end], kind="mergesort")
                out_mjd[first:end] = out_mjd[order]
                out_mag[first:end] = out_mag[order]
                out_magerr[first:end] = out_magerr[order]
                out_catflags[first:end] = out_catflags[order]
                break
