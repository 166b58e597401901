from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from skyhouse.columns import Column
from skyhouse.errors import CommitConflict, LakeError
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source, files_of
from skyhouse.lake.registry import Registry
from skyhouse.lake.replace import vacuum, without
from skyhouse.lake.table import Table
from skyhouse.lake.writer import TableWriter, WrittenFile

Galaxy = Callable[..., pa.Table]
Write = Callable[..., list[WrittenFile]]
SCRIPTS = Path(__file__).with_name("conftest.py").parent


def read(table: Table) -> pa.Table:
    """The table as a reader that knows nothing of Skyhouse sees it."""
    return DeltaTable(table.path).to_pyarrow_table().sort_by([("plateifu", "ascending"), ("y", "ascending")])


def galaxies(table: Table) -> dict[str, int]:
    counts = read(table).group_by("plateifu").aggregate([([], "count_all")]).to_pylist()
    return {row["plateifu"]: row["count_all"] for row in counts}


def test_what_was_written_is_read_everywhere(registry: Registry, spaxels: Definition, galaxy: Galaxy, write: Write):
    names = [f"g{i:02}" for i in range(12)]
    table = registry.create(spaxels)
    assert commit(table, write(spaxels, table.path, names), note={"by": "test"}) == 1
    wrote = pa.concat_tables([galaxy(name) for name in names])
    assert (table.version, table.rows) == (1, 360)
    assert read(table).cast(wrote.schema).equals(wrote)
    assert read(table).schema.field("flux").metadata[b"unit"] == b"1e-17 erg/s/cm2/spaxel"
    paths = [file.path for file in table.files()]
    assert duckdb.read_parquet(paths).order("plateifu, y").to_arrow_table().cast(wrote.schema).equals(wrote)
    assert pl.read_parquet(paths).sort("plateifu", "y").to_arrow().cast(wrote.schema).equals(wrote)
    assert pl.read_delta(str(table.path)).height == 360
    assert DeltaTable(table.path).history(1)[0]["skyhouse.by"] == "test"
    assert table.bytes == sum(Path(path).stat().st_size for path in paths)


def test_identifiers_are_packed_and_read_everywhere(registry: Registry):
    columns = (Column("id", "int64"), Column("at", "timestamp"), Column("mask", "int64"))
    table = registry.create(Definition("a.b", columns, key=("id",), sort=("at", "id")))
    start = 7815_03702_000_000
    values = [range(start, start + 1000), [1_600_000_000_000_000] * 1000, [1 << 30, 0] * 500]
    schema = table.definition.schema
    rows = pa.table([pa.array(v, field.type) for v, field in zip(values, schema, strict=True)], schema)
    with TableWriter(table.definition, table.path) as writer:
        writer.write(rows, Source("s"))
        commit(table, writer.close())
    (file,) = table.files()
    chunks = pq.read_metadata(file.path).row_group(0)
    assert ["RLE_DICTIONARY" in chunks.column(i).encodings for i in range(3)] == [False, False, True]
    assert ["DELTA_BINARY_PACKED" in chunks.column(i).encodings for i in range(3)] == [True, True, False]
    assert duckdb.read_parquet([file.path]).to_arrow_table().cast(rows.schema).equals(rows)
    assert pl.read_parquet(file.path).to_arrow().cast(rows.schema).equals(rows)
    assert DeltaTable(table.path).to_pyarrow_table().cast(rows.schema).equals(rows)


def test_files_come_in_the_order_of_their_rows(registry: Registry, spaxels: Definition, write: Write):
    table = registry.create(spaxels)
    for name in ["c", "a", "d", "b"]:
        commit(table, write(spaxels, table.path, [name]))
    assert [file.minimum["plateifu"] for file in table.files()] == ["a", "b", "c", "d"]
    assert [file.maximum["y"] for file in table.files()] == [29] * 4


def test_a_lake_may_be_moved(registry: Registry, spaxels: Definition, write: Write, tmp_path: Path):
    table = registry.create(spaxels)
    commit(table, write(spaxels, table.path, ["a", "b"]))
    shutil.move(registry.root, tmp_path / "else where")
    moved = Registry.open(tmp_path / "else where").table("manga.spaxels")
    assert galaxies(moved) == {"a": 30, "b": 30}
    assert set(moved.lineage()) == {"a", "b"}
    assert all(Path(file.path).is_file() for file in moved.files())
    commit(moved, write(spaxels, moved.path, ["c"]))
    assert moved.rows == 90


def test_expect_is_a_compare_and_swap(registry: Registry, spaxels: Definition, write: Write):
    table, other = registry.create(spaxels), registry.table("manga.spaxels")
    mine, theirs = write(spaxels, table.path, ["a"]), write(spaxels, table.path, ["b"])
    assert commit(other, theirs, expect=0) == 1
    with pytest.raises(CommitConflict, match="version 1"):
        commit(table, mine, expect=0)
    assert commit(table, mine, expect=1) == 2
    assert galaxies(table) == {"a": 30, "b": 30}


def test_a_commit_of_nothing_makes_no_version(registry: Registry, spaxels: Definition):
    assert commit(registry.create(spaxels), []) == 0


def test_files_that_are_not_there_are_not_committed(registry: Registry, spaxels: Definition, write: Write):
    table = registry.create(spaxels)
    (file,) = write(spaxels, table.path, ["a"])
    with pytest.raises(LakeError, match="not there"):
        commit(table, [replace(file, size=file.size + 1)])
    (table.path / file.name).unlink()
    with pytest.raises(LakeError, match="not there"):
        commit(table, [file])
    assert registry.table("manga.spaxels").version == 0


def test_replacing_a_source(registry: Registry, spaxels: Definition, galaxy: Galaxy, write: Write):
    table = registry.create(spaxels)
    names = [f"g{i}" for i in range(9)]
    commit(table, write(spaxels, table.path, names))
    commit(table, write(spaxels, table.path, ["z"]))
    before = read(table)
    assert {len(held) for held in files_of(table, ["g4", "z"]).values()} == {1}
    kept, removed = without(table, ["g4", "z"])
    assert read(table).equals(before)
    new = write(spaxels, table.path, ["g4"], value=7.0)
    assert (len(removed), sum(file.rows for file in kept)) == (2, 240)
    commit(table, [*kept, *new], removed)
    expected = pa.concat_tables([galaxy(name, value=7.0 if name == "g4" else None) for name in names])
    assert read(table).cast(expected.schema).equals(expected)
    assert sorted(table.lineage()) == names
    assert table.lineage()["g0"] == Source("g0", "/raw/g0.fits.gz", 1, 2)
    with pytest.raises(CommitConflict, match="replaced"):
        commit(table, [], removed)


def test_replacing_keeps_sources_without_rows(registry: Registry, spaxels: Definition, galaxy: Galaxy):
    table = registry.create(spaxels)
    with TableWriter(spaxels, table.path) as writer:
        writer.write(galaxy("a"), Source("a"))
        writer.write(galaxy("none").slice(0, 0), Source("none"))
        writer.write(galaxy("b"), Source("b"))
        commit(table, writer.close())
    commit(table, *without(table, ["a"]))
    assert set(table.lineage()) == {"none", "b"}
    assert galaxies(table) == {"b": 30}
    commit(table, *without(table, ["none", "b"]))
    assert (table.rows, table.files(), table.lineage()) == (0, (), {})
    assert read(table).num_rows == 0


def test_vacuum_takes_only_old_files_that_no_version_names(registry: Registry, spaxels: Definition, write: Write):
    table = registry.create(spaxels)
    commit(table, write(spaxels, table.path, ["a", "b"]))
    commit(table, write(spaxels, table.path, ["c"]))
    orphan, young = write(spaxels, table.path, ["x"])[0], write(spaxels, table.path, ["y"])[0]
    yesterday = time.time() - 25 * 3600
    for path in table.path.glob("*.parquet"):
        if path.name != young.name:
            os.utime(path, (yesterday, yesterday))
    commit(table, *without(table, ["a"]))  # a query may still read the file that goes
    assert vacuum(table) == [orphan.name]
    assert len(vacuum(table, older_than_hours=0)) == 2
    assert galaxies(table) == {"b": 30, "c": 30}


def test_a_lost_file_is_told(registry: Registry, spaxels: Definition, write: Write):
    table = registry.create(spaxels)
    (file,) = write(spaxels, table.path, ["a"])
    commit(table, [file])
    (table.path / file.name).unlink()
    with pytest.raises(LakeError, match=file.name):
        table.lineage()


@pytest.mark.parametrize("commits", [120, pytest.param(1000, marks=pytest.mark.soak)])
def test_many_commits_open_from_a_checkpoint(registry: Registry, spaxels: Definition, write: Write, commits: int):
    table = registry.create(spaxels)
    (file,) = write(spaxels, table.path, ["a"])
    for i in range(commits):  # the log alone counts here, so one file's bytes serve all
        copy = replace(file, name=f"part-{i}.parquet", minimum={"plateifu": f"{i:04}", "y": 0})
        os.link(table.path / file.name, table.path / copy.name)
        commit(table, [copy])
    log = table.path / "_delta_log"
    checkpoint = json.loads((log / "_last_checkpoint").read_text())["version"]
    assert checkpoint > commits - 50
    opened = registry.table("manga.spaxels")
    assert (opened.version, opened.rows, len(opened.files())) == (commits, 30 * commits, commits)
    assert [f.minimum["plateifu"] for f in opened.files()] == [f"{i:04}" for i in range(commits)]
    for entry in log.glob("*.json"):  # a reader that starts at the checkpoint needs none of the older entries
        if int(entry.stem) < checkpoint:
            entry.unlink()
    assert registry.table("manga.spaxels").rows == 30 * commits
    assert registry.table("manga.spaxels").definition == spaxels


COMMITTER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conftest import write_galaxies
from skyhouse.columns import Column
from skyhouse.errors import CommitConflict
from skyhouse.lake.commit import commit
from skyhouse.lake.registry import Registry

registry, who, cas = Registry.open(Path(sys.argv[2])), sys.argv[3], sys.argv[4] == "cas"
table = registry.table("manga.spaxels")
for i in range(8):
    files = write_galaxies(table.definition, table.path, [f"{who}{i:02}" if not cas else f"shared{i:02}"])
    while True:
        seen = table.refresh().version
        if cas and f"shared{i:02}" in table.lineage():
            break
        try:
            commit(table, files, expect=seen if cas else None)
            break
        except CommitConflict:
            print("conflict")
"""


@pytest.mark.parametrize("how", ["cas", "append"])
def test_two_processes_lose_nothing_and_double_nothing(registry: Registry, spaxels: Definition, how: str):
    table = registry.create(spaxels)
    start = [sys.executable, "-c", COMMITTER, str(SCRIPTS), str(registry.root)]
    writers = [subprocess.Popen([*start, who, how]) for who in "ab"]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    names = [f"{who}{i:02}" for who in ("ab" if how == "append" else ["shared"]) for i in range(8)]
    assert galaxies(table.refresh()) == dict.fromkeys(names, 30)
    assert table.version == len(names)


ENDLESS = """
import sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
from conftest import write_galaxies
from skyhouse.lake.commit import commit
from skyhouse.lake.registry import Registry

table = Registry.open(Path(sys.argv[2])).table("manga.spaxels")
small = replace(table.definition, file_bytes=1)
first = int(sys.argv[3])
print("go", flush=True)
for i in range(first, first + 10_000):
    commit(table, write_galaxies(small, table.path, [f"g{i:06}a", f"g{i:06}b"], rows=100))
    print(i, flush=True)
"""


def test_a_killed_writer_leaves_whole_commits(registry: Registry, spaxels: Definition):
    table = registry.create(spaxels)
    said = -1
    for run in range(3):
        start = [sys.executable, "-c", ENDLESS, str(SCRIPTS), str(registry.root), str(run * 10_000)]
        with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "go\n"
            told = [writer.stdout.readline() for _ in range(2 * run)]
            time.sleep(0.011 * run)  # into the next commit, somewhere
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.read().splitlines(keepends=True)
        said = max([said, *(int(line) for line in told if line.endswith("\n"))])
        found = galaxies(registry.table("manga.spaxels"))
        assert set(found.values()) <= {100}
        for name in found:
            assert name[:-1] + "a" in found
            assert name[:-1] + "b" in found
        assert said < 0 or f"g{said:06}a" in found  # what a commit said is done is done
    assert said >= 20_003
    table.refresh()
    before = galaxies(table)
    named = {Path(file.path).name for file in table.files()}
    vacuum(table, older_than_hours=-1)
    assert {path.name for path in table.path.glob("*.parquet")} == named
    assert galaxies(table) == before
