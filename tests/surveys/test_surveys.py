"""Surveys by name, and what their file names say."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

import skyhouse
from skyhouse.errors import FormatError, UnknownSurvey
from skyhouse.surveys import get, names
from skyhouse.surveys.manga import MANGA


def test_a_survey_is_found_in_any_case():
    assert get("MaNGA") is MANGA
    assert skyhouse.surveys.manga.MANGA is MANGA
    assert names() == ["manga", "ztf"]


def test_an_unknown_survey_offers_the_nearest():
    with pytest.raises(UnknownSurvey, match="did you mean 'manga'"):
        get("mangs")
    with pytest.raises(AttributeError):
        _ = skyhouse.surveys.nonesuch


def test_surveys_are_loaded_when_used():
    code = "import skyhouse, sys; skyhouse.surveys; print([m for m in ('numpy', 'pyarrow') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_survey_pickles():
    again = pickle.loads(pickle.dumps(MANGA))
    assert list(again.definitions) == list(MANGA.definitions)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a/b/manga-7815-3702-MAPS-HYB10-GAU-MILESHC.fits.gz", "7815-3702/HYB10-GAU-MILESHC"),
        ("manga-8485-1901-MAPS-SPX-MILESHC-MASTARSSP.fits", "8485-1901/SPX-MILESHC-MASTARSSP"),
        ("redux/drpall-v3_1_1.fits", "drpall-v3_1_1"),
        ("dapall-v3_1_1-3.1.0.fits.gz", "dapall-v3_1_1-3.1.0"),
    ],
)
def test_file_names_say_what_they_hold(path, key):
    assert MANGA.identify(path) == key


@pytest.mark.parametrize(
    "path",
    [
        "manga-7815-3702-SNRG.fits.gz",
        "manga-7815-3702-SNRG-HYB10-GAU-MILESHC-EMOMM.fits.gz",
        "manga-7815-3702-LOGCUBE-HYB10-GAU-MILESHC.fits.gz",
        "drpall-v3_1_1.csv",
        "drpall-v3_1_1 (copy).fits",
        "dapall-v3_1_1-3.1.0_old.fits",
        "notes.txt",
    ],
)
def test_other_names_are_refused(path):
    with pytest.raises(FormatError) as error:
        MANGA.identify(path)
    assert error.value.path == path
