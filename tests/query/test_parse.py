from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError, QueryError
from skyhouse.query.parse import MAX_DEPTH, MAX_LENGTH, MAX_TOKENS, parse, written
from skyhouse.query.rewrite import replace_columns


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("SELECT a +", 1, 10),
        ("SELECT a\nFROM t\nWHERE (b", 3, 8),
        ("SELECT a FROM t WHERE a = 'x", 1, 27),
        ("SELEC a FROM t", 1, 1),
        ("; EXPLAIN SELECT 1", 1, 3),
        ("FROM t", 1, 1),
        ("SELECT 1; SELECT 2", 1, 9),
        ("SELECT 1 /* ; */; DROP TABLE t", 1, 17),
        ("DROP TABLE t", 1, 1),
        ("INSERT INTO t SELECT 1", 1, 1),
        ("SET x = 1", 1, 1),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text, line, column):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).endswith(" " * (column + 1) + "^")


def test_other_statements_are_refused_without_a_warning(caplog):
    for text in ("EXPLAIN SELECT 1", "SELECT 1; VACUUM t", "CALL f()"):
        with pytest.raises(QueryError):
            parse(text)
    assert not caplog.records


@pytest.mark.parametrize("text", ["", "  ", "-- nothing", ";"])
def test_no_query(text):
    with pytest.raises(QueryError, match="no query"):
        parse(text)


def test_an_unknown_dialect_is_refused():
    with pytest.raises(InputError, match="no SQL dialect"):
        parse("SELECT 1", "cobol")


def test_a_trailing_semicolon_and_comments_are_fine():
    assert parse("SELECT 1; -- done").sql(comments=False) == "SELECT 1"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("SELECT '" + "a" * MAX_LENGTH + "'", "characters"),
        ("SELECT " + ",".join("1" for _ in range(MAX_TOKENS)), "words and signs"),
        ("SELECT " + "(" * 1000 + "1" + ")" * 1000, f"more than {MAX_DEPTH}"),
        ("SELECT " + "NOT " * 5000 + "TRUE", "too deeply"),
        ("SELECT " + "CASE WHEN TRUE THEN " * 500 + "1" + " END" * 500, f"more than {MAX_DEPTH}"),
    ],
)
def test_too_much_is_refused_and_said(text, match):
    with pytest.raises(QueryError, match=match):
        parse(text)


@given(st.text(alphabet="SELECTFROMWHERE \n'\"()*,;.-/\\0123456789éx[]{}<>=", max_size=60))
def test_any_text_is_a_query_or_a_query_error(text):
    try:
        tree = parse(text)
    except QueryError:
        return
    assert written(tree)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flux > 5", "(flux / 2) > 5"),
        ("Flux", "Flux"),
        ("s.flux > 5 AND flux < 9", "s.flux > 5 AND (flux / 2) < 9"),
        ("log10(flux)", "log10((flux / 2))"),
        ("flux", "flux / 2"),
        ("'flux'", "'flux'"),
        ("flags & 0x40000021 = 0 -- clear", "flags & 0x40000021 = 0"),
    ],
)
def test_columns_are_replaced_in_a_text(text, expected):
    assert replace_columns(text, lambda name: "flux / 2" if name == "flux" else None) == expected


def test_replacement_takes_one_expression():
    with pytest.raises(QueryError, match="one expression"):
        replace_columns("a, b", lambda _: None)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("SELECT 1,\r\n  2 +", 2, 5),
        ("SELECT 1,\r  2 +", 2, 5),
        ("SELECT '\u2028', '\x0c', '\x85',\n\t2 +", 2, 4),
        ("SELECT " + "1, " * 1000 + "2 +", 1, 3010),
    ],
)
def test_a_caret_stands_under_its_place_whatever_ends_a_line_and_however_long_it_is(text, line, column):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 200
    assert shown[len(caret) - 1] == "+"
    assert shown.count("\t") == caret.count("\t")
