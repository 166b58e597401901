"""Guards go where a WHERE makes them needless, and nowhere else; the values stay the same."""

from __future__ import annotations

import math

import pytest

from skyhouse.session import Lake

GUARDED = "CASE"


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("SELECT log10({a} / {b}) AS v FROM t WHERE {a} > 0 AND {b} > 0", False),
        ("SELECT log10({a} / {b}) AS v FROM t WHERE good AND ({a} > 0 AND 0 < {b})", False),
        ("SELECT ln({a}) AS v FROM t WHERE {a} >= 0.5", False),
        ("SELECT {b} / {a} AS v, count(*) AS n FROM t WHERE {a} > 0 GROUP BY {b} / {a}", False),
        ("SELECT ln({a}) AS v FROM t WHERE {a} >= 0", True),
        ("SELECT ln({a}) AS v FROM t WHERE {a} > 0 OR {b} > 0", True),
        ("SELECT ln({a}) AS v FROM t WHERE NOT {a} > 0", True),
        ("SELECT ln({a}) AS v FROM t WHERE {a} < 1", True),
        ("SELECT ln({a}) AS v FROM t WHERE {a} > -1", True),
        ("SELECT ln({a} - {b}) AS v FROM t WHERE {a} > 0 AND {b} > 0", True),
        ("SELECT {b} / {a} AS v FROM t", True),
        ("SELECT good FROM t WHERE {a} > 0 AND {b} / {a} > 2", True),
        ("SELECT (SELECT max(ln({a})) FROM t) AS v FROM t WHERE {a} > 0", True),
        ("SELECT ln(u.{a}) AS v FROM t AS u JOIN t AS w USING (spaxel_id) WHERE w.{a} > 0", True),
        ("SELECT log10(redshift / ebvgal) AS v FROM manga.galaxies WHERE redshift > 0 AND ebvgal > 0", True),
    ],
)
def test_guards(lake: Lake, text: str, guarded: bool) -> None:
    text = text.replace("FROM t", "FROM manga.spaxels").replace("JOIN t", "JOIN manga.spaxels")
    query = lake.sql(text.format(a="stellar_sigma", b="emline_gflux_ha_6564"))
    for engine in ("duckdb", "spark"):
        if engine == "spark" and ("ln(" in text or "log10(" in text):
            continue  # Spark's logarithms give NULL by themselves
        sql = query.sql(engine)
        assert (GUARDED in sql or "NULLIF" in sql) == guarded, sql


def test_the_values_are_the_same(lake: Lake, engine: str) -> None:
    """With and without a guard, over rows that include 0 and negative ones."""
    ratio = "log10(emline_gflux_nii_6585 / emline_gflux_ha_6564)"
    bounds = "emline_gflux_nii_6585 > 0 AND emline_gflux_ha_6564 > 0"
    kept = lake.sql(f"SELECT {ratio} AS v FROM manga.spaxels WHERE {bounds} ORDER BY v", engine=engine).to_arrow()["v"]
    both = lake.sql(f"SELECT CASE WHEN {bounds} THEN {ratio} END AS v FROM manga.spaxels ORDER BY v", engine=engine)
    wanted = both.to_arrow()["v"].drop_null()
    assert 0 < len(kept) < len(both.to_arrow())
    assert kept.to_pylist() == wanted.to_pylist()
    assert all(math.isfinite(value) for value in kept.to_pylist())
