"""The probes of the language: each is run on every engine and compared with what is written beside it.

A file of `probes` holds, by their first sign: `#` a comment, `?` a query (going on over indented lines; `?adql` and its
kin name the dialect), `:` the types of its columns, `=` a row that is due, `!` what it is refused with before any
engine is asked, `!!` what every engine fails with.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from skyhouse.columns import columns_of
from skyhouse.errors import EngineError, SkyhouseError
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse

FOLDER = Path(__file__).parent / "probes"


@dataclass
class Probe:
    where: str
    dialect: str
    sql: str
    types: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    refused: str = ""
    fails: str = ""


def probes():
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            sign, _, text = line.partition(" ")
            if sign.startswith("?"):
                found.append(Probe(f"{path.stem}:{number}", sign[1:] or "sql", text))
            elif not sign and text:
                found[-1].sql += "\n" + text.strip()
            elif sign == ":":
                found[-1].types = text.split()
            elif sign == "=":
                found[-1].rows.append(text)
            elif sign == "!":
                found[-1].refused = text
            elif sign == "!!":
                found[-1].fails = text
            elif sign and not sign.startswith("#"):
                raise ValueError(f"{path}:{number}: {line!r} begins with none of # ? : = ! !!")
    return found


PROBES = probes()
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<time>(?:DATE|TIMESTAMP)\s*'[^']*')"
    r"|(?P<number>~?\s*[-+]?(?:\d[\d.]*(?:[eE][-+]?\d+)?|Infinity))|(?P<word>\w+)|(?P<sign>[\[\]{},:]))"
)
WORDS = {"NULL": None, "TRUE": True, "FALSE": False, "NaN": math.nan}


class About(float):
    """A number that has to be met to six digits only."""


def values(text):
    """Read a row: values as SQL writes them."""
    tokens, place = [], 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"cannot read {text[place:]!r} of the row {text!r}")
        place = found.end()
        tokens.append((found.lastgroup, found[found.lastgroup]))
    tokens.append(("sign", ","))
    row = []
    while tokens:
        row.append(value(tokens))
        assert tokens.pop(0) == ("sign", ","), text
    return row


def value(tokens):
    group, text = tokens.pop(0)
    if group == "text":
        return text[1:-1].replace("''", "'")
    if group == "time":
        word, quoted = text.split("'")[:2]
        return (dt.date if word.strip() == "DATE" else dt.datetime).fromisoformat(quoted)
    if group == "number":
        plain = text.lstrip("~ ")
        number = int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain)
        return About(number) if text.startswith("~") else number
    if group == "word":
        return WORDS[text]
    close, items, keys = {"[": "]", "{": "}"}[text], [], []
    while tokens[0] != ("sign", close):
        if close == "}":
            keys.append(value(tokens))
            assert tokens.pop(0) == ("sign", ":")
        items.append(value(tokens))
        if tokens[0] == ("sign", ","):
            tokens.pop(0)
    tokens.pop(0)
    return dict(zip(keys, items, strict=True)) if close == "}" else items


def same(found, due):
    if isinstance(due, list):
        return isinstance(found, list) and len(found) == len(due) and all(map(same, found, due))
    if isinstance(due, dict):
        return isinstance(found, dict) and list(found) == list(due) and all(same(found[k], due[k]) for k in due)
    if isinstance(due, float) and isinstance(found, float):
        if math.isnan(due) or math.isinf(due) or due == 0:
            return repr(float(due)) == repr(found) or (repr(due) == "0.0" == repr(abs(found)))
        return math.isclose(found, due, rel_tol=1e-6 if isinstance(due, About) else 1e-12)
    return type(found) is type(due) and found == due


def order(row):
    return [f"{v:.6e}" if isinstance(v, float) else repr(v) for v in row]


def asked(probe, engine, tables):
    return engine.batches(lower(parse(probe.sql, probe.dialect), tables, engine.name)).read_all()


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.where)
def test_the_language_means_what_is_written(probe, engine, both_engines, probe_tables):
    runs = both_engines[engine]
    if probe.refused:
        with pytest.raises(SkyhouseError, match=probe.refused) as caught:
            lower(parse(probe.sql, probe.dialect), probe_tables, engine)
        assert not isinstance(caught.value, EngineError)
        return
    if probe.fails:
        with pytest.raises(EngineError, match=probe.fails):
            asked(probe, runs, probe_tables)
        return
    table = asked(probe, runs, probe_tables)
    if probe.types:
        assert [column.type for column in columns_of(table.schema)] == probe.types
    rows = [list(row.values()) for row in table.to_pylist()]
    due = [values(row) for row in probe.rows]
    if not re.search(r"ORDER BY[^()]*$", probe.sql, re.IGNORECASE):
        rows, due = sorted(rows, key=order), sorted(due, key=order)
    assert len(rows) == len(due), f"{rows} instead of {due}"
    for found, wanted in zip(rows, due, strict=True):
        assert same(found, wanted), f"{found} instead of {wanted}"


def test_no_probe_is_there_twice():
    texts = [(probe.dialect, " ".join(probe.sql.split())) for probe in PROBES]
    assert [text for text in set(texts) if texts.count(text) > 1] == []


def test_every_probe_expects_something():
    assert [p.where for p in PROBES if not (p.rows or p.types or p.refused or p.fails)] == []


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("1, 1.5, -0.0, NULL, 'it''s', NaN, -Infinity", [1, 1.5, -0.0, None, "it's", math.nan, -math.inf]),
        ("[1, NULL, [2.0]], {'a': 1, 'b': []}, TRUE", [[1, None, [2.0]], {"a": 1, "b": []}, True]),
        ("DATE '2020-02-29', TIMESTAMP '1970-01-01 00:00:00'", [dt.date(2020, 2, 29), dt.datetime(1970, 1, 1)]),
        ("~ 1.4142135, ''", [About(2**0.5), ""]),
    ],
)
def test_rows_are_read_as_written(text, due):
    assert same(values(text), due)


@pytest.mark.parametrize(("text", "other"), [("1", 1.0), ("0.0", 1e-9), ("NULL", math.nan), ("1", True), ("-0.0", 0.0)])
def test_what_is_not_due_is_told_apart(text, other):
    assert not same([other], values(text))
