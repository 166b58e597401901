from __future__ import annotations

import math

import pytest
from astropy.coordinates import Angle, SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import QueryError
from skyhouse.query.query import Query

RA, DEC = st.floats(-10, 370), st.floats(-90, 90)


def value(lake, expression):
    return Query.of(f"SELECT {expression} AS a", lake).to_arrow().column("a")[0].as_py()


@given(RA, DEC, RA, DEC)
def test_separation_is_astropys(lake, ra, dec, ra0, dec0):
    due = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(ra0, dec0, unit="deg")).deg
    assert value(lake, f"separation({ra!r}, {dec!r}, {ra0!r}, {dec0!r})") == pytest.approx(due, rel=1e-9, abs=1e-11)


@given(RA, DEC, st.floats(0, 360), st.floats(1e-6, 179))
def test_position_angle_is_astropys(lake, ra, dec, angle, distance):
    here = SkyCoord(ra, dec, unit="deg")
    there = here.directional_offset_by(angle * here.ra.unit, distance * here.ra.unit)
    due = here.position_angle(there).deg
    found = value(lake, f"position_angle({ra!r}, {dec!r}, {float(there.ra.deg)!r}, {float(there.dec.deg)!r})")
    if abs(dec) < 89.9 and distance < 178 and abs(there.dec.deg) < 89.9:
        assert abs((found - due + 180) % 360 - 180) < 1e-5


@given(RA, DEC, RA, DEC, st.floats(0, 180))
def test_a_cone_holds_what_is_no_farther_than_its_radius(lake, ra, dec, ra0, dec0, radius):
    due = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(ra0, dec0, unit="deg")).deg
    if abs(due - radius) > 1e-9:
        assert value(lake, f"in_cone({ra!r}, {dec!r}, {ra0!r}, {dec0!r}, {radius!r})") == (due < radius)


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
