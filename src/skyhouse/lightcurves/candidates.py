"""The period search: the frequencies at which sinusoids in all bands take the most from an object's chi-squared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skyhouse.errors import InputError
from skyhouse.lightcurves.centred import Centred
from skyhouse.lightcurves.curves import Band, Doubles
from skyhouse.lightcurves.lombscargle import lomb_scargle

__all__ = ["FEWEST", "Candidates", "search"]

FEWEST = 5  # points of a band that takes part: a sinusoid with a mean fits any four at some frequency


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
    count: npt.NDArray[np.int64]
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
    out. The bands are of the same objects.

    Raises InputError where there is no band, the bands' objects differ in number or a number is out of range.
    """
    if not (maximum_frequency > 0 and oversampling >= 1 and top >= 1):
        raise InputError(
            f"maximum_frequency={maximum_frequency}, oversampling={oversampling}, top={top}: "
            "the first must be above 0, the others 1 or more"
        )
    points = Centred.of(bands, FEWEST)
    objects, baseline = len(points.baseline), points.baseline
    frequency = np.full((objects, top), np.nan)
    for i in np.flatnonzero((baseline > 0) & (points.chi2.sum(axis=0) > 0)):
        step = 1 / (oversampling * baseline[i])
        first = 1 / baseline[i] if minimum_frequency is None else minimum_frequency
        grid = first + step * np.arange(int((maximum_frequency - first) / step) + 1)
        power = lomb_scargle([band.slice(int(i), int(i) + 1) for band in bands], grid)[0]
        inner = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
        inner = inner[np.argsort(-power[inner])]
        found: list[float] = []
        for k in inner:
            left, here, right = power[k - 1 : k + 2]
            peak = grid[k] + step * (left - right) / (2 * (left - 2 * here + right))
            if all(abs(peak - other) >= 1 / baseline[i] for other in found):
                found.append(peak)
            if len(found) == top:
                break
        frequency[i, : len(found)] = found
    power = lomb_scargle(bands, frequency)
    power[np.isnan(frequency)] = np.nan
    order = np.argsort(-power, axis=1)
    frequency, power = (np.take_along_axis(values, order, axis=1) for values in (frequency, power))
    band_power = np.stack([lomb_scargle(band, frequency) for band in bands], axis=1)
    band_power[:, :, :] = np.where(np.isnan(frequency)[:, None, :], np.nan, band_power)
    count = np.isfinite(frequency).sum(axis=1)
    return Candidates(frequency, power, band_power, count, np.ascontiguousarray(points.chi2.T), baseline)
