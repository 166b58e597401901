"""The counts of well observed objects, the same on every engine and by counting."""

from __future__ import annotations

import pytest

from skyhouse.errors import InputError
from skyhouse.surveys import ztf


@pytest.mark.parametrize("min_obs", [1, 30, 60])
def test_objects_are_counted_by_their_points(ztf_lake, engine, min_obs):
    rows = ztf_lake.sql("SELECT nobs_g, nobs_r, nobs_i FROM ztf.objects").to_arrow().to_pylist()
    enough = [{band: row[f"nobs_{band}"] >= min_obs for band in "gri"} for row in rows]
    expected = {
        "objects": 1500,
        "r": sum(row["r"] for row in enough),
        "g_r": sum(row["g"] and row["r"] for row in enough),
        "g_r_i": sum(row["g"] and row["r"] and row["i"] for row in enough),
    }
    assert 0 < expected["g_r_i"] < expected["g_r"] <= expected["r"]
    found = ztf.well_observed(ztf_lake, min_obs).on(engine).to_arrow().to_pylist()
    assert found == [expected]


def test_only_whole_numbers_of_points_are_asked_for(ztf_lake):
    with pytest.raises(InputError, match="whole number"):
        ztf.well_observed(ztf_lake, "0) OR (1 = 1")
