"""A small simulated survey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import skyhouse
from skyhouse.session import Lake
from skyhouse.surveys import ztf


@pytest.fixture(scope="session")
def ztf_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of 1,500 simulated objects, which tests only read; they write to the schema my."""
    with skyhouse.open(tmp_path_factory.mktemp("ztf") / "lake", workers=2, spark_memory="2g") as opened:
        ztf.simulate(opened, 1500, seed=5)
        yield opened
