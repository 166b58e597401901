"""What an ingest does and leaves alone, and what it says of files that are no good."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from skyhouse.engine.pool import PoolRunner
from skyhouse.errors import InputError
from skyhouse.ingest import Progress, ingest
from skyhouse.lake.registry import Registry
from skyhouse.surveys.manga import MANGA
from skyhouse.surveys.manga.simulate import simulate_galaxy_file

Rows = Callable[[Registry, str], pa.Table]
MAPS = "**/manga-*-MAPS-*.fits.gz"


def test_every_table_gets_its_rows(archive: Path, registry: Registry, pool: PoolRunner, rows_of: Rows) -> None:
    states: list[Progress] = []
    report = ingest(registry, MANGA, [str(archive / MAPS)], pool, progress=lambda s: states.append(Progress(**vars(s))))
    assert report.ok
    assert (report.found, report.ingested, report.unchanged, report.replaced) == (4, 4, 0, 0)
    galaxies = rows_of(registry, "manga.galaxies")
    assert galaxies.num_rows == 4
    grids = sum(nx * ny for nx, ny in zip(galaxies["nx"].to_pylist(), galaxies["ny"].to_pylist(), strict=True))
    parts = [name for name in registry.names() if registry.table(name).definition.part_of]
    assert len(parts) >= 4
    for name in ["manga.spaxels", *parts]:
        assert registry.table(name).rows == grids == report.rows
    assert (states[-1].files_done, states[-1].rows) == (4, grids)
    assert states[-1].bytes_read == states[-1].bytes_total == report.bytes_read


def test_a_rerun_does_only_what_is_new(archive: Path, registry: Registry, pool: PoolRunner) -> None:
    ingest(registry, MANGA, [str(archive / MAPS)], pool)
    versions = {name: registry.table(name).version for name in registry.names()}
    again = ingest(registry, MANGA, [str(archive / MAPS)], pool)
    assert (again.ingested, again.unchanged) == (0, 4)
    assert {name: registry.table(name).version for name in registry.names()} == versions
    simulate_galaxy_file(archive, "8000-1901")
    more = ingest(registry, MANGA, [str(archive / MAPS)], pool)
    assert (more.ingested, more.unchanged, registry.table("manga.galaxies").rows) == (1, 4, 5)


def test_a_changed_file_takes_its_own_place(archive: Path, registry: Registry, pool: PoolRunner, rows_of: Rows) -> None:
    ingest(registry, MANGA, [str(archive / MAPS)], pool)
    before = rows_of(registry, "manga.spaxels")
    changed = next(iter(sorted(archive.glob(MAPS))))
    plateifu = "-".join(changed.name.split("-")[1:3])
    simulate_galaxy_file(archive, plateifu, seed=2)
    report = ingest(registry, MANGA, [str(archive / MAPS)], pool)
    assert (report.ingested, report.replaced, report.unchanged) == (1, 1, 3)
    after = rows_of(registry, "manga.spaxels")
    ids = ["plateifu", "daptype", "y", "x"]
    assert after.select(ids).equals(before.select(ids))
    own = [name == plateifu for name in after["plateifu"].to_pylist()]
    flux = "emline_gflux_ha_6564"
    same = [a == b for a, b in zip(after[flux].to_pylist(), before[flux].to_pylist(), strict=True)]
    assert all(s for s, changed_here in zip(same, own, strict=True) if not changed_here)
    assert not all(s for s, changed_here in zip(same, own, strict=True) if changed_here)


def test_a_second_copy_is_refused_or_replaces(
    archive: Path, registry: Registry, pool: PoolRunner, rows_of: Rows, tmp_path: Path
) -> None:
    ingest(registry, MANGA, [str(archive / MAPS)], pool)
    first = next(iter(sorted(archive.glob(MAPS))))
    copy = tmp_path / "elsewhere" / first.name
    copy.parent.mkdir()
    shutil.copy(first, copy)
    refused = ingest(registry, MANGA, [str(copy)], pool)
    assert [failure.error for failure in refused.failures] == ["DuplicateSource"]
    assert str(first) in refused.failures[0].reason
    assert "--replace" in refused.failures[0].reason
    replaced = ingest(registry, MANGA, [str(copy)], pool, replace=True)
    assert (replaced.ingested, replaced.replaced, replaced.failures) == (1, 1, ())
    assert registry.table("manga.galaxies").rows == 4
    assert str(copy) in rows_of(registry, "manga.galaxies")["source_path"].to_pylist()


def test_two_copies_in_one_call_are_one_too_many(
    archive: Path, registry: Registry, pool: PoolRunner, tmp_path: Path
) -> None:
    first = next(iter(sorted(archive.glob(MAPS))))
    copy = tmp_path / "elsewhere" / first.name
    copy.parent.mkdir()
    shutil.copy(first, copy)
    report = ingest(registry, MANGA, [str(first), str(copy)], pool)
    assert report.ingested == 1
    assert [failure.path for failure in report.failures] == [str(copy)]


def test_a_moved_archive_is_not_ingested_again(
    archive: Path, registry: Registry, pool: PoolRunner, tmp_path: Path
) -> None:
    ingest(registry, MANGA, [str(archive / MAPS)], pool)
    moved = archive.rename(tmp_path / "moved")
    report = ingest(registry, MANGA, [str(moved / MAPS)], pool)
    assert (report.unchanged, report.failures) == (4, ())


def test_bad_files_stop_nothing_and_are_kept(
    archive: Path, registry: Registry, pool: PoolRunner, rows_of: Rows
) -> None:
    first, second, *_ = sorted(archive.glob(MAPS))
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    second.write_text("<html><title>404 Not Found</title></html>")
    (archive / "manga-notes-MAPS-x.fits.gz").write_text("?")
    report = ingest(registry, MANGA, [str(archive / MAPS)], pool)
    assert (report.ingested, len(report.failures)) == (2, 3)
    kept = rows_of(registry, "manga.failures").to_pylist()
    assert {row["path"] for row in kept} == {str(first), str(second), str(archive / "manga-notes-MAPS-x.fits.gz")}
    assert all(row["path"] in row["reason"] for row in kept)
    assert any("404 Not Found" in row["reason"] for row in kept)
    first.write_bytes(whole)
    mended = ingest(registry, MANGA, [str(archive / MAPS)], pool)
    assert (mended.ingested, len(mended.failures)) == (1, 2)
    assert str(first) not in rows_of(registry, "manga.failures")["path"].to_pylist()


def test_a_table_that_lacks_a_source_gets_it(
    archive: Path, registry: Registry, pool: PoolRunner, rows_of: Rows
) -> None:
    """What a crash between two tables' commits leaves behind."""
    ingest(registry, MANGA, [str(archive / MAPS)], pool)
    whole = rows_of(registry, "manga.spaxels_fits")
    registry.drop("manga.spaxels_fits")
    report = ingest(registry, MANGA, [str(archive / MAPS)], pool)
    assert report.ingested == 4
    assert rows_of(registry, "manga.spaxels_fits").equals(whole)
    assert registry.table("manga.galaxies").rows == 4


def test_no_file_is_an_error(registry: Registry, pool: PoolRunner, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file matches"):
        ingest(registry, MANGA, [str(tmp_path / "**" / "*.fits")], pool)


def test_folders_are_no_files(archive: Path, registry: Registry, pool: PoolRunner) -> None:
    with pytest.raises(InputError, match=r"is a folder.*\*\*/\*\.fits\*"):
        ingest(registry, MANGA, [str(archive)], pool)
    with pytest.raises(InputError, match="no pattern"):
        ingest(registry, MANGA, [], pool)
    report = ingest(registry, MANGA, [str(archive / "**")], pool)
    assert (report.ingested, report.failures) == (4, ())


def test_a_file_that_is_not_there_is_told(archive: Path, registry: Registry, pool: PoolRunner) -> None:
    gone = archive / "manga-8000-1901-MAPS-HYB10-MILESHC-MASTARSSP.fits.gz"
    (failure,) = ingest(registry, MANGA, [str(gone)], pool).failures
    assert (failure.key, failure.error) == ("8000-1901/HYB10-MILESHC-MASTARSSP", "FormatError")
    assert "check the path" in failure.reason


def test_relative_paths_are_kept_absolute(
    archive: Path, registry: Registry, pool: PoolRunner, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive)
    ingest(registry, MANGA, ["**/*-MAPS-*.gz"], pool)
    assert all(Path(path).is_absolute() for path in rows_of(registry, "manga.galaxies")["source_path"].to_pylist())
