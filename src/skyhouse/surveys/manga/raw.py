"""From a row of a table back to the file that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from skyhouse.errors import FormatError, InputError, did_you_mean
from skyhouse.formats.fits import hdulist

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

    from skyhouse.surveys.base import Lake

__all__ = ["open_raw", "raw_path"]

# What lies in one folder, by the kinds of `skyhouse.surveys.manga.download`, and how the names of the files call it.
_BESIDE: Final[Mapping[str, str]] = MappingProxyType({"MAPS": "MAPS", "MODELCUBE": "LOGCUBE"})


def raw_path(lake: Lake, row: Any, kind: str = "MAPS") -> Path:
    """Return the path of the raw file behind a row.

    `row` is a plateifu, or anything that has plateifu (and daptype) by key or attribute: a dict, a pandas Series, an
    astropy Row, a Polars row as dict. `kind` (any case) is "MAPS" or "MODELCUBE": the model spectra of the same
    galaxy, a file beside it. Raises InputError for another kind, for a galaxy that is not in the lake, or is there
    in several daptypes.
    """
    if kind.upper() not in _BESIDE:
        raise InputError(f"no kind of raw file {kind!r}{did_you_mean(kind, _BESIDE)}; there are {', '.join(_BESIDE)}")
    plateifu = row if isinstance(row, str) else _value(row, "plateifu")
    if plateifu is None:
        raise InputError("the row has no plateifu; select it with the rest")
    galaxies = lake.table("manga.galaxies").where("plateifu = '" + str(plateifu).replace("'", "''") + "'")
    daptype = None if isinstance(row, str) else _value(row, "daptype")
    if daptype is not None:
        galaxies = galaxies.where("daptype = '" + str(daptype).replace("'", "''") + "'")
    found = galaxies.select("daptype", "source_path").to_arrow().to_pylist()
    if not found:
        raise InputError(f"no galaxy {plateifu!r} of that daptype in manga.galaxies")
    if len(found) > 1:
        held = ", ".join(sorted(one["daptype"] for one in found))
        raise InputError(f"{plateifu} is there in several daptypes ({held}): the row must have its daptype")
    maps = Path(found[0]["source_path"])
    return maps.with_name(maps.name.replace("-MAPS-", f"-{_BESIDE[kind.upper()]}-"))


def open_raw(lake: Lake, row: Any, kind: str = "MAPS") -> HDUList:
    """Open the raw file behind a row, all its HDUs as they were; see `raw_path`.

    Raises FormatError where the file is no longer where it was ingested from.
    """
    path = raw_path(lake, row, kind)
    if not path.exists():
        mend = "ingest it from its new place with --replace" if kind.upper() == "MAPS" else "download it"
        raise FormatError(str(path), f"the raw file is not there (any more); put it back, or {mend}")
    return hdulist(str(path))


def _value(row: Any, name: str) -> Any:
    if isinstance(row, Mapping):
        return row.get(name)
    try:
        return row[name]
    except (KeyError, IndexError, TypeError, ValueError):
        return getattr(row, name, None)
