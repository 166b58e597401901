"""Cleaning keeps what it says, in the order of time; merging brings sources to one zero point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, Clean, merged


def band_of(*curves):
    """A band of objects, each a list of (mjd, mag, magerr, catflags)."""
    points = np.array([point for curve in curves for point in curve], float).reshape(-1, 4)
    offsets = np.concatenate(([0], np.cumsum([len(curve) for curve in curves])))
    return Band(offsets, points[:, 0], points[:, 1], points[:, 2], points[:, 3])


def listed(band):
    flags = np.zeros(len(band.mjd), int) if band.catflags is None else band.catflags
    points = list(zip(band.mjd.tolist(), band.mag.tolist(), band.magerr.tolist(), flags.tolist(), strict=True))
    return [points[band.offsets[i] : band.offsets[i + 1]] for i in range(len(band))]


def cleaned_plainly(curve, clean):
    """The same rules in plain Python, for one object."""
    good = [
        point
        for point in curve
        if np.isfinite(point[:3]).all()
        and 0 < point[2] <= (np.inf if clean.max_error is None else np.float32(clean.max_error))
        and int(point[3]) & clean.flags == 0
    ]
    good.sort(key=lambda point: point[0])
    groups = []
    for point in good:
        if groups and (point[0] - groups[-1][0][0]) * 1440 <= clean.minutes + 1e-6 * bool(clean.minutes):
            groups[-1].append(point)
        else:
            groups.append([point])
    kept = [min(group, key=lambda point: point[2]) for group in groups]
    return kept if len(kept) >= clean.min_epochs else []


numbers = st.sampled_from([15.0, 15.5, 17.25, np.nan, np.inf, -np.inf])
errors = st.sampled_from([0.125, 0.25, 0.5, 0.0, -0.25, np.nan, np.inf])
times = st.one_of(st.integers(0, 40).map(lambda k: 58000 + k / 64), st.sampled_from([np.nan, np.inf]))
curves = st.lists(st.lists(st.tuples(times, numbers, errors, st.integers(-1, 3)), max_size=30), max_size=5)
cleans = st.builds(
    Clean,
    flags=st.sampled_from([-1, 0, 1, 2]),
    max_error=st.sampled_from([None, 0.25]),
    minutes=st.sampled_from([0.0, 22.5, 30.0, 100.0]),
    min_epochs=st.integers(0, 4),
)


@given(curves, cleans)
def test_what_is_kept_is_what_the_rules_say(curves, clean):
    band = band_of(*curves)
    before = listed(band)
    assert listed(clean(band)) == [cleaned_plainly(curve, clean) for curve in curves]
    np.testing.assert_equal(listed(band), before)


@given(curves, cleans)
def test_cleaning_again_changes_nothing(curves, clean):
    once = clean(band_of(*curves))
    assert listed(Clean(clean.flags, clean.max_error, 0.0, clean.min_epochs)(once)) == listed(once)


def test_flags_are_looked_at_where_there_are_any():
    flagged = band_of([(1, 15, 0.5, 0), (2, 15, 0.5, 32768), (3, 15, 0.5, 2), (4, 15, 0.5, -1)])
    assert Clean()(flagged).mjd.tolist() == [1]
    assert Clean(32768)(flagged).mjd.tolist() == [1, 3]
    assert Clean(0)(flagged).catflags.tolist() == [0, 32768, 2, -1]
    assert Clean(0xFFFFFFFF)(flagged).mjd.tolist() == [1]
    without = Band(flagged.offsets, flagged.mjd, flagged.mag, flagged.magerr)
    assert Clean()(without).mjd.tolist() == [1, 2, 3, 4]
    assert Clean()(without).catflags is None


def test_thirty_minutes_apart_is_within_thirty_minutes():
    mjd = 58000.1 + np.arange(4) * 30 / 1440
    band = Band([0, 4], mjd, np.arange(4.0), [0.5, 0.25, 0.5, 0.5])
    assert Clean(minutes=30)(band).mag.tolist() == [1.0, 2.0]


def test_a_long_curve_in_disorder_is_sorted_and_equal_times_keep_the_best():
    random = np.random.default_rng(1)
    mjd = random.integers(0, 300, 1000).astype(float)
    magerr = random.uniform(0.1, 1, 1000).astype(np.float32)
    kept = Clean()(Band([0, 1000], mjd, np.arange(1000.0), magerr))
    assert kept.mjd.tolist() == sorted(set(mjd))
    assert kept.magerr.tolist() == [magerr[mjd == t].min() for t in sorted(set(mjd))]


@pytest.mark.parametrize("wrong", [{"minutes": -1}, {"min_epochs": -2}, {"max_error": np.nan}, {"flags": 2**40}])
def test_rules_that_cannot_be_are_told(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Clean(**wrong)


def test_sources_come_to_the_median_of_the_one_with_the_most_points():
    random = np.random.default_rng(2)
    sizes, zeros = [6, 9, 4, 7, 5, 5], [0.5, 0, 0.25, -1, 1, 2]
    parts = [random.normal(15 + zero, 0.125, size).astype(np.float32) for size, zero in zip(sizes, zeros, strict=True)]
    offsets, points = np.concatenate(([0], np.cumsum(sizes))), sum(sizes)
    mjd = random.permutation(points).astype(float)
    sources = Band(offsets, mjd, np.concatenate(parts), np.full(points, 0.125), np.arange(points))
    together = merged(sources, [0, 3, 3, 6])
    assert together.counts.tolist() == [19, 0, 17]
    for group, (best, short) in ((range(3), (1, 2)), (range(3, 6), (3, None))):
        here = slice(offsets[group[0]], offsets[group[-1] + 1])
        points_of = together.slice(group[0] and 2, 1 if group[0] == 0 else 3)
        assert points_of.mjd.tolist() == sorted(mjd[here])
        back = np.argsort(np.argsort(mjd[here]))
        shifted = np.split(points_of.mag[back], offsets[group[0] + 1 : group[-1] + 1] - offsets[group[0]])
        assert points_of.catflags[back].tolist() == list(range(points))[here]
        for source, values in zip(group, shifted, strict=True):
            if source == short:
                assert values.tolist() == parts[source].tolist()
            else:
                assert np.median(values) == pytest.approx(np.median(parts[best]), abs=2e-6)
                np.testing.assert_allclose(np.diff(values), np.diff(parts[source]), atol=4e-6)
    apart = merged(sources, [0, 3, 3, 6], align=False)
    assert sorted(apart.mag.tolist()) == sorted(np.concatenate(parts).tolist())


@pytest.mark.parametrize("groups", [[], [0, 1], [1, 2], [0, 2, 1, 2]])
def test_groups_that_do_not_fit_are_told(groups):
    with pytest.raises(InputError, match="groups go from 0 to the number of sources, 2"):
        merged(band_of([(1, 15, 0.5, 0)], []), groups)


def test_the_sentinels_of_real_curves_are_left_out(stripe_82):
    band = stripe_82["u"]
    kept = Clean(max_error=0.3)(band)
    assert 0 < kept.offsets[-1] < band.offsets[-1]
    assert kept.magerr.max() < 0.3
    for i in range(len(kept)):
        assert (np.diff(kept.rows(i)[0]) > 0).all()
