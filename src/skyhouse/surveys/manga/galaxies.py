"""`manga.galaxies`: one row per MAPS file, from its primary header."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.errors import FormatError
from skyhouse.lake.definition import Definition
from skyhouse.surveys.manga.datamodel import SIMULATED

if TYPE_CHECKING:
    from skyhouse.formats.fits import FitsFile
    from skyhouse.formats.header import Value

__all__ = ["definition", "galaxy"]

SPEED_OF_LIGHT: Final = 299_792.458
"""In km/s, exact by definition."""

_ID, _RA, _DEC = "meta.id", "pos.eq.ra", "pos.eq.dec"
_BITS = "meta.code"

# The columns that are a header card as it stands: the card's keyword, then the column.
_CARDS: Final[tuple[tuple[str, Column], ...]] = (
    ("VERSDRP3", Column("drpver", "string", "", "meta.version", "Version of the data reduction pipeline")),
    ("VERSDAP", Column("dapver", "string", "", "meta.version", "Version of the data analysis pipeline")),
    ("OBJRA", Column("ra", "float64", "deg", f"{_RA};meta.main", "Right ascension of the galaxy (J2000)")),
    ("OBJDEC", Column("dec", "float64", "deg", f"{_DEC};meta.main", "Declination of the galaxy (J2000)")),
    ("IFURA", Column("ifura", "float64", "deg", f"{_RA};instr", "Right ascension of the fibre bundle (J2000)")),
    ("IFUDEC", Column("ifudec", "float64", "deg", f"{_DEC};instr", "Declination of the fibre bundle (J2000)")),
    ("IFUGLON", Column("ifuglon", "float64", "deg", "pos.galactic.lon", "Galactic longitude of the fibre bundle")),
    ("IFUGLAT", Column("ifuglat", "float64", "deg", "pos.galactic.lat", "Galactic latitude of the fibre bundle")),
    ("SCINPVEL", Column("cz", "float64", "km/s", "spect.dopplerVeloc", "cz that all velocities are relative to")),
    ("EBVGAL", Column("ebvgal", "float64", "mag", "phot.color.excess", "Galactic reddening E(B-V)")),
    ("REFF", Column("reff", "float64", "arcsec", "phys.angSize", "Elliptical-Petrosian half-light radius, r band")),
    ("ECOOPA", Column("ecoopa", "float64", "deg", "pos.posAng", "Position angle of the elliptical coordinates")),
    (
        "ECOOELL",
        Column("ecooell", "float64", "", "src.ellipticity", "Ellipticity 1 - b/a of the elliptical coordinates"),
    ),
    ("MNGTARG1", Column("mngtarg1", "int64", "", _BITS, "MANGA_TARGET1 bits: main galaxy samples")),
    ("MNGTARG2", Column("mngtarg2", "int64", "", _BITS, "MANGA_TARGET2 bits: targets that are no galaxies")),
    ("MNGTARG3", Column("mngtarg3", "int64", "", _BITS, "MANGA_TARGET3 bits: ancillary programmes")),
    ("DRP3QUAL", Column("drp3qual", "int64", "", "meta.code.qual", "MANGA_DRP3QUAL bits of the data cube")),
    ("DAPQUAL", Column("dapqual", "int64", "", "meta.code.qual", "MANGA_DAPQUAL bits of the analysis")),
    ("NBINS", Column("nbins", "int32", "", "meta.number", "Number of spatial bins")),
    ("NEXP", Column("nexp", "int32", "", "meta.number;obs", "Number of exposures")),
    ("EXPTIME", Column("exptime", "float64", "s", "time.duration;obs.exposure", "Total exposure time")),
    ("SEEMED", Column("seeing", "float64", "arcsec", "instr.obsty.seeing", "Median seeing of the guider")),
    ("AIRMSMED", Column("airmass", "float64", "", "obs.airmass", "Median airmass")),
    ("GFWHM", Column("gfwhm", "float64", "arcsec", "instr.det.psf", "Reconstructed FWHM, g band")),
    ("RFWHM", Column("rfwhm", "float64", "arcsec", "instr.det.psf", "Reconstructed FWHM, r band")),
    ("IFWHM", Column("ifwhm", "float64", "arcsec", "instr.det.psf", "Reconstructed FWHM, i band")),
    ("ZFWHM", Column("zfwhm", "float64", "arcsec", "instr.det.psf", "Reconstructed FWHM, z band")),
    ("SNRGMED", Column("snr_g", "float64", "", "stat.snr", "Median S/N from 1 to 1.5 half-light radii, g band")),
    ("SNRRMED", Column("snr_r", "float64", "", "stat.snr", "Median S/N from 1 to 1.5 half-light radii, r band")),
    ("SNRIMED", Column("snr_i", "float64", "", "stat.snr", "Median S/N from 1 to 1.5 half-light radii, i band")),
    ("SNRZMED", Column("snr_z", "float64", "", "stat.snr", "Median S/N from 1 to 1.5 half-light radii, z band")),
    ("MJDMIN", Column("mjdmin", "int32", "d", "time.start;obs", "MJD of the first exposure")),
    ("MJDMED", Column("mjdmed", "int32", "d", "time.epoch;obs", "MJD of the median exposure")),
    ("MJDMAX", Column("mjdmax", "int32", "d", "time.end;obs", "MJD of the last exposure")),
)
_NAMES: Final = (
    Column("plateifu", "string", "", f"{_ID};meta.main", "Plate and IFU design, as 8485-1901"),
    Column("plate", "int32", "", f"{_ID};instr.plate", "Plate number"),
    Column("ifudesign", "int32", "", f"{_ID};instr", "IFU design number; its first digits are the number of fibres"),
    Column("fibres", "int32", "", "meta.number;instr", "Number of fibres of the bundle: 19, 37, 61, 91 or 127"),
    Column("mangaid", "string", "", _ID, "MaNGA-ID of the galaxy, the same in all its observations"),
    Column("daptype", "string", "", f"{_ID};meta.software", "Analysis that made the maps: binning and templates"),
)
_DERIVED: Final = (
    Column("redshift", "float64", "", "src.redshift", "Redshift cz/c that all velocities are relative to"),
    Column("ny", "int32", "pix", "meta.number", "Rows of the map's grid"),
    Column("nx", "int32", "pix", "meta.number", "Columns of the map's grid"),
    Column("n_good", "int32", "", "meta.number", "Number of good spaxels: no BINID is -1"),
    Column("simulated", "bool", "", "meta.code", "True where the file was simulated, not observed"),
    Column("source_path", "string", "", "meta.ref", "The raw file that the row was made from"),
)


@cache
def definition() -> Definition:
    """Return the definition of manga.galaxies."""
    return Definition(
        "manga.galaxies",
        (*_NAMES, *(column for _, column in _CARDS), *_DERIVED),
        key=("plateifu", "daptype"),
        sort=("plateifu",),
        description="MaNGA galaxies as analysed: one row per MAPS file, from its header",
    )


def galaxy(fits: FitsFile, names: Mapping[str, str | int], grid: tuple[int, int], good: int) -> pa.Table:
    """Return the row of manga.galaxies of one MAPS file.

    `names` are the values of the first columns (plateifu to daptype, without fibres), `grid` is (ny, nx), `good` the
    number of good spaxels. A card that the file lacks becomes NULL.

    Raises FormatError for a card whose value is not of its column's type, and where there is no cz.
    """
    header = fits[0].header
    row: dict[str, object] = dict(names)
    row["fibres"] = int(names["ifudesign"]) // 100
    for key, column in _CARDS:
        row[column.name] = _value(str(fits.path), key, header.get(key), column.type)
    cz = row["cz"]
    if not isinstance(cz, float):
        raise FormatError(str(fits.path), "no card SCINPVEL: the cz that its velocities are relative to", "PRIMARY")
    row |= {
        "redshift": cz / SPEED_OF_LIGHT,
        "ny": grid[0],
        "nx": grid[1],
        "n_good": good,
        "simulated": header.get(SIMULATED[0]) is True,
        "source_path": str(fits.path),
    }
    try:
        return pa.Table.from_pylist([row], schema=_schema())
    except (pa.ArrowInvalid, OverflowError) as error:
        raise FormatError(str(fits.path), f"a card holds too large a number: {error}", "PRIMARY") from error


@cache
def _schema() -> pa.Schema:
    return definition().schema


def _value(path: str, key: str, value: Value, kind: str) -> object:
    """Return a card's value as its column's type; numbers may be written as integers or not, but not as text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or (kind == "string" and isinstance(value, str)):
        return value
    if kind == "float64" and number:
        return float(value)  # type: ignore[arg-type]
    if kind.startswith("int") and number and float(value).is_integer():  # type: ignore[arg-type]
        return int(value)  # type: ignore[arg-type]
    raise FormatError(path, f"card {key} is {value!r}, not of type {kind}", "PRIMARY")
