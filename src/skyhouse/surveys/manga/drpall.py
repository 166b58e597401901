"""`manga.drpall`: the reduction pipeline's summary table, one row per observed target."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from skyhouse.lake.definition import Definition
from skyhouse.surveys.manga.summary import ELEMENTS, published, rows

__all__ = ["definition", "read_drpall"]


@cache
def definition() -> Definition:
    """Return the definition of manga.drpall."""
    return Definition(
        "manga.drpall",
        published("drpall"),
        key=("plateifu", "versdrp3"),
        sort=("plateifu", "versdrp3"),
        description="MaNGA targets as observed: positions, quality, and the photometry they were chosen by",
    )


def read_drpall(path: str) -> pa.Table:
    """Return the rows of a DRPall file (DR13 to DR17), sorted by its key, photometry as one column per band.

    The bands of a vector are F, N, u, g, r, i, z: `nsa_elpetro_absmag_r` ... Columns that the release lacks are NULL;
    columns that no published data model has are left out.

    Raises FormatError for a file that is damaged or no DRPall table.
    """
    from skyhouse.formats.fits import open_fits

    fits = open_fits(path)
    hdu = fits.table_hdu()
    ends = {"bands": list(ELEMENTS["bands"])}
    found = rows("drpall", hdu.table(), ends, path, hdu.label)
    return found.sort_by([("plateifu", "ascending"), ("versdrp3", "ascending")])
