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
import numpy.typing as npt
from numba import njit

from skyhouse.lightcurves.curves import Doubles, Floats
from skyhouse.lightcurves.fourier import LANES, SIZE, roots, transform
from skyhouse.lightcurves.lombscargle import cosine_sine

__all__ = ["BLOCK", "Spread", "Workspace", "add_power", "spread", "workspace"]

Starts = npt.NDArray[np.uint64]

TAPS = 4  # grid rows that a point is spread over
ROWS = 200  # of SIZE frequencies, those that keep clear of their aliases: the amplitude's error is 1% of the noise's
BLOCK = ROWS * LANES  # frequencies made at once
_BELL = 1.7 * TAPS  # narrows the bell; of least error for these numbers
_GRID = (SIZE + TAPS) * LANES  # the last rows are those that are folded back to the first


class Workspace(NamedTuple):
    """What all blocks use in turn.

    The grid, real rows before imaginary ones, as much room for the transform, the transform's roots, and what undoes
    the bell at each frequency of a block.
    """

    grid: Floats
    spare: Floats
    root: Floats
    undo: Floats


class Spread(NamedTuple):
    """How m points go onto the grid.

    Where the first row of each begins, the bell's value in each of its rows, and the point's own value for each lane,
    real parts before imaginary ones.
    """

    start: Starts
    bell: Floats
    value: Floats


def workspace() -> Workspace:
    """Return the arrays that all blocks may use in turn."""
    x = np.linspace(-TAPS / 2, TAPS / 2, 201)
    bell = np.array([_bell(each) for each in x])
    frequency = np.arange(-(ROWS // 2), ROWS // 2) / SIZE
    spectrum = np.trapezoid(np.cos(2 * np.pi * frequency[:, None] * x) * bell, x, axis=1)
    undo = np.repeat(spectrum**-2, LANES).astype(np.float32)
    return Workspace(np.zeros(2 * _GRID, np.float32), np.zeros(2 * _GRID, np.float32), roots(), undo)


@njit(cache=True, nogil=True)
def _bell(x: float) -> float:
    square = 1 - (2 * x / TAPS) ** 2
    return float(np.exp(_BELL * (np.sqrt(square) - 1))) if square > 0 else 0.0


@njit(cache=True, nogil=True)
def spread(time: Doubles, value: Doubles, step: float) -> Spread:
    """Return how points at these times (days) go onto the grid for frequencies with this step (1/d)."""
    points = len(time)
    start, bell = np.empty(points, np.uint64), np.empty((points, TAPS), np.float32)
    lanes = np.empty(points * 2 * LANES, np.float32)
    for j in range(points):
        turns = LANES * step * time[j]
        place = SIZE * (turns - np.floor(turns))
        nearest = np.ceil(place - TAPS / 2)
        start[j] = LANES * (int(nearest) % SIZE)
        for k in range(TAPS):
            bell[j, k] = _bell(nearest + k - place)
        turn_cosine, turn_sine = cosine_sine(step * time[j])
        cosine, sine = value[j], 0.0
        for lane in range(LANES):
            lanes[2 * LANES * j + lane], lanes[2 * LANES * j + LANES + lane] = cosine, sine
            cosine, sine = cosine * turn_cosine + sine * turn_sine, sine * turn_cosine - cosine * turn_sine
    return Spread(start, bell, lanes)


@njit(cache=True, nogil=True)
def add_power(
    time: Doubles, points: Spread, first: float, step: float, work: Workspace, lanes: int, power: Floats
) -> None:
    """Add to ``power[k]`` the square of the spectrum's modulus at the frequency ``first + k * step``, in 1/d.

    `power` is float32, a multiple of `BLOCK` long; `lanes` is `LANES` (see `transform`).
    """
    half, whole = BLOCK // 2, SIZE * LANES
    real, imag = work.grid[:_GRID], work.grid[_GRID:]
    turn_cosine, turn_sine = _phases(time, BLOCK * step)
    cosine, sine = _phases(time, first + half * step)
    for start in range(0, len(power), BLOCK):
        work.grid[:] = 0
        _spread(points, cosine, sine, lanes, work.grid)
        for k in range(TAPS * LANES):
            real[k] += real[whole + k]
            imag[k] += imag[whole + k]
        transform(real, imag, work.spare[:_GRID], work.spare[_GRID:], work.root, lanes)
        _add_squares(real[whole - half : whole], imag[whole - half : whole], work.undo[:half], power[start:])
        _add_squares(real[:half], imag[:half], work.undo[half:], power[start + half :])
        _turn(cosine, sine, turn_cosine, turn_sine)


@njit(cache=True, nogil=True)
def _phases(time: Doubles, frequency: float) -> tuple[Doubles, Doubles]:
    cosine, sine = np.empty(len(time)), np.empty(len(time))
    for j in range(len(time)):
        cosine[j], sine[j] = cosine_sine(frequency * time[j])
    return cosine, sine


@njit(cache=True, nogil=True, fastmath={"contract"})
def _turn(cosine: Doubles, sine: Doubles, turn_cosine: Doubles, turn_sine: Doubles) -> None:
    for j in range(len(cosine)):
        c, s = cosine[j], sine[j]
        cosine[j] = c * turn_cosine[j] - s * turn_sine[j]
        sine[j] = s * turn_cosine[j] + c * turn_sine[j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _spread(points: Spread, cosine: Doubles, sine: Doubles, lanes: int, grid: Floats) -> None:
    """Turn the points' values back by their phases and add them to their rows of the grid.

    Indices are unsigned and distances constants for the reasons that `fourier` gives.
    """
    start, bell, value = points.start, points.bell, points.value
    run, imag, lower = np.uint64(lanes), np.uint64(_GRID), np.uint64(LANES)
    one, two, three = np.uint64(LANES), np.uint64(2 * LANES), np.uint64(3 * LANES)
    for j in range(np.uint64(len(start))):
        c, s = np.float32(cosine[j]), np.float32(sine[j])
        of_point, row = np.uint64(2 * LANES) * j, start[j]
        b0, b1, b2, b3 = bell[j, 0], bell[j, 1], bell[j, 2], bell[j, 3]
        for lane in range(run):
            v, o = of_point + lane, row + lane
            r = value[v] * c + value[v + lower] * s
            m = value[v + lower] * c - value[v] * s
            grid[o] += b0 * r
            grid[o + one] += b1 * r
            grid[o + two] += b2 * r
            grid[o + three] += b3 * r
            grid[o + imag] += b0 * m
            grid[o + one + imag] += b1 * m
            grid[o + two + imag] += b2 * m
            grid[o + three + imag] += b3 * m


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_squares(real: Floats, imag: Floats, undo: Floats, power: Floats) -> None:
    for k in range(len(real)):
        power[k] += (real[k] * real[k] + imag[k] * imag[k]) * undo[k]
