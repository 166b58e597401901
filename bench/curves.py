"""A lake of simulated light curves for the benchmarks, made once and kept in the scratch folder."""

from __future__ import annotations

from pathlib import Path

from report import SCRATCH

import skyhouse
from skyhouse.surveys import ztf

__all__ = ["curve_lake"]


def curve_lake(objects: int) -> Path:
    """Return a lake that has so many of ZTF's objects, simulated, in ztf.objects."""
    path = SCRATCH / f"ztf-{objects}"
    with skyhouse.open(path) as lake:
        if not lake.registry.has("ztf.objects"):
            ztf.simulate(lake, objects=objects)
    return path
