"""What simulated objects are: classes, periods, amplitudes, colours, and the shapes of their light curves.

Periods and amplitudes of RR Lyrae, eclipsing binaries and Delta Scuti stars are quantiles of LINEAR's 6,146 periodic
variables (Palaversa et al. 2013, AJ 146, 101); the sources of the others stand beside their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from skyhouse.errors import InputError, did_you_mean
from skyhouse.surveys.ztf.cadence import FIRST_NIGHT, LAST_NIGHT

__all__ = ["CLASSES", "SHARES", "Natures", "Shapes", "natures", "shares"]

Floats = npt.NDArray[np.float64]

# A mix to test with, far richer in variables than the sky, where one star in a hundred is one.
SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "CONST": 0.50,
        "RRAB": 0.10,
        "RRC": 0.05,
        "EA": 0.05,
        "EB": 0.03,
        "EW": 0.10,
        "DSCT": 0.03,
        "CEP": 0.02,
        "M": 0.02,
        "SR": 0.03,
        "SN": 0.02,
        "QSO": 0.05,
    }
)
CLASSES: Final = tuple(SHARES)

_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True)
class _Class:
    """A class: quantiles of log10 period [d] and of amplitude [mag], colours and their scatter, amplitudes by band.

    `together` is the correlation of period and amplitude, `bands` the amplitudes in g, r, i over that in r.
    """

    log_period: tuple[float, ...]
    amplitude: tuple[float, ...]
    g_r: tuple[float, float]
    r_i: tuple[float, float]
    bands: tuple[float, float, float] = (1.0, 1.0, 1.0)
    together: float = 0.0
    magnitudes: tuple[float, float] = (14.0, 19.8)


# LINEAR's ends are those of the central 96 %: beyond them are periods of other classes.
_KINDS: Final[Mapping[str, _Class]] = MappingProxyType(
    {
        "CONST": _Class((0,) * 7, (0,) * 7, (0.6, 0.35), (0.25, 0.2)),
        "RRAB": _Class(
            (-0.3401, -0.3113, -0.2762, -0.2371, -0.2028, -0.1691, -0.1167),
            (0.337, 0.443, 0.569, 0.700, 0.831, 0.925, 1.030),
            (0.25, 0.05),
            (0.07, 0.03),
            (1.30, 1.0, 0.78),  # Sesar et al. 2010 (ApJ 708, 717): 1.0, 0.71, 0.56 of that in g, about
            -0.57,
        ),
        "RRC": _Class(
            (-0.5797, -0.5529, -0.5176, -0.4746, -0.4438, -0.4057, -0.3700),
            (0.310, 0.348, 0.378, 0.420, 0.473, 0.536, 0.636),
            (0.05, 0.06),
            (-0.02, 0.03),
            (1.35, 1.0, 0.78),
        ),
        "EA": _Class(
            (-0.5287, -0.3491, -0.2363, -0.1143, 0.0893, 0.2727, 0.5446),
            (0.272, 0.342, 0.387, 0.478, 0.580, 0.720, 0.967),
            (0.55, 0.30),
            (0.25, 0.15),
            (1.04, 1.0, 0.97),
        ),
        "EB": _Class(
            (-0.5287, -0.4500, -0.3491, -0.2363, -0.1143, 0.0893, 0.2727),
            (0.272, 0.342, 0.387, 0.478, 0.580, 0.720, 0.967),
            (0.45, 0.25),
            (0.18, 0.12),
            (1.03, 1.0, 0.97),
        ),
        "EW": _Class(
            (-0.6476, -0.6082, -0.5730, -0.5270, -0.4576, -0.3705, -0.0965),
            (0.294, 0.333, 0.380, 0.472, 0.592, 0.704, 0.846),
            (0.50, 0.20),
            (0.20, 0.10),
            (1.02, 1.0, 0.98),
        ),
        "DSCT": _Class(
            (-1.3517, -1.3002, -1.2472, -1.1990, -1.1444, -1.0702, -0.9594),
            (0.150, 0.309, 0.339, 0.424, 0.500, 0.566, 0.711),
            (0.12, 0.08),
            (0.00, 0.04),
            (1.30, 1.0, 0.78),
        ),
        # Fundamental mode: Soszynski et al. 2008 (AcA 58, 163), classical and of type II.
        "CEP": _Class(
            (0.10, 0.35, 0.48, 0.60, 0.80, 1.10, 1.60),
            (0.20, 0.35, 0.45, 0.55, 0.70, 0.85, 1.10),
            (0.60, 0.15),
            (0.22, 0.08),
            (1.40, 1.0, 0.80),
            0.3,
            (14.0, 18.0),
        ),
        # Long-period variables: Soszynski et al. 2009 (AcA 59, 239).
        "M": _Class(
            (2.00, 2.20, 2.32, 2.42, 2.50, 2.58, 2.75),
            (2.00, 2.50, 3.00, 3.60, 4.20, 5.00, 6.00),
            (1.80, 0.30),
            (1.20, 0.35),
            (1.20, 1.0, 0.75),
            0.3,
            (14.5, 17.5),
        ),
        "SR": _Class(
            (1.40, 1.60, 1.75, 1.95, 2.15, 2.35, 2.60),
            (0.08, 0.12, 0.18, 0.30, 0.50, 0.80, 1.20),
            (1.50, 0.20),
            (0.80, 0.25),
            (1.25, 1.0, 0.75),
            0.3,
            (13.5, 17.5),
        ),
        # Heights over a faint host; the peaks of the Bright Transient Survey: Perley et al. 2020 (ApJ 904, 35).
        "SN": _Class((0,) * 7, (0.8, 1.2, 1.7, 2.2, 2.8, 3.4, 4.5), (0.6, 0.2), (0.3, 0.1), magnitudes=(19.3, 21.5)),
        # Damped random walk: log10 of the time scale and structure function, MacLeod et al. 2010 (ApJ 721, 1014).
        "QSO": _Class(
            (1.60, 2.10, 2.30, 2.55, 2.80, 3.00, 3.40),
            (0.06, 0.11, 0.15, 0.20, 0.27, 0.36, 0.60),
            (0.18, 0.12),
            (0.12, 0.10),
            (1.15, 1.0, 0.9),
            0.2,
            (16.5, 20.3),
        ),
    }
)

# Pulsation as a sine series in magnitudes: amplitude ratios R21 R31 R41, phases phi21 phi31 phi41 (rad), and the
# scatter of both. Field RR Lyrae: Jurcsik & Kovacs 1996 (A&A 312, 111); Cepheids: Simon & Moffett 1985 (PASP 97, 1078).
_SERIES: Final[Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float], float, float]]] = (
    MappingProxyType(
        {
            "RRAB": ((0.48, 0.34, 0.22), (2.40, 5.10, 1.50), 0.04, 0.15),
            "RRC": ((0.12, 0.06, 0.03), (3.00, 6.00, 3.00), 0.03, 0.40),
            "DSCT": ((0.30, 0.10, 0.04), (2.40, 5.00, 1.30), 0.05, 0.20),
            "CEP": ((0.42, 0.20, 0.10), (2.70, 5.60, 2.20), 0.06, 0.30),
            "M": ((0.15, 0.03, 0.00), (2.80, 0.00, 0.00), 0.04, 0.60),
            "SR": ((0.00, 0.00, 0.00), (0.00, 0.00, 0.00), 0.00, 0.00),
        }
    )
)
_STEADY, _SERIES_KIND, _ECLIPSES, _TRANSIENT, _WALK = range(5)
_KIND_OF = {"EA": _ECLIPSES, "EB": _ECLIPSES, "EW": _ECLIPSES, "SN": _TRANSIENT, "QSO": _WALK, "CONST": _STEADY}


class Shapes(NamedTuple):
    """What the kernel needs of n objects: (n,) or (n, m) arrays; see `light.observe` for how they are read.

    `kind` 0 steady, 1 sine series, 2 eclipses, 3 transient, 4 damped random walk. `mean` and `amplitude` are by band
    [mag], `period` [d] (of a walk: its time scale), `epoch` [d] (MJD of phase 0; of a transient: of its height).
    `first` and `second` are four numbers each: of a series the cosine and sine coefficients, of peak to peak 1; of
    eclipses half width, depths of both and the ellipsoidal part, of deepest 1; of a transient rise and fall [d].
    `beat` is the period [d] and share of a second oscillation.
    """

    kind: npt.NDArray[np.int8]
    mean: Floats
    amplitude: Floats
    period: Floats
    epoch: Floats
    first: Floats
    second: Floats
    beat: Floats


@dataclass(frozen=True)
class Natures:
    """What n objects are: class (an index into CLASSES), period [d; NaN for none], amplitude in r, shapes."""

    kind: npt.NDArray[np.int8]
    period: Floats
    amplitude: Floats
    shapes: Shapes


def shares(given: Mapping[str, float] | None) -> tuple[float, ...]:
    """Return the share of every class, in the order of CLASSES, from a mapping of some of them to any weights.

    Raises InputError for a class that is unknown and weights that are none.

    >>> shares({"RRAB": 3, "CONST": 1})[:3]
    (0.25, 0.75, 0.0)
    """
    wanted = SHARES if given is None else given
    for name, weight in wanted.items():
        if name not in SHARES:
            raise InputError(f"no class {name!r}{did_you_mean(name, CLASSES)}; there are {', '.join(CLASSES)}")
        if not 0 <= weight < float("inf"):
            raise InputError(f"the weight of class {name} is a number from 0, not {weight!r}")
    total = sum(wanted.values())
    if not total > 0:
        raise InputError("the classes' weights are all 0; give one of them more")
    return tuple(wanted.get(name, 0.0) / total for name in CLASSES)


def natures(rng: np.random.Generator, count: int, mix: tuple[float, ...]) -> Natures:
    """Draw `count` objects of a mix of classes (see `shares`)."""
    kind = np.searchsorted(np.cumsum(mix)[:-1], rng.random(count), side="right").astype(np.int8)
    draws = rng.random((count, 4))
    normal = rng.normal(size=(count, 10))
    period, amplitude, mean = np.full(count, np.nan), np.zeros(count), np.zeros((count, 3))
    scale = np.ones((count, 3))
    shapes = Shapes(
        np.zeros(count, np.int8),
        mean,
        scale,
        np.ones(count),
        FIRST_NIGHT + draws[:, 3] * (LAST_NIGHT - FIRST_NIGHT),
        np.zeros((count, 4)),
        np.zeros((count, 4)),
        np.tile([1.0, 0.0], (count, 1)),
    )
    for place, name in enumerate(CLASSES):
        here = np.flatnonzero(kind == place)
        if not len(here):
            continue
        of = _KINDS[name]
        z = normal[here, 0], of.together * normal[here, 0] + np.sqrt(1 - of.together**2) * normal[here, 1]
        log_period, amplitude[here] = (
            np.interp(ndtr(each), _QUANTILES, values)
            for each, values in zip(z, (of.log_period, of.amplitude), strict=True)
        )
        shapes.kind[here] = _KIND_OF.get(name, _SERIES_KIND)
        shapes.period[here] = 10**log_period
        low, high = of.magnitudes
        # Counts of stars rise with magnitude.
        mean[here, 1] = low + (high - low) * np.sqrt(draws[here, 0])
        mean[here, 0] = mean[here, 1] + of.g_r[0] + of.g_r[1] * np.clip(normal[here, 2], -2.5, 2.5)
        mean[here, 2] = mean[here, 1] - of.r_i[0] - of.r_i[1] * np.clip(normal[here, 3], -2.5, 2.5)
        scale[here] = amplitude[here, None] * np.asarray(of.bands)
        _shape(name, here, shapes, draws, normal[:, 4:])
    periodic = (shapes.kind == _SERIES_KIND) | (shapes.kind == _ECLIPSES)
    period[periodic] = shapes.period[periodic]
    return Natures(kind, period, amplitude, shapes)


def _shape(name: str, here: npt.NDArray[Any], shapes: Shapes, draws: Floats, normal: Floats) -> None:
    """Set the shape of the objects `here`, all of one class."""
    u, z = draws[here], normal[here]
    if name in _SERIES:
        shapes.first[here], shapes.second[here] = _series(name, z)
        if name == "SR":
            shapes.beat[here, 0] = shapes.period[here] * (1.3 + 7 * u[:, 1])
            shapes.beat[here, 1] = 0.2 + 0.5 * u[:, 2]
    elif name == "EA":
        shapes.first[here] = np.stack(
            [0.03 + 0.06 * u[:, 1], np.ones(len(u)), 0.1 + 0.8 * u[:, 2], 0.05 * u[:, 1]], axis=1
        )
    elif name == "EB":
        shapes.first[here] = np.stack(
            [0.12 + 0.06 * u[:, 1], np.ones(len(u)), 0.3 + 0.5 * u[:, 2], 0.3 + 0.3 * u[:, 1]], axis=1
        )
    elif name == "EW":
        shapes.first[here] = np.stack(
            [0.16 + 0.06 * u[:, 1], np.ones(len(u)), 0.8 + 0.2 * u[:, 2], 0.6 + 0.3 * u[:, 1]], axis=1
        )
    elif name == "SN":
        # Bazin et al. 2011 (A&A 534, A43): rise and fall of a flux.
        shapes.first[here, 0] = 2.5 + 3 * u[:, 1]
        shapes.first[here, 1] = 15 + 25 * u[:, 2]


def _series(name: str, z: Floats) -> tuple[Floats, Floats]:
    """Return cosine and sine coefficients (n, 4) of series of peak to peak 1."""
    ratios, phases, scatter, spread = _SERIES[name]
    count = len(z)
    strength = np.concatenate([np.ones((count, 1)), np.asarray(ratios) + scatter * np.clip(z[:, :3], -2, 2)], axis=1)
    strength[:, 1:] = np.where(np.asarray(ratios) > 0, np.maximum(strength[:, 1:], 0), 0)
    phase = np.concatenate([np.zeros((count, 1)), np.asarray(phases) + spread * np.clip(z[:, 3:4], -2, 2)], axis=1)
    cosine, sine = strength * np.sin(phase), strength * np.cos(phase)
    values = cosine @ _grid()[0] + sine @ _grid()[1]
    height = np.ptp(values, axis=1)[:, None]
    return cosine / height, sine / height


@lru_cache(maxsize=1)
def _grid() -> tuple[Floats, Floats]:
    angles = np.arange(1, 5)[:, None] * (2 * np.pi * np.arange(128) / 128)
    return np.cos(angles), np.sin(angles)
