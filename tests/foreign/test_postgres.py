"""Tables of a PostgreSQL server in queries of a lake."""

from __future__ import annotations

import math
import re
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

import skyhouse
from skyhouse.columns import Column
from skyhouse.errors import EngineError, InputError, OutOfTime, TableExists, UnknownTable
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter

pytestmark = pytest.mark.postgres

TABLES = """
CREATE TYPE mood AS ENUM ('calm', 'flaring');
CREATE TABLE galaxies (
    id int PRIMARY KEY, plateifu varchar(20), z float8, mass real, n bigint, good bool, name text,
    seen date, at timestamp, zoned timestamptz
);
INSERT INTO galaxies VALUES
    (1, '8485-1901', 0.04, 10.1, 5, true, 'a', '2020-01-01', '2020-01-01 10:00', '2020-01-01 10:00+02'),
    (2, '8485-1902', 'NaN', 9.5, -7, false, 'B', '1999-12-31', '2020-01-01 10:00:00.25', '2020-06-01 00:00+00'),
    (3, '7815-6101', NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL),
    (4, '7815-1902', 'Infinity', 0.1, 9223372036854775807, true, 'Ä', 'infinity', '-infinity', 'infinity'),
    (5, '10001-3703', '-0', 'Infinity', 0, false, 'it''s %_\\', '0001-01-01', '1969-12-31 23:59',
        '1900-01-01 00:00+00'),
    (6, NULL, 0.1, 1e-3, 4611686018427387904, true, '', '2020-01-02', '2020-01-02', '2020-01-02 00:00+00');
COMMENT ON COLUMN galaxies.z IS 'redshift';
CREATE TABLE kinds (
    k int, numeric_ numeric(10, 3), uuid_ uuid, json_ jsonb, fixed char(5), mood mood, bytes bytea, ints int[],
    texts text[], price money, span interval, point point, small smallint, "Odd ""Name" int
);
INSERT INTO kinds VALUES (1, 1.25, '00000000-0000-0000-0000-000000000001', '{"a": [1]}', 'ab', 'flaring', '\\x00ff',
    '{1,NULL,3}', '{x,NULL}', 1.5, '1 day', '(1,2)', 7, 8);
INSERT INTO kinds VALUES (2, 'NaN');
CREATE SCHEMA marvin;
CREATE TABLE marvin.cubes (plateifu text, wave float8[]);
INSERT INTO marvin.cubes VALUES ('8485-1901', '{1.5,2.5}');
CREATE VIEW bright AS SELECT id, plateifu FROM galaxies WHERE mass > 9;
CREATE TABLE secret (x int);
CREATE TABLE big AS SELECT g::int8 AS id, g % 100 AS k, 'row ' || g AS label FROM generate_series(1, 200000) AS g;
CREATE TABLE nothing (x int, y text);
CREATE ROLE guest LOGIN;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest;
REVOKE ALL ON secret FROM guest;
ANALYZE;
"""
SPAXELS = Definition(
    "manga.spaxels",
    (Column("plateifu", "string"), Column("x", "int32"), Column("ha", "float32", unit="1e-17 erg/s/cm2")),
    key=("plateifu", "x"),
    sort=("plateifu", "x"),
)


@pytest.fixture(scope="module")
def url(postgres_server):
    import psycopg

    made = postgres_server.database("survey")
    with psycopg.connect(made, autocommit=True) as connection:
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
    return made


@pytest.fixture(scope="module")
def lake(url, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pg")
    with skyhouse.open(folder / "lake", spark_memory="1g", spark_master="local[2]") as opened:
        spaxels = opened.registry.create(SPAXELS)
        rows = [
            {"plateifu": name, "x": x, "ha": 0.5 * x}
            for name in ("10001-3703", "7815-1902", "8485-1901")
            for x in range(4)
        ]
        with TableWriter(SPAXELS, spaxels.path) as writer:
            writer.write(pa.Table.from_pylist(rows, schema=SPAXELS.schema), Source("rows"))
            commit(spaxels, writer.close())
        opened.attach("pg", url)
        yield opened


def rows(lake, text, engine="duckdb"):
    return lake.sql(text, engine=engine).to_arrow().to_pylist()


class Asked:
    """What the server was asked while a block ran, from its own log."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.start = len(self.server.log())
        return self

    def __exit__(self, *error):
        found = re.findall(r"COPY \((.*?)\) TO STDOUT", self.server.log()[self.start :], re.DOTALL)
        self.sql = [one for one in found if "pg_catalog" not in one]


def test_tables_and_their_columns(lake, url):
    listed = {table.name: table for table in lake.tables()}
    assert list(listed) == sorted(listed)
    assert {"manga.spaxels", "pg.galaxies", "pg.kinds", "pg.marvin_cubes", "pg.bright", "pg.secret"} <= set(listed)
    galaxies = listed["pg.galaxies"]
    assert (galaxies.rows, galaxies.bytes) == (6, 8192)
    assert "public.galaxies" in galaxies.source
    assert [(c.name, c.type) for c in galaxies.columns] == [
        ("id", "int32"),
        ("plateifu", "string"),
        ("z", "float64"),
        ("mass", "float32"),
        ("n", "int64"),
        ("good", "bool"),
        ("name", "string"),
        ("seen", "date"),
        ("at", "timestamp"),
        ("zoned", "timestamp"),
    ]
    assert galaxies.columns[2].description == "redshift"
    with pytest.raises(UnknownTable, match=r"did you mean 'pg\.galaxies'"):
        lake.sql("SELECT * FROM pg.galaxy")


def test_kinds(lake, engine):
    first, second = rows(lake, "SELECT * FROM pg.kinds ORDER BY k", engine)
    assert first == {
        "k": 1,
        "numeric_": 1.25,
        "uuid_": "00000000-0000-0000-0000-000000000001",
        "json_": '{"a": [1]}',
        "fixed": "ab",
        "mood": "flaring",
        "bytes": b"\x00\xff",
        "ints": [1, None, 3],
        "texts": ["x", None],
        "price": first["price"],
        "span": "1 day",
        "point": "(1,2)",
        "small": 7,
        'Odd "Name': 8,
    }
    assert math.isnan(second.pop("numeric_"))
    assert set(second.values()) == {2, None}


def test_values(lake, engine):
    found = rows(lake, "SELECT id, z, mass, seen, at, zoned FROM pg.galaxies ORDER BY id", engine)
    assert [str(row["seen"]) for row in found] == [
        "2020-01-01",
        "1999-12-31",
        "None",
        "None",
        "0001-01-01",
        "2020-01-02",
    ]
    assert [str(row["zoned"]) for row in found[:2]] == ["2020-01-01 08:00:00", "2020-06-01 00:00:00"]
    assert [found[3][name] for name in ("seen", "at", "zoned")] == [None] * 3
    assert math.isnan(found[1]["z"])
    assert math.isnan(found[2]["mass"])
    assert found[3]["z"] == math.inf
    assert math.copysign(1, found[4]["z"]) == -1


def test_one_query_over_server_and_lake(lake, engine):
    text = """
        SELECT g.plateifu, g.z, count(*) AS n, max(s.ha) AS ha, any_value(c.wave) AS wave
        FROM pg.galaxies AS g JOIN manga.spaxels AS s USING (plateifu)
            LEFT JOIN pg.marvin_cubes AS c ON c.plateifu = g.plateifu
        WHERE g.good AND s.ha > 0.4 GROUP BY ALL ORDER BY g.plateifu
    """
    query = lake.sql(text, engine=engine)
    assert query.to_arrow().to_pylist() == [
        {"plateifu": "7815-1902", "z": math.inf, "n": 3, "ha": 1.5, "wave": None},
        {"plateifu": "8485-1901", "z": 0.04, "n": 3, "ha": 1.5, "wave": [1.5, 2.5]},
    ]
    assert query.columns[3].unit == "1e-17 erg/s/cm2"


# Each condition with what the server is asked, or with "" for what stays here.
CONDITIONS = [
    ("z > 0.05", "\"z\" > '0.05'::float8"),
    ("0.05 >= z", "\"z\" <= '0.05'::float8"),
    ("z <> 0.1", "\"z\" <> '0.1'::float8"),
    ("mass = 0.1", "\"mass\" = '0.1'::float8"),
    ("mass < 10", "\"mass\" < '10.0'::float8"),
    ("z = mass", ""),
    ("n > -8", '"n" > (-8)'),
    ("n >= 4611686018427387905", '"n" >= 4611686018427387905'),
    ("n = 4611686018427387904.0", "\"n\" = '4.611686018427388e+18'::float8"),
    ("n IN (5, 0)", '"n" IN (5, 0)'),
    ("n NOT IN (5, 0)", 'NOT ("n" IN (5, 0))'),
    ("n IN (5, NULL)", ""),
    ("z BETWEEN -1 AND 0.05", "(\"z\" >= '-1.0'::float8 AND \"z\" <= '0.05'::float8)"),
    ("good", '"good"'),
    ("NOT good", 'NOT ("good")'),
    ("good = false", '"good" = FALSE'),
    ("name = 'B'", "\"name\" = 'B'"),
    ("name > 'B'", '("name" COLLATE "C") > \'B\''),
    ("name IN ('a', 'it''s %_\\')", "\"name\" IN ('a', 'it''s %_\\')"),
    ("name LIKE '%\\%\\_%'", "\"name\" LIKE '%\\%\\_%'"),
    ("name NOT LIKE '_'", "\"name\" NOT LIKE '_'"),
    ("name ILIKE 'b'", ""),
    ("upper(name) = 'B'", ""),
    ("name = plateifu", ""),
    ("name IS NULL", '"name" IS NULL'),
    ("seen IS NOT NULL", 'NOT ((CASE WHEN isfinite("seen") THEN "seen" END) IS NULL)'),
    ("seen > '2000-01-01'", "\"seen\" > DATE '2000-01-01'"),
    ("seen <= DATE '2020-01-01'", "\"seen\" <= DATE '2020-01-01'"),
    ("NOT seen < DATE '2020-01-01'", "NOT (\"seen\" < DATE '2020-01-01')"),
    ("at = '2020-01-01 10:00:00.25'", "\"at\" = TIMESTAMP '2020-01-01 10:00:00.25'"),
    ("at < TIMESTAMP '2020-01-02'", "\"at\" < TIMESTAMP '2020-01-02 00:00:00'"),
    ("zoned >= '2020-01-01 08:00:00'", "\"zoned\" >= TIMESTAMPTZ '2020-01-01 08:00:00+00'"),
    ("zoned > at", ""),
    ("z > 0.05 OR n < 0", '(("z" > \'0.05\'::float8) OR ("n" < 0))'),
    ("z > 0.05 OR abs(n) = 7", ""),
    ("abs(n) = 7 AND z > 0 AND good", '"z" > \'0.0\'::float8 AND "good"'),
    ("NOT (good AND (n > 0 OR z IS NULL))", 'NOT ((("good") AND ((("n" > 0) OR ("z" IS NULL)))))'),
]


@pytest.mark.parametrize(("condition", "asked"), CONDITIONS)
def test_conditions_are_asked_of_the_server(lake, postgres_server, condition, asked):
    kept = rows(lake, f"SELECT id FROM (SELECT id, {condition} AS c FROM pg.galaxies) WHERE c ORDER BY id")
    with Asked(postgres_server) as log:
        found = rows(lake, f"SELECT id FROM pg.galaxies WHERE {condition} ORDER BY id")
    assert found == kept
    (sql,) = log.sql
    assert sql.partition(" WHERE ")[2] == asked
    if asked:
        again = rows(lake, f"SELECT count(*) AS n FROM pg.galaxies WHERE NOT ({condition})")
        left = rows(lake, f"SELECT count(*) FILTER (WHERE NOT c) AS n FROM (SELECT {condition} AS c FROM pg.galaxies)")
        assert again == left


def test_columns_and_limits_are_asked_of_the_server(lake, postgres_server):
    asked = {
        "SELECT label FROM pg.big LIMIT 3 OFFSET 2": "LIMIT 5",
        "SELECT id FROM pg.big WHERE k = 7 ORDER BY id DESC LIMIT 2": '"k" = 7 ORDER BY "id" DESC NULLS LAST LIMIT 2',
        "SELECT label AS l FROM pg.big ORDER BY l LIMIT 2": 'ORDER BY ("label" COLLATE "C") NULLS LAST LIMIT 2',
    }
    for text, tail in asked.items():
        with Asked(postgres_server) as log:
            found = rows(lake, text)
        assert found
        assert log.sql[0].endswith(tail)
    with Asked(postgres_server) as log:
        assert rows(lake, "SELECT id FROM pg.big WHERE k = 7 ORDER BY id DESC LIMIT 2") == [
            {"id": 199907},
            {"id": 199807},
        ]
        assert rows(lake, "SELECT count(*) AS n FROM pg.big") == [{"n": 200_000}]
        assert repr(lake.table("pg.big")).count("row ") == 10
    assert [re.sub(r" AS \"\w+\"", "", sql) for sql in log.sql] == [
        'SELECT "id", "k" FROM "public"."big" WHERE "k" = 7 ORDER BY "id" DESC NULLS LAST LIMIT 2',
        'SELECT "id" FROM "public"."big"',
        'SELECT "id", "k", "label" FROM "public"."big" LIMIT 11',
    ]


def test_explain_shows_what_is_asked(lake):
    found = dict(lake.explain("SELECT label FROM pg.big WHERE k = 7 LIMIT 3").rows())
    assert (
        found["asks for pg.big"]
        == """SELECT "k" AS "k", "label" AS "label" FROM "public"."big" WHERE "k" = 7 LIMIT 3"""
    )
    assert "of 200,000 rows" in found["reads pg.big"]


NO_LIMIT = [
    "SELECT count(*) AS n FROM pg.big LIMIT 3",
    "SELECT k FROM pg.big GROUP BY k LIMIT 3",
    "SELECT DISTINCT k FROM pg.big LIMIT 3",
    "SELECT id, row_number() OVER (ORDER BY id) AS n FROM pg.big LIMIT 3",
    "SELECT id FROM pg.big WHERE abs(k) = 7 LIMIT 3",
    "SELECT id FROM pg.big ORDER BY abs(k) LIMIT 3",
    "SELECT b.id FROM pg.big AS b JOIN pg.galaxies AS g ON b.id = g.id LIMIT 3",
    "SELECT id FROM pg.galaxies WHERE seen > '2000-01-01' LIMIT 3",
    "SELECT seen FROM pg.galaxies ORDER BY seen LIMIT 3",
    "SELECT id FROM pg.big UNION ALL SELECT id FROM pg.big LIMIT 3",
]


@pytest.mark.parametrize("text", NO_LIMIT)
def test_limits_that_must_stay(lake, postgres_server, text):
    with Asked(postgres_server) as log:
        rows(lake, text)
    assert not any("LIMIT" in sql for sql in log.sql)


# A join, the table asked, and what may be asked of it.
JOINS = [
    (
        "FROM pg.galaxies g JOIN pg.big b ON g.id = b.id AND g.n > 0 AND b.k < 5 WHERE g.good",
        "galaxies",
        '"good" AND "n" > 0',
    ),
    ("FROM pg.galaxies g JOIN pg.big b ON g.id = b.id AND g.n > 0 AND b.k < 5 WHERE g.good", "big", '"k" < 5'),
    ("FROM pg.galaxies g LEFT JOIN pg.big b ON g.id = b.id AND b.k < 3 AND g.n > 0 WHERE g.good", "galaxies", '"good"'),
    ("FROM pg.galaxies g LEFT JOIN pg.big b ON g.id = b.id AND b.k < 3 AND g.n > 0", "big", '"k" < 3'),
    ("FROM pg.galaxies g LEFT JOIN pg.big b ON g.id = b.id WHERE b.k > 3", "big", '"k" > 3'),
    ("FROM pg.galaxies g LEFT JOIN pg.big b ON g.id = b.k WHERE b.k IS NULL", "big", ""),
    ("FROM pg.galaxies g RIGHT JOIN pg.big b ON g.id = b.id AND g.n > 0 WHERE b.k < 9 AND g.z IS NULL", "galaxies", ""),
    ("FROM pg.galaxies g RIGHT JOIN pg.big b ON g.id = b.id AND g.n > 0 WHERE b.k < 9", "big", '"k" < 9'),
    ("FROM pg.galaxies g FULL JOIN pg.big b ON g.id = b.id WHERE g.good AND b.k IS NULL", "galaxies", '"good"'),
    ("FROM pg.galaxies g FULL JOIN pg.big b ON g.id = b.id WHERE g.good AND b.k IS NULL", "big", ""),
    ("FROM pg.galaxies g SEMI JOIN pg.big b ON g.id = b.id AND b.k > 3 AND g.n > 0", "galaxies", '"n" > 0'),
    ("FROM pg.galaxies g SEMI JOIN pg.big b ON g.id = b.id AND b.k > 3 AND g.n > 0", "big", '"k" > 3'),
    ("FROM pg.galaxies g ANTI JOIN pg.big b ON g.id = b.id AND b.k > 3 AND g.n > 0", "galaxies", ""),
    ("FROM pg.galaxies g ANTI JOIN pg.big b ON g.id = b.id AND b.k > 3", "big", '"k" > 3'),
    (
        "FROM pg.galaxies g WHERE good AND EXISTS (SELECT 1 FROM pg.big b WHERE b.id = g.id AND b.k < 3)",
        "big",
        '"k" < 3',
    ),
    (
        "FROM pg.galaxies g JOIN pg.galaxies h ON h.id = g.id WHERE g.n > 0 AND h.good",
        "galaxies",
        '("n" > 0) OR ("good")',
    ),
    ("FROM pg.galaxies g JOIN pg.galaxies h ON h.id = g.id WHERE g.n > 0", "galaxies", ""),
    # Queries in FROM, and WITH: what stands around them goes into them.
    (
        "FROM (SELECT h.id, h.n AS m FROM pg.galaxies h WHERE h.good) AS g WHERE g.m > 0",
        "galaxies",
        '"good" AND "n" > 0',
    ),
    (
        "FROM (SELECT * FROM (SELECT h.id, h.n AS m FROM pg.galaxies h) AS i WHERE i.m < 90) AS g WHERE 0 < g.m",
        "galaxies",
        '"n" < 90 AND "n" > 0',
    ),
    (
        "FROM (WITH q AS (SELECT h.id, h.n FROM pg.galaxies h) SELECT q.id FROM q WHERE q.n > 0) AS g WHERE g.id > 2",
        "galaxies",
        '"n" > 0 AND "id" > 2',
    ),
    (
        "FROM (WITH q AS (SELECT * FROM pg.galaxies h) SELECT q.id FROM q JOIN q AS p USING (id) WHERE q.n > 0) AS g",
        "galaxies",
        "",
    ),
    (
        "FROM pg.big b LEFT JOIN (SELECT id, n FROM pg.galaxies h) AS g ON g.id = b.id AND g.n > 3 WHERE g.n IS NULL",
        "galaxies",
        '"n" > 3',
    ),
    (
        "FROM (SELECT b.id, h.n FROM pg.big b LEFT JOIN pg.galaxies h ON h.id = b.id) AS g WHERE g.n IS NULL",
        "galaxies",
        "",
    ),
    ("FROM (SELECT h.n AS id, count(*) AS c FROM pg.galaxies h GROUP BY h.n) AS g WHERE g.id > 3", "galaxies", ""),
    ("FROM (SELECT max(h.n) AS id FROM pg.galaxies h) AS g WHERE g.id > 3", "galaxies", ""),
    ("FROM (SELECT h.id, row_number() OVER () AS r FROM pg.galaxies h) AS g WHERE g.id > 3", "galaxies", ""),
    ("FROM (SELECT h.id, h.id + 1 AS m FROM pg.galaxies h) AS g WHERE g.m > 3", "galaxies", ""),
    ("FROM (SELECT h.n, h.id FROM pg.galaxies h) AS g(a, id) WHERE g.a > 3", "galaxies", '"n" > 3'),
    ("FROM (SELECT h.id FROM pg.galaxies h UNION ALL SELECT b.id FROM pg.big b) AS g WHERE g.id > 3", "galaxies", ""),
    ("FROM (SELECT h.id, h.n FROM pg.galaxies h) AS g JOIN pg.big AS h ON h.k = g.id AND h.id > 3", "galaxies", ""),
]


@pytest.mark.parametrize(("text", "table", "asked"), JOINS)
def test_conditions_of_joins(lake, postgres_server, text, table, asked):
    with Asked(postgres_server) as log:
        found = rows(lake, f"SELECT g.id {text} ORDER BY 1")
    (sql,) = [sql for sql in log.sql if f'"public"."{table}"' in sql]
    assert sql.partition(" WHERE ")[2] == asked
    # The same without any condition asked: each table behind a query that lets all rows pass, and no condition in.
    inside = re.sub(r"pg\.(galaxies|big) (?:AS )?([gbh])", r"(SELECT * FROM pg.\1 OFFSET 0) AS \2", text)
    assert found == rows(lake, f"SELECT g.id {inside} ORDER BY 1")


# Clauses in which a condition or a limit must not reach further than it may.
CLAUSES = [
    "SELECT g.id, u.e FROM pg.kinds AS k, UNNEST(ints) AS u(e), pg.galaxies AS g WHERE k.k = 1 AND good ORDER BY 1, 2",
    "SELECT k.k, u.e FROM pg.kinds AS k, UNNEST(k.ints) AS u(e) ORDER BY k.k, u.e LIMIT 2",
    "SELECT DISTINCT ON (k) k, id FROM pg.big AS b WHERE b.id > 4 ORDER BY k, id LIMIT 3",
    "SELECT g.id, (SELECT max(b.id) FROM pg.big AS b WHERE b.k = n AND b.id > 3) AS m FROM pg.galaxies AS g ORDER BY 1",
    "SELECT k, count(*) AS n FROM pg.big AS b WHERE k < 4 GROUP BY ROLLUP(k) ORDER BY k, n LIMIT 3",
    "SELECT g.p FROM pg.galaxies AS g(p, q) WHERE g.p > 3 AND q LIKE '1%' ORDER BY 1",
    "SELECT id FROM pg.big AS b TABLESAMPLE 1 PERCENT WHERE k = 1 ORDER BY id",
    "SELECT id FROM pg.galaxies AS g WHERE n IN (SELECT k FROM pg.big AS b WHERE b.id > 10) AND id < 3 ORDER BY id",
    "SELECT id FROM pg.galaxies AS g WHERE good QUALIFY row_number() OVER (ORDER BY id DESC) < 3 ORDER BY 1 LIMIT 2",
    "SELECT g.id FROM pg.galaxies AS g LEFT JOIN pg.big AS b USING (id) WHERE id > 3 AND b.k IS NULL ORDER BY 1",
    "SELECT count(*) AS n FROM pg.galaxies AS g FULL JOIN pg.big AS b USING (id) WHERE id > 3",
    """WITH RECURSIVE r AS (
        SELECT b.id FROM pg.big AS b WHERE b.id = 1
        UNION ALL SELECT b.id FROM r JOIN pg.big AS b ON b.id = r.id + 1 WHERE b.id < 8
    ) SELECT id FROM r ORDER BY id""",
]


@pytest.mark.parametrize("text", CLAUSES)
def test_other_clauses(lake, text):
    inside = re.sub(r"pg\.(galaxies|big|kinds) AS ([gbk])", r"(SELECT * FROM pg.\1 OFFSET 0) AS \2", text)
    assert rows(lake, text) == rows(lake, inside)


def test_random_conditions_never_lose_a_row(lake):
    from hypothesis import given, settings
    from hypothesis import strategies as st

    atoms = st.sampled_from([condition for condition, _ in CONDITIONS])
    trees = st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.builds("({} AND {})".format, inner, inner),
            st.builds("({} OR {})".format, inner, inner),
            st.builds("(NOT {})".format, inner),
        ),
        max_leaves=4,
    )

    @settings(max_examples=40, deadline=None)
    @given(trees)
    def check(condition):
        kept = rows(lake, f"SELECT id FROM (SELECT id, {condition} AS c FROM pg.galaxies) WHERE c ORDER BY id")
        around = f"WITH w AS (SELECT * FROM pg.galaxies) SELECT id FROM (SELECT * FROM w) AS q WHERE {condition}"
        assert rows(lake, f"{around} ORDER BY id") == kept
        assert rows(lake, f"SELECT id FROM pg.galaxies WHERE {condition} ORDER BY id") == kept
        first = rows(lake, f"SELECT id FROM pg.galaxies WHERE {condition} ORDER BY id LIMIT 2")
        assert first == kept[:2]

    check()


def test_nothing_is_written_and_one_state_is_read(lake, postgres_server):
    start = len(postgres_server.log())
    rows(lake, "SELECT count(*) AS n FROM pg.galaxies, pg.nothing")
    log = postgres_server.log()[start:]
    assert log.count("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") == 1
    assert len(re.findall(r"COPY \(SELECT", log)) == 2


def test_files_go_when_the_rows_are_out(url, tmp_path):
    with skyhouse.open(tmp_path / "lake", spill_folder=str(tmp_path)) as lake:
        lake.attach("pg", url)
        reader = lake.sql("SELECT * FROM pg.big").batches()
        assert len(list(tmp_path.glob("skyhouse-fetched-*/*.parquet"))) == 1
        assert reader.read_next_batch().num_rows
        del reader
        assert not list(tmp_path.glob("skyhouse-fetched-*"))
        assert lake.sql("SELECT * FROM pg.nothing").to_arrow().num_rows == 0
        assert not list(tmp_path.glob("skyhouse-fetched-*"))
        relation = lake.sql("SELECT count(*) AS n FROM pg.big").to_duckdb()
        assert relation.fetchall() == [(200_000,)]
    assert not list(tmp_path.glob("skyhouse-fetched-*"))


def test_a_schema_and_some_tables(lake, url):
    (cubes,) = lake.attach("marvin", url, schema="marvin")
    assert cubes.name == "marvin.cubes"
    assert rows(lake, "SELECT wave FROM marvin.cubes") == [{"wave": [1.5, 2.5]}]
    lake.detach("marvin")
    found = lake.attach("some", url, tables=["galaxies", "marvin.cubes"])
    assert [table.name for table in found] == ["some.galaxies", "some.marvin_cubes"]
    with pytest.raises(UnknownTable):
        lake.sql("SELECT * FROM some.big")
    lake.detach("some")
    with pytest.raises(UnknownTable, match="has no table 'galaxy' that may be read; did you mean 'galaxies'"):
        lake.attach("some", url, tables=["galaxy"])
    assert [one.name for one in lake.attachments()] == ["pg"]


def test_errors(lake, url, postgres_server, monkeypatch):
    with pytest.raises(EngineError, match=r"database \"nodb\" does not exist"):
        lake.attach("e", postgres_server.url("nodb"))
    with pytest.raises(EngineError, match="Connection refused; is the server up"):
        lake.attach("e", "postgresql://skyhouse@127.0.0.1:1/postgres")
    with pytest.raises(EngineError, match="has no PG_SECRET"):
        lake.attach("e", url, password_env="PG_SECRET")
    with pytest.raises(InputError, match="a password in the URL would be kept"):
        lake.attach("e", url.replace("skyhouse@", "skyhouse:secret@"))
    with pytest.raises(InputError, match="a password in the URL would be kept"):
        lake.attach("e", f"{url}?password=secret")
    with pytest.raises(InputError, match="no option 'schemas' for PostgreSQL; did you mean 'schema'"):
        lake.attach("e", url, schemas="x")
    with pytest.raises(InputError, match="named as a schema"):
        lake.attach("e.x", url)
    with pytest.raises(InputError, match="mysql://"):
        lake.attach("e", "mysql://host/db")
    with pytest.raises(TableExists, match=r"table manga\.spaxels of its own"):
        lake.attach("manga", url)
    with pytest.raises(UnknownTable, match="'secret' that may be read"):
        lake.attach("e", postgres_server.url("survey", "guest"), tables=["secret"])
    monkeypatch.setenv("PG_SECRET", "p/&=@ w")
    assert len(lake.attach("e", url, password_env="PG_SECRET", tables="nothing")) == 1
    assert "w" not in (lake.path / ".attached" / "e.json").read_text().partition("PG_SECRET")[2].partition("}")[0]
    lake.detach("e")
    assert [one.name for one in lake.attachments()] == ["pg"]


def test_passwords_are_asked_for(postgres_server, url, tmp_path, monkeypatch):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'Geheim 1'")
        connection.execute("GRANT SELECT ON nothing TO locked")
    access = postgres_server.folder / "data" / "pg_hba.conf"
    before = access.read_text()
    access.write_text("host all locked 127.0.0.1/32 scram-sha-256\n" + before)
    postgres_server.control("reload")
    try:
        with skyhouse.open(tmp_path / "lake") as lake:
            target = postgres_server.url("survey", "locked")
            monkeypatch.setenv("PG_SECRET", "wrong")
            with pytest.raises(EngineError, match=r"password authentication failed.*put the password into"):
                lake.attach("pg", target, password_env="PG_SECRET")
            with pytest.raises(EngineError, match="no password supplied; put the password into"):
                lake.attach("pg", target)
            monkeypatch.setenv("PG_SECRET", "Geheim 1")
            lake.attach("pg", target, password_env="PG_SECRET")
            assert rows(lake, "SELECT * FROM pg.nothing") == []
            kept = "".join(file.read_text() for file in Path(lake.path).rglob("*.json"))
            assert "Geheim" not in kept
    finally:
        access.write_text(before)
        postgres_server.control("reload")


def test_changes_on_the_server(lake, url):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE late (a int, b int)")
        connection.execute("INSERT INTO late VALUES (1, 2)")
        query = lake.sql("SELECT * FROM pg.late")
        assert query.to_arrow().to_pylist() == [{"a": 1, "b": 2}]
        connection.execute("ALTER TABLE late DROP COLUMN b")
        with pytest.raises(UnknownTable, match=r'column "b" does not exist; the table was changed there'):
            query.to_arrow()
        assert rows(lake, "SELECT * FROM pg.late") == [{"a": 1}]
        connection.execute("INSERT INTO late VALUES (0)")
        connection.execute("CREATE VIEW broken AS SELECT 1 / a AS x FROM late")
        with pytest.raises(EngineError, match="division by zero"):
            rows(lake, "SELECT * FROM pg.broken")
        connection.execute("DROP VIEW broken; DROP TABLE late")
        with pytest.raises(UnknownTable):
            rows(lake, "SELECT * FROM pg.late")


def test_a_slow_server_is_stopped(lake, url):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE VIEW slow AS SELECT pg_sleep(20)::text AS x, id FROM galaxies")
        try:
            query = lake.sql("SELECT x FROM pg.slow")
            start = time.perf_counter()
            with pytest.raises(OutOfTime):
                lake._context.batches(query.tree, None, lake._context.job(0.3))
            job = lake._context.job()
            threading.Timer(0.3, job.cancel).start()
            with pytest.raises(EngineError, match="cancelled"):
                lake._context.batches(query.tree, None, job)
            lake.attach("slow", url, tables=["slow"], timeout=0.2)
            with pytest.raises(EngineError, match="statement timeout: raise timeout of slow"):
                rows(lake, "SELECT x FROM slow.slow")
            lake.detach("slow")
            assert time.perf_counter() - start < 8
            assert rows(lake, "SELECT count(*) AS n FROM pg.galaxies") == [{"n": 6}]
            left = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%'").fetchone()
            assert left == (1,)
        finally:
            connection.execute("DROP VIEW slow")


def test_a_server_that_is_gone(postgres_server, lake):
    assert rows(lake, "SELECT count(*) AS n FROM pg.galaxies") == [{"n": 6}]
    query = lake.sql("SELECT count(*) AS n FROM pg.galaxies")
    postgres_server.stop()
    try:
        with pytest.raises(EngineError, match="refused; is the server up"):
            query.to_arrow()
        assert rows(lake, "SELECT count(*) AS n FROM manga.spaxels") == [{"n": 12}]
        listed = {table.name: table for table in lake.tables()}
        assert listed["manga.spaxels"].rows == 12
        assert "refused" in listed["pg.galaxies"].notes[0]
    finally:
        postgres_server.start()
    assert query.to_arrow().to_pylist() == [{"n": 6}]
