"""What an explanation tells of a real lake, and where a cluster would run its queries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import skyhouse
from skyhouse.columns import Column
from skyhouse.errors import InputError, UnknownColumn
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter
from skyhouse.query.costs import DUCKDB, SPARK, Profile
from skyhouse.session.forecast import bytes_of


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Ten files of a thousand stars, ordered by their number."""
    with skyhouse.open(tmp_path_factory.mktemp("explain") / "lake", threads=2, spark_memory="1g") as opened:
        columns = (Column("star", "int64"), Column("field", "int32"), Column("mag", "float32", "mag"))
        table = opened.registry.create(Definition("t.stars", columns, key=("star",), sort=("star",)))
        for first in range(0, 10_000, 1000):
            rows = np.arange(first, first + 1000)
            writer = TableWriter(table.definition, table.path)
            writer.write(
                pa.table({"star": rows, "field": (rows // 100).astype("i4"), "mag": rows.astype("f4")}),
                Source(str(first)),
            )
            commit(table, writer.close())
        yield opened


def test_the_log_alone_rules_files_out(lake):
    found = lake.explain("SELECT star, mag FROM t.stars WHERE star BETWEEN 2500 AND 3499")
    read = found.estimate.reads[0]
    assert (read.files, read.files_there, read.groups, read.rows) == (2, 10, 2, 2000)
    assert read.size == sum(file.size for file in lake.registry.table("t.stars").files()[2:4])
    assert 0 < read.bytes < read.size
    assert 900 < read.kept < 1100
    assert read.exact


def test_an_explanation_as_text_and_as_rows(lake):
    found = lake.explain("SELECT field, count(*) AS n FROM t.stars WHERE star < 1000 GROUP BY field")
    rows = dict(found.rows())
    assert rows["engine"] == found.engine == "duckdb"
    assert rows["reason"] == found.reason
    assert rows["reads t.stars"].startswith("1 of 10 files, 1 of 10 row groups, ")
    assert rows["result"] == "about 10 rows"
    assert rows["sql"] == found.sql
    assert 'FROM "t.stars"' in found.sql
    for item in rows:
        assert item in str(found)
        assert f">{item}</th>" in found._repr_html_()
    assert "&lt; 1000" in found._repr_html_()
    assert "plan" not in rows


def test_a_query_explains_itself(lake):
    query = lake.table("t.stars").where("mag > 3").group_by("field").select("field", n="count(*)")
    assert query.explain().sql == query.sql("duckdb")
    assert query.on("spark").explain().reason == "asked for"
    assert query.on("spark").explain().sql == query.sql("spark")
    assert lake.explain(query, engine="spark").engine == "spark"
    assert lake.explain("SELECT TOP 3 star FROM t.stars", dialect="tsql").estimate.rows == 3


def test_bad_queries_are_refused(lake):
    with pytest.raises(UnknownColumn, match="did you mean 'mag'"):
        lake.explain("SELECT mga FROM t.stars")
    with pytest.raises(InputError, match="no engine"):
        lake.explain("SELECT mag FROM t.stars", engine="oracle")


def test_the_engines_own_plan(lake, engine):
    found = lake.explain("SELECT max(mag) AS m FROM t.stars WHERE field = 7", engine=engine, native=True)
    assert {"duckdb": "Aggregate", "spark": "HashAggregate"}[engine].lower() in found.plan.lower()
    assert dict(found.rows())["plan"] == found.plan


BIG = replace(DUCKDB, cores=16, memory=64e9)
CLUSTER = replace(SPARK, cores=640, memory=3e12, start=30)
SLOW = replace(SPARK, scan=1e4, start=30)


@pytest.mark.parametrize(
    ("profile", "picked"),
    [
        (Profile({"duckdb": BIG, "spark": CLUSTER}, frozenset({"duckdb", "spark"})), "duckdb"),
        (Profile({"duckdb": replace(BIG, scan=1e3), "spark": CLUSTER}, frozenset({"duckdb", "spark"})), "spark"),
        (Profile({"duckdb": replace(BIG, scan=1e3), "spark": CLUSTER}, frozenset({"duckdb"})), "duckdb"),
        (Profile({"duckdb": replace(BIG, scan=1e1), "spark": CLUSTER}, frozenset({"duckdb"})), "spark"),
        (Profile({"duckdb": replace(BIG, memory=100, disk=100), "spark": SLOW}, frozenset({"duckdb"})), "spark"),
        (Profile({"spark": CLUSTER}, frozenset()), "spark"),
        (Profile(), "duckdb"),
    ],
)
def test_where_another_machine_or_cluster_would_run_it(lake, profile, picked):
    found = lake.explain("SELECT star, sum(mag) AS m FROM t.stars GROUP BY star", profile=profile)
    assert found.engine == picked
    assert found.predicted.keys() == profile.rates.keys()
    assert found.reason.startswith(f"{picked}: ")


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2e9), ("1.5 GiB", 1.5 * 2**30), ("4g", 4e9), ("512MB", 512e6), ("3TB", 3e12), ("lots", None), ("", None)],
)
def test_sizes(text, size):
    assert bytes_of(text) == size


def test_each_place_in_from_is_a_read(lake):
    assert [read.table for read in lake.explain("SELECT 1 AS one").estimate.reads] == []
    both = lake.explain("SELECT a.star FROM t.stars a JOIN t.stars b ON a.star = b.star WHERE a.star < 1000").estimate
    assert [(read.files, read.columns) for read in both.reads] == [(1, ("star",)), (1, ("star",))]
    assert both.rows == pytest.approx(1000)
