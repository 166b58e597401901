from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError, QueryError, UnknownColumn, UnknownTable
from skyhouse.query.query import Query


@pytest.fixture
def spaxels(lake):
    return Query.of_table("MANGA.spaxels", lake).select("* EXCLUDE (sigma)")


@pytest.fixture
def plain(lake):
    return Query.of_table("manga.spaxels", lake)


@pytest.fixture
def galaxies(lake):
    return Query.of_table("manga.galaxies", lake)


PAIRS = {
    "where": (
        lambda s, _: s.where("good", "flux > 1 OR x < 3").select("x").order_by("x"),
        "SELECT x FROM manga.spaxels WHERE good AND (flux > 1 OR x < 3) ORDER BY x",
    ),
    "group": (
        lambda s, _: s.where("good").group_by("plateifu").select("plateifu", n="count(*)").order_by("plateifu"),
        "SELECT plateifu, count(*) AS n FROM manga.spaxels WHERE good GROUP BY plateifu ORDER BY plateifu",
    ),
    "where after group": (
        lambda s, _: s.group_by("y").select("y", n="count(*)").where("n > 26").order_by("y"),
        "SELECT y, count(*) AS n FROM manga.spaxels GROUP BY y HAVING n > 26 ORDER BY y",
    ),
    "aggregate": (
        lambda s, _: s.where("good").select(n="count(*)", m="max(x)"),
        "SELECT count(*) AS n, max(x) AS m FROM manga.spaxels WHERE good",
    ),
    "computed": (
        lambda s, _: s.select("x", "spaxel_id AS i", d="2 * x").where("d > 390").order_by("d DESC"),
        "SELECT x, spaxel_id AS i, 2 * x AS d FROM manga.spaxels WHERE 2 * x > 390 ORDER BY d DESC",
    ),
    "with_columns": (
        lambda s, _: s.select("x", "y").with_columns(x="x + 1", z="x - 1").order_by("x").limit(3),
        "SELECT x + 1 AS x, y, x - 1 AS z FROM manga.spaxels ORDER BY x + 1 LIMIT 3",
    ),
    "using": (
        lambda s, g: s.select("plateifu", "x").join(g.select("plateifu", "z"), on="plateifu").order_by("x"),
        "SELECT plateifu, a.x, z FROM manga.spaxels AS a JOIN manga.galaxies USING (plateifu) ORDER BY a.x",
    ),
    "on": (
        lambda s, g: s.join(g, on="left.plateifu = right.plateifu", how="left").select("left.x", "z").order_by("1"),
        "SELECT s.x, z FROM manga.spaxels s LEFT JOIN manga.galaxies g ON s.plateifu = g.plateifu ORDER BY 1",
    ),
    "semi": (
        lambda s, g: s.join(g.where("z > 0.15"), on=["plateifu"], how="semi").select("x").order_by("x"),
        "SELECT x FROM manga.spaxels WHERE plateifu IN (SELECT plateifu FROM manga.galaxies WHERE z > 0.15) ORDER BY x",
    ),
    "anti": (
        lambda s, g: s.join(g, on="plateifu", how="anti").select("x").order_by("x"),
        "SELECT x FROM manga.spaxels WHERE plateifu NOT IN (SELECT plateifu FROM manga.galaxies) ORDER BY x",
    ),
    "cross": (
        lambda _, g: g.join(g.select("z AS w"), how="cross").select("z", "w").order_by("z", "w"),
        "SELECT a.z, b.z AS w FROM manga.galaxies a, manga.galaxies b ORDER BY a.z, w",
    ),
    "union": (
        lambda s, g: s.select("plateifu").union(g.select("plateifu"), all=False).order_by("plateifu"),
        "SELECT plateifu FROM manga.spaxels UNION SELECT plateifu FROM manga.galaxies ORDER BY plateifu",
    ),
    "limit of limit": (
        lambda s, _: s.select("x").order_by("x").limit(10, offset=5).limit(3, offset=1),
        "SELECT x FROM manga.spaxels WHERE x BETWEEN 6 AND 8 ORDER BY x",
    ),
    "distinct": (
        lambda s, _: s.select("y").distinct().order_by("y DESC"),
        "SELECT y FROM manga.spaxels GROUP BY y ORDER BY y DESC",
    ),
    "order kept by select": (
        lambda s, _: s.order_by("x DESC").select(x="-x").limit(2),
        "SELECT -x AS x FROM manga.spaxels ORDER BY spaxel_id DESC LIMIT 2",
    ),
    "order kept by nesting": (
        lambda s, _: s.with_columns(f="-x").order_by("f").limit(4).where("f <> -198"),
        "SELECT * EXCLUDE (sigma), -x AS f FROM manga.spaxels WHERE x IN (199, 197, 196) ORDER BY x DESC",
    ),
    "order before group": (
        lambda s, _: s.select("x", "y").order_by("x").group_by("y").select("y", n="count(*)").order_by("y"),
        "SELECT y, count(*) AS n FROM manga.spaxels GROUP BY y ORDER BY y",
    ),
    "first rows before group": (
        lambda s, _: s.order_by("x DESC").limit(3).group_by("good").select("good", n="count(*)").order_by("good"),
        "SELECT good, count(*) AS n FROM manga.spaxels WHERE x >= 197 GROUP BY good ORDER BY good",
    ),
    "order before aggregate": (
        lambda s, _: s.order_by("x").select(n="count(*)", m="sum(x) FILTER (WHERE good)"),
        "SELECT count(*) AS n, sum(x) FILTER (WHERE good) AS m FROM manga.spaxels",
    ),
    "order before window": (
        lambda s, _: s.order_by("x DESC").select("x", n="sum(y) FILTER (WHERE good) OVER (PARTITION BY y)").limit(3),
        "SELECT x, sum(y) FILTER (WHERE good) OVER (PARTITION BY y) AS n FROM manga.spaxels ORDER BY x DESC LIMIT 3",
    ),
    "union of first rows": (
        lambda _, g: g.order_by("x").limit(1).union(g.order_by("x DESC").limit(1)).order_by("x"),
        "SELECT * FROM manga.galaxies WHERE x <> 2 ORDER BY x",
    ),
    "union of ordered": (
        lambda _, g: g.order_by("x").union(g.order_by("x DESC"), all=False).order_by("x"),
        "SELECT * FROM manga.galaxies ORDER BY x",
    ),
    "union with a union": (
        lambda _, g: g.union(g.union(g, all=False)).order_by("x"),
        "SELECT a.* FROM manga.galaxies a, (SELECT 1 UNION ALL SELECT 2) b ORDER BY x",
    ),
    "window": (
        lambda s, _: s.select("x", r="rank() OVER (PARTITION BY plateifu ORDER BY flux)").where("r = 1").order_by("x"),
        "SELECT x, rank() OVER (PARTITION BY plateifu ORDER BY flux) AS r FROM manga.spaxels QUALIFY r = 1 ORDER BY x",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_verbs_and_text_give_the_same_rows(lake, spaxels, galaxies, name):
    verbs, text = PAIRS[name]
    by_verbs = verbs(spaxels, galaxies).to_arrow()
    by_text = Query.of(text, lake).to_arrow()
    assert by_verbs.num_rows
    assert by_verbs.equals(by_text)


# An order that a later verb's names hide has no spelling of its own.
@pytest.mark.parametrize("name", [name for name in PAIRS if "order kept" not in name])
def test_the_text_of_a_query_is_the_query(lake, plain, galaxies, name):
    query = PAIRS[name][0](plain.select("* EXCLUDE (sigma)"), galaxies)
    assert Query.of(query.text, lake).to_arrow().equals(query.to_arrow())


def test_flat_verbs_make_one_select(plain):
    query = plain.where("good").group_by("plateifu").select("plateifu", n="count(*)").order_by("n DESC").limit(3)
    assert query.sql().count("SELECT") == 1
    assert "`manga.spaxels`" in query.sql("spark")


def test_verbs_leave_the_query_as_it_was(plain):
    before = plain.sql()
    plain.where("good").select("x").limit(1)
    assert plain.sql() == before


def test_a_sample_is_the_same_for_a_seed(spaxels):
    first = spaxels.sample(fraction=0.2, seed=1).to_arrow()
    assert 10 < first.num_rows < 80
    assert first.equals(spaxels.sample(fraction=0.2, seed=1).to_arrow())
    assert not first.equals(spaxels.sample(fraction=0.2, seed=2).to_arrow())
    assert spaxels.sample(n=7).to_arrow().num_rows == 7


@given(fraction=st.floats(0, 1), seed=st.integers(0, 9))
def test_a_larger_sample_holds_the_smaller(lake, fraction, seed):
    query = Query.of("SELECT spaxel_id FROM manga.spaxels", lake)
    small = set(query.sample(fraction=fraction / 2, seed=seed).to_arrow()["spaxel_id"].to_pylist())
    large = set(query.sample(fraction=fraction, seed=seed).to_arrow()["spaxel_id"].to_pylist())
    assert small <= large


@pytest.mark.parametrize(
    ("ask", "error", "match"),
    [
        (lambda q: q.where("flx > 1"), UnknownColumn, "did you mean 'flux'"),
        (lambda q: q.where(), InputError, "where takes"),
        (lambda q: q.where("x = 1 GROUP BY x"), QueryError, "more than a list"),
        (lambda q: q.where("x = 1; DROP TABLE t"), QueryError, "is more than a list"),
        (lambda q: q.where("1 = 1) --"), QueryError, "line 1"),
        (lambda q: q.where("x = 1, y = 2"), QueryError, "one expression"),
        (lambda q: q.select(), InputError, "select takes"),
        (lambda q: q.select(""), QueryError, "empty"),
        (lambda q: q.group_by(), InputError, "group_by takes"),
        (lambda q: q.join(q, on="x", how="outer"), InputError, "how is one of"),
        (lambda q: q.join(q), InputError, "join takes"),
        (lambda q: q.limit(-1), InputError, "whole numbers"),
        (lambda q: q.sample(), InputError, "either"),
        (lambda q: q.sample(fraction=2), InputError, "from 0 to 1"),
        (lambda q: q.select("flux").sample(n=1), QueryError, "integer or text"),
        (lambda q: q.on("oracle"), InputError, "no engine"),
        (lambda q: q.where(True), InputError, "written as text"),
        (lambda q: q.select(n=1), InputError, "; 1 is none"),
        (lambda q: q.join("manga.galaxies", on="plateifu"), InputError, "another query"),
        (lambda q: q.limit("3"), InputError, "not '3'"),
        (lambda q: q.limit(2.5), InputError, "not 2.5"),
        (lambda q: q.where("good").where("x >\n  1 + flx"), UnknownColumn, "line 2, column 7"),
    ],
)
def test_a_wrong_verb_says_so_at_once(plain, ask, error, match):
    with pytest.raises(error, match=match):
        ask(plain)


def test_an_unknown_table(lake):
    with pytest.raises(UnknownTable, match=r"did you mean 'manga\.spaxels'"):
        Query.of_table("manga.spaxel", lake)


def test_all_ways_out(lake, spaxels):
    query = spaxels.where("x < 120").order_by("x")
    table = query.to_arrow()
    assert table.num_rows == 120
    assert [batch.num_rows for batch in query] == [50, 50, 20]
    assert query.to_pandas()["x"].tolist() == list(range(120))
    assert query.to_polars()["x"].to_list() == list(range(120))
    assert pa.table(query).equals(table)
    assert pl.DataFrame(query).height == 120
    assert query.to_astropy().num_rows == 120
    assert query.to_duckdb().aggregate("count(*)").fetchall() == [(120,)]
    query.write("out.parquet")
    assert lake.written[-1] == ("out.parquet", 120)
    run = query.on("spark").run("duckdb")
    assert (run.engine, run.rows, run.table.num_rows) == ("duckdb", 120, 120)
    assert query.on("spark").run().engine == "spark"
    assert run.seconds > 0


def test_numbers_are_those_of_arrow(lake, spaxels):
    found = spaxels.where("good AND flux > 0.2").select(n="count(*)", s="sum(flux)").to_arrow()
    kept = pc.and_(lake.spaxels["good"], pc.greater(lake.spaxels["flux"].cast("float64"), 0.2))
    rows = lake.spaxels.filter(kept)
    assert found["n"].to_pylist() == [rows.num_rows]
    assert found["s"].to_pylist()[0] == pytest.approx(pc.sum(rows["flux"]).as_py(), rel=1e-6)


def test_columns_know_units_before_a_run(spaxels):
    columns = spaxels.group_by("plateifu").select("plateifu", m="max(flux)").columns
    assert [(c.name, c.type, c.unit, c.ucd) for c in columns] == [
        ("plateifu", "string", "", ""),
        ("m", "float32", "1e-17 erg/s/cm2", "phot.flux"),
    ]


def test_printing_shows_ten_rows(galaxies, spaxels):
    assert repr(galaxies).splitlines() == [
        "plateifu  z        x",
        "string    float64  int32",
        "--------  -------  -----",
        "g0            0.1      1",
        "g1            0.2      2",
        "g9           NULL      3",
    ]
    assert len(repr(spaxels).splitlines()) == 14
    assert spaxels._repr_html_().count("<tr>") == 12


def test_printing_fits_a_narrow_terminal(lake, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = repr(Query.of("SELECT plateifu, x, y, good, spaxel_id, flux FROM manga.spaxels", lake)).splitlines()
    assert max(len(line) for line in lines) <= 40
    assert lines[-1] == "[2 more columns: spaxel_id, flux]"
    assert lines[2].startswith("----"), "no line of units where no column that is shown has one"


def test_printing_escapes_html(lake):
    assert "&lt;b&gt;" in Query.of("SELECT '<b>' AS t", lake)._repr_html_()


def test_printing_a_query_that_fails_shows_the_error(lake, galaxies):
    gone = Query(galaxies.tree, lake)
    relation = lake.relations.pop("manga.galaxies")
    try:
        assert "no table 'manga.galaxies'" in repr(gone)
        assert gone._repr_html_().startswith("<pre>UnknownTable: ")
    finally:
        lake.relations["manga.galaxies"] = relation
