"""The ranking of candidates: what wins, and what it is told by."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, rank, search


def sawtooth(phase):
    """A rise in a fifth of the cycle and a slow decline, as of an RRab."""
    phase = phase % 1
    return np.where(phase < 0.8, phase / 0.8, (1 - phase) / 0.2)


def eclipses(phase):
    """Two eclipses, one deeper."""
    primary, secondary = np.abs((phase + 0.5) % 1 - 0.5), np.abs(phase % 1 - 0.5)
    return 0.8 * np.exp(-((primary / 0.1) ** 2)) + 0.4 * np.exp(-((secondary / 0.1) ** 2))


def night_times(random, points, baseline):
    """Times of nights near midnight."""
    return 58000 + np.sort(random.integers(0, baseline, points)) + random.normal(0.2, 0.06, points)


def bands_of(shape, frequency, *, seed=1, points=70, bands=1, noise=0.02, baseline=1500, outliers=0):
    """Bands of one object for each frequency."""
    random = np.random.default_rng(seed)
    found = []
    for b in range(bands):
        mjd = np.array([night_times(random, points, baseline) for _ in frequency])
        mag = 16 + 0.8**b * shape(np.asarray(frequency)[:, None] * (mjd - 58000)) + random.normal(0, noise, mjd.shape)
        for place in range(outliers):
            mag[:, 7 * place] += 0.8 * (-1) ** place
        offsets = np.arange(len(frequency) + 1) * points
        found.append(Band(offsets, mjd.ravel(), mag.ravel(), np.full(mjd.size, noise)))
    return found


FREQUENCIES = np.array([1.2345, 1.8186, 2.4011, 0.3123, 3.0816])


@pytest.mark.parametrize("bands", [1, 2])
@pytest.mark.parametrize("outliers", [0, 3])
def test_the_true_period_of_a_sawtooth_is_first_whatever_a_few_points_say(bands, outliers):
    curves = bands_of(sawtooth, FREQUENCIES, bands=bands, outliers=outliers)
    found = rank(curves, search(bands_of(sawtooth, FREQUENCIES, bands=bands)))
    np.testing.assert_allclose(found.frequency[:, 0], FREQUENCIES, atol=0.1 / 1500)
    assert (found.bic[:, 0] == 0).all()
    assert (np.diff(found.bic, axis=1) >= 0).all()
    assert (found.bands == bands).all()
    assert (found.points == 70 * bands).all()


def test_an_eclipsing_binary_is_found_at_its_orbit_from_half_of_it():
    curves = bands_of(eclipses, FREQUENCIES, points=200)
    candidates = search(curves)
    only = dataclasses.replace(
        candidates, frequency=2 * FREQUENCIES[:, None], count=np.ones(len(FREQUENCIES), np.int64)
    )
    found = rank(curves, only)
    np.testing.assert_allclose(found.frequency[:, 0], FREQUENCIES, atol=0.1 / 1500)


def test_the_power_is_the_share_of_chi_squared():
    (curve,) = bands_of(sawtooth, [1.2345], noise=0.2)
    found = rank([curve], search([curve]))
    frequency, order = found.frequency[0, 0], found.order[0, 0]
    phase = 2 * np.pi * frequency * (curve.mjd - curve.mjd.mean())
    terms = [np.ones(70)] + [f(k * phase) for k in range(1, order + 1) for f in (np.cos, np.sin)]
    root = 1 / curve.magerr.astype(float)
    residual = np.linalg.lstsq(np.column_stack(terms) * root[:, None], curve.mag * root, rcond=None)[1][0]
    about_mean = ((curve.mag - np.average(curve.mag, weights=root**2)) ** 2 * root**2).sum()
    np.testing.assert_allclose(found.power[0, 0], 1 - residual / about_mean, rtol=1e-5)
    assert found.parameters[0, 0] == 2 * order


def test_bands_that_tell_otherwise_do_not_agree():
    same = bands_of(sawtooth, [1.2345], bands=2, points=100)
    (other,) = bands_of(sawtooth, [2.7182], seed=9, points=60, noise=0.02)
    found = rank(same, search(same))
    assert found.agreement[0].tolist() == [1, 0, 0]
    mixed = rank([same[0], other], search([same[0], other]))
    assert mixed.agreement[0, 0] == 0.5


def test_shift_of_time_and_scale_of_magnitudes_change_nothing():
    (curve,) = bands_of(sawtooth, FREQUENCIES)
    moved = Band(curve.offsets, curve.mjd - 1000, 2 * curve.mag - 3, 2 * curve.magerr)
    first, second = rank([curve], search([curve])), rank([moved], search([moved]))
    np.testing.assert_allclose(first.frequency[:, 0], second.frequency[:, 0], rtol=1e-6)
    np.testing.assert_allclose(first.power[:, 0], second.power[:, 0], rtol=1e-3)


def test_what_cannot_be_ranked_is_nan():
    (curve,) = bands_of(sawtooth, [1.2345])
    offsets = np.array([0, 70, 70, 74, 144])
    mag = np.concatenate([curve.mag, curve.mag[:4], np.full(70, 16, np.float32)])
    mjd = np.concatenate([curve.mjd, curve.mjd[:4], curve.mjd])
    sparse = Band(offsets, mjd, mag, np.full(144, 0.02))
    empty = Band(np.zeros(5), np.empty(0), np.empty(0), np.empty(0))
    found = rank([sparse, empty], search([sparse, empty]))
    assert np.isfinite(found.frequency[0]).all()
    assert np.isnan(found.frequency[1:]).all()
    assert found.points.tolist() == [70, 0, 0, 0]
    assert found.bands.tolist() == [1, 0, 0, 0]


def test_candidates_of_other_objects_are_refused():
    (curve,) = bands_of(sawtooth, [1.2345, 2.3])
    with pytest.raises(InputError, match="2 objects, and candidates of 1"):
        rank([curve], search([curve.slice(0, 1)]))
