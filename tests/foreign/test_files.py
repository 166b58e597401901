"""Files of other formats as tables of a lake."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import skyhouse
from skyhouse.columns import Column
from skyhouse.errors import FormatError, InputError, LakeError, TableExists, UnknownTable
from skyhouse.formats.export import write
from skyhouse.lake.definition import Definition

STARS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4]),
        "ra": pa.array([10.5, 359.25, None, 0.0]),
        "name": pa.array(["Vega", None, "Λ 1", ""]),
        "mag": pa.array([0.03, float("nan"), 5.5, -1.5], "float32"),
        "seen": pa.array([True, False, None, True]),
    }
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    with skyhouse.open(
        tmp_path_factory.mktemp("attach") / "lake", spark_memory="1g", spark_master="local[2]"
    ) as opened:
        yield opened


@pytest.fixture
def name(lake):
    """A name that is let go of after the test."""
    yield "x.stars"
    if any(one.name == "x.stars" for one in lake.attachments()):
        lake.detach("x.stars")


def exported(path: Path, table: pa.Table = STARS) -> Path:
    write(pa.RecordBatchReader.from_batches(table.schema, iter(table.to_batches())), path)
    return path


def rows(lake, text, engine="duckdb"):
    return lake.sql(text, engine=engine).to_arrow().to_pylist()


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz", ".fits", ".fits.gz", ".vot", ".vot.gz"])
def test_what_was_written_is_attached(lake, name, tmp_path, engine, ending):
    (table,) = lake.attach(name, exported(tmp_path / f"stars{ending}"))
    assert table.rows == 4
    found = rows(lake, "SELECT * FROM x.stars ORDER BY id", engine)
    texts = {"fits": ["Vega", None, "Λ 1", None]}.get(ending.split(".")[1], ["Vega", None, "Λ 1", ""])
    if ending.startswith(".csv"):
        texts[3] = None
    assert [row["id"] for row in found] == [1, 2, 3, 4]
    assert [row["name"] or None for row in found] == [text or None for text in texts]
    assert found[0]["ra"] == 10.5
    assert found[0]["mag"] == pytest.approx(0.03)
    assert [row["seen"] for row in found] == [True, False, None, True]


def test_json_lines(lake, name, tmp_path, engine):
    lines = [
        {"id": 1, "lc": {"mjd": [1.5, 2.5], "band": "g"}, "tags": ["a", "b"]},
        {"id": 2, "late": 7},
        {"id": 3.5, "lc": {"mjd": [], "flag": True}},
    ]
    path = tmp_path / "objects.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    (table,) = lake.attach(name, path)
    assert [c.type for c in table.columns] == [
        "float64",
        "struct<mjd:list<float64>,band:string,flag:bool>",
        "list<string>",
        "int64",
    ]
    found = rows(lake, "SELECT * FROM x.stars ORDER BY id", engine)
    assert found == [
        {"id": 1.0, "lc": {"mjd": [1.5, 2.5], "band": "g", "flag": None}, "tags": ["a", "b"], "late": None},
        {"id": 2.0, "lc": None, "tags": None, "late": 7},
        {"id": 3.5, "lc": {"mjd": [], "band": None, "flag": True}, "tags": None, "late": None},
    ]


def test_parquet_folder_of_different_schemas(lake, name, tmp_path, engine):
    (tmp_path / "b").mkdir()
    (tmp_path / "_skip").mkdir()
    unit = {"unit": "mag"}
    first = pa.table(
        {"k": pa.array([1, 2], "int32"), "v": pa.array([1, 2], "int16"), "m": pa.array([1.5, 2], "float32")}
    )
    first = first.cast(pa.schema([*list(first.schema)[:2], pa.field("m", pa.float32(), metadata=unit)]))
    second = pa.table({"v": pa.array([1 << 40]), "k": pa.array([3], "int32"), "extra": ["x"], "m": [0.1]})
    pq.write_table(first, tmp_path / "a.parquet")
    pq.write_table(second, tmp_path / "b" / "c.parquet")
    pq.write_table(second, tmp_path / "_skip" / "c.parquet")
    (tmp_path / "_metadata").write_bytes(b"")
    (table,) = lake.attach(name, tmp_path)
    assert [(c.name, c.type, c.unit) for c in table.columns] == [
        ("k", "int32", ""),
        ("v", "int64", ""),
        ("m", "float64", "mag"),
        ("extra", "string", ""),
    ]
    assert table.rows == 3
    assert rows(lake, "SELECT * FROM x.stars ORDER BY k", engine) == [
        {"k": 1, "v": 1, "m": 1.5, "extra": None},
        {"k": 2, "v": 2, "m": 2.0, "extra": None},
        {"k": 3, "v": 1 << 40, "m": 0.1, "extra": "x"},
    ]
    pq.write_table(second, tmp_path / "d.parquet")
    assert rows(lake, "SELECT count(*) AS n, sum(v) AS v FROM x.stars", engine) == [{"n": 4, "v": 3 + (2 << 40)}]


def test_clashing_types_name_both_files(lake, name, tmp_path):
    pq.write_table(pa.table({"k": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"k": ["1"]}), tmp_path / "b.parquet")
    with pytest.raises(FormatError, match=r"b\.parquet.*'k' is string, but int64 in .*a\.parquet"):
        lake.attach(name, tmp_path)
    assert not lake.attachments()


ODD = pa.table(
    {
        "u": pa.array([1, 65535], "uint16"),
        "t": pa.array([1, 1_600_000_000_123_456_789], pa.timestamp("ns", "Europe/Paris")),
        "d": pa.array([Decimal("1.25"), None], pa.decimal128(20, 2)),
        "w": pa.array([1, 2]).cast(pa.duration("s")),
        "k": [1, 2],
    }
)


def test_types_that_need_a_copy(lake, name, tmp_path, engine):
    pq.write_table(ODD, tmp_path / "odd.parquet")
    (table,) = lake.attach(name, tmp_path / "odd.parquet")
    assert [c.name for c in table.columns] == ["k"]
    assert len(table.notes) == 4
    lake.detach(name)
    (table,) = lake.attach(name, tmp_path / "odd.parquet", convert=True)
    assert [c.type for c in table.columns] == ["int32", "timestamp", "float64", "int64"]
    assert table.notes == ("column 'w' (duration[s]) left out: no column of a table can hold it",)
    found = rows(lake, "SELECT u, t, d FROM x.stars ORDER BY k DESC LIMIT 1", engine)
    assert [(row["u"], str(row["t"]), row["d"]) for row in found] == [(65535, "2020-09-13 12:26:40.123456", None)]


def test_csv_types_are_found_over_the_whole_file(lake, name, tmp_path):
    path = tmp_path / "big.csv"
    lines = [f"{i},{i},,2020-01-01,a" for i in range(700_000)]
    lines[-1] = '-1,0.5,7,2020-01-01T10:00:00.25,"two\nlines, ""quoted"""'
    path.write_text("# made by hand\n# units: none\ni, x ,late,t,\n" + "\n".join(lines), encoding="utf-8")
    assert path.stat().st_size > 2 * (8 << 20)
    (table,) = lake.attach(name, path, units={"x": "km/s"})
    assert [(c.name, c.type) for c in table.columns] == [
        ("i", "int64"),
        ("x", "float64"),
        ("late", "int64"),
        ("t", "timestamp"),
        ("col5", "string"),
    ]
    assert table.columns[1].unit == "km/s"
    last = rows(lake, "SELECT *, (SELECT count(*) FROM x.stars) AS n FROM x.stars WHERE late IS NOT NULL")
    assert [(str(row.pop("t")), row) for row in last] == [
        (
            "2020-01-01 10:00:00.250000",
            {"i": -1, "x": 0.5, "late": 7, "col5": 'two\nlines, "quoted"', "n": 700_000},
        )
    ]


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("a,b\n1,2\n3\n", {}, r"line 3: has 1 fields where 2 are due"),
        ('a,b\n"x\ny",2\n3,z\n', {"types": {"b": "int64"}}, r"line 4, column 'b': 'z' is no int64"),
        ("a,b\n1,2\n", {"types": {"c": "int64"}}, r"has no column 'c' \(types\)"),
        ("", {}, "is empty"),
        ("a,b\n\xe9,2\n", {}, r"line 2, column 'a': is not UTF-8"),
        ("a,b\n1,2\n", {"names": ["x"]}, "has 2 columns, and names gives 1"),
    ],
)
def test_csv_errors_say_where(lake, name, tmp_path, text, options, problem):
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FormatError, match=problem):
        lake.attach(name, path, **options)


def test_csv_options(lake, name, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text("1;-;x\n2;5\n3;6;y\n", encoding="utf-8")
    (table,) = lake.attach(
        name,
        path,
        format="csv",
        delimiter=";",
        header=False,
        names=["a", "b", "c"],
        nulls=["-"],
        bad_lines="skip",
        types={"a": "float32"},
    )
    assert table.notes == ("odd.txt: 1 lines of another number of fields left out",)
    assert rows(lake, "SELECT * FROM x.stars ORDER BY a") == [{"a": 1, "b": None, "c": "x"}, {"a": 3, "b": 6, "c": "y"}]
    assert [c.type for c in lake.table("x.stars").columns] == ["float32", "int64", "string"]


def test_csv_files_of_one_table(lake, name, tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("b,a\nx,\n")
    lake.attach(name, str(tmp_path / "*.csv"))
    assert rows(lake, "SELECT * FROM x.stars ORDER BY b") == [{"a": 1, "b": "2"}, {"a": None, "b": "x"}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1}\n{"a": }\n', r"line 2: Invalid value"),
        ('{"a": 1}\n{"a": "x"}\n', r"line 2: Column\(/a\) changed from number to string"),
        ("[1, 2]\n", "each line must be one JSON object"),
    ],
)
def test_json_errors_say_where(lake, name, tmp_path, text, problem):
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(FormatError, match=problem):
        lake.attach(name, tmp_path / "bad.jsonl")


def test_a_file_that_changes_is_read_again(lake, name, tmp_path):
    path = tmp_path / "hot.csv"
    path.write_text("a\n1\n")
    lake.attach(name, path)
    before = lake.table(name)
    assert before.to_arrow().to_pylist() == [{"a": 1}]
    path.write_text("a,b\nx,2\n")
    assert rows(lake, "SELECT * FROM x.stars") == [{"a": "x", "b": 2}]
    copies = list((lake.path / ".attached" / "cache" / name).glob("*.parquet"))
    for copy in copies:
        os.utime(copy, (0, 0))
    path.write_text("a,b\nx,22\n")
    assert rows(lake, "SELECT * FROM x.stars") == [{"a": "x", "b": 22}]
    assert len(list((lake.path / ".attached" / "cache" / name).glob("*.parquet"))) == 1
    path.unlink()
    with pytest.raises(FormatError, match=r"hot.csv: is not there any more"):
        lake.sql("SELECT * FROM x.stars")
    broken = next(table for table in lake.tables() if table.name == name)
    assert broken.columns == ()
    assert "not there any more" in broken.notes[0]


def test_attachments_belong_to_the_lake(tmp_path):
    exported(tmp_path / "stars.csv")
    with skyhouse.open(tmp_path / "lake") as first:
        first.attach("x.stars", tmp_path / "stars.csv")
        with skyhouse.open(tmp_path / "lake") as second:
            assert [t.name for t in second.tables()] == ["x.stars"]
            assert rows(second, "SELECT count(*) AS n FROM X.Stars") == [{"n": 4}]
            with pytest.raises(UnknownTable, match=r"did you mean 'x.stars'"):
                second.sql("SELECT * FROM x.star")
            with pytest.raises(TableExists, match=r"attached already, to .*stars\.csv; detach"):
                second.attach("X.stars", tmp_path / "stars.csv")
            second.detach("x.stars")
        assert first.tables() == []
        with pytest.raises(UnknownTable, match=r"nothing is attached as 'x.stars'"):
            first.detach("x.stars")
        assert not (tmp_path / "lake" / ".attached" / "cache" / "x.stars").exists()


def test_refusals(lake, name, tmp_path):
    path = exported(tmp_path / "stars.csv")
    with pytest.raises(InputError, match=r"named as a table, 'schema.name'"):
        lake.attach("stars", path)
    with pytest.raises(InputError, match=r"no option 'delimeter' for csv files; did you mean 'delimiter'"):
        lake.attach(name, path, delimeter=";")
    with pytest.raises(InputError, match=r"no column type 'integer'"):
        lake.attach(name, path, types={"id": "integer"})
    with pytest.raises(InputError, match="there is no file"):
        lake.attach(name, tmp_path / "none.csv")
    with pytest.raises(InputError, match="there is no file"):
        lake.attach(name, tmp_path / "*.fits")
    exported(tmp_path / "stars.fits")
    (tmp_path / "delta" / "_delta_log").mkdir(parents=True)
    shutil.copy(path, tmp_path / "stars.parquet")
    with pytest.raises(InputError, match="files of csv, fits, parquet"):
        lake.attach(name, tmp_path)
    with pytest.raises(InputError, match="Delta table"):
        lake.attach(name, tmp_path / "delta")
    with pytest.raises(FormatError, match="is no Parquet file"):
        lake.attach(name, tmp_path / "stars.parquet")
    assert lake.attachments() == []


def test_a_table_of_the_lakes_own_keeps_its_name(lake, tmp_path):
    lake.registry.create(Definition("own.stars", (Column("id", "int64"),)))
    with pytest.raises(TableExists, match=r"the lake has a table own.stars"):
        lake.attach("own.stars", exported(tmp_path / "stars.csv"))


def test_a_broken_attachment_names_its_file(lake, name, tmp_path):
    lake.attach(name, exported(tmp_path / "stars.csv"))
    note = lake.path / ".attached" / f"{name}.json"
    whole = note.read_text()
    note.write_text("{")
    try:
        with pytest.raises(LakeError, match=r"x\.stars\.json does not say"):
            lake.attachments()
    finally:
        note.write_text(whole)


def test_votable_keeps_units(lake, name, tmp_path):
    table = STARS.cast(
        pa.schema(
            [
                f if f.name != "ra" else Column("ra", "float64", "deg", "pos.eq.ra", "where").field()
                for f in STARS.schema
            ]
        )
    )
    for ending in (".vot", ".fits"):
        lake.attach(name, exported(tmp_path / f"stars{ending}", table))
        found = lake.sql("SELECT ra FROM x.stars").columns[0]
        assert (found.unit, found.ucd) == ("deg", "pos.eq.ra")
        lake.detach(name)


def test_lists_in_votable_and_fits(lake, name, tmp_path):
    table = pa.table({"id": [1, 2], "v": pa.array([[1.5, 2.5], []], pa.list_(pa.float32()))})
    for ending in (".vot", ".fits"):
        lake.attach(name, exported(tmp_path / f"stars{ending}", table))
        assert rows(lake, "SELECT v FROM x.stars ORDER BY id") == [{"v": [1.5, 2.5]}, {"v": []}]
        lake.detach(name)


def test_numbers_survive(lake, name, tmp_path, engine):
    values = np.array([0.1, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308])
    lake.attach(name, exported(tmp_path / "n.csv", pa.table({"i": range(7), "x": values})))
    found = lake.sql("SELECT x FROM x.stars ORDER BY i", engine=engine).to_arrow()["x"].to_numpy()
    np.testing.assert_array_equal(found.view("i8")[[0, 1, 2, 3, 5, 6]], values.view("i8")[[0, 1, 2, 3, 5, 6]])
    assert np.isnan(found[4])
