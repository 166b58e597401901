"""Fast spectra of unevenly spaced points, in single precision: good enough to say where to look closer.

The sum of ``value * exp(-2 pi i frequency time)`` over the points, at evenly spaced frequencies, is a Fourier transform
after the points are spread onto an even grid (Dutt & Rokhlin 1993, SIAM J. Sci. Comput. 14, 1368; the bell is that of
Barnett, Magland & af Klinteberg 2019, SIAM J. Sci. Comput. 41, C479). One transform over all frequencies would leave
the cache. So a block of `BLOCK` neighbouring frequencies is had by turning the points' phases to its middle, spreading
them, and making `LANES` small transforms at once, of which number l holds each LANES-th frequency from the l-th on;
that puts the frequencies in order. Where a point lies on the grid is the same for all blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from skyhouse.lightcurves.curves import Doubles, Floats
from skyhouse.lightcurves.fourier import LANES, SIZE, roots, transform
from skyhouse.lightcurves.lombscargle import cosine_sine

__all__ = ["BLOCK", "Spread", "Workspace", "add_power", "spread", "workspace"]

TAPS = 4  # grid rows that a point is spread over
ROWS = 200  # of SIZE frequencies, those that keep clear of their aliases: the amplitude's error is 1% of the noise's
BLOCK = ROWS * LANES  # frequencies made at once
_BELL = 1.7 * TAPS  # narrows the bell; of least error for these numbers
_GRID = (SIZE + TAPS) * LANES  # the last rows are those that are folded back to the first


class Workspace(NamedTuple):
    """What each block needs: four arrays for the grid, the roots of the transform, and what undoes the bell."""

    real: Floats
    imag: Floats
    real_spare: Floats
    imag_spare: Floats
    root: Floats
    undo: Floats


class Spread(NamedTuple):
    """How m points go onto the grid: the first row of each, the bell's value in each row, its value for each lane."""

    row: np.ndarray[tuple[int], np.dtype[np.uint64]]
    bell: Floats
    real: Floats
    imag: Floats


def workspace() -> Workspace:
    """Return the arrays that all blocks may use in turn."""
    real, imag, real_spare, imag_spare = (np.zeros(_GRID, np.float32) for _ in range(4))
    x = np.linspace(-TAPS / 2, TAPS / 2, 2001)
    bell = np.array([_bell(each) for each in x])
    frequency = np.arange(-(ROWS // 2), ROWS // 2) / SIZE
    spectrum = np.trapezoid(np.cos(2 * np.pi * frequency[:, None] * x) * bell, x, axis=1)
    undo = np.repeat(spectrum**-2, LANES).astype(np.float32)
    return Workspace(real, imag, real_spare, imag_spare, roots(), undo)


@njit(cache=True, nogil=True)
def _bell(x: float) -> float:
    square = 1 - (2 * x / TAPS) ** 2
    return float(np.exp(_BELL * (np.sqrt(square) - 1))) if square > 0 else 0.0


@njit(cache=True, nogil=True)
def spread(time: Doubles, value: Doubles, step: float) -> Spread:
    """Return how points at these times (days) go onto the grid for frequencies with this step (1/d)."""
    points = len(time)
    row, bell = np.empty(points, np.uint64), np.empty((points, TAPS), np.float32)
    real, imag = np.empty((points, LANES), np.float32), np.empty((points, LANES), np.float32)
    for j in range(points):
        turns = LANES * step * time[j]
        place = SIZE * (turns - np.floor(turns))
        nearest = np.ceil(place - TAPS / 2)
        row[j] = LANES * (int(nearest) % SIZE)
        for k in range(TAPS):
            bell[j, k] = _bell(nearest + k - place)
        turn_cosine, turn_sine = cosine_sine(step * time[j])
        cosine, sine = value[j], 0.0
        for lane in range(LANES):
            real[j, lane], imag[j, lane] = cosine, sine
            cosine, sine = cosine * turn_cosine + sine * turn_sine, sine * turn_cosine - cosine * turn_sine
    return Spread(row, bell, real, imag)


@njit(cache=True, nogil=True)
def add_power(
    time: Doubles, points: Spread, first: float, step: float, work: Workspace, lanes: int, power: Floats
) -> None:
    """Add to ``power[k]`` the square of the spectrum's modulus at the frequency ``first + k * step``, in 1/d.

    `power` is float32, a multiple of `BLOCK` long; `lanes` is `LANES` (see `transform`).
    """
    cosine, sine = np.empty(len(time)), np.empty(len(time))
    half, whole = BLOCK // 2, SIZE * LANES
    below = slice(whole - half, whole)
    for start in range(0, len(power), BLOCK):
        middle = first + (start + half) * step
        for j in range(len(time)):
            cosine[j], sine[j] = cosine_sine(middle * time[j])
        work.real[:] = 0
        work.imag[:] = 0
        _spread(points.row, points.bell, points.real, points.imag, cosine, sine, lanes, work.real, work.imag)
        for k in range(TAPS * LANES):
            work.real[k] += work.real[whole + k]
            work.imag[k] += work.imag[whole + k]
        transform(work.real, work.imag, work.real_spare, work.imag_spare, work.root, lanes)
        _add_squares(work.real[below], work.imag[below], work.undo[:half], power[start : start + half])
        _add_squares(work.real[:half], work.imag[:half], work.undo[half:], power[start + half : start + BLOCK])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _spread(
    row: np.ndarray[tuple[int], np.dtype[np.uint64]],
    bell: Floats,
    real: Floats,
    imag: Floats,
    cosine: Doubles,
    sine: Doubles,
    lanes: int,
    real_out: Floats,
    imag_out: Floats,
) -> None:
    """Turn the points' values by their phases and add them to the rows of the grid."""
    run = np.uint64(lanes)
    one, two, three = np.uint64(LANES), np.uint64(2 * LANES), np.uint64(3 * LANES)
    for j in range(len(row)):
        c, s = np.float32(cosine[j]), np.float32(sine[j])
        b0, b1, b2, b3 = bell[j, 0], bell[j, 1], bell[j, 2], bell[j, 3]
        start = row[j]
        for lane in range(run):
            r = real[j, lane] * c + imag[j, lane] * s
            m = imag[j, lane] * c - real[j, lane] * s
            o = start + lane
            real_out[o] += b0 * r
            imag_out[o] += b0 * m
            real_out[o + one] += b1 * r
            imag_out[o + one] += b1 * m
            real_out[o + two] += b2 * r
            imag_out[o + two] += b2 * m
            real_out[o + three] += b3 * r
            imag_out[o + three] += b3 * m


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_squares(real: Floats, imag: Floats, undo: Floats, power: Floats) -> None:
    for k in range(len(power)):
        power[k] += (real[k] * real[k] + imag[k] * imag[k]) * undo[k]
