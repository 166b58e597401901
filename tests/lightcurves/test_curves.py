"""Bands are read from whatever Arrow hands over: slices, chunks, NULLs, other types."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lightcurves import Band

KIND = pa.struct(
    {
        "mjd": pa.list_(pa.float64()),
        "mag": pa.list_(pa.float32()),
        "magerr": pa.list_(pa.float32()),
        "catflags": pa.list_(pa.int32()),
    }
)


def curve(n, start=0.0):
    times = [start + i for i in range(n)]
    return {"mjd": times, "mag": [15 + t for t in times], "magerr": [0.5] * n, "catflags": list(range(n))}


def listed(band):
    """Each object's points as Python lists: what a band says."""
    return [[part.tolist() for part in band.rows(i)] for i in range(len(band))]


rows = st.lists(st.one_of(st.none(), st.integers(0, 4).map(lambda n: curve(n, n / 2))), max_size=12)


@given(rows, st.integers(0, 6), st.integers(0, 6), st.integers(1, 3))
def test_slices_and_chunks_are_the_rows_that_they_show(rows, skip, length, chunks):
    column = pa.chunked_array([pa.array(rows, KIND)] * chunks, KIND).slice(skip, length)
    shown = [[row[k] if row else [] for k in ("mjd", "mag", "magerr")] for row in column.to_pylist()]
    assert listed(Band.of(column)) == shown
    for chunk in column.chunks:
        band = Band.of(chunk)
        assert band.offsets[0] == 0
        assert band.to_arrow().to_pylist() == [row or curve(0) for row in chunk.to_pylist()]


def test_the_values_are_the_buffers_of_arrow():
    column = pa.array([curve(3), curve(2)], KIND)
    band = Band.of(column)
    address = column.field("mag").values.buffers()[1].address
    assert band.mag.ctypes.data == address
    assert Band.of(column[1:]).mag.ctypes.data == address + 3 * 4
    assert not any(part.flags.writeable for part in (band.offsets, band.mjd, band.mag, band.magerr, band.catflags))


def test_what_lies_under_a_null_is_not_read():
    lists = {f.name: pa.array([curve(2)[f.name], curve(3)[f.name], curve(1)[f.name]], f.type) for f in KIND}
    column = pa.StructArray.from_arrays(list(lists.values()), list(lists), mask=pa.array([False, True, False]))
    assert column.field("mjd").values.null_count == 0
    assert len(column.field("mjd").values) == 6
    band = Band.of(column)
    assert band.counts.tolist() == [2, 0, 1]
    assert listed(band)[2] == [[0.0], [15.0], [0.5]]


def test_a_null_list_of_one_part_takes_the_object_only():
    columns = [pa.array([[1.0], None, [3.0]]), pa.array([[1.0], [2.0], [3.0]]), pa.array([[0.5], [0.5], [0.5]])]
    assert listed(Band.of_lists(*columns)) == [[[1.0], [1.0], [0.5]], [[], [], []], [[3.0], [3.0], [0.5]]]


def test_nulls_within_lists_become_nan_and_no_good_flag():
    band = Band.of_lists(
        pa.array([[1.0, None]]),
        pa.array([[None, 2.0]]),
        pa.array([[0.5, 0.5]]),
        pa.array([[None, 0]], pa.list_(pa.int16())),
    )
    assert np.isnan(band.mjd).tolist() == [False, True]
    assert np.isnan(band.mag).tolist() == [True, False]
    assert band.catflags.tolist() == [-1, 0]


@pytest.mark.parametrize(
    "kind",
    [pa.large_list(pa.float64()), pa.list_(pa.float64(), 2), pa.list_view(pa.int32()), pa.large_list_view(pa.int8())],
)
def test_any_kind_of_list_and_number_will_do(kind):
    part = pa.array([[9, 9], [1, 2], None, [3, 4]], kind)[1:]
    band = Band.of_lists(part, part, part)
    assert listed(band) == [[[1, 2]] * 3, [[]] * 3, [[3, 4]] * 3]
    assert (band.mjd.dtype, band.mag.dtype, band.offsets.dtype) == (np.float64, np.float32, np.int64)


def test_a_slice_is_a_view():
    band = Band.of(pa.array([curve(3), None, curve(2, 7.0)], KIND))
    part = band.slice(1, 3)
    assert listed(part) == listed(band)[1:]
    assert part.catflags.tolist() == [0, 1]
    assert np.shares_memory(part.mjd, band.mjd)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1.0]), "struct of the lists"),
        (pa.array([{"mjd": [1.0], "mags": [2.0], "magerr": [1.0]}]), "needs the list 'mag'.*did you mean"),
        (pa.array([{"mjd": 1.0, "mag": [2.0], "magerr": [1.0]}]), "mjd is a list of numbers"),
        (pa.array([curve(1), curve(1) | {"mag": [1.0, 2.0]}]), "row 1: the list mag has 2 values and mjd 1"),
    ],
)
def test_what_is_no_light_curve_is_told(column, message):
    with pytest.raises(InputError, match=message):
        Band.of(column)


def test_columns_of_different_rows_are_told():
    one, two = pa.array([[1.0]]), pa.array([[1.0], [2.0]])
    with pytest.raises(InputError, match="differ in rows: mjd 1, mag 2, magerr 1"):
        Band.of_lists(one, two, one)


def test_lists_of_texts_are_no_curves():
    point = {"mjd": ["58000"], "mag": [15.0], "magerr": [0.1]}
    with pytest.raises(InputError, match="mjd is a list of numbers"):
        Band.of(pa.array([point]))
