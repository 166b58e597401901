"""One query, both engines: the same rows, the same Arrow types, the same units."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from skyhouse.columns import Column
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse
from skyhouse.query.relation import Relation
from skyhouse.testing import Shelf, shelve

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    rng = np.random.default_rng(7)
    rows = 4000
    flux = rng.normal(3, 4, rows).astype("f4")
    flux[::97] = np.nan
    flux[5::101] = np.inf
    mask = rng.integers(0, 2**31 - 1, rows).astype("i4")
    holes = rng.random(rows) < 0.1
    spaxels = pa.table(
        {
            "plateifu": pa.array([f"{7000 + n // 400}-{n // 100 % 4}" for n in range(rows)]),
            "x": pa.array(np.arange(rows) % 10, "int16"),
            "y": pa.array(np.arange(rows) // 10 % 10, "int16"),
            "flux": pa.array(flux, "float32", mask=holes),
            "mask": pa.array(mask),
            "good": pa.array(rng.random(rows) < 0.7, mask=holes),
            "snr": pa.array(rng.exponential(5, rows)),
            "whole": pa.array(rng.integers(-5, 6, rows), "int64", mask=rng.random(rows) < 0.2),
        }
    )
    galaxies = pa.table(
        {
            "plateifu": [f"{7000 + n // 4}-{n % 4}" for n in range(44)],
            "z": pa.array([0.01 * (n % 9) if n % 5 else None for n in range(44)], "float64"),
            "name": [["M 31", "NGC 1", "Ångström", "", None][n % 5] for n in range(44)],
            "spectrum": [[0.5 * n, None][: n % 3] for n in range(44)],
        }
    )
    first = shelve(folder, "manga.spaxels", spaxels.select(["plateifu", "x", "y", "flux", "mask", "good"]))
    more = shelve(folder, "more", spaxels.select(["plateifu", "x", "y", "snr", "whole"]))
    units = {"flux": Column("flux", "float32", "1e-17 erg/s/cm2", "phot.flux", "H-alpha flux")}
    parts = tuple(type(p)(tuple(units.get(c.name, c) for c in p.columns), p.files) for p in first.parts + more.parts)
    return Shelf(
        Relation("manga.spaxels", parts, ("plateifu", "x", "y"), rows=rows),
        shelve(folder, "manga.galaxies", galaxies),
    )


PROBES = [
    " ".join(probe.split())
    for probe in """
SELECT 1 AS one, 1.5 AS f, 'a' AS s, TRUE AS b, NULL AS n;
SELECT 7 / 2 AS a, 7 // 2 AS b, -7 // 2 AS c, 7 % 3 AS d, -7 % 3 AS e, 1 / 0 AS f, 1 % 0 AS g, 1 // 0 AS h;
SELECT CAST(2.5 AS INT) AS a, CAST(3.5 AS INT) AS b, CAST(-2.7 AS BIGINT) AS c, CAST('12' AS INT) AS d;
SELECT 0.1 + 0.2 AS a, 1e300 * 1e10 AS b, 3 * 1.5 AS c, 10 - 2.5 AS d;
SELECT * FROM manga.galaxies;
SELECT plateifu, z FROM manga.galaxies WHERE z IS NOT NULL;
SELECT DISTINCT name FROM manga.galaxies;
SELECT z FROM manga.galaxies ORDER BY z, plateifu;
SELECT z FROM manga.galaxies ORDER BY z DESC, plateifu;
SELECT name FROM manga.galaxies ORDER BY name, plateifu LIMIT 7;
SELECT plateifu FROM manga.galaxies ORDER BY plateifu LIMIT 5 OFFSET 3;
SELECT upper(name) AS u, lower(name) AS l, length(name) AS n, name || '!' AS c FROM manga.galaxies;
SELECT name FROM manga.galaxies WHERE name LIKE 'M%' OR name LIKE '%1';
SELECT name FROM manga.galaxies WHERE name IN ('M 31', 'Ångström');
SELECT name FROM manga.galaxies WHERE z BETWEEN 0.02 AND 0.04;
SELECT coalesce(name, 'none') AS n, nullif(name, '') AS e FROM manga.galaxies;
SELECT CASE WHEN z > 0.04 THEN 'far' WHEN z IS NULL THEN 'lost' ELSE 'near' END AS d FROM manga.galaxies;
SELECT greatest(z, 0.03) AS g, least(z, 0.03) AS l FROM manga.galaxies;
SELECT concat(plateifu, '/', name) AS c FROM manga.galaxies;
SELECT count(*) AS n, count(z) AS z, count(DISTINCT name) AS d FROM manga.galaxies;
SELECT name, count(*) AS n FROM manga.galaxies GROUP BY name;
SELECT name, avg(z) AS m FROM manga.galaxies GROUP BY name HAVING count(z) > 2;
SELECT sum(z) AS s, avg(z) AS a, min(z) AS lo, max(z) AS hi FROM manga.galaxies WHERE z > 5;
SELECT count(*) AS n FROM manga.spaxels WHERE flux > 5;
SELECT count(*) AS n FROM manga.spaxels WHERE good;
SELECT count(*) AS n FROM manga.spaxels WHERE NOT good;
SELECT count(*) AS n FROM manga.spaxels WHERE flux > 0.1;
SELECT count(*) AS n FROM manga.spaxels WHERE flux = 0.1;
SELECT plateifu, x, y, flux FROM manga.spaxels WHERE x = 3 AND y = 4;
SELECT flux, flux * 2 AS d, -flux AS m, flux + 1 AS p FROM manga.spaxels WHERE plateifu = '7001-2';
SELECT mask & 64 AS b, mask | 1 AS o FROM manga.spaxels WHERE plateifu = '7001-2';
SELECT count(*) AS n FROM manga.spaxels WHERE mask & 0x40000021 = 0;
SELECT max(flux) AS hi, min(flux) AS lo FROM manga.spaxels;
SELECT plateifu, max(flux) AS hi FROM manga.spaxels WHERE good GROUP BY plateifu;
SELECT flux FROM manga.spaxels WHERE plateifu = '7002-1' ORDER BY flux, x, y;
SELECT flux FROM manga.spaxels WHERE plateifu = '7002-1' ORDER BY flux DESC, x, y LIMIT 20;
SELECT sum(whole) AS s, avg(whole) AS a, sum(x) AS x FROM manga.spaxels;
SELECT whole / 2 AS a, whole // 2 AS b, whole % 2 AS c, 10 / whole AS d FROM manga.spaxels WHERE x = 1;
SELECT abs(whole) AS a, sqrt(whole) AS s, exp(whole) AS e FROM manga.spaxels WHERE y = 1;
SELECT ln(whole) AS a, log10(whole) AS b, power(whole, 2) AS c FROM manga.spaxels WHERE y = 2;
SELECT sin(snr) AS s, cos(snr) AS c, atan2(snr, 2) AS t, degrees(snr) AS d, radians(snr) AS r FROM
    manga.spaxels WHERE y = 3;
SELECT floor(snr) AS f, ceil(snr) AS c, round(snr) AS r, round(snr, 2) AS t FROM manga.spaxels WHERE y = 4;
SELECT round(0.5) AS a, round(1.5) AS b, round(-2.5) AS c;
SELECT plateifu, avg(snr) AS m, stddev_samp(snr) AS s, median(snr) AS h FROM manga.spaxels GROUP BY plateifu;
SELECT plateifu, sum(CASE WHEN flux > 5 THEN 1 ELSE 0 END) AS n, count(*) AS t FROM manga.spaxels WHERE good
    GROUP BY plateifu;
SELECT plateifu, count(*) FILTER (WHERE flux > 5) / count(*) AS share FROM manga.spaxels WHERE good GROUP BY plateifu;
SELECT x % 3 AS k, y // 4 AS l, count(*) AS n FROM manga.spaxels GROUP BY x % 3, y // 4;
SELECT flux IS NULL AS nothing, count(*) AS n FROM manga.spaxels GROUP BY flux IS NULL;
SELECT g.plateifu, g.z, count(s.x) AS n FROM manga.galaxies g LEFT JOIN manga.spaxels s ON s.plateifu =
    g.plateifu GROUP BY g.plateifu, g.z;
SELECT g.name, s.flux, s.snr FROM manga.galaxies g JOIN manga.spaxels s USING (plateifu) WHERE g.z < 0.03 AND
    s.snr > 20;
SELECT plateifu FROM manga.galaxies EXCEPT SELECT plateifu FROM manga.spaxels;
SELECT plateifu FROM manga.galaxies INTERSECT SELECT plateifu FROM manga.spaxels;
SELECT plateifu, 1 AS k FROM manga.galaxies UNION ALL SELECT plateifu, 2.5 AS k FROM manga.spaxels WHERE x =
    0 AND y = 0;
SELECT name FROM manga.galaxies UNION SELECT plateifu FROM manga.galaxies;
WITH a AS (SELECT plateifu, avg(snr) AS m FROM manga.spaxels GROUP BY plateifu) SELECT count(*) AS n, max(m)
    AS hi FROM a;
SELECT plateifu, (SELECT count(*) FROM manga.galaxies) AS n FROM manga.galaxies;
SELECT plateifu FROM manga.galaxies g WHERE EXISTS (SELECT 1 FROM manga.spaxels s WHERE s.plateifu =
    g.plateifu AND s.snr > 30);
SELECT plateifu FROM manga.galaxies WHERE plateifu IN (SELECT plateifu FROM manga.spaxels WHERE flux > 14);
SELECT plateifu, x, y, row_number() OVER (PARTITION BY plateifu ORDER BY snr DESC, x, y) AS r FROM
    manga.spaxels WHERE x < 2;
SELECT plateifu, z, rank() OVER (ORDER BY z) AS r FROM manga.galaxies;
SELECT plateifu, sum(z) OVER (PARTITION BY name ORDER BY plateifu) AS run FROM manga.galaxies;
SELECT CAST(z AS REAL) AS r, CAST(z AS VARCHAR) IS NULL AS t FROM manga.galaxies;
SELECT spectrum FROM manga.galaxies ORDER BY plateifu;
""".strip(" ;\n").split(";")
]


def cells(row):
    # Sums may differ in their last bits, since the order of addition is the engine's; NaN is NaN here.
    return tuple(
        "NaN" if isinstance(v, float) and math.isnan(v) else float(f"{v:.11e}") if isinstance(v, float) else v
        for v in row.values()
    )


@pytest.mark.parametrize("sql", PROBES)
def test_both_engines_agree(sql, tables, both_engines):
    found = {}
    for name, engine in both_engines.items():
        found[name] = engine.batches(lower(parse(sql), tables, name)).read_all()
    duck, spark = found["duckdb"], found["spark"]
    assert duck.schema.equals(spark.schema, check_metadata=True)
    rows = [[cells(row) for row in table.to_pylist()] for table in (duck, spark)]
    if "ORDER BY" not in sql or "OVER" in sql:
        rows = [sorted(r, key=repr) for r in rows]
    assert rows[0] == rows[1]
    assert duck.num_rows > 0 or "EXCEPT" in sql
