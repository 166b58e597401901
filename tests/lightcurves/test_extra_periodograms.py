"""Box least squares, conditional entropy and analysis of variance against oracles and definitions."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.timeseries import BoxLeastSquares

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, box_least_squares, conditional_entropy, multiharmonic_aov


def eclipsing(seed=1, points=300):
    random = np.random.default_rng(seed)
    mjd = 58000 + np.sort(random.uniform(0, 60, points))
    mag = 15 + 0.3 * ((mjd - 58000.4) % 2.345 < 0.2) + random.normal(0, 0.02, points)
    return Band(np.array([0, points]), mjd, mag, random.uniform(0.5, 2, points) * 0.02)


def test_boxes_are_astropys():
    band = eclipsing()
    periods = np.array([1.1, 1.9, 2.345, 2.5, 3.7])
    power, depth = box_least_squares(band, periods, 0.2, oversampling=10)
    mag, magerr = band.mag.astype(float), band.magerr.astype(float)
    oracle = BoxLeastSquares(band.mjd, -mag, dy=magerr)
    theirs = oracle.power(periods, 0.2, objective="likelihood", method="slow", oversample=10)
    # astropy's boxes go over all starts that fit into a period, ours over whole bins
    np.testing.assert_allclose(power[0], theirs.power, rtol=2e-2)
    assert np.argmax(power[0]) == 2
    assert power[0, 2] == pytest.approx(theirs.power[2], rel=1e-5)
    assert depth[0, 2] == pytest.approx(theirs.depth[2], rel=1e-5)


def test_entropy_is_its_definition():
    band = eclipsing()
    (found,) = conditional_entropy(band, [0.4, 1 / 2.345], phase_bins=8, magnitude_bins=4)
    middle = (band.mjd[0] + band.mjd[-1]) / 2
    for frequency, mine in zip([0.4, 1 / 2.345], found, strict=True):
        phase = ((band.mjd - middle) * frequency) % 1
        edges = np.linspace(band.mag.min(), band.mag.max(), 5).astype(float)
        counts = np.histogram2d(phase, band.mag, bins=[np.linspace(0, 1, 9), edges])[0] / len(phase)
        share = counts.sum(axis=1, keepdims=True)
        with np.errstate(all="ignore"):
            expected = np.nansum(counts * np.log(share / counts))
        assert mine == pytest.approx(expected, rel=1e-2)
    assert found[1] < found[0]


@pytest.mark.parametrize("harmonics", [1, 3, 4])
def test_variance_is_that_of_a_dense_fit(harmonics):
    band = eclipsing()
    (found,) = multiharmonic_aov(band, [0.4, 1 / 2.345], harmonics=harmonics)
    root = 1 / band.magerr.astype(float)
    about = band.mag - np.average(band.mag.astype(float), weights=root**2)
    for frequency, mine in zip([0.4, 1 / 2.345], found, strict=True):
        phase = 2 * np.pi * frequency * (band.mjd - 58000)
        terms = [np.ones(300)] + [f(k * phase) for k in range(1, harmonics + 1) for f in (np.cos, np.sin)]
        left = np.linalg.lstsq(np.column_stack(terms) * root[:, None], about * root, rcond=None)[1][0]
        taken = ((about * root) ** 2).sum() - left
        expected = (300 - 2 * harmonics - 1) * taken / (2 * harmonics * left)
        assert mine == pytest.approx(expected, rel=1e-6)


def test_too_few_or_equal_points_are_nan():
    flat = Band(np.array([0, 30, 34]), np.arange(34.0), np.full(34, 16), np.full(34, 0.1))
    assert np.isnan(multiharmonic_aov(flat, [0.3])).all()
    assert np.isnan(conditional_entropy(flat, [0.3])).all()
    assert np.isnan(box_least_squares(flat, [3.0], 0.3)[0]).all()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="harmonics=5"):
        multiharmonic_aov(eclipsing(), [0.3], harmonics=5)
    with pytest.raises(InputError, match="phase_bins=1"):
        conditional_entropy(eclipsing(), [0.3], phase_bins=1)
    with pytest.raises(InputError, match="duration=2"):
        box_least_squares(eclipsing(), [1.0, 3.0], 2)
