"""Settings come from defaults, the lake's file, the environment and the call; what cannot be used is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from skyhouse.errors import NotALake, SettingsError
from skyhouse.lake.registry import Registry
from skyhouse.settings import Settings


def test_the_call_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    toml = tmp_path / "skyhouse.toml"
    toml.write_text('[settings]\nworkers = 2\nthreads = 2\nmemory_limit = "1GB"\nspark_conf = {"spark.x" = "1"}\n')
    environment = {"SKYHOUSE_WORKERS": "3", "SKYHOUSE_THREADS": "3"}
    found = Settings.load(toml, environment, workers=4, spill_folder=tmp_path)
    assert (found.workers, found.threads, found.memory_limit) == (4, 3, "1GB")
    assert (found.spill_folder, found.spark_conf, found.engine) == (str(tmp_path), {"spark.x": "1"}, "auto")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings = 3", r"a line \[settings\]"),
        ("settings = [", "cannot be read"),
        ("[settings]\nworker = 3", "did you mean 'workers'"),
        ("[settings]\nworkers = 0", "from 1, not 0"),
        ("[settings]\nthreads = 'two'", "from 1, not 'two'"),
        ("[settings]\nengine = 'duck'", "'auto', 'duckdb' or 'spark', not 'duck'"),
        ("[settings]\nmemory_limit = 4", "memory_limit is a text in quotes, not 4"),
        ("[settings]\nspark_conf = 3", "spark_conf is a table"),
        ("[settings]\nspark_conf = {x = 1}", "each a text in quotes"),
    ],
)
def test_what_cannot_be_set_is_said(tmp_path: Path, text: str, message: str) -> None:
    toml = tmp_path / "skyhouse.toml"
    toml.write_text(text)
    with pytest.raises(SettingsError, match=message):
        Settings.load(toml, {})


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    toml = tmp_path / "skyhouse.toml"
    toml.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(toml, {})
    with pytest.raises(NotALake, match="cannot be read"):
        Registry.open(tmp_path)
