"""A query is checked once while its tables stay as they are, and again when one of them has changed."""

from __future__ import annotations

import pyarrow as pa
import pytest

import skyhouse
from skyhouse.errors import UnknownTable
from skyhouse.query.checked import Checked
from skyhouse.query.parse import parse


@pytest.fixture
def lake(tmp_path):
    with skyhouse.open(tmp_path / "lake", create=True) as opened:
        opened.write(pa.table({"a": [1, 2]}), "s.one")
        opened.write(pa.table({"b": [1]}), "s.two")
        yield opened


def test_a_query_is_checked_again_when_a_table_of_its_own_has_changed(lake):
    context = lake.sql("SELECT * FROM s.one").context
    tree = parse("SELECT * FROM s.one")
    first = context.resolved(tree)
    lake.sql("INSERT INTO s.two SELECT 2")
    assert context.resolved(tree) is first
    lake.sql("CREATE OR REPLACE TABLE s.one AS SELECT 1 AS a, 2 AS c")
    assert [column.name for column in context.resolved(tree).columns] == ["a", "c"]
    lake.sql("DROP TABLE s.one")
    with pytest.raises(UnknownTable):
        context.resolved(tree)


def test_a_query_gives_the_rows_of_now_on_every_run(lake):
    query = lake.sql("SELECT sum(a) AS s FROM s.one WHERE a > 0")
    assert [query.to_arrow()["s"].to_pylist() for _ in range(2)] == [[3], [3]]
    shown = query.sql("duckdb"), query.sql("spark"), query.sql("duckdb")
    assert shown[0] == shown[2]
    lake.sql("INSERT INTO s.one SELECT 10")
    assert query.to_arrow()["s"].to_pylist() == [13]


def test_few_queries_are_kept(lake):
    context = lake.sql("SELECT 1 AS a").context
    checked = Checked(context.tables)
    trees = [parse(f"SELECT {n} AS n") for n in range(20)]
    first = [checked.resolved(tree) for tree in trees]
    assert checked.resolved(trees[-1]) is first[-1]
    assert checked.resolved(trees[0]) is not first[0]
