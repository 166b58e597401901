"""Writers against other people's readers: astropy for FITS and VOTable, DuckDB and pyarrow for the rest."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import gzip
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.io import fits
from astropy.io import votable as astropy_votable
from astropy.io.votable.tree import TableElement
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyhouse.columns import Column, arrow_schema
from skyhouse.errors import InputError
from skyhouse.formats.export import ENDINGS, write

COLUMNS = (
    Column("z", "float64", ucd="src.redshift", description="redshift"),
    Column("ha", "float32", unit="1E-17 erg/s/cm^2/spaxel", description="flux of H-alpha" + ", a long story" * 9),
    Column("n", "int32"),
    Column("plateifu", "string", ucd="meta.id;meta.main"),
    Column("good", "bool"),
)


def sample() -> pa.Table:
    rows = [
        [0.1, None, math.nan],
        [1.5, math.inf, None],
        [1, None, -(2**31)],
        ["8485-1901", "", None],
        [True, False, None],
    ]
    schema = arrow_schema(COLUMNS)
    return pa.table([pa.array(r, one.type) for r, one in zip(rows, schema, strict=True)], schema=schema)


def read_fits(path: Path) -> Table:
    with warnings.catch_warnings():
        # astropy tells of NULL logicals, which it reads as False.
        warnings.filterwarnings("ignore", message="Column .* contains NULL", category=AstropyUserWarning)
        warnings.filterwarnings("ignore", message=".*UnitsWarning|.*did not parse")
        return Table.read(path, hdu=1, mask_invalid=False, unit_parse_strict="silent")


def read_votable(path: Path) -> TableElement:
    with warnings.catch_warnings():
        # "erg" and "Angstrom" are deprecated in VOUnit; a name with blanks is no ID. Any other warning is an error.
        warnings.simplefilter("ignore", units.UnitsWarning)
        warnings.simplefilter("ignore", astropy_votable.exceptions.W03)
        return astropy_votable.parse(path, verify="warn").get_first_table()


def values(table: Any, name: str) -> list[Any]:
    """Return a column as Python values, None where masked."""
    column = table[name]
    mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else np.zeros(len(column), bool)
    found = []
    for item, hidden in zip(np.ma.getdata(column), mask, strict=True):
        if isinstance(item, np.ndarray):
            found.append(np.ma.getdata(item).tolist())
        elif np.ndim(hidden) == 0 and bool(hidden):
            found.append(None)
        else:
            found.append(item.item() if hasattr(item, "item") else item)
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def test_fits_keeps_values_units_ucds_and_descriptions(tmp_path: Path) -> None:
    assert write(sample().to_reader(), tmp_path / "x.fits") == 3
    table = read_fits(tmp_path / "x.fits")
    assert table["plateifu"].tolist() == ["8485-1901", "", ""]
    assert values(table, "n") == [1, None, -(2**31)]
    assert np.array_equal(np.asarray(table["z"]), [0.1, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(np.asarray(table["ha"]), np.array([1.5, np.inf, np.nan], "f4"), equal_nan=True)
    with fits.open(tmp_path / "x.fits", checksum=False) as hdus:
        hdus.verify("exception")
        header = hdus[1].header
        assert header["TUNIT2"] == "10**-17 erg pix-1 s-1 cm-2"
        assert header["TUCD4"] == "meta.id;meta.main"
        assert header["TCOMM2"] == COLUMNS[1].description
    with fits.open(tmp_path / "x.fits", logical_as_bytes=True) as hdus:
        assert hdus[1].data["good"].tolist() == [b"T", b"F", b""]


def test_votable_keeps_values_units_ucds_and_descriptions(tmp_path: Path) -> None:
    assert write(sample().to_reader(), tmp_path / "x.vot") == 3
    table = read_votable(tmp_path / "x.vot")
    assert values(table.array, "n") == [1, None, -(2**31)]
    assert values(table.array, "good") == [True, False, None]
    assert values(table.array, "plateifu") == ["8485-1901", "", ""]  # astropy passes over the flags of texts
    ha = table.get_field_by_id_or_name("ha")
    assert (ha.unit, ha.description) == (units.Unit("1e-17 erg s-1 cm-2 pix-1"), COLUMNS[1].description)
    assert table.get_field_by_id_or_name("z").ucd == "src.redshift"


def test_csv_tells_null_from_an_empty_string(tmp_path: Path) -> None:
    assert write(sample().to_reader(), tmp_path / "x.csv") == 3
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[1:] == ['0.1,1.5,1,"8485-1901",true', ',inf,,"",false', "nan,,-2147483648,,"]
    with duckdb.connect() as connection:
        text = f"SELECT * FROM read_csv('{tmp_path / 'x.csv'}', allow_quoted_nulls = false)"
        found = connection.sql(text).fetchall()
    assert [row[3] for row in found] == ["8485-1901", "", None]


def test_parquet_keeps_everything(tmp_path: Path) -> None:
    assert write(sample().to_reader(max_chunksize=1), tmp_path / "x.parquet") == 3
    found = pq.read_table(tmp_path / "x.parquet")
    assert found.schema.equals(sample().schema, check_metadata=True)
    assert same(found.to_pydict(), sample().to_pydict()) or str(found.to_pydict()) == str(sample().to_pydict())


@pytest.mark.parametrize("ending", [e for e in ENDINGS if e.endswith(".gz")])
def test_gzip_holds_the_same_bytes(tmp_path: Path, ending: str) -> None:
    write(sample().to_reader(), tmp_path / f"x{ending}")
    write(sample().to_reader(), tmp_path / f"x{ending.removesuffix('.gz')}")
    packed = gzip.decompress((tmp_path / f"x{ending}").read_bytes())
    assert packed == (tmp_path / f"x{ending.removesuffix('.gz')}").read_bytes()


KINDS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.uint8(): st.integers(0, 255),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 2),  # one value is left over for NULL
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.string(): st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9).map(lambda s: s.rstrip()),
}
_TEXT = [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
KINDS |= {kind: KINDS[pa.string()] for kind in _TEXT}
LISTS = (pa.uint8(), pa.int8(), pa.int16(), pa.int64(), pa.float32(), pa.float64())


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 7))
    arrays = []
    for kind in draw(st.lists(st.sampled_from([*KINDS, *(pa.list_(one) for one in LISTS)]), min_size=1, max_size=9)):
        one = st.lists(KINDS[kind.value_type], max_size=3) if pa.types.is_list(kind) else KINDS[kind]
        cells = draw(st.lists(st.none() | one, min_size=rows, max_size=rows))
        if kind in (pa.int16(), pa.int32()):
            # With NULLs an integer column may not hold both ends of its type: see the test of that.
            cells = [None if cell == 2 ** (kind.bit_width - 1) - 1 else cell for cell in cells]
        arrays.append(pa.array(cells, pa.string()).cast(kind) if kind in _TEXT else pa.array(cells, kind))
    return pa.table(arrays, names=[f"c{i}" for i in range(len(arrays))])


def batches(table: pa.Table) -> pa.RecordBatchReader:
    return table.to_reader(max_chunksize=3)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_astropy_reads_any_fits_back(tmp_path: Path, table: pa.Table) -> None:
    write(batches(table), tmp_path / "h.fits")
    found = read_fits(tmp_path / "h.fits")
    assert len(found) == len(table)
    for name, column in zip(table.column_names, table.columns, strict=True):
        blank: Any = None
        if column.type == pa.bool_():
            blank = False
        elif pa.types.is_floating(column.type):
            blank = math.nan
        elif pa.types.is_list(column.type):
            blank = []
        elif column.type in KINDS and KINDS[column.type] is KINDS[pa.string()]:
            blank = ""
        expected = [blank if cell is None else cell for cell in column.to_pylist()]
        assert same(values(found, name), expected), (name, column.type)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_astropy_reads_any_votable_back(tmp_path: Path, table: pa.Table) -> None:
    write(batches(table), tmp_path / "h.vot")
    found = read_votable(tmp_path / "h.vot").array
    assert len(found) == len(table)
    for name, column in zip(table.column_names, table.columns, strict=True):
        expected = column.to_pylist()
        if pa.types.is_floating(column.type):
            # astropy masks a NaN whether it was NULL or not.
            expected = [None if cell is None or math.isnan(cell) else cell for cell in expected]
        elif pa.types.is_list(column.type):
            expected = [cell or [] for cell in expected]
        elif column.type in KINDS and KINDS[column.type] is KINDS[pa.string()]:
            expected = [cell or "" for cell in expected]
        assert same(values(found, name), expected), (name, column.type)


def test_times_decimals_and_bytes(tmp_path: Path) -> None:
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, 678, dt.UTC)
    table = pa.table(
        {
            "day": pa.array([moment.date(), None]),
            "moment": pa.array([moment, None], pa.timestamp("us", "Europe/Berlin")),
            "total": pa.array([2**53 + 1, None], pa.decimal128(38, 0)),
            "bytes": pa.array([b"ab", None]),
            "nothing": pa.nulls(2),
        }
    )
    for ending in ("fits", "vot"):
        write(table.to_reader(), tmp_path / f"x.{ending}")
        found = read_fits(tmp_path / "x.fits") if ending == "fits" else read_votable(tmp_path / "x.vot").array
        assert values(found, "day")[0] == "2020-01-02"
        assert values(found, "moment")[0] == "2020-01-02T03:04:05.000678"
        assert values(found, "total") == [2**53 + 1, None]
        assert values(found, "bytes") == [[97, 98], []]


def test_csv_writes_lists_as_json(tmp_path: Path) -> None:
    write(pa.table({"l": [[1, 2], None, []], "s": [["a,b"], [], ['"']]}).to_reader(), tmp_path / "l.csv")
    with (tmp_path / "l.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [["[1, 2]", '["a,b"]'], ["", "[]"], ["[]", '["\\""]']]


def test_csv_writes_structs_as_json(tmp_path: Path) -> None:
    write(pa.table({"s": [{"mjd": [1.5], "band": "g"}, None], "i": [1, 2]}).to_reader(), tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [['{"mjd": [1.5], "band": "g"}', "1"], ["", "2"]]


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("x.txt", pa.table({"a": [1]}), r"must end in one of .*\.parquet"),
        ("x.parquet.gz", pa.table({"a": [1]}), "must end in one of"),
        ("no/x.csv", pa.table({"a": [1]}), "no folder"),
        ("x.fits", pa.table({"a": [["x"]]}), r"column 'a' is of type list<.*string>, which FITS cannot hold"),
        ("x.vot", pa.table({"s": [{"a": 1}]}), r"column 's' is of type struct<.*VOTable cannot hold"),
        ("x.csv", pa.table({"b": [b"1"]}), r"column 'b' is of type binary, which CSV cannot hold"),
        ("x.fits", pa.table({"u": pa.array([2**64 - 1], pa.uint64())}), "column 'u'.*does not fit int64"),
        (
            "x.fits",
            pa.table({"i": pa.array([-(2**15), None, 2**15 - 1], pa.int16())}),
            "column 'i' holds NULLs and both ends",
        ),
        ("x.fits", pa.table({"l": [[1, None]]}), "column 'l': a list of int64 has NULL inside"),
        ("x.parquet", pa.table({"d": [pa.MonthDayNano([1, 2, 3])]}), "Parquet cannot hold .*d month_day_nano_interval"),
        (
            "x.vot",
            pa.table({"d": [dt.timedelta(1)]}),
            r"column 'd' is of type duration\[us\], which VOTable cannot hold",
        ),
        ("x.fits", pa.table({"ü": [1]}), "'ü'.*ASCII"),
        ("x.fits", pa.table({f"c{i}": [1] for i in range(1000)}), "at most 999 columns, these are 1000"),
        ("x.csv", pa.table([[1], [2]], names=["a", "a"]), "two columns are named 'a'"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str, table: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write(table.to_reader(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["parquet", "fits", "csv", "vot.gz"])
def test_a_stream_that_fails_leaves_the_old_file_alone(tmp_path: Path, ending: str) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield from sample().to_batches()
        raise RuntimeError("the engine stopped")

    target = tmp_path / f"x.{ending}"
    target.write_bytes(b"before")
    with pytest.raises(RuntimeError, match="the engine stopped"):
        write(pa.RecordBatchReader.from_batches(sample().schema, failing()), target)
    assert target.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, ending: str) -> None:
    taken = tmp_path / f"taken{ending}"
    taken.mkdir()
    table = pa.table({"a": [1]})
    for target in (taken, tmp_path / f"{'x' * 250}{ending}"):
        with pytest.raises(InputError, match="cannot be written"):
            write(table.to_reader(), target)
    assert list(tmp_path.iterdir()) == [taken]


@pytest.mark.parametrize("ending", [e for e in ENDINGS if not e.endswith(".gz")])
def test_no_rows_make_a_whole_file(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"empty{ending}"
    assert write(sample().slice(0, 0).to_reader(), target) == 0
    if ending == ".fits":
        assert len(read_fits(target)) == 0
    elif ending == ".csv":
        assert target.read_text() == '"z","ha","n","plateifu","good"\n'
    elif ending == ".parquet":
        assert pq.read_table(target).schema.equals(sample().schema)
    else:
        assert len(read_votable(target).array) == 0


@pytest.mark.parametrize("text", ["it's", "'" * 80, "a" * 67 + "'" + "b" * 30, "ends with '" * 12, "x" * 68, "Å per °"])
def test_any_text_fits_a_header(tmp_path: Path, text: str) -> None:
    schema = arrow_schema([Column("a", "int16", description=text)])
    write(pa.table([pa.array([1], pa.int16())], schema=schema).to_reader(), tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        hdus.verify("exception")
        expected = text.replace("Å", "Angstrom").replace("°", "deg")
        assert hdus[1].header["TCOMM1"] == expected.rstrip()


def test_markup_in_names_is_escaped(tmp_path: Path) -> None:
    name = 'a<b & "c"'
    schema = arrow_schema([Column(name, "int16", description="x < y & z\x01")])
    write(pa.table([pa.array([1], pa.int16())], schema=schema).to_reader(), tmp_path / "x.vot")
    field = read_votable(tmp_path / "x.vot").fields[0]
    assert (field.name, field.description) == (name, "x < y & z")


def test_skyhouse_reads_its_own_fits(tmp_path: Path) -> None:
    from skyhouse.formats.fits import read_table

    write(sample().to_reader(), tmp_path / "x.fits")
    found = read_table(tmp_path / "x.fits")
    assert found.column_names == sample().column_names
    assert found["n"].to_pylist() == [1, None, -(2**31)]
    assert found.schema.field("ha").metadata[b"unit"] == b"10**-17 erg pix-1 s-1 cm-2"
    assert found.schema.field("z").metadata[b"ucd"] == b"src.redshift"


def test_votable_flags_null_texts_and_lists(tmp_path: Path) -> None:
    write(pa.table({"s": ["a", None], "l": [None, [7]]}).to_reader(), tmp_path / "x.vot")
    stream = re.search(r"<STREAM[^>]*>(.*)</STREAM>", (tmp_path / "x.vot").read_text(), re.DOTALL)
    assert stream
    nothing = b"\0\0\0\0"
    first = b"\x40" + b"\0\0\0\1a" + nothing
    second = b"\x80" + nothing + b"\0\0\0\1" + (7).to_bytes(8, "big")
    assert base64.b64decode(stream[1]) == first + second
