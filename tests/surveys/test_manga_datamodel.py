"""The MAPS data model against the official one."""

from __future__ import annotations

import json
import re

import pytest

from skyhouse.errors import InputError
from skyhouse.surveys.manga.datamodel import (
    INDICES,
    RELEASES,
    SIMULATED,
    extension_cards,
    hdus,
    lines,
    primary_cards,
    slug,
)


@pytest.fixture(scope="module")
def official(real_data):
    return json.loads((real_data / "manga" / "datamodel" / "mangaMaps.json").read_text())["releases"]


def published_hdus(official, release):
    return list(official[release]["hdus"].values())[1:]


@pytest.mark.parametrize("release", RELEASES)
def test_hdus_are_those_published(official, release):
    published = published_hdus(official, release)
    assert [hdu.name for hdu in hdus(release)] == [each["name"] for each in published]
    for hdu, each in zip(hdus(release), published, strict=True):
        cards = {card["key"]: card["value"] for card in each["header"]}
        numbers = sorted((key for key in cards if re.fullmatch(r"C\d+", key)), key=lambda key: int(key[1:]))
        assert hdu.dtype == {"-32": "float32", "32": "int32"}[cards["BITPIX"]]
        assert hdu.channels == tuple(cards[key] for key in numbers)
        assert hdu.unit == cards.get("BUNIT", "")
        assert hdu.channel_units == tuple(cards[f"U{key[1:]}"] for key in numbers if f"U{key[1:]}" in cards)
        assert (hdu.error, hdu.mask) == (cards.get("ERRDATA", ""), cards.get("QUALDATA", ""))
        assert hdu.role == cards["HDUCLAS2"]


def test_dr17_extension_cards_are_those_published(official):
    for hdu, each in zip(hdus("DR17"), published_hdus(official, "DR17"), strict=True):
        cards = {card["key"]: card["value"] for card in each["header"]}
        primary = {
            "IFURA": float(cards["CRVAL1"]),
            "IFUDEC": float(cards["CRVAL2"]),
            "MJDMED": float(cards["MJD-OBS"]),
            "DATE-OBS": cards["DATE-OBS"],
            "AUTHOR": cards["AUTHOR"],
        }
        sums = ("CHECKSUM", "DATASUM")
        mine = [(k, str(v), c) for k, v, c in extension_cards(hdu, 34, 34, primary) if k not in sums]
        assert mine == [(c["key"], c["value"], c["comment"]) for c in each["header"] if c["key"] not in sums]


def test_dr17_primary_cards_are_those_published(official):
    published = official["DR17"]["hdus"]["hdu0"]["header"]
    cards = primary_cards()
    assert [key for key, _, _ in cards] == [card["key"] for card in published]
    assert len(cards) == 147
    assert all(
        str(value) == card["value"]
        for (key, value, _), card in zip(cards, published, strict=True)
        if key not in ("AUTHOR", "CHECKSUM", "EQUINOX")
    )
    assert SIMULATED[0] not in {key for key, _, _ in cards}


def test_lines_and_indices():
    assert (len(lines("DR15")), len(lines("DR17")), len(INDICES)) == (22, 35, 46)
    assert set(lines("DR15")) < set(lines("DR17"))
    assert lines("DR16", summed=True)[:2] == ("OIId-3728", "OII-3729")
    assert lines("DR17")[1:] == lines("DR17", summed=True)[1:]
    assert (INDICES["D4000"], INDICES["TiO1"], INDICES["Hb"]) == ("", "mag", "ang")


def test_planes_of_dr17_are_1617():
    assert sum(len(hdu.columns) for hdu in hdus("DR17")) == 1617
    assert len(hdus("DR17")) == 63
    for release in RELEASES:
        names = [name for hdu in hdus(release) for name in hdu.columns]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_slugs_have_no_underscore_at_their_ends():
    assert slug("  R/Re ") == "r_re"
    assert slug("68th perc frac resid") == "68th_perc_frac_resid"


def test_an_unknown_release_is_named():
    with pytest.raises(InputError, match=r"DR18.*did you mean 'DR1"):
        hdus("DR18")
