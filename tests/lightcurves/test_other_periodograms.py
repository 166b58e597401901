"""Box least squares, conditional entropy and the analysis of variance, against astropy and their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.timeseries import BoxLeastSquares
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, box_least_squares, conditional_entropy, multiharmonic_aov

PERIOD = 2.2 / 1.7
KINDS = [box_least_squares, conditional_entropy, multiharmonic_aov]


def curves(seed, *counts, depth=0.4, share=0.1):
    """A band of objects of so many points each, at random times, with eclipses of that share of the period."""
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    mjd = 58000 + random.uniform(0, 900, offsets[-1])
    errors = random.uniform(0.02, 0.08, len(mjd))
    mag = 16 + depth * ((mjd / PERIOD) % 1 < share) + random.normal(0, errors)
    return Band(offsets, mjd, mag, errors)


def doubles(band, i):
    return [values.astype(np.float64) for values in band.rows(i)]


def chi2(mag, magerr):
    return (((mag - np.average(mag, weights=magerr**-2)) / magerr) ** 2).sum()


def box_of_astropy(band, i, frequency, durations):
    """The best box's signal-to-noise squared over chi-squared, of boxes of so many eightieths of the period.

    One duration at a time, for astropy's longer ones do not all go on into the next cycle; a little shorter, for it
    takes the last bin that begins in the cycle, a sliver then, for the first one; and of brightness.
    """
    mjd, mag, magerr = doubles(band, i)
    best = 0.0
    for width in durations:
        boxes = BoxLeastSquares(mjd, -mag, magerr)
        length = width / 80 / frequency * (1 - 1e-9)
        found = boxes.power([1 / frequency], [length], oversample=width, objective="snr")
        best = max(best, found.depth_snr[0] ** 2 / chi2(mag, magerr))
    return best


def test_boxes_are_astropys():
    band = curves(1, 500, 200)
    frequency = np.append(np.linspace(0.11, 3, 60), 1 / PERIOD)
    power = box_least_squares(band, frequency, durations=(0.05, 0.1, 0.2), oversampling=4)
    for i in range(2):
        exact = [box_of_astropy(band, i, one, (4, 8, 16)) for one in frequency]
        assert (power[i] <= np.multiply(exact, 1 + 1e-6)).all()  # astropy has one box more, shorter by a bin
        assert np.isclose(power[i], exact, rtol=1e-6).mean() > 0.95
    assert power[0].argmax() == 60, "at its period the most is taken away"


@pytest.mark.parametrize("points", [60, 9])
def test_boxes_of_bands_are_in_eclipse_at_once(points):
    bands, frequency = [curves(2, 80), curves(3, points, depth=0.2)], 0.613
    least = min(band.mjd.min() for band in bands)
    best = 0.0
    for width in (3, 6):
        for start in range(60):
            taken = 0.0
            for band in bands:
                mjd, mag, magerr = doubles(band, 0)
                inside = (np.floor((mjd - least) * frequency % 1 * 60) - start) % 60 < width
                if 0 < inside.sum() < len(mjd):
                    means = [np.average(mag[own], weights=magerr[own] ** -2) for own in (inside, ~inside)]
                    model = np.where(inside, *means)
                    if means[0] > means[1]:
                        taken += chi2(mag, magerr) - (((mag - model) / magerr) ** 2).sum()
            best = max(best, taken)
    whole = sum(chi2(*doubles(band, 0)[1:]) for band in bands)
    assert box_least_squares(bands, [frequency], durations=(0.05, 0.1))[0, 0] == pytest.approx(best / whole, rel=1e-6)


def test_the_entropy_is_that_of_its_definition():
    bands = [curves(4, 120, 30), curves(5, 70, 0)]
    frequency = np.append(np.linspace(0.1, 3, 40), 1 / PERIOD)
    found = conditional_entropy(bands, frequency, phase_bins=8, magnitude_bins=4)
    for i in range(2):
        times = np.concatenate([band.rows(i)[0] for band in bands])
        middle = (times.min() + times.max()) / 2
        for k, one in enumerate(frequency):
            entropy = 0.0
            for band in bands:
                mjd, mag, _ = doubles(band, i)
                if len(mjd):
                    level = (mag - mag.min()) / np.ptp(mag)
                    cells = np.histogram2d((mjd - middle) * one % 1, level, (8, 4), [(0, 1), (0, 1)])[0] / len(mjd)
                    phases = np.broadcast_to(cells.sum(1, keepdims=True), cells.shape)
                    some = cells > 0
                    own = (cells[some] * np.log(phases[some] / cells[some])).sum()
                    entropy += len(mjd) / len(times) * own
            assert found[i, k] == pytest.approx(entropy, abs=1e-12)
    assert found[0].argmin() == 40


@pytest.mark.parametrize("harmonics", [1, 3])
def test_the_analysis_of_variance_is_fishers_f_of_least_squares(harmonics):
    bands = [curves(6, 120, 30, 200), curves(7, 50, 3, 40)]
    frequency = np.append(np.linspace(0.1, 3, 40), 1 / PERIOD)
    found = multiharmonic_aov(bands, frequency, harmonics=harmonics)
    for i in range(3):
        for k, one in enumerate(frequency):
            taken = left = parts = points = 0
            for band in bands:
                mjd, mag, magerr = doubles(band, i)
                if len(mjd) >= 2 * harmonics + 2:
                    turns = 2 * np.pi * one * (mjd - 58450)
                    terms = [np.ones(len(mjd))]
                    terms += [wave(n * turns) for n in range(1, harmonics + 1) for wave in (np.cos, np.sin)]
                    series, target = np.array(terms).T / magerr[:, None], (mag - 16) / magerr
                    rest = ((series @ np.linalg.lstsq(series, target)[0] - target) ** 2).sum()
                    taken, left = taken + chi2(mag, magerr) - rest, left + rest
                    parts, points = parts + 1, points + len(mjd)
            expected = taken / (2 * harmonics * parts) / (left / (points - parts * (2 * harmonics + 1)))
            assert found[i, k] == pytest.approx(expected, rel=1e-6)
    assert found[0].argmax() == 40


@pytest.mark.parametrize("periodogram", KINDS)
@given(
    points=st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 2.0, 2.5, 7.0, 1e-300, 1e300, -1e308, 1e308, np.inf, np.nan]),
            st.sampled_from([15.0, 16.0, 17.5, 3e38, np.inf, np.nan]),
            st.sampled_from([0.0, -1.0, 0.1, 0.2, 1e-38, 3e38, np.nan]),
        ),
        max_size=20,
    )
)
def test_odd_points_are_no_error(periodogram, points):
    mjd, mag, magerr = np.array(points, dtype=float).reshape(-1, 3).T
    good = curves(8, 30)
    band = Band(
        np.array([0, 0, len(mjd), len(mjd) + 30]),
        *(np.concatenate([own, usual]) for own, usual in zip((mjd, mag, magerr), good.rows(0), strict=True)),
    )
    frequency = [0.0, 0.25, 1.0, 24.0, 1e300, np.nan, np.inf]
    found = periodogram([band, band], frequency)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[:, 5:]).all()
    assert not np.isinf(found).any()
    assert (found[2, :5] >= 0).all()


def test_what_does_not_fit_is_refused():
    for periodogram in KINDS:
        with pytest.raises(InputError, match="no band"):
            periodogram([], [1.0])
        with pytest.raises(InputError, match=r"\(3, 1\)"):
            periodogram(curves(9, 5, 5), [[1.0]] * 3)
    with pytest.raises(InputError, match="durations"):
        box_least_squares(curves(9, 5), [1.0], durations=(0.1, 1.0))
    with pytest.raises(InputError, match="phase_bins"):
        conditional_entropy(curves(9, 5), [1.0], phase_bins=0)
    with pytest.raises(InputError, match="harmonics"):
        multiharmonic_aov(curves(9, 5), [1.0], harmonics=0)
