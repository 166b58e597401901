"""The period search: which peaks it finds, and what it does with little to go by."""

from __future__ import annotations

import nifty_ls
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, Clean, lomb_scargle, search
from skyhouse.lightcurves.candidates import FEWEST


def sinusoids(seed, frequency, *, points=100, baseline=400.0, amplitude=0.3, noise=0.1):
    """A band of one object for each frequency."""
    random = np.random.default_rng(seed)
    mjd = 58000 + random.uniform(0, baseline, (len(frequency), points))
    magerr = random.uniform(0.5, 1.5, mjd.shape) * noise
    mag = 16 + amplitude * np.sin(2 * np.pi * np.asarray(frequency)[:, None] * mjd) + random.normal(0, magerr)
    return Band(np.arange(len(frequency) + 1) * points, mjd.ravel(), mag.ravel(), magerr.ravel())


def one(mjd, mag, magerr=0.1):
    """A band of one object."""
    mjd = np.asarray(mjd, dtype=float)
    return Band(np.array([0, len(mjd)]), mjd, np.broadcast_to(mag, len(mjd)), np.broadcast_to(magerr, len(mjd)))


EMPTY = one([], 0)


def test_the_highest_peak_is_the_sinusoids():
    frequency = np.array([0.03, 0.7, 5.3, 7.9, 23.9])
    found = search([sinusoids(1, frequency), sinusoids(2, frequency, points=60)])
    np.testing.assert_allclose(found.frequency[:, 0], frequency, atol=0.1 / 400)
    assert (found.power[:, 0] > 0.6).all()
    assert found.frequency.shape == found.power.shape == (5, 20)
    assert (found.count == 20).all()
    np.testing.assert_allclose(found.baseline, 400, atol=20)


def test_powers_are_exact_and_fall():
    bands = [sinusoids(1, [0.7, 2.9]), sinusoids(2, [0.7, 2.9], points=60)]
    found = search(bands, maximum_frequency=4, top=5)
    np.testing.assert_allclose(found.power, lomb_scargle(bands, found.frequency), rtol=1e-9)
    for b, band in enumerate(bands):
        np.testing.assert_allclose(found.band_power[:, b], lomb_scargle(band, found.frequency), rtol=1e-9)
    assert (np.diff(found.power, axis=1) <= 0).all()


@pytest.mark.parametrize("points", [25, 60, 200])
def test_the_peaks_are_those_of_the_exact_periodogram(points):
    bands = [sinusoids(seed, [0.7, 3.1, 6.6, 11.9], points=points, amplitude=0.1) for seed in (1, 2)]
    found = search(bands, maximum_frequency=12, top=10)
    missed = 0
    for i, baseline in enumerate(found.baseline):
        grid = np.arange(1 / baseline, 12, 1 / (8 * baseline))
        power = lomb_scargle([band.slice(i, i + 1) for band in bands], grid)[0]
        inner = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
        exact = grid[inner[np.argsort(-power[inner])]][:5]
        missed += (np.abs(exact[:, None] - found.frequency[i]).min(axis=1) > 1 / baseline).sum()
        assert found.power[i, 0] >= power.max() - 1e-3
    assert missed <= 1, "of the 20 highest exact peaks"


def test_peaks_are_refined_to_a_thousandth_of_the_resolution():
    bands = [sinusoids(3, np.linspace(1, 20, 8), points=200)]
    found = search(bands, top=3)
    around = np.linspace(-0.01, 0.01, 21)  # in units of the resolution
    for i, baseline in enumerate(found.baseline):
        grid = found.frequency[i][:, None] + around / baseline
        power = lomb_scargle(bands[0].slice(i, i + 1), grid.reshape(1, -1)).reshape(3, -1)
        assert np.abs(around[power.argmax(axis=1)]).max() <= 0.003


def test_the_highest_peak_is_that_of_nifty_ls_in_double():
    bands = [sinusoids(4, np.random.default_rng(4).uniform(0.1, 24, 10), points=200, amplitude=0.06)]
    found = search(bands, top=1)
    for i, baseline in enumerate(found.baseline):
        mjd, mag, magerr = (values.astype(np.float64) for values in bands[0].rows(i))
        slow = nifty_ls.lombscargle(mjd, mag, magerr, fmin=1 / baseline, fmax=24, Nf=int(24 * 3 * baseline))
        highest = np.linspace(1 / baseline, 24, len(slow.power))[slow.power.argmax()]
        assert found.frequency[i, 0] == pytest.approx(highest, abs=0.5 / baseline)
        assert found.power[i, 0] >= slow.power.max() - 1e-6


def test_weak_sinusoids_are_found_in_the_noise():
    frequency = np.random.default_rng(5).uniform(0.05, 24, 60)
    bands = [sinusoids(seed, frequency, points=100, amplitude=0.075) for seed in (5, 6)]
    found = search(bands, top=5)
    right = np.abs(found.frequency - frequency[:, None]) < 0.3 / 400
    assert right.any(axis=1).mean() > 0.95


def test_a_baseline_of_decades_is_searched_in_pieces():
    frequency = np.array([0.01, 7.123, 23.99])
    found = search([sinusoids(7, frequency, points=300, baseline=11_000.0)], top=3)
    np.testing.assert_allclose(found.frequency[:, 0], frequency, atol=0.1 / 11_000)


def test_the_real_cepheid_of_macho(real_data):
    curves = [np.loadtxt(real_data / "lightcurves" / "macho" / f"lc_1.3444.614.{b}.mjd").T for b in "BR"]
    found = search([one(*curve) for curve in curves])
    assert 1 / found.frequency[0, 0] == pytest.approx(0.93697, abs=2e-5)


def test_real_rr_lyrae_are_among_the_peaks(real_data, stripe_82):
    path = real_data / "lightcurves" / "sdss_s82_rrlyrae_half.parquet"
    true = 1 / pq.read_table(path, columns=["true_period"])["true_period"].to_numpy()
    found = search([Clean()(stripe_82[band]) for band in "gr"])
    right = np.abs(found.frequency / true[:, None] - 1) < 1e-3
    assert right.any(axis=1).mean() > 0.98
    assert right[:, :5].any(axis=1).mean() > 0.95


def test_objects_with_too_little_have_no_candidates():
    few = [one(np.arange(n) * 1.37, np.arange(n) % 3) for n in range(FEWEST)]
    equal_mags = one(np.arange(20) * 1.37, 15.0)
    equal_times = one(np.full(20, 58000.0), np.arange(20) % 3)
    absurd = one([0.0, 1e30, 2e30, 3e30, 4e30, 5e30], [1, 2, 1, 2, 1, 3])
    endless = one([-1e308, 0.0, 1.0, 2.0, 3.0, 1e308], [1, 2, 1, 2, 1, 3])
    for band in [*few, equal_mags, equal_times, absurd, endless]:
        found = search([band])
        assert found.count.tolist() == [0]
        assert np.isnan(found.frequency).all()
        assert np.isnan(found.power).all()
        assert np.isnan(found.band_power).all()


def test_a_short_baseline_has_few_frequencies_or_none():
    hours = np.linspace(0, 0.2, 50)
    assert search([one(hours, np.sin(2 * np.pi * 15 * hours))]).frequency[0, 0] == pytest.approx(15, abs=0.5)
    assert search([one(hours / 10, np.sin(hours))]).count[0] == 0


def test_a_band_without_points_takes_no_part():
    band = sinusoids(8, [3.3])
    alone, beside = search([band]), search([EMPTY, band])
    np.testing.assert_array_equal(alone.frequency, beside.frequency)
    np.testing.assert_array_equal(alone.power, beside.power)
    np.testing.assert_array_equal(alone.band_power[:, 0], beside.band_power[:, 1])
    assert np.isnan(beside.band_power[:, 0]).all()
    assert beside.chi2[0, 0] == 0


def test_objects_do_not_touch_each_other():
    together = search([sinusoids(9, [1.1, 7.7, 3.3])], top=4)
    for i in range(3):
        alone = search([sinusoids(9, [1.1, 7.7, 3.3]).slice(i, i + 1)], top=4)
        np.testing.assert_array_equal(alone.frequency[0], together.frequency[i])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(50_000, 60_000) | st.integers(58_000, 58_010),
            st.floats(-50, 50, width=32) | st.just(float("nan")),
            st.floats(0, 10, width=32) | st.just(float("nan")),
        ),
        max_size=12,
    )
)
def test_any_points_are_searched_or_left(points):
    mjd, mag, magerr = np.array(points, dtype=float).reshape(-1, 3).T
    found = search([one(mjd, mag, magerr)], maximum_frequency=1.0, top=3)
    count = found.count[0]
    assert np.isfinite(found.frequency[0, :count]).all()
    assert ((found.power[0, :count] >= 0) & (found.power[0, :count] <= 1)).all()
    assert np.isnan(found.frequency[0, count:]).all()


def test_what_is_out_of_range_is_refused():
    for wrong in ({"oversampling": 0.5}, {"top": 0}, {"maximum_frequency": 0.0}, {"maximum_frequency": np.nan}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            search([EMPTY], **wrong)
    with pytest.raises(InputError, match="minimum_frequency"):
        search([EMPTY], minimum_frequency=-1.0)
    with pytest.raises(InputError, match="no band"):
        search([])
