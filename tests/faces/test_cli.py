"""The command line, run as a person or a script would: in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal."""
    command = [sys.executable, "-m", "skyhouse", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, stdin=subprocess.DEVNULL)


def ask(lake: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a lake."""
    return run(*arguments, "--lake", lake)


@pytest.fixture(scope="module")
def lake_path(simulated_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one galaxy, made by the command line."""
    path = tmp_path_factory.mktemp("cli") / "lake"
    done = ask(path, "ingest", str(simulated_files / "**/*8485-1901-MAPS*"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 file ingested (1,156 rows)")
    return path


def test_ingest_speaks_json_and_says_what_failed(lake_path: Path, tmp_path: Path) -> None:
    bad = tmp_path / "manga-9999-1901-MAPS-HYB10-MILESHC-MASTARSSP.fits.gz"
    bad.write_text("<!doctype html><title>Not here</title>")
    done = ask(lake_path, "ingest", str(bad), "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert (told["ingested"], len(told["failures"])) == (0, 1)
    assert "Not here" in told["failures"][0]["reason"]
    again = ask(lake_path, "ingest", str(bad))
    assert again.returncode == 2
    assert str(bad) in again.stderr


def test_tables_and_schema(lake_path: Path) -> None:
    told = {row["table"]: row for row in json.loads(ask(lake_path, "tables", "--json").stdout)}
    assert told["manga.spaxels"]["rows"] == 1156
    lines = ask(lake_path, "tables").stdout.splitlines()
    assert any(line.startswith("manga.galaxies\t1\t") for line in lines)
    columns = json.loads(ask(lake_path, "schema", "manga.spaxels", "--like", "STELLAR_VEL", "--json").stdout)
    assert [column["column"] for column in columns] == ["stellar_vel", "stellar_vel_ivar", "stellar_vel_mask"]
    assert columns[0]["unit"] == "km/s"


def test_sql_as_lines_json_and_file(lake_path: Path, tmp_path: Path) -> None:
    text = "SELECT plateifu, y, x FROM manga.spaxels WHERE y = 3 AND x < 2 ORDER BY x"
    assert ask(lake_path, "sql", text).stdout == "plateifu\ty\tx\n8485-1901\t3\t0\n8485-1901\t3\t1\n"
    assert json.loads(ask(lake_path, "sql", text, "--json").stdout)[1] == {"plateifu": "8485-1901", "y": 3, "x": 1}
    done = ask(lake_path, "sql", text, "--out", str(tmp_path / "x.csv"))
    assert done.stdout.startswith("2 rows in ")
    assert (tmp_path / "x.csv").read_text().splitlines()[1].endswith("3,0")


def test_all_rows_as_json(lake_path: Path) -> None:
    rows = json.loads(ask(lake_path, "sql", "SELECT x, y FROM manga.spaxels ORDER BY y, x", "--json").stdout)
    assert rows == [{"x": n % 34, "y": n // 34} for n in range(1156)]
    assert ask(lake_path, "sql", "SELECT x FROM manga.spaxels WHERE x < 0", "--json").stdout == "[]\n"


def test_a_program_reads_all_digits(lake_path: Path) -> None:
    asked = "SELECT 58849.123456 AS d, cast(0.1 AS real) AS f, cast(1.17549435e-38 AS real) AS s, NULL AS n, 'a' AS t"
    assert ask(lake_path, "sql", asked).stdout.splitlines()[1] == "58849.123456\t0.1\t1.1754944e-38\t\ta"


def test_history_shows_the_last_runs(lake_path: Path) -> None:
    ask(lake_path, "sql", "SELECT 7 AS\n seven")
    ask(lake_path, "sql", "SELECT cast(plateifu AS int) AS no FROM manga.galaxies")
    first, second = (line.split("\t") for line in ask(lake_path, "history", "-n", "2").stdout.splitlines())
    assert first[2:] == ["1", "duckdb", "SELECT 7 AS seven LIMIT 100", ""]
    assert second[2:4] == ["0", "duckdb"]
    assert second[5].startswith("EngineError: ")
    assert len(json.loads(ask(lake_path, "history", "-n", "1", "--json").stdout)) == 1


def test_json_has_no_nan(lake_path: Path) -> None:
    done = ask(lake_path, "sql", "SELECT CAST('nan' AS double) AS a, -CAST('inf' AS real) AS b, 0.5 AS c", "--json")
    assert json.loads(done.stdout, parse_constant=pytest.fail) == [{"a": None, "b": None, "c": 0.5}]


def test_a_reader_may_leave(lake_path: Path) -> None:
    """As ``| head -1`` does."""
    command = [sys.executable, "-m", "skyhouse", "sql", "SELECT * FROM manga.spaxels", "--limit", "1000"]
    with subprocess.Popen([*command, "--lake", lake_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"spaxel_id\t")
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.spark
def test_sql_on_spark(lake_path: Path) -> None:
    done = ask(lake_path, "sql", "SELECT count(*) AS n FROM manga.spaxels", "--engine", "spark")
    assert done.stdout == "n\n1156\n"


def test_errors_are_one_message(lake_path: Path, tmp_path: Path) -> None:
    wrong = ask(lake_path, "sql", "SELECT medain(y) FROM manga.spaxels")
    assert wrong.returncode == 1
    assert "did you mean 'median'" in wrong.stderr
    assert "^" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    nowhere = ask(tmp_path / "nowhere", "tables")
    assert nowhere.returncode == 1
    assert "not a lake" in nowhere.stderr
    assert not (tmp_path / "nowhere").exists()


def test_plot(lake_path: Path, tmp_path: Path) -> None:
    for options in (["--column", "stellar_vel"], ["--bpt"]):
        path = tmp_path / f"{len(options)}.png"
        done = ask(lake_path, "plot", "8485-1901", *options, "--out", str(path))
        assert (done.returncode, done.stdout.strip()) == (0, str(path)), done.stderr
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--column", "plateifu"], "a map is drawn of numbers"),
        (["--column", "stellar_vle"], "no column 'stellar_vle'"),
        (["--out", "map.xyz"], "cannot be written to map.xyz"),
        (["--out", "no/such/folder/map.png"], "cannot be written to no/such"),
    ],
)
def test_a_plot_that_cannot_be_drawn(lake_path: Path, options: list[str], told: str) -> None:
    done = ask(lake_path, "plot", "8485-1901", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_simulate(tmp_path: Path) -> None:
    done = run("simulate", tmp_path / "sas", "--galaxies", "2", "--json")
    paths = [Path(path) for path in json.loads(done.stdout)["files"]]
    assert len(paths) == 2
    assert all(path.is_file() for path in paths)


def test_on_a_terminal_there_are_tables_and_a_bar(simulated_files: Path, tmp_path: Path) -> None:
    """A real pseudo-terminal: what a person sees."""
    shown = on_terminal("ingest", str(simulated_files / "**/*7815-1902-MAPS*"), "--lake", str(tmp_path / "lake"))
    assert "ingesting" in shown
    assert "1/1" in shown
    assert "rows/s" in shown
    shown = on_terminal("sql", "SELECT plateifu FROM manga.galaxies", "--lake", str(tmp_path / "lake"))
    assert "7815-1902" in shown
    assert "1 row, duckdb" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "┃" in shown
    shown = on_terminal("sql", "SELECT '[red]' AS t, * FROM manga.spaxels LIMIT 2", "--lake", str(tmp_path / "lake"))
    assert "[red]" in shown
    assert "7815-1902" in shown
    assert re.search(r"1,6\d\d more columns: ", shown)


def on_terminal(*arguments: str) -> str:
    """Run a command on a pseudo-terminal, 120 columns wide, and return what it shows."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "120", "LINES": "40", "TERM": "xterm"}
    command = [sys.executable, "-m", "skyhouse", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
        assert process.wait() == 0, shown.decode()
    os.close(ours)
    return shown.decode()


def test_demo(tmp_path: Path) -> None:
    done = run("demo", "--galaxies", "3", "--no-spark", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 files ingested" in done.stdout
    for question in ("Q1", "Q2", "Q3"):
        assert question in done.stdout
    assert len(list((tmp_path / "demo").glob("*.png"))) == 2
    assert not done.stderr
    lines = [line.strip() for line in done.stdout.splitlines() if ".venv/bin/skyhouse" in line]
    assert len(lines) == 4
    for line in lines:
        typed = run(*shlex.split(line)[1:], folder=tmp_path)
        assert typed.returncode == 0, typed.stderr


def test_statements_that_write(lake_path: Path) -> None:
    made = ask(lake_path, "sql", "CREATE TABLE my.x AS SELECT spaxel_id, x FROM manga.spaxels LIMIT 10", "--json")
    assert json.loads(made.stdout) == [{"table": "my.x", "rows": 10, "version": 1}]
    told = ask(lake_path, "sql", "INSERT INTO my.x SELECT spaxel_id + 1000000, x FROM my.x")
    assert told.stdout == "table\trows\tversion\nmy.x\t10\t2\n"
    refused = ask(lake_path, "drop", "manga.spaxels")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "made by ingest" in refused.stderr
    assert ask(lake_path, "sql", "CREATE OR REPLACE TABLE my.x AS SELECT 1 AS a").returncode == 0
    assert ask(lake_path, "vacuum").stdout == "0 files and folders deleted\n"
    assert len(json.loads(ask(lake_path, "vacuum", "--older-than-hours", "0", "--json").stdout)) >= 2
    assert ask(lake_path, "drop", "my.x").stdout == "my.x is gone\n"
    assert ask(lake_path, "drop", "my.x").returncode == 1


def test_simulate_ztf(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    done = run("simulate", "ztf", "--objects", "20", "--lake", lake, "--json")
    assert json.loads(done.stdout)["rows"] == 20
    again = run("simulate", "ztf", "--objects", "20", "--lake", lake)
    assert again.returncode == 1
    assert "already there" in again.stderr
    done = run("simulate", "ztf", "--objects", "30", "--lake", lake, "--replace")
    assert done.stdout.startswith("30 objects in ztf.objects, ")
    done = run("simulate", "ztf", "--objects", "30", "--files", tmp_path / "irsa")
    assert done.stdout == f"1 files under {tmp_path / 'irsa'}\n"
    assert len(list((tmp_path / "irsa").rglob("*.parquet"))) == 1


def test_ingest_with_options(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("star,t,m,dm,fid\n7,58000.5,15.5,0.1,1\n")
    names = [text for name in ("object_id=star", "mjd=t", "mag=m", "magerr=dm") for text in ("-O", name)]
    done = ask(tmp_path / "lake", "ingest", str(tmp_path / "a.csv"), "--survey", "ztf", *names)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 file ingested (1 rows)")
    done = ask(tmp_path / "lake", "ingest", str(tmp_path / "a.csv"), "-O", "mag=m")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no option 'mag'" in done.stderr
