"""Skyhouse: SQL and Python over survey astronomy's big tables.

    import skyhouse
    lake = skyhouse.open("lake")
    lake.sql("SELECT plateifu, count(*) AS n FROM manga.spaxels WHERE good GROUP BY plateifu").to_astropy()

Importing this package loads no engine and does no work: each public name is loaded from its module when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skyhouse import lightcurves, surveys
    from skyhouse.columns import Column
    from skyhouse.errors import SkyhouseError
    from skyhouse.objects.function import function
    from skyhouse.query.query import Query
    from skyhouse.session import Lake, open  # noqa: A004 - skyhouse.open reads as zarr.open and tarfile.open do
    from skyhouse.settings import Settings

__all__ = ["Column", "Lake", "Query", "Settings", "SkyhouseError", "function", "lightcurves", "open", "surveys"]
__version__ = "0.1.0"

_HOMES = {
    "Column": "skyhouse.columns",
    "Lake": "skyhouse.session",
    "Query": "skyhouse.query.query",
    "Settings": "skyhouse.settings",
    "SkyhouseError": "skyhouse.errors",
    "function": "skyhouse.objects.function",
    "open": "skyhouse.session",
}


def __getattr__(name: str) -> Any:
    if name in ("lightcurves", "surveys"):
        return importlib.import_module(f"skyhouse.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'skyhouse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
