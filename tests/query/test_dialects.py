from __future__ import annotations

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
        ("SELECT a & 3 + 2 FROM t", "SELECT a & 3 + 2 FROM t"),
        ("SELECT 'a' + b + c FROM t", "SELECT 'a' || b || c FROM t"),
        ("SELECT LEN(a), SQUARE(b), ATN2(a, b) FROM t", "SELECT length(rtrim(a)), power(b, 2), atan2(a, b) FROM t"),
        ("SELECT CONVERT(float, a), CAST(a AS int) FROM t", "SELECT CAST(a AS DOUBLE), CAST(cut(a) AS INT) FROM t"),
        ("SELECT a / b, a / 2.0 FROM t", "SELECT divide(a, b), a / 2.0 FROM t"),
        ("SELECT a FROM t ORDER BY a, b DESC", "SELECT a FROM t ORDER BY a NULLS FIRST, b DESC"),
        ("SELECT IIF(a > 0, 1, 2) FROM t", "SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END FROM t"),
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
