"""False alarms against astropy and against noise; the words for aliases."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.timeseries.periodograms.lombscargle import _statistics

from skyhouse.lightcurves import ALIASES, Band, Ranked, aliases, false_alarm_probability, rank, search


def ranked(power, *, points, spread, order=1, bands=1):
    values = np.full((1, 1), power)
    one = np.ones((1, 1), int)
    return Ranked(
        frequency=values,
        power=values,
        bic=values,
        agreement=values,
        order=order * one,
        parameters=2 * order * bands * one,
        points=one[0] * points,
        bands=one[0] * bands,
        spread=np.full(1, spread),
    )


@pytest.mark.parametrize("power", [0.2, 0.35, 0.5, 0.9])
def test_one_sinusoid_in_one_band_is_baluevs(power):
    random = np.random.default_rng(3)
    time, error = random.uniform(0, 400, 50), np.ones(50)
    mine = false_alarm_probability(
        ranked(power, points=50, spread=time.var()), np.array([400.0]), minimum_frequency=0, maximum_frequency=5
    )
    theirs = _statistics.false_alarm_probability(power, 5, time, time, error, "standard", "baluev")
    np.testing.assert_allclose(mine[0, 0], theirs, rtol=1e-9)


@pytest.mark.parametrize("bands", [1, 2])
def test_noise_is_rarely_significant(bands):
    random = np.random.default_rng(5)
    objects, points = 300, 60
    curves = [
        Band(
            np.arange(objects + 1) * points,
            58000 + random.uniform(0, 300, objects * points),
            random.normal(16, 0.1, objects * points),
            np.full(objects * points, 0.1),
        )
        for _ in range(bands)
    ]
    found = search(curves, maximum_frequency=4)
    alarm = false_alarm_probability(rank(curves, found, maximum_frequency=4), found.baseline, maximum_frequency=4)
    assert (alarm[:, 0] < 0.01).mean() <= 0.02
    assert 0.02 < (alarm[:, 0] < 0.3).mean() < 0.4


def test_more_power_is_less_likely_noise():
    alarms = [
        false_alarm_probability(ranked(power, points=200, spread=1e5, order=3, bands=2), np.array([1500.0]))[0, 0]
        for power in (0.1, 0.2, 0.3, 0.6, 0.99)
    ]
    assert alarms == sorted(alarms, reverse=True)
    assert alarms[0] > 0.99
    assert alarms[-1] < 1e-100


@pytest.mark.parametrize(
    ("frequencies", "words"),
    [
        ([1.7, 0.7, 2.70274], ["", "daily", "daily"]),
        ([0.3, 0.7, 0.70274], ["", "daily", "daily"]),
        ([1.7, 0.85, 3.4], ["", "harmonic", "harmonic"]),
        ([1.7, 1.70274, 4.21], ["", "yearly", ""]),
        ([1.0, 3.0082, 0.5], ["day", "day", "day"]),
        ([0.03386, 0.06773, 0.0009], ["month", "month", "trend"]),
        ([1.7, np.nan, np.nan], ["", "", ""]),
    ],
)
def test_aliases_are_named(frequencies, words):
    found = aliases(np.array([frequencies]), np.array([2000.0]))
    assert [ALIASES[code] for code in found[0]] == words
