"""`manga.dapall`: the analysis pipeline's summary table, one row per galaxy and analysis (DAPTYPE)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from skyhouse.errors import FormatError
from skyhouse.lake.definition import Definition
from skyhouse.surveys.manga.datamodel import slug
from skyhouse.surveys.manga.summary import ELEMENTS, published, rows

if TYPE_CHECKING:
    from skyhouse.formats.header import Header

__all__ = ["definition", "read_dapall"]

# Where the primary header names the elements of vectors: the key is followed by a number of two digits.
_CARDS = {"summed": "ELS", "fitted": "ELG", "indices": "SPI"}


@cache
def definition() -> Definition:
    """Return the definition of manga.dapall."""
    return Definition(
        "manga.dapall",
        published("dapall"),
        key=("plateifu", "daptype"),
        sort=("plateifu", "daptype"),
        description="MaNGA galaxies as analysed, in figures: kinematics, line fluxes, indices, star formation",
    )


def read_dapall(path: str) -> pa.Table:
    """Return the rows of all analyses of a DAPall file (DR15 to DR17), sorted by plateifu and daptype.

    Each line and index of a vector is a column of its own (`emline_gflux_1re_ha_6564`, `specindex_1re_d4000`), found
    by the names in the primary header. DR17 has a table for each DAPTYPE; they come one below the other. Columns that
    the release lacks are NULL; columns that no published data model has are left out.

    Raises FormatError for a file that is damaged or no DAPall table.
    """
    from skyhouse.formats.fits import open_fits

    fits = open_fits(path)
    ends = {kind: _ends(fits[0].header, kind, path) for kind in _CARDS}
    ends |= {kind: list(ELEMENTS[kind]) for kind in ("griz", "radii")}
    parts = [rows("dapall", hdu.table(), ends, path, hdu.label) for hdu in fits if hdu.kind == "table"]
    if not parts:
        raise FormatError(path, "holds no table: is it a DAPall file?")
    return pa.concat_tables(parts).sort_by([("plateifu", "ascending"), ("daptype", "ascending")])


def _ends(header: Header, kind: str, path: str) -> list[str]:
    """Return what the elements of a kind of vector are, in the file's order."""
    found: list[str] = []
    while isinstance(name := header.get(f"{_CARDS[kind]}{len(found) + 1:02}"), str):
        found.append(slug(name))
    unknown = sorted(set(found) - set(ELEMENTS[kind]))
    if not found or unknown:
        problem = f"unknown: {', '.join(unknown)}" if unknown else "none"
        raise FormatError(path, f"its cards {_CARDS[kind]}01 ... do not name lines or indices ({problem})", "PRIMARY")
    return found
