"""The linters are tests too: their verdict stands in pytest's summary, and one that fails hides no other test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--quiet"], id="ruff-check"),
        pytest.param(["ruff", "format", "--check"], id="ruff-format"),
        pytest.param(["mypy"], id="mypy"),
        pytest.param(["lint-imports", "--no-cache"], id="import-linter"),
        pytest.param(["sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "docs", "build/docs"], id="docs"),
    ],
)
def test_a_linter_finds_nothing(command):
    tool, *options = command
    beside_python = Path(sys.executable).with_name(tool)
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(
        [beside_python, *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode:
        print(ran.stdout)  # noqa: T201 - shown with the failure; the summary keeps to one line
        pytest.fail(f"{tool} found something, see above", pytrace=False)
