"""Queries that are too much, and ones that hide something: an answer or a clear error, soon."""

from __future__ import annotations

import time

import pytest

from skyhouse.errors import SkyhouseError
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse

MANY = 10_000
WIDE = 1_000

# What is to be answered, each with its first value.
ANSWERED = {
    "10,000 values of IN": (f"SELECT count(*) FROM manga.galaxies WHERE x IN ({', '.join(map(str, range(MANY)))})", 3),
    "a chain of 10,000 ORs": ("SELECT count(*) FROM manga.galaxies WHERE " + " OR ".join(["x = 1"] * MANY), 1),
    "a chain of 10,000 ANDs": ("SELECT count(*) FROM manga.galaxies WHERE " + " AND ".join(["x > 0"] * MANY), 3),
    "1,000 columns": ("SELECT " + ", ".join(f"x + {n} AS c{n}" for n in range(WIDE)) + " FROM manga.galaxies", 1),
    "a name of 10,000 letters": (f"SELECT x AS {'a' * MANY} FROM manga.galaxies", 1),
    "names of other alphabets": ('SELECT x AS "Flüsse 🔭", z AS μας FROM manga.galaxies AS "银河"', 1),
    "comments of all kinds": ("SELECT /* ; DROP TABLE x */ 1 -- ; DROP TABLE y\n + /* a /* b */ c */ 1", 2),
    "a hint": ("SELECT /*+ BROADCAST(g), SET(x) */ count(*) FROM manga.galaxies AS g", 3),
    "spaces of other kinds": ("SELECT\u00a0count(*)\u2003FROM manga.galaxies", 3),
    "a text that looks like statements": ("SELECT length('; DROP TABLE x; --')", 18),
    "a text of 100,000 letters": (f"SELECT length('{'é' * 100_000}')", 100_000),
}

# What is to be refused, with what is said.
REFUSED = {
    "a query of more than 1 MB": ("SELECT '" + "a" * 1_000_000 + "'", "at most 1,000,000"),
    "a query of too many words": ("SELECT " + ", ".join(["1"] * 40_000), "at most 60,000"),
    "1,000 parentheses": ("SELECT " + "(" * 1_000 + "1" + ")" * 1_000, "nested more than"),
    "1,000 CASEs": ("SELECT " + "CASE WHEN TRUE THEN " * 1_000 + "1" + " END" * 1_000, "nested more than"),
    "1,000 queries in each other": ("SELECT * FROM (" * 1_000 + "SELECT 1" + ") AS q" * 1_000, "nested more than"),
    "10,000 NOTs": ("SELECT " + "NOT " * MANY + "TRUE", "nested too deeply"),
    "10,000 minus signs": ("SELECT " + "- " * MANY + "1", "nested too deeply"),
    "a second statement": ("SELECT 1; DROP TABLE x", "one statement at a time"),
    "a second statement behind a comment": ("SELECT 1 /* a */ ; -- b\n SELECT 2", "one statement at a time"),
    "a comment that is not closed": ("SELECT 1 /* + 1", "."),
    "a text that is not closed": ("SELECT 'abc", "opened and not closed"),
    "a name that is not closed": ('SELECT "abc', "opened and not closed"),
    "a NUL": ("SELECT 1\0", "column 9: a NUL cannot stand"),
    "a NUL in a text": ("SELECT 'a\0b'", "a NUL cannot stand"),
    "a space of no width": ("SELECT co\u200bunt(*) FROM manga.galaxies", "."),
    "a mark before the text": ("\ufeffSELECT nothing FROM manga.galaxies", "."),
    "letters that look alike": ("SELECT \u0445 FROM manga.galaxies", "no column"),
    "nothing": ("", "no query"),
    "nothing but a comment": ("-- SELECT 1", "no query"),
    "a lone surrogate": ("SELECT '\ud800'", "half a character"),
}


def first(lake, text):
    statement = lower(parse(text), lake, "duckdb")
    assert lower(parse(text), lake, "spark").sql
    return lake.connection.sql(statement.sql).fetchall()[0][0]


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_much_is_answered(lake, name):
    text, value = ANSWERED[name]
    start = time.process_time()
    assert first(lake, text) == value
    assert time.process_time() - start < 20


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_much_is_refused(lake, name):
    text, match = REFUSED[name]
    start = time.process_time()
    with pytest.raises(SkyhouseError, match=match):
        lower(parse(text), lake, "duckdb")
    assert time.process_time() - start < 2
