"""What tests, doctests and the pages' code blocks share: what this machine can run, and how hard to look.

The code blocks of README.md, CONTRIBUTING.md and docs/ are tests (class Page below).
"""

from __future__ import annotations

import contextlib
import doctest
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CLI = [sys.executable, "-c", "import sys; from skyhouse.cli import main; sys.argv[0] = 'skyhouse'; main()"]
BLOCK = re.compile(
    r"^(?:<!-- (?P<how>skip|mark): (?P<what>[^\n]+?) -->\n)?```(?P<language>python|console)\n(?P<source>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

# A developer's own settings must not change what the tests see.
for _name in [n for n in os.environ if n.startswith("SKYHOUSE_") and n != "SKYHOUSE_REAL_DATA"]:
    del os.environ[_name]
# What queries teach stays out of the developer's home.
_STATE = tempfile.TemporaryDirectory(prefix="skyhouse-state-")
os.environ["XDG_STATE_HOME"] = _STATE.name
# A machine whose host name does not resolve can still run Spark.
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
# Nor must a warm Spark server of his.
_RUNTIME = tempfile.TemporaryDirectory(prefix="skyhouse-tests-")
os.environ["XDG_RUNTIME_DIR"] = _RUNTIME.name
# A compiled kernel is cached with its own module's time only, and kernels call those of other modules.
_SOURCES = hashlib.blake2b(digest_size=8)
for _path in sorted((Path(__file__).parent / "src").rglob("*.py")):
    _SOURCES.update(_path.read_bytes())
os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parent / ".numba_cache" / _SOURCES.hexdigest())
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
            item.add_marker(pytest.mark.skip(reason="no PostgreSQL server here (scripts/system.sh installs one)"))


def _soaking(config: pytest.Config) -> bool:
    expression = str(config.getoption("markexpr"))
    return "soak" in expression and "not soak" not in expression


@cache
def spark_missing() -> str:
    """Return why Spark cannot run here, or an empty string."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed"
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return "no Java here (scripts/system.sh installs one)"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < 17:
        return f"Spark 4 needs Java 17 or newer; {java} is {version[1] if version else 'of no known version'}"
    return ""


@cache
def postgres_folder() -> Path | None:
    """Return the folder of PostgreSQL's server programs (initdb, postgres), the newest where there are more."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve())
    return found[-1].parent if found else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the pages of documentation as tests."""
    root = parent.config.rootpath
    is_page = file_path.suffix == ".md" and (file_path.parent == root or root / "docs" in file_path.parents)
    return Page.from_parent(parent, path=file_path) if is_page else None


class Page(pytest.File):
    """A page in Markdown; its blocks share their names and a fresh folder, and run in order.

    A ```python block runs as it stands, or as a doctest where it has ``>>>`` lines. Of a ```console block each
    ``$ skyhouse ...`` line is run, and what it prints must be what is shown below it: ``...`` stands for anything,
    and any white space for one space; where nothing is shown, it must succeed. A comment on the line before a block
    skips it, ``<!-- skip: why -->``, or gives it a mark, ``<!-- mark: spark -->``.
    """

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the page's blocks."""
        text = self.path.read_text(encoding="utf-8")
        self.names: dict[str, Any] = {"__name__": self.path.stem}
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start("source")) + 1
            kind = PythonBlock if found["language"] == "python" else ConsoleBlock
            block = kind.from_parent(self, name=f"line {line}", source=found["source"], line=line)
            if found["how"]:
                block.add_marker(pytest.mark.skip(reason=found["what"]) if found["how"] == "skip" else found["what"])
            yield block

    def setup(self) -> None:
        """Enter a folder of the page's own."""
        self.open = contextlib.ExitStack()
        folder = self.open.enter_context(tempfile.TemporaryDirectory())
        self.open.enter_context(contextlib.chdir(folder))

    def teardown(self) -> None:
        """Leave and remove the folder, and let go of what the page has opened."""
        self.open.close()
        self.names.clear()


class Block(pytest.Item):
    """A code block of a page."""

    parent: Page

    def __init__(self, *, source: str, line: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.source = source
        self.line = line

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the block stands."""
        return self.path, self.line - 1, f"{self.path.name}, {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        """Tell a difference as it is, anything else with its traceback."""
        if isinstance(excinfo.value, Difference):
            return str(excinfo.value)
        excinfo.traceback = excinfo.traceback.cut(path=self.path)
        return super().repr_failure(excinfo, "short")


class PythonBlock(Block):
    """Python, or a doctest."""

    def runtest(self) -> None:
        """Run it with the page's names."""
        if ">>> " not in self.source:
            # Lines are counted from the page's top, so that a traceback shows the page.
            exec(compile("\n" * (self.line - 1) + self.source, str(self.path), "exec"), self.parent.names)
            return
        test = doctest.DocTestParser().get_doctest(
            self.source, self.parent.names, self.name, str(self.path), self.line - 1
        )
        report: list[str] = []
        if doctest.DocTestRunner(optionflags=LOOSELY).run(test, out=report.append, clear_globs=False).failed:
            raise Difference("".join(report))
        self.parent.names |= test.globs


class ConsoleBlock(Block):
    """Commands, and what they print."""

    def runtest(self) -> None:
        """Run the `skyhouse` commands."""
        for command, shown in sessions(self.source):
            program, *arguments = shlex.split(command, comments=True)
            if program != "skyhouse":
                continue
            ran = subprocess.run(
                [*CLI, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"COLUMNS": "120", "NO_COLOR": "1"},
                text=True,
                check=False,
            )
            same = doctest.OutputChecker().check_output(shown, ran.stdout, LOOSELY)
            if not (same if shown.strip() else ran.returncode == 0):
                status = f"printed (exit status {ran.returncode})"
                raise Difference(f"$ {command}\nshown:\n{shown}\n{status}:\n{ran.stdout}")


class Difference(AssertionError):
    """A block does not give what its page shows."""


def sessions(block: str) -> list[tuple[str, str]]:
    r"""Split a console block into its commands and what is shown below each.

    >>> sessions("$ a --b \\\n    c\n1\n2\n$ d\n")
    [('a --b     c', '1\n2\n'), ('d', '')]
    """
    parts = re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]
