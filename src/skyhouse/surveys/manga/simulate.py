"""Simulated MaNGA: MAPS files in the archive's own folders, and their DRPall table, for demo, tests and benchmarks.

The files have the HDUs, header cards, units, channel names, masks and checksums of the real ones and say in the headers
that they are simulated (SIMULATD = T). The same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from skyhouse.errors import InputError
from skyhouse.surveys.manga.paths import drpall_path, maps_path
from skyhouse.surveys.manga.simulate_fits import primary_values, write_maps, write_table
from skyhouse.surveys.manga.simulate_galaxy import Nature, SimulatedGalaxy, model, nature

__all__ = [
    "Nature",
    "SimulatedGalaxy",
    "drpall_columns",
    "model",
    "nature",
    "simulate",
    "simulate_drpall",
    "simulate_galaxy_file",
    "simulated_plateifus",
    "write_maps",
]

# The bundles of one plate: two of 19 fibres, four of 37 and of 61, two of 91, five of 127. The order mixes the sizes.
_BUNDLES = (12701, 1901, 3701, 6101, 9101, 12702, 3702, 6102, 12703, 1902, 3703, 6103, 9102, 12704, 3704, 6104, 12705)
_FIRST_PLATE, _PLATES = 7443, 5330


def simulated_plateifus(galaxies: int, seed: int = 1) -> list[str]:
    """Return the plate-IFU names of the first galaxies of a seed: whole plates, in the survey's mix of bundle sizes.

    Raises InputError for a number below 1 or beyond the numbers of all plates.

    >>> simulated_plateifus(2)[0].partition("-")[2]
    '12701'
    """
    if not 1 <= galaxies <= _PLATES * len(_BUNDLES):
        raise InputError(f"cannot simulate {galaxies} galaxies; give a number from 1 to {_PLATES * len(_BUNDLES)}")
    # 1009 and the number of plates have no common factor: the steps reach every plate once.
    start = int(np.random.default_rng(seed).integers(_PLATES))
    of = [_FIRST_PLATE + (start + 1009 * number) % _PLATES for number in range(-(-galaxies // len(_BUNDLES)))]
    return [f"{of[k // len(_BUNDLES)]}-{_BUNDLES[k % len(_BUNDLES)]}" for k in range(galaxies)]


def simulate(
    folder: str | Path,
    galaxies: int = 60,
    seed: int = 1,
    release: str = "DR17",
    plateifus: Iterable[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write simulated MAPS files and their DRPall under a folder, in the archive's layout; return the MAPS paths.

    `release` is "DR17" or "DR15". `plateifus` names the galaxies; without it there are `galaxies` of them, on plates
    drawn from the seed. `progress(done, total)` is called after each file. Raises InputError.

    For many files, use `simulate_galaxy_file` from several processes.
    """
    names = simulated_plateifus(galaxies, seed) if plateifus is None else list(plateifus)
    paths = []
    for done, name in enumerate(names, start=1):
        paths.append(simulate_galaxy_file(folder, name, seed, release))
        if progress is not None:
            progress(done, len(names))
    simulate_drpall(folder, names, seed, release)
    return paths


def simulate_galaxy_file(folder: str | Path, plateifu: str, seed: int = 1, release: str = "DR17") -> Path:
    """Write the MAPS file of one simulated galaxy in the archive's layout under a folder, and return its path."""
    return write_maps(model(seed, plateifu, release), Path(folder) / maps_path(plateifu, release))


def simulate_drpall(folder: str | Path, plateifus: Iterable[str], seed: int = 1, release: str = "DR17") -> Path:
    """Write the DRPall table (one row per galaxy) of simulated galaxies in the archive's layout; return its path."""
    columns = drpall_columns([nature(seed, name) for name in plateifus], release)
    return write_table(Path(folder) / drpall_path(release), "MANGA", columns)


def drpall_columns(galaxies: Iterable[Nature], release: str = "DR17") -> dict[str, tuple[np.ndarray[Any, Any], str]]:
    """Return the columns of a DRPall table of simulated galaxies: name -> values and unit.

    What the MAPS headers say too is the same there. Photometry has the seven bands F, N, u, g, r, i, z.
    """
    of = list(galaxies)
    headers = [primary_values(each, release) for each in of]

    def header(keyword: str) -> np.ndarray[Any, Any]:
        return np.array([values[keyword] for values in headers])

    def each(take: Callable[[Nature], Any]) -> np.ndarray[Any, Any]:
        return np.array([take(galaxy) for galaxy in of])

    mass = 10 ** each(lambda galaxy: galaxy.log_mass)
    old = each(lambda galaxy: galaxy.kind in ("LINER", "quiescent")).astype(float)
    redshift = each(lambda galaxy: galaxy.redshift)
    # Colours and mass-to-light ratios typical of blue and of red galaxies.
    blue = np.array([4.6, 3.4, 1.4, 0.0, -0.45, -0.7, -0.9])
    redder = np.array([1.6, 1.5, 0.4, 0.0, -0.3, -0.4, -0.5])
    colours = blue + old[:, None] * redder
    magnitude = -2.5 * np.log10(mass)[:, None] + 6.3 + 0.5 * old[:, None] + colours
    distance = 5 * np.log10(np.maximum(redshift, 1e-4) * 2997.92 * (1 + 0.3 * redshift)) + 25
    nanomaggies = 10 ** (-0.4 * (magnitude + distance[:, None] - 22.5))
    axis_ratio = each(lambda galaxy: galaxy.axis_ratio)
    radius = each(lambda galaxy: galaxy.radius_arcsec)
    angle = each(lambda galaxy: galaxy.position_angle_deg)
    sersic = each(lambda galaxy: 1.0 + 4.5 * galaxy.bulge)
    plain = {
        name: (header(keyword), unit)
        for name, keyword, unit in (
            ("versdrp2", "VERSDRP2", ""),
            ("versdrp3", "VERSDRP3", ""),
            ("ifuglon", "IFUGLON", "deg"),
            ("ifuglat", "IFUGLAT", "deg"),
            ("ifura", "IFURA", "deg"),
            ("ifudec", "IFUDEC", "deg"),
            ("ebvgal", "EBVGAL", ""),
            ("nexp", "NEXP", ""),
            ("exptime", "EXPTIME", "s"),
            ("drp3qual", "DRP3QUAL", ""),
            ("bluesn2", "BLUESN2", ""),
            ("redsn2", "REDSN2", ""),
            ("designid", "DESIGNID", ""),
            ("cenra", "CENRA", "deg"),
            ("cendec", "CENDEC", "deg"),
            ("seemin", "SEEMIN", "arcsec"),
            ("seemed", "SEEMED", "arcsec"),
            ("seemax", "SEEMAX", "arcsec"),
            ("transmin", "TRANSMIN", ""),
            ("transmed", "TRANSMED", ""),
            ("transmax", "TRANSMAX", ""),
            ("mjdmin", "MJDMIN", ""),
            ("mjdmed", "MJDMED", ""),
            ("mjdmax", "MJDMAX", ""),
            ("gfwhm", "GFWHM", "arcsec"),
            ("rfwhm", "RFWHM", "arcsec"),
            ("ifwhm", "IFWHM", "arcsec"),
            ("zfwhm", "ZFWHM", "arcsec"),
            ("mngtarg1", "MNGTARG1", ""),
        )
    }
    none = np.zeros(len(of), dtype="i8")
    return {
        "plate": (header("PLATEID"), ""),
        "ifudsgn": (header("IFUDSGN"), ""),
        "plateifu": (header("PLATEIFU"), ""),
        "mangaid": (header("MANGAID"), ""),
        "objra": (header("OBJRA"), "deg"),
        "objdec": (header("OBJDEC"), "deg"),
        **plain,
        "mngtarg2": (none, ""),
        "mngtarg3": (none, ""),
        "ifudesignsize": (each(lambda galaxy: galaxy.fibres), ""),
        "ifutargetsize": (each(lambda galaxy: galaxy.fibres), ""),
        "z": (redshift, ""),
        "nsa_z": (redshift, ""),
        "nsa_zdist": (redshift + 1e-4, ""),
        "nsa_nsaid": (each(lambda galaxy: int(galaxy.mangaid[2:])), ""),
        "nsa_sersic_mass": (mass * 1.06, "solMass"),
        "nsa_elpetro_mass": (mass, "solMass"),
        "nsa_elpetro_ba": (axis_ratio, ""),
        "nsa_elpetro_phi": (angle, "deg"),
        "nsa_elpetro_th50_r": (radius, "arcsec"),
        "nsa_sersic_ba": (axis_ratio, ""),
        "nsa_sersic_n": (sersic, ""),
        "nsa_sersic_phi": (angle, "deg"),
        "nsa_sersic_th50": (radius * 1.04, "arcsec"),
        "nsa_elpetro_absmag": (magnitude, "mag"),
        "nsa_sersic_absmag": (magnitude - 0.03, "mag"),
        "nsa_elpetro_flux": (nanomaggies, "nanomaggies"),
        "nsa_elpetro_flux_ivar": ((0.02 * nanomaggies + 0.3) ** -2.0, "nanomaggies-2"),
    }
