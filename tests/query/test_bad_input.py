"""Queries that are too much, and ones that hide something: an answer or a clear error, soon."""

from __future__ import annotations

import time

import pytest

from skyhouse.errors import SkyhouseError
from skyhouse.query.estimate import estimate
from skyhouse.query.lower import lower, lower_resolved
from skyhouse.query.parse import MAX_CHAIN, parse
from skyhouse.query.resolve import resolve
from skyhouse.query.statistics import NoStatistics

MANY = 10_000
WIDE = 1_000

# What is to be answered, each with its least first value; None where DuckDB alone takes long to plan it.
ANSWERED = {
    "10,000 values of IN": (f"SELECT count(*) FROM manga.galaxies WHERE x IN ({', '.join(map(str, range(MANY)))})", 3),
    "a chain of 10,000 ORs": ("SELECT count(*) FROM manga.galaxies WHERE " + " OR ".join(["x = 1"] * MANY), 1),
    "a chain of 10,000 ANDs": ("SELECT count(*) FROM manga.galaxies WHERE " + " AND ".join(["x > 0"] * MANY), 3),
    "a chain of 200 additions": (f"SELECT {' + '.join(['x'] * (MAX_CHAIN + 1))} FROM manga.galaxies", MAX_CHAIN + 1),
    "10,000 additions in groups": (
        "SELECT " + " + ".join([f"({' + '.join(['x'] * 100)})"] * 100) + " FROM manga.galaxies",
        None,
    ),
    "a union of 200 queries": (" UNION ALL ".join(["SELECT x FROM manga.galaxies"] * MAX_CHAIN), 1),
    "200 joins": (
        "SELECT count(*) FROM manga.galaxies AS a0"
        + "".join(f" JOIN manga.galaxies AS a{n} ON a{n}.x = a{n - 1}.x" for n in range(1, MAX_CHAIN)),
        None,
    ),
    "5,000 branches of CASE": (
        f"SELECT CASE {' '.join(f'WHEN x = {n} THEN {n}' for n in range(5_000))} END FROM manga.galaxies",
        None,
    ),
    "5,000 rows of VALUES": (f"SELECT sum(a) FROM (VALUES {', '.join(['(1)'] * 5_000)}) AS v(a)", 5_000),
    "300 queries of WITH": (
        "WITH q0 AS (SELECT x FROM manga.galaxies)"
        + "".join(f", q{n} AS (SELECT x FROM q{n - 1})" for n in range(1, 300))
        + " SELECT x FROM q299",
        1,
    ),
    "1,000 columns in groups": (
        f"SELECT {', '.join(f'x + {n} AS c{n}' for n in range(WIDE))}, count(*) AS n FROM manga.galaxies GROUP BY ALL",
        1,
    ),
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
    "10,000 additions": (f"SELECT {' + '.join(['x'] * MANY)} FROM manga.galaxies", "column 8: more than 200 operators"),
    "10,000 texts put together": ("SELECT " + " || ".join(["'a'"] * MANY), "more than 200 operators"),
    "a union of 500 queries": (" UNION ".join(["SELECT 1 AS a"] * 500), "more than 200 operators"),
    "a thousand casts": ("SELECT 1" + "::bigint" * 1_000, "more than 200 operators"),
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


def timed(step, *given):
    start = time.process_time()
    found = step(*given)
    assert time.process_time() - start < 2, step
    return found


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_much_is_answered_and_each_step_is_quick(lake, name):
    text, value = ANSWERED[name]
    tree = timed(parse, text)
    resolved = timed(resolve, tree, lake)
    timed(estimate, resolved, NoStatistics())
    assert timed(lower_resolved, resolve(tree, lake), "spark").sql
    statement = timed(lower_resolved, resolved, "duckdb")
    if value is not None:
        assert min(row[0] for row in lake.connection.sql(statement.sql).fetchall()) == value


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_much_is_refused(lake, name):
    text, match = REFUSED[name]
    start = time.process_time()
    with pytest.raises(SkyhouseError, match=match):
        lower(parse(text), lake, "duckdb")
    assert time.process_time() - start < 2
