"""The house keeps its own rules: no module too long, a light import, nothing of the machine it was made on."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skyhouse

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "skyhouse"
LONGEST = 550
HEAVY = ["astropy", "deltalake", "duckdb", "matplotlib", "numpy", "pandas", "polars", "pyarrow", "pyspark", "sklearn"]


@pytest.fixture(scope="module")
def committed():
    """Every committed file that is text, with its text."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository here to tell which files are committed")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = {}
    for name in filter(None, listed.split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).exists() else b""
        if b"\0" not in content:
            texts[name] = content.decode("utf-8")
    return texts


def test_no_module_is_too_long():
    lengths = {p.relative_to(PACKAGE): len(p.read_text(encoding="utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def test_importing_the_package_loads_nothing_heavy():
    script = f"import skyhouse, sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_every_public_name_is_there():
    assert [name for name in skyhouse.__all__ if getattr(skyhouse, name, None) is None] == []


def test_the_installed_version_is_the_packages():
    try:
        installed = importlib.metadata.version("skyhouse")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("skyhouse is on the path but not installed")
    assert installed == skyhouse.__version__


# Written so that this file does not match itself.
@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"(?<![\w.}\])~-])/(wor[k]|roo[t]|tm[p]|hom[e])(/|\b(?=[\"'`\s:]))", id="machine-path"),
        pytest.param(
            r"pypi\.or[g]|pythonhosted\.or[g]|--(extra-)?index-ur[l]|--find-link[s]|FIND_LINK[S]", id="registry"
        ),
    ],
)
def test_no_committed_file_names_this_machine(committed, pattern):
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in committed.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == []
