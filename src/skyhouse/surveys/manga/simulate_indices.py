"""The spectral indices of a simulated galaxy, between their values in young and in old stars."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skyhouse.surveys.manga.datamodel import INDICES

__all__ = ["index_measurements"]

Floats = npt.NDArray[np.float32]

NOVALUE, UNRELIABLE, MATHERROR, NOCORRECTION, DONOTUSE = (1 << bit for bit in (4, 5, 6, 9, 30))
SKY_LINE_ANGSTROM = 5577.3  # the brightest line of the night sky: nothing is measured under it
REDDEST_ANGSTROM = 10_350.0

# index: rest wavelength [Angstrom], value in young stars and in old metal-rich ones, error x S/N as in a real file
_INDICES = {
    "CN1": (4160, -0.15, 0.08, 0.223),
    "CN2": (4164, -0.10, 0.12, 0.222),
    "Ca4227": (4229, 0.3, 1.3, 4.63),
    "G4300": (4299, -1.0, 5.5, 7.41),
    "Fe4383": (4396, 0.5, 5.0, 7.56),
    "Ca4455": (4464, 0.4, 1.6, 4.76),
    "Fe4531": (4548, 1.2, 3.4, 6.22),
    "C24668": (4679, 0.8, 6.0, 8.21),
    "Hb": (4864, 6.0, 1.7, 4.76),
    "Fe5015": (5017, 2.5, 5.5, 6.93),
    "Mg1": (5103, 0.02, 0.12, 0.106),
    "Mg2": (5177, 0.06, 0.26, 0.141),
    "Mgb": (5178, 1.2, 4.4, 4.62),
    "Fe5270": (5267, 1.2, 3.0, 4.85),
    "Fe5335": (5334, 1.0, 2.8, 4.63),
    "Fe5406": (5403, 0.6, 1.8, 3.90),
    "Fe5709": (5710, 0.4, 1.0, 4.54),
    "Fe5782": (5788, 0.3, 0.9, 4.10),
    "NaD": (5896, 1.0, 4.5, 4.72),
    "TiO1": (5968, 0.01, 0.035, 0.114),
    "TiO2": (6233, 0.015, 0.08, 0.084),
    "HDeltaA": (4104, 8.0, -2.0, 8.01),
    "HGammaA": (4343, 7.0, -6.0, 7.91),
    "HDeltaF": (4103, 5.5, 0.3, 5.84),
    "HGammaF": (4343, 5.5, -1.8, 5.33),
    "CaHK": (3951, 4.0, 20.0, 17.3),
    "CaII1": (8502, 1.0, 1.6, 4.93),
    "CaII2": (8544, 2.5, 4.0, 6.57),
    "CaII3": (8664, 2.0, 3.4, 7.58),
    "Pa17": (8469, 0.5, 0.1, 2.25),
    "Pa14": (8600, 0.8, 0.2, 7.35),
    "Pa12": (8753, 0.6, 0.2, 6.94),
    "MgICvD": (5172, 1.5, 4.5, 5.99),
    "NaICvD": (8193, 0.1, 0.7, 5.48),
    "MgIIR": (8809, 0.3, 0.5, 2.66),
    "FeHCvD": (9924, 0.1, 0.5, 27.0),
    "NaI": (8193, 0.2, 0.8, 7.84),
    "bTiO": (4800, 0.0, 0.025, 0.139),
    "aTiO": (5521, 0.005, 0.015, 0.069),
    "CaH1": (6368, 0.002, 0.012, 0.111),
    "CaH2": (6831, 0.01, 0.045, 0.059),
    "NaISDSS": (8190, 0.2, 0.8, 5.03),
    "TiO2SDSS": (6233, 0.015, 0.08, 0.084),
    "D4000": (4000, 1.15, 2.20, 0.265),
    "Dn4000": (4000, 1.05, 1.90, 0.324),
    "TiOCvD": (8860, 1.03, 1.07, 0.251),
}
# Beyond the template library's reach: the pipeline has no velocity dispersion correction for them.
_UNCORRECTED = frozenset(
    ["CaII1", "CaII2", "CaII3", "Pa17", "Pa14", "Pa12", "NaICvD", "MgIIR", "FeHCvD", "NaI", "NaISDSS", "TiOCvD"]
)
_METALS = frozenset(["C24668", "Fe4383", "Fe5015", "Fe5270", "Fe5335", "Mg1", "Mg2", "Mgb", "MgICvD", "NaD"])


def index_measurements(
    rng: np.random.Generator,
    age: Floats,
    metallicity: Floats,
    snr: Floats,
    flux: Floats,
    sigma_km_s: Floats,
    redshift: float,
    *,
    whole: bool,
) -> dict[str, npt.NDArray[Any]]:
    """Return the SPECINDEX* measurements of n spaxels, by HDU name, each of shape (46, n).

    `age` runs from 0 (young stars) to 1 (old), `metallicity` is 12 + log(O/H), `snr` and `flux` are per spaxel. With
    `whole` the DR17 extensions (model, Burstein-Faber definition, weights) are made as well; DR15 has none of them.
    """
    names = tuple(INDICES)
    table = np.array([_INDICES[name] for name in names], dtype="f4")
    wave, young, old, scale = (table[:, [k]] for k in range(4))
    rich = np.array([[0.5 if name in _METALS else 0.0] for name in names], dtype="f4")
    shape = (len(names), age.size)

    model = (young + (old - young) * age) * (1.0 + rich * (metallicity - 8.8))
    error = scale / snr * np.abs(1.0 + np.float32(0.08) * rng.standard_normal(shape, dtype="f4"))
    noise = rng.standard_normal(shape, dtype="f4")
    blur = (sigma_km_s / 100.0) ** 2
    magnitude = np.array([[INDICES[name] == "mag"] for name in names])
    ratio = np.array([[INDICES[name] == ""] for name in names])
    spread = np.float32(1.0) + np.float32(0.2) * rng.standard_normal(shape, dtype="f4")
    correction = np.where(magnitude, 0.0006 * blur * spread, 1.0 + np.where(ratio, 0.0002, 0.015) * blur * spread)

    observed = wave[:, 0] * (1.0 + redshift)
    hidden = (np.abs(observed - SKY_LINE_ANGSTROM) < 20.0) | (observed > REDDEST_ANGSTROM)
    chance = rng.random(shape, dtype="f4")
    absent = hidden[:, None] | ((chance < 0.006) & (snr < 15.0))
    uncorrected = np.array([[name in _UNCORRECTED] for name in names])
    mask = np.where(uncorrected, NOCORRECTION, 0).astype("i4") | np.where(chance > 0.993, UNRELIABLE, 0).astype("i4")
    mask[absent] = NOVALUE | UNRELIABLE | NOCORRECTION | DONOTUSE
    mask[absent & ratio & (chance < 0.003)] |= MATHERROR
    correction[absent | uncorrected] = 0

    values: dict[str, npt.NDArray[Any]] = {}

    def add(name: str, value: npt.NDArray[Any], sigma: npt.NDArray[Any], truth: npt.NDArray[Any]) -> None:
        measured = value.astype("f4")
        ivar = (1.0 / sigma**2).astype("f4")
        measured[absent] = 0
        ivar[absent] = 0
        values[name] = measured
        values[f"{name}_IVAR"] = ivar
        values[f"{name}_MASK"] = mask
        values[f"{name}_CORR"] = correction.astype("f4")
        if whole:
            of_model = truth.astype("f4")
            of_model[absent] = 0
            values[f"{name}_MODEL"] = of_model

    add("SPECINDEX", model + error * noise, error, model)
    if whole:
        other = 0.8 * noise + 0.6 * rng.standard_normal(shape, dtype="f4")
        add("SPECINDEX_BF", 0.98 * model + error * other, 1.05 * error, 0.98 * model)
        # The weights are the continuum summed over some 40 Angstrom of pass band.
        weight = 40.0 * flux * (wave / 4700.0) ** 0.5
        add("SPECINDEX_WGT", weight * (1.0 + 0.15 / snr * noise), 0.15 * weight / snr, weight)
    return values
