"""The period search: which peaks it finds, and what it does with little to go by."""

from __future__ import annotations

import numpy as np
import pytest

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, lomb_scargle, search


def sinusoids(seed, frequency, *, points=100, baseline=400.0, amplitude=0.3, noise=0.1):
    """A band of one object for each frequency."""
    random = np.random.default_rng(seed)
    mjd = 58000 + random.uniform(0, baseline, (len(frequency), points))
    mag = 16 + amplitude * np.sin(2 * np.pi * np.asarray(frequency)[:, None] * mjd) + random.normal(0, noise, mjd.shape)
    offsets = np.arange(len(frequency) + 1) * points
    return Band(offsets, mjd.ravel(), mag.ravel(), random.uniform(0.5, 2, mjd.size) * noise)


def test_the_highest_peak_is_the_sinusoids():
    frequency = np.array([0.03, 0.7, 5.3, 7.9])
    bands = [sinusoids(1, frequency), sinusoids(2, frequency, points=60)]
    found = search(bands, maximum_frequency=8)
    np.testing.assert_allclose(found.frequency[:, 0], frequency, atol=0.2 / 400)
    assert (found.power[:, 0] > 0.6).all()
    assert found.frequency.shape == found.power.shape == (4, 20)
    assert (found.count == 20).all()
    np.testing.assert_allclose(found.baseline, 400, atol=20)


def test_powers_are_exact_and_fall():
    bands = [sinusoids(1, [0.7, 2.9]), sinusoids(2, [0.7, 2.9], points=60)]
    found = search(bands, maximum_frequency=4, top=5)
    np.testing.assert_allclose(found.power, lomb_scargle(bands, found.frequency), rtol=1e-9)
    for b, band in enumerate(bands):
        np.testing.assert_allclose(found.band_power[:, b], lomb_scargle(band, found.frequency), rtol=1e-9)
    assert (np.diff(found.power, axis=1) <= 0).all()


def test_what_is_out_of_range_is_refused():
    with pytest.raises(InputError, match="oversampling"):
        search([sinusoids(1, [0.5])], oversampling=0.5)
    with pytest.raises(InputError, match="no band"):
        search([])
