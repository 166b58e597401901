from __future__ import annotations

import datetime as dt
import math
import pickle
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyhouse.columns import Column
from skyhouse.errors import InputError, LakeError
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source, Span, read_spans
from skyhouse.lake.writer import TableWriter, WrittenFile

Galaxy = Callable[..., pa.Table]
Write = Callable[..., list[WrittenFile]]


def group_rows(path: Path) -> list[int]:
    footer = pq.read_metadata(path)
    return [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]


def test_row_groups_hold_whole_units(tmp_path: Path, spaxels: Definition, write: Write):
    (file,) = write(spaxels, tmp_path, [f"g{i}" for i in range(8)])
    assert group_rows(tmp_path / file.name) == [90, 90, 60]
    assert (file.rows, file.size) == (240, (tmp_path / file.name).stat().st_size)
    assert [span.source.key for span in file.spans] == [f"g{i}" for i in range(8)]
    assert {span.rows for span in file.spans} == {30}
    assert (file.minimum, file.maximum) == ({"plateifu": "g0", "y": 0}, {"plateifu": "g7", "y": 29})
    assert file.nulls == {"plateifu": 0, "y": 0}


def test_a_unit_larger_than_a_row_group_stays_whole(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    with TableWriter(spaxels, tmp_path) as writer:
        whole = galaxy("b", rows=250)
        writer.write(galaxy("a", rows=10), Source("a"))
        for start in range(0, 250, 50):  # one unit in several writes
            writer.write(whole.slice(start, 50), Source("b"))
        writer.write(galaxy("c", rows=10), Source("c"))
        (file,) = writer.close()
    assert group_rows(tmp_path / file.name) == [10, 250, 10]
    assert [(span.source.key, span.rows) for span in file.spans] == [("a", 10), ("b", 250), ("c", 10)]


def test_many_units_in_one_write(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    rows = pa.concat_tables([galaxy(f"g{i}", rows=40) for i in range(5)])
    with TableWriter(spaxels, tmp_path) as writer:
        writer.write(rows, Source("catalogue"))
        (file,) = writer.close()
    assert group_rows(tmp_path / file.name) == [80, 80, 40]
    assert pq.read_table(tmp_path / file.name).equals(rows)


@settings(max_examples=40, deadline=None)
@given(
    units=st.lists(st.integers(0, 60), max_size=25),
    row_group_rows=st.integers(1, 100),
    file_bytes=st.sampled_from([1, 3000, 10**9]),
    has_unit=st.booleans(),
)
def test_nothing_is_lost_or_moved(
    tmp_path_factory, units: list[int], row_group_rows: int, file_bytes: int, has_unit: bool
):
    folder = tmp_path_factory.mktemp("table")
    columns = (Column("g", "int32"), Column("y", "int16"), Column("f", "float32"))
    definition = Definition(
        "a.b",
        columns,
        key=("g", "y"),
        sort=("g", "y"),
        unit=("g",) if has_unit else (),
        row_group_rows=row_group_rows,
        file_bytes=file_bytes,
    )
    random = np.random.default_rng(1).random
    written = []
    with TableWriter(definition, folder) as writer:
        for number, rows in enumerate(units):
            table = pa.table(
                [
                    np.full(rows, number, np.int32),
                    np.arange(rows, dtype=np.int16),
                    random(rows, dtype=np.float32),
                ],
                schema=definition.schema,
            )
            written.append(table)
            writer.write(table, Source(str(number)))
        files = writer.close()
    assert sorted(path.name for path in folder.iterdir()) == sorted(file.name for file in files)
    held = [pq.read_table(folder / file.name) for file in files]
    assert pa.concat_tables([definition.schema.empty_table(), *held]).equals(
        pa.concat_tables([definition.schema.empty_table(), *written])
    )
    spans = [(int(span.source.key), span.rows) for file in files for span in file.spans]
    for number, rows in enumerate(units):
        assert sum(count for key, count in spans if key == number) == rows
        assert number in {key for key, _ in spans}  # a source without rows is known too
    for file, table in zip(files, held, strict=True):
        assert sum(span.rows for span in file.spans) == table.num_rows == file.rows
        assert read_spans(pq.read_metadata(folder / file.name)) == file.spans
        start = 0
        groups = group_rows(folder / file.name)
        for count in groups:
            numbers = table["g"].slice(start, count).unique().to_pylist()
            assert count <= row_group_rows or (has_unit and len(numbers) == 1)
            start += count
        if has_unit:  # no unit in two row groups
            starts = np.cumsum([0, *groups[:-1]]) if groups else []
            edges = [table["g"][int(s)].as_py() for s in starts]
            assert len(set(edges)) == len(edges)


def test_files_roll_at_their_size(tmp_path: Path, spaxels: Definition, write: Write):
    files = write(replace(spaxels, file_bytes=4000), tmp_path, [f"g{i:03}" for i in range(40)])
    assert len(files) > 2
    assert sum(file.rows for file in files) == 1200
    assert [span.source.key for file in files for span in file.spans] == [f"g{i:03}" for i in range(40)]


def test_row_groups_of_long_lists_are_bounded_by_bytes(tmp_path: Path):
    rows, points = 3000, 4000
    columns = (Column("n", "int64"), Column("mjd", "list<float64>"))
    definition = Definition("ztf.objects", columns, key=("n",), sort=("n",))
    offsets = np.arange(rows + 1, dtype=np.int32) * points
    lists = pa.ListArray.from_arrays(offsets, np.zeros(rows * points))
    writer = TableWriter(definition, tmp_path)
    writer.write(pa.table([np.arange(rows), lists], schema=definition.schema), Source("a"))
    (file,) = writer.close()
    groups = group_rows(tmp_path / file.name)
    assert sum(groups) == rows
    assert all(40_000_000 < size * points * 8 <= 64_100_000 for size in groups[:-1])
    assert len(groups) == 2


def test_sources_stay_whole_without_units(tmp_path: Path, spaxels: Definition, write: Write, galaxy: Galaxy):
    plain = replace(spaxels, unit=())
    (file,) = write(plain, tmp_path, ["b", "a", "d", "c"])  # sources may come in any order
    assert group_rows(tmp_path / file.name) == [90, 30]
    assert [span.source.key for span in file.spans] == ["b", "a", "d", "c"]
    with TableWriter(plain, tmp_path) as writer:
        writer.write(galaxy("a", rows=20), Source("a"))
        writer.write(galaxy("b", rows=250), Source("b"))  # too large for a row group, and may be divided
        (file,) = writer.close()
    assert group_rows(tmp_path / file.name) == [20, 100, 100, 50]


def test_a_source_goes_on_in_order(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    rows = galaxy("g")
    with TableWriter(spaxels, tmp_path) as writer:
        writer.write(rows.slice(10), Source("g"))
        with pytest.raises(InputError, match="belong before"):
            writer.write(rows.slice(0, 10), Source("g"))
        writer.abort()


def test_dictionaries_and_large_strings_are_text(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    rows = galaxy("g")
    for kind in (pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string_view()):
        with TableWriter(spaxels, tmp_path) as writer:
            writer.write(rows.set_column(0, "plateifu", rows["plateifu"].cast(kind)), Source("g"))
            (file,) = writer.close()
        assert pq.read_table(tmp_path / file.name).equals(rows)


def test_columns_may_come_in_any_order(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    rows = galaxy("g")
    with TableWriter(spaxels, tmp_path) as writer:
        writer.write(rows.select(rows.column_names[::-1]), Source("g"))
        (file,) = writer.close()
    assert pq.read_table(tmp_path / file.name).equals(rows)


def test_rows_that_do_not_fit_name_the_column(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    rows = galaxy("g")
    double = rows.set_column(2, "flux", rows["flux"].cast(pa.float64()))
    gap = rows.set_column(1, "y", pa.array([None, *range(1, 30)], pa.int16()))
    wrong = [
        (rows.drop_columns(["flux"]), "'flux'"),
        (rows.append_column("snr", rows["flux"]), "'snr'"),
        (rows.append_column("flux", rows["flux"]), "two columns 'flux'"),
        (double, "'flux' is float, not double"),
        (gap, "'y' is NULL in 1 rows"),
        (rows.take([0, 2, 1]), "row 2 belongs before row 1"),
        (rows.take([0, 1, 1]), "rows 1 and 2 have the same key"),
        (pa.concat_tables([galaxy("h"), galaxy("g")]), "row 30 belongs before row 29"),
    ]
    for table, words in wrong:
        with TableWriter(spaxels, tmp_path) as writer, pytest.raises(InputError, match=words):
            writer.write(table, Source("g"))
    with TableWriter(spaxels, tmp_path) as writer:
        writer.write(rows, Source("g"))
        with pytest.raises(InputError, match="twice"):
            writer.write(rows.slice(29), Source("g"))
        writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_an_exception_takes_the_files_away(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    with pytest.raises(ZeroDivisionError), TableWriter(replace(spaxels, file_bytes=1), tmp_path) as writer:  # noqa: PT012
        for name in "abcdefghij":
            writer.write(galaxy(name), Source(name))
        assert len(list(tmp_path.iterdir())) > 1
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_nothing_written_makes_no_file(tmp_path: Path, spaxels: Definition):
    with TableWriter(spaxels, tmp_path) as writer:
        assert writer.close() == []
    assert list(tmp_path.iterdir()) == []


def test_a_source_without_rows_is_remembered(tmp_path: Path, spaxels: Definition):
    with TableWriter(spaxels, tmp_path) as writer:
        writer.write(spaxels.schema.empty_table(), Source("empty"))
        (file,) = writer.close()
    assert file.spans == (Span(Source("empty"), 0),)
    assert pq.read_table(tmp_path / file.name).num_rows == 0


def test_one_row(tmp_path: Path, spaxels: Definition, write: Write):
    (file,) = write(spaxels, tmp_path, ["g"], rows=1)
    assert group_rows(tmp_path / file.name) == [1]


def test_a_folder_that_is_not_there(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    writer = TableWriter(spaxels, tmp_path / "nope")
    with pytest.raises(LakeError, match="nope"):
        writer.write(galaxy("g"), Source("g"))


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, spaxels: Definition, galaxy: Galaxy):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(LakeError, match="cannot be written"), TableWriter(spaxels, tmp_path) as writer:  # noqa: PT012
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
            for i in range(20):
                writer.write(galaxy(f"g{i:02}"), Source(str(i)))
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_what_a_file_carries(tmp_path: Path, spaxels: Definition, write: Write):
    (file,) = write(spaxels, tmp_path, ["a", "b"])
    assert pickle.loads(pickle.dumps(file)) == file
    footer = pq.read_metadata(tmp_path / file.name)
    assert footer.schema.to_arrow_schema().field("flux").metadata[b"unit"] == b"1e-17 erg/s/cm2/spaxel"
    encodings = {}
    for i in range(footer.num_columns):
        chunk = footer.row_group(0).column(i)
        assert chunk.compression == "ZSTD"
        assert chunk.statistics.has_min_max
        assert chunk.has_column_index
        encodings[chunk.path_in_schema] = chunk.encodings
    assert "RLE_DICTIONARY" in encodings["plateifu"]
    assert "RLE_DICTIONARY" not in encodings["flux"]
    assert footer.schema.column(2).physical_type == "FLOAT"


def test_dates_times_nested_values_and_nulls(tmp_path: Path):
    definition = Definition(
        "a.b",
        (
            Column("night", "date"),
            Column("at", "timestamp"),
            Column("mag", "list<float32>", unit="mag"),
            Column("names", "list<string>"),
            Column("lc", "struct<mjd:list<float64>,Band:list<string>,n:struct<i:int32>>"),
        ),
        sort=("night", "at"),
    )
    days = [dt.date(2020, 1, 1), dt.date(2020, 1, 1), dt.date(2020, 1, 2), None]
    times = ["2020-01-01T03:00:00", None, "2020-01-02T01:02:03.000004", None]
    times = [time and dt.datetime.fromisoformat(time) for time in times]
    curves = [
        {"mjd": [1.5, None], "Band": ["g", None], "n": {"i": 7}},
        {"mjd": [], "Band": None, "n": None},
        None,
        {"mjd": None, "Band": [], "n": {"i": None}},
    ]
    rows = pa.table(
        [days, times, [[1.0, float("nan")], [], None, [None]], [["x"], None, [], ["y", "z"]], curves],
        schema=definition.schema,
    )
    with TableWriter(definition, tmp_path) as writer:
        writer.write(rows, Source("n"))
        (file,) = writer.close()
    assert file.minimum == {"night": "2020-01-01", "at": "2020-01-01T03:00:00"}
    assert file.maximum == {"night": "2020-01-02", "at": "2020-01-02T01:02:03.000004"}
    assert file.nulls == {"night": 1, "at": 2}
    assert str(pq.read_table(tmp_path / file.name).to_pylist()) == str(rows.to_pylist())
    group = pq.read_metadata(tmp_path / file.name).row_group(0)
    encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    assert "RLE_DICTIONARY" in encodings["lc.Band.list.element"]
    assert "RLE_DICTIONARY" in encodings["lc.n.i"]
    assert "RLE_DICTIONARY" not in encodings["lc.mjd.list.element"]


def test_nan_sorts_before_null_and_after_numbers(tmp_path: Path):
    definition = Definition("a.b", (Column("mjd", "float64"),), sort=("mjd",))
    with TableWriter(definition, tmp_path) as writer:
        writer.write(pa.table([[1.0, 2.0, float("nan"), None]], schema=definition.schema), Source("s"))
        (file,) = writer.close()
        with pytest.raises(InputError):
            writer.write(pa.table([[float("nan"), 1.0]], schema=definition.schema), Source("s"))
    assert (file.minimum, file.maximum) == ({}, {})


def test_memory_does_not_grow_with_the_rows(tmp_path: Path):
    columns = (Column("g", "int32"), *(Column(f"f{i}", "float64") for i in range(20)))
    definition = Definition("a.b", columns, sort=("g",), unit=("g",), row_group_rows=10_000)
    row_group = 10_000 * (4 + 20 * 8)
    before, most = pa.total_allocated_bytes(), 0
    with TableWriter(definition, tmp_path) as writer:
        for number in range(200):
            numbers = pa.array([number], pa.int32()).take(pa.array([0] * 1000))
            noise = [pc.random(1000) for _ in range(20)]  # memory of Arrow's own, so that it is counted
            writer.write(pa.table([numbers, *noise], schema=definition.schema), Source(str(number)))
            most = max(most, pa.total_allocated_bytes() - before)
        assert sum(file.rows for file in writer.close()) == 200_000
    assert most < 2 * row_group


def test_columns_with_nan_have_no_extremes_that_a_reader_could_believe(tmp_path):
    columns = (Column("i", "int64"), Column("x", "float64"), Column("y", "float32"), Column("z", "float64"))
    definition = Definition("t.nan", columns, row_group_rows=4)
    x = [1.0, math.nan, 3.0, 2.0] * 3
    y = [1.0] * 6 + [math.nan] + [2.0] * 5
    rows = pa.table({"i": range(12), "x": x, "y": pa.array(y, "float32"), "z": [0.5] * 12}, schema=definition.schema)
    with TableWriter(definition, tmp_path) as writer:
        writer.write(rows, Source("a"))
        files = writer.close()
    assert [file.rows for file in files] == [4, 8]  # from the second row group on, y has none either
    assert sum(span.rows for file in files for span in file.spans) == 12
    bounded = [
        [pq.read_metadata(tmp_path / file.name).row_group(0).column(n).is_stats_set for n in range(4)] for file in files
    ]
    assert bounded == [[True, False, True, True], [True, False, False, True]]
    paths = [str(tmp_path / file.name) for file in files]
    for condition, count in (("x < 10", 9), ("x > 10", 3), ("y <= 2", 11), ("y > 2", 1), ("z > 0", 12)):
        found = duckdb.sql(f"SELECT count(*) FROM read_parquet({paths}) WHERE {condition}").fetchall()
        assert found == [(count,)], condition


def test_row_groups_of_lists_are_bounded_by_their_bytes(tmp_path):
    columns = (Column("id", "int64"), Column("values", "list<float64>"))
    rows = 2000
    offsets = np.arange(0, rows * 10_000 + 1, 10_000, dtype="i4")
    lists = pa.ListArray.from_arrays(offsets, np.zeros(rows * 10_000))
    table = pa.table({"id": np.arange(rows), "values": lists})
    with TableWriter(Definition("a.b", columns), tmp_path) as writer:
        for start in range(0, rows, 700):
            writer.write(table.slice(start, 700), Source("x"))
        (made,) = writer.close()
    footer = pq.read_metadata(tmp_path / made.name)
    assert made.rows == rows
    assert [footer.row_group(n).num_rows for n in range(footer.num_row_groups)][:2] == [799, 799]
