"""Where Spark is, and what there is to wait for."""

from __future__ import annotations

import os
import time

import pytest

import skyhouse
from skyhouse.engine import warm
from skyhouse.session.whereabouts import whereabouts
from skyhouse.settings import Settings

pytest.importorskip("pyspark")


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    return warm.runtime_folder()


@pytest.fixture
def server(runtime):
    """What a warm server leaves for others to find, and holds for as long as it lives."""
    with warm.lock(runtime) as held:
        now = time.time()
        warm.WarmServer(os.getpid(), 15002, "secret", "local[3]", "2g", "4.3", 60, now, now).write(runtime)
        yield held


def test_a_warm_server_is_found(server):
    found = whereabouts(Settings())
    assert (found.master, found.served, found.missing, found.chosen, found.cores) == ("local[3]", True, "", True, 3)
    assert whereabouts(Settings(spark_master="warm")) == found
    assert not whereabouts(Settings(spark_master="local[5]")).served


def test_with_a_warm_server_spark_need_not_start(server, tmp_path):
    with skyhouse.open(tmp_path / "lake") as lake:
        assert lake.explain("SELECT 1 AS one").predicted["spark"] < 3
        assert "1.0 s of it to start" in lake.explain("SELECT 1 AS one").reason


def test_without_one_it_does(runtime, tmp_path):
    with skyhouse.open(tmp_path / "lake") as lake:
        assert lake.explain("SELECT 1 AS one").predicted["spark"] > 3


def test_no_warm_server(runtime):
    assert whereabouts(Settings(spark_master="warm")).missing == "no warm server runs here"
    assert not whereabouts(Settings()).chosen


def test_no_java(runtime, monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert whereabouts(Settings()).missing == "there is no Java"
    assert whereabouts(Settings(spark_master="sc://host")).missing == ""
    with skyhouse.open(tmp_path / "lake") as lake:
        found = lake.explain("SELECT 1 AS one")
        assert found.reason.endswith("; spark cannot: there is no Java")
        assert dict(found.rows())["predicted on spark"] == "cannot: there is no Java"
        assert lake.sql("SELECT 1 AS one").run().engine == "duckdb"
