"""The route: least predicted time that fits, and why."""

from __future__ import annotations

import pytest

from skyhouse.errors import InputError
from skyhouse.query.costs import Prediction
from skyhouse.query.route import Offer, route


def offers(duckdb, spark, start=0.0, fits=True):
    return [
        Offer("duckdb", Prediction("duckdb", 0, 0, duckdb, 9e9, fits)),
        Offer("spark", Prediction("spark", start, 0, spark)),
    ]


@pytest.mark.parametrize(
    ("duckdb", "spark", "start", "picked", "reason"),
    [
        (0.04, 1.3, 0, "duckdb", "duckdb: 0.04 s predicted against 1.3 s on spark"),
        (60, 5, 9, "spark", "spark: 14 s predicted against 60 s on duckdb"),
        (12, 5, 9, "duckdb", "duckdb: 12 s predicted against 14 s on spark, 9.0 s of it to start"),
        (10, 9, 0, "duckdb", "duckdb: 10 s predicted against 9.0 s on spark: not enough to move"),
        (0.4, 0.2, 0, "duckdb", "duckdb: 0.40 s predicted against 0.20 s on spark: not enough to move"),
    ],
)
def test_the_least_time_wins_by_a_margin(duckdb, spark, start, picked, reason):
    found = route("auto", offers(duckdb, spark, start))
    assert (found.engine, found.reason) == (picked, reason)


def test_what_does_not_fit_in_memory_is_left_out():
    found = route(None, offers(1, 50, fits=False))
    assert found.engine == "spark"
    assert found.reason == "spark: 50 s predicted; duckdb has too little memory for 9.0 GB"


def test_an_engine_that_is_missing_is_said():
    found = route(None, [offers(1, 2)[0], Offer("spark", missing="there is no Java")])
    assert (found.engine, found.reason) == ("duckdb", "duckdb: 1.0 s predicted; spark cannot: there is no Java")


def test_an_engine_that_is_asked_for_is_taken():
    found = route("spark", offers(1, 100))
    assert (found.engine, found.reason) == ("spark", "asked for")
    assert found.prediction("spark").seconds == 100
    with pytest.raises(InputError, match="did you mean 'spark'"):
        route("sparc", offers(1, 1))
