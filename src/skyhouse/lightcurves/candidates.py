"""The period search: the frequencies at which sinusoids in all bands take the most from an object's chi-squared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred, centred
from skyhouse.lightcurves.curves import Band, Doubles, Floats, Offsets
from skyhouse.lightcurves.fourier import LANES
from skyhouse.lightcurves.lombscargle import object_power
from skyhouse.lightcurves.peaks import Peaks, gather, no_peaks, prune
from skyhouse.lightcurves.spectrum import BLOCK, Workspace, add_power, spread, workspace

__all__ = ["FEWEST", "Candidates", "search"]

FEWEST = 5  # points of a band that takes part: a sinusoid with a mean fits any four at some frequency

_PIECE = 36 * BLOCK  # frequencies whose powers are held at once; they stay in the second-level cache
_TRIALS = 24_000  # points' phases spent on peaks above `top`: of few points the coarse powers are the least exact
_MOST_TRIALS = 1000
_SPARE = 4  # peaks refined above `top`, for some are one and the same in the end
_MOST_STEPS = 2**28  # frequencies of an object; a baseline that needs more is of times that are none


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The highest peaks of n objects, the highest first.

    `frequency` (float64[n, top], 1/d) and `power` (float64[n, top], as of `lomb_scargle`, over all bands) are padded
    with NaN behind the `count` (int64[n]) peaks of an object; `band_power` (float64[n, bands, top]) is the power in
    each band alone, NaN for a band that takes no part. `chi2` (float64[n, bands]) is chi-squared about the weighted
    mean of each band, of which the powers are shares; `baseline` (float64[n], days) the object's last time less its
    first, NaN without points.
    """

    frequency: Doubles
    power: Doubles
    band_power: Doubles
    count: Offsets
    chi2: Doubles
    baseline: Doubles


def search(
    bands: Sequence[Band],
    *,
    minimum_frequency: float | None = None,
    maximum_frequency: float = 24.0,
    oversampling: float = 3.0,
    top: int = 20,
) -> Candidates:
    """Return the `top` highest peaks of each object's periodogram over all bands.

    Frequencies, in 1/d, run from `minimum_frequency` (None: one over the object's baseline) to `maximum_frequency`, in
    steps of one over `oversampling` times the baseline. Peaks are apart by one over the baseline or more; each is
    refined to some 1e-3 of that, and its power is exact. A band of an object with fewer than `FEWEST` points is left
    out. An object has no peaks where no band is left, magnitudes or times are equal, or the baseline asks for more than
    2^28 frequencies, as no observations do.

    Raises InputError where there is no band, the bands' objects differ in number or a number is out of range.

    >>> time = 0.9 * np.arange(50)
    >>> band = Band(np.array([0, 50]), time, 15 + np.sin(2 * np.pi * 0.3 * time), np.full(50, 0.01))
    >>> search([band], maximum_frequency=0.5, top=1).frequency.round(3)
    array([[0.3]])
    """
    if not (maximum_frequency > 0 and oversampling >= 1 and top >= 1):
        raise InputError(
            f"maximum_frequency={maximum_frequency}, oversampling={oversampling}, top={top}: "
            "the first must be above 0, the others 1 or more"
        )
    if minimum_frequency is not None and not minimum_frequency >= 0:
        raise InputError(f"minimum_frequency={minimum_frequency}: it must be 0 or more, or None")
    points = centred(bands, FEWEST)
    objects = len(points.baseline)
    frequency = np.full((objects, top), np.nan)
    power = np.full((objects, 1 + len(bands), top), np.nan)
    count = np.zeros(objects, np.int64)
    most = top + _MOST_TRIALS
    lowest = np.nan if minimum_frequency is None else minimum_frequency
    _search(
        points,
        (lowest, maximum_frequency),
        oversampling,
        workspace(),
        LANES,
        most,
        no_peaks(most),
        frequency,
        power,
        count,
    )
    chi2 = np.ascontiguousarray(points.chi2.T)
    return Candidates(frequency, power[:, 0], power[:, 1:], count, chi2, points.baseline)


@njit(cache=True, nogil=True)
def _search(
    points: Centred,
    limits: tuple[float, float],
    oversampling: float,
    work: Workspace,
    lanes: int,
    most: int,
    peaks: Peaks,
    frequency: Doubles,
    power: Doubles,
    count: Offsets,
) -> None:
    """Fill in the last three; `limits` are the least frequency, NaN for one over the baseline, and the highest."""
    piece = np.empty(2 + _PIECE, np.float32)
    for i in range(len(count)):
        baseline = points.baseline[i]
        resolution = 1 / baseline if 0 < baseline < np.inf else np.inf
        first = resolution if np.isnan(limits[0]) else limits[0]
        step = resolution / oversampling
        steps = np.floor((limits[1] - first) / step) + 1
        if 3 <= steps <= _MOST_STEPS and points.chi2[:, i].sum() > 0:
            trials = min(frequency.shape[1] + _TRIALS // (points.stops[:, i] - points.starts[:, i]).sum(), most)
            _look(points, i, first, step, int(steps), work, lanes, piece, trials, peaks)
            count[i] = _look_closer(points, i, first, step, resolution, peaks, frequency[i], power[i])


@njit(cache=True, nogil=True)
def _look(
    points: Centred,
    i: int,
    first: float,
    step: float,
    steps: int,
    work: Workspace,
    lanes: int,
    piece: Floats,
    most: int,
    peaks: Peaks,
) -> None:
    """Put the `most` highest peaks of object i's coarse spectrum into `peaks`; the spectrum comes in pieces."""
    peaks.held[0], peaks.floor[0] = 0, 0
    whole = points.chi2[:, i].sum()
    bands = [band for band in range(len(points.starts)) if points.chi2[band, i] > 0]
    times = [points.time[points.starts[band, i] : points.stops[band, i]] for band in bands]
    spreads = [
        spread(time, _weighted(points, band, i, whole), step)
        for band, time in zip(bands, times)  # noqa: B905 - compiled
    ]
    for begin in range(0, steps, _PIECE):
        size = min(_PIECE, steps - begin)
        piece[:2] = piece[_PIECE:]  # what was last; peaks are not looked for at a piece's ends
        fresh = piece[2 : 2 + (size + BLOCK - 1) // BLOCK * BLOCK]
        fresh[:] = 0
        for time, spreading in zip(times, spreads):  # noqa: B905 - compiled
            add_power(time, spreading, first + begin * step, step, work, lanes, fresh)
        known = min(begin, 2)
        gather(piece[2 - known : 2 + size], begin - known, most, peaks)
    prune(most, peaks)


@njit(cache=True, nogil=True)
def _weighted(points: Centred, band: int, i: int, whole: float) -> Doubles:
    """Return a band's weighted residuals, in units that make powers (nearly) shares of the object's chi-squared."""
    here = slice(points.starts[band, i], points.stops[band, i])
    weighted: Doubles = points.weight[here] * points.residual[here]
    squares = (weighted * points.residual[here]).sum()
    weighted *= np.sqrt(2 * points.chi2[band, i] / (squares * whole))
    return weighted


@njit(cache=True, nogil=True)
def _look_closer(
    points: Centred,
    i: int,
    first: float,
    step: float,
    resolution: float,
    peaks: Peaks,
    frequency: Doubles,
    power: Doubles,
) -> int:
    """Refine the peaks of object i by exact powers, fill in the highest of them, and return how many those are."""
    trials, bands = peaks.held[0], len(power) - 1
    shares = np.empty(bands)
    coarse = np.empty(trials)
    for k in range(trials):
        coarse[k] = object_power(points, i, first + peaks.place[k] * step, shares)
    best = np.argsort(-coarse)[: len(frequency) + _SPARE]
    places, near = np.empty(len(best)), np.empty(len(best))
    for k in range(len(best)):
        places[k], near[k] = _climb(
            points, i, first + peaks.place[best[k]] * step, 0.2 * resolution, coarse[best[k]], shares
        )
    count = 0
    for k in np.argsort(-near):
        if count < len(frequency) and (np.abs(frequency[:count] - places[k]) >= resolution).all():
            frequency[count], power[0, count] = places[k], near[k]
            count += 1
    for k in range(count):
        frequency[k], power[0, k] = _climb(points, i, frequency[k], 0.03 * resolution, power[0, k], power[1:, k])
    order = np.argsort(-power[0, :count])
    frequency[:count] = frequency[:count][order]
    for row in power:
        row[:count] = row[:count][order]
    return count


@njit(cache=True, nogil=True)
def _climb(
    points: Centred, i: int, frequency: float, distance: float, here: float, shares: Doubles
) -> tuple[float, float]:
    """Return where the peak near this frequency is, by a parabola through three exact powers."""
    left = here - object_power(points, i, frequency - distance, shares)
    right = here - object_power(points, i, frequency + distance, shares)
    if left + right > 0:
        frequency += distance * min(max((left - right) / (2 * (left + right)), -1.5), 1.5)
    else:
        frequency += distance if right < left else -distance
    return frequency, object_power(points, i, frequency, shares)
