"""MaNGA as a survey of the house: its tables, and which converter reads which file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skyhouse.errors import InputError
from skyhouse.lake.definition import Definition
from skyhouse.surveys.manga import dapall, drpall, galaxies, maps, spaxels
from skyhouse.surveys.manga.paths import parse_maps_name

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

    from skyhouse.surveys.base import Lake

__all__ = ["MANGA", "Manga"]


class Manga:
    """The converter of MaNGA's files: MAPS by galaxy, and the DRPall and DAPall summary tables."""

    name = "manga"

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """The tables: manga.spaxels and its column families, manga.galaxies, manga.drpall, manga.dapall."""
        return _definitions()

    def reading(self, **options: Any) -> Manga:
        """Return itself; raise InputError for any option, since MaNGA's files say themselves how they are read."""
        if options:
            raise InputError(f"MaNGA's files are read in one way; there is no option {min(options)!r}")
        return self

    def identify(self, path: str) -> str:
        """Return the key of the unit that a file holds, from its name alone.

        Raises FormatError for a name that is none of a MAPS, DRPall or DAPall file.

        >>> MANGA.identify("sas/manga-8485-1901-MAPS-HYB10-MILESHC-MASTARSSP.fits.gz")
        '8485-1901/HYB10-MILESHC-MASTARSSP'
        >>> MANGA.identify("drpall-v3_1_1.fits")
        'drpall-v3_1_1'
        """
        if summary := _summary(path):
            return summary[0]
        name = parse_maps_name(path)
        return f"{name.plateifu.plate}-{name.plateifu.ifudesign}/{name.daptype}"

    def tables_of(self, path: str) -> tuple[str, ...]:
        """Return the names of the tables that a file's rows go to, by its name alone."""
        if summary := _summary(path):
            return (f"manga.{summary[1]}",)
        return (*spaxels.definitions(), "manga.galaxies")

    def convert(self, path: str) -> Mapping[str, pa.Table]:
        """Read one file into rows of the tables it is the source of. Raises FormatError."""
        match _summary(path):
            case None:
                return maps.convert_maps(path)
            case _, "drpall":
                return {"manga.drpall": drpall.read_drpall(path)}
            case _:
                return {"manga.dapall": dapall.read_dapall(path)}

    def open_raw(self, lake: Lake, row: Any, kind: str = "MAPS") -> HDUList:
        """Open the file behind a row; see `skyhouse.surveys.manga.raw.open_raw`."""
        from skyhouse.surveys.manga.raw import open_raw

        return open_raw(lake, row, kind)


def _summary(path: str) -> tuple[str, str] | None:
    """Return the key and kind of a summary table's file name, None for any other name."""
    # The versions of the pipelines, as archives write them: a copy named otherwise would double every row.
    found = re.fullmatch(r"(?:.*[/\\])?((drpall|dapall)-v\d+_\d+_\d+(?:-\d+\.\d+\.\d+)?)\.fits(?:\.gz)?", path)
    return (found[1], found[2]) if found else None


@cache
def _definitions() -> Mapping[str, Definition]:
    found = dict(spaxels.definitions())
    for definition in (galaxies.definition(), drpall.definition(), dapall.definition()):
        found[definition.name] = definition
    return MappingProxyType(found)


MANGA = Manga()
