"""The emission lines of a simulated galaxy: fluxes, widths and velocities of every line, noise and masks included.

Three sources make the lines, each with its own equivalent width of H-alpha across the galaxy: young stars (line ratios
follow the metallicity), an active nucleus (Seyfert ratios) and hot old stars (LINER ratios). Light of two of them in
one spaxel gives the composites. Dust reddens them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LIGHT_SPEED_KM_S", "LineSources", "continuum", "emission_lines", "wavelength"]

Floats = npt.NDArray[np.float32]
Maps = dict[str, npt.NDArray[Any]]

LIGHT_SPEED_KM_S = 299_792.458
REDDEST_ANGSTROM = 10_350.0  # the spectrographs see nothing beyond
NOT_FITTED = -999.0  # what the analysis pipeline writes for a line that it could not fit

NOVALUE, UNRELIABLE, MATHERROR, FITFAILED, NEARBOUND, DONOTUSE = (1 << bit for bit in (4, 5, 6, 7, 8, 30))

# Recombination lines relative to H-beta: hydrogen in case B at 10^4 K (Osterbrock & Ferland 2006, table 4.4), helium as
# H II regions have it.
_RECOMBINATION = {
    "H12-3751": 0.0305,
    "H11-3771": 0.0397,
    "Hthe-3798": 0.0530,
    "Heta-3836": 0.0731,
    "HeI-3889": 0.100,
    "Hzet-3890": 0.105,
    "Heps-3971": 0.159,
    "Hdel-4102": 0.259,
    "Hgam-4341": 0.468,
    "Hb-4862": 1.0,
    "HeI-5877": 0.120,
    "Ha-6564": 2.86,
    "HeI-7067": 0.030,
    "Peta-9017": 0.0184,
    "Pzet-9231": 0.0254,
    "Peps-9548": 0.0365,
}

# Forbidden lines relative to H-beta: (Seyfert nucleus, hot old stars). Those of young stars depend on the metallicity.
_OTHER_SOURCES = {
    "OII-3727": (1.30, 2.60),
    "OII-3729": (1.50, 3.20),
    "NeIII-3869": (0.90, 0.45),
    "HeII-4687": (0.25, 0.05),
    "OIII-5008": (8.90, 2.20),
    "NI-5199": (0.06, 0.10),
    "NI-5201": (0.05, 0.09),
    "OI-6302": (0.42, 0.70),
    "NII-6585": (3.20, 4.50),
    "SII-6718": (0.95, 1.80),
    "SII-6732": (0.88, 1.45),
    "ArIII-7137": (0.22, 0.10),
    "ArIII-7753": (0.055, 0.025),
    "SIII-9533": (0.75, 0.45),
}

# Ratios that the pipeline keeps fixed in its fits: weak line -> (strong line, weak / strong).
_DOUBLETS = {
    "NeIII-3968": ("NeIII-3869", 0.30),
    "OIII-4960": ("OIII-5008", 0.34),
    "OI-6365": ("OI-6302", 0.328),
    "NII-6549": ("NII-6585", 0.327),
    "SIII-9071": ("SIII-9533", 0.41),
}


@dataclass(frozen=True, slots=True)
class LineSources:
    """What shines in each of n spaxels; every array is float32 of shape (n,).

    `young`, `nucleus` and `old` are the H-alpha equivalent widths of the three sources in Angstrom, `metallicity` is
    12 + log(O/H), `ebv` the E(B-V) of the gas in mag, `age` runs from 0 (young stars) to 1 (old ones), `flux` is the
    mean g-band flux density and `noise` its error, both in 1e-17 erg/s/cm2/Angstrom/spaxel.
    """

    young: Floats
    nucleus: Floats
    old: Floats
    metallicity: Floats
    ebv: Floats
    age: Floats
    flux: Floats
    noise: Floats
    velocity_km_s: Floats
    sigma_km_s: Floats
    tilt: Floats


def wavelength(line: str) -> float:
    """Return the vacuum wavelength in Angstrom that a channel's name says.

    >>> wavelength("Ha-6564")
    6564.0
    """
    return float(line.rsplit("-", 1)[1])


def continuum(flux: Floats, age: Floats, wavelengths_angstrom: npt.NDArray[Any]) -> Floats:
    """Return the stellar continuum at each wavelength, shape (wavelengths, n), from the g-band `flux` of shape (n,).

    Young stars are blue and old ones red; below 4000 Angstrom old stars are dimmed by the break.
    """
    wave = np.asarray(wavelengths_angstrom, dtype="f4")[:, None]
    slope = (1.6 * age - 1.0).astype("f4")[None, :]
    broken = np.where(wave < 4000.0, 1.0 / (1.15 + 0.75 * age[None, :]), 1.0).astype("f4")
    shape: Floats = flux[None, :] * np.exp(slope * np.log(wave / 4700.0)) * broken
    return shape


def _attenuation(wave_angstrom: npt.NDArray[Any]) -> Floats:
    # k(lambda) = A / E(B-V), a power law through R_V = 3.1 that keeps the H-alpha to H-beta difference near 1.16.
    law: Floats = (3.1 * (wave_angstrom / 5500.0) ** -1.2).astype("f4")
    return law


def _young(metallicity: Floats) -> dict[str, Floats]:
    """Line ratios to H-beta of H II regions.

    [NII]/Ha as in Pettini & Pagel (2004), [OIII]/Hb along the star-forming sequence of Kewley et al. (2013).
    """
    n2 = np.clip((metallicity - 8.90) / 0.57, -1.6, -0.36)
    o3 = np.clip(0.61 / (n2 + 0.08) + 1.02, -1.2, 0.75)
    dex = metallicity - 8.7
    sulphur = 2.86 * 10 ** (-0.48 - 0.25 * dex)
    oxygen2 = 10 ** (0.42 - 0.5 * dex)
    oxygen3 = 10**o3
    ratios = {
        "OII-3727": 0.43 * oxygen2,
        "OII-3729": 0.57 * oxygen2,
        "NeIII-3869": 0.08 * oxygen3,
        "HeII-4687": 0.008 * oxygen3,
        "OIII-5008": oxygen3,
        "NI-5199": 0.009 + 0 * dex,
        "NI-5201": 0.006 + 0 * dex,
        "OI-6302": 2.86 * 10 ** (-1.65 + 0.1 * dex),
        "NII-6585": 2.86 * 10**n2,
        "SII-6718": 0.58 * sulphur,
        "SII-6732": 0.42 * sulphur,
        "ArIII-7137": 0.06 + 0.02 * oxygen3,
        "ArIII-7753": 0.015 + 0.005 * oxygen3,
        "SIII-9533": 0.45 + 0.1 * oxygen3,
    }
    return {name: ratio.astype("f4") for name, ratio in ratios.items()}


def _ratios(lines: tuple[str, ...], source: LineSources) -> Floats:
    """Unreddened flux of each line over that of H-alpha, shape (lines, n)."""
    total = np.maximum(source.young + source.nucleus + source.old, 1e-6)
    young, nucleus, old = source.young / total, source.nucleus / total, source.old / total
    of_young = _young(source.metallicity)
    ratios = np.empty((len(lines), total.size), dtype="f4")
    for row, line in enumerate(lines):
        name, scale = _DOUBLETS.get(line, (line, 1.0))
        if name in _RECOMBINATION:
            ratios[row] = _RECOMBINATION[name] / 2.86
        else:
            seyfert, liner = _OTHER_SOURCES[name]
            ratios[row] = scale * (young * of_young[name] + nucleus * seyfert + old * liner) / 2.86
    return ratios


def emission_lines(
    rng: np.random.Generator,
    lines: tuple[str, ...],
    source: LineSources,
    redshift: float,
) -> Maps:
    """Return the EMLINE_* measurements of n spaxels, by HDU name, each of shape (lines, n).

    Values are float32 in the units of the data model (1e-17 erg/s/cm2/spaxel, Angstrom, km/s), masks int32 with the
    bits of MANGA_DAPPIXMASK. A line that could not be fitted is -999 or 0, as the pipeline leaves it.
    """
    wave = np.array([wavelength(line) for line in lines], dtype="f4")
    shape = (len(lines), source.flux.size)
    place = {line: row for row, line in enumerate(lines)}

    def normal() -> Floats:
        return rng.standard_normal(shape, dtype="f4")

    base = continuum(source.flux, source.age, wave)
    dust = _attenuation(wave)[:, None] - _attenuation(np.array([6564.0]))[:, None]
    alpha = (source.young + source.nucleus + source.old) * continuum(source.flux, source.age, np.array([6564.0]))[0]
    truth = alpha * _ratios(lines, source) * np.exp(np.float32(-0.4 * np.log(10.0)) * source.ebv * dust)

    instrument = (82.0 - 2.4 * (wave - 3727.0) / 1000.0)[:, None] * (1.0 + 0.012 * source.tilt)
    template = (59.61 - 3.2 * (wave - 3727.0) / 1000.0)[:, None] + np.zeros(shape, dtype="f4")
    width = np.hypot(instrument, source.sigma_km_s)
    width_angstrom = width * wave[:, None] / np.float32(LIGHT_SPEED_KM_S)
    # A Gaussian fit sees the noise of 2 sqrt(pi) sigma Angstrom of spectrum, and the photon noise of the line itself.
    grain = np.float32(1.0) + np.float32(0.06) * normal()
    variance = (source.noise**2 * (3.545 * width_angstrom) + 7e-4 * truth) * np.abs(grain) + np.float32(1e-9)
    error = np.sqrt(variance)
    drawn = normal()
    fitted = np.maximum(truth + error * drawn, 0)
    summed = 0.99 * truth + np.float32(1.12) * error * (0.8 * drawn + 0.6 * normal())
    for weak, (strong, ratio) in _DOUBLETS.items():
        if weak in place:
            fitted[place[weak]] = ratio * fitted[place[strong]]
            error[place[weak]] = ratio * error[place[strong]]
            variance[place[weak]] = error[place[weak]] ** 2
    ivar = 1.0 / variance
    snr = fitted / error

    beside = np.maximum(base * (1.0 + np.float32(0.25) * source.noise / source.flux * normal()), 0.02 * base)
    model = base * (1.0 + np.float32(0.002) * grain)
    speed_error = 60.0 / np.maximum(snr[place["Ha-6564"]], 0.3) + 0.2
    speed = source.velocity_km_s + speed_error * rng.standard_normal(shape[1], dtype="f4")
    width_error = 70.0 / np.maximum(snr, 0.3) + 0.2
    sigma = np.clip(width + np.minimum(width_error, 60.0) * normal(), template, 1001.8)

    maps: Maps = {
        "EMLINE_SFLUX": summed,
        "EMLINE_SFLUX_IVAR": ivar / 1.2544,
        "EMLINE_SEW": summed / beside,
        "EMLINE_SEW_CNT": beside,
        "EMLINE_SEW_IVAR": beside**2 / (1.2544 * variance + (summed * 0.3 * source.noise / beside) ** 2),
        "EMLINE_GFLUX": fitted,
        "EMLINE_GFLUX_IVAR": ivar,
        "EMLINE_GEW": fitted / model,
        "EMLINE_GEW_CNT": model,
        "EMLINE_GEW_IVAR": model**2 / (variance + (fitted * 0.3 * source.noise / model) ** 2),
        "EMLINE_GVEL": np.broadcast_to(speed, shape).copy(),
        "EMLINE_GVEL_IVAR": np.broadcast_to(speed_error**-2.0, shape).copy(),
        "EMLINE_GSIGMA": sigma,
        "EMLINE_GSIGMA_IVAR": width_error**-2.0,
        "EMLINE_INSTSIGMA": instrument + np.zeros(shape, dtype="f4"),
        "EMLINE_TPLSIGMA": template,
        "EMLINE_GA": fitted / (2.5066 * width_angstrom),
        "EMLINE_GANR": fitted / (2.5066 * width_angstrom * source.noise),
        "EMLINE_LFOM": np.abs(1.05 + 0.22 * normal() + 0.004 * snr),
    }
    _spoil(rng, maps, wave, snr, lines, redshift)
    return maps


def _spoil(
    rng: np.random.Generator,
    maps: Maps,
    wave: Floats,
    snr: Floats,
    lines: tuple[str, ...],
    redshift: float,
) -> None:
    """Add the masks, and what the pipeline leaves where a fit went wrong. The rates are those of a real file."""
    shape = snr.shape
    chance = rng.random(shape, dtype="f4")
    faint = snr.max(axis=0) < 30.0
    blue = (wave < 4200.0)[:, None]
    beyond = wave * (1.0 + redshift) > REDDEST_ANGSTROM
    unfitted = faint & (chance < np.where(blue, 0.02, 0.0015))
    undefined = (chance > 0.3) & (chance < 0.302)
    at_bound = (snr < 2.0) & (chance > 0.6) & (chance < 0.606)
    failed = np.broadcast_to(rng.random(shape[1]) < 0.001, shape)

    model = np.zeros(shape, dtype="i4")
    for where, bit in ((at_bound, NEARBOUND), (undefined, MATHERROR), (unfitted, NOVALUE), (failed, FITFAILED)):
        model[where] = bit | DONOTUSE
    model[beyond] = NOVALUE | DONOTUSE
    dispersion = model.copy()
    fine = model == 0
    unresolved = fine & (snr < 0.7)
    bounded = fine & ~unresolved & (snr < 3.0) & (chance < 0.4)
    for row, line in enumerate(lines):
        if line.startswith("OII-"):  # the two lines blend: their widths cannot be told
            unresolved[row] = fine[row]
            bounded[row] = False
    dispersion[unresolved] = MATHERROR | DONOTUSE
    dispersion[bounded] = NEARBOUND | DONOTUSE
    maps["EMLINE_GSIGMA_IVAR"][unresolved] = 0
    np.copyto(maps["EMLINE_GSIGMA"], maps["EMLINE_TPLSIGMA"], where=bounded)
    maps["EMLINE_GSIGMA"][at_bound] = 1001.8
    maps["EMLINE_GSIGMA_IVAR"][at_bound] = 0

    gone = unfitted | failed | beyond[:, None]
    for name in ("GFLUX", "GEW"):
        maps[f"EMLINE_{name}"][undefined | gone] = 0
        maps[f"EMLINE_{name}_IVAR"][undefined | gone] = 0
        maps[f"EMLINE_{name}"][unfitted] = NOT_FITTED
    maps["EMLINE_GSIGMA_IVAR"][undefined] = 0
    for name in (
        "GVEL",
        "GSIGMA",
        "INSTSIGMA",
        "TPLSIGMA",
        "GA",
        "GANR",
        "LFOM",
        "GVEL_IVAR",
        "GSIGMA_IVAR",
        "GEW_CNT",
    ):
        maps[f"EMLINE_{name}"][gone] = 0
    for name in ("GSIGMA", "INSTSIGMA", "TPLSIGMA"):
        maps[f"EMLINE_{name}"][unfitted] = NOT_FITTED
    # The pipeline moves every velocity to the galaxy's frame, its -999 included.
    maps["EMLINE_GVEL"][unfitted] = (NOT_FITTED - LIGHT_SPEED_KM_S * redshift) / (1.0 + redshift)

    moment = np.where((chance > 0.7) & (chance < 0.706), UNRELIABLE, 0).astype("i4")
    no_moment = unfitted | beyond[:, None]
    moment[no_moment] = NOVALUE | UNRELIABLE | DONOTUSE
    for row, line in enumerate(lines):
        if line == "OII-3729":  # summed together with its neighbour
            moment[row] = NOVALUE | DONOTUSE
            no_moment[row] = True
            maps["EMLINE_SFLUX"][row - 1] += maps["EMLINE_SFLUX"][row]
    for name in ("SFLUX", "SFLUX_IVAR", "SEW", "SEW_CNT", "SEW_IVAR"):
        maps[f"EMLINE_{name}"][no_moment] = 0
    for name in ("GFLUX", "GEW", "GVEL"):
        maps[f"EMLINE_{name}_MASK"] = model.copy()
    maps["EMLINE_GSIGMA_MASK"] = dispersion
    maps["EMLINE_SFLUX_MASK"] = moment
    maps["EMLINE_SEW_MASK"] = moment.copy()
