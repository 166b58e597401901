"""The functions' own examples, as the page of the language shows them, on every engine."""

from __future__ import annotations

import ast
import datetime as dt
import importlib.util
import math
import re
from pathlib import Path

import pytest

from skyhouse.query.functions import FUNCTIONS, HINTS
from skyhouse.query.functions.function import RULES
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse

ROOT = Path(__file__).parents[2]
GROUPS = ("aggregate", "window")


@pytest.fixture(scope="module")
def few():
    spec = importlib.util.spec_from_file_location("sql_reference", ROOT / "scripts" / "sql_reference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.FEW


@pytest.fixture
def ask(engine, both_engines, probe_tables):
    def asked(sql):
        return both_engines[engine].batches(lower(parse(sql), probe_tables, engine)).read_all()

    return asked


def examples(*groups):
    every = [(f, asked, due) for f in FUNCTIONS.values() for asked, due in f.examples]
    return [(asked, due) for f, asked, due in every if ((f.group in GROUPS and f.group) or "") in groups]


def listed(pairs):
    return ", ".join(f"{asked} AS v{number}" for number, (asked, _) in enumerate(pairs))


def value(text):
    """Read a value that is written as in SQL."""
    if found := re.fullmatch(r"(DATE|TIMESTAMP) '(.*)'", text):
        return (dt.date if found[1] == "DATE" else dt.datetime).fromisoformat(found[2])
    for sql, python in (("NULL", "None"), ("TRUE", "True"), ("FALSE", "False")):
        text = re.sub(rf"\b{sql}\b", python, text)
    return ast.literal_eval(text)


def same(found, due):
    if isinstance(due, list):
        return len(found) == len(due) and all(map(same, found, due))
    if isinstance(due, float):
        return isinstance(found, float) and math.isclose(found, due, rel_tol=1e-12)
    return type(found) is type(due) and found == due


def assert_met(pairs, found):
    assert pairs
    assert [(asked, due, v) for (asked, due), v in zip(pairs, found, strict=True) if not same(v, value(due))] == []


def test_values_are_as_in_the_examples(ask):
    pairs = examples("")
    (row,) = ask(f"SELECT {listed(pairs)}").to_pylist()
    assert_met(pairs, row.values())


def test_aggregates_are_as_in_the_examples(ask, few):
    pairs = examples("aggregate")
    (row,) = ask(f"SELECT {listed(pairs)} FROM ({few}) few").to_pylist()
    assert_met(pairs, row.values())


def test_windows_are_as_in_the_examples(ask, few):
    pairs = examples("window")
    table = ask(f"SELECT {listed(pairs)} FROM ({few}) few ORDER BY id")
    assert_met(pairs, [column.to_pylist() for column in table.columns])


def test_another_name_has_the_arguments_of_the_first():
    for function in FUNCTIONS.values():
        if function.same_as:
            first = FUNCTIONS[function.same_as]
            assert not first.same_as
            assert function.group == first.group
            assert function.doc == f"the same as {first.name}"


def test_a_hint_is_for_a_name_that_is_not_a_function():
    assert set(HINTS) & set(FUNCTIONS) == set()


def test_every_group_says_what_it_gives_for_null():
    groups = {function.group for function in FUNCTIONS.values()} - {"choice"}
    assert {group for group in groups if "NULL" not in RULES.get(group, {})} == set()
