"""Fixtures that tests of every part use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import skyhouse
from conftest import postgres_folder
from skyhouse.session import Lake
from skyhouse.surveys.manga.simulate import simulate

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real survey files, or skip."""
    named = os.environ.get("SKYHOUSE_REAL_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real survey files: {folder} is no folder (SKYHOUSE_REAL_DATA may name another)")
    return folder


GALAXIES = ["8485-12701", "8485-1901", "8485-3702", "9487-6102", "9487-12703", "7815-1902", "7815-6101", "10001-3703"]


@pytest.fixture(scope="session")
def simulated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated MAPS files of eight galaxies of all sizes, and their DRPall, in the archive's layout."""
    folder = tmp_path_factory.mktemp("sas")
    simulate(folder, plateifus=GALAXIES)
    return folder


@pytest.fixture(scope="session")
def lake(simulated_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of the simulated files; tests only read it."""
    with skyhouse.open(tmp_path_factory.mktemp("lake") / "lake", workers=2, spark_memory="2g") as opened:
        report = opened.ingest(str(simulated_files / "**/*.fits*"), survey="manga")
        assert report.ok, report.failures
        yield opened


ENGINES = ["duckdb", pytest.param("spark", marks=pytest.mark.spark)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each SQL engine in turn."""
    return str(request.param)


@dataclass
class PostgresServer:
    """A PostgreSQL of our own on the loopback; it logs every statement."""

    folder: Path
    port: int

    def url(self, database: str = "postgres", user: str = "skyhouse") -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def database(self, name: str) -> str:
        """Make a database and return its URL."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def log(self) -> str:
        """Return the log so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def control(self, *arguments: Any) -> None:
        """Run pg_ctl on the server's data."""
        programs = postgres_folder()
        assert programs
        self.run(programs / "pg_ctl", "-D", self.folder / "data", "-w", *arguments)

    def run(self, *command: Any) -> None:
        """Run one of the server's programs, not as root: PostgreSQL does not."""
        user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": self.folder}
        subprocess.run(command, check=True, **quiet, **user)

    def start(self) -> None:
        """Start it."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c log_statement=all"
        self.control("-o", options, "-l", self.folder / "log", "start")

    def stop(self) -> None:
        """Stop it at once."""
        self.control("-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server on a free port."""
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = PostgresServer(folder, free.getsockname()[1])
    programs = postgres_folder()
    assert programs
    server.run(
        programs / "initdb", "-D", folder / "data", "-U", "skyhouse", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
