"""Every feature against another implementation, on real and simulated curves.

`light-curve` is the oracle of what it has; what it has not is written down here in numpy. Both see the float32
magnitudes in float64.
"""

from __future__ import annotations

import warnings

import light_curve as lc
import numpy as np
import pytest
import scipy.stats
from astropy.stats import median_absolute_deviation

from skyhouse.lightcurves import FEATURES, Clean
from skyhouse.lightcurves.features_kernel import band_features
from skyhouse.lightcurves.features_list import PLACES
from skyhouse.lightcurves.features_pairs import pair_features

CLOSE = {"rtol": 1e-5, "atol": 1e-12}
SOURCES = ["stripe_82", "macho", "ztf", "simulated"]

# What light-curve calls its results, where it is another name than ours.
THEIR_NAMES = {
    "chi2": "reduced_chi2",
    "stetson_K": "stetson_k",
    "median_buffer_range_percentage_10": "median_buffer_range_percentage",
}
THEIRS = [
    lc.ObservationCount(),
    lc.Duration(),
    lc.MaximumTimeInterval(),
    lc.Mean(),
    lc.WeightedMean(),
    lc.Median(),
    lc.StandardDeviation(),
    lc.Skew(),
    lc.Kurtosis(),
    lc.Amplitude(),
    lc.PercentAmplitude(),
    lc.MedianAbsoluteDeviation(),
    lc.InterPercentileRange(0.25),
    lc.InterPercentileRange(0.10),
    lc.InterPercentileRange(0.05),
    lc.BeyondNStd(1),
    lc.BeyondNStd(2),
    lc.MedianBufferRangePercentage(0.1),
    lc.MagnitudePercentageRatio(0.40, 0.05),
    lc.MagnitudePercentageRatio(0.20, 0.10),
    lc.ReducedChi2(),
    lc.ExcessVariance(),
    lc.StetsonK(),
    lc.Eta(),
    lc.EtaE(),
    lc.Roms(),
    lc.Cusum(),
    lc.AndersonDarlingNormal(),
    lc.LinearTrend(),
    lc.LinearFit(),
    lc.MaximumSlope(),
]


def light_curve_of(t, m, e):
    """What light-curve gives, under our names; NaN where it declines."""
    found = {}
    for feature in THEIRS:
        try:
            values = feature(t, m, e)
        except ValueError:
            values = [np.nan] * len(feature.names)
        found |= {THEIR_NAMES.get(name, name): value for name, value in zip(feature.names, values, strict=True)}
    return found


def residuals(m, e):
    """From the weighted mean, in errors."""
    return (m - np.average(m, weights=e**-2.0)) / e


def numpy_of(t, m, e):
    """What light-curve has not, and some of what it has in other libraries' words."""
    n = len(m)
    found = dict.fromkeys(["stetson_j", "welch_stetson_i", "inverse_von_neumann", "structure_function_slope"], np.nan)
    found["median_absolute_deviation"] = median_absolute_deviation(m)
    for one in (25, 10, 5):
        low, high = np.quantile(m, [one / 100, 1 - one / 100], method="hazen")
        found[f"inter_percentile_range_{one}"] = high - low
    if n >= 2:
        r, gaps = residuals(m, e), np.diff(t)
        p = np.sqrt(n / (n - 1)) * r[:-1] * np.sqrt(n / (n - 1)) * r[1:]
        found["stetson_j"] = np.average(np.sign(p) * np.sqrt(np.abs(p)), weights=np.exp(-gaps / np.median(gaps)))
        found["inverse_von_neumann"] = np.var(m, ddof=1) / np.mean(np.diff(m) ** 2)
    if n >= 3:
        found["welch_stetson_i"] = np.sum(r[:-1] * r[1:]) / np.sqrt((n - 1) * (n - 2))
        found["skew"] = scipy.stats.skew(m, bias=False)
        line = scipy.stats.linregress(t, m)
        found["linear_trend"], found["linear_trend_sigma"] = line.slope, line.stderr
    if n >= 4:
        found["kurtosis"] = scipy.stats.kurtosis(m, bias=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about another of its results
            plain = scipy.stats.anderson(m, "norm").statistic
        found["anderson_darling_normal"] = plain * (1 + 4 / n - 25 / n**2)
    if n >= 6:
        found["structure_function_slope"] = structure(t, m)
    return found


def structure(t, m):
    lags, squares = [], []
    for apart in 2 ** np.arange(int(np.ceil(np.log2(len(t))))):
        lags += list(t[apart:] - t[:-apart])
        squares += list((m[apart:] - m[:-apart]) ** 2)
    lags, squares = np.array(lags), np.array(squares)
    octaves = np.floor(np.log2(lags))
    bins = [octaves == octave for octave in np.unique(octaves)]
    points = [
        (np.log(lags[b].mean()), np.log(np.sqrt(squares[b].mean()))) for b in bins if b.sum() >= 5 and squares[b].any()
    ]
    return np.polyfit(*np.transpose(points), 1)[0] if len(points) >= 2 else np.nan


@pytest.fixture(scope="module")
def curves(stripe_82, macho, ztf, simulated):
    """Cleaned bands of each source."""
    every = {"stripe_82": [stripe_82["g"], stripe_82["z"]], "macho": [macho], "ztf": [ztf], "simulated": [simulated]}
    return {name: [Clean(max_error=1)(band) for band in bands] for name, bands in every.items()}


def wholly_compared(band, oracle):
    """Compare all that the oracle gives for each object; return the names."""
    found, _ = band_features(band)
    names = set()
    for i in range(len(band)):
        t, m, e = (part.astype(float) for part in band.rows(i))
        expected = oracle(t, m, e)
        if "median_buffer_range_percentage" in expected:
            # A point on the very edge of the buffer is inside or not as rounding has it.
            edge = np.abs(np.abs(m - np.median(m)) - np.ptp(m) / 20) < 1e-9
            share = expected.pop("median_buffer_range_percentage")
            assert abs(found[PLACES["median_buffer_range_percentage"], i] - share) <= edge.mean() + 1e-12
            names.add("median_buffer_range_percentage")
        shared = [name for name in expected if name in PLACES]
        names.update(shared)
        np.testing.assert_allclose(
            [found[PLACES[name], i] for name in shared],
            [expected[name] for name in shared],
            err_msg=f"{shared}",
            **CLOSE,
        )
    return names


@pytest.mark.parametrize("source", SOURCES)
def test_what_light_curve_has_is_the_same(curves, source):
    for band in curves[source]:
        assert len(wholly_compared(band, light_curve_of)) == 34


@pytest.mark.parametrize("source", SOURCES)
def test_what_other_libraries_give_is_the_same(curves, source):
    for band in curves[source]:
        wholly_compared(band.slice(0, 75) if len(band) > 75 else band, numpy_of)


def test_every_feature_has_an_oracle(curves):
    checked = set().union(*(wholly_compared(curves["ztf"][0], oracle) for oracle in (light_curve_of, numpy_of)))
    assert checked == {feature.key for feature in FEATURES}


def nearest_pairs(t, u, window):
    """Pairs of near-simultaneous times, the walk through both written with sorted candidates."""
    pairs, j, k = [], 0, 0
    while j < len(t) and k < len(u):
        steps = {(j, k): abs(t[j] - u[k])}
        if j + 1 < len(t):
            steps[j + 1, k] = abs(t[j + 1] - u[k])
        if k + 1 < len(u):
            steps[j, k + 1] = abs(t[j] - u[k + 1])
        if steps.get((j, k + 1), np.inf) < steps[j, k]:
            k += 1
        elif steps.get((j + 1, k), np.inf) < steps[j, k]:
            j += 1
        else:
            if steps[j, k] <= window:
                pairs.append((j, k))
            j, k = j + 1, k + 1
    return pairs


def test_two_bands_together(stripe_82):
    bands = [Clean(max_error=0.3)(stripe_82[name]) for name in "gr"]
    features = [band_features(band)[0] for band in bands]
    color, ratio, index = pair_features(tuple(bands), tuple(features), minutes=5)
    both = lc.ColorOfMedian(["g", "r"])
    for i in range(len(bands[0])):
        (t, m, e), (u, w, f) = ([part.astype(float) for part in band.rows(i)] for band in bands)
        names = np.repeat(["g", "r"], [len(t), len(u)])
        order = np.argsort(np.concatenate((t, u)), kind="stable")
        expected = both(*(np.concatenate(parts)[order] for parts in ((t, u), (m, w), (e, f))), names[order])
        np.testing.assert_allclose(color[i], expected[0], **CLOSE)
        np.testing.assert_allclose(ratio[i], np.ptp(m) / np.ptp(w), **CLOSE)
        pairs = np.array(nearest_pairs(t, u, 5 / 1440))
        assert len(pairs) > 0.9 * min(len(t), len(u))  # the camera takes r and g five minutes apart at most
        delta, other = (np.sqrt(len(v) / (len(v) - 1)) * residuals(v, s) for v, s in ((m, e), (w, f)))
        product = delta[pairs[:, 0]] * other[pairs[:, 1]]
        np.testing.assert_allclose(index[i], np.mean(np.sign(product) * np.sqrt(np.abs(product))), **CLOSE)
