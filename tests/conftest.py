"""Fixtures that tests of every part use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real survey files, or skip."""
    named = os.environ.get("SKYHOUSE_REAL_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real survey files: {folder} is no folder (SKYHOUSE_REAL_DATA may name another)")
    return folder
