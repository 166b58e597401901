"""The generalised Lomb-Scargle periodogram, exact and in double precision, of one or more bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit
from numpy.polynomial import Chebyshev, Polynomial

from skyhouse.lightcurves.centred import Centred, centred, for_each_object
from skyhouse.lightcurves.curves import Band, Doubles

__all__ = ["cosine_sine", "lomb_scargle", "object_power", "reduction"]

_TERMS = 8  # reach 3e-15 up to a quarter turn, as they are Chebyshev's; Taylor's need ten


def _polynomial(function: Callable[[Doubles], Doubles]) -> tuple[float, ...]:
    """Return the coefficients of a function of the square of the half turns, from 0 to a quarter."""
    close = Chebyshev.interpolate(function, _TERMS - 1, domain=(0, 0.25))
    return tuple(close.convert(kind=Polynomial, domain=(-1, 1)).coef.tolist())


_SINE = _polynomial(lambda z: np.sin(np.pi * np.sqrt(z)) / np.sqrt(z))
_COSINE = _polynomial(lambda z: np.cos(np.pi * np.sqrt(z)))
# A sine and cosine whose determinant is below this share of their variance squared are one function at these times.
_DEGENERATE = 1e-12


def lomb_scargle(bands: Band | Sequence[Band], frequency: npt.ArrayLike) -> Doubles:
    """Return the power of each object at each frequency: how much of chi-squared a sinusoid takes away, from 0 to 1.

    To each band a sinusoid with its own mean, amplitude and phase is fitted, weighted by 1 / magerr^2; the power is
    the sum over the bands of what that takes from chi-squared about the mean, over the sum of chi-squared. `frequency`
    (1/d) is of shape (m,), or (n, m) for n objects with frequencies of their own; the power is float64[n, m], NaN
    where an object has no points or all its magnitudes are equal.

    One band: Zechmeister & Kuerster 2009 (A&A 496, 577), equations 4 to 15. Several: VanderPlas & Ivezic 2015 (ApJ
    812, 18), section 5, the multi-phase model.

    Raises InputError where there is no band, the bands' objects differ in number, or the frequencies' shape does not
    fit.

    >>> time = np.arange(50.0)
    >>> band = Band(np.array([0, 50]), time, 15 + np.sin(2 * np.pi * 0.3 * time), np.full(50, 0.01))
    >>> lomb_scargle(band, [0.2, 0.3]).round(2)
    array([[0., 1.]])
    """
    points = centred([bands] if isinstance(bands, Band) else bands)
    wanted = for_each_object(frequency, points)
    power = np.empty(wanted.shape)
    _powers(points, wanted, power)
    return power


@njit(cache=True, nogil=True)
def _powers(points: Centred, frequency: Doubles, power: Doubles) -> None:
    shares = np.empty(len(points.starts))
    for i in range(len(frequency)):
        for k in range(frequency.shape[1]):
            power[i, k] = object_power(points, i, frequency[i, k], shares)


@njit(cache=True, nogil=True)
def object_power(points: Centred, i: int, frequency: float, shares: Doubles) -> float:
    """Return the power of object i at a frequency over all bands, and put that in each band into `shares`.

    NaN where there is no chi-squared to take from.
    """
    taken = whole = 0.0
    for band in range(len(shares)):
        here = slice(points.starts[band, i], points.stops[band, i])
        chi2 = points.chi2[band, i]
        shares[band] = np.nan
        if chi2 > 0:
            shares[band] = reduction(points.time[here], points.weight[here], points.residual[here], frequency)
            taken += chi2 * shares[band]
            whole += chi2
    return taken / whole if whole > 0 else np.nan


# The sums may be taken in any order, so that they vectorise; infinities and NaN keep their meaning.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def reduction(time: Doubles, weight: Doubles, residual: Doubles, frequency: float) -> float:
    """Return the share of one band's chi-squared about its mean that a sinusoid of this frequency takes away.

    The points are as `Centred` has them; `frequency` is in 1/d. 0 where there is nothing to fit or to take away.
    """
    c = s = cc = cs = yc = ys = yy = whole = 0.0
    for j in range(len(time)):
        cosine, sine = cosine_sine(frequency * time[j])
        wc, ws, wy = weight[j] * cosine, weight[j] * sine, weight[j] * residual[j]
        c, s = c + wc, s + ws
        cc, cs = cc + wc * cosine, cs + wc * sine
        yc, ys = yc + wy * cosine, ys + wy * sine
        yy += wy * residual[j]
        whole += weight[j]
    ss = whole - cc - s * s
    cc, cs = cc - c * c, cs - c * s
    variance, determinant = cc + ss, cc * ss - cs * cs
    if not (yy > 0 and variance > _DEGENERATE):
        return 0.0
    if determinant > _DEGENERATE * variance * variance:
        taken = (ss * yc * yc + cc * ys * ys - 2 * cs * yc * ys) / determinant
    else:
        taken = (cc * yc * yc + ss * ys * ys + 2 * cs * yc * ys) / (variance * variance)
    return min(max(taken / yy, 0.0), 1.0)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def cosine_sine(turns: float) -> tuple[float, float]:
    """Return the cosine and sine of an angle in turns, to 1e-14; without branches, so that it vectorises.

    >>> [round(part, 12) for part in cosine_sine(1000.125)]
    [0.707106781187, 0.707106781187]
    """
    x = turns - np.rint(turns)
    z = x * x
    sine, cosine = 0.0, 0.0  # of half the angle, at most a quarter turn
    for k in range(_TERMS - 1, -1, -1):
        sine = sine * z + _SINE[k]
        cosine = cosine * z + _COSINE[k]
    sine *= x
    return 1 - 2 * sine * sine, 2 * sine * cosine
