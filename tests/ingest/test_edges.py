"""Files by several names, files that moved, files that kill, and ingests that get in each other's way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

import pyarrow as pa
import pytest
from astropy.io import fits

import skyhouse
from skyhouse.engine.base import Outcome
from skyhouse.engine.pool import PoolRunner
from skyhouse.errors import FormatError, InputError
from skyhouse.ingest import ingest
from skyhouse.lake.registry import Registry
from skyhouse.surveys.manga import MANGA
from skyhouse.surveys.manga.survey import Manga

Rows = Callable[[Registry, str], pa.Table]
T = TypeVar("T")
R = TypeVar("R")
MAPS = "**/manga-*-MAPS-*.fits.gz"


class Here:
    """Runs tasks in this process, and does something before each is reported."""

    name: ClassVar[str] = "here"

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.meanwhile = meanwhile

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Outcome[T, R]]:
        for task in tasks:
            try:
                value = function(task)
            except InputError as error:
                yield Outcome(task, error=error)
                continue
            self.meanwhile()
            yield Outcome(task, value)

    def close(self) -> None:
        pass


class Deadly(Manga):
    """MaNGA, with one galaxy that takes the process down that reads it."""

    def convert(self, path: str) -> Mapping[str, pa.Table]:
        if "-7443-1902-" in path:
            os._exit(9)
        return super().convert(path)


class FirstTable(Manga):
    """MaNGA as far as an ingest comes that is killed after its first commit."""

    def tables_of(self, path: str) -> tuple[str, ...]:
        return super().tables_of(path)[1:2]


@pytest.fixture
def files(archive: Path) -> list[Path]:
    return sorted(archive.glob(MAPS))


def copy_of(file: Path, folder: Path) -> Path:
    """Copy a file under its own name; the copy has a time of its own."""
    folder.mkdir()
    copy = Path(shutil.copy(file, folder))
    os.utime(copy, (1e9, 1e9))
    return copy


def test_a_path_may_look_like_a_pattern(files: list[Path], registry: Registry, tmp_path: Path) -> None:
    odd = copy_of(files[0], tmp_path / "a b'c[x] 50% é?*")
    report = ingest(registry, MANGA, [str(odd)], Here())
    assert (report.ingested, report.failures) == (1, ())


def test_a_file_by_another_name_is_the_same_file(files: list[Path], registry: Registry, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(files[0].parent)
    first, linked = str(files[0]), str(link / files[0].name)
    report = ingest(registry, MANGA, [first, linked], Here())
    assert (report.found, report.ingested, report.unchanged, report.failures) == (2, 1, 1, ())
    roundabout = f"{tmp_path}/link/../{files[0].parent.name}/{files[0].name}"
    for name in (linked, roundabout):
        report = ingest(registry, MANGA, [name], Here())
        assert (report.unchanged, report.failures) == (1, ()), name


def test_raw_finds_files_that_moved_once_they_are_ingested_again(
    archive: Path, files: list[Path], registry: Registry, tmp_path: Path
) -> None:
    ingest(registry, MANGA, map(str, files), Here())
    moved = archive.rename(tmp_path / "moved")
    with skyhouse.open(registry.root) as lake:
        plateifu = "-".join(files[0].name.split("-")[1:3])
        with pytest.raises(FormatError, match="--replace"):
            lake.raw(plateifu)
        report = lake.ingest(moved / MAPS, survey="manga", replace=True)
        assert (report.ingested, report.replaced, report.failures) == (4, 4, ())
        assert lake.raw(plateifu).filename is not None
        assert lake.ingest(moved / MAPS, survey="manga", replace=True).unchanged == 4
        assert [table.rows for table in lake.tables() if table.name == "manga.galaxies"] == [4]


def test_a_file_that_is_back_as_it_was_is_no_failure(files: list[Path], registry: Registry, rows_of: Rows) -> None:
    names = [str(path) for path in files]
    ingest(registry, MANGA, names, Here())
    before = rows_of(registry, "manga.spaxels")
    aside = files[0].rename(files[0].with_suffix(".aside"))
    files[0].write_text("<html>")
    assert [failure.path for failure in ingest(registry, MANGA, names, Here()).failures] == names[:1]
    assert rows_of(registry, "manga.spaxels").equals(before)
    aside.replace(files[0])
    report = ingest(registry, MANGA, names, Here())
    assert (report.unchanged, report.failures) == (4, ())
    assert rows_of(registry, "manga.failures").num_rows == 0


def test_a_file_that_kills_its_worker_takes_no_other_with_it(
    small_archive: Path, registry: Registry, pool: PoolRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # so that three of the twelve files share a task
    report = ingest(registry, Deadly(), [str(small_archive / MAPS)], pool)
    assert [failure.key.partition("/")[0] for failure in report.failures] == ["7443-1902"]
    assert report.ingested == registry.table("manga.galaxies").rows == 11
    assert "manga-7443-1902-MAPS" in report.failures[0].reason


def test_a_summary_with_a_galaxy_twice_is_refused_and_the_rows_before_stay(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "drpall-v3_1_1.fits"
    for rows, problem in (["8485-1901", "7815-1902"], ""), (["8485-1901"] * 2, "same key"), ([], ""):
        columns = [
            fits.Column("plateifu", "11A", array=rows),
            fits.Column("versdrp3", "8A", array=["v3_1_1"] * len(rows)),
        ]
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
        failures = ingest(registry, MANGA, [str(path)], Here()).failures
        assert [problem in failure.reason and str(path) in failure.reason for failure in failures] == [True] * bool(
            problem
        )
        assert registry.table("manga.drpall").rows == (0 if not rows else 2)


def test_of_two_copies_ingested_at_once_one_is_in_all_tables(
    files: list[Path], registry: Registry, rows_of: Rows, tmp_path: Path
) -> None:
    copy = copy_of(files[0], tmp_path / "elsewhere")
    other = Here(lambda: ingest(registry, FirstTable(), [str(copy)], Here()))
    report = ingest(registry, MANGA, map(str, files), other)
    assert [(failure.path, failure.error) for failure in report.failures] == [(str(files[0]), "DuplicateSource")]
    assert str(copy) in report.failures[0].reason
    assert report.rows == registry.table("manga.spaxels").rows
    mended = ingest(registry, MANGA, [str(copy)], Here())
    assert (mended.ingested, mended.failures) == (1, ())
    held = [registry.table(name).lineage() for name in MANGA.tables_of(str(copy))]
    assert all(sources == held[0] for sources in held)
    assert len(held[0]) == 4
    assert str(copy) in {source.path for source in held[0].values()}
