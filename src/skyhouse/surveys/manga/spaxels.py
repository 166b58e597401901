"""MAPS files into rows: one per spaxel of the grid, one column per plane, as stored in the file.

`manga.spaxels` is wide (1,621 planes of all releases), so it is split by column into families, each a table of its own
with the same rows in the same order: what is asked for most is in the main one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.errors import FormatError
from skyhouse.lake.definition import Definition
from skyhouse.surveys.manga.datamodel import Hdu, column_name, hdus
from skyhouse.surveys.manga.planes import plane_columns

if TYPE_CHECKING:
    from skyhouse.formats.fits import FitsFile

__all__ = ["definitions", "read_planes", "release_of", "spaxel_id", "tables"]

MAIN: Final = "manga.spaxels"
_ROW_GROUP_BYTES = 100_000_000  # as decoded: smaller ones cost queries time, larger ones cost the writer memory

_KEYS: Final = (
    Column("spaxel_id", "int64", "", "meta.id", "((plate * 100000 + ifudesign) * 1000 + y) * 1000 + x"),
    Column("plateifu", "string", "", "meta.id;meta.main", "Plate and IFU design of the galaxy, as 8485-1901"),
    Column("plate", "int32", "", "meta.id;instr.plate", "Plate number"),
    Column("ifudesign", "int32", "", "meta.id;instr", "IFU design number; its first digits are the number of fibres"),
    Column("mangaid", "string", "", "meta.id", "MaNGA-ID of the galaxy, the same in all its observations"),
    Column("daptype", "string", "", "meta.id;meta.software", "Analysis that made the maps: binning and templates"),
    Column("y", "int16", "", "pos.cartesian.y;instr.pixel", "Row of the spaxel in the map, from 0"),
    Column("x", "int16", "", "pos.cartesian.x;instr.pixel", "Column of the spaxel in the map, from 0"),
    Column(
        "good", "bool", "", "meta.code.qual", "True where every stage of the analysis kept the spaxel: no BINID is -1"
    ),
)
# With the galaxy in it, though spaxel_id says it too: a condition on one then skips row groups of every family.
_JOIN_KEY: Final = ("spaxel_id", "plateifu", "daptype")
_ORDER: Final = ("plateifu", "daptype", "y", "x")

# Which HDUs a family holds, by the name of the measurement; its _IVAR and _MASK go with it.
_FAMILIES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        MAIN: (
            (
                *("SPX_SKYCOO", "SPX_ELLCOO", "SPX_MFLUX", "SPX_SNR", "BINID", "BIN_LWSKYCOO", "BIN_LWELLCOO"),
                *("BIN_AREA", "BIN_FAREA", "BIN_MFLUX", "BIN_SNR", "STELLAR_VEL", "STELLAR_SIGMA"),
                *("STELLAR_SIGMACORR", "EMLINE_GFLUX", "EMLINE_GEW", "SPECINDEX"),
            ),
            "Spaxels of MaNGA galaxies: coordinates, bins, stellar kinematics, Gaussian line fluxes, spectral indices",
        ),
        f"{MAIN}_kinematics": (
            ("EMLINE_GVEL", "EMLINE_GSIGMA", "EMLINE_INSTSIGMA", "EMLINE_TPLSIGMA"),
            "Velocities and dispersions of the emission lines",
        ),
        f"{MAIN}_moments": (
            ("EMLINE_SFLUX", "EMLINE_SEW", "EMLINE_SEW_CNT"),
            "Emission lines summed over passbands, without a fit",
        ),
        f"{MAIN}_fits": (
            (
                *("EMLINE_GEW_CNT", "EMLINE_GA", "EMLINE_GANR", "EMLINE_FOM", "EMLINE_LFOM"),
                *("STELLAR_FOM", "STELLAR_CONT_FRESID", "STELLAR_CONT_RCHI2"),
            ),
            "How well lines and stellar continuum were fitted",
        ),
        f"{MAIN}_indices": (
            (
                *("SPECINDEX_CORR", "SPECINDEX_MODEL"),
                *("SPECINDEX_BF", "SPECINDEX_BF_CORR", "SPECINDEX_BF_MODEL"),
            ),
            "Spectral indices: corrections, those of the model, and in the Burstein-Faber definition",
        ),
        f"{MAIN}_weights": (
            ("SPECINDEX_WGT", "SPECINDEX_WGT_CORR", "SPECINDEX_WGT_MODEL"),
            "Weights by which Burstein-Faber indices of many spaxels are averaged",
        ),
    }
)


def _members(measurements: tuple[str, ...]) -> list[str]:
    """Return the HDUs of a family, in the newest release's order."""
    return [
        name
        for name in plane_columns()
        if name in measurements or (name.endswith(("_IVAR", "_MASK")) and name[:-5] in measurements)
    ]


@cache
def definitions() -> Mapping[str, Definition]:
    """Return the definitions of manga.spaxels and of its further column families, the main one first."""
    found = {}
    for name, (measurements, description) in _FAMILIES.items():
        keys = _KEYS if name == MAIN else tuple(c for c in _KEYS if c.name in (*_JOIN_KEY, *_ORDER))
        planes = tuple(column for hdu in _members(measurements) for column in plane_columns()[hdu])
        row_bytes = 4 * len(planes) + 8 * len(keys)
        found[name] = Definition(
            name,
            keys + planes,
            key=_ORDER if name == MAIN else _JOIN_KEY,
            sort=_ORDER,
            unit=_ORDER[:2],
            description=description,
            part_of="" if name == MAIN else MAIN,
            row_group_rows=_ROW_GROUP_BYTES // row_bytes // 4096 * 4096,
        )
    return MappingProxyType(found)


def spaxel_id(plate: int, ifudesign: int, y: Any, x: Any) -> Any:
    """Return the identifier of a spaxel, of arrays element by element: readable in its digits, and sorted.

    >>> spaxel_id(8485, 1901, 17, 3)
    848501901017003
    """
    return ((plate * 100_000 + ifudesign) * 1000 + y) * 1000 + x


def release_of(fits: FitsFile) -> str:
    """Return the release whose data model a MAPS file follows, by the version of the pipeline that made it.

    Raises FormatError where the file does not say.
    """
    version = str(fits[0].header.get("VERSDAP", ""))
    major = version.partition(".")[0]
    if not major.isdigit():
        raise FormatError(
            str(fits.path), f"VERSDAP is {version!r}: no version of the MaNGA analysis pipeline", "PRIMARY"
        )
    return "DR17" if int(major) >= 3 else "DR15"


def read_planes(fits: FitsFile) -> tuple[dict[str, np.ndarray[Any, Any]], tuple[int, int]]:
    """Return every plane of a MAPS file under its column's name, flattened by rows, and the grid's (ny, nx).

    Planes are views of the file's arrays, in the file's own types; nothing is masked or changed.

    Raises FormatError for an HDU or channel that is missing or unknown, and for shapes that differ.
    """
    path = str(fits.path)
    model = hdus(release_of(fits))
    grid: tuple[int, int] | None = None
    planes: dict[str, np.ndarray[Any, Any]] = {}
    for hdu in model:
        if hdu.name not in fits:
            raise FormatError(path, f"missing; a file of {release_of(fits)} has it", hdu.name)
        found = fits[hdu.name]
        data = found.data
        if data.dtype.name != hdu.dtype:
            raise FormatError(path, f"holds {data.dtype.name}, not {hdu.dtype}", hdu.name)
        if grid is None and data.ndim == 3:  # the first HDU is (2, ny, nx)
            grid = data.shape[1:]
        if grid is None or data.shape != hdu.shape(*grid):
            wanted = "(2, ny, nx)" if grid is None else str(hdu.shape(*grid))
            raise FormatError(path, f"has the shape {data.shape}, not {wanted}", hdu.name)
        rows = data.reshape(-1, data.shape[-2] * data.shape[-1])
        planes.update(zip(_names(hdu, found.header, path), rows, strict=True))
    if grid is None:
        raise FormatError(path, "no image in it")
    return planes, grid


def _names(hdu: Hdu, header: Mapping[str, Any], path: str) -> list[str]:
    """Return the column names of an HDU's planes in the file's own order, by the channel names in its header."""
    if not hdu.channels:
        return [column_name(hdu.name)]
    digits = len(str(len(hdu.channels)))
    names = []
    for number in range(1, len(hdu.channels) + 1):
        channel = header.get(f"C{number:0{digits}}") or header.get(f"C{number}") or header.get(f"C{number:02}")
        if not isinstance(channel, str) or not channel.strip():
            raise FormatError(path, f"channel {number} has no name (card C{number:0{digits}})", hdu.name)
        names.append(column_name(hdu.name, channel))
    if sorted(names) != sorted(hdu.columns):
        missing = sorted(set(hdu.columns) - set(names)) or ["none"]
        unknown = sorted(set(names) - set(hdu.columns)) or ["none"]
        problem = (
            f"channels are not those of its release (missing: {', '.join(missing)}; unknown: {', '.join(unknown)})"
        )
        raise FormatError(path, problem, hdu.name)
    return names


def tables(
    planes: Mapping[str, np.ndarray[Any, Any]],
    grid: tuple[int, int],
    *,
    plate: int,
    ifudesign: int,
    mangaid: str,
    daptype: str,
) -> dict[str, pa.Table]:
    """Return the rows of one MAPS file for each column family, ordered by y, x.

    `planes` holds a flat array of ny * nx values per column; a column that is not in it is NULL. Arrays are not copied.
    """
    ny, nx = grid
    count = ny * nx
    y, x = (axis.ravel() for axis in np.indices(grid, dtype=np.int16))
    arrays = {name: pa.array(values) for name, values in planes.items()}
    good = np.logical_and.reduce([planes[name] != -1 for name in hdu_columns("BINID")])
    arrays |= {
        "spaxel_id": pa.array(spaxel_id(plate, ifudesign, y.astype(np.int64), x)),
        "plateifu": pa.repeat(f"{plate}-{ifudesign}", count),
        "plate": pa.repeat(pa.scalar(plate, pa.int32()), count),
        "ifudesign": pa.repeat(pa.scalar(ifudesign, pa.int32()), count),
        "mangaid": pa.repeat(mangaid, count),
        "daptype": pa.repeat(daptype, count),
        "y": pa.array(y),
        "x": pa.array(x),
        "good": pa.array(good),
    }
    empty = {kind: pa.nulls(count, kind) for kind in (pa.float32(), pa.int32())}
    return {
        name: pa.Table.from_arrays(
            [arrays.get(field.name, empty.get(field.type)) for field in _schema(name)], schema=_schema(name)
        )
        for name in definitions()
    }


def hdu_columns(name: str) -> tuple[str, ...]:
    """Return the names of the columns that an HDU becomes."""
    return tuple(column.name for column in plane_columns()[name])


@cache
def _schema(name: str) -> pa.Schema:
    return definitions()[name].schema
