"""`skyhouse apply`, `refresh` and `estimate`, run as a person or a script would."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import skyhouse

SOURCE = """
import time
import skyhouse
from skyhouse import Column

@skyhouse.function(returns=[Column("top", "float32", unit="mag"), Column("n", "int32")])
def top(obj):
    "The largest magnitude."
    return {"top": obj.mags.max(), "n": obj.mags.size}

@skyhouse.function(returns=[Column("n", "int32")])
def some(obj):
    if obj.object_id % 50 == 0:
        raise ValueError("no fiftieth object")
    return obj.mags.size

@skyhouse.function(returns=[Column("n", "int32")])
def slow(obj):
    time.sleep(0.05)
    return 1
"""


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "skyhouse", *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment()
    )


def environment() -> dict[str, str]:
    return os.environ | {"SKYHOUSE_WORKERS": "2", "COLUMNS": "120"}


def rows(first: int, n: int) -> pa.Table:
    numbers = np.arange(first, first + n)
    mags = [list(map(float, range(1, 2 + number % 5))) for number in numbers]
    return pa.table({"object_id": numbers, "mags": pa.array(mags, pa.list_(pa.float32()))})


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with 200 objects in a table; functions in mine.py beside it."""
    with skyhouse.open(tmp_path / "lake") as opened:
        opened.write(rows(0, 200), "t.objects", key=["object_id"])
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path / "lake"


def test_apply_resumes_and_refresh_does_what_is_new(lake: Path) -> None:
    arguments = ("apply", f"{lake.parent}/mine.py:top", "SELECT object_id, mags FROM t.objects", "--into", "t.tops")
    done = run(*arguments, "--lake", lake)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"200 objects into t.tops, 0 failed, 0 parts of the input unchanged, [\d.]+ s\n", done.stdout)
    again = json.loads(run(*arguments, "--lake", lake, "--json").stdout)
    assert (again["status"], again["computed"], again["failures"]) == ("done", 0, 0)
    assert again["unchanged_parts"] > 0
    with skyhouse.open(lake) as opened:
        opened.write(rows(200, 100), "t.objects", mode="append")
    fresh = run("refresh", "t.tops", "--function", f"{lake.parent}/mine.py:top", "--lake", lake)
    assert fresh.stdout.startswith("100 objects into t.tops, 0 failed"), fresh.stderr
    with skyhouse.open(lake) as opened:
        found = opened.sql("SELECT count(*) AS n, max(top) AS top FROM t.tops").to_arrow().to_pylist()
    assert found == [{"n": 300, "top": 5.0}]


def test_failures_are_told_by_the_exit_code(lake: Path) -> None:
    arguments = ("apply", f"{lake.parent}/mine.py:some", "t.objects", "--into", "t.some", "--lake", lake)
    done = run(*arguments, "--max-failures", "10")
    assert done.returncode == 2
    assert done.stdout.startswith("200 objects into t.some, 4 failed (they are in t.some__failures)")
    over = run(*arguments[:4], "t.more", "--lake", lake)
    assert over.returncode == 1
    assert "error: TaskError: " in over.stderr
    assert "more than max_failures (0.01)" in over.stderr
    assert "no fiftieth object" in over.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.py:top", "t.objects", "--into", "t.x"], "there is no file nowhere.py"),
        (["mine.py:tpo", "t.objects", "--into", "t.x"], "did you mean 'top'?"),
        (["mine.py:top", "t.objects", "--into", "t.x", "--max-failures", "few"], "--max-failures is a share such as"),
        (["mine.py:top", "SELECT mags FROM t.objects", "--into", "t.x"], "has no column 'object_id'"),
    ],
)
def test_what_cannot_be_applied_is_one_message(lake: Path, arguments: list[str], told: str) -> None:
    done = subprocess.run(
        command("apply", *arguments, "--lake", lake), capture_output=True, text=True, check=False, cwd=lake.parent
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert told in done.stderr


def test_estimate_prints_a_table_or_json(lake: Path) -> None:
    (lake / "costs.toml").write_text("[machines.mine]\nnodes = 2\ncores = 64\ndollars_per_hour = 1.5\n", "utf-8")
    arguments = ("estimate", f"{lake.parent}/mine.py:top", "t.objects", "--seconds", "0.5", "--lake", lake)
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^machine +nodes x cores +wall +core-hours +bound by +dollars$", done.stdout, re.MULTILINE)
    assert re.search(r"^here +1 x 2 ", done.stdout, re.MULTILINE)
    assert re.search(r"^mine +2 x 64 .*\$", done.stdout, re.MULTILINE)
    assert "mine: 200 objects x" in done.stdout
    told = json.loads(run(*arguments, "--objects", "1000000000", "--json").stdout)
    mine = next(row for row in told if row["machine"] == "mine")
    assert mine["objects"] == 10**9
    assert mine["dollars"] == pytest.approx(3 * mine["wall_hours"])


def test_on_a_terminal_there_is_a_bar_and_ctrl_c_keeps_what_is_done(lake: Path) -> None:
    """A real pseudo-terminal: what a person sees who stops a run and starts it again."""
    ours, theirs = pty.openpty()
    arguments = ("apply", f"{lake.parent}/mine.py:slow", "t.objects", "--into", "t.slow", "--lake", lake)
    with subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment() | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        until = time.monotonic() + 60
        while b"objects/s" not in shown and b"of 200 objects" not in shown and time.monotonic() < until:
            shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other side is closed
            pass
        assert process.wait() == 130, shown.decode()
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "applying" in text
    assert "of 200 objects" in text
    assert "stopped; what was done is kept" in text
    rest = run(*arguments, "--json")
    told = json.loads(rest.stdout)
    assert told["status"] == "done"
    assert told["computed"] < 200
    assert told["unchanged_parts"] > 0
