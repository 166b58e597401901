"""Simulated DR17 MAPS files of the survey's largest grid, 74 x 74 spaxels, kept in .bench/sas for all benchmarks."""

from __future__ import annotations

from pathlib import Path

from report import SCRATCH

from skyhouse.surveys.manga.paths import maps_path
from skyhouse.surveys.manga.simulate import simulate_galaxy_file, simulated_plateifus

SAS = SCRATCH / "sas"


def large_galaxies(count: int) -> list[str]:
    """Return the plate-IFU names of galaxies seen through 127 fibres."""
    names = simulated_plateifus(17 * -(-count // 5))
    return [name for name in names if name.partition("-")[2].startswith("127")][:count]


def simulated(name: str) -> Path:
    """Return a galaxy's MAPS file, made if it is not there yet."""
    path = SAS / maps_path(name)
    return path if path.exists() else simulate_galaxy_file(SAS, name)
