"""Cleaning of light curves: which points stay, in the order of time; and several sources made one curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.curves import Band, Doubles, Flags, Floats, Offsets

__all__ = ["Clean", "merged"]

_MINUTES_A_DAY = 1440.0
_SLACK = 1e-9  # days; so that rounding of the times does not matter: 30 minutes apart is within 30 minutes
_ENOUGH = 5  # points whose median is worth aligning


@dataclass(frozen=True, slots=True)
class Clean:
    """Which points of light curves are kept; called with a Band, it returns the Band of these.

    A point stays if its mjd, mag and magerr are finite, magerr > 0 and, where the band has catflags, ``catflags &
    flags == 0``: with the default, all bits, that is ``catflags == 0``; 32768 leaves out only what ZTF advises against;
    0 looks at no flag. `max_error` (mag), where given, is the largest error that stays.

    Points come out in the order of time. Of those within `minutes` of a first one, only that with the smallest error
    stays (the earliest of equals), and the next group begins with the first point after them; the default, 0, is about
    points of the very same mjd. It is one of the measured points, not their mean: a mean would smear variables with
    periods of an hour, and its error would be smaller than the systematic error that points of one night share.

    An object with fewer than `min_epochs` points left in the band has none left.

    Raises InputError for a number below 0, or flags that are no mask of 32 bits.

    >>> band = Band(np.array([0, 3]), np.array([2.0, 1.0, np.nan]), np.full(3, 15.0), np.full(3, 0.5))
    >>> Clean()(band).mjd
    array([1., 2.])
    """

    flags: int = -1
    max_error: float | None = None
    minutes: float = 0.0
    min_epochs: int = 1

    def __post_init__(self) -> None:
        for name in ("max_error", "minutes", "min_epochs"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InputError(f"cleaning's {name} is {value}; it cannot be below 0")
        if not -(2**31) <= self.flags < 2**32:
            raise InputError(f"cleaning's flags is {self.flags}; it is a mask of 32 bits, or -1 for all of them")

    def __call__(self, band: Band) -> Band:
        """Return the points of a band that are kept, copied; the same objects."""
        flags = np.empty(0, np.int32) if band.catflags is None else band.catflags
        flags.flags.writeable = False  # one type for the kernel, with and without flags
        mask = 0 if band.catflags is None else self.flags
        most = np.inf if self.max_error is None else float(self.max_error)
        window = self.minutes / _MINUTES_A_DAY + (_SLACK if self.minutes else 0.0)
        into = _empty(band)
        kept = _keep((band.offsets, band.mjd, band.mag, band.magerr, flags), into, mask, most, window, self.min_epochs)
        offsets, mjd, mag, magerr, left = into
        return Band(offsets, mjd[:kept], mag[:kept], magerr[:kept], None if band.catflags is None else left[:kept])


def merged(sources: Band, groups: npt.ArrayLike, *, align: bool = True) -> Band:
    """Return one curve an object from the curves of its sources: fields, readout channels or surveys of one band.

    The sources of object i are the rows ``groups[i]:groups[i + 1]`` of `sources`, which is best cleaned before. Their
    points come out together in the order of time.

    Zero points differ from field to field, so with `align` the magnitudes of each source are shifted to give it the
    median of the object's source with the most points (the first of equals). A source with fewer than 5 points keeps
    its magnitudes, for their median may be anything.

    Raises InputError where groups do not begin with 0, end with the number of sources, or ever go down.

    >>> fields = Band(np.array([0, 5, 10]), np.arange(10.0), np.repeat([15.0, 15.5], 5), np.full(10, 0.5))
    >>> merged(fields, [0, 2]).mag
    array([15., 15., 15., 15., 15., 15., 15., 15., 15., 15.], dtype=float32)
    """
    starts = np.ascontiguousarray(groups, dtype=np.int64)
    if not (starts.size and starts[0] == 0 and starts[-1] == len(sources) and (np.diff(starts) >= 0).all()):
        raise InputError(f"groups go from 0 to the number of sources, {len(sources)}, and never down")
    mag = sources.mag.copy()
    if align:
        _align(sources.offsets, starts, mag)
    flags = np.empty(0, np.int32) if sources.catflags is None else sources.catflags.copy()
    offsets, mjd, magerr = sources.offsets[starts], sources.mjd.copy(), sources.magerr.copy()
    _order(offsets, mjd, mag, magerr, flags)
    return Band(offsets, mjd, mag, magerr, None if sources.catflags is None else flags)


_Curves = tuple[Offsets, Doubles, Floats, Floats, Flags]


def _empty(band: Band) -> _Curves:
    points = len(band.mjd)
    flags = np.empty(0 if band.catflags is None else points, np.int32)
    mags = np.empty(points, np.float32), np.empty(points, np.float32)
    return np.empty(len(band) + 1, np.int64), np.empty(points), *mags, flags


@njit(cache=True, nogil=True)
def _keep(curves: _Curves, into: _Curves, mask: int, most: float, window: float, fewest: int) -> int:
    """Write the points that stay, and their offsets; return how many they are."""
    offsets, mjd, mag, magerr, flags = curves
    offsets_, mjd_, mag_, magerr_, flags_ = into
    stop = 0
    offsets_[0] = 0
    for i in range(len(offsets) - 1):
        start = stop
        for j in range(offsets[i], offsets[i + 1]):
            if mask != 0 and (flags[j] & mask) != 0:
                continue
            if np.isfinite(mjd[j]) and np.isfinite(mag[j]) and 0 < magerr[j] <= most and magerr[j] < np.inf:
                mjd_[stop], mag_[stop], magerr_[stop] = mjd[j], mag[j], magerr[j]
                if len(flags_):
                    flags_[stop] = flags[j]
                stop += 1
        _sort(start, stop, mjd_, mag_, magerr_, flags_)
        stop = _thin(start, stop, mjd_, mag_, magerr_, flags_, window)
        if stop - start < fewest:
            stop = start
        offsets_[i + 1] = stop
    return stop


@njit(cache=True, nogil=True)
def _sort(start: int, stop: int, mjd: Doubles, mag: Floats, magerr: Floats, flags: Flags) -> None:
    """Put one object's points into the order of time, points of the same time as they were."""
    for j in range(start + 1, stop):
        if mjd[j] < mjd[j - 1]:
            break
    else:
        return  # as nearly always
    order = start + np.argsort(mjd[start:stop], kind="mergesort")
    mjd[start:stop], mag[start:stop], magerr[start:stop] = mjd[order], mag[order], magerr[order]
    if len(flags):
        flags[start:stop] = flags[order]


@njit(cache=True, nogil=True)
def _thin(start: int, stop: int, mjd: Doubles, mag: Floats, magerr: Floats, flags: Flags, window: float) -> int:
    """Keep one object's best point of each group of points within the window; return where they end."""
    to, j = start, start
    while j < stop:
        best, end = j, j + 1
        while end < stop and mjd[end] - mjd[j] <= window:
            if magerr[end] < magerr[best]:
                best = end
            end += 1
        if best != to:
            mjd[to], mag[to], magerr[to] = mjd[best], mag[best], magerr[best]
            if len(flags):
                flags[to] = flags[best]
        to, j = to + 1, end
    return to


@njit(cache=True, nogil=True)
def _order(offsets: Offsets, mjd: Doubles, mag: Floats, magerr: Floats, flags: Flags) -> None:
    for i in range(len(offsets) - 1):
        _sort(offsets[i], offsets[i + 1], mjd, mag, magerr, flags)


@njit(cache=True, nogil=True)
def _align(offsets: Offsets, groups: Offsets, mag: Floats) -> None:
    for i in range(len(groups) - 1):
        best, most = -1, _ENOUGH - 1
        for source in range(groups[i], groups[i + 1]):
            if offsets[source + 1] - offsets[source] > most:
                best, most = source, offsets[source + 1] - offsets[source]
        if best < 0:
            continue
        reference = np.median(mag[offsets[best] : offsets[best + 1]].astype(np.float64))
        for source in range(groups[i], groups[i + 1]):
            points = mag[offsets[source] : offsets[source + 1]]
            if source != best and len(points) >= _ENOUGH:
                points += np.float32(reference - np.median(points.astype(np.float64)))
