"""Figures of engines: kept, corrected by what queries take, and not lost to a damaged file."""

from __future__ import annotations

import json
import math
import multiprocessing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from skyhouse.cli import app
from skyhouse.errors import InputError
from skyhouse.query.costs import DUCKDB, SPARK, Prediction, predict
from skyhouse.query.estimate import Estimate
from skyhouse.query.reading import Read
from skyhouse.session.calibrate import calibrate, fitted
from skyhouse.session.calibration import Calibration
from skyhouse.settings import Settings

WORK = Estimate(
    reads=[Read("t", ("a",), files=10, groups=80, bytes=10**9, size=4 * 10**9, rows=10**7, rows_there=10**7)],
    filtered=1e7, grouped=1e7, joined=1e7, sorted=1e6, shuffles=2, shuffled=1e8, memory=1e6, rows=1000, values=2000,
)  # fmt: skip


@pytest.fixture
def calibration(tmp_path):
    return Calibration(tmp_path)


def test_rates_are_kept_by_key(calibration, tmp_path):
    mine = replace(SPARK, scan=5e8, cores=640, memory=3e12)
    calibration.store({"spark spark://host:7077": mine, "duckdb": DUCKDB})
    again = Calibration(tmp_path)
    assert again.rates("spark spark://host:7077") == mine
    assert again.rates("spark local[*]") == SPARK
    assert again.rates("duckdb") == DUCKDB
    assert again.measured("duckdb")
    assert not again.measured("spark local[*]")


@given(actual=st.floats(0.2, 5), noise=st.lists(st.floats(-0.3, 0.3), min_size=30, max_size=40))
def test_predictions_come_near_what_queries_take(actual, noise, tmp_path_factory):
    calibration = Calibration(tmp_path_factory.mktemp("state"))
    truth = predict("duckdb", WORK, DUCKDB).seconds * actual
    for error in noise:
        prediction = predict("duckdb", WORK, DUCKDB, correction=calibration.correction("duckdb"))
        calibration.learn("duckdb", prediction, truth * math.exp(error))
    found = predict("duckdb", WORK, DUCKDB, correction=calibration.correction("duckdb")).seconds
    assert 0.7 < found / truth < 1.4


def test_one_wild_run_moves_little(calibration):
    prediction = predict("duckdb", WORK, DUCKDB)
    for _ in range(20):
        calibration.learn("duckdb", prediction, prediction.seconds)
    calibration.learn("duckdb", prediction, 1e6 * prediction.seconds)
    assert 1 < calibration.correction("duckdb").work < 1.5
    assert calibration.correction("duckdb").fixed == 1


def test_a_correction_is_bounded(calibration):
    for _ in range(100):
        calibration.learn("spark local[*]", Prediction("spark", 0, 0.1, 10), 1e9)
    assert calibration.correction("spark local[*]").work == pytest.approx(8)


def test_what_weighs_most_is_corrected(calibration):
    calibration.learn("duckdb", Prediction("duckdb", 0, 0.010, 0.001), 0.031)
    assert calibration.correction("duckdb").fixed == pytest.approx(math.sqrt(3))
    assert calibration.correction("duckdb").work == 1
    calibration.learn("duckdb", Prediction("duckdb", 9, 0.010, 5), 20)  # a start teaches nothing
    assert calibration.correction("duckdb").work == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 99, "rates": {}, "corrections": {}}',
        '{"format": 1, "rates": {"duckdb": 3}, "corrections": {}}',
        '{"format": 1, "rates": {"duckdb": {"scan": "fast"}}, "corrections": {}}',
        '{"format": 1, "rates": {"duckdb": {"scan": NaN}}, "corrections": {"duckdb": {"work": NaN}}}',
        '{"format": 1, "rates": {"duckdb": {"scan": -5, "cores": 0, "wings": 2}}, "corrections": {}}',
        '{"format": 1, "rates": {}, "corrections": {"duckdb": ["work"]}}',
    ],
)
def test_a_damaged_file_is_passed_over(content, calibration):
    calibration.path.parent.mkdir(exist_ok=True)
    calibration.path.write_text(content, encoding="utf-8")
    again = Calibration(calibration.path.parent)
    assert again.rates("duckdb") == DUCKDB
    assert again.correction("duckdb").work == 1
    again.learn("duckdb", Prediction("duckdb", 0, 0, 1), 2)
    again.save()
    assert json.loads(calibration.path.read_text(encoding="utf-8"))["corrections"]["duckdb"]["work_runs"] == 1


def test_where_nothing_can_be_written_queries_go_on(tmp_path):
    (tmp_path / "file").write_text("in the way")
    calibration = Calibration(tmp_path / "file" / "state")
    calibration.learn("duckdb", Prediction("duckdb", 0, 0, 1), 2)
    calibration.save()
    assert calibration.correction("duckdb").work == pytest.approx(math.sqrt(2))


def teach(folder, key):
    for _ in range(50):
        calibration = Calibration(folder)
        calibration.learn(key, Prediction("spark", 0, 0, 1), 2)
        calibration.save()


def test_processes_that_write_at_once_leave_a_whole_file(tmp_path):
    started = multiprocessing.get_context("spawn")
    writers = [started.Process(target=teach, args=(tmp_path, f"spark local[{n}]")) for n in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = Calibration(tmp_path)
    assert any(found.correction(f"spark local[{n}]").work > 1.3 for n in (1, 2))
    assert [path.name for path in tmp_path.iterdir()] == [found.path.name]


@pytest.mark.parametrize("rate", ["query", "stage", "scan", "filter", "aggregate", "sort", "join", "value"])
@pytest.mark.parametrize(("engine", "rates"), [("duckdb", DUCKDB), ("spark", SPARK)])
def test_a_rate_is_found_from_what_a_query_takes(rate, engine, rates):
    truth = replace(rates, **{rate: 3.7 * getattr(rates, rate)})
    found = fitted(engine, rates, rate, WORK, predict(engine, WORK, truth).seconds)
    assert getattr(found, rate) == pytest.approx(getattr(truth, rate), rel=1e-3)


def test_a_query_faster_than_thought_gives_the_least_rate():
    found = fitted("duckdb", DUCKDB, "join", WORK, 0.0)
    assert 0 < found.join < 1e-9


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.soak])])
def test_an_engine_is_measured(calibration, tmp_path, engine):
    settings = Settings(threads=2, spark_master="local[2]", spark_memory="1g")
    steps = []
    found = calibrate(settings, calibration, (engine,), rows=60_000, progress=steps.append)
    key = {"duckdb": "duckdb", "spark": "spark local[2]"}[engine]
    assert found.keys() == {key}
    assert found[key].cores == 2
    assert all(value > 0 for value in (found[key].query, found[key].scan, found[key].sort, found[key].start))
    assert Calibration(tmp_path).rates(key) == found[key]
    assert f"{engine}: sort" in steps


def test_the_command_asks_for_a_size(tmp_path):
    ran = CliRunner().invoke(app, ["calibrate", "--memory", "lots"])
    assert isinstance(ran.exception, InputError)
    assert "3TB" in str(ran.exception)
    assert CliRunner().invoke(app, ["calibrate", "--help"]).exit_code == 0
