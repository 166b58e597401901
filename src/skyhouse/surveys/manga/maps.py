"""One MAPS file to rows of all its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from skyhouse.errors import FormatError
from skyhouse.surveys.manga import galaxies, spaxels
from skyhouse.surveys.manga.paths import MapsName, parse_maps_name

if TYPE_CHECKING:
    from skyhouse.formats.fits import FitsFile

__all__ = ["convert_maps"]


def convert_maps(path: str) -> dict[str, pa.Table]:
    """Read one MAPS file into rows of manga.spaxels and its families, ordered by y and x, and one of manga.galaxies.

    Raises FormatError for a file that is damaged, no MAPS file, of another galaxy than its name says, or that lacks
    HDUs or channels of its release.
    """
    from skyhouse.formats.fits import open_fits

    name = parse_maps_name(path)
    fits = open_fits(path)
    _check(fits, name, path)
    plate, ifudesign = name.plateifu.plate, name.plateifu.ifudesign
    mangaid = fits[0].header.get("MANGAID")
    if not isinstance(mangaid, str) or not mangaid:
        raise FormatError(path, "no card MANGAID: which galaxy it is of", "PRIMARY")
    planes, grid = spaxels.read_planes(fits)
    found = spaxels.tables(planes, grid, plate=plate, ifudesign=ifudesign, mangaid=mangaid, daptype=name.daptype)
    good = sum(chunk.true_count for chunk in found[spaxels.MAIN].column("good").chunks)
    names: dict[str, str | int] = {
        "plateifu": f"{plate}-{ifudesign}",
        "plate": plate,
        "ifudesign": ifudesign,
        "mangaid": mangaid,
        "daptype": name.daptype,
    }
    return found | {"manga.galaxies": galaxies.galaxy(fits, names, grid, good)}


def _check(fits: FitsFile, name: MapsName, path: str) -> None:
    """Raise FormatError where the primary header says other than the file's name."""
    plateifu = f"{name.plateifu.plate}-{name.plateifu.ifudesign}"
    for key, wanted in (("DAPFRMT", "MAPS"), ("PLATEIFU", plateifu), ("DAPTYPE", name.daptype)):
        value = fits[0].header.get(key)
        if value != wanted:
            said = f"no card {key}" if value is None else f"card {key} is {value!r}"
            raise FormatError(path, f"{said}, but the file's name says {wanted!r}: is it misnamed?", "PRIMARY")
