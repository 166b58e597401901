"""When and how deep a survey like ZTF looks at a field: nights, seasons, weather, moon. All of it simulated.

Bellm et al. 2019 (PASP 131, 018002 and 068003) describe the real survey: 30 s exposures from Palomar, a grid of fields
of 7 degrees of which some overlap with a second grid, g and r every three nights, from the end of 2020 every two, i in
some fields, and nights on which one field is looked at continuously. Depths are their medians.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["FIRST_NIGHT", "LAST_NIGHT", "Field", "Visits", "fields", "visits"]

Floats = npt.NDArray[np.float64]

FIRST_NIGHT: Final = 58194  # MJD of 2018-03-17
LAST_NIGHT: Final = 60020  # five years on
_FASTER: Final = 59123  # 2020-10-01: three nights become two
_LATITUDE, _LONGITUDE = 33.356, -116.863  # Palomar, degrees
_MIDNIGHT = -_LONGITUDE / 360  # of a day of UT
_LOWEST = 25.0  # altitude, degrees: airmass 2.4
_DEPTHS: Final = (20.8, 20.6, 19.9)  # 5 sigma, g r i
_MOONLIGHT: Final = (0.8, 0.5, 0.3)  # lost at full moon, mag
_DONE = 0.5  # of the looks that are due on clear nights: time goes to other programmes too
_LIGHT_DAYS = 499.005 / 86400  # from the Sun to the Earth, days
_OBLIQUITY = np.radians(23.44)
_STEP, _SOUTHMOST = 7.15, -24.25  # degrees
_FIRST_FIELD, _SECOND_GRID = 245, 1000  # fields to the south of it are never seen from Palomar


@dataclass(frozen=True)
class Field:
    """A field of the grid: number, centre (degrees)."""

    number: int
    ra: float
    dec: float


@dataclass(frozen=True)
class Visits:
    """All looks at a field, by time: n of each.

    `mjd` is the observatory's [d], `band` 0, 1, 2 for g, r, i, `second` true for those of the overlapping field of the
    second grid, `depth` the 5 sigma limit [mag], `offset` how much too faint all of a bad image's magnitudes are [mag;
    0 for good ones], `earth` (n, 3) the Earth's place seen from the Sun [light days].
    """

    mjd: Floats
    band: npt.NDArray[np.uint8]
    second: npt.NDArray[np.bool_]
    depth: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]
    earth: Floats

    def count(self, band: int) -> int:
        """Return the number of looks in a band."""
        return int(np.count_nonzero(self.band == band))


@lru_cache(maxsize=1)
def fields() -> tuple[Field, ...]:
    """Return the fields of the grid, from south to north, each strip by right ascension.

    >>> len(fields()), fields()[0]
    (601, Field(number=245, ra=3.9130434782608696, dec=-24.25))
    """
    found = []
    for dec in np.arange(_SOUTHMOST, 87, _STEP):
        around = int(np.ceil(360 * np.cos(np.radians(dec)) / _STEP))
        found += [((place + 0.5) * 360 / around, float(dec)) for place in range(around)]
    return tuple(Field(_FIRST_FIELD + number, ra, dec) for number, (ra, dec) in enumerate(found))


@lru_cache(maxsize=64)
def visits(field: Field, seed: int) -> Visits:
    """Return all looks at a field in the survey that a seed stands for."""
    rng = np.random.default_rng([seed, field.number])
    first, last = _windows(field)
    clear, depth = _weather(seed)
    nights = np.arange(FIRST_NIGHT, LAST_NIGHT)
    visible = last - first > 1.5 / 24
    found: list[tuple[Floats, int, bool]] = []
    # Most fields are of the plain survey, some are visited oftener or hardly at all.
    pace = float(np.exp(rng.normal(0.0, 0.25))) * float(rng.choice([1.0, 0.4, 2.0], p=[0.8, 0.1, 0.1]))
    in_i = rng.random() < 0.6
    for second in (False, True):
        for band in range(3):
            if band == 2 and not in_i:
                continue
            slower = pace * (3.0 if band == 2 else 1.0) * (2.0 if second else 1.0)
            steps = np.maximum(slower * np.where(nights < _FASTER, 3.0, 2.0), 1.0)
            turns = np.floor(np.cumsum(1 / steps) + rng.random())
            due = np.flatnonzero(np.diff(turns, prepend=turns[0]) > 0)
            due = due[visible[due] & clear[due] & (rng.random(len(due)) < _DONE)]
            again = due[rng.random(len(due)) < 0.1]  # a second look in the night, for what moves
            chosen = np.concatenate([due, again])
            times = nights[chosen] + _MIDNIGHT + _between(rng, first[chosen], last[chosen])
            found.append((times, band, second))
    if rng.random() < 0.15:
        found += [(times, 1, False) for times in _continuous(rng, nights, visible & clear, first, last)]
    sizes = [len(times) for times, _, _ in found]
    mjd = np.concatenate([times for times, _, _ in found])
    order = np.argsort(mjd, kind="stable")
    mjd = mjd[order]
    bands = np.repeat(np.array([band for _, band, _ in found], np.uint8), sizes)[order]
    seconds = np.repeat(np.array([second for _, _, second in found]), sizes)[order]
    night = np.floor(mjd - _MIDNIGHT + 0.5).astype(int) - FIRST_NIGHT
    limit = (
        np.take(_DEPTHS, bands)
        - np.take(_MOONLIGHT, bands) * _moon(mjd) ** 2
        + depth[np.clip(night, 0, len(depth) - 1)]
    )
    limit += rng.normal(0.0, 0.12, len(mjd))
    offset = np.where(rng.random(len(mjd)) < 0.02, rng.uniform(0.1, 0.8, len(mjd)), 0.0)
    return Visits(mjd, bands, seconds, limit.astype(np.float32), offset.astype(np.float32), -_LIGHT_DAYS * _sun(mjd))


def _between(rng: np.random.Generator, low: Floats, high: Floats) -> Floats:
    return low + (high - low) * rng.random(len(low))


def _continuous(
    rng: np.random.Generator, nights: npt.NDArray[Any], usable: npt.NDArray[np.bool_], first: Floats, last: Floats
) -> list[Floats]:
    """Return the times of one to three nights with an exposure every 40 s for one to two hours."""
    long = np.flatnonzero(usable & (last - first > 2 / 24))
    if not len(long):
        return []
    chosen = rng.choice(long, size=int(rng.integers(1, 4)))
    return [nights[n] + _MIDNIGHT + first[n] + np.arange(int(rng.integers(90, 180))) * 40 / 86400 for n in chosen]


def _sun(mjd: npt.NDArray[Any]) -> Floats:
    """Return the unit vectors (n, 3) to the Sun, on a circular orbit from the equinox of March 2018."""
    longitude = 2 * np.pi * (mjd - 58197.677) / 365.2422
    y = np.sin(longitude)
    return np.stack([np.cos(longitude), y * np.cos(_OBLIQUITY), y * np.sin(_OBLIQUITY)], axis=-1)


def _moon(mjd: Floats) -> Floats:
    """Return the lit share of the moon's disc, from the new moon of 2018-03-17."""
    return np.asarray((1 - np.cos(2 * np.pi * (mjd - 58194.55) / 29.530588)) / 2)


def _windows(field: Field) -> tuple[Floats, Floats]:
    """Return when a field can be seen, for every night: begin and end from midnight [d]; end < begin for never."""
    sun = _sun(np.arange(FIRST_NIGHT, LAST_NIGHT) + _MIDNIGHT)
    latitude, dec = np.radians(_LATITUDE), np.radians(field.dec)
    sun_dec = np.arcsin(sun[:, 2])
    day = np.arccos(
        np.clip(
            (np.sin(np.radians(-18)) - np.sin(latitude) * np.sin(sun_dec)) / (np.cos(latitude) * np.cos(sun_dec)), -1, 1
        )
    )
    dark = np.pi - day  # half of the night, as an angle of the Earth's turn
    up = np.arccos(
        np.clip(
            (np.sin(np.radians(_LOWEST)) - np.sin(latitude) * np.sin(dec)) / (np.cos(latitude) * np.cos(dec)), -1, 1
        )
    )
    at_midnight = np.arctan2(sun[:, 1], sun[:, 0]) + np.pi - np.radians(field.ra)
    at_midnight = (at_midnight + np.pi) % (2 * np.pi) - np.pi
    if up == np.pi:  # it never sets
        first, last = -dark, dark
    else:
        first, last = np.maximum(-dark, -up - at_midnight), np.minimum(dark, up - at_midnight)
    return first / (2 * np.pi), last / (2 * np.pi)


@lru_cache(maxsize=4)
def _weather(seed: int) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return for every night whether it is clear, in spells of some nights, and how much deeper than usual [mag]."""
    rng = np.random.default_rng([seed, 0])
    count = LAST_NIGHT - FIRST_NIGHT
    # Cloudy spells are rarer in summer; they end after three nights in the mean.
    season = np.cos(2 * np.pi * (np.arange(count) + FIRST_NIGHT - 58119) / 365.2422)
    begins, ends = rng.random(count) < 0.12 + 0.06 * season, rng.random(count) < 0.33
    clear = np.ones(count, bool)
    for night in range(1, count):
        clear[night] = not begins[night] if clear[night - 1] else ends[night]
    return clear, rng.normal(0.0, 0.2, count)
