from __future__ import annotations

import math

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import FormatError, UnknownName
from skyhouse.formats.header import Header

KEYS = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True).filter(
    lambda key: key not in ("COMMENT", "HISTORY", "CONTINUE", "END", "HIERARCH", "XTENSION", "SIMPLE")
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=150)
NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.complex_numbers(allow_nan=False, allow_infinity=False, max_magnitude=1e9),
)


def header_of(*cards: str) -> Header:
    return Header(b"".join(card.encode().ljust(80) for card in cards), "a.fits", 3)


def from_astropy(header: fits.Header) -> Header:
    return Header(header.tostring(endcard=False, padding=False).encode(), "a.fits", 3)


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("K       =                    T", True),
        ("K       =                    F / no", False),
        ("K       =                   42", 42),
        ("K       = -0012", -12),
        ("K       =                -1.5E3 / x", -1500.0),
        ("K       = 1.25D-2", 0.0125),
        ("K       = .5", 0.5),
        ("K       = 5.", 5.0),
        ("K       = 9999999999999999999999", 9999999999999999999999),
        ("K       = (1.0, -2.5E1)", 1 - 25j),
        ("K       =", None),
        ("K       =                      / nothing", None),
        ("K       = ''", ""),
        ("K       = 'it''s  '", "it's"),
        ("K       = '  both '  / c", "  both"),
        ("K       = 'a/b'", "a/b"),
        ("K       = 'amp&'", "amp&"),
        ("K       = '__import__(\"os\")'", '__import__("os")'),
    ],
)
def test_values(card, value):
    found = header_of(card)["K"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("field", ["1_000", "nan", "abc", "'open", "1.2.3", "__import__('os')", "(1, 2", "0x10", "1e"])
def test_values_that_are_not_fits_are_errors_and_never_run(field):
    header = header_of(f"BAD     = {field}", "GOOD    = 1")
    assert header["GOOD"] == 1
    with pytest.raises(FormatError, match=r"a\.fits, HDU 3: header keyword BAD .* correct the card"):
        header["BAD"]


def test_long_strings_are_continued():
    header = header_of("LONG    = 'one &'", "CONTINUE  'two&' / first", "CONTINUE  'three' / second", "K       = 1")
    assert header["LONG"] == "one two" + "three"
    assert header.comments["LONG"] == "first second"
    assert list(header) == ["LONG", "K"]


def test_hierarch_keywords():
    header = header_of("HIERARCH ESO DET NAME = 'CCD' / chip", "HIERARCH ESO DET GAIN = 1.5")
    assert header["ESO DET NAME"] == header["hierarch eso det name"] == "CCD"
    assert header["ESO DET GAIN"] == 1.5
    assert list(header) == ["ESO DET NAME", "ESO DET GAIN"]


def test_the_first_of_duplicates_counts():
    header = header_of("K       = 1", "K       = 2")
    assert header["k"] == 1
    assert len(header) == 1
    assert dict(header) == {"K": 1}


def test_a_key_inside_another_cards_text_is_not_found():
    header = header_of("COMMENT see BITPIX  = 8", "BITPIX  = 16", "ABITPIX = 3")
    assert header["BITPIX"] == 16


def test_commentary():
    header = header_of("COMMENT one", "HISTORY then", "COMMENT   two", "        blank", "NOTE: no value here")
    assert header.commentary() == ["one", "  two"]
    assert header.commentary("HISTORY") == ["then"]
    assert header.commentary("") == ["blank"]
    assert list(header) == []


def test_a_missing_keyword_is_an_unknown_name():
    header = header_of("BUNIT   = 'km/s'")
    assert "OTHER" not in header
    assert header.get("OTHER", 7) == 7
    assert header.get("Ä") is None
    with pytest.raises(UnknownName, match="did you mean 'BUNIT'"):
        header["BUNITS"]


def test_typed_access():
    header = header_of("N       = 3", "X       = 1.5", "S       = ' a '", "E       = ''")
    assert header.whole("N") == 3
    assert header.whole("NONE", 5) == 5
    assert header.number("X", 0) == 1.5
    assert (header.text("S"), header.text("E", "none"), header.text("N", "none")) == ("a", "none", "none")
    for key in ("X", "S", "NONE"):
        with pytest.raises(FormatError, match=f"{key} .*must be an integer"):
            header.whole(key)
    with pytest.raises(FormatError, match="must be a number"):
        header.number("S", 0)


@given(st.dictionaries(KEYS, st.tuples(st.one_of(NUMBERS, TEXT), st.sampled_from(["", "a comment"])), max_size=30))
def test_reads_what_astropy_writes(cards):
    written = fits.Header()
    for key, (value, comment) in cards.items():
        written[key] = (value, comment if not isinstance(value, str) else "")
    oracle = fits.Header.fromstring(written.tostring())
    header = from_astropy(written)
    assert list(header) == list(oracle)
    for key in oracle:
        expected, found = oracle[key], header[key]
        assert type(found) is type(expected)
        assert found == expected or (isinstance(found, float) and math.isclose(found, expected))
        assert header.comments[key] == oracle.comments[key]
