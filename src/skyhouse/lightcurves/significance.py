"""How easily noise alone reaches a power, and which frequencies are the observer's rather than the object's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaln

from skyhouse.lightcurves.curves import Doubles
from skyhouse.lightcurves.ranking import Ranked

__all__ = ["ALIASES", "aliases", "false_alarm_probability"]

_YEAR, _MONTH = 365.25, 29.530589  # d; the month of the moon's phases
_SIDEREAL = 1.00273791  # 1/d
_DAYS = (1 / 3, 1 / 2)  # 1/d, beside the whole numbers: every second or third night

ALIASES = ("", "trend", "day", "month", "harmonic", "daily", "yearly")
"""What `aliases` tells of a frequency, in words: by the places of these."""


def false_alarm_probability(
    ranked: Ranked, baseline: Doubles, *, minimum_frequency: float | None = None, maximum_frequency: float = 24.0
) -> Doubles:
    """Return the probability that the best fit to uncorrelated noise anywhere in the range reaches such a power.

    float64[n, top], as the powers that `rank` returns; the frequencies are in 1/d, `baseline` (None stands for one
    over it) in days. With d parameters, N points in B bands and H = N - B, the power z of noise is of the distribution
    Beta(d / 2, (H - d) / 2) at one frequency, and rises above z in a range of frequencies of width F

        tau = F sqrt(4 pi D) G(H / 2) / (G(d / 2) G((H - d + 1) / 2)) z^((d - 1) / 2) (1 - z)^((H - d - 1) / 2)

    times, where G is the gamma function and D the variance of the times, times the mean of k^2 over the harmonics. The
    probability is 1 - (1 - P(one frequency)) exp(-tau). For one sinusoid in one band it is Baluev 2008 (MNRAS 385,
    1279), equation 6; more harmonics are after Baluev 2009 (MNRAS 395, 1541). Errors may be wrong by a factor common to
    the bands. Windows with strong aliases have fewer independent frequencies: it errs to the safe side.

    >>> import numpy as np
    >>> one = np.ones((1, 1), int)
    >>> found = Ranked(*4 * [np.full((1, 1), 0.5)], one, 2 * one, one[0] * 50, one[0], np.full(1, 1e4))
    >>> false_alarm_probability(found, np.array([400.0])).round(4)
    array([[0.0035]])
    """
    with np.errstate(divide="ignore"):
        least = 1 / baseline if minimum_frequency is None else np.full(len(baseline), minimum_frequency)
    width = np.maximum(maximum_frequency - least, 0)[:, None]
    power = np.clip(ranked.power, 0, 1)
    free = (ranked.points - ranked.bands)[:, None].astype(float)
    own = ranked.parameters.astype(float)
    steepness = (ranked.order + 1) * (2 * ranked.order + 1) / 6
    with np.errstate(all="ignore"):
        logarithm = (
            np.log(width * np.sqrt(4 * np.pi * ranked.spread[:, None] * steepness))
            + gammaln(free / 2)
            - gammaln(own / 2)
            - gammaln((free - own + 1) / 2)
            + (own - 1) / 2 * np.log(power)
            + (free - own - 1) / 2 * np.log1p(-power)
        )
        single = betainc((free - own) / 2, own / 2, 1 - power)
        found: Doubles = -np.expm1(np.log1p(-single) - np.exp(logarithm))
    sensible = (free > own) & (own > 0)
    return np.where(np.isfinite(ranked.power), np.where(sensible, found, 1.0), np.nan)


def aliases(frequency: Doubles, baseline: Doubles) -> npt.NDArray[np.int8]:
    """Return what each frequency may be owed to: places in `ALIASES`, 0 for nothing; int8[n, top].

    `frequency` (float64[n, top], 1/d) is the best first, `baseline` (float64[n]) in days.

    - "trend": fewer than two cycles were seen.
    - "day": near 1, 2, 3 ... a solar or sidereal day, or one in two or three days: as near as the sidelobes that a year
      gives them, 1/365.25 + 1 / baseline.
    - "month": within 1 / baseline of once or twice a synodic month of 29.53 days.
    - "harmonic": 1/3, 1/2, 2/3, 3/2, 2 or 3 times a better one.
    - "daily": a better one more or less 1 or 2 a solar or sidereal day, or mirrored there.
    - "yearly": a better one more or less 1, 2 or 3 a year.

    >>> frequency = np.array([[1.8, 0.8, 3.6], [2.0001, 0.5, 1.7]])
    >>> [[ALIASES[code] for code in row] for row in aliases(frequency, np.array([1000.0, 1000.0]))]
    [['', 'daily', 'harmonic'], ['day', 'day', '']]
    """
    with np.errstate(divide="ignore"):
        resolution = 1 / baseline[:, None]
    found = np.zeros(frequency.shape, np.int8)
    for later in range(1, frequency.shape[1]):
        own = frequency[:, later]
        for better in reversed(range(later)):  # what the best says stands
            other = frequency[:, better]
            near = resolution[:, 0] * 1.5
            yearly = [np.abs(np.abs(own - other) - k / _YEAR) < near for k in (1, 2, 3)]
            shifts = [k * day for k in (1, 2) for day in (1.0, _SIDEREAL)]
            daily = [_near(own, np.abs(other + sign * shift), near) for shift in shifts for sign in (-1, 1)]
            harmonic = [_near(own, other * ratio, near * max(ratio, 1)) for ratio in (1 / 3, 0.5, 2 / 3, 1.5, 2, 3)]
            for kind, like in (("yearly", yearly), ("daily", daily), ("harmonic", harmonic)):
                found[np.any(like, axis=0), later] = ALIASES.index(kind)
    month = np.any([_near(frequency, k / _MONTH, resolution) for k in (1, 2)], axis=0)
    wide = 1 / _YEAR + resolution
    whole = np.maximum(np.round(frequency), 1)
    sidereal = np.maximum(np.round(frequency / _SIDEREAL), 1) * _SIDEREAL
    day = np.any([_near(frequency, place, wide) for place in (*_DAYS, whole, sidereal)], axis=0)
    for kind, cases in (("month", month), ("day", day), ("trend", frequency < 2 * resolution)):
        found[cases] = ALIASES.index(kind)
    return found


def _near(frequency: Any, place: Any, distance: Any) -> Any:
    return np.abs(frequency - place) < distance
