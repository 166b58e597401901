from __future__ import annotations

import math
import warnings

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skyhouse.columns import columns_of
from skyhouse.errors import FormatError, UnknownColumn
from skyhouse.formats.fits import batches, open_fits, read_table, schema

CODES = {"B": "u1", "I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8", "L": "?", "C": "c8", "M": "c16"}
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


def write(path, *columns, **cards):
    hdu = fits.BinTableHDU.from_columns(columns, name="CAT")
    hdu.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def as_numpy(column, shape):
    """Return an Arrow column as astropy would hold it."""
    values = column.combine_chunks()
    if pa.types.is_list(values.type):
        values = values.flatten()
    if pa.types.is_struct(values.type):
        parts = np.stack([values.field("re").to_numpy(), values.field("im").to_numpy()], axis=1)
        array = parts.view(f"c{2 * parts.itemsize}")
    else:
        array = values.to_numpy(zero_copy_only=False)
    return array.reshape(shape)


@st.composite
def binary_columns(draw):
    rows = draw(st.integers(0, 5))
    columns = []
    for n in range(draw(st.integers(1, 4))):
        code = draw(st.sampled_from([*CODES, "A", "X", "u2", "u4", "u8"]))
        count = draw(st.integers(1, 4))
        if code == "A":
            array = np.array(draw(st.lists(ASCII, min_size=rows, max_size=rows)), dtype="U8")
            columns.append(fits.Column(f"c{n}", "8A", array=array))
        elif code == "X":
            array = draw(hnp.arrays(bool, (rows, count + 5)))
            columns.append(fits.Column(f"c{n}", f"{count + 5}X", array=array))
        elif code.startswith("u"):
            array = draw(hnp.arrays(np.dtype(code), rows))
            form = {"u2": "I", "u4": "J", "u8": "K"}[code]
            columns.append(fits.Column(f"c{n}", form, bzero=1 << (8 * array.itemsize - 1), array=array))
        else:
            array = draw(hnp.arrays(np.dtype(CODES[code]), rows if count == 1 else (rows, count)))
            columns.append(fits.Column(f"c{n}", f"{count}{code}", array=array, unit="km/s"))
    return columns


@given(binary_columns())
def test_binary_tables_equal_what_astropy_reads(tmp_path_factory, columns):
    path = write(tmp_path_factory.mktemp("fits") / "a.fits", *columns)
    table = read_table(path)
    table.validate(full=True)
    with fits.open(path) as oracle:
        data = oracle[1].data
        assert table.num_rows == len(data)
        for column in columns:
            expected = np.asarray(data[column.name])
            found = as_numpy(table[column.name], expected.shape)
            if expected.dtype.kind == "U":
                found, expected = found.astype("U8"), np.char.rstrip(expected)
            np.testing.assert_array_equal(found, expected)


def test_types_units_and_descriptions(tmp_path):
    one = np.ones(2)
    path = write(
        tmp_path / "a.fits",
        fits.Column("vel", "E", unit="km/s", array=one),
        fits.Column("flux", "3D", array=np.ones((2, 3))),
        fits.Column("name", "4A", array=["a", "b"]),
        fits.Column("flag", "L", array=[True, False]),
        TCOMM1="line of sight velocity",
        TUCD1="phys.veloc",
    )
    found = columns_of(schema(path))
    assert [(c.name, c.type) for c in found] == [
        ("vel", "float32"), ("flux", "list<float64>"), ("name", "string"), ("flag", "bool"),
    ]  # fmt: skip
    assert (found[0].unit, found[0].ucd, found[0].description) == ("km/s", "phys.veloc", "line of sight velocity")
    assert schema(path) == read_table(path).schema
    assert schema(path).field("flux").metadata == {b"tdim": b"(3)"}


def test_nulls_are_where_the_file_says(tmp_path):
    path = write(
        tmp_path / "a.fits",
        fits.Column("i", "J", null=-99, array=[1, -99, 3]),
        fits.Column("v", "2I", null=0, array=[[1, 0], [0, 0], [5, 6]]),
        fits.Column("x", "D", array=[1.0, np.nan, 3.0]),
        fits.Column("u", "I", null=5, bzero=32768, array=np.array([5, 32773, 7], "u2")),
    )
    table = read_table(path)
    assert table["i"].to_pylist() == [1, None, 3]
    assert table["v"].to_pylist() == [[1, None], [None, None], [5, 6]]
    assert table["x"].null_count == 0
    assert math.isnan(table["x"][1].as_py())
    # TNULL is of the stored number, which is 32768 below the true one.
    assert table["u"].to_pylist() == [5, None, 7]


def test_a_logical_zero_byte_is_null(tmp_path):
    path = write(tmp_path / "a.fits", fits.Column("flag", "L", array=[True, False, True]))
    content = bytearray(path.read_bytes())
    content[-2880] = 0
    path.write_bytes(content)
    assert read_table(path)["flag"].to_pylist() == [None, False, True]


def test_scaled_columns(tmp_path):
    path = write(
        tmp_path / "a.fits",
        fits.Column("a", "I", array=[0, 3]),
        fits.Column("b", "J", array=[1, 2]),
        fits.Column("c", "B", array=np.array([0, 255], "u1")),
    )
    for key, value in (("TSCAL1", 0.5), ("TZERO1", 1.0), ("TSCAL2", 0.25), ("TZERO3", -128)):
        fits.setval(path, key, value=value, ext=1)
    table = read_table(path)
    assert table["a"].to_pylist() == [1.0, 2.5]
    assert table["b"].to_pylist() == [0.25, 0.5]
    assert table["c"].to_pylist() == [-128, 127]
    assert [str(kind) for kind in table.schema.types] == ["double", "double", "int8"]


def test_arrays_of_several_dimensions_are_flat_lists_with_their_sizes(tmp_path):
    cube = np.arange(24, dtype="f4").reshape(2, 3, 4)
    path = write(tmp_path / "a.fits", fits.Column("cube", "12E", dim="(4,3)", array=cube))
    table = read_table(path)
    assert table.schema.field("cube").metadata == {b"tdim": b"(4,3)"}
    np.testing.assert_array_equal(np.array(table["cube"].to_pylist()).reshape(2, 3, 4), cube)


def test_arrays_of_strings(tmp_path):
    names = np.array([["ab", "c"], ["", "wxyz"]])
    path = write(tmp_path / "a.fits", fits.Column("names", "8A", dim="(4,2)", array=names))
    assert read_table(path)["names"].to_pylist() == names.tolist()
    fits.delval(path, "TDIM1", ext=1)
    fits.setval(path, "TFORM1", value="8A4", ext=1)
    assert read_table(path)["names"].to_pylist() == names.tolist()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"abc     ", "abc"),
        (b"  a b   ", "  a b"),
        (b"ab\0garb ", "ab"),
        (b"\0\0\0\0\0\0\0\0", ""),
        (b"        ", ""),
        (b"\xc3\xa9t\xc3\xa9   ", "été"),
        (b"\xe9t\xe9     ", "été"),
    ],
)
def test_strings(tmp_path, raw, text):
    path = write(tmp_path / "a.fits", fits.Column("s", "8A", array=["PLACE---", "next"]))
    path.write_bytes(path.read_bytes().replace(b"PLACE---", raw))
    assert read_table(path)["s"].to_pylist() == [text, "next"]


@given(
    st.sampled_from(["B", "I", "J", "K", "E", "D", "L", "C"]),
    st.sampled_from(["P", "Q"]),
    st.lists(st.integers(0, 5), min_size=1, max_size=6),
)
def test_variable_length_arrays_equal_what_astropy_reads(tmp_path_factory, code, descriptor, lengths):
    rows = np.empty(len(lengths), object)
    rows[:] = [np.arange(n).astype(CODES[code]) for n in lengths]
    column = fits.Column("v", f"{descriptor}{code}()", array=rows)
    table = read_table(write(tmp_path_factory.mktemp("fits") / "a.fits", column))
    found = table["v"].combine_chunks()
    assert [len(row) for row in found.to_pylist()] == lengths
    np.testing.assert_array_equal(as_numpy(table["v"], -1), np.concatenate(rows))


def test_variable_length_strings_and_bits(tmp_path):
    words = np.array(["one", "", "three "], object)
    path = write(tmp_path / "a.fits", fits.Column("w", "PA()", array=words))
    assert read_table(path)["w"].to_pylist() == ["one", "", "three"]
    bits = np.empty(2, object)
    bits[:] = [np.array([0b10100000], "u1"), np.array([0xFF, 0x80], "u1")]
    path = write(tmp_path / "b.fits", fits.Column("b", "PB()", array=bits))
    path.write_bytes(path.read_bytes().replace(b"'PB(2)   '", b"'PX(16)  '"))
    # The descriptor counts bits: one bit of the first row, two of the second.
    assert read_table(path)["b"].to_pylist() == [[True], [True, True]]


def test_heap_in_any_order(tmp_path):
    rows = np.empty(3, object)
    rows[:] = [np.array([1, 2], "i4"), np.array([3], "i4"), np.array([4, 5, 6], "i4")]
    path = write(tmp_path / "a.fits", fits.Column("v", "PJ()", array=rows))
    content = bytearray(path.read_bytes())
    start = open_fits(path)["CAT"].start
    first, last = content[start : start + 8], content[start + 16 : start + 24]
    content[start : start + 8], content[start + 16 : start + 24] = last, first
    path.write_bytes(content)
    assert read_table(path)["v"].to_pylist() == [[4, 5, 6], [3], [1, 2]]


def test_columns_of_no_elements(tmp_path):
    path = write(
        tmp_path / "a.fits", fits.Column("e", "0D", array=np.zeros((2, 0))), fits.Column("x", "J", array=[1, 2])
    )
    assert read_table(path).to_pydict() == {"e": [[], []], "x": [1, 2]}


def test_names_that_lack_or_repeat(tmp_path):
    path = write(tmp_path / "a.fits", *[fits.Column(n, "J", array=[i]) for i, n in enumerate(["a", "b", "c"])])
    fits.setval(path, "TTYPE2", value="a", ext=1)
    fits.delval(path, "TTYPE3", ext=1)
    assert read_table(path).to_pydict() == {"a": [0], "a_2": [1], "col3": [2]}


def test_columns_are_chosen_by_name(tmp_path):
    path = write(tmp_path / "a.fits", *[fits.Column(n, "J", array=[1]) for n in ("Plate", "z", "Z")])
    assert read_table(path, columns=["Z", "plate"]).column_names == ["Z", "Plate"]
    with pytest.raises(UnknownColumn, match="did you mean 'Plate'"):
        read_table(path, columns=["plat"])


def test_the_first_table_is_read_where_none_is_named(tmp_path):
    tables = [fits.BinTableHDU.from_columns([fits.Column(n, "J", array=[1])], name=n) for n in ("ONE", "TWO")]
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(3)), *tables]).writeto(path)
    assert read_table(path).column_names == ["ONE"]
    assert read_table(path, "two").column_names == read_table(path, 3).column_names == ["TWO"]
    fits.HDUList([fits.PrimaryHDU(np.zeros(3))]).writeto(path, overwrite=True)
    with pytest.raises(FormatError, match="holds no table"):
        read_table(path)


@pytest.mark.parametrize("batch_rows", [1, 3, 10, 100])
def test_batches_make_up_the_table(tmp_path, batch_rows):
    rows = np.empty(10, object)
    rows[:] = [np.arange(n) for n in range(10)]
    path = write(
        tmp_path / "a.fits",
        fits.Column("i", "J", array=np.arange(10)),
        fits.Column("s", "3A", array=[str(n) for n in range(10)]),
        fits.Column("x", "2X", array=np.ones((10, 2), bool)),
        fits.Column("v", "PK()", array=rows),
    )
    parts = list(batches(path, "CAT", batch_rows))
    assert max(part.num_rows for part in parts) == min(batch_rows, 10)
    assert pa.Table.from_batches(parts).equals(read_table(path))
    assert next(batches(path, batch_rows=4, columns=["s"])).to_pydict() == {"s": ["0", "1", "2", "3"]}


def test_ascii_tables(tmp_path):
    columns = [
        fits.Column("name", "A6", array=["NGC 1", "M31"]),
        fits.Column("i", "I8", array=[-5, 123], null="-5"),
        fits.Column("f", "F10.4", array=[1.25, -0.5], unit="mag"),
        fits.Column("d", "D20.10", array=[1e-30, 2.5e200]),
    ]
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.TableHDU.from_columns(columns, name="CAT")]).writeto(path)
    table = read_table(path)
    assert table.to_pydict() == {
        "name": ["NGC 1", "M31"], "i": [None, 123], "f": [1.25, -0.5], "d": [1e-30, 2.5e200],
    }  # fmt: skip
    assert columns_of(table.schema)[2].unit == "mag"
    assert open_fits(path)["CAT"].kind == "ascii table"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"   -0.5000", b"          "))
    assert read_table(path)["f"].to_pylist() == [1.25, None]
    path.write_bytes(content.replace(b"   -0.5000", b"   -0.5x00"))
    with pytest.raises(FormatError, match=r"HDU 1 CAT: column 'f' .*no number"):
        read_table(path)


def test_tables_of_real_files_equal_what_astropy_reads(real_data):
    read = 0
    for path in sorted([*real_data.glob("manga/*/*.fits*"), *real_data.glob("catalogs/real/*.fits")]):
        with warnings.catch_warnings(action="ignore"), fits.open(path) as oracle:
            for expected, hdu in zip(oracle, open_fits(path), strict=True):
                if hdu.kind != "table":
                    continue
                table = hdu.table()
                for column, name in zip(expected.columns, table.column_names, strict=True):
                    data = np.asarray(expected.data[column.name])
                    found = as_numpy(table[name], data.shape)
                    if data.dtype.kind == "U":
                        found, data = found.astype(str), np.char.rstrip(data)
                    np.testing.assert_array_equal(found, data, err_msg=f"{path} {hdu.label} {name}")
                    assert (table.schema.field(name).metadata or {}).get(b"unit", b"").decode() == (column.unit or "")
                read += 1
    assert read > 50
