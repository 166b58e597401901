"""Kill an ingest at any moment, or run two at once: the tables are those of one undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from skyhouse.engine.pool import PoolRunner
from skyhouse.ingest import ingest
from skyhouse.lake.registry import Registry
from skyhouse.lake.replace import vacuum
from skyhouse.surveys.manga import MANGA

Same = Callable[[Registry, Registry], None]
Rows = Callable[[Registry, str], pa.Table]
INGEST = """
import sys
import skyhouse
if __name__ == "__main__":
    with skyhouse.open(sys.argv[1], workers=2) as lake:
        report = lake.ingest(sys.argv[2], survey="manga")
    print(report.ingested, report.unchanged, [f.reason for f in report.failures])
    sys.exit(0 if report.ok else 2)
"""


def start(lake: Path, archive: Path) -> subprocess.Popen[str]:
    """Start an ingest in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", INGEST, str(lake), str(archive / "**/*-MAPS-*.gz")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def undisturbed(small_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, float]:
    """A lake made in one go, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("undisturbed") / "lake"
    began = time.perf_counter()
    process = start(folder, small_archive)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return Registry.open(folder), time.perf_counter() - began


@pytest.fixture(scope="module")
def same_tables(rows_of: Rows) -> Callable[[Registry, Registry], None]:
    """A function that asserts that two lakes hold the same rows, bit for bit."""

    def check(one: Registry, other: Registry) -> None:
        names = [name for name in one.names() if name != "manga.failures"]
        assert names == [name for name in other.names() if name != "manga.failures"]
        for name in names:
            assert rows_of(one, name).equals(rows_of(other, name)), name

    return check


@pytest.mark.parametrize("run", range(20))
def test_kill_and_resume(
    run: int, small_archive: Path, undisturbed: tuple[Registry, float], tmp_path: Path, same_tables: Same
) -> None:
    whole, seconds = undisturbed
    rng = random.Random(run)
    process = start(tmp_path / "lake", small_archive)
    time.sleep(rng.uniform(0.15, 1.0) * seconds)
    # The whole group dies at once, as in a power cut, or only the process that commits.
    if rng.random() < 0.5:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
    again = start(tmp_path / "lake", small_archive)
    said, _ = again.communicate()
    assert again.returncode == 0, said
    same_tables(Registry.open(tmp_path / "lake"), whole)


def test_two_at_once(
    small_archive: Path, undisturbed: tuple[Registry, float], tmp_path: Path, same_tables: Same
) -> None:
    whole, _ = undisturbed
    both = [start(tmp_path / "lake", small_archive) for _ in range(2)]
    for process in both:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    same_tables(Registry.open(tmp_path / "lake"), whole)


def test_two_at_once_with_other_files(
    small_archive: Path, undisturbed: tuple[Registry, float], tmp_path: Path, same_tables: Same
) -> None:
    whole, _ = undisturbed
    plates = sorted({path.parents[1].name for path in small_archive.rglob("*-MAPS-*")})
    pattern = "**/{}/**/*-MAPS-*.gz"
    half = len(plates) // 2
    both = []
    for part in (plates[: half + 1], plates[half - 1 :]):
        code = INGEST.replace("lake.ingest(sys.argv[2]", "lake.ingest(sys.argv[2:]")
        patterns = [str(small_archive / pattern.format(plate)) for plate in part]
        command = [sys.executable, "-c", code, str(tmp_path / "lake"), *patterns]
        both.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    for process in both:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    same_tables(Registry.open(tmp_path / "lake"), whole)


def test_a_killed_worker_costs_nothing(
    small_archive: Path, undisturbed: tuple[Registry, float], tmp_path: Path, same_tables: Same
) -> None:
    whole, _ = undisturbed
    process = start(tmp_path / "lake", small_archive)
    children: list[str] = []
    while not children and process.poll() is None:
        time.sleep(0.01)
        found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
        children = found.stdout.split()
    assert children, "the ingest ended without a worker"
    os.kill(int(children[0]), signal.SIGKILL)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    same_tables(Registry.open(tmp_path / "lake"), whole)


def test_vacuum_takes_what_a_crash_left(small_archive: Path, pool: PoolRunner, tmp_path: Path, rows_of: Rows) -> None:
    registry = Registry.make(tmp_path / "lake")
    ingest(registry, MANGA, [str(small_archive / "**/*-1901-MAPS-*.gz")], pool)
    table = registry.table("manga.spaxels")
    orphan = table.path / "part-00000000-0000-0000-0000-000000000000.parquet"
    orphan.write_bytes(b"half")
    os.utime(orphan, (0, 0))
    young = orphan.with_name("part-00000000-0000-0000-0000-000000000001.parquet")
    young.write_bytes(b"half")
    assert vacuum(table) == [orphan.name]
    orphan.write_bytes(b"half")
    os.utime(orphan, (0, 0))
    ingest(registry, MANGA, [str(small_archive / "**/*-1902-MAPS-*.gz")], pool)
    assert (orphan.exists(), young.exists()) == (False, True)
    table.refresh()
    assert rows_of(registry, "manga.spaxels").num_rows == table.rows
