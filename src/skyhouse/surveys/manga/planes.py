"""The columns that the planes of MAPS files become: name, type, unit, UCD and description.

One table serves all releases: its columns are those of DR15 and of DR17 together. Units are spelled so that astropy
parses them. Where they are not the header's, this is why:

- A spaxel is astropy's pixel ("pix"), since astropy knows no spaxel.
- A radius that the headers give in kpc/h is in kpc for H0 = 100 km/s/Mpc: "h" reads as hours elsewhere.
- Weights (SPECINDEX_WGT) have the indices' units in the headers but none by the data model's own text.
- Index corrections and model indices have no unit in the headers; the data model's text says what they are in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from skyhouse.columns import Column
from skyhouse.surveys.manga.datamodel import INDICES, RELEASES, Hdu, column_name, hdus

__all__ = ["line_label", "mask_partners", "normal_unit", "plane_columns"]

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "",
        "arcsec": "arcsec",
        "arcsec^2": "arcsec2",
        "degrees": "deg",
        "kpc/h": "kpc",
        "km/s": "km/s",
        "ang": "Angstrom",
        "mag": "mag",
        "1E-17 erg/s/cm^2/spaxel": "1e-17 erg / (s cm2 pix)",
        "1E-17 erg/s/cm^2/ang/spaxel": "1e-17 erg / (s cm2 Angstrom pix)",
        "(km/s)^{-2}": "s2 / km2",
        "(ang)^{-2}": "1 / Angstrom2",
        "(mag)^{-2}": "1 / mag2",
        "(1E-17 erg/s/cm^2/spaxel)^{-2}": "1e34 s2 cm4 pix2 / erg2",
        "(1E-17 erg/s/cm^2/ang/spaxel)^{-2}": "1e34 s2 cm4 Angstrom2 pix2 / erg2",
    }
)

_SPECIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "OIId": ("the blended [O II] doublet", "em.line"),
        "OII": ("[O II]", "em.line"),
        "NeIII": ("[Ne III]", "em.line"),
        "HeI": ("He I", "em.line"),
        "HeII": ("He II", "em.line"),
        "OIII": ("[O III]", "em.line.OIII"),
        "NI": ("[N I]", "em.line"),
        "OI": ("[O I]", "em.line"),
        "NII": ("[N II]", "em.line"),
        "SII": ("[S II]", "em.line"),
        "ArIII": ("[Ar III]", "em.line"),
        "SIII": ("[S III]", "em.line"),
        "Ha": ("H-alpha", "em.line.Halpha"),
        "Hb": ("H-beta", "em.line.Hbeta"),
        "Hgam": ("H-gamma", "em.line.Hgamma"),
        "Hdel": ("H-delta", "em.line.Hdelta"),
        "Heps": ("H-epsilon", "em.line"),
        "Hzet": ("H-zeta", "em.line"),
        "Heta": ("H-eta", "em.line"),
        "Hthe": ("H-theta", "em.line"),
        "H11": ("H11", "em.line"),
        "H12": ("H12", "em.line"),
        "Peps": ("Pa-epsilon", "em.line"),
        "Pzet": ("Pa-zeta", "em.line"),
        "Peta": ("Pa-eta", "em.line"),
    }
)

_SKY = "offset on the sky from the galaxy's centre, positive to the {}"
_RE = "Elliptical radius over the elliptical-Petrosian half-light radius"
_KPC = "Elliptical radius in kpc for H0 = 100 km/s/Mpc (the header's kpc/h)"
_BIN = "number of the bin in {}, -1 where the spaxel was left out"
_FOM = {
    "rms": ("stat.rms", "root mean square of the residuals"),
    "frms": ("stat.rms", "root mean square of the fractional residuals"),
    "rchi2": ("stat.fit.chi2", "reduced chi-square"),
    "68th perc frac resid": ("stat.fit.residual", "68th percentile of the fractional residuals"),
    "99th perc frac resid": ("stat.fit.residual", "99th percentile of the fractional residuals"),
    "max frac resid": ("stat.fit.residual", "largest fractional residual"),
    "68th perc per pix chi": ("stat.fit.residual", "68th percentile of the residuals over their errors"),
    "99th perc per pix chi": ("stat.fit.residual", "99th percentile of the residuals over their errors"),
    "max per pix chi": ("stat.fit.residual", "largest residual over its error"),
}

# (UCD, description) of a plane, by its HDU and, where the channels are no list of lines or indices, its channel.
# "{}" is the line or index.
_MEANING: Final[Mapping[tuple[str, str], tuple[str, str]]] = MappingProxyType(
    {
        ("SPX_SKYCOO", "On-sky X"): ("pos.cartesian.x", f"The spaxel's {_SKY.format('east')}"),
        ("SPX_SKYCOO", "On-sky Y"): ("pos.cartesian.y", f"The spaxel's {_SKY.format('north')}"),
        ("SPX_ELLCOO", "Elliptical radius"): ("pos.angDistance", "Elliptical radius of the spaxel"),
        ("SPX_ELLCOO", "R/Re"): ("pos.distance", f"{_RE}, of the spaxel"),
        ("SPX_ELLCOO", "R h/kpc"): ("pos.distance", f"{_KPC}, of the spaxel"),
        ("SPX_ELLCOO", "Elliptical azimuth"): ("pos.posAng", "Azimuth of the spaxel in the galaxy's plane"),
        ("SPX_MFLUX", ""): ("phot.flux.density", "Mean g-band flux density of the spaxel, not corrected for dust"),
        ("SPX_SNR", ""): ("stat.snr", "Mean g-band signal-to-noise per wavelength channel of the spaxel"),
        ("BINID", "Binned spectra"): ("meta.id", _BIN.format("the spatial binning").capitalize()),
        ("BINID", "Stellar continua"): ("meta.id", _BIN.format("the stellar-continuum fit").capitalize()),
        ("BINID", "Em. line moments"): ("meta.id", _BIN.format("the emission-line moments").capitalize()),
        ("BINID", "Em. line models"): ("meta.id", _BIN.format("the emission-line fit").capitalize()),
        ("BINID", "Spectral indices"): ("meta.id", _BIN.format("the spectral indices").capitalize()),
        ("BIN_LWSKYCOO", "Lum. weighted on-sky X"): ("pos.cartesian.x", f"The bin's {_SKY.format('east')}"),
        ("BIN_LWSKYCOO", "Lum. weighted on-sky Y"): ("pos.cartesian.y", f"The bin's {_SKY.format('north')}"),
        ("BIN_LWELLCOO", "Lum. weighted elliptical radius"): ("pos.angDistance", "Elliptical radius of the bin"),
        ("BIN_LWELLCOO", "R/Re"): ("pos.distance", f"{_RE}, of the bin"),
        ("BIN_LWELLCOO", "R h/kpc"): ("pos.distance", f"{_KPC}, of the bin"),
        ("BIN_LWELLCOO", "Lum. weighted elliptical azimuth"): (
            "pos.posAng",
            "Azimuth of the bin in the galaxy's plane",
        ),
        ("BIN_AREA", ""): ("phys.angArea", "Area of the bin"),
        ("BIN_FAREA", ""): (
            "phys.angArea;arith.ratio",
            "Area of the bin over the area expected of its shape (radial bins)",
        ),
        ("BIN_MFLUX", ""): ("phot.flux.density", "Mean g-band flux density of the bin, not corrected for dust"),
        ("BIN_SNR", ""): ("stat.snr", "Mean g-band signal-to-noise per wavelength channel of the bin"),
        ("STELLAR_VEL", ""): ("spect.dopplerVeloc", "Line-of-sight velocity of the stars relative to the galaxy's cz"),
        ("STELLAR_SIGMA", ""): (
            "phys.veloc.dispersion",
            "Velocity dispersion of the stars as measured; the astrophysical one is sqrt(this^2 - stellar_sigmacorr^2)",
        ),
        ("STELLAR_SIGMACORR", ""): ("phys.veloc.dispersion", "Quadrature correction for stellar_sigma (DR15)"),
        ("STELLAR_SIGMACORR", "resolution difference"): (
            "phys.veloc.dispersion",
            "Quadrature correction for stellar_sigma, from the spectral resolutions: the one to use (DR17)",
        ),
        ("STELLAR_SIGMACORR", "fit"): (
            "phys.veloc.dispersion",
            "Quadrature correction for stellar_sigma, from a fit to a template (DR17); for comparison only",
        ),
        ("STELLAR_CONT_FRESID", "68th percentile"): (
            "stat.fit.residual",
            "Stellar-continuum fit: 68th percentile of the fractional residuals (DR15)",
        ),
        ("STELLAR_CONT_FRESID", "99th percentile"): (
            "stat.fit.residual",
            "Stellar-continuum fit: 99th percentile of the fractional residuals (DR15)",
        ),
        ("STELLAR_CONT_RCHI2", ""): ("stat.fit.chi2", "Stellar-continuum fit: reduced chi-square (DR15)"),
        ("EMLINE_SFLUX", ""): ("phot.flux", "Flux of {} summed over a passband, the stellar continuum subtracted"),
        ("EMLINE_SEW", ""): ("spect.line.eqWidth", "Equivalent width of {} from the summed flux, positive in emission"),
        ("EMLINE_SEW_CNT", ""): (
            "phot.flux.density;spect.continuum",
            "Continuum at {} that its summed equivalent width is taken over",
        ),
        ("EMLINE_GFLUX", ""): ("phot.flux", "Flux of {} from a Gaussian fit"),
        ("EMLINE_GEW", ""): ("spect.line.eqWidth", "Equivalent width of {} from a Gaussian fit, positive in emission"),
        ("EMLINE_GEW_CNT", ""): (
            "phot.flux.density;spect.continuum",
            "Continuum at {} that its fitted equivalent width is taken over",
        ),
        ("EMLINE_GVEL", ""): (
            "spect.dopplerVeloc",
            "Line-of-sight velocity of {} relative to the galaxy's cz; one velocity is fitted to all lines",
        ),
        ("EMLINE_GSIGMA", ""): (
            "phys.veloc.dispersion",
            "Velocity dispersion of {} as measured; the astrophysical one is sqrt(this^2 - emline_instsigma^2)",
        ),
        ("EMLINE_INSTSIGMA", ""): ("spect.resolution", "Instrumental dispersion at {}: corrects emline_gsigma"),
        ("EMLINE_TPLSIGMA", ""): ("spect.resolution", "Dispersion of the template of {} used in the fit"),
        ("EMLINE_GA", ""): ("spect.line.intensity", "Amplitude of the Gaussian fitted to {}"),
        ("EMLINE_GANR", ""): ("stat.snr", "Amplitude of the Gaussian fitted to {} over the noise beside it"),
        ("EMLINE_LFOM", ""): ("stat.fit.chi2", "Reduced chi-square of the fit in 15 pixels about {}"),
        ("SPECINDEX", ""): ("spect.index", "Spectral index {}, as Worthey and Trager define it"),
        ("SPECINDEX_CORR", ""): ("arith.factor", "Correction of specindex for {} to zero dispersion"),
        ("SPECINDEX_MODEL", ""): ("spect.index", "Spectral index {} of the best-fitting model spectrum"),
        ("SPECINDEX_BF", ""): ("spect.index", "Spectral index {}, as Burstein and Faber define it"),
        ("SPECINDEX_BF_CORR", ""): ("arith.factor", "Correction of specindex_bf for {} to zero dispersion"),
        ("SPECINDEX_BF_MODEL", ""): ("spect.index", "Burstein-Faber index {} of the best-fitting model spectrum"),
        ("SPECINDEX_WGT", ""): ("stat.weight", "Weight of specindex_bf for {} when indices of spaxels are averaged"),
        ("SPECINDEX_WGT_CORR", ""): ("arith.factor", "Correction of specindex_wgt for {} to zero dispersion"),
        ("SPECINDEX_WGT_MODEL", ""): ("stat.weight", "Weight specindex_wgt for {} of the best-fitting model spectrum"),
    }
)


def normal_unit(header_unit: str) -> str:
    """Return a header's unit in the one spelling that the tables use; raises KeyError for an unknown one.

    >>> normal_unit("(ang)^{-2}")
    '1 / Angstrom2'
    """
    return UNITS[header_unit]


def line_label(line: str) -> str:
    """Return a line's name as astronomers write it, with its vacuum wavelength in Angstrom.

    >>> line_label("OIII-5008")
    '[O III] 5008'
    """
    species, _, wavelength = line.partition("-")
    return f"{_SPECIES[species][0]} {wavelength}"


@cache
def plane_columns() -> Mapping[str, tuple[Column, ...]]:
    """Return the columns of every HDU of all releases: HDU name -> columns, in the newest release's order."""
    found: dict[str, dict[str, Column]] = {}
    for release in reversed(RELEASES):
        for hdu in hdus(release):
            columns = found.setdefault(hdu.name, {})
            for column in _columns(hdu):
                columns.setdefault(column.name, column)
    return MappingProxyType({name: tuple(columns.values()) for name, columns in found.items()})


@cache
def mask_partners() -> Mapping[str, str]:
    """Return which column holds the mask of a column: a measurement's, and that of its inverse variance.

    >>> mask_partners()["emline_gflux_ha_6564"]
    'emline_gflux_mask_ha_6564'
    """
    partners: dict[str, str] = {}
    for release in RELEASES:
        for hdu in hdus(release):
            if hdu.mask:
                channels = hdu.channels or ("",)
                partners |= {column_name(hdu.name, each): column_name(hdu.mask, each) for each in channels}
    return MappingProxyType(partners)


def _columns(hdu: Hdu) -> list[Column]:
    columns = []
    for channel, unit in zip(hdu.channels or ("",), _units(hdu), strict=True):
        ucd, text = _meaning(hdu.science or hdu.name, channel)
        if hdu.role == "QUALITY":
            ucd, text = "meta.code.qual", f"MANGA_DAPPIXMASK bits of {column_name(hdu.science, channel)}"
        elif hdu.role == "ERROR":
            ucd, text = "stat.weight", f"Inverse variance of {column_name(hdu.science, channel)}"
        elif hdu.name.endswith("_CORR"):
            text += ", to be added" if unit else ", to be multiplied by"
        columns.append(Column(column_name(hdu.name, channel), hdu.dtype, unit, ucd, text))
    return columns


def _units(hdu: Hdu) -> list[str]:
    """Return the unit of each plane of an HDU."""
    if hdu.name.startswith("SPECINDEX_WGT") or hdu.role == "QUALITY":
        return [""] * len(hdu.channels or ("",))
    if hdu.name.startswith("SPECINDEX") and hdu.name.endswith("_MODEL"):
        return [normal_unit(unit) for unit in INDICES.values()]
    if hdu.name.startswith("SPECINDEX") and hdu.name.endswith("_CORR"):
        return [unit if unit == "mag" else "" for unit in INDICES.values()]
    return [normal_unit(unit) for unit in hdu.channel_units or [hdu.unit] * len(hdu.channels or ("",))]


def _meaning(name: str, channel: str) -> tuple[str, str]:
    """Return the UCD and description of a plane that is no inverse variance and no mask."""
    if name.endswith("_FOM"):
        fit = "Stellar-continuum fit" if name == "STELLAR_FOM" else "Continuum and emission-line fit"
        return _FOM[channel][0], f"{fit}: {_FOM[channel][1]}"
    if (name, channel) in _MEANING:
        return _MEANING[name, channel]
    ucd, text = _MEANING[name, ""]
    if name.startswith("EMLINE_"):
        return f"{ucd};{_SPECIES[channel.partition('-')[0]][1]}", text.format(line_label(channel))
    return ucd, text.format(channel)
