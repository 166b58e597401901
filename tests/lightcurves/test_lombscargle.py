"""The exact periodogram, against astropy's and nifty-ls's."""

from __future__ import annotations

import nifty_ls
import numpy as np
import pytest
from astropy.timeseries import LombScargle, LombScargleMultiband
from hypothesis import given, settings
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, lomb_scargle
from skyhouse.lightcurves.lombscargle import cosine_sine


def curves(seed, counts, *, baseline=1826.0, frequency=1.7, amplitude=0.3, noise=0.1):
    """A band of objects with so many points each, at random times, with a sinusoid."""
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    mjd = 58000 + random.uniform(0, baseline, offsets[-1])
    mag = 16 + amplitude * np.sin(2 * np.pi * frequency * mjd) + random.normal(0, noise, len(mjd))
    return Band(offsets, mjd, mag, random.uniform(0.5, 2, len(mjd)) * noise)


def doubles(band, i):
    return [values.astype(np.float64) for values in band.rows(i)]


def test_one_band_is_as_astropys_exact_one():
    band, frequency = curves(1, [200, 12, 77]), np.linspace(0.01, 24, 997)
    power = lomb_scargle(band, frequency)
    for i in range(3):
        exact = LombScargle(*doubles(band, i), normalization="standard").power(frequency, method="cython")
        np.testing.assert_allclose(power[i], exact, rtol=1e-6, atol=1e-12)


def test_one_band_is_as_nifty_ls_in_double():
    band = curves(2, [500])
    frequency = 0.001 + np.arange(20_000) * 0.0011
    fast = nifty_ls.lombscargle(*doubles(band, 0), fmin=frequency[0], fmax=frequency[-1], Nf=len(frequency))
    np.testing.assert_allclose(lomb_scargle(band, frequency)[0], fast.power, atol=1e-6)


def test_bands_together_are_as_astropys_multiband():
    bands, frequency = [curves(3, [60]), curves(4, [90], amplitude=0.1), curves(5, [40])], np.linspace(0.5, 3, 301)
    times, values, errors = (np.concatenate(columns) for columns in zip(*(doubles(b, 0) for b in bands), strict=True))
    names = np.repeat(["g", "r", "i"], [len(band.mjd) for band in bands])
    multiband = LombScargleMultiband(times, values, names, errors, nterms_base=0, nterms_band=1, reg_band=None)
    exact = multiband.power(frequency, method="flexible")
    np.testing.assert_allclose(lomb_scargle(bands, frequency)[0], exact, rtol=1e-6, atol=1e-12)


def test_objects_may_have_frequencies_of_their_own():
    band = curves(6, [30, 40])
    own = np.array([[0.1, 0.2, 0.3], [1.1, 1.2, 1.3]])
    power = lomb_scargle(band, own)
    for i in range(2):
        np.testing.assert_array_equal(power[i], lomb_scargle(band, own[i])[i])


@given(st.floats(-1e6, 1e6))
def test_cosines_and_sines_are_exact(turns):
    angle = 2 * np.pi * (turns - np.rint(turns))
    assert cosine_sine(turns) == pytest.approx((np.cos(angle), np.sin(angle)), abs=1e-14)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-1, 3)), max_size=8))
def test_any_points_have_a_power_of_0_to_1_or_none(points):
    mjd, mag, magerr = np.array(points, dtype=float).reshape(-1, 3).T
    band = Band(np.array([0, len(points)]), mjd, mag, magerr)
    power = lomb_scargle(band, [0.0, 0.25, 0.37, 0.5, 1.0])[0]
    good = mag[magerr > 0]
    if len(good) == 0 or np.ptp(good) == 0:
        assert np.isnan(power).all()
    else:
        assert ((power >= 0) & (power <= 1)).all()
        assert power[0] == 0, "a constant is no more than the mean"


def test_points_that_are_no_numbers_have_no_part():
    band = curves(7, [50])
    mag, magerr, mjd = band.mag.copy(), band.magerr.copy(), band.mjd.copy()
    mag[3], magerr[7], magerr[9], mjd[11], magerr[12] = np.nan, np.nan, 0, np.nan, np.inf
    holed = Band(band.offsets, mjd, mag, magerr)
    whole = np.delete(np.arange(50), [3, 7, 9, 11, 12])
    left = Band(np.array([0, 45]), band.mjd[whole], band.mag[whole], band.magerr[whole])
    np.testing.assert_array_equal(lomb_scargle(holed, [0.3, 1.7]), lomb_scargle(left, [0.3, 1.7]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="no band"):
        lomb_scargle([], [1.0])
    with pytest.raises(InputError, match="same objects"):
        lomb_scargle([curves(8, [5]), curves(8, [5, 5])], [1.0])
    with pytest.raises(InputError, match=r"\(3, 1\)"):
        lomb_scargle(curves(9, [5, 5]), [[1.0]] * 3)
