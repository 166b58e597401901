from __future__ import annotations

import pytest

from skyhouse.errors import QueryError, SkyhouseError, UnknownColumn, UnknownFunction, UnknownTable
from skyhouse.query.parse import parse
from skyhouse.query.resolve import resolve

ERRORS = [
    ("SELECT plateif FROM manga.spaxels", UnknownColumn, "did you mean 'plateifu'", 8),
    ("SELECT x FROM manga.spaxel", UnknownTable, "did you mean 'manga.spaxels'", 15),
    ("SELECT medain(x) FROM manga.spaxels", UnknownFunction, "did you mean 'median'", 8),
    ("SELECT read_text('/etc/passwd')", UnknownFunction, "no function 'read_text'", 8),
    ("SELECT g.y FROM manga.galaxies g", UnknownColumn, "no column 'y' in manga.galaxies", 8),
    ("SELECT q.x FROM manga.galaxies g", UnknownColumn, "no table or alias 'q'", 8),
    ("SELECT x FROM manga.spaxels s, manga.galaxies g", QueryError, "ambiguous.*write s.x", 8),
    ("SELECT x FROM manga.spaxels WHERE sum(x) > 2", QueryError, "aggregate .* WHERE; use HAVING", 35),
    ("SELECT x FROM manga.spaxels WHERE row_number() OVER () = 1", QueryError, "use QUALIFY", 35),
    ("SELECT plateifu, x, count(*) FROM manga.spaxels GROUP BY plateifu", QueryError, "neither in GROUP BY", 18),
    ("SELECT x, count(*) FROM manga.spaxels", QueryError, "neither in GROUP BY", 8),
    ("SELECT sum(max(x)) FROM manga.spaxels", QueryError, "cannot stand in sum", 12),
    ("SELECT x FROM manga.spaxels WHERE plateifu > 5", QueryError, "plateifu is a text and 5 a number", 35),
    ("SELECT x + plateifu FROM manga.spaxels", QueryError, r"\+ takes numbers", 12),
    ("SELECT sqrt(plateifu) FROM manga.spaxels", QueryError, "takes another type", 13),
    ("SELECT flux & 1 FROM manga.spaxels", QueryError, "takes integers", 8),
    ("SELECT x FROM manga.spaxels WHERE x", QueryError, "WHERE takes a condition", 35),
    ("SELECT atan2(x) FROM manga.spaxels", QueryError, r"called as atan2\(double, double\)", 8),
    ("SELECT rank() FROM manga.spaxels", QueryError, "needs OVER", 8),
    ("SELECT coalesce(x, 'a') FROM manga.spaxels", QueryError, "mixes types", 17),
    ("SELECT quantile_cont(x, y) FROM manga.spaxels", QueryError, "a number from 0 to 1", 25),
    ("SELECT x AS n FROM manga.spaxels WHERE n > 1", QueryError, "names a result column", 40),
    ("SELECT 1 AS a, 2 AS a", QueryError, "two result columns", 21),
    ("SELECT * EXCLUDE (nope) FROM manga.galaxies", UnknownColumn, "to EXCLUDE", 19),
    ("SELECT * FROM 'a.parquet'", UnknownTable, "no table", 15),
    ("SELECT * FROM read_parquet('a')", QueryError, "tables of the lake", 15),
    ("SELECT x FROM manga.spaxels ORDER BY 3", QueryError, "result columns 1 to 1", 38),
    ("SELECT 1 UNION SELECT 1, 2", QueryError, "same number", 23),
    ("SELECT 1 UNION SELECT 'a'", QueryError, "cast one", 23),
    ("SELECT x FROM manga.spaxels LIMIT 1 + 1", QueryError, "whole number", 35),
    ("SELECT 9223372036854775808", QueryError, "64 bits", 8),
    ("SELECT CAST(x AS uuid) FROM manga.spaxels", QueryError, "no type UUID", 13),
    ("SELECT (SELECT x, y FROM manga.spaxels)", QueryError, "gives one column", 16),
    ("SELECT sum(DISTINCT x) OVER () FROM manga.spaxels", QueryError, "OVER is not part", 8),
    ("SELECT 1 FROM manga.spaxels a JOIN manga.spaxels b", None, "", 0),
    ("SELECT 1 FROM manga.spaxels a LEFT JOIN manga.spaxels b", QueryError, "needs ON or USING", 41),
    ("SELECT 1 FROM manga.spaxels a NATURAL JOIN manga.galaxies", None, "", 0),
    ("SELECT x FROM (VALUES (1)) AS t(x)", None, "", 0),
    ("SELECT DISTINCT ON (x) y FROM manga.spaxels", None, "", 0),
    (
        "SELECT y FROM manga.spaxels GROUP BY y QUALIFY rank() OVER (ORDER BY y) = 1 ORDER BY sum(x)",
        QueryError,
        "QUALIFY of groups",
        86,
    ),
    ("SELECT DISTINCT x FROM manga.spaxels ORDER BY y", QueryError, "takes result columns only", 47),
    ("SELECT x FROM manga.spaxels FETCH FIRST 3 ROWS WITH TIES", QueryError, "use QUALIFY rank", 0),
    ('SELECT x AS "" FROM manga.spaxels', QueryError, "needs a name", 8),
    ('SELECT x FROM manga.spaxels WHERE plateifu = "g1"', UnknownColumn, "stands in single quotes", 46),
    ("SELECT rank() OVER w FROM manga.spaxels WINDOW ww AS ()", QueryError, "no window 'w'.*'ww'", 0),
    (
        "SELECT rank() OVER (w ORDER BY x) FROM manga.spaxels WINDOW w AS (ORDER BY y)",
        QueryError,
        "where it has none",
        8,
    ),
    (
        "SELECT rank() OVER v FROM manga.spaxels WINDOW w AS (), v AS (w PARTITION BY x)",
        QueryError,
        "where it has no",
        0,
    ),
    ("SELECT sum(x) OVER (ORDER BY x ROWS y PRECEDING) FROM manga.spaxels", QueryError, "written in the query", 37),
    ("SELECT sum(x) OVER (ORDER BY x GROUPS 1 PRECEDING) FROM manga.spaxels", QueryError, "ROWS or RANGE", 0),
    ('WITH "manga.galaxies" AS (SELECT 1 AS z) SELECT z FROM manga.galaxies', QueryError, "cannot name", 6),
    ("SELECT rank() OVER W FROM manga.spaxels WINDOW w AS (ORDER BY x)", None, "", 0),
    ("SELECT x IS NOT TRUE FROM manga.spaxels", QueryError, "IS takes a condition", 8),
    ("SELECT x FROM manga.spaxels USING SAMPLE 5", QueryError, "'sample' in SELECT is not part", 0),
    ("SELECT concat(plateifu, x) FROM manga.spaxels", QueryError, r"write CAST\(x AS text\)", 25),
    ("SELECT * FROM manga.galaxies GROUP BY plateifu", QueryError, "column 'z' is neither", 0),
    ("SELECT INTERVAL 1 DAY", QueryError, "not part of the language", 0),
    ("WITH RECURSIVE a AS (SELECT 1 AS x UNION SELECT x FROM a) SELECT x FROM a", QueryError, "UNION ALL; count", 0),
]


@pytest.mark.parametrize(("text", "error", "match", "column"), ERRORS, ids=[text for text, *_ in ERRORS])
def test_what_is_wrong_is_named_and_pointed_at(lake, text, error, match, column):
    if error is None:
        assert resolve(parse(text), lake).columns
        return
    with pytest.raises(error, match=match) as caught:
        resolve(parse(text), lake)
    assert isinstance(caught.value, SkyhouseError)
    if column:
        assert f"line 1, column {column}:" in str(caught.value)


def names(lake, text):
    return [column.name for column in resolve(parse(text), lake).columns]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT PLATEIFU, flags FROM Manga.Spaxels", ["plateifu", "Flags"]),
        ("SELECT x AS X1, x + 1, count(*) OVER () FROM manga.spaxels", ["X1", "x + 1", "count(*) OVER ()"]),
        ("SELECT * FROM manga.galaxies", ["plateifu", "z", "x"]),
        ("SELECT x & 0x1F FROM manga.galaxies", ["x & 0x1F"]),
        ("SELECT * EXCLUDE (Z) FROM manga.galaxies", ["plateifu", "x"]),
        ("SELECT * REPLACE (z + 1 AS z) FROM manga.galaxies", ["plateifu", "z", "x"]),
        ("SELECT g.*, s.x FROM manga.galaxies g JOIN manga.spaxels s USING (plateifu)", ["plateifu", "z", "x", "x_1"]),
        ("SELECT manga.galaxies.z FROM manga.galaxies", ["z"]),
        ("WITH a AS (SELECT z AS q FROM manga.galaxies) SELECT * FROM a", ["q"]),
        ("SELECT z::real FROM manga.galaxies", ["z"]),
    ],
)
def test_result_names(lake, text, expected):
    assert names(lake, text) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SELECT x FROM manga.spaxels", 1),
        ("SELECT count(*) FROM manga.spaxels", 1),
        ("SELECT x FROM manga.spaxels WHERE sigma > 3", 2),
        ("SELECT * FROM manga.spaxels", 2),
        ("SELECT * EXCLUDE (sigma) FROM manga.spaxels", 1),
        ("SELECT a.x FROM (SELECT x, good FROM manga.spaxels) a", 1),
    ],
)
def test_a_query_reads_only_the_parts_it_names(lake, text, parts):
    (scan,) = resolve(parse(text), lake).scans
    assert len(scan.parts) == parts


def test_a_scan_lists_the_columns_that_are_read_anywhere(lake):
    text = "SELECT s.plateifu FROM manga.spaxels s WHERE good QUALIFY rank() OVER (ORDER BY flux) = 1 ORDER BY VEL"
    (scan,) = resolve(parse(text), lake).scans
    assert scan.columns == ("plateifu", "good", "flux", "vel")


FLUX = "1e-17 erg/s/cm2"


@pytest.mark.parametrize(
    ("expression", "unit", "ucd"),
    [
        ("flux", FLUX, "phot.flux"),
        ("max(flux)", FLUX, "phot.flux"),
        ("avg(flux)", FLUX, ""),
        ("median(flux) FILTER (WHERE good)", FLUX, ""),
        ("quantile_cont(flux, 0.1)", FLUX, ""),
        ("sum(flux) OVER (ORDER BY x)", FLUX, ""),
        ("flux * 2", FLUX, ""),
        ("2 * flux", FLUX, ""),
        ("flux / 2", FLUX, ""),
        ("-flux", FLUX, ""),
        ("mode(flux)", FLUX, "phot.flux"),
        ("arg_max(flux, vel)", FLUX, ""),
        ("quantile_disc(flux, 0.1)", FLUX, ""),
        ("flux + flux", FLUX, ""),
        ("flux + vel", "", ""),
        ("flux * flux", "", ""),
        ("2 / flux", "", ""),
        ("sqrt(flux)", "", ""),
        ("count(flux)", "", ""),
        ("flux > 5", "", ""),
        ("coalesce(flux, 0)", FLUX, ""),
        ("coalesce(flux, vel)", "", ""),
        ("CASE WHEN good THEN flux END", FLUX, ""),
        ("CASE WHEN good THEN flux ELSE vel END", "", ""),
        ("CAST(flux AS DOUBLE)", FLUX, ""),
        ("CAST(flux AS TEXT)", "", ""),
        ("(SELECT max(flux) FROM manga.spaxels)", FLUX, "phot.flux"),
    ],
)
def test_units_survive_where_they_mean_the_same(lake, expression, unit, ucd):
    (column,) = resolve(parse(f"SELECT {expression} AS v FROM manga.spaxels"), lake).columns
    assert (column.unit, column.ucd) == (unit, ucd)
