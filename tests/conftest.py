"""Fixtures that tests of every part use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import skyhouse
from skyhouse.session import Lake
from skyhouse.surveys.manga.simulate import simulate

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real survey files, or skip."""
    named = os.environ.get("SKYHOUSE_REAL_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real survey files: {folder} is no folder (SKYHOUSE_REAL_DATA may name another)")
    return folder


GALAXIES = ["8485-12701", "8485-1901", "8485-3702", "9487-6102", "9487-12703", "7815-1902", "7815-6101", "10001-3703"]


@pytest.fixture(scope="session")
def simulated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated MAPS files of eight galaxies of all sizes, and their DRPall, in the archive's layout."""
    folder = tmp_path_factory.mktemp("sas")
    simulate(folder, plateifus=GALAXIES)
    return folder


@pytest.fixture(scope="session")
def lake(simulated_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of the simulated files; tests only read it."""
    with skyhouse.open(tmp_path_factory.mktemp("lake") / "lake", workers=2, spark_memory="2g") as opened:
        report = opened.ingest(str(simulated_files / "**/*.fits*"), survey="manga")
        assert report.ok, report.failures
        yield opened


ENGINES = ["duckdb", pytest.param("spark", marks=pytest.mark.spark)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each SQL engine in turn."""
    return str(request.param)
