"""The ranking of candidate periods: which of them a series of harmonics fits best, for its number of terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from skyhouse.errors import InputError
from skyhouse.lightcurves.candidates import FEWEST, Candidates
from skyhouse.lightcurves.centred import Centred, centred
from skyhouse.lightcurves.curves import Band, Doubles, Offsets
from skyhouse.lightcurves.fitting import Curves, best_order, explained, fit, gather, refined, robust_score, room
from skyhouse.lightcurves.harmonics import MOST

__all__ = ["Ranked", "rank"]

_FINALISTS = 6  # candidates whose fit is made robust
_PARENTS = 3  # candidates whose partners are tried too
_PARTNERS = 6
_SIDEREAL = 1.00273791  # 1/d
_PROMISING = 8  # candidates that are refined
_HALF = 20.0  # by how much BIC, in each band, half a frequency must be better than it: twice "very strong" evidence
_ROUNDING = 1e-9
_APART = 0.5  # of one over the baseline: closer frequencies are one


class Ranked(NamedTuple):
    """The best `top` frequencies of n objects, the best first; NaN, or 0, behind the last.

    `frequency` (float64[n, top], 1/d); `power` (float64[n, top]), the share of chi-squared, over all bands, that the
    fit takes away; `bic` (float64[n, top]), less that of the best; `agreement` (float64[n, top]), the share of the
    bands that, each alone, prefer this frequency to the others that were ranked; `order` (int64[n, top]), the number of
    harmonics that the Bayesian information criterion (BIC) asks for.

    For the significance: `parameters` (int64[n, top]) of the fit beyond one mean per band, `points` and `bands`
    (int64[n]) that took part, and `spread` (float64[n], days^2), the weighted variance of the times in a band,
    averaged over the bands.
    """

    frequency: Doubles
    power: Doubles
    bic: Doubles
    agreement: Doubles
    order: Offsets
    parameters: Offsets
    points: Offsets
    bands: Offsets
    spread: Doubles


class _Field(NamedTuple):
    """The candidates of one object that were fitted."""

    frequency: Doubles
    order: Offsets
    score: Doubles
    own: Doubles  # [finalists, bands]


def rank(
    bands: Sequence[Band],
    candidates: Candidates,
    *,
    minimum_frequency: float | None = None,
    maximum_frequency: float = 24.0,
    top: int = 3,
) -> Ranked:
    """Return the best frequencies among the candidates and their partners, by fits of up to four harmonics.

    To each band a Fourier series with its own mean, amplitudes and phases is fitted, by least squares weighted with
    1 / magerr^2; the frequency, refined by Gauss-Newton steps, is common to the bands. Of the best few, half and twice
    the frequency and the aliases by a sidereal and a solar day are tried too, within the range of frequencies (1/d;
    None: from one over the object's baseline). The number of harmonics is the one with the least BIC (Schwarz 1978,
    Ann. Statist. 6, 461), which is the sum over the bands of

        points ln(chi-squared per point) + terms ln(points),

    where the scale of the errors is that of the residuals. The best are fitted again with the weights of Student's t
    with 3 degrees of freedom (Lange, Little & Taylor 1989, JASA 84, 881), and ranked by the BIC of its likelihood: a
    few points far off, or cycles that differ (the Blazhko effect), decide nothing.

    A band with fewer than 5 points takes no part; the second, third and fourth harmonic need 10, 14 and 18 points.

    Raises InputError where the candidates are of other objects.
    """
    points = centred(bands, FEWEST)
    objects = len(points.baseline)
    if objects != len(candidates.frequency):
        raise InputError(f"there are light curves of {objects} objects, and candidates of {len(candidates.frequency)}")
    shape = (objects, top)
    outcome = Ranked(
        frequency=np.full(shape, np.nan),
        power=np.full(shape, np.nan),
        bic=np.full(shape, np.nan),
        agreement=np.full(shape, np.nan),
        order=np.zeros(shape, np.int64),
        parameters=np.zeros(shape, np.int64),
        points=np.zeros(objects, np.int64),
        bands=np.zeros(objects, np.int64),
        spread=np.full(objects, np.nan),
    )
    most = int((points.stops - points.starts).sum(axis=0).max(initial=0))
    curves = room(len(bands), most)
    fitted = candidates.frequency.shape[1] + _PARENTS * _PARTNERS
    field = _Field(
        np.zeros(fitted), np.zeros(fitted, np.int64), np.zeros(fitted), np.zeros((max(_FINALISTS, top), len(bands)))
    )
    limits = (np.nan if minimum_frequency is None else minimum_frequency, maximum_frequency)
    _rank(points, candidates.frequency, candidates.count, limits, curves, field, outcome)
    return outcome


@njit(cache=True, nogil=True)
def _rank(
    points: Centred,
    candidates: Doubles,
    count: Offsets,
    limits: tuple[float, float],
    curves: Curves,
    field: _Field,
    outcome: Ranked,
) -> None:
    for i in range(len(count)):
        gather(points, i, curves)
        if curves.bounds[-1] > 0 and count[i] > 0:
            _describe(curves, i, outcome)
            baseline = points.baseline[i]
            least = 1 / baseline if np.isnan(limits[0]) else limits[0]
            fitted = 0
            for c in range(count[i]):
                fitted = _enter(curves, candidates[i, c], baseline, (least, limits[1]), field, fitted)
            for c in np.argsort(field.score[:fitted])[:_PROMISING]:
                fit(curves, field.frequency[c], baseline)
                _improve(curves, baseline, field, c)
            fitted = _enter_partners(curves, baseline, (least, limits[1]), field, fitted)
            _decide(curves, baseline, field, fitted, i, outcome)


@njit(cache=True, nogil=True)
def _describe(curves: Curves, i: int, outcome: Ranked) -> None:
    """Fill in what the significance needs to know about the points."""
    bands, spread = 0, 0.0
    for band in range(len(curves.chi2)):
        start, stop = curves.bounds[band], curves.bounds[band + 1]
        if stop > start:
            first = second = 0.0
            for j in range(start, stop):
                first += curves.weight[j] * curves.time[j]
                second += curves.weight[j] * curves.time[j] ** 2
            bands, spread = bands + 1, spread + second - first**2
    outcome.points[i], outcome.bands[i], outcome.spread[i] = curves.bounds[-1], bands, spread / bands


@njit(cache=True, nogil=True)
def _enter(
    curves: Curves, frequency: float, baseline: float, limits: tuple[float, float], field: _Field, fitted: int
) -> int:
    """Fit a frequency and add it to the field, unless it is out of range or there; return how many are."""
    if not limits[0] * (1 - _ROUNDING) <= frequency <= limits[1] * (1 + _ROUNDING):
        return fitted
    for other in range(fitted):
        if abs(field.frequency[other] - frequency) < _APART / baseline:
            return fitted
    fit(curves, frequency, baseline)
    field.frequency[fitted] = frequency
    field.order[fitted], field.score[fitted] = best_order(curves)
    return fitted + 1


@njit(cache=True, nogil=True)
def _improve(curves: Curves, baseline: float, field: _Field, c: int) -> None:
    """Refine the frequency of entry c of the field, the one that was fitted last, by one step, and fit it."""
    frequency = refined(curves, field.frequency[c], field.order[c], baseline)
    fit(curves, frequency, baseline)
    field.frequency[c] = frequency
    field.order[c], field.score[c] = best_order(curves)


@njit(cache=True, nogil=True)
def _enter_partners(curves: Curves, baseline: float, limits: tuple[float, float], field: _Field, fitted: int) -> int:
    """Enter half and twice the frequencies of the best, and their aliases by a day."""
    best = field.frequency[np.argsort(field.score[:fitted])[:_PARENTS]]
    for f in best:
        for partner in (f / 2, 2 * f, f + _SIDEREAL, abs(f - _SIDEREAL), f + 1, abs(f - 1)):
            before, fitted = fitted, _enter(curves, partner, baseline, limits, field, fitted)
            if fitted > before:
                _improve(curves, baseline, field, before)
    return fitted


@njit(cache=True, nogil=True)
def _fit_robustly(curves: Curves, field: _Field, c: int, own: Doubles) -> tuple[float, float, int]:
    """Find the order of the least BIC by Student's t for entry c of the field, fitted last; it replaces its order.

    Fills in the score of each band; returns that of all, the chi-squared taken by least squares and the parameters.
    """
    least, power, parameters, near = np.inf, 0.0, 0, field.order[c]
    matrix, right = curves.matrix.copy(), curves.right.copy()
    for order in range(max(near - 1, 1), min(near + 1, MOST) + 1):
        curves.matrix[:], curves.right[:] = matrix, right  # robust weights have overwritten the last
        if order > near and order > curves.reached.max():
            break
        score, taken, terms = np.zeros(len(own)), 0.0, 0
        for band in range(len(own)):
            if curves.bounds[band + 1] > curves.bounds[band]:
                taken += curves.chi2[band] * explained(curves, band, order)
                terms += 2 * min(order, curves.reached[band])
                score[band] = robust_score(curves, band, order)
        if score.sum() < least:
            least, power, parameters, field.order[c], own[:] = score.sum(), taken, terms, order, score
    return least, power, parameters


@njit(cache=True, nogil=True)
def _decide(curves: Curves, baseline: float, field: _Field, fitted: int, i: int, outcome: Ranked) -> None:
    """Fit the finalists robustly, and fill in the best."""
    finalists = np.argsort(field.score[:fitted])[: len(field.own)]
    frequency = field.frequency[finalists]
    score, power = np.zeros(len(finalists)), np.zeros(len(finalists))
    parameters = np.zeros(len(finalists), np.int64)
    for n, c in enumerate(finalists):
        fit(curves, field.frequency[c], baseline)
        _improve(curves, baseline, field, c)
        frequency[n] = field.frequency[c]
        score[n], power[n], parameters[n] = _fit_robustly(curves, field, c, field.own[n])
    for n in range(len(finalists)):
        if (np.abs(frequency - 2 * frequency[n]) < 2 * _APART / baseline).any():
            score[n] += _HALF * outcome.bands[i]
    whole = curves.chi2.sum()
    ranked = np.argsort(score)
    place = 0
    for n in ranked:
        known = (np.abs(outcome.frequency[i, :place] - frequency[n]) < _APART / baseline).any()
        if not known and place < outcome.frequency.shape[1]:
            outcome.frequency[i, place] = frequency[n]
            outcome.order[i, place] = field.order[finalists[n]]
            outcome.power[i, place] = power[n] / whole
            outcome.bic[i, place] = score[n] - score[ranked[0]]
            outcome.parameters[i, place] = parameters[n]
            outcome.agreement[i, place] = _agreement(curves, field, len(finalists), n)
            place += 1


@njit(cache=True, nogil=True)
def _agreement(curves: Curves, field: _Field, finalists: int, n: int) -> float:
    """Return the share of the bands that prefer finalist n."""
    bands = agree = 0
    for band in range(len(curves.chi2)):
        if curves.bounds[band + 1] > curves.bounds[band]:
            bands += 1
            agree += np.argmin(field.own[:finalists, band]) == n
    return agree / bands
