from __future__ import annotations

import datetime as dt
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

import skyhouse
from skyhouse.columns import Column, arrow_schema
from skyhouse.errors import (
    EngineError,
    InputError,
    OutOfTime,
    QueryError,
    SettingsError,
    TableExists,
    UnknownColumn,
    UnknownTable,
)
from skyhouse.lake.definition import Definition

STARS = (
    Column("id", "int64", "", "meta.id", "the star"),
    Column("ra", "float64", "deg", "pos.eq.ra", "right ascension"),
    Column("mag", "float32", "mag", "phot.mag", "brightness"),
    Column("name", "string"),
)


@pytest.fixture
def lake(tmp_path):
    with skyhouse.open(tmp_path / "lake", workers=1, threads=2) as opened:
        rows = {
            "id": [3, 1, 2],
            "ra": [30.0, 10.0, math.nan],
            "mag": pa.array([1.5, None, 2.5], "float32"),
            "name": ["c", "a", None],
        }
        opened.write(pa.table(rows, schema=arrow_schema(STARS)), "sky.stars", key=["id"], description="three stars")
        yield opened


def rows(lake, sql):
    return [tuple(row.values()) for row in lake.sql(sql).to_arrow().to_pylist()]


def leftovers(lake):
    return sorted(p.name for p in lake.path.rglob("*") if p.name.startswith((".draft", ".dropped")))


# -- CREATE TABLE AS, SELECT INTO -----------------------------------------------------------------------------


def test_a_query_becomes_a_table_with_its_types_and_units(lake):
    outcome = lake.sql("CREATE TABLE my.few AS SELECT id, ra, max(mag) OVER () AS mag, name FROM sky.stars")
    assert outcome.to_arrow().to_pylist() == [{"table": "my.few", "rows": 3, "version": 1}]
    table = lake.registry.table("my.few")
    assert table.columns == (*STARS[:2], Column("mag", "float32", "mag", "phot.mag", "brightness"), STARS[3])
    assert table.definition.properties["made_by"] == "query"
    assert table.definition.properties["query"].startswith("CREATE TABLE my.few AS")
    assert rows(lake, "SELECT id, name FROM my.few ORDER BY id") == [(1, "a"), (2, None), (3, "c")]
    assert leftovers(lake) == []


def test_order_by_is_the_tables_order(lake):
    lake.sql("CREATE TABLE my.a AS SELECT ra, id, name FROM sky.stars ORDER BY ra, id")
    assert lake.registry.table("my.a").definition.sort == ("ra", "id")
    assert [r[1] for r in rows(lake, "SELECT * FROM my.a")] == [1, 3, 2]  # NaN is above all numbers
    lake.sql("CREATE TABLE my.b AS SELECT ra, id, name FROM sky.stars ORDER BY name, ra DESC")
    assert lake.registry.table("my.b").definition.sort == ("name",)
    lake.sql("CREATE TABLE my.c AS SELECT -ra AS ra, id FROM sky.stars ORDER BY ra")
    assert [r[1] for r in rows(lake, "SELECT * FROM my.c WHERE ra < 0")] == [3, 1]


def test_zeros_of_both_signs_have_no_order(lake):
    zeros = pa.table({"x": [0.0, -0.0, 0.0, -0.0, None, math.nan, None], "n": range(7)})
    assert lake.write(zeros, "my.zeros", sort=["x", "n"]).rows == 7
    assert rows(lake, "CREATE TABLE my.again AS SELECT * FROM my.zeros ORDER BY x, n")[0][1] == 7


def test_a_table_that_is_there_stays(lake):
    with pytest.raises(TableExists, match="CREATE OR REPLACE"):
        lake.sql("CREATE TABLE SKY.Stars AS SELECT 1 AS a")
    assert rows(lake, "CREATE TABLE IF NOT EXISTS sky.stars AS SELECT 1 AS a") == [("sky.stars", 0, 1)]
    assert lake.registry.table("sky.stars").columns == STARS


def test_replacing_keeps_what_is_being_read(lake):
    reader = lake.sql("SELECT id FROM sky.stars").batches()
    other = skyhouse.open(lake.path, threads=1)
    assert rows(other, "SELECT count(*) AS n FROM sky.stars") == [(3,)]
    assert rows(
        lake, "CREATE OR REPLACE TABLE sky.stars AS SELECT id AS star, TIMESTAMP '2020-01-01' AS t FROM sky.stars"
    ) == [("sky.stars", 3, 2)]
    assert sorted(reader.read_all()["id"].to_pylist()) == [1, 2, 3]
    assert rows(other, "SELECT max(t) AS t, count(star) AS n FROM sky.stars") == [(dt.datetime(2020, 1, 1), 3)]
    definition = other.registry.table("sky.stars").definition
    assert (definition.key, definition.sort, definition.description) == ((), (), "")
    rows(lake, "INSERT INTO sky.stars SELECT 4, NULL")
    assert rows(other, "SELECT count(*) AS n FROM sky.stars") == [(4,)]
    assert rows(lake, "CREATE OR REPLACE TABLE my.fresh AS SELECT 1 AS a") == [("my.fresh", 1, 1)]
    from deltalake import DeltaTable

    assert DeltaTable(lake.path / "sky" / "stars").to_pyarrow_table().num_rows == 4
    assert DeltaTable(lake.path / "sky" / "stars", version=1).to_pyarrow_table().column_names[0] == "id"
    assert leftovers(lake) == []


def test_a_result_without_rows_is_a_table(lake):
    assert rows(lake, "CREATE TABLE my.none AS SELECT * FROM sky.stars WHERE false") == [("my.none", 0, 0)]
    assert lake.registry.table("my.none").columns == STARS
    assert rows(lake, "SELECT * FROM my.none") == []


def test_select_into_in_both_dialects(lake):
    assert rows(lake, "SELECT id INTO mydb.a FROM sky.stars WHERE id > 1") == [("mydb.a", 2, 1)]
    found = lake.sql("SELECT TOP 1 id INTO mydb.dbo.b FROM sky.stars ORDER BY id DESC", dialect="tsql")
    assert found.to_arrow().to_pylist() == [{"table": "mydb.b", "rows": 1, "version": 1}]
    assert rows(lake, "SELECT * FROM mydb.b") == [(3,)]


@pytest.mark.parametrize(
    ("query", "error", "match"),
    [
        ("SELECT count(*) FROM sky.stars", InputError, "AS"),
        ("SELECT nothing FROM sky.stars", UnknownColumn, "nothing"),
        ("SELECT 1 AS a FROM read_parquet('/etc/passwd')", QueryError, "functions and files cannot be read"),
        ("SELECT * FROM '/etc/passwd'", (QueryError, UnknownTable), "passwd"),
        ("SELECT cast(name AS int) AS n FROM sky.stars", EngineError, "convert"),
    ],
)
def test_a_query_that_fails_leaves_nothing(lake, query, error, match):
    for statement in (f"CREATE TABLE my.bad AS {query}", f"CREATE OR REPLACE TABLE sky.stars AS {query}"):
        with pytest.raises(error, match=match):
            lake.sql(statement)
    assert lake.registry.names() == ["sky.stars"]
    assert lake.registry.table("sky.stars").version == 1
    assert leftovers(lake) == []


# -- INSERT --------------------------------------------------------------------------------------------------


def test_rows_are_added_by_position_or_by_name(lake):
    assert rows(lake, "INSERT INTO sky.stars SELECT 7, 1, 2.5, 'g'") == [("sky.stars", 1, 2)]
    assert rows(lake, "INSERT INTO SKY.STARS (NAME, id) SELECT 'h', 8") == [("sky.stars", 1, 3)]
    assert rows(lake, "SELECT * FROM sky.stars WHERE id > 6 ORDER BY id") == [
        (7, 1.0, 2.5, "g"), (8, None, None, "h")]  # fmt: skip
    assert lake.registry.table("sky.stars").columns == STARS


def test_values_are_rows(lake):
    statement = "INSERT INTO sky.stars (name, id, mag) VALUES ('x;', 10, 2), (NULL, 11, 2.5), ('z', 12, NULL);"
    assert rows(lake, statement) == [("sky.stars", 3, 2)]
    assert rows(lake, "SELECT id, ra, mag, name FROM sky.stars WHERE id >= 10 ORDER BY id") == [
        (10, None, 2.0, "x;"), (11, None, 2.5, None), (12, None, None, "z")]  # fmt: skip


@pytest.mark.spark
def test_spark_writes_the_same_table(lake):
    query = "SELECT id, ra, mag, name, id * 2 AS twice FROM sky.stars ORDER BY id"
    for engine in ("duckdb", "spark"):
        lake.sql(f"CREATE TABLE my.{engine} AS {query}", engine=engine)
        lake.sql(f"INSERT INTO my.{engine} (id, name) VALUES (9, 'nine')", engine=engine)
    made = [lake.registry.table(f"my.{engine}") for engine in ("duckdb", "spark")]
    assert made[0].columns == made[1].columns
    assert made[0].definition.sort == made[1].definition.sort == ("id",)
    found = [repr(rows(lake, f"SELECT * FROM my.{engine} ORDER BY id")) for engine in ("duckdb", "spark")]
    assert found[0] == found[1]


def test_a_table_may_be_put_into_itself(lake):
    for n in (6, 12, 24):
        lake.sql("INSERT INTO sky.stars SELECT id + (SELECT max(id) FROM sky.stars), ra, mag, name FROM sky.stars")
        assert rows(lake, "SELECT count(*) AS n, count(DISTINCT id) AS d FROM sky.stars") == [(n, n)]


@pytest.mark.parametrize(
    ("statement", "error", "match"),
    [
        ("INSERT INTO sky.stars SELECT 1", QueryError, "1 columns do not fill 4"),
        ("INSERT INTO sky.stars (id, ra) SELECT 1", QueryError, "1 columns do not fill 2"),
        ("INSERT INTO sky.stars (id, nme) SELECT 1, 'x'", UnknownColumn, "did you mean 'name'"),
        ("INSERT INTO sky.stars (id, Id) SELECT 1, 2", QueryError, "named twice"),
        ("INSERT INTO sky.stars (id) SELECT 'x'", QueryError, "is string, not int64; cast it"),
        ("INSERT INTO sky.stars (id, mag) SELECT 9, ra FROM sky.stars", QueryError, "in deg, not mag; convert it"),
        ("INSERT INTO sky.stars (name) SELECT 'no key'", InputError, "key column 'id' is NULL"),
        ("INSERT INTO sky.nowhere SELECT 1", UnknownTable, "line 1, column 13"),
        ("INSERT INTO stars SELECT 1", QueryError, r"schema\.table"),
        ("INSERT INTO sky.stars (id) SELECT 1e300", EngineError, "1e"),
    ],
)
def test_what_does_not_fit_is_refused(lake, statement, error, match):
    with pytest.raises(error, match=match):
        lake.sql(statement)
    assert lake.registry.table("sky.stars").refresh().version == 1
    assert len(list((lake.path / "sky" / "stars").glob("*.parquet"))) == 1


def test_a_key_stays_a_key(lake):
    with pytest.raises(InputError, match=r"sky\.stars: .* key id=2"):
        lake.sql("INSERT INTO sky.stars (id) SELECT 2")
    with pytest.raises(InputError, match="same key"):
        lake.sql("INSERT INTO sky.stars (id) SELECT 9 UNION ALL SELECT 9")
    assert lake.registry.table("sky.stars").rows == 3
    lake.write(pa.table({"a": ["x", "y"], "b": [1, 1]}), "my.pairs", key=["a", "b"], sort=["b"])
    with pytest.raises(InputError, match="a='y', b=1"):
        lake.sql("INSERT INTO my.pairs SELECT 'y', 1")
    lake.sql("INSERT INTO my.pairs SELECT 'y', 2")


def test_inserts_at_once_all_arrive(lake):
    lake.sql("CREATE TABLE my.n AS SELECT 0 AS n")
    lakes = [skyhouse.open(lake.path, threads=1) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: rows(lakes[n % 4], f"INSERT INTO my.n SELECT {n + 1}"), range(16)))
    assert rows(lake, "SELECT count(*) AS n, sum(n) AS s FROM my.n") == [(17, 136)]
    for one in lakes:
        one.close()


# -- DROP, and other sessions ----------------------------------------------------------------------------------


def test_a_table_is_dropped(lake):
    assert rows(lake, "DROP TABLE sky.stars") == [("sky.stars", 3, 1)]
    with pytest.raises(UnknownTable):
        lake.sql("SELECT * FROM sky.stars")
    with pytest.raises(UnknownTable, match="column 12"):
        lake.sql("DROP TABLE sky.stars")
    assert rows(lake, "DROP TABLE IF EXISTS sky.stars") == [("sky.stars", 0, None)]


def test_a_table_made_anew_is_seen_by_other_sessions(lake):
    other = skyhouse.open(lake.path, threads=1)
    assert len(rows(other, "SELECT * FROM sky.stars")) == 3
    for n in range(3):
        lake.drop("sky.stars")
        lake.sql(f"CREATE TABLE sky.stars AS SELECT {n} AS n")
        assert rows(other, "SELECT * FROM sky.stars") == [(n,)]
        assert rows(other, "INSERT INTO sky.stars SELECT 10") == [("sky.stars", 1, 2)]
        assert rows(lake, "SELECT * FROM sky.stars ORDER BY n") == [(n,), (10,)]
    other.close()


# -- who may write what ------------------------------------------------------------------------------------------


def test_what_ingest_made_is_not_changed_by_a_statement(lake):
    made = Definition("manga.spaxels", (Column("v", "float64"),), properties={"made_by": "ingest"})
    lake.registry.create(made)
    for statement in (
        "DROP TABLE manga.spaxels",
        "DROP TABLE IF EXISTS manga.spaxels",
        "INSERT INTO manga.spaxels SELECT 1.5",
        "CREATE OR REPLACE TABLE manga.spaxels AS SELECT 1 AS a",
    ):
        with pytest.raises(QueryError, match="made by ingest"):
            lake.sql(statement)
    with pytest.raises(InputError, match=r"writable=\('manga',\)"):
        lake.drop("manga.spaxels")
    with pytest.raises(InputError, match="made by ingest"):
        lake.write(pa.table({"v": [1.0]}), "manga.spaxels", mode="append")
    lake.sql("CREATE TABLE manga.mine AS SELECT 1 AS a")
    with skyhouse.open(lake.path, writable=("manga",)) as named:
        assert rows(named, "INSERT INTO manga.spaxels SELECT 1.5") == [("manga.spaxels", 1, 1)]
        named.drop("manga.spaxels")


def test_only_the_schemas_that_are_named_are_written(lake):
    with skyhouse.open(lake.path, writable="mydb_anna") as anna:
        assert rows(anna, "SELECT id INTO mydb_anna.a FROM sky.stars") == [("mydb_anna.a", 3, 1)]
        assert rows(anna, "CREATE TABLE b AS SELECT 1 AS a") == [("mydb_anna.b", 1, 1)]
        for statement in (
            "DROP TABLE sky.stars",
            "INSERT INTO sky.stars (id) SELECT 9",
            "CREATE TABLE mydb_bob.a AS SELECT 1 AS a",
            "CREATE OR REPLACE TABLE sky.stars AS SELECT 1 AS a",
            "SELECT id INTO sky.stars FROM sky.stars",
        ):
            with pytest.raises(QueryError, match="only mydb_anna"):
                anna.sql(statement)
        with pytest.raises(InputError, match="only mydb_anna"):
            anna.write(pa.table({"v": [1.0]}), "sky.stars", mode="append")
        with pytest.raises(InputError, match="only mydb_anna"):
            anna.drop("sky.stars")
        (lake.path.parent / "x.csv").write_text("a\n1\n")
        lake.attach("seen.x", lake.path.parent / "x.csv")
        for refused in (
            lambda: anna.attach("SKY.x", lake.path.parent / "x.csv"),
            lambda: anna.attach("pg", "postgresql://localhost/x"),
            lambda: anna.detach("seen.x"),
            lambda: anna.ingest("x.fits", survey="MaNGA"),
        ):
            with pytest.raises(InputError, match="only mydb_anna"):
                refused()
        anna.attach("mydb_anna.x", lake.path.parent / "x.csv")
        for name in ("a", "b"):
            anna.drop(f"mydb_anna.{name}")
        assert rows(anna, 'CREATE TABLE "MyDB_Anna".c AS SELECT 1 AS a') == [("mydb_anna.c", 1, 1)]
    with skyhouse.open(lake.path, writable=()) as reader, pytest.raises(QueryError, match="nor any other"):
        reader.sql("CREATE TABLE b.a AS SELECT 1 AS a")
    for wrong in (3, ("a.b",), ("",), ("*", "a"), [1]):
        with pytest.raises(SettingsError, match="writable"):
            skyhouse.open(lake.path, writable=wrong)


@pytest.mark.parametrize(
    "name",
    ['"../x"."y"', '"s.t".u', 's."a/b"', 's."_delta_log/../../x"', 's."%2e%2e"', '"C:".x', 's.".draft-x"', 's.""'],
)
def test_no_name_leads_out_of_the_lake(lake, name):
    for statement in (f"CREATE TABLE {name} AS SELECT 1 AS a", f"DROP TABLE {name}", f"INSERT INTO {name} SELECT 1"):
        with pytest.raises((QueryError, UnknownTable)):
            lake.sql(statement)
    assert sorted(p.name for p in lake.path.parent.iterdir()) == ["lake"]


# -- Python ------------------------------------------------------------------------------------------------------


def test_python_writes_queries_arrow_pandas_and_readers(lake):
    made = lake.write(lake.table("sky.stars").where("id > 1"), "my.q", sort=["name"])
    assert (made.name, made.rows, made.definition.sort) == ("my.q", 2, ("name",))
    assert made.columns == STARS
    frame = lake.table("sky.stars").to_pandas()
    assert lake.write(frame, "my.pandas", description="from pandas").definition.description == "from pandas"
    arrow = lake.table("sky.stars").to_arrow()
    assert lake.write(arrow.to_reader(1), "my.reader").rows == 3
    assert lake.write(arrow, "my.reader", mode="append").rows == 6
    assert lake.write(arrow, "my.reader", mode="replace", key=["id"]).rows == 3
    with pytest.raises(TableExists):
        lake.write(arrow, "my.reader")
    with pytest.raises(InputError, match="did you mean 'append'"):
        lake.write(arrow, "my.reader", mode="apend")
    with pytest.raises(InputError, match="not list"):
        lake.write([1, 2], "my.list")
    with pytest.raises(InputError, match="sort names the column 'nope'"):
        lake.write(arrow, "my.x", sort=["nope"])
    with pytest.raises(InputError, match="same key"):
        lake.write(pa.table({"i": [2, 1, 2]}), "my.x", key=["i"])
    with pytest.raises(UnknownTable):
        lake.write(arrow, "my.x", mode="append")
    assert leftovers(lake) == []


def test_small_unsigned_numbers_become_signed_ones(lake):
    made = lake.write(pa.table({"n": pa.array([255, None], "uint8")}), "my.bytes")
    assert made.columns == (Column("n", "int16"),)
    assert rows(lake, "SELECT n FROM my.bytes ORDER BY n") == [(255,), (None,)]


def test_many_rows_come_in_pieces_and_in_order(lake):
    many = pa.table({"i": range(500_000)})
    lake.write(many, "my.many")
    lake.sql("CREATE TABLE my.sorted AS SELECT (i * 7919) % 500000 AS k, i FROM my.many ORDER BY k, i")
    table = lake.registry.table("my.sorted")
    assert table.rows == 500_000
    assert (table.files()[0].minimum["k"], table.files()[-1].maximum["k"]) == (0, 499_999)
    assert rows(lake, "SELECT count(*) AS n FROM my.sorted WHERE k = 12345") == [(1,)]


# -- EXPLAIN -----------------------------------------------------------------------------------------------------


def test_explain_tells_and_does_not_run(lake):
    told = dict(rows(lake, "EXPLAIN SELECT count(*) AS n FROM sky.stars"))
    assert told["engine"] == "duckdb"
    assert "sky.stars" in told["sql"]
    with pytest.raises(UnknownTable, match="column 23"):
        lake.sql("EXPLAIN SELECT * FROM sky.nope")


# -- what is cut short -------------------------------------------------------------------------------------------


def test_a_statement_has_a_time_limit(lake):
    lake.write(pa.table({"i": range(100_000)}), "my.i")
    with skyhouse.open(lake.path, time_limit=0.5, threads=2) as hasty, pytest.raises(OutOfTime):
        hasty.sql("CREATE TABLE my.late AS SELECT a.i FROM my.i a JOIN my.i b ON sin(a.i) + sin(b.i) > 2.5")
    assert "my.late" not in lake.registry.names()
    assert leftovers(lake) == []


def test_ctrl_c_stops_a_statement_and_leaves_nothing(lake):
    lake.write(pa.table({"i": range(100_000)}), "my.i")
    threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        lake.sql("CREATE TABLE my.late AS SELECT a.i FROM my.i a JOIN my.i b ON sin(a.i) + sin(b.i) > 2.5")
    assert "my.late" not in lake.registry.names()
    assert leftovers(lake) == []


def test_a_killed_writer_leaves_no_table(lake):
    script = """
        import os, sys, threading
        import pyarrow as pa
        import skyhouse

        def rows():
            for n in range(10_000):
                if n == 40:
                    print("now", flush=True)
                yield pa.record_batch({"i": pa.array(range(n * 10_000, (n + 1) * 10_000))})

        lake = skyhouse.open(sys.argv[1])
        reader = pa.RecordBatchReader.from_batches(pa.schema([("i", pa.int64())]), rows())
        lake.write(reader, "my.half", mode=sys.argv[2])
    """
    for mode in ("create", "replace"):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(lake.path), mode],
            stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.kill()
        process.wait()
        process.stdout.close()
    assert lake.registry.names() == ["sky.stars"]
    assert len(leftovers(lake)) == 2
    assert rows(lake, "CREATE TABLE my.half AS SELECT 1 AS a") == [("my.half", 1, 1)]


def test_vacuum_takes_what_was_left_and_no_more(lake):
    lake.sql("CREATE OR REPLACE TABLE sky.stars AS SELECT 1 AS a")
    crashed = lake.path / "sky" / ".draft-x-1"
    crashed.mkdir()
    (crashed / "part-1.parquet").write_bytes(b"half")
    assert lake.vacuum() == []
    gone = lake.vacuum(older_than_hours=0)
    assert [path.suffix or path.name for path in gone] == [".parquet", ".draft-x-1"]
    assert rows(lake, "SELECT * FROM sky.stars") == [(1,)]
    assert leftovers(lake) == []


def test_progress_goes_to_who_watches_the_session(lake):
    lake.write(pa.table({"i": range(100_000)}), "my.i")
    seen, own = [], []
    lake.watch(seen.append)
    slow = lake.sql("SELECT count(*) AS n FROM my.i a JOIN my.i b ON sin(a.i) + sin(b.i) > 2.5")
    for watched in ({}, {"progress": own.append}):
        with pytest.raises(OutOfTime):
            slow.run("duckdb", time_limit=0.5, **watched)
    assert 2 <= len(seen) <= 8
    assert 2 <= len(own) <= 8
    lake.sql("CREATE TABLE my.done AS SELECT 1 AS a")
    assert (seen[-1].what, seen[-1].fraction) == ("done", 1)
    lake.watch(None)


def test_a_notebook_shows_a_line_and_clears_it():
    """In IPython's own kernel class, whose messages are caught on their way out."""
    pytest.importorskip("ipykernel")
    script = """
        import time
        from ipykernel.inprocess.manager import InProcessKernelManager

        manager = InProcessKernelManager()
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        client.execute(CELL)
        while client.iopub_channel.msg_ready():
            message = client.iopub_channel.get_msg()
            if message["header"]["msg_type"] in ("display_data", "update_display_data", "error"):
                print(message["header"]["msg_type"], message["content"].get("data", message["content"])["text/plain"])
    """
    cell = """
        from skyhouse.query.job import Progress
        from skyhouse.session.watching import watcher

        show = watcher()
        for state in (
            Progress(0.1, "10%", 0.5), Progress(0.4, "40%", 1.2), Progress(0.4, "40%", 1.3), Progress(0.5, "50%", 2.1),
            Progress(1, "done", 2.2)):
            show(state)
        quick = watcher()
        quick(Progress(1, "done", 0.1))
    """
    code = f"CELL = {textwrap.dedent(cell)!r}\n{textwrap.dedent(script)}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    told = [line for line in ran.stdout.splitlines() if "display_data" in line]
    assert told == [
        "display_data running: 40%, 1 s",
        "update_display_data running: 50%, 2 s",
        "update_display_data ",
    ], ran.stderr


def test_without_a_notebook_nobody_watches():
    from skyhouse.session.watching import watcher

    assert watcher() is None


@pytest.mark.parametrize("thread", ["main", "other"])
def test_a_signal_is_heard_whichever_thread_it_wakes(lake, thread):
    lake.write(pa.table({"i": range(100_000)}), "my.i")

    def press():
        signal.pthread_kill(threading.main_thread().ident if thread == "main" else threading.get_ident(), signal.SIGINT)

    began = time.monotonic()
    threading.Timer(0.5, press).start()
    with pytest.raises(KeyboardInterrupt):
        lake.sql("SELECT count(*) AS n FROM my.i a JOIN my.i b ON sin(a.i) + sin(b.i) > 2.5").to_arrow()
    assert time.monotonic() - began < 5


def test_a_table_that_another_drops_is_gone_and_no_riddle(lake):
    with skyhouse.open(lake.path) as other:
        held, asked = other.registry.table("sky.stars"), other.sql("SELECT count(*) AS n FROM sky.stars")
        assert asked.to_arrow().to_pylist() == [{"n": 3}]
        lake.drop("sky.stars")
        with pytest.raises(UnknownTable, match="dropped"):
            held.refresh()
        with pytest.raises(UnknownTable, match=r"no table 'sky.stars'"):
            asked.to_arrow()
        lake.sql("CREATE TABLE sky.stars AS SELECT 1 AS id")
        assert held.refresh().rows == 1
        assert asked.to_arrow().to_pylist() == [{"n": 1}]


def test_many_drop_make_read_and_clean_at_once(lake):
    lake.write(pa.table({"i": range(2000)}), "my.many")
    until = time.monotonic() + 3
    seen = set()

    def again(work):
        with skyhouse.open(lake.path, threads=1, engine="duckdb") as own:
            while time.monotonic() < until:
                try:
                    work(own)
                except UnknownTable as gone:
                    assert "did you mean 'my.r'" not in str(gone)  # noqa: PT017 - most rounds raise nothing
                except EngineError as gone:
                    assert "dropped" in str(gone)  # noqa: PT017

    def make(own):
        own.sql("DROP TABLE IF EXISTS my.r")
        own.sql("CREATE TABLE my.r AS SELECT i, 7 AS v FROM my.many")

    def read(own):
        seen.add(tuple(own.sql("SELECT count(*) AS n, max(v) AS v FROM my.r").to_arrow().to_pylist()[0].values()))

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(again, work) for work in (make, read, lambda own: own.vacuum())]:
            done.result()
    assert seen <= {(2000, 7)}
    assert leftovers(lake) == []


def test_python_explains_statements_too(lake):
    told = lake.explain("CREATE TABLE my.a AS SELECT id FROM sky.stars WHERE id > 1")
    assert told.rows() == lake.explain("SELECT id FROM sky.stars WHERE id > 1").rows()
    assert "my.a" not in lake.registry.names()
    with pytest.raises(QueryError, match="DROP TABLE has no query"):
        lake.explain("DROP TABLE sky.stars")


def test_numbers_that_cannot_be_are_refused(lake):
    with pytest.raises(InputError, match="-1"):
        lake.history(-1)
    with pytest.raises(InputError, match="older_than_hours"):
        lake.vacuum(-1)


def test_an_error_has_the_text_as_it_was(lake):
    with pytest.raises(EngineError, match="string 'c'"):
        lake.sql("SELECT cast(name AS int) AS n FROM sky.stars WHERE id = 3").on("duckdb").to_arrow()


def test_a_long_copy_of_one_file_stops_no_query_of_another(lake, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("v\n1\n")
        lake.attach(f"x.{name}", tmp_path / f"{name}.csv")
    slow = next(one for one in lake.attachments() if one.name == "x.a")
    with lake._context.attached._held(slow), ThreadPoolExecutor(1) as other:
        assert other.submit(rows, lake, "SELECT v FROM x.b").result(timeout=20) == [(1,)]
