from __future__ import annotations

import math

import pytest

from skyhouse.errors import QueryError, UnknownFunction
from skyhouse.query.parse import parse, written
from skyhouse.query.query import Query


def rows(lake, text, dialect):
    return Query.of(text, lake, dialect).to_arrow().to_pylist()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("SELECT TOP 3 [x] FROM t", 'SELECT "x" FROM t LIMIT 3'),
        ("SELECT TOP (3) a AS [my a] FROM t -- all\n", 'SELECT a AS "my a" FROM t LIMIT 3'),
        ("SELECT gr = g - r, n=count(*) FROM t", "SELECT g - r AS gr, count(*) AS n FROM t"),
        ("SELECT ISNULL(a, 0) FROM t", "SELECT coalesce(a, 0) FROM t"),
        ("SELECT a FROM dbo.t WITH (NOLOCK)", "SELECT a FROM t"),
        ("SELECT a FROM t (nolock), u AS v with (nolock)", "SELECT a FROM t, u AS v"),
        ("SELECT a FROM BESTDR16..t, BestDR9.dbo.u", "SELECT a FROM BESTDR16.t, BestDR9.u"),
        ("SELECT a FROM MyDB.dbo.[my table]", 'SELECT a FROM MyDB."my table"'),
        ("SELECT a & 3 + 2 FROM t", "SELECT (a & 3) + 2 FROM t"),
        ("SELECT 'a' + b + c FROM t", "SELECT 'a' || b || c FROM t"),
        ("SELECT LEN(a), SQUARE(b), ATN2(a, b) FROM t", "SELECT length(rtrim(a)), SQUARE(b), atan2(a, b) FROM t"),
        ("SELECT CONVERT(float, a), CAST(a AS int) FROM t", "SELECT CAST(a AS DOUBLE), CAST(cut(a) AS INT) FROM t"),
        ("SELECT a / b, a / 2.0 FROM t", "SELECT divide(a, b), a / 2.0 FROM t"),
        ("SELECT a FROM t ORDER BY a, b DESC", "SELECT a FROM t ORDER BY a NULLS FIRST, b DESC"),
        ("SELECT IIF(a > 0, 1, 2) FROM t", "SELECT IIF(a > 0, 1, 2) FROM t"),
        ("SELECT ROUND(a, 2, 1), ROUND(a, 2, 0) FROM t", "SELECT truncate(a, 2), round(a, 2) FROM t"),
        ("SELECT DATEADD(dd, -3, a) FROM t", "SELECT (a + (-3) * INTERVAL '1' DAY) FROM t"),
        ("SELECT DATEDIFF(yy, a, b), GETDATE() FROM t", "SELECT date_diff('year', a, b), now() FROM t"),
        ("SELECT DATEPART(month, a) FROM t", "SELECT date_part('month', a) FROM t"),
        ("SELECT a FROM t WHERE a !< 3 AND b !> 4 AND c != 5", "SELECT a FROM t WHERE a >= 3 AND b <= 4 AND c <> 5"),
    ],
)
def test_tsql_becomes_our_language(text, meant):
    assert written(parse(text, "tsql")) == meant


def test_bits_bind_as_plus_does_in_tsql(lake):
    assert rows(lake, "SELECT 1 | 2 + 4 & 4 AS a, 5 ^ 3 AS b", "tsql") == [{"a": 4, "b": 6}]


def test_integers_divide_to_integers_where_they_do_so_elsewhere(lake):
    for dialect, quotient in (("tsql", 3), ("adql", 3), ("spark", 3.5), ("sql", 3.5)):
        assert rows(lake, "SELECT 7 / 2 AS a", dialect) == [{"a": quotient}]
        assert rows(lake, "SELECT x / y AS a FROM manga.spaxels WHERE x = 9", dialect) == [
            {"a": 9 // 2 if quotient == 3 else 4.5}
        ]


def test_casts_to_integers_cut_where_they_do_so_elsewhere(lake):
    for dialect, cast in (("tsql", -2), ("spark", -2), ("sql", -3), ("adql", -3)):
        assert rows(lake, "SELECT CAST(-2.7 AS int) AS a", dialect) == [{"a": cast}]


def test_a_table_goes_by_its_short_name_where_no_other_has_it(lake):
    for name in ("galaxies", "Galaxies", "dbo.galaxies", "BestDR17..galaxies", "manga.galaxies"):
        assert rows(lake, f"SELECT count(*) AS n FROM {name}", "tsql") == [{"n": 3}]


@pytest.mark.parametrize(
    ("dialect", "text", "match", "line", "column"),
    [
        ("tsql", "SELECT TOP 5 PERCENT a FROM t", "TOP ... PERCENT is not read", 1, 12),
        ("tsql", "SELECT TOP 5 WITH TIES a FROM t", "rank\\(\\) OVER", 1, 12),
        ("tsql", "SELECT 1 AS a\nGO\nSELECT 2", "one statement at a time", 2, 1),
        ("tsql", "DECLARE @x int", "variables are not read", 1, 1),
        ("tsql", "SET NOCOUNT ON", "not set here", 1, 1),
        ("tsql", "SELECT a FROM t\nWHERE a = @x", "variables such as @x", 2, 7),
        ("tsql", "SELECT a FROM t FOR XML AUTO", "leave out FOR XML", 1, 8),
        ("tsql", "SELECT NEWID() AS a", "same rows each time", 1, 8),
        ("adql", "SELECT TOP -1 a FROM t", "missing here", 1, 12),
        ("tsql", "SELECT [a FROM t", "not closed", 1, 8),
        ("spark", "SELECT `a FROM t", "not closed", 1, 8),
    ],
)
def test_what_a_dialect_has_and_the_language_lacks_is_pointed_at(dialect, text, match, line, column):
    with pytest.raises(QueryError, match=match) as caught:
        parse(text, dialect)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_an_error_found_later_points_into_the_text_as_it_was_written(lake):
    with pytest.raises(UnknownFunction, match="line 2, column 10") as caught:
        rows(lake, "SELECT TOP 3 x,\n y = dbo.fNone(x)\nFROM [spaxels]", "tsql")
    assert " y = dbo.fNone(x)\n" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("SELECT TOP 5 a FROM t ORDER BY a OFFSET 2", "SELECT a FROM t ORDER BY a LIMIT 5 OFFSET 2"),
        (
            "SELECT TRUNCATE(a), TRUNCATE(a, 2) FROM t",
            "SELECT TRUNCATE(a), TRUNCATE(a, 2) FROM t",
        ),
        ("SELECT DISTANCE(POINT('ICRS', a, b), POINT(c, d)) FROM t", "SELECT separation(a, b, c, d) FROM t"),
        ("SELECT DISTANCE(1, 2, c, d) FROM t", "SELECT separation(1, 2, c, d) FROM t"),
        (
            "SELECT a FROM t WHERE CONTAINS(POINT(a, b), CIRCLE(1, 2, 3)) = 1",
            "SELECT a FROM t WHERE in_cone(a, b, 1, 2, 3)",
        ),
        (
            "SELECT a FROM t WHERE 0 = CONTAINS(POINT(a, b), CIRCLE(POINT(1, 2), 3))",
            "SELECT a FROM t WHERE NOT (in_cone(a, b, 1, 2, 3))",
        ),
        (
            "SELECT a FROM t WHERE 1 = CONTAINS(POINT(1, 2), CIRCLE(a, b, 3))",
            "SELECT a FROM t WHERE in_cone(a, b, 1, 2, 3)",
        ),
        (
            "SELECT a FROM t WHERE 1 = INTERSECTS(BOX(1, 2, 3, 4), POINT(a, b))",
            "SELECT a FROM t WHERE in_box(a, b, 1, 2, 3, 4)",
        ),
        (
            "SELECT a FROM t WHERE 1 = INTERSECTS(CIRCLE(a, b, c), CIRCLE(1, 2, 3))",
            "SELECT a FROM t WHERE separation(a, b, 1, 2) <= c + 3",
        ),
        (
            "SELECT a FROM t WHERE 1 = CONTAINS(CIRCLE(a, b, c), CIRCLE(1, 2, 3))",
            "SELECT a FROM t WHERE separation(a, b, 1, 2) + c <= 3",
        ),
        ("SELECT COORD1(POINT('ICRS', a, b)), COORDSYS(POINT('ICRS', a, b)) FROM t", "SELECT (a), 'ICRS' FROM t"),
        ("SELECT COORD2(CENTROID(CIRCLE(a, b, c))) FROM t", "SELECT (b) FROM t"),
        ("SELECT GAIA_HEALPIX_INDEX(12, a) FROM t", "SELECT div(a, 34359738368) FROM t"),
    ],
)
def test_adql_becomes_our_language(text, meant):
    assert written(parse(text, "adql")) == meant


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("SELECT POINT(a, b) FROM t", "no value here"),
        ("SELECT REGION('CIRCLE 1 2 3') FROM t", "REGION is not read"),
        ("SELECT RAND() FROM t", "same rows each time"),
        ("SELECT IN_UNIT(a, 'km') FROM t", "units are not converted"),
        ("SELECT CONTAINS(POINT(a, b), CIRCLE(1, 2)) FROM t", "CIRCLE\\(ra, dec, radius\\)"),
        ("SELECT CONTAINS(POINT(a, b), POLYGON(a, 1, 2, 3, 4, 5)) FROM t", "as numbers"),
        ("SELECT CONTAINS(BOX(1, 2, 3, 4), CIRCLE(1, 2, 3)) FROM t", "of box and circle"),
        ("SELECT DISTANCE(a, b) FROM t", "a distance is written"),
        ("SELECT AREA(BOX(1, 2, 3, 4)) FROM t", "AREA is read of"),
        ("SELECT AREA(POLYGON(0, 0, 1, 0, 0.1, 0.1, 0, 1)) FROM t", "convex"),
    ],
)
def test_geometry_that_is_not_read_is_pointed_at(text, match):
    with pytest.raises(QueryError, match=match) as caught:
        parse(text, "adql")
    assert caught.value.column >= 8


def test_areas(lake):
    text = "SELECT AREA(CIRCLE(1, 2, 90)) AS a, AREA(POLYGON(0, 0, 90, 0, 0, 90)) AS b, AREA(CIRCLE(1, 2, 1e-3)) AS c"
    (found,) = rows(lake, text, "adql")
    assert found == pytest.approx({"a": 129600 / math.pi / 2, "b": 129600 / math.pi / 8, "c": math.pi * 1e-6})


def test_centroids(lake):
    text = (
        "SELECT COORD1(CENTROID(POLYGON(350, 0, 10, 0, 10, 10, 350, 10))) AS a, COORD2(CENTROID(BOX(7, 8, 1, 1))) AS b"
    )
    (found,) = rows(lake, text, "adql")
    assert found["a"] % 360 == pytest.approx(0, abs=1e-9)
    assert found["b"] == 8


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("SELECT dbo.fPhotoFlags('saturated') | dbo.fPrimTarget('TARGET_GALAXY')", "SELECT 262144 | 64"),
        ("SELECT dbo.fPhotoType('Galaxy'), fPhotoMode('PRIMARY')", "SELECT 3, 1"),
        ("SELECT dbo.fCamcol(a) FROM t", "SELECT ((a >> 29) & 7) FROM t"),
        (
            "SELECT n.objID FROM dbo.fGetNearestObjEq(1, 2, 3) n",
            (
                "SELECT n.objID FROM (SELECT objID, 60.0 * separation(ra, dec, 1, 2) AS distance FROM PhotoPrimary"
                " WHERE in_cone(ra, dec, 1, 2, 0.05) ORDER BY distance LIMIT 1) AS n"
            ),
        ),
        (
            "SELECT m.id, n.objID FROM m OUTER APPLY fGetNearbyObjEq(m.ra, m.dec, 1) AS n WHERE n.distance < 1",
            (
                "SELECT m.id, n.objID FROM m LEFT JOIN (SELECT objID, ra AS _ra, dec AS _dec FROM PhotoPrimary) AS n"
                " ON in_cone(n._ra, n._dec, m.ra, m.dec, 0.016666666666666666)"
                " WHERE (60.0 * separation(n._ra, n._dec, m.ra, m.dec)) < 1"
            ),
        ),
        (
            "SELECT m.id, n.objID FROM m CROSS APPLY fGetNearestObjEq(m.ra, m.dec, 3) AS n",
            (
                "SELECT m.id, n.objID FROM m CROSS JOIN LATERAL (SELECT objID,"
                " 60.0 * separation(_all._ra, _all._dec, m.ra, m.dec) AS distance"
                " FROM (SELECT objID, ra AS _ra, dec AS _dec FROM PhotoPrimary) AS _all"
                " WHERE in_cone(_all._ra, _all._dec, m.ra, m.dec, 0.05) ORDER BY distance LIMIT 1) AS n"
            ),
        ),
        (
            "SELECT n.type FROM fGetObjFromRectEq(1, 2, 3, 4) n",
            (
                "SELECT n.type FROM (SELECT objID, type FROM PhotoPrimary"
                " WHERE ra BETWEEN 1 AND 3 AND dec BETWEEN 2 AND 4) AS n"
            ),
        ),
    ],
)
def test_skyservers_functions_become_our_language(text, meant):
    assert written(parse(text, "tsql")) == meant


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("SELECT dbo.fPhotoFlags('SATURATD')", "did you mean 'SATURATED'"),
        ("SELECT dbo.fPhotoFlags(a) FROM t", "one name in quotes"),
        ("SELECT a FROM dbo.fGetNearbyFrameEq(1, 2, 3, 0)", "of SkyServer's searches there are"),
        ("SELECT a FROM m, dbo.fGetNearbyObjEq(m.ra, m.dec, 3) n", "CROSS APPLY"),
    ],
)
def test_what_skyserver_has_and_is_not_read_is_pointed_at(text, match):
    with pytest.raises(QueryError, match=match) as caught:
        parse(text, "tsql")
    assert caught.value.column >= 8


def test_a_text_that_says_true_or_false_is_compared_with_a_truth_value(lake):
    assert rows(lake, "SELECT count(*) AS n FROM spaxels WHERE good = 'True'", "adql") == [{"n": 133}]
