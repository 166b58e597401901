"""MaNGA: maps of spectra of 10,000 nearby galaxies (SDSS-IV; Bundy et al. 2015, ApJ 798, 7).

`MANGA` turns the survey's files into tables (``lake.ingest(..., survey="manga")``). The rest are its questions,
pictures, simulated files and downloads.
"""

from __future__ import annotations

# Not lazily: `manga.download` and `manga.simulate` must be the functions, whichever module was imported first.
from skyhouse.surveys.manga.download import download
from skyhouse.surveys.manga.masks import masked, masked_expression
from skyhouse.surveys.manga.plots import plot_bpt, plot_map
from skyhouse.surveys.manga.questions import bpt_fractions, galaxies_in, npergood
from skyhouse.surveys.manga.simulate import simulate
from skyhouse.surveys.manga.survey import MANGA

__all__ = [
    "MANGA",
    "bpt_fractions",
    "download",
    "galaxies_in",
    "masked",
    "masked_expression",
    "npergood",
    "plot_bpt",
    "plot_map",
    "simulate",
]
