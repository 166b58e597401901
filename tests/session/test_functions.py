"""Registered functions: called by name in queries, on both engines."""

from __future__ import annotations

import datetime as dt
import math
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import replace

import cloudpickle
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import skyhouse
from skyhouse import Column
from skyhouse.errors import EngineError, InputError, QueryError, SkyhouseError, UnknownFunction
from skyhouse.objects.queried import Queried
from skyhouse.query.costs import SPARK, predict

NAN, INF = math.nan, math.inf
MOMENT, DAY = dt.datetime(2020, 2, 29, 12, 30, 0, 1), dt.datetime(1970, 1, 1)
LC = pa.struct([("mjd", pa.list_(pa.float64())), ("mag", pa.list_(pa.float32()))])
ROWS = pa.table(
    {
        "object_id": pa.array(range(1, 8), "int64"),
        "name": ["M 31", "", None, "Ångström", "α Cen", "🔭", "it's"],
        "z": pa.array([0.5, None, NAN, INF, -0.0, 2.0, 2.0], "float64"),
        "small": pa.array([1, 255, None, 0, 7, 8, 9], "uint8"),
        "seen": pa.array([MOMENT, None, *[DAY] * 5], pa.timestamp("us")),
        "good": [True, False, None, True, True, False, True],
        "tags": pa.array([["a", None], [], None, ["é"], ["a", "b"], ["b"], []], pa.list_(pa.string())),
        "lc": pa.array(
            [
                {"mjd": [1.0, 2.0, 3.0], "mag": [15.5, 16.0, 15.75]},
                {"mjd": [], "mag": []},
                None,
                {"mjd": [1.0, None], "mag": [NAN, 16.0]},
                {"mjd": None, "mag": [20.0]},
                {"mjd": [4.0, 5.0], "mag": [18.0, 20.0]},
                {"mjd": [4.0, 5.0], "mag": [17.0, 20.0]},
            ],
            LC,
        ),
    }
)


@skyhouse.function(returns=[Column("amplitude", "float32", unit="mag", description="half"), Column("n", "int32")])
def amplitude(obj):
    if obj.lc is None:
        return {"amplitude": None, "n": None}
    mag = obj.lc.mag
    return {"amplitude": (mag.max() - mag.min()) / 2 if mag.size else None, "n": mag.size}


@skyhouse.function(returns=[Column("shouted", "string")])
def shout(obj):
    return "nobody" if obj.name is None else f"{obj.name.upper()}!"


@skyhouse.function(returns=[Column("length", "int64")], per="batch")
def letters(batch):
    return {"length": pc.utf8_length(batch.column(0))}


@skyhouse.function(returns=[Column("sum", "float64", unit="mag")], per="compiled", inputs=["lc.mag", "z"])
def total(mag, z):
    return mag.sum() + z


SEEN = [Column("seen", "timestamp"), Column("day", "date"), Column("small", "uint8")]


@skyhouse.function(returns=SEEN, inputs=["seen", "small"])
def moments(obj):
    day = None if obj.seen is None else obj.seen.date()
    return {"seen": obj.seen, "day": day, "small": obj.small}


@skyhouse.function(returns=[Column("rising", "list<float32>", unit="mag")])
def rising(obj):
    return None if obj.lc is None else np.sort(obj.lc.mag)


@skyhouse.function(returns=[Column("n", "int64")])
def counted(obj):
    return None if obj.tags is None else len(obj.tags)


@skyhouse.function(returns=[Column("sum", "float64")], inputs=["a", "b", "c"])
def none_as_zero(obj):
    return sum(0 if value is None else value for value in (obj.a, obj.b, obj.c))


@skyhouse.function(returns=[Column("negative", "bool")], inputs=["lc.mag", "lc.mjd"])
def negative(obj):
    return bool(obj.lc.mag is not None and (obj.lc.mag < 0).any())


def numbered(names):
    return dict(enumerate(names))


@skyhouse.function(returns=[Column("name", "string")], setup=numbered, broadcast=["zero", "one"])
def named(obj, names):
    return names.get(obj.object_id)


@skyhouse.function(returns=[Column("n", "int64")])
def refuses_seven(obj):
    if obj.object_id == 7:
        raise ValueError("é is\nno number")
    return obj.object_id


@skyhouse.function(returns=[Column("n", "int64")])
def no_light_curves(obj):
    raise RuntimeError


@skyhouse.function(returns=[Column("n", "int64")], per="batch")
def no_batches(batch):
    raise KeyError(batch.num_rows > 0)


@skyhouse.function(returns=[Column("n", "int64")], setup=lambda: 1 / 0)
def not_set_up(obj, shared):
    return shared


DECLARED = [
    amplitude, shout, letters, total, moments, rising, counted, none_as_zero, negative, named, refuses_seven,
    no_light_curves, no_batches, not_set_up,
]  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions") / "lake"
    with skyhouse.open(folder, threads=2, spark_master="local[2]", spark_memory="1g") as opened:
        opened.write(ROWS, "t.objects", sort=["object_id"])
        for function in DECLARED:
            opened.register(function)
        opened.register(amplitude, "Half")
        yield opened


def plain(value):
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def answers(lake, engine, sql):
    found = lake.sql(sql, engine=engine).to_arrow()
    rows = [tuple(plain(value) for value in row.values()) for row in found.to_pylist()]
    return [row[0] for row in rows] if found.num_columns == 1 else rows


EACH = "FROM t.objects AS o ORDER BY object_id"
NOTHING, EPOCH = {"seen": None, "day": None, "small": 255}, {"seen": DAY, "day": DAY.date(), "small": None}
# What expressions give for each row; one statement asks for all of them.
COLUMNS = {
    "amplitude(lc).amplitude": [0.25, None, None, "NaN", 0.0, 1.0, 1.5],
    "AMPLITUDE(o.lc).N": [3, 0, None, 2, 1, 2, 2],
    "shout(name)": ["M 31!", "!", "nobody", "ÅNGSTRÖM!", "Α CEN!", "🔭!", "IT'S!"],
    "letters(name)": [4, 0, None, 8, 5, 1, 4],
    "letters(shout(name))": [5, 1, 6, 9, 6, 2, 5],
    "CASE WHEN good THEN letters(name) ELSE -1 END": [4, -1, -1, 8, 5, -1, 4],
    "total(lc.mag, z)": [47.75, "NaN", None, "NaN", 20.0, 40.0, 39.0],
    "total(lc.mag, 1)": [48.25, 1.0, None, "NaN", 21.0, 39.0, 38.0],
    "total(o.lc, z)": [47.75, "NaN", None, "NaN", 20.0, 40.0, 39.0],
    "total({'mag': [1.5, 2.5]}, 1)": [5.0] * 7,
    "moments(seen, small).small + 1": [2, 256, None, 1, 8, 9, 10],
    "rising(lc)": [[15.5, 15.75, 16.0], [], None, [16.0, "NaN"], [20.0], [18.0, 20.0], [17.0, 20.0]],
    "list_min(rising(lc))": [15.5, None, None, 16.0, 20.0, 18.0, 17.0],
    "counted(tags)": [2, 0, None, 1, 2, 1, 0],
    "negative(lc.mag, lc.mjd)": [False] * 7,
    "negative([1.5, -2.0], [])": [True] * 7,
    "named(object_id)": ["one", *[None] * 6],
    "none_as_zero(1, NULL, 2.5)": [3.5] * 7,
    "none_as_zero(1, TRUE, -0x10)": [-14.0] * 7,
    "letters('Å🔭')": [2] * 7,
}
PROBES = {
    f"SELECT amplitude(lc) AS a {EACH} LIMIT 2": [{"amplitude": 0.25, "n": 3}, {"amplitude": None, "n": 0}],
    f"SELECT moments(seen, small) AS m {EACH} LIMIT 3": [
        {"seen": MOMENT, "day": MOMENT.date(), "small": 1}, NOTHING, EPOCH,
    ],
    f"SELECT object_id, amplitude(lc).*, amplitude(lc).* EXCLUDE (N) {EACH} LIMIT 2": [
        (1, 0.25, 3, 0.25), (2, None, 0, None),
    ],
    "SELECT shout(name) AS s FROM (SELECT 'α' || 'β' AS name) AS one": ["ΑΒ!"],
    "SELECT object_id FROM t.objects WHERE amplitude(lc).amplitude > 0.5 ORDER BY object_id": [4, 6, 7],
    "SELECT object_id FROM t.objects WHERE shout(name) LIKE '%N%' AND good ORDER BY 1": [4, 5],
    "SELECT amplitude(lc).n AS n, count(*) AS c FROM t.objects GROUP BY amplitude(lc).n ORDER BY n": [
        (0, 1), (1, 1), (2, 3), (3, 1), (None, 1),
    ],
    "SELECT letters(name) AS l, count(*) AS c FROM t.objects GROUP BY l HAVING letters(name) > 4 ORDER BY l": [
        (5, 1), (8, 1),
    ],
    "SELECT object_id FROM t.objects ORDER BY amplitude(lc).amplitude DESC, object_id": [4, 7, 6, 1, 5, 2, 3],
    "SELECT sum(letters(name)) AS s, max(amplitude(lc).n) AS n, count(DISTINCT letters(name)) AS d FROM t.objects": [
        (22, 3, 5),
    ],
    "SELECT sum(letters(name)) FILTER (WHERE counted(tags) > 0) AS s FROM t.objects": [18],
    "SELECT good, total(array_agg(z ORDER BY object_id), max(letters(name))) AS s FROM t.objects "
    "WHERE z < 5 GROUP BY good ORDER BY good": [(False, 3.0), (True, 7.5)],
    "SELECT object_id, sum(letters(name)) OVER (ORDER BY object_id) AS s FROM t.objects ORDER BY object_id LIMIT 4": [
        (1, 4), (2, 4), (3, 4), (4, 12),
    ],
    "SELECT rank() OVER (PARTITION BY good ORDER BY letters(name)) AS r, object_id FROM t.objects ORDER BY object_id": [
        (1, 1), (1, 2), (1, 3), (4, 4), (3, 5), (2, 6), (1, 7),
    ],
    "WITH a AS (SELECT object_id, amplitude(lc) AS a FROM t.objects) SELECT object_id FROM a WHERE a.a.n = 2 "
    "ORDER BY a.a.amplitude, object_id": [6, 7, 4],
    "SELECT a.object_id FROM t.objects AS a JOIN (SELECT object_id, letters(name) AS l FROM t.objects) AS b "
    "ON a.object_id = b.l ORDER BY 1": [1, 4, 4, 5],
    "SELECT object_id FROM t.objects WHERE object_id IN (SELECT letters(name) FROM t.objects) ORDER BY 1": [1, 4, 5],
    "SELECT (SELECT max(letters(name)) FROM t.objects) AS m": [8],
    "SELECT v FROM t.objects, UNNEST(rising(lc)) AS u(v) WHERE object_id > 5 ORDER BY v, object_id": [
        17.0, 18.0, 20.0, 20.0,
    ],
    "SELECT letters(name) AS l FROM t.objects WHERE object_id < 3 UNION ALL SELECT counted(tags) FROM t.objects "
    "WHERE object_id < 3 ORDER BY l": [0, 0, 2, 4],
    "SELECT shout(name) AS s FROM t.objects WHERE FALSE": [],
    "SELECT DISTINCT amplitude(lc).n AS n FROM t.objects QUALIFY row_number() OVER (ORDER BY letters(name)) < 3 "
    "ORDER BY n": [0, 2],
}  # fmt: skip


def test_functions_give_columns(lake, engine):
    items = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(COLUMNS))
    rows = answers(lake, engine, f"SELECT {items} {EACH}")
    assert dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) == COLUMNS


@pytest.mark.parametrize("sql", PROBES)
def test_functions_are_called_by_name(sql, lake, engine):
    assert answers(lake, engine, sql) == PROBES[sql]


REFUSED = {
    "SELECT amplitud(lc) FROM t.objects": "column 8: no function 'amplitud'; did you mean 'amplitude'",
    "SELECT total(lc.mag) FROM t.objects": r"column 8: total is called as total\(lc.mag, z\); arguments here: 1",
    "SELECT shout() FROM t.objects": r"column 8: shout is called as shout\(column, ...\); arguments here: 0",
    "SELECT total(lc.mag, name) FROM t.objects": "column 22: total.* takes numbers and lists of them: name is a text",
    "SELECT total(tags, z) FROM t.objects": "column 14: .*: tags is a list",
    "SELECT list_transform(tags, t -> letters(t)) FROM t.objects": "column 34: letters .* cannot be called in a lambda",
    "SELECT letters(t -> t) FROM t.objects": "column 8: letters takes no lambda",
    "SELECT a.z FROM t.objects a JOIN t.objects b ON letters(a.name) = b.z": "column 49: .* cannot be called in ON",
    "SELECT * FROM (VALUES (letters('a'))) AS v(n)": "column 24: .* cannot be called in VALUES",
    "SELECT letters(name) OVER () FROM t.objects": "column 8: .*no aggregate or window function",
    "SELECT letters(name) FILTER (WHERE good) FROM t.objects": "column 8: .*no aggregate or window function",
    "SELECT letters(DISTINCT name) FROM t.objects": "column 25: DISTINCT name is not part of the language",
    "SELECT letters(name ORDER BY z) FROM t.objects": "column 8: .*takes no ORDER BY",
    "SELECT letters(*) FROM t.objects": "column 16: . is not part of the language",
    "SELECT z FROM t.objects a WHERE EXISTS (SELECT 1 FROM t.objects b WHERE letters(a.name) = b.z)": "column 73: "
    "letters .* takes no columns of the query around this one",
    "SELECT z FROM t.objects a WHERE EXISTS (SELECT 1 FROM t.objects b WHERE total(a.lc, b.z) > 1)": "column 73: total",
    "SELECT amplitude(lc).amplitudes FROM t.objects": r"column 22: no field 'amplitudes' in amplitude\(lc\); did you",
    "SELECT amplitude(lc) + 1 FROM t.objects": "column 8: .* takes numbers, and amplitude.lc. is a struct",
    "SELECT total({'mags': [1]}, 1) AS s": "column 8: no field 'mag' in .*; did you mean 'mags'",
    "SELECT letters(name).* FROM t.objects": r"column 8: letters gives a bare value; write letters\(...\) without",
    "SELECT amplitude(lc).* EXCLUDE (m) FROM t.objects": "column 33: no column 'm' to EXCLUDE",
    "SELECT amplitude(lc).* REPLACE (1 AS n) FROM t.objects": "column 22: 'replace' in .* is not part of the language",
    "SELECT amplitud(lc).* FROM t.objects": "column 8: no function 'amplitud'; did you mean 'amplitude'",
    "SELECT good FROM t.objects WHERE letters(name)": "column 34: WHERE takes a condition",
}


@pytest.mark.parametrize(("sql", "told"), REFUSED.items(), ids=str)
def test_what_cannot_be_called_is_refused_before_any_engine(sql, told, lake):
    with pytest.raises((QueryError, LookupError), match=f"(?s)^line 1, {told}.*\\^$"):
        lake.sql(sql)


FAILING = {
    "SELECT sum(refuses_seven(object_id)) AS n FROM t.objects": r"^refuses_seven\(\) raised ValueError: é is.* for "
    r"object_id = 7 \(File .*test_functions.py\", line \d+, in refuses_seven\)$",
    "SELECT no_light_curves(lc) AS n FROM t.objects WHERE object_id = 1": r"^no_light_curves\(\) raised RuntimeError "
    r"for lc = \{'mjd': \[1.0, 2.0, 3.0\], 'mag': .*no_light_curves\)$",
    "SELECT no_light_curves(rising(lc), lc) AS n FROM t.objects WHERE object_id = 1": r"RuntimeError for _1 = \[15.5,",
    "SELECT no_light_curves([1,2,3,4,5,6,7,8,9,10,11,12,13]) AS n": r"RuntimeError for row 1 of 1 that came together",
    "SELECT no_batches(object_id) AS n FROM t.objects": r"^no_batches\(\) raised KeyError: True \(.*in no_batches\)$",
    "SELECT not_set_up(object_id) AS n FROM t.objects": "function not_set_up: its setup raised ZeroDivisionError: div",
    "SELECT amplitude(name).n AS n FROM t.objects": r"^amplitude\(\) raised AttributeError: the object has no column "
    "'lc'; it has name for name = 'M 31'",
    "SELECT refuses_seven(object_id + 0) AS n FROM t.objects": "no column 'object_id'; it has _1",
}


@pytest.mark.parametrize("sql", FAILING)
def test_what_a_function_raises_names_it_and_the_row(sql, lake, engine):
    with pytest.raises(EngineError, match=f"(?s){FAILING[sql]}"):
        answers(lake, engine, sql)
    assert answers(lake, engine, "SELECT letters('ab') AS n") == [2]


def test_units_and_descriptions_survive(lake, engine):
    objects = lake.table("t.objects").where("half(lc).amplitude > 0.5")
    made = objects.with_columns(a="half(lc).amplitude", v="total(lc.mag, z)", twice="2 * half(lc).amplitude")
    found = made.select("a", "v", "twice", highest="max(a) OVER ()").on(engine).to_arrow()
    assert found.schema.field("a").metadata == {b"unit": b"mag", b"description": b"half"}
    assert [found.schema.field(name).metadata for name in ("v", "twice")] == [{b"unit": b"mag"}] * 2
    assert found.schema.types == [pa.float32(), pa.float64(), pa.float64(), pa.float32()]
    assert sorted(found["v"].to_pylist()[-2:]) == [39.0, 40.0]


def test_a_table_is_made_of_what_a_function_gives(lake):
    text = (
        "CREATE OR REPLACE TABLE my.amplitudes AS SELECT object_id, amplitude(lc) AS a, rising(lc) AS m FROM t.objects"
    )
    lake.sql(text)
    assert lake.sql("SELECT a.n FROM my.amplitudes ORDER BY object_id").to_arrow()["n"].to_pylist()[:2] == [3, 0]


def test_a_name_is_registered_once_and_forgotten(tmp_path):
    with skyhouse.open(tmp_path / "lake") as lake:
        assert lake.register(letters, "LettersIn") is letters
        assert list(lake.registered().items()) == [("LettersIn", letters)]
        asked = lake.sql("SELECT lettersin('abc') AS n")
        assert asked.to_arrow()["n"].to_pylist() == [3]
        lake.register(counted, "lettersIn")
        with pytest.raises(EngineError, match="no column 'tags'"):
            asked.to_arrow()  # what the name stands for when it runs
        lake.unregister("LETTERSIN")
        assert not lake.registered()
        with pytest.raises(UnknownFunction, match="no function 'lettersin'"):
            asked.to_arrow()
        with pytest.raises(UnknownFunction, match="no function 'lettersin' is registered"):
            lake.unregister("lettersin")
    with skyhouse.open(tmp_path / "lake") as lake, pytest.raises(UnknownFunction):
        lake.sql("SELECT letters('abc') AS n")


@pytest.mark.parametrize(
    ("function", "name", "told"),
    [
        (letters, "length", r"length\(\) is a function of the language"),
        (letters, "POWER", r"POWER\(\) is a function of the language"),
        (letters, "case", "'case' cannot be called in SQL"),
        (letters, "a.b", "'a.b' cannot be called in SQL"),
        (letters, "x) + (y", "cannot be called in SQL"),
        (letters, "größe", "cannot be called in SQL"),
        (len, None, "a declared function is registered"),
    ],
)
def test_a_name_that_cannot_be_called_is_refused(function, name, told, lake):
    with pytest.raises(InputError, match=told):
        lake.register(function, name)
    assert (name or "len") not in lake.registered()


def test_one_that_is_not_deterministic_is_called_for_each_row(lake, engine):
    @skyhouse.function(returns=[Column("n", "int64")], setup=lambda: iter(range(1000)))
    def next_number(obj, numbers):
        return next(numbers)

    lake.register(next_number, deterministic=False)
    found = answers(lake, engine, "SELECT next_number(1) AS a, next_number(1) AS b FROM t.objects")
    assert len({number for row in found for number in row}) == 14
    lake.unregister("next_number")


def test_each_thread_has_a_setup_of_its_own(tmp_path):
    @skyhouse.function(returns=[Column("alone", "bool")], setup=threading.Lock)
    def alone(obj, lock):
        if not lock.acquire(blocking=False):
            return False
        for _ in range(1000):
            pass
        lock.release()
        return True

    with skyhouse.open(tmp_path / "lake", threads=2) as lake:
        lake.write(pa.table({"n": range(300_000)}), "t.numbers")
        lake.register(alone)
        query = lake.sql("SELECT bool_and(alone(n)) AS alone FROM t.numbers WHERE n < 20000")
        assert query.to_arrow()["alone"].to_pylist() == [True]


def test_a_function_travels_with_its_module_and_is_kept(tmp_path, monkeypatch):
    (tmp_path / "my_own_module.py").write_text(
        "import skyhouse\nfrom skyhouse import Column\nSCALE = 3\n\n"
        "@skyhouse.function(returns=[Column('n', 'int64')])\ndef scaled(obj):\n    return SCALE * obj.n\n"
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        import my_own_module

        sent = cloudpickle.dumps(Queried(my_own_module.scaled, "scaled"))
    monkeypatch.delitem(sys.modules, "my_own_module")
    found = pickle.loads(sent)
    assert found(pa.record_batch({"n": [2, 5]})).to_pylist() == [6, 15]
    assert pickle.loads(sent) is found


def test_a_function_is_applied_to_rows_that_another_picks(lake):
    text = "SELECT object_id, tags FROM t.objects WHERE "
    lake.apply(counted, f"{text} letters(name) > 3", "my.counts", key="object_id").wait()
    assert lake.sql("SELECT object_id FROM my.counts ORDER BY 1").to_arrow()["object_id"].to_pylist() == [1, 4, 5, 7]
    failing = lake.apply(counted, f"{text} no_batches(z) > 3", "my.no", key="object_id")
    with pytest.raises(SkyhouseError, match=r"no_batches\(\) raised KeyError"):
        failing.wait()


@skyhouse.function(returns=[Column("n", "int64")])
def slow(obj):
    due = time.perf_counter() + 2e-3
    while time.perf_counter() < due:
        pass
    return 1


def test_what_calls_take_is_learned_and_told(tmp_path):
    with skyhouse.open(tmp_path / "lake", threads=2) as lake:
        lake.write(pa.table({"n": range(100)}), "t.numbers")
        lake.register(slow)
        query = lake.sql("SELECT sum(slow(n)) AS s, max(slow(n)) AS m FROM t.numbers WHERE slow(n) > 0")
        before = lake.explain(query)
        assert before.estimate.calls == {"slow": pytest.approx(133)}  # all rows for WHERE, a third after it
        told = dict(before.rows())["calls slow"]
        assert told == "about 133 times, 20 us each, a guess until it has run"
        assert '"SLOW#1"(' in before.sql
        query.to_arrow()
        assert not lake.explain(query).costs["slow"].known  # the first run may have compiled it
        query.to_arrow()
        after = lake.explain(query)
        assert "guess" not in dict(after.rows())["calls slow"]
        assert 1e-3 < after.costs["slow"].seconds < 0.1
        assert after.predicted["duckdb"] > before.predicted["duckdb"] + 0.1
        cluster = replace(SPARK, cores=1000, start=0.0, query=0.001, stage=0.001)
        many = replace(after.estimate, reads=[replace(after.estimate.reads[0], size=10**12)])
        seconds = [predict(engine, many, cluster, called=1e4).called for engine in ("duckdb", "spark")]
        assert seconds == [1e4, 10.0]
    with skyhouse.open(tmp_path / "lake") as lake:
        lake.register(slow, "other")
        assert lake.explain("SELECT other(n) AS n FROM t.numbers").costs["other"].known


def test_a_process_ends_well_after_a_function_was_stopped(tmp_path):
    script = """
import sys, time, skyhouse
from skyhouse import Column
from skyhouse.errors import OutOfTime

@skyhouse.function(returns=[Column("n", "int64")])
def slow(obj):
    time.sleep(0.01)

lake = skyhouse.open(sys.argv[1], threads=2)
lake.register(slow)
try:
    lake.sql("SELECT sum(slow(n)) AS n FROM range(10000) AS r(n)").run("duckdb", time_limit=0.2)
except OutOfTime:
    print(lake.sql("SELECT 1 AS one").to_arrow().to_pylist())
lake.close()
"""
    command = [sys.executable, "-c", script, str(tmp_path / "lake")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[{'one': 1}]\n", "")


def test_many_batches_and_none(tmp_path):
    @skyhouse.function(returns=[Column("n", "int64")], per="batch")
    def same(batch):
        return batch.column(0)

    with skyhouse.open(tmp_path / "lake", threads=2) as lake:
        lake.write(pa.table({"n": range(300_000)}), "t.numbers")
        lake.register(same)
        asked = "SELECT sum(same(n)) AS s, count(*) AS c FROM t.numbers WHERE n < "
        found = [lake.sql(f"{asked}{most}").to_arrow().to_pylist() for most in (300_000, 0)]
        assert found == [[{"s": 44_999_850_000, "c": 300_000}], [{"s": None, "c": 0}]]
        for _ in range(20):  # left half-way, while DuckDB's threads go on with it
            with lake.sql("SELECT same(n) AS n FROM t.numbers").batches() as reader:
                assert reader.read_next_batch()["n"][:3].to_pylist() == [0, 1, 2]


def test_a_relation_that_calls_functions_runs_later(lake):
    relation = lake.sql("SELECT letters(name) AS n FROM t.objects WHERE object_id < 3").to_duckdb()
    assert answers(lake, "duckdb", "SELECT letters('ab') AS n") == [2]
    assert sorted(relation.filter("n < 100").fetchall()) == [(0,), (4,)]
    assert "READ_PARQUET" in lake.explain("SELECT letters(name) AS n FROM t.objects", native=True).plan
