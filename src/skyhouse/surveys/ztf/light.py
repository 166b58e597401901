"""The compiled part of the simulator: how bright objects are when the survey looks, and what it then measures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

__all__ = ["observe"]

_LOST = 0.06  # looks without a measurement: gaps between the readouts, rejected images
_BAD, _ODD, _WILD = 0.012, 0.02, 0.02  # shares of points that are bad, have a harmless flag, are of the wide wings
_FLOOR = 0.012  # of errors, mag
_UNUSABLE, _HARMLESS = 32768, 2
_STEADY, _SERIES, _ECLIPSES, _TRANSIENT, _WALK = 0, 1, 2, 3, 4  # kinds of `population.Shapes`
_TWO_PI = 2 * np.pi


@njit(cache=True, nogil=True)
def _next(state: Any) -> Any:
    """Return the next state and a number from 0 to 1: splitmix64 (Steele, Lea & Flood 2014, OOPSLA, 453)."""
    state = uint64(state + uint64(0x9E3779B97F4A7C15))
    z = uint64((state ^ (state >> uint64(30))) * uint64(0xBF58476D1CE4E5B9))
    z = uint64((z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB))
    z = uint64(z ^ (z >> uint64(31)))
    return state, (z >> uint64(11)) * 1.1102230246251565e-16


@njit(cache=True, nogil=True)
def _normal(state: Any) -> Any:
    state, a = _next(state)
    state, b = _next(state)
    return state, np.sqrt(-2 * np.log(1 - a)) * np.cos(_TWO_PI * b)


@njit(cache=True, nogil=True)
def _pulsation(phase: Any, cosine: Any, sine: Any) -> Any:
    """Return a series of four harmonics, whose multiples of the angle come from those before."""
    c1, s1 = np.cos(_TWO_PI * phase), np.sin(_TWO_PI * phase)
    c, s = c1, s1
    total = cosine[0] * c + sine[0] * s
    for k in range(1, 4):
        c, s = c * c1 - s * s1, s * c1 + c * s1
        total += cosine[k] * c + sine[k] * s
    return total


@njit(cache=True, nogil=True)
def _dip(phase: Any, half_width: Any) -> Any:
    """Return the depth of an eclipse at phase 0, from 1 in its middle to 0 at its ends, with a flat bottom."""
    x = abs(phase - np.floor(phase + 0.5)) / half_width
    return (1 - x**4) ** 2 if x < 1 else 0.0


@njit(cache=True, nogil=True)
def _eclipses(phase: Any, shape: Any) -> Any:
    half_width, primary, secondary, round_part = shape
    dips = (1 - round_part) * (primary * _dip(phase, half_width) + secondary * _dip(phase - 0.5, half_width))
    nearest = primary if abs(phase - np.floor(phase + 0.5)) < 0.25 else secondary
    return dips + round_part * nearest * 0.5 * (1 + np.cos(2 * _TWO_PI * phase))


@njit(cache=True, nogil=True)
def _flash(since: Any, shape: Any) -> Any:
    """Return the flux of a transient, its height about 1, at a time from its height [d]."""
    rise, fall = shape[0], shape[1]
    shift = since - rise * np.log(rise / (fall - rise))  # so that the height is at 0
    height = np.exp(rise / fall * np.log(rise / (fall - rise))) * (1 - rise / fall)
    if shift > 40 * fall or shift < -40 * rise:
        return 0.0
    return np.exp(-shift / fall) / (1 + np.exp(-shift / rise)) / height


@njit(cache=True, nogil=True)
def _change(kind: Any, amplitude: Any, band: Any, since: Any, period: Any, first: Any, second: Any, beat: Any) -> Any:
    """Return how much fainter than its mean an object is, so long [d] after its epoch."""
    if kind == _SERIES:
        form = _pulsation(since / period, first, second)
        if beat[1] > 0:
            form = (1 - beat[1]) * form + beat[1] * 0.5 * np.cos(_TWO_PI * since / beat[0])
        return amplitude * form
    if kind == _ECLIPSES:
        return amplitude * _eclipses(since / period, first)
    # Bluer light fades faster.
    light = _flash(since * (1.15 - 0.15 * band), first)
    return -2.5 * np.log10(1 + (10 ** (0.4 * amplitude) - 1) * light)


@njit(cache=True, nogil=True)
def _four(row: Any) -> Any:
    return row[0], row[1], row[2], row[3]


@njit(cache=True, nogil=True)
def _measured(state: Any, mag: Any, error: Any, offset: Any) -> Any:
    """Return the next state, the magnitude that is measured, and its flags."""
    state, z = _normal(state)
    state, luck = _next(state)
    flags = 0
    measured = mag + (3 * error if luck < _WILD else error) * z
    if luck > 1 - _BAD:
        state, shift = _next(state)
        state, side = _next(state)
        flags = _UNUSABLE
        measured += (0.2 + 1.3 * shift) * (1 if side < 0.5 else -1)
    elif luck > 1 - _BAD - _ODD:
        flags = _HARMLESS
    if offset > 0:
        flags |= _UNUSABLE
        measured += offset
    return state, measured, flags


@njit(cache=True, nogil=True)
def observe(visits: Any, shapes: Any, directions: Any, in_second: Any, seeds: Any, start: Any, out: Any) -> Any:
    """Fill `out` with what the survey measures of n objects of one field; return the offsets (3, n + 1) by band.

    `visits` are the arrays of `cadence.Visits`, `shapes` a `population.Shapes`, `directions` (n, 3) unit vectors,
    `in_second` whether the field of the second grid has the object too, `seeds` one per object. `out` holds mjd, mag,
    magerr, catflags and whether the second field's, in arrays that have room for all bands, one after the other;
    `start[b]` is where band b begins. Times are heliocentric, to 1e-5 d as the releases have them.
    """
    mjd, band, in_grid, depth, offset, earth = visits
    out_mjd, out_mag, out_err, out_flags, out_second = out
    count = len(seeds)
    offsets = np.zeros((3, count + 1), np.int32)
    here = start.copy()
    for j in range(count):
        state = seeds[j]
        kind, period, epoch = shapes.kind[j], shapes.period[j], shapes.epoch[j]
        # Numbers rather than arrays: a compiled function counts who holds an array.
        first, second = _four(shapes.first[j]), _four(shapes.second[j])
        beat = (shapes.beat[j, 0], shapes.beat[j, 1])
        walk, walked = 0.0, -1.0
        for v in range(len(mjd)):
            if in_grid[v] and not in_second[j]:
                continue
            state, lost = _next(state)
            if lost < _LOST:
                continue
            b = band[v]
            t = (
                mjd[v]
                + earth[v, 0] * directions[j, 0]
                + earth[v, 1] * directions[j, 1]
                + earth[v, 2] * directions[j, 2]
            )
            mag = shapes.mean[j, b]
            if kind == _WALK:
                # Kelly, Bechtold & Siemiginowska 2009 (ApJ 698, 895): exact steps of a walk whose variance is 1/2.
                state, z = _normal(state)
                decay = np.exp((walked - t) / period) if walked > 0 else 0.0
                walk = walk * decay + z * np.sqrt(0.5 * (1 - decay * decay))
                walked = t
                mag += shapes.amplitude[j, b] * walk
            elif kind != _STEADY:
                mag += _change(kind, shapes.amplitude[j, b], b, t - epoch, period, first, second, beat)
            if mag > depth[v]:
                continue
            noise = 0.2 * np.exp(0.921034037 * (mag - depth[v]))
            error = np.sqrt(_FLOOR * _FLOOR + noise * noise)
            state, measured, flags = _measured(state, mag, error, offset[v])
            place = here[b]
            out_mjd[place] = np.floor(t * 1e5 + 0.5) / 1e5
            out_mag[place] = measured
            out_err[place] = error
            out_flags[place] = flags
            out_second[place] = in_grid[v]
            here[b] = place + 1
        for b in range(3):
            offsets[b, j + 1] = here[b] - start[b]
    return offsets
