"""lake.apply: the results are in the table, whatever the form, the query, the runner and the order of events."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

import skyhouse
from skyhouse import Column
from skyhouse.errors import EngineError, InputError, TableExists, TaskError, UnknownTable
from skyhouse.lake.commit import commit

RETURNS = [Column("amplitude", "float32", unit="mag"), Column("n", "int32")]


@skyhouse.function(returns=RETURNS)
def amplitude(obj):
    """Half the range of the magnitudes."""
    mag = obj.lc.mag
    return {"amplitude": (mag.max() - mag.min()) / 2 if mag.size else None, "n": len(mag)}


@skyhouse.function(returns=RETURNS, per="compiled", inputs=["lc.mag"])
def by_number(mag):
    return (mag.max() - mag.min()) / 2 if mag.size else np.nan, mag.size


def rows(lake, table):
    return lake.sql(f"SELECT * FROM {table} ORDER BY object_id").to_arrow().to_pylist()


def test_a_table_of_results(lake):
    run = lake.apply(amplitude, "ztf.objects", into="ztf.amplitudes").wait()
    assert (run.status, run.objects, run.progress.done, run.progress.failures) == ("done", 300, 300, 0)
    table = lake.registry.table("ztf.amplitudes")
    assert [column.name for column in table.columns] == ["object_id", "amplitude", "n"]
    assert table.columns[1].unit == "mag"
    assert (table.definition.key, table.definition.description) == (
        ("object_id",),
        "Half the range of the magnitudes.",
    )
    found = rows(lake, "ztf.amplitudes")
    objects = rows(lake, "ztf.objects")
    assert [row["object_id"] for row in found] == list(range(300))
    for row, one in zip(found, objects, strict=True):
        mags = one["lc"]["mag"]
        assert row["n"] == len(mags)
        assert row["amplitude"] == (pytest.approx((max(mags) - min(mags)) / 2, abs=1e-5) if mags else None)


def test_a_query_goes_row_by_row(lake):
    query = "SELECT object_id, lc, 2 * z AS zz FROM ztf.objects WHERE z >= 0.15 AND object_id % 2 = 0"

    @skyhouse.function(returns=[Column("x", "float64"), Column("n", "int32")])
    def twice(obj):
        return {"x": obj.zz, "n": obj.lc.mag.size}

    run = lake.apply(twice, query, into="ztf.twice").wait()
    assert run.objects == 75
    assert run.progress.objects == 150  # row groups that the condition rules out are not read
    assert [row["object_id"] for row in rows(lake, "ztf.twice")] == list(range(150, 300, 2))
    assert rows(lake, "ztf.twice")[0] == {"object_id": 150, "x": 0.3, "n": 150 % 8}


@pytest.mark.spark
def test_the_same_on_spark(lake):
    lake.apply(by_number, "SELECT object_id, lc FROM ztf.objects WHERE z > 0.1", into="ztf.here").wait()
    run = lake.apply(by_number, "SELECT object_id, lc FROM ztf.objects WHERE z > 0.1", into="ztf.there", engine="spark")
    assert run.wait().objects == 199
    assert str(rows(lake, "ztf.here")) == str(rows(lake, "ztf.there"))


# -- what goes in ------------------------------------------------------------------------------------------------


@skyhouse.function(returns=[Column("s", "string"), Column("items", "list<float64>")], per="batch")
def texts(batch):
    names = batch["name"].to_pylist()
    return {"s": [name.upper() for name in names], "items": [[1.0, len(name)] for name in names]}


def test_results_may_be_lists_and_structs(lake):
    lake.apply(texts, "ztf.objects", into="ztf.texts").wait()
    assert rows(lake, "ztf.texts")[42] == {"object_id": 42, "s": "O42", "items": [1.0, 3.0]}

    @skyhouse.function(returns=[Column("fit", "struct<slope:float32,terms:list<int32>>")])
    def fitted(obj):
        return {"slope": obj.z, "terms": np.arange(obj.object_id % 3)} if obj.object_id else None

    lake.apply(fitted, "ztf.objects", into="ztf.fits").wait()
    found = rows(lake, "ztf.fits")
    assert found[0]["fit"] is None
    assert found[2]["fit"] == {"slope": pytest.approx(0.002), "terms": [0, 1]}


def test_verbs_and_queries_in_from(lake):
    base = lake.table("ztf.objects").select("object_id", "lc", zz="2 * z").where("zz > 0.5", "object_id < 280")

    @skyhouse.function(returns=[Column("x", "float64")])
    def same(obj):
        return obj.zz + obj.lc.mag.size

    lake.apply(same, base, into="ztf.verbs").wait()
    assert [row["object_id"] for row in rows(lake, "ztf.verbs")] == list(range(251, 280))
    assert rows(lake, "ztf.verbs")[0]["x"] == pytest.approx(0.502 + 251 % 8)


def test_key_columns(lake):
    with pytest.raises(InputError, match=r"the query has no column 'object_id'; name those that do: key="):
        lake.apply(amplitude, "SELECT z, lc FROM ztf.objects", into="ztf.a")
    lake.apply(amplitude, "SELECT name, z, lc FROM ztf.objects", into="ztf.named", key=["Name", "z"]).wait()
    table = lake.registry.table("ztf.named")
    assert table.definition.key == ("name", "z")
    assert table.rows == 300
    lake.apply(amplitude, "SELECT upper(name) AS id, lc FROM ztf.objects", into="ztf.upper", key="id").wait()
    assert lake.sql("SELECT count(*) AS n FROM ztf.upper WHERE id = 'O17'").to_arrow()["n"].to_pylist() == [1]
    clash = skyhouse.function(returns=[Column("Object_ID", "int64")], name="f")(lambda obj: 1)
    with pytest.raises(InputError, match="function f: its column 'Object_ID' has the name of a key column"):
        lake.apply(clash, "ztf.objects", into="ztf.a")
    assert not lake.registry.has("ztf.a")
    run = lake.apply(amplitude, "SELECT nullif(object_id, 7) AS id, lc FROM ztf.objects", into="ztf.null", key="id")
    with pytest.raises(InputError, match="key column 'id' is NULL in 1 rows"):
        run.wait()


def test_only_what_the_function_names_is_read(lake):
    seen = []

    @skyhouse.function(returns=[Column("x", "float64")], inputs=["lc.mag", "z"])
    def some(obj):
        return obj.z + len(list(obj)) * 10 + len(list(obj.lc)) * 100

    run = lake.apply(some, "ztf.objects", into="ztf.some")
    seen.append(run._work.input.names)
    run.wait()
    assert seen == [("object_id", "z", "lc.mag")]
    assert rows(lake, "ztf.some")[1]["x"] == pytest.approx(130.001)
    query = "SELECT object_id, lc, z, name FROM ztf.objects WHERE len(lc.mjd) > 2"
    run = lake.apply(some, query, into="ztf.some_more")
    assert set(run._work.input.names) == {"object_id", "z", "lc"}  # the condition reads the whole of lc
    assert run.wait().objects == sum(number % 8 > 2 for number in range(300))
    run = lake.apply(some, "SELECT * FROM ztf.objects WHERE z > 0.1", into="ztf.some_others")
    assert set(run._work.input.names) == {"object_id", "z", "lc.mag"}
    assert run.wait().objects == 199


def test_a_query_over_all_rows_is_staged(ztf):
    lake = ztf.lake
    query = "SELECT o.object_id, o.lc, p.n FROM ztf.objects o JOIN ztf.points p USING (object_id) WHERE p.n > 3"
    calls = []

    @skyhouse.function(returns=[Column("x", "int64")], broadcast=1)
    def plus(obj, one):
        return obj.n + one

    lake.apply(amplitude, "ztf.objects", into="ztf.points").wait()
    run = lake.apply(plus, query, into="ztf.joined", key="object_id", progress=calls.append).wait()
    assert run.objects == sum(number % 8 > 3 for number in range(300)) == calls[-1].done
    assert {row["x"] for row in rows(lake, "ztf.joined")} == {5, 6, 7, 8}
    assert not list(lake.path.glob(".staged/*/*.parquet"))
    again = lake.apply(plus, query, into="ztf.joined", key="object_id").wait()
    assert (again.objects, again.progress.objects, again.unchanged) == (0, 0, run.unchanged + len(run._plan.todo))
    ztf.add(300)
    lake.refresh("ztf.points", amplitude).wait()
    more = lake.refresh("ztf.joined", plus).wait()
    assert more.objects == lake.registry.table("ztf.joined").rows == sum(number % 8 > 3 for number in range(400))


def test_empty_inputs(empty):
    lake = empty.lake
    assert lake.apply(amplitude, "ztf.objects", into="ztf.none").wait().objects == 0
    assert lake.registry.table("ztf.none").rows == 0
    empty.add(0)
    none = "SELECT object_id, lc FROM ztf.objects WHERE z > 1000"
    assert lake.apply(amplitude, none, into="ztf.ruled_out").wait().progress.objects == 0
    none = "SELECT object_id, lc FROM ztf.objects WHERE len(name) > 9"
    assert lake.apply(amplitude, none, into="ztf.left_out").wait().objects == 0
    assert lake.apply(amplitude, none, into="ztf.left_out").wait().unchanged == 2
    assert lake.refresh("ztf.none", amplitude).wait().objects == 100


# -- again -------------------------------------------------------------------------------------------------------


def test_the_same_call_again_does_nothing(lake):
    first = lake.apply(amplitude, "ztf.objects", into="ztf.amplitudes").wait()
    version = lake.registry.table("ztf.amplitudes").version
    again = lake.apply(amplitude, lake.table("ztf.objects"), into="ZTF.Amplitudes").wait()
    assert (again.objects, again.unchanged) == (0, len(first._plan.todo))
    assert lake.registry.table("ztf.amplitudes").version == version


def test_refresh_does_what_is_new_and_takes_out_what_is_gone(ztf):
    lake = ztf.lake
    lake.apply(fails_for_some, "ztf.objects", into="ztf.x", max_failures=1.0).wait()
    ztf.add(300, 400)
    run = lake.refresh("ztf.x", fails_for_some, max_failures=1.0).wait()
    assert run.objects == 200
    ztf.remove(0)
    assert lake.refresh("ztf.x", fails_for_some, max_failures=1.0).wait().objects == 0
    assert [row["object_id"] for row in rows(lake, "ztf.x")] == [n for n in range(100, 500) if n % 10]
    assert [row["object_id"] for row in rows(lake, "ztf.x__failures")] == list(range(100, 500, 10))


def test_a_file_that_changed_in_place_is_done_again(lake, tmp_path, make_curves):
    (tmp_path / "elsewhere").mkdir()
    for first in (0, 100):
        pq.write_table(make_curves(first, 100), tmp_path / f"elsewhere/{first}.parquet")
    lake.attach("other.objects", tmp_path / "elsewhere")
    lake.apply(amplitude, "other.objects", into="ztf.x", key="object_id").wait()
    pq.write_table(make_curves(1000, 50), tmp_path / "elsewhere/100.parquet")
    run = lake.refresh("ztf.x", amplitude).wait()
    assert run.objects == 50
    assert [row["object_id"] for row in rows(lake, "ztf.x")] == [*range(100), *range(1000, 1050)]


def test_refresh_finds_the_function_by_its_name(lake, tmp_path, monkeypatch):
    text = (
        "from skyhouse import Column, function\n@function(returns=[Column('n', 'int8')])\ndef f(obj):\n    return 1\n"
    )
    (tmp_path / "mine_for_refresh.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    mine = importlib.import_module("mine_for_refresh")
    lake.apply(mine.f, "ztf.objects", into="ztf.x").wait()
    assert lake.refresh("ztf.x").wait().objects == 0
    nobodys = skyhouse.function(returns=[Column("n", "int8")])(lambda obj: 1)
    lake.apply(nobodys, "ztf.objects", into="ztf.y").wait()
    with pytest.raises(InputError, match=r"was made by a call, or .*give it: lake.refresh\('ztf.y', function\)"):
        lake.refresh("ztf.y")
    (tmp_path / "mine_for_refresh.py").write_text(text.replace("def f", "def g"))
    monkeypatch.delitem(sys.modules, "mine_for_refresh")
    importlib.invalidate_caches()
    with pytest.raises(InputError, match=r"cannot be found by its name: .*'f'.*refresh ztf.x --function FILE.py:NAME"):
        lake.refresh("ztf.x")


def test_another_function_or_query_needs_replace(lake):
    lake.apply(amplitude, "ztf.objects", into="ztf.x").wait()

    def other(obj):
        return {"amplitude": 1.0, "n": obj.object_id}

    changed = skyhouse.function(returns=RETURNS)(other)
    with pytest.raises(TableExists, match=r"ztf\.x was made by another function; replace=True starts it anew"):
        lake.apply(changed, "ztf.objects", into="ztf.x")
    query = "SELECT object_id, lc FROM ztf.objects WHERE object_id < 10"
    with pytest.raises(TableExists, match="was made by another query"):
        lake.apply(amplitude, query, into="ztf.x")
    lake.apply(changed, query, into="ztf.x", replace=True).wait()
    assert [row["n"] for row in rows(lake, "ztf.x")] == list(range(10))
    assert lake.apply(changed, query, into="ztf.x", replace=True).wait().objects == 0  # it is of these already
    lake.sql("CREATE TABLE ztf.mine AS SELECT 1 AS a")
    with pytest.raises(TableExists, match="was not made by apply"):
        lake.apply(amplitude, "ztf.objects", into="ztf.mine")
    with pytest.raises(InputError, match="was not made by apply, so there is nothing to refresh"):
        lake.refresh("ztf.mine")


def test_a_function_that_the_query_calls_counts_too(lake):
    for least in (10, 20):
        bright = skyhouse.function(returns=[Column("x", "bool")], broadcast=least)(lambda obj, least: obj.n > least)
        lake.register(bright, name="bright")
        query = "SELECT object_id, lc FROM (SELECT object_id, lc, object_id AS n FROM ztf.objects) AS o WHERE bright(n)"
        if least == 20:
            with pytest.raises(TableExists, match="another version of a function that the query calls"):
                lake.apply(amplitude, query, into="ztf.x")
        assert lake.apply(amplitude, query, into="ztf.x", replace=True).wait().objects == 299 - least


def test_what_a_crash_has_left_is_swept(lake):
    left = [lake.path / ".runs/abc", lake.path / ".staged/def/part-1.parquet", lake.path / ".staged/def/units.json"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert not lake.vacuum()
    lake.vacuum(older_than_hours=0)
    assert [path.exists() for path in left] == [False, False, True]


def test_what_cannot_be_is_refused_before_anything_is_made(lake):
    for wrong, message in [
        ((len, "ztf.objects", "ztf.x"), "is not declared: decorate it by skyhouse.function"),
        ((amplitude, "ztf.objects", "x"), "a table is named schema.table"),
        ((amplitude, "SELECT z FROM", "ztf.x"), "line 1"),
        ((amplitude, "ztf.nothing", "ztf.x"), "ztf.nothing"),
    ]:
        with pytest.raises((InputError, UnknownTable), match=message):
            lake.apply(*wrong)
    for wrong in ({"max_failures": 1.5}, {"max_failures": -1}, {"engine": "ray"}, {"timeout": 0}):
        with pytest.raises(InputError):
            lake.apply(amplitude, "ztf.objects", "ztf.x", **wrong)
    with pytest.raises(InputError, match="the key column 'row' is also a column of the failures"):
        lake.apply(amplitude, 'SELECT object_id AS "row", lc FROM ztf.objects', "ztf.x", key="row")
    assert lake.registry.names() == ["ztf.objects"]


@pytest.mark.parametrize("per", ["object", "batch", "compiled"])
@pytest.mark.parametrize(("path", "message"), [("lc.mg", "no field 'mg'; did you mean 'mag'"), ("y", "no column 'y'")])
def test_inputs_that_the_query_lacks_are_told_at_once(lake, per, path, message):
    lacking = skyhouse.function(returns=[Column("n", "int32")], per=per, inputs=[path])(len)
    for wrong in (lambda: lake.apply(lacking, "ztf.objects", "ztf.x"), lambda: lake.estimate(lacking, "ztf.objects")):
        with pytest.raises(InputError, match=message):
            wrong()
    assert lake.registry.names() == ["ztf.objects"]


def test_what_the_query_reads_is_never_written(lake):
    for into in ("ztf.objects", "ztf.Objects"):
        with pytest.raises(InputError, match=r"the query reads ztf.objects, which the run would write"):
            lake.apply(amplitude, "ztf.objects", into, replace=True)
    lake.apply(amplitude, "ztf.objects", "ztf.amplitudes", max_failures=1.0).wait()
    again = "SELECT * FROM ztf.objects WHERE object_id IN (SELECT object_id FROM ztf.amplitudes__failures)"
    with pytest.raises(InputError, match=r"the query reads ztf.amplitudes__failures"):
        lake.apply(amplitude, again, "ztf.amplitudes", key="object_id", replace=True)
    assert lake.sql("SELECT count(*) FROM ztf.objects").to_arrow()[0][0].as_py() == 300


def test_a_query_that_fails_leaves_the_table_that_was_to_be_replaced(lake):
    lake.apply(amplitude, "ztf.objects", "ztf.amplitudes", max_failures=1.0).wait()
    before = rows(lake, "ztf.amplitudes")
    wrong = "SELECT object_id, lc, CAST(name AS INT) AS n FROM ztf.objects ORDER BY z"
    with pytest.raises(EngineError):
        lake.apply(amplitude, wrong, "ztf.amplitudes", replace=True)
    assert rows(lake, "ztf.amplitudes") == before


def test_a_task_needs_no_parser():
    code = "import sys; import skyhouse.objects.execution; print('sqlglot' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False\n"


# -- what fails --------------------------------------------------------------------------------------------------


@skyhouse.function(returns=[Column("n", "int32")])
def fails_for_some(obj):
    if obj.object_id % 10 == 0:
        raise ValueError(f"no points in {obj.name}")
    return obj.lc.mag.size


def test_failures_are_kept_and_the_rest_goes_on(lake):
    run = lake.apply(fails_for_some, "SELECT * FROM ztf.objects WHERE z >= 0.05", into="ztf.n", max_failures=0.1)
    assert (run.wait().objects, run.progress.failures) == (250, 25)
    assert lake.registry.table("ztf.n").rows == 225
    found = rows(lake, "ztf.n__failures")
    assert [row["object_id"] for row in found] == list(range(50, 300, 10))
    one = found[-1]
    assert (one["exception"], one["message"], one["row"]) == ("ValueError", "no points in o290", 90)
    assert one["traceback"].endswith("ValueError: no points in o290")
    assert one["file"] in {file.path for file in lake.registry.table("ztf.objects").files()}


@pytest.mark.parametrize("most", [0.05, 29, 0])
def test_too_many_failures_end_the_run(lake, most):
    run = lake.apply(fails_for_some, "ztf.objects", into="ztf.n", max_failures=most)
    with pytest.raises(TaskError, match=r"function fails_for_some failed for .* max_failures.*no points in o\d+"):
        run.wait()
    assert run.status == "failed"
    lake.apply(fails_for_some, "ztf.objects", into="ztf.n", max_failures=30).wait()
    assert lake.registry.table("ztf.n").rows == 270
    assert len(rows(lake, "ztf.n__failures")) == 30


@pytest.mark.parametrize("per", ["batch", "compiled"])
def test_a_batch_that_fails_is_divided_until_the_guilty_is_alone(lake, per):
    if per == "batch":

        def call(batch):
            if (batch["object_id"].to_numpy() % 100 == 42).any():
                raise ArithmeticError("forty-two")
            return {"n": batch["object_id"]}
    else:

        def call(number):
            if number % 100 == 42:
                raise ArithmeticError("forty-two")
            return number

    function = skyhouse.function(returns=[Column("n", "int64")], per=per, inputs=["object_id"])(call)
    run = lake.apply(function, "ztf.objects", into="ztf.n", max_failures=3).wait()
    assert run.progress.failures == 3
    assert [row["n"] for row in rows(lake, "ztf.n")] == [n for n in range(300) if n % 100 != 42]
    found = rows(lake, "ztf.n__failures")
    assert [(row["object_id"], row["exception"], row["message"]) for row in found] == [
        (number, "ArithmeticError", "forty-two") for number in (42, 142, 242)
    ]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"n": [1]}, "function wrong: column 'n' has 1 values for"),
        ({"m": [1]}, "function wrong: what it returned lacks 'n'"),
        (3, "function wrong: it returned 3"),
    ],
)
def test_a_wrong_output_is_told_with_the_functions_name(lake, returned, message):
    wrong = skyhouse.function(returns=[Column("n", "int64"), Column("k", "int8")], per="batch", name="wrong")(
        lambda batch: returned | {"k": [1] * len(batch)} if isinstance(returned, dict) else returned
    )
    with pytest.raises(TaskError, match=message):
        lake.apply(wrong, "ztf.objects", into="ztf.n").wait()
    assert lake.registry.table("ztf.n").rows == 0


def test_the_failures_of_a_unit_are_there_once_however_the_last_run_ended(lake):
    lake.apply(fails_for_some, "ztf.objects", into="ztf.n", max_failures=30).wait()
    table, failures = lake.registry.table("ztf.n"), lake.registry.table("ztf.n__failures")
    commit(table, [], table.files()[:1])  # as if it had ended between the two commits
    assert failures.rows == 30
    run = lake.apply(fails_for_some, "ztf.objects", into="ztf.n", max_failures=30).wait()
    assert 0 < run.objects < 300
    assert (table.refresh().rows, failures.refresh().rows) == (270, 30)


# -- under way ---------------------------------------------------------------------------------------------------


@skyhouse.function(returns=[Column("n", "int32")])
def slow(obj):
    time.sleep(0.02)
    return obj.object_id


def test_a_run_is_cancelled_and_goes_on_later(lake):
    seen = []
    run = lake.apply(slow, "ztf.objects", into="ztf.slow", progress=seen.append)
    assert run.status == "running"
    while not seen:
        time.sleep(0.02)
    run.cancel()
    began = time.monotonic()
    assert run.wait().status == "cancelled"
    assert time.monotonic() - began < 5
    done = lake.registry.table("ztf.slow").rows
    assert 0 < done == seen[-1].done < 300
    assert seen[-1].seconds_left > 0
    assert str(seen[-1]).startswith(f"{done} of 300 objects, ")
    again = lake.apply(slow, "ztf.objects", into="ztf.slow").wait()
    assert (again.status, again.objects) == ("done", 300 - done)
    assert [row["n"] for row in rows(lake, "ztf.slow")] == list(range(300))


@pytest.mark.parametrize("query", ["ztf.objects", "SELECT object_id, z FROM ztf.objects ORDER BY z"])
def test_two_runs_at_once_do_every_object_once(ztf, query):
    with skyhouse.open(ztf.path, workers=1) as other:
        runs = [one.apply(slow, query, into="ztf.slow") for one in (ztf.lake, other)]
        for run in runs:
            run.wait()
    assert [row["n"] for row in rows(ztf.lake, "ztf.slow")] == list(range(300))


def test_a_lake_waits_for_its_runs_unless_it_is_left_by_an_error(ztf):
    with skyhouse.open(ztf.path, workers=2) as lake:
        run = lake.apply(amplitude, "ztf.objects", into="ztf.x")
    assert run.status == "done"
    with contextlib.suppress(KeyError), skyhouse.open(ztf.path, workers=1) as lake:
        run = lake.apply(slow, "ztf.objects", into="ztf.slow")
        raise KeyError
    assert run.status == "cancelled"


SCRIPT = """
import os, sys, time
import skyhouse
from skyhouse import Column

scale = 2

def helper(x):
    return scale * x

@skyhouse.function(returns=[Column("n", "int64")])
def doubled(obj):
    with open({log!r}, "a") as log:
        log.write(f"{{obj.object_id}}\\n")
    time.sleep(0.02)
    if obj.object_id % 50 == 7:
        raise ValueError("seven")
    return helper(obj.object_id)

lake = skyhouse.open({lake!r}, workers=2)
run = lake.apply(doubled, "ztf.objects", into="ztf.doubled", max_failures=20, progress=lambda p: print(p, flush=True))
run.wait()
print("objects", run.objects, flush=True)
lake.close()
"""


def test_a_script_that_is_killed_in_mid_run_goes_on_from_there(ztf, tmp_path):
    ztf.lake.close()
    log = tmp_path / "log"
    script = SCRIPT.format(log=str(log), lake=str(ztf.path))
    environment = {"PYTHONPATH": ":".join(p for p in sys.path if p)}

    def started():
        command = [sys.executable, "-"]
        ran = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
        )
        ran.stdin.write(script)
        ran.stdin.close()
        return ran

    first = started()
    assert first.stdout.readline()  # something is committed
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    time.sleep(0.5)  # its workers end by themselves
    done = ztf.lake.registry.table("ztf.doubled").rows
    assert 0 < done < 294
    before = log.read_text().splitlines()
    second = started()
    told = second.stdout.read()
    assert second.wait() == 0
    second.stdout.close()
    found = rows(ztf.lake, "ztf.doubled")
    assert [row["object_id"] for row in found] == [n for n in range(300) if n % 50 != 7]
    assert all(row["n"] == 2 * row["object_id"] for row in found)
    assert [row["object_id"] for row in rows(ztf.lake, "ztf.doubled__failures")] == list(range(7, 300, 50))
    computed = int(told.split()[-1])
    assert computed < 300
    assert len(log.read_text().splitlines()) - len(before) == computed  # and none that was committed before


class Counting:
    """Counts, as an object that is called."""

    def __call__(self, obj):
        return obj.lc.mag.size


def test_what_is_called_need_not_be_a_function(lake):
    counting = skyhouse.function(returns=[Column("n", "int32")], name="counting")(Counting())
    lake.apply(counting, "ztf.objects", into="ztf.counts").wait()
    assert [row["n"] for row in rows(lake, "ztf.counts")] == [number % 8 for number in range(300)]


def test_too_many_failures_of_staged_objects_are_told_too(lake):
    query = "SELECT * FROM ztf.objects ORDER BY z"
    with pytest.raises(TaskError, match="function fails_for_some failed for 30 of 300 objects"):
        lake.apply(fails_for_some, query, into="ztf.n", max_failures=0.05).wait()
