"""What all tests share: where the real files are, what this machine can run, and how hard to look."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

# A developer's own settings must not change what the tests see.
for _name in [n for n in os.environ if n.startswith("SKYHOUSE_") and n != "SKYHOUSE_REAL_DATA"]:
    del os.environ[_name]
# A machine whose host name does not resolve can still run Spark.
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
# Pictures are drawn to files, whatever display there is.
os.environ["MPLBACKEND"] = "agg"

# No deadline: time never decides a test. In CI the examples are the same every run.
hypothesis.settings.register_profile("default", deadline=None, max_examples=40)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=40, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples Hypothesis tries."""
    ordinary = "ci" if os.environ.get("CI") else "default"
    hypothesis.settings.load_profile("soak" if _soaking(config) else ordinary)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to `make soak`; skip, with the reason, what this machine cannot run."""
    if not _soaking(config):
        soak = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        if soak:
            config.hook.pytest_deselected(items=soak)
    for item in items:
        if item.get_closest_marker("spark") and (why := spark_missing()):
            item.add_marker(pytest.mark.skip(reason=why))
        if item.get_closest_marker("postgres") and not postgres_folder():
            item.add_marker(
                pytest.mark.skip(reason="no PostgreSQL server on this machine (scripts/system.sh installs one)")
            )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real survey files, or skip."""
    named = os.environ.get("SKYHOUSE_REAL_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real survey files: {folder} is no folder (SKYHOUSE_REAL_DATA may name another)")
    return folder


@cache
def spark_missing() -> str:
    """Return why Spark cannot run here, or an empty string."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed"
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return "no Java on this machine (scripts/system.sh installs one)"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < 17:
        return f"Spark 4 needs Java 17 or newer; {java} is {version[1] if version else 'of no known version'}"
    return ""


@cache
def postgres_folder() -> Path | None:
    """Return the folder of PostgreSQL's server programs (initdb, postgres), the newest where there are more."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if on_path:
        found.append(Path(on_path).resolve())
    return found[-1].parent if found else None


def _soaking(config: pytest.Config) -> bool:
    return "soak" in str(config.getoption("markexpr"))
