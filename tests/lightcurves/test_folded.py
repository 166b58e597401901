"""Folded features against plain definitions, light-curve, and known series."""

from __future__ import annotations

import light_curve
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lightcurves import FOLDED_FEATURES, Band, folded_features

NAMES = [one.name for one in FOLDED_FEATURES]


def curve(seed=1, points=60, frequency=0.7312, baseline=900, noise=0.02):
    random = np.random.default_rng(seed)
    mjd = 58000 + np.sort(random.uniform(0, baseline, points))
    turns = 2 * np.pi * frequency * (mjd - mjd.mean())
    mag = 16 + 0.4 * np.cos(turns + 0.5) + 0.16 * np.cos(2 * turns + 2) + 0.08 * np.cos(3 * turns + 3)
    return Band(
        np.array([0, points]), mjd, mag + random.normal(0, noise, points), random.uniform(0.5, 2, points) * 0.02
    )


def named(band, frequency):
    return dict(zip(NAMES, folded_features([band], [frequency])[0, 0], strict=True))


def test_the_series_that_made_the_curve_is_found():
    found = named(curve(noise=1e-4), 0.7312)
    assert found["FourierAmplitude"] == pytest.approx(0.4, rel=1e-3)
    assert found["R21"] == pytest.approx(0.4, rel=2e-3)
    assert found["R31"] == pytest.approx(0.2, rel=4e-3)
    assert found["Phi21"] == pytest.approx(2 - 2 * 0.5, abs=3e-3)
    assert found["Phi31"] == pytest.approx(3 - 3 * 0.5, abs=1e-2)


def test_the_order_of_phase_gives_what_the_definitions_say():
    band = curve(noise=0.1)
    found = named(band, 0.7312)
    middle = (band.mjd[0] + band.mjd[-1]) / 2
    mag = band.mag[np.argsort(((band.mjd - middle) * 0.7312) % 1)].astype(float)
    points, deviation = len(mag), mag.std(ddof=1)
    sums = np.cumsum(mag - mag.mean()) / (points * deviation)
    assert found["PsiCS"] == pytest.approx(sums.max() - sums.min(), rel=1e-9)
    assert found["PsiEta"] == pytest.approx((np.diff(mag) ** 2).sum() / ((points - 1) * deviation**2), rel=1e-9)
    steps = ((np.roll(mag, -1) - mag) ** 2).sum() / ((mag - mag.mean()) ** 2).sum()
    assert found["LaflerKinmanStringLength"] == pytest.approx((points - 1) / (2 * points) * steps, rel=1e-9)
    # Cusum and Eta of the same points in the order of phase
    order = np.arange(points, dtype=float)
    assert found["PsiCS"] == pytest.approx(light_curve.Cusum()(order, mag)[0], rel=1e-9)
    assert found["PsiEta"] == pytest.approx(light_curve.Eta()(order, mag)[0], rel=1e-9)


@given(shift=st.floats(-2000, 2000), offset=st.floats(-3, 3), scale=st.floats(0.5, 4))
def test_shifts_change_nothing_and_only_the_amplitude_scales(shift, offset, scale):
    band = curve()
    moved = Band(band.offsets, band.mjd + shift, scale * (band.mag - 16) + 16 + offset, scale * band.magerr)
    first, second = named(band, 0.7312), named(moved, 0.7312)
    first["FourierAmplitude"] *= scale
    for name in NAMES:
        assert second[name] == pytest.approx(first[name], rel=2e-3, abs=1e-4), name


def test_what_few_points_do_not_tell_is_nan():
    for points, known in ((4, 0), (5, 4), (9, 4), (10, 6), (14, 8)):
        found = folded_features([curve(points=points)], [0.7312])[0, 0]
        assert np.isfinite(found).sum() == known, points
    assert np.isnan(folded_features([curve()], [np.nan])).all()
    flat = Band(np.array([0, 60]), curve().mjd, np.full(60, 16), np.full(60, 0.1))
    assert np.isnan(folded_features([flat, curve()], [0.7312])[0, 0]).all()


def test_the_frequencies_are_as_many_as_the_objects():
    with pytest.raises(InputError, match=r"\(2,\)"):
        folded_features([curve()], [0.5, 0.7])
