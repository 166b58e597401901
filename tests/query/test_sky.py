from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import Angle, SkyCoord

from skyhouse.engine.duck import DuckEngine
from skyhouse.errors import QueryError
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse
from skyhouse.query.query import Query
from skyhouse.settings import Settings
from skyhouse.testing import Shelf, shelve


def value(lake, expression):
    return Query.of(f"SELECT {expression} AS a", lake).to_arrow().column("a")[0].as_py()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Pairs of places, among them poles, opposite and near ones, and what the language says of them."""
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(-10, 370, (2, 3000)), np.degrees(np.arcsin(rng.uniform(-1, 1, (2, 3000))))
    edges = np.array([(a, d) for a in (0, 1e-7, 90, 180, 359.9999999, 360) for d in (-90, -45, 0, 1e-9, 89.9999, 90)])
    left, right = (axis.ravel() for axis in np.meshgrid(np.arange(len(edges)), np.arange(len(edges))))
    columns = {
        "ra": np.concatenate([ra[0], edges[left, 0], ra[0]]),
        "dec": np.concatenate([dec[0], edges[left, 1], dec[0]]),
        "ra0": np.concatenate([ra[1], edges[right, 0], ra[0] + rng.normal(0, 1e-4, 3000)]),
        "dec0": np.concatenate([dec[1], edges[right, 1], np.clip(dec[0] + rng.normal(0, 1e-4, 3000), -90, 90)]),
    }
    columns["radius"] = np.abs(rng.normal(0, 60, len(columns["ra"])))
    shelf = Shelf(shelve(tmp_path_factory.mktemp("pairs"), "t.pairs", pa.table(columns)))
    text = (
        "SELECT separation(ra, dec, ra0, dec0) AS separation, position_angle(ra, dec, ra0, dec0) AS angle,"
        " in_cone(ra, dec, ra0, dec0, radius) AS inside FROM t.pairs"
    )
    engine = DuckEngine(Settings())
    found = engine.batches(lower(parse(text), shelf, "duckdb")).read_all()
    engine.close()
    here, there = (SkyCoord(columns[f"ra{n}"], columns[f"dec{n}"], unit="deg") for n in ("", "0"))
    return columns, {name: found[name].to_numpy() for name in found.column_names}, here, there


def test_separations_are_astropys(pairs):
    _, found, here, there = pairs
    assert np.allclose(found["separation"], here.separation(there).deg, rtol=1e-9, atol=1e-11)


def test_position_angles_are_astropys(pairs):
    columns, found, here, there = pairs
    due = here.position_angle(there).deg
    apart = found["separation"]
    plain = (np.abs(columns["dec"]) < 89) & (np.abs(columns["dec0"]) < 89) & (apart > 1e-6) & (apart < 179)
    assert plain.sum() > 5000
    assert np.abs((found["angle"] - due + 180) % 360 - 180)[plain].max() < 1e-6
    assert (found["angle"] >= 0).all()
    assert (found["angle"] < 360).all()


def test_a_cone_holds_what_is_no_farther_than_its_radius(pairs):
    columns, found, here, there = pairs
    due = here.separation(there).deg
    plain = np.abs(due - columns["radius"]) > 1e-9
    assert (found["inside"] == (due < columns["radius"]))[plain].all()
    assert 1000 < found["inside"].sum() < 6000


@pytest.mark.parametrize(
    ("place", "cone", "inside"),
    [
        ("359.99, 0", "0.01, 0, 0.021", True),
        ("0.01, 0", "359.99, 0, 0.019", False),
        ("180, 89.9", "0, 89.9, 0.21", True),
        ("180, -89.9", "0, -90, 0.05", False),
        ("123, 90", "7, 90, 1e-12", True),
        ("10, 20", "10, 20, 0", True),
        ("10, 20", "10, 20, -1", False),
        ("-9999, -9999", "10, 20, 1", False),
    ],
)
def test_cones_at_the_poles_and_across_ra_0(lake, place, cone, inside):
    assert value(lake, f"in_cone({place}, {cone})") is inside


def test_null_and_nan_places_are_nowhere(lake):
    assert value(lake, "separation(NULL, 1, 2, 3)") is None
    assert value(lake, "in_cone(1, NULL, 2, 3, 1)") is None
    assert math.isnan(value(lake, "separation(cast('NaN' AS double), 1, 2, 3)"))
    assert value(lake, "in_cone(cast('NaN' AS double), 3, 2, 3, 1)") is False


def test_a_box_is_a_cross_with_great_circles_across_its_ends(lake):
    inside = "in_box({}, {}, 10, 60, 4, 2)"
    # 2 degrees along the great circle to the east of (10, 60), not along its parallel.
    edge = SkyCoord(10, 60, unit="deg").directional_offset_by(Angle("90d"), Angle("1.999d"))
    assert value(lake, inside.format(float(edge.ra.deg), float(edge.dec.deg)))
    assert value(lake, inside.format(10, 60.999))
    assert not value(lake, inside.format(10, 61.001))
    assert not value(lake, inside.format(14.1, 60))
    assert not value(lake, inside.format(190, -60))
    assert value(lake, "in_box(359.9, 0.1, 0.2, 0, 1, 1)")


SQUARE = "350, -10, 10, -10, 10, 10, 350, 10"


@pytest.mark.parametrize(
    ("place", "corners", "inside"),
    [
        ("0, 0", SQUARE, True),
        ("0, 0", "350, 10, 10, 10, 10, -10, 350, -10", True),
        ("11, 0", SQUARE, False),
        ("180, 0", SQUARE, False),
        ("350, 10", SQUARE, True),
        ("0, 10.1", SQUARE, True),
        ("0, 10.2", SQUARE, False),
        ("45, 88", "0, 80, 120, 80, 240, 80", True),
        ("60, 80", "0, 80, 120, 80, 240, 80", False),
        ("1, 1", "0, 0, 90, 0, 0, 90", True),
        ("-1, 1", "0, 0, 90, 0, 0, 90", False),
    ],
)
def test_polygons(lake, place, corners, inside):
    assert value(lake, f"in_polygon({place}, {corners})") is inside


@pytest.mark.parametrize(
    ("corners", "match"),
    [
        ("0, 0, 1, 0", "is called as in_polygon"),
        ("0, 0, 1, 0, 1, 1, 0", "one number is over"),
        ("0, 0, 1, 0, 0.1, 0.1, 0, 1", "convex"),
        ("0, 0, 0, 0, 1, 1", "neither the same nor opposite"),
    ],
)
def test_what_is_no_polygon_is_refused(lake, corners, match):
    with pytest.raises(QueryError, match=match) as caught:
        value(lake, f"in_polygon(0, 0, {corners})")
    assert caught.value.column == 8
