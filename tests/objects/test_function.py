"""Declared functions: what they say of themselves, what is refused, and the hash by which a rerun knows them."""

from __future__ import annotations

import operator
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import skyhouse
from skyhouse import Column
from skyhouse.errors import InputError
from skyhouse.objects.function import Function

N = [Column("n", "int32")]


def declared(call, **rest) -> Function:
    return skyhouse.function(**{"returns": N} | rest)(call)


def test_it_is_still_the_function():
    @skyhouse.function(returns=N)
    def points(obj):
        """Count."""
        return len(obj)

    assert points([1, 2]) == 2
    assert (points.name, points.__doc__, points.per, points.returns) == ("points", "Count.", "object", tuple(N))
    with pytest.raises(AttributeError):
        points.name = "other"


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"returns": []}, "returns is a list of columns"),
        ({"returns": ["n"]}, "returns is a list of columns"),
        ({"returns": [Column("n", "int"), Column("m", "int8")]}, "no column type 'int'"),
        ({"returns": [Column("n", "int8"), Column("N", "int8")]}, "two columns of returns are named 'n'"),
        ({"per": "objects"}, "per is 'object', 'batch', 'compiled', not 'objects'; did you mean 'object'?"),
        ({"per": "compiled"}, "a compiled function names its inputs"),
        ({"per": "compiled", "inputs": ["z"], "returns": [Column("s", "string")]}, "'s' is string"),
        ({"setup": 3}, "setup, are functions"),
    ],
)
def test_what_cannot_be_is_refused(rest, message):
    with pytest.raises(InputError, match=message):
        declared(len, **rest)


def test_the_hash_changes_with_what_counts():
    scale = 2.0

    helper = operator.neg

    def first(obj):
        return helper(obj.n) * scale

    before = declared(first)
    assert declared(first).digest == before.digest
    others = [
        one.digest
        for one in [
            declared(first, returns=[Column("n", "int64")]),
            declared(first, returns=[Column("n", "int32", unit="mag")]),
            declared(first, inputs=["n"]),
            declared(first, per="batch"),
            declared(first, setup=dict),
            declared(first, broadcast={"a": 1}),
            declared(first, broadcast={"a": 2}),
            declared(first, broadcast=np.arange(3)),
            declared(first, broadcast=np.arange(3.0)),
            declared(lambda obj: obj.n),
        ]
    ]
    scale = 3.0
    others.append(declared(first).digest)
    helper = operator.pos
    others.append(declared(first).digest)
    others += [declared(first, version=text).digest for text in ("1", "2")]
    assert len({before.digest, *others}) == len(others) + 1


MODULE = """
import numpy as np
from skyhouse import Column, function
SCALE = {scale}

def helper(x):
    {comment}
    return np.sum(x) * SCALE

@function(returns=[Column("n", "float64")], broadcast={{"b", "a", "c"}})
def total(obj, names):
    def inner():
        return helper(obj.mag)
    return inner()

if __name__ == "__main__":
    print(total.digest)
"""


def test_the_hash_is_the_same_in_every_process_and_comments_do_not_count(tmp_path: Path):
    def digest(seed: str, **given) -> str:
        script = tmp_path / "script.py"
        script.write_text(MODULE.format(**{"scale": 1, "comment": ""} | given))
        ran = subprocess.run(
            [sys.executable, script],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(p for p in sys.path if p)},
        )
        return ran.stdout

    first = digest("1")
    assert digest("2") == first
    assert digest("3", comment="# the sum") == first
    assert digest("3", scale=2) != first


def test_it_goes_to_another_process_by_value(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        MODULE.format(scale=2, comment="") + f"    open({str(tmp_path / 'spool')!r}, 'wb').write(total.pickled())\n"
    )
    environment = {"PYTHONPATH": ":".join(p for p in sys.path if p)}
    subprocess.run([sys.executable, script], check=True, env=environment, capture_output=True)
    total = pickle.loads((tmp_path / "spool").read_bytes())
    assert total.applied(pa.table({"mag": [[1.0, 2.0]]})).columns.to_pydict() == {"n": [6.0]}


def test_what_was_compiled_is_not_shipped():
    found = declared(lambda mag: mag.size, per="compiled", inputs=["mag"])
    rows = pa.table({"mag": [[1.0, 2.0], []]})
    assert found.applied(rows).columns.to_pydict() == {"n": [2, 0]}
    again = pickle.loads(found.pickled())
    assert again.applied(rows).columns.to_pydict() == {"n": [2, 0]}
    assert again.digest == found.digest
