"""What a MaNGA MAPS file holds, by release: its HDUs, their channels and units, and its header cards.

Facts of the published data model of the MaNGA Data Analysis Pipeline (DAP): Westfall et al. 2019, AJ 158, 231; Belfiore
et al. 2019, AJ 158, 160; SDSS data model "mangaMaps" for DR15 and DR17. DR16 did not change it.

A channel is named in the header of its HDU (cards C1, C2 ... or C01, C02 ...). Its place differs by release (H-alpha is
the 19th of 22 lines in DR15, the 24th of 35 in DR17), so that nothing here is ever looked up by place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from skyhouse.errors import InputError, did_you_mean

__all__ = [
    "INDICES",
    "RELEASES",
    "SIMULATED",
    "Card",
    "Hdu",
    "column_name",
    "extension_cards",
    "hdus",
    "lines",
    "primary_cards",
    "slug",
]

Card = tuple[str, bool | int | float | str, str]
"""A header card: keyword, value, comment."""

RELEASES: Final = ("DR15", "DR16", "DR17")
SIMULATED: Final[Card] = ("SIMULATD", True, "made by a simulator, not observed")
"""The card that a simulated file carries in its primary header, besides those of a real one."""

# The lines after the [O II] 3727 doublet's first, which the two ways of measuring name differently: a summed flux is of
# the blended doublet (OIId-3728), a fitted one of its first line (OII-3727). A star: DR17 only.
_LINES = """
OII-3729 H12-3751* H11-3771* Hthe-3798 Heta-3836 NeIII-3869 HeI-3889* Hzet-3890 NeIII-3968 Heps-3971 Hdel-4102 Hgam-4341
HeII-4687 Hb-4862 OIII-4960 OIII-5008 NI-5199* NI-5201* HeI-5877 OI-6302 OI-6365 NII-6549 Ha-6564 NII-6585 SII-6718
SII-6732 HeI-7067* ArIII-7137* ArIII-7753* Peta-9017* SIII-9071* Pzet-9231* SIII-9533* Peps-9548*
""".split()

_INDEX_NAMES = """
CN1 CN2 Ca4227 G4300 Fe4383 Ca4455 Fe4531 C24668 Hb Fe5015 Mg1 Mg2 Mgb Fe5270 Fe5335 Fe5406 Fe5709 Fe5782 NaD TiO1 TiO2
HDeltaA HGammaA HDeltaF HGammaF CaHK CaII1 CaII2 CaII3 Pa17 Pa14 Pa12 MgICvD NaICvD MgIIR FeHCvD NaI bTiO aTiO CaH1 CaH2
NaISDSS TiO2SDSS D4000 Dn4000 TiOCvD
""".split()
_MAGNITUDES = frozenset("CN1 CN2 Mg1 Mg2 TiO1 TiO2 bTiO aTiO CaH1 CaH2 TiO2SDSS".split())
_RATIOS = frozenset({"D4000", "Dn4000", "TiOCvD"})

INDICES: Final[Mapping[str, str]] = {
    name: "mag" if name in _MAGNITUDES else "" if name in _RATIOS else "ang" for name in _INDEX_NAMES
}
"""The 46 spectral indices, in the files' order: name -> unit as the headers spell it ("ang", "mag" or "")."""

_FLUX = "1E-17 erg/s/cm^2/spaxel"
_DENSITY = "1E-17 erg/s/cm^2/ang/spaxel"
_FOM = {
    "rms": _DENSITY,
    "frms": "",
    "rchi2": "",
    "68th perc frac resid": "",
    "99th perc frac resid": "",
    "max frac resid": "",
    "68th perc per pix chi": "",
    "99th perc per pix chi": "",
    "max per pix chi": "",
}
_BINIDS = ("Binned spectra", "Stellar continua", "Em. line moments", "Em. line models", "Spectral indices")

# Name and unit (BUNIT) of every HDU, in file order. "+" stands for an inverse variance and a mask after it.
_DR15_HDUS = f"""
SPX_SKYCOO arcsec
SPX_ELLCOO
SPX_MFLUX {_DENSITY}
SPX_MFLUX_IVAR
SPX_SNR
BINID
BIN_LWSKYCOO arcsec
BIN_LWELLCOO
BIN_AREA arcsec^2
BIN_FAREA
BIN_MFLUX+ {_DENSITY}
BIN_SNR
STELLAR_VEL+ km/s
STELLAR_SIGMA+ km/s
STELLAR_SIGMACORR km/s
STELLAR_CONT_FRESID
STELLAR_CONT_RCHI2
EMLINE_SFLUX+ {_FLUX}
EMLINE_SEW+ ang
EMLINE_GFLUX+ {_FLUX}
EMLINE_GEW+ ang
EMLINE_GVEL+ km/s
EMLINE_GSIGMA+ km/s
EMLINE_INSTSIGMA km/s
EMLINE_TPLSIGMA km/s
SPECINDEX+
SPECINDEX_CORR
"""
_DR17_HDUS = f"""
{_DR15_HDUS.partition("STELLAR_CONT_FRESID")[0]}STELLAR_FOM
EMLINE_SFLUX+ {_FLUX}
EMLINE_SEW ang
EMLINE_SEW_CNT {_DENSITY}
EMLINE_SEW_IVAR
EMLINE_SEW_MASK
EMLINE_GFLUX+ {_FLUX}
EMLINE_GEW ang
EMLINE_GEW_CNT {_DENSITY}
EMLINE_GEW_IVAR
EMLINE_GEW_MASK
EMLINE_GVEL+ km/s
EMLINE_GSIGMA+ km/s
EMLINE_INSTSIGMA km/s
EMLINE_TPLSIGMA km/s
EMLINE_GA {_DENSITY}
EMLINE_GANR
EMLINE_FOM
EMLINE_LFOM
SPECINDEX+
SPECINDEX_CORR
SPECINDEX_MODEL
SPECINDEX_BF+
SPECINDEX_BF_CORR
SPECINDEX_BF_MODEL
SPECINDEX_WGT+
SPECINDEX_WGT_CORR
SPECINDEX_WGT_MODEL
"""


@dataclass(frozen=True, slots=True)
class Hdu:
    """One image HDU of a MAPS file.

    `dtype` is "float32" or "int32". `channels` are the names of its planes as the header has them, none where the HDU
    is a single plane. `unit` is its BUNIT and `channel_units` the units by channel (cards U1, U2 ...), as the headers
    spell them. `science` is the HDU that an inverse variance or mask belongs to, `error` and `mask` are its partners.
    """

    name: str
    dtype: str
    channels: tuple[str, ...] = ()
    unit: str = ""
    channel_units: tuple[str, ...] = ()
    science: str = ""
    error: str = ""
    mask: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names of the planes, in the file's order."""
        return tuple(column_name(self.name, channel) for channel in self.channels) or (column_name(self.name),)

    @property
    def role(self) -> str:
        """What it holds, as HDUCLAS2 says it: "DATA", "ERROR" or "QUALITY"."""
        if not self.science:
            return "DATA"
        return "QUALITY" if self.dtype == "int32" else "ERROR"

    def shape(self, ny: int, nx: int) -> tuple[int, ...]:
        """Return the array shape of the HDU for a grid of ny by nx spaxels: (ny, nx) or (channels, ny, nx)."""
        return (len(self.channels), ny, nx) if self.channels else (ny, nx)


def slug(channel: str) -> str:
    """Return a channel's name as it stands in column names: lower case, all but letters and digits as underscores.

    >>> slug("Ha-6564"), slug("R h/kpc"), slug("Lum. weighted on-sky X")
    ('ha_6564', 'r_h_kpc', 'lum_weighted_on_sky_x')
    """
    return re.sub(r"[^0-9a-z]+", "_", channel.lower()).strip("_")


@lru_cache(maxsize=4096)
def column_name(hdu: str, channel: str = "") -> str:
    """Return the column name of a plane, as Marvin names it.

    >>> column_name("EMLINE_GFLUX_IVAR", "Ha-6564")
    'emline_gflux_ivar_ha_6564'
    >>> column_name("STELLAR_VEL")
    'stellar_vel'
    """
    return f"{hdu.lower()}_{slug(channel)}" if channel else hdu.lower()


def lines(release: str, *, summed: bool = False) -> tuple[str, ...]:
    """Return the emission lines of a release in the files' order: fitted ones, or those of the summed moments.

    Raises InputError for a release that is not known.

    >>> lines("DR15").index("Ha-6564"), lines("DR17").index("Ha-6564")
    (18, 23)
    >>> lines("DR17")[0], lines("DR17", summed=True)[0]
    ('OII-3727', 'OIId-3728')
    """
    all_lines = _release(release) == "DR17"
    first = "OIId-3728" if summed else "OII-3727"
    return (first, *(line.rstrip("*") for line in _LINES if all_lines or not line.endswith("*")))


@cache
def hdus(release: str) -> tuple[Hdu, ...]:
    """Return the image HDUs of a release's MAPS files in file order: 47 in DR15 and DR16, 63 in DR17.

    The primary HDU, which holds no image, is not among them. Raises InputError for a release that is not known.

    >>> [hdu.name for hdu in hdus("DR17")][:3]
    ['SPX_SKYCOO', 'SPX_ELLCOO', 'SPX_MFLUX']
    """
    listing = _DR17_HDUS if _release(release) == "DR17" else _DR15_HDUS
    units: dict[str, str] = {}
    for line in listing.split("\n"):
        name, _, unit = line.partition(" ")
        if name:
            units[name.rstrip("+")] = unit
        if name.endswith("+"):
            units[f"{name[:-1]}_IVAR"] = units[f"{name[:-1]}_MASK"] = ""
    return tuple(_hdu(name, units, _release(release)) for name in units)


def _hdu(name: str, units: Mapping[str, str], release: str) -> Hdu:
    base, _, kind = name.rpartition("_")
    partner = kind in ("IVAR", "MASK")
    science = base if partner else name
    channels, channel_units = _channels(name, release)
    unit = f"({units[science]})^{{-2}}" if kind == "IVAR" and units[science] else units[name]
    if kind == "IVAR":
        channel_units = tuple(f"({each})^{{-2}}" if each else "" for each in channel_units)
    error, mask = f"{science}_IVAR", f"{science}_MASK"
    return Hdu(
        name,
        "int32" if kind == "MASK" or name == "BINID" else "float32",
        channels,
        unit,
        () if kind == "MASK" else channel_units,
        science=base if partner else "",
        error=error if error in units and error != name else "",
        mask=mask if mask in units and mask != name else "",
    )


def _channels(name: str, release: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the channel names of an HDU and, where the header gives them, their units."""
    dr17 = release == "DR17"
    weighted = name.startswith("BIN_LW")
    found: tuple[tuple[str, ...], tuple[str, ...]]
    match name.partition("_")[0], name.rpartition("_")[2]:
        case _, "SKYCOO" | "LWSKYCOO":
            sky = "Lum. weighted on-sky" if weighted else "On-sky"
            found = ((f"{sky} X", f"{sky} Y"), ())
        case _, "ELLCOO" | "LWELLCOO":
            polar = "Lum. weighted elliptical" if weighted else "Elliptical"
            units = {f"{polar} radius": "arcsec", "R/Re": "", "R h/kpc": "kpc/h", f"{polar} azimuth": "degrees"}
            if not dr17:
                del units["R h/kpc"]
            found = (tuple(units), tuple(units.values()))
        case _, "FOM":
            found = (tuple(_FOM), tuple(_FOM.values()))
        case "EMLINE", _:
            found = (lines(release, summed=name.startswith("EMLINE_S")), ())
        case "SPECINDEX", "CORR" | "MODEL":
            found = (tuple(INDICES), ())
        case "SPECINDEX", _:
            found = (tuple(INDICES), tuple(INDICES.values()))
        case "STELLAR", "SIGMACORR" if dr17:
            found = (("resolution difference", "fit"), ())
        case _, "FRESID":
            found = (("68th percentile", "99th percentile"), ())
        case "BINID", _:
            found = (_BINIDS, ())
        case _:
            found = ((), ())
    return found


def _release(name: str) -> str:
    """Return the release whose model holds for a release's name: DR16 is of DR15's."""
    if name not in RELEASES:
        raise InputError(f"no MaNGA release {name!r}{did_you_mean(name, RELEASES)}; there are {', '.join(RELEASES)}")
    return "DR15" if name == "DR16" else name


@cache
def primary_cards() -> tuple[Card, ...]:
    """Return the 147 cards of a DR17 MAPS file's primary header, in order, with 8485-1901's values as examples."""
    text = (Path(__file__).parent / "data" / "primary.json").read_text(encoding="utf-8")
    return tuple((key, value, comment) for key, value, comment in json.loads(text))


def extension_cards(hdu: Hdu, ny: int, nx: int, primary: Mapping[str, bool | int | float | str]) -> list[Card]:
    """Return the header cards of one image HDU as DR17 files have them, in order.

    `primary` gives what is taken over from the primary header: IFURA, IFUDEC, MJDMED, DATE-OBS. The two cards of a
    checksum come last and hold none yet ("" and "0").
    """
    third = bool(hdu.channels)
    axes = 3 if third else 2
    reference = ("Pixel coordinate of reference point", "Coordinate transformation matrix element")
    step = "Coordinate increment at reference point"
    unit = "Units of coordinate increment and value"
    value = "Coordinate value at reference point"
    spaxel_deg = 0.000138889
    ra, dec = primary["IFURA"], primary["IFUDEC"]
    cards: list[Card | None] = [
        ("XTENSION", "IMAGE", "Image extension"),
        ("BITPIX", 32 if hdu.dtype == "int32" else -32, "array data type"),
        ("NAXIS", axes, "number of array dimensions"),
        ("NAXIS1", nx, ""),
        ("NAXIS2", ny, ""),
        ("NAXIS3", len(hdu.channels), "") if third else None,
        ("PCOUNT", 0, "number of parameters"),
        ("GCOUNT", 1, "number of groups"),
        ("WCSAXES", axes, "Number of coordinate axes"),
        ("CRPIX1", float(nx // 2 + 1), reference[0]),
        ("CRPIX2", float(ny // 2 + 1), reference[0]),
        ("CRPIX3", 1.0, reference[0]) if third else None,
        ("PC1_1", -spaxel_deg, reference[1]),
        ("PC2_2", spaxel_deg, reference[1]),
        ("CDELT1", 1.0, f"[deg] {step}"),
        ("CDELT2", 1.0, f"[deg] {step}"),
        ("CDELT3", 1.0, step) if third else None,
        ("CUNIT1", "deg", unit),
        ("CUNIT2", "deg", unit),
        ("CTYPE1", "RA---TAN", "Right ascension, gnomonic projection"),
        ("CTYPE2", "DEC--TAN", "Declination, gnomonic projection"),
        ("CTYPE3", "", "Undefined type") if third else None,
        ("CRVAL1", ra, f"[deg] {value}"),
        ("CRVAL2", dec, f"[deg] {value}"),
        ("CRVAL3", 1.0, value) if third else None,
        ("LONPOLE", 180.0, "[deg] Native longitude of celestial pole"),
        ("LATPOLE", dec, "[deg] Native latitude of celestial pole"),
        ("MJDREF", 0.0, "[d] MJD of fiducial time"),
        ("DATE-OBS", primary["DATE-OBS"], "Date of median exposure"),
        ("MJD-OBS", float(primary["MJDMED"]), "[d] MJD for DATE-OBS"),
        ("RADESYS", "FK5", "Equatorial coordinate system"),
        ("EQUINOX", 2000.0, "[yr] Equinox of equatorial coordinates"),
        ("CUNIT3", "", "Undefined units") if third else None,
        ("AUTHOR", primary["AUTHOR"], ""),
        ("MASKNAME", "MANGA_DAPPIXMASK", ""),
        *_channel_cards(hdu.channels, hdu.channel_units),
        ("BUNIT", hdu.unit, "Unit of pixel value") if hdu.unit else None,
        ("HDUCLASS", "SDSS", "SDSS format class"),
        ("HDUCLAS1", "CUBE" if third else "IMAGE", "Data format"),
        ("HDUCLAS2", hdu.role, ""),
        ("HDUCLAS3", "INVMSE", "Value is inverse mean-square error") if hdu.role == "ERROR" else None,
        ("HDUCLAS3", "FLAG32BIT", "32-bit mask") if hdu.role == "QUALITY" else None,
        ("SCIDATA", hdu.science, "Associated data extension") if hdu.science else None,
        ("ERRDATA", hdu.error, "Associated inv. variance extension") if hdu.error else None,
        ("QUALDATA", hdu.mask, "Associated quality extension") if hdu.mask else None,
        ("EXTNAME", hdu.name, "extension name"),
        ("CHECKSUM", "", "HDU checksum"),
        ("DATASUM", "0", "data unit checksum"),
    ]
    return [card for card in cards if card is not None]


def _channel_cards(channels: Sequence[str], units: Sequence[str]) -> list[Card]:
    digits = len(str(len(channels)))
    cards: list[Card] = []
    for number, channel in enumerate(channels, start=1):
        cards.append((f"C{number:0{digits}}", channel, f"Data in channel {number}"))
        if units:
            cards.append((f"U{number:0{digits}}", units[number - 1], f"Units of data in channel {number}"))
    return cards
