"""Functions by their names, as the command line takes them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from skyhouse.errors import InputError
from skyhouse.objects.named import named_function

SOURCE = """
from __future__ import annotations

from dataclasses import dataclass

import skyhouse
from skyhouse import Column

@dataclass
class Scale:
    by: float

SCALE = Scale(2.0)

def scaled(values):
    return values.max() * SCALE.by

@skyhouse.function(returns=[Column("top", "float64")])
def top(obj):
    return scaled(obj.mag)

def above(limit, per="object"):
    @skyhouse.function(returns=[Column("n", "int32")], per=per)
    def count(obj):
        return int((obj.mag > limit).sum())
    return count

plain = scaled
"""
ROWS = pa.table({"mag": [[1.0, 3.0], [2.0]]})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path / "mine.py"


def test_a_function_of_a_file(file: Path):
    found = named_function(f"{file}:top")
    assert found.name == "top"
    assert found.applied(ROWS).columns.to_pydict() == {"top": [6.0, 4.0]}


def test_a_function_of_a_file_works_where_the_file_is_not(file: Path, tmp_path: Path):
    code = named_function(f"{file}:top").pickled()
    file.unlink()
    program = (
        "import sys, pickle, pyarrow as pa; f = pickle.load(sys.stdin.buffer);"
        "print(f.applied(pa.table({'mag': [[1.0, 3.0]]})).columns.to_pydict())"
    )
    ran = subprocess.run([sys.executable, "-c", program], input=code, capture_output=True, check=True, cwd=tmp_path)
    assert ran.stdout.decode().strip() == "{'top': [6.0]}"


def test_the_same_file_gives_the_same_digest_in_every_process(file: Path):
    program = "import sys; from skyhouse.objects.named import named_function as f; print(f(sys.argv[1]).digest)"
    ran = subprocess.run(
        [sys.executable, "-c", program, f"{file}:top"], capture_output=True, check=True, text=True, cwd=file.parent
    )
    before = named_function(f"{file}:top").digest
    assert ran.stdout.strip() == before == named_function(f"{file}:top").digest
    file.write_text(SOURCE.replace("Scale(2.0)", "Scale(3.0)"), encoding="utf-8")
    assert named_function(f"{file}:top").digest != before


def test_a_call_that_returns_a_function(file: Path):
    assert named_function(f"{file}:above(1.5)").applied(ROWS).columns.to_pydict() == {"n": [1, 1]}
    assert named_function(f"{file}:above(limit=0)").applied(ROWS).columns.to_pydict() == {"n": [2, 1]}


def test_a_module_of_the_working_folder(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(file.parent)
    found = named_function("mine:top")
    del sys.modules["mine"]
    assert pickle.loads(found.pickled()).applied(ROWS).columns.to_pydict() == {"top": [6.0, 4.0]}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("top", "a function is named MODULE:FUNCTION or FILE.py:FUNCTION, not 'top'"),
        (":top", "a function is named MODULE:FUNCTION"),
        ("skyhouse.nothing:top", "there is no module 'skyhouse.nothing'"),
        ("nothing.py:top", "there is no file nothing.py"),
        ("{file}:tpo", "has no 'tpo'; did you mean 'top'?"),
        ("{file}:zzz", "has no 'zzz'; it declares top"),
        ("{file}:plain", "is function, not a declared function: declare it by @skyhouse.function"),
        ("{file}:above()", "the call raised TypeError: above() missing 1 required positional argument: 'limit'"),
        ("{file}:above(open)", "is neither a name nor a call with plain values"),
        ("{file}:above(**{{}})", "is neither a name nor a call with plain values"),
        ("{file}:top.call", "is neither a name nor a call with plain values"),
        ("{file}:a b", "is neither a name nor a call with plain values"),
    ],
)
def test_what_names_no_function_is_refused(file: Path, name: str, told: str):
    with pytest.raises(InputError) as caught:
        named_function(name.format(file=file))
    assert told in str(caught.value)


def test_a_file_that_cannot_be_run(file: Path):
    file.write_text("import nothing_at_all\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine.py cannot be run: ModuleNotFoundError: No module named"):
        named_function(f"{file}:top")


def test_a_module_that_cannot_be_imported(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(file.parent)
    (file.parent / "broken_one.py").write_text("import nothing_at_all\n", encoding="utf-8")
    with pytest.raises(InputError, match="module broken_one cannot be imported: No module named 'nothing_at_all'"):
        named_function("broken_one:top")
    (file.parent / "broken_two.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(InputError, match="module broken_two cannot be imported: ZeroDivisionError"):
        named_function("broken_two:top")
