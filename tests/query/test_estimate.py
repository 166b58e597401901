"""What a query is thought to read: never less than it does, and near it where the footers tell."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.columns import columns_of
from skyhouse.lake.footers import Footers
from skyhouse.query.estimate import estimate
from skyhouse.query.parse import parse
from skyhouse.query.predicates import may_hold
from skyhouse.query.relation import Part, Relation
from skyhouse.query.resolve import resolve
from skyhouse.query.statistics import Extent, FileFacts, Group, NoStatistics


class Shelf:
    """Parquet files as tables, and what their footers say."""

    def __init__(self, foreign=False, **tables):
        self.foreign = foreign
        self.tables = {name.replace("_", "."): paths for name, paths in tables.items()}
        self.footers = Footers()
        self.seconds = 100.0

    def relation(self, name):
        paths = self.tables[name]
        files = [pq.ParquetFile(path) for path in paths]
        columns = columns_of(files[0].schema_arrow)
        rows = sum(file.metadata.num_rows for file in files)
        return Relation(name, (Part(columns, tuple(map(str, paths)), foreign=self.foreign),), rows=rows)

    def names(self):
        return sorted(self.tables)

    def files(self, part):
        return [FileFacts(path, Path(path).stat().st_size, pq.read_metadata(path).num_rows) for path in part.files]

    def groups(self, files, columns, bounded):
        found = self.footers.row_groups([file.path for file in files], columns, bounded, self.seconds)
        return {
            path: [Group(g.rows, g.bytes, {name: Extent(*bounds) for name, bounds in g.bounds.items()}) for g in groups]
            for path, groups in found.items()
        }

    def estimate(self, sql):
        return estimate(resolve(parse(sql), self), self)


FLOATS = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0, 2.5]), st.floats(-5, 5))
BIG = 2**53
ROW = st.fixed_dictionaries(
    {
        "i": st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([BIG, BIG + 1, -BIG - 1, 2**62])),
        "f": FLOATS,
        "d": FLOATS,
        "s": st.one_of(st.none(), st.text("abÅ ", max_size=3)),
        "b": st.one_of(st.none(), st.booleans()),
        "t": st.one_of(st.none(), st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 9))),
        "u": st.one_of(st.none(), st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 0, 0, 1))),
    }
)
TYPES = {"i": "int64", "f": "float32", "d": "float64", "s": "string", "b": "bool", "t": "date32"}
SCHEMA = pa.schema([*TYPES.items(), ("u", pa.timestamp("us"))])
NUMBERS = ["0", "-0.0", "1", "-3", "2.5", "0.1", "9007199254740993", "9007199254740992.0", "1e300", "0x3"]
NUMBERS += [repr(x) for x in (-4.25, 3)]
TEXTS = ["''", "'a'", "'b '", "'Å'"]
DATES = ["DATE '2020-01-03'", "CAST('2020-01-08' AS DATE)"]
TIMES = ["TIMESTAMP '2020-01-01 00:00:00.5'", "TIMESTAMP '2020-01-01'"]
CONSTANTS = {"i": NUMBERS, "f": NUMBERS, "d": NUMBERS, "s": TEXTS, "t": DATES, "u": TIMES}


@st.composite
def conditions(draw):
    column = draw(st.sampled_from(sorted(CONSTANTS)))
    constant = st.sampled_from(CONSTANTS[column])
    form = draw(st.sampled_from(["compare", "turned", "between", "in", "null", "not null", "bool", "or", "not"]))
    operator = draw(st.sampled_from(["=", "<", "<=", ">", ">=", "<>"]))
    return {
        "compare": f"{column} {operator} {draw(constant)}",
        "turned": f"{draw(constant)} {operator} {column}",
        "between": f"{column} BETWEEN {draw(constant)} AND {draw(constant)}",
        "in": f"{column} IN ({draw(constant)}, {draw(constant)})",
        "null": f"{column} IS NULL",
        "not null": f"{column} IS NOT NULL",
        "bool": draw(st.sampled_from(["b", "NOT b", "b = true", "b IS NULL"])),
        "or": f"({column} = {draw(constant)} OR b)",
        "not": f"NOT ({column} {operator} {draw(constant)})",
    }[form]


def written(folder, rows, group, foreign):
    """Write a file; one of the lake's own has no extremes where there is a NaN, as the lake's writer leaves them."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA).append_column("n", pa.array(range(len(rows)), "int64"))
    path = folder / "part.parquet"
    with_nan = {name for name in "fd" if any(row[name] is not None and math.isnan(row[name]) for row in rows)}
    bounded = [name for name in table.column_names if foreign or name not in with_nan]
    pq.write_table(table, path, row_group_size=group, write_statistics=bounded)
    return path


def true_groups(path, where, group):
    """The row groups that hold a row that meets the condition, by the engine itself, which is given no statistics."""
    statement = f"SELECT DISTINCT n // {group} FROM rows WHERE {where}"
    with duckdb.connect() as connection:
        connection.register("rows", pq.read_table(path))
        return {row[0] for row in connection.sql(statement).fetchall()}


@given(
    rows=st.lists(ROW, min_size=1, max_size=25),
    group=st.integers(1, 6),
    where=st.lists(conditions(), min_size=1, max_size=3).map(" AND ".join),
    foreign=st.booleans(),
)
def test_no_row_group_is_left_out_that_holds_a_row(rows, group, where, foreign, tmp_path_factory):
    from skyhouse.query.lower import lower

    path = written(tmp_path_factory.mktemp("rows"), rows, group, foreign)
    shelf = Shelf(foreign, t_rows=[path])
    lowered = lower(parse(f"SELECT n FROM t.rows AS rows WHERE {where}"), shelf, "duckdb").sql
    condition = lowered.partition(" WHERE ")[2]
    true = true_groups(path, condition, group)
    read = shelf.estimate(f"SELECT n FROM t.rows WHERE {where}").reads[0]
    metadata = pq.read_metadata(path)
    groups = shelf.groups(shelf.files(Part((), (str(path),))), [], [one.column for one in read.conditions])[str(path)]
    left = {
        number
        for number, found in enumerate(groups)
        if all(may_hold(one, found.extents.get(one.column), found.rows, foreign) for one in read.conditions)
    }
    assert true <= left
    assert (read.groups, read.groups_there) == (len(left), metadata.num_row_groups)
    assert read.rows == sum(groups[number].rows for number in left)
    assert read.files == (1 if left else 0)


@pytest.mark.parametrize(("foreign", "groups"), [(False, 1), (True, 6)])
def test_bounds_of_floats_are_believed_both_ways_in_files_of_the_lakes_own(tmp_path, foreign, groups):
    path = tmp_path / "part.parquet"
    pq.write_table(pa.table({"x": [float(n) for n in range(60)]}), path, row_group_size=10)
    read = Shelf(foreign, t_rows=[path]).estimate("SELECT x FROM t.rows WHERE x BETWEEN 51.5 AND 58.5").reads[0]
    assert (read.groups, read.groups_there) == (groups, 6)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    stars, lots = [], 8
    for number in range(lots):
        rows = range(number * 1000, (number + 1) * 1000)
        table = pa.table(
            {
                "id": pa.array(rows, "int64"),
                "x": pa.array([n % 97 for n in rows], "int32"),
                "y": pa.array([n / 7 for n in rows], "float32"),
                "name": [f"star {n:06}" for n in rows],
            }
        )
        stars.append(folder / f"{number}.parquet")
        pq.write_table(table, stars[-1], row_group_size=250)
    planets = folder / "planets.parquet"
    pq.write_table(pa.table({"star": pa.array(range(0, 8000, 80), "int64"), "mass": [1.5] * 100}), planets)
    return Shelf(t_stars=stars, t_planets=[planets])


def column_bytes(shelf, table, columns):
    found = 0
    for path in shelf.tables[table]:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            chunks = [metadata.row_group(group).column(n) for n in range(metadata.num_columns)]
            found += sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in columns)
    return found


@pytest.mark.parametrize(
    ("sql", "columns", "groups"),
    [
        ("SELECT count(*) AS n FROM t.stars", set(), 32),
        ("SELECT max(x) AS m FROM t.stars", {"x"}, 32),
        ("SELECT name FROM t.stars WHERE id = 4321", {"name", "id"}, 1),
        ("SELECT name FROM t.stars WHERE id BETWEEN 1000 AND 1999", {"name", "id"}, 4),
        ("SELECT name FROM t.stars WHERE name >= 'star 007750'", {"name"}, 1),
        ("SELECT name FROM t.stars WHERE 249 >= id", {"name", "id"}, 1),
        ("SELECT name FROM t.stars WHERE id < 250 OR id > 5", {"name", "id"}, 32),
        ("SELECT name FROM t.stars WHERE id < 0", {"name", "id"}, 0),
        ("SELECT count(*) AS n FROM (SELECT id AS k, name FROM t.stars) q WHERE k < 500", {"id"}, 2),
        ("WITH q AS (SELECT * FROM t.stars WHERE id < 500) SELECT max(y) AS y FROM q", {"id", "y"}, 2),
        ("SELECT s.x FROM t.stars s JOIN t.planets p ON s.id = p.star AND s.id < 250", {"id", "x"}, 1),
        ("SELECT s.x FROM t.stars s JOIN t.planets p ON s.id = p.star WHERE p.star < 250", {"id", "x"}, 1),
        ("SELECT s.x FROM t.stars s LEFT JOIN t.planets p ON s.id = p.star AND s.id < 250", {"id", "x"}, 32),
        ("SELECT s.x FROM t.planets p LEFT JOIN t.stars s ON s.id = p.star WHERE s.id IS NULL", {"id", "x"}, 32),
        ("SELECT s.x FROM t.planets p LEFT JOIN t.stars s ON s.id = p.star WHERE s.id < 250", {"id", "x"}, 1),
        ("SELECT s.x FROM t.planets p FULL JOIN t.stars s ON s.id = p.star AND s.id < 9", {"id", "x"}, 32),
        ("SELECT x FROM t.stars s WHERE EXISTS (SELECT 1 FROM t.planets p WHERE p.star = s.id)", {"id", "x"}, 32),
        ("SELECT id FROM t.stars UNION ALL SELECT star FROM t.planets", {"id"}, 32),
    ],
)
def test_what_is_read(shelf, sql, columns, groups):
    found = shelf.estimate(sql)
    read = next(one for one in found.reads if one.table == "t.stars")
    assert set(read.columns) == columns
    assert (read.groups, read.groups_there) == (groups, 32)
    if groups == 32:
        assert read.bytes == column_bytes(shelf, "t.stars", columns)
        assert read.files == read.files_there == 8
    assert read.rows == groups * 250
    assert read.exact


@pytest.mark.parametrize(
    ("sql", "rows", "within"),
    [
        ("SELECT id FROM t.stars", 8000, 1),
        ("SELECT id FROM t.stars WHERE id < 2000", 2000, 1.01),
        ("SELECT id FROM t.stars WHERE x BETWEEN 10 AND 19", 820, 1.2),
        ("SELECT id FROM t.stars LIMIT 7", 7, 1),
        ("SELECT id FROM t.stars ORDER BY x LIMIT 7 OFFSET 3", 10, 1),
        ("SELECT count(*) AS n FROM t.stars", 1, 1),
        ("SELECT s.x FROM t.stars s JOIN t.planets p ON s.id = p.star", 100, 1.01),
        ("SELECT s.x FROM t.planets p JOIN t.stars s ON s.id = p.star WHERE p.star < 800", 10, 1.02),
        ("SELECT x, count(*) AS n FROM t.stars GROUP BY x", 97, 1),
        ("SELECT x, count(*) AS n FROM t.stars s JOIN t.planets p ON s.id = p.star GROUP BY x", 97, 1.01),
        ("SELECT id FROM t.stars UNION ALL SELECT star FROM t.planets", 8100, 1),
        ("SELECT 1 AS one", 1, 1),
    ],
)
def test_about_how_many_rows_come(shelf, sql, rows, within):
    assert rows / within <= shelf.estimate(sql).rows <= rows * within


def test_a_limit_stops_early(shelf):
    assert shelf.estimate("SELECT * FROM t.stars LIMIT 5").reads[0].groups == 1
    assert shelf.estimate("SELECT * FROM t.stars ORDER BY id LIMIT 5").reads[0].groups == 32


@pytest.mark.parametrize(
    ("sql", "shuffles"),
    [
        ("SELECT id FROM t.stars WHERE x > 3", 0),
        ("SELECT x, count(*) AS n FROM t.stars GROUP BY x", 1),
        ("SELECT x, count(*) AS n FROM t.stars GROUP BY x ORDER BY n", 2),
        ("SELECT DISTINCT x FROM t.stars", 1),
        ("SELECT id, rank() OVER (PARTITION BY x ORDER BY y) AS r, sum(y) OVER (PARTITION BY id) AS s FROM t.stars", 2),
        ("SELECT s.x FROM t.stars s JOIN t.planets p ON s.id = p.star", 1),
        ("SELECT x FROM t.stars UNION SELECT star FROM t.planets", 1),
    ],
)
def test_how_often_rows_change_places(shelf, sql, shuffles):
    assert shelf.estimate(sql).shuffles == shuffles


def test_files_that_are_not_looked_into_are_taken_to_be_alike(shelf):
    hasty = Shelf()
    hasty.tables, hasty.seconds = shelf.tables, 0.0
    found = hasty.estimate("SELECT max(x) AS m FROM t.stars").reads[0]
    assert not found.exact
    assert 0.9 < found.bytes / column_bytes(shelf, "t.stars", {"x"}) < 1.1
    assert found.groups == 32


def test_without_statistics_there_is_an_estimate_all_the_same(shelf):
    found = estimate(resolve(parse("SELECT x FROM t.stars WHERE id = 3"), shelf), NoStatistics())
    assert found.reads[0].rows == 8000
    assert found.reads[0].files == 8


def test_a_file_that_is_gone_is_left_to_the_engine(tmp_path):
    gone = tmp_path / "gone.parquet"
    pq.write_table(pa.table({"a": [1]}), gone)
    shelf = Shelf(t_gone=[gone])
    resolved = resolve(parse("SELECT a FROM t.gone"), shelf)
    facts = shelf.files(resolved.scans[0].relation.parts[0])
    gone.unlink()
    assert shelf.groups(facts, ["a"], []) == {}
