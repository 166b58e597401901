"""Whatever the points are, each object gets its features or NULLs with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_ndtr

from skyhouse.lightcurves import FEATURES, PAIR_FEATURES, Band
from skyhouse.lightcurves.features_kernel import REASONS, band_features
from skyhouse.lightcurves.features_list import PLACES
from skyhouse.lightcurves.features_order import (
    anderson_darling,
    log_normal_table,
    median_deviation,
    median_of,
    quantile,
    sort,
)
from skyhouse.lightcurves.features_pairs import pair_features


def of_one(mjd, mag, magerr):
    """One object's features by name, and the reason."""
    values, reasons = band_features(Band([0, len(mjd)], mjd, mag, magerr))
    return dict(zip(PLACES, values[:, 0].tolist(), strict=True)), REASONS[reasons[0]]


def missing(features):
    return {name for name, value in features.items() if np.isnan(value)}


def curve(n, seed=0):
    random = np.random.default_rng(seed)
    return np.arange(n) + random.uniform(0, 0.5, n), random.normal(18, 0.2, n), random.uniform(0.05, 0.2, n)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 12])
def test_a_feature_is_there_from_its_minimum_on(n):
    features, reason = of_one(*curve(n))
    lags = {"structure_function_slope"} if n in {6, 7} else set()  # may lack time lags with that few points
    assert missing(features) - lags == {one.key for one in FEATURES if one.minimum > n}
    if n < 6:
        assert reason == "too few points"
    else:
        assert reason in {"", "too few time lags"}


def test_no_points():
    features, reason = of_one([], [], [])
    assert features["observation_count"] == 0
    assert missing(features) == set(PLACES) - {"observation_count"}
    assert reason == "no points"


@pytest.mark.parametrize("level", [15.1, 0.0, -7.3, 1e30])
def test_equal_magnitudes(level):
    mjd, _, magerr = curve(20)
    features, reason = of_one(mjd, np.full(20, level), magerr)
    assert reason == "equal magnitudes"
    assert features["mean"] == features["weighted_mean"] == features["median"] == np.float32(level)
    for name in [
        "standard_deviation",
        "amplitude",
        "median_absolute_deviation",
        "beyond_1_std",
        "reduced_chi2",
        "roms",
    ]:
        assert features[name] == 0
    assert features["linear_trend"] == features["linear_fit_slope"] == features["maximum_slope"] == 0
    undefined = """skew kurtosis magnitude_percentage_ratio_40_5 magnitude_percentage_ratio_20_10 stetson_k eta eta_e
    inverse_von_neumann cusum anderson_darling_normal structure_function_slope""".split()
    assert missing(features) == {*undefined, *(["excess_variance"] if level == 0 else [])}


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(part, strange):
    parts = [part.copy() for part in curve(20)]
    parts[part][7] = strange
    features, reason = of_one(*parts)
    assert reason == "NaN or infinite values"
    assert missing(features) == set(PLACES) - {"observation_count"}


@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [(2, 0.0, "errors not above 0"), (2, -0.1, "errors not above 0"), (0, 3.0, "times not in order")],
)
def test_what_cleaning_would_have_mended(part, value, expected):
    parts = [part.copy() for part in curve(20)]
    parts[part][8] = value
    features, reason = of_one(*parts)
    assert reason == expected
    assert missing(features) == set(PLACES) - {"observation_count"}


def test_equal_times_are_not_in_order():
    mjd, mag, magerr = curve(20)
    assert of_one(np.repeat(mjd[::2], 2), mag, magerr)[1] == "times not in order"


@pytest.mark.parametrize("gap", [5e-324, 1e-300, 1e-12, 1e300])
def test_times_that_hardly_differ_or_are_absurd(gap):
    features, reason = of_one([0.0, gap, 2 * gap, 3 * gap, 4 * gap, 5 * gap], *curve(6)[1:])
    assert not np.isinf(list(features.values())).any()
    assert reason != "" or not missing(features)


def test_a_spread_of_zero_within_the_percentiles():
    mjd, mag, magerr = curve(40)
    mag = np.where(np.arange(40) == 20, 19.0, 15.0)
    features, reason = of_one(mjd, mag, magerr)
    assert reason == "not defined for these points"
    assert missing(features) == {"magnitude_percentage_ratio_40_5", "magnitude_percentage_ratio_20_10"}
    assert features["amplitude"] == 2


wild = st.floats(width=32, allow_nan=True, allow_infinity=True)
points = st.tuples(st.floats(), wild, wild)
tame = st.tuples(st.integers(0, 40).map(float), st.sampled_from([15.0, 15.5, 16.25]), st.sampled_from([0.125, 0.5]))


@given(st.lists(st.one_of(st.lists(points, max_size=12), st.lists(tame, max_size=30).map(sorted)), max_size=6))
def test_any_batch_has_features_or_reasons(objects):
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in objects])))
    columns = np.array([point for one in objects for point in one], float).reshape(-1, 3).T
    band = Band(offsets, *columns)
    values, reasons = band_features(band)
    for i, one in enumerate(objects):
        assert values[PLACES["observation_count"], i] == len(one)
        assert np.isnan(values[:, i]).any() == (REASONS[reasons[i]] != "")
        assert not np.isinf(values[:, i].astype(np.float32)).any()
        alone, reason = band_features(band.slice(i, i + 1))
        # Sums are taken in an order that may depend on where the arrays lie in memory.
        np.testing.assert_allclose(alone[:, 0], values[:, i], rtol=1e-9, atol=1e-12)
        assert reason[0] == reasons[i]
    both = pair_features((band, band), (values, values), minutes=30)
    assert not np.isinf(both.astype(np.float32)).any()


@given(st.integers(6, 60), st.integers(0, 5), st.sampled_from([0.0, 2.0**20, -(2.0**16)]), st.integers(-2, 2))
def test_shifted_and_scaled_curves(n, seed, days, octaves):
    """Times may begin anywhere; magnitudes and errors twice as large make some features so and leave others."""
    mjd, mag, magerr = curve(n, seed)
    mjd, mag, magerr = np.round(mjd * 64) / 64, np.round(mag * 1024) / 1024, np.round(magerr * 1024) / 1024
    here, reason = of_one(mjd, mag, magerr)
    there, reason_there = of_one(mjd + days, mag * 2.0**octaves, magerr * 2.0**octaves)
    assert reason == reason_there
    for feature in FEATURES:
        scale = 2.0**octaves if feature.unit.startswith("mag") else 1.0
        assert there[feature.key] == pytest.approx(here[feature.key] * scale, rel=1e-6, abs=1e-9 * scale, nan_ok=True)


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.one_of(st.lists(floats, min_size=1, max_size=80), st.lists(st.floats(15, 16, width=32), min_size=25)))
def test_sorted_magnitudes(values):
    values = np.array(values, np.float32)
    n = len(values)
    ordered = np.empty(n)
    sort(values.view(np.int32), np.empty(n, np.int32), np.empty(n, np.int32), ordered)
    assert ordered.tolist() == sorted(values.tolist())
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    assert median_deviation(ordered, median) == np.median(np.abs(ordered - median))
    for share in (0.0, 0.05, 0.4, 0.5, 0.75, 1.0):
        expected = np.quantile(ordered, share, method="hazen")
        assert quantile(ordered, share) == pytest.approx(expected, rel=1e-12, abs=1e-12 * np.abs(ordered).max())


@given(
    st.one_of(
        st.lists(st.floats(0, 2.0**100, width=32), min_size=2, max_size=80),
        st.lists(st.sampled_from([0.0, 1.0, 1.5, 64.0, 2.0**90]), min_size=2, max_size=300),
        st.lists(st.floats(1, 1.125, width=32), min_size=25, max_size=80).map(lambda close: [0.0, 2.0**100, *close]),
    )
)
def test_the_median_of_gaps(values):
    values = np.array(values, np.float32)
    n = len(values)
    found = median_of(values.view(np.int32), np.empty(n, np.int32), np.empty(n, np.int32))
    assert found == np.median(values.astype(float))


def test_the_table_of_the_normal_distribution():
    table = log_normal_table()
    for z in [-30.0, -9.0, -8.0, -7.99, -1.0, 0.0, 0.03, 2.0, 7.99, 8.0, 30.0]:
        sample = np.array([z] * 4)  # with mean 0 and deviation 1 all the weight is on one value
        expected = (1 + 1 - 25 / 16) * (-4 - 4 * (log_ndtr(z) + log_ndtr(-z)))
        assert anderson_darling(sample, 0.0, 1.0, table) == pytest.approx(expected, rel=1e-8)


def test_two_bands_without_what_they_need():
    one = Band([0, 20, 20, 40, 41], np.r_[curve(20)[0], curve(20)[0], 5.0], np.full(41, 15.0), np.full(41, 0.1))
    mag = np.r_[curve(20)[1], curve(20)[1], curve(20)[1], 17.0]
    other = Band([0, 20, 40, 60, 61], np.r_[curve(20)[0], curve(20)[0], curve(20)[0] + 100, 5.0], mag, np.full(61, 0.1))
    found = pair_features((one, other), (band_features(one)[0], band_features(other)[0]), minutes=30)
    assert [feature.key for feature in PAIR_FEATURES] == ["median_color", "amplitude_ratio", "stetson_j"]
    assert found[0, [0, 2]] == pytest.approx(15 - np.median(np.float32(curve(20)[1])))
    assert found[:, 1] == pytest.approx([np.nan] * 3, nan_ok=True)  # no points in one band
    assert found[1, 0] == 0
    assert not np.isnan(found[2, 0])
    assert np.isnan(found[2, 2])  # no pairs
    assert found[:, 3] == pytest.approx([-2, np.nan, np.nan], nan_ok=True)  # a point each
    swapped = pair_features((other, one), (band_features(other)[0], band_features(one)[0]), minutes=30)
    assert np.isnan(swapped[1]).all()  # the amplitude to divide by is 0
    np.testing.assert_allclose(swapped[2], found[2])
