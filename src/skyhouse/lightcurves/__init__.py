"""Light curves: cleaning, features and periods of nested curves, as kernels on Arrow's buffers.

Importing this package loads no numba: each public name is loaded from its module when first used. No module here has
the name of a function that this package offers, for importing it would hide the function.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skyhouse.lightcurves.aov import multiharmonic_aov
    from skyhouse.lightcurves.bls import box_least_squares
    from skyhouse.lightcurves.candidates import Candidates, search
    from skyhouse.lightcurves.clean import Clean, merged
    from skyhouse.lightcurves.curves import Band
    from skyhouse.lightcurves.entropy import conditional_entropy
    from skyhouse.lightcurves.features_function import features
    from skyhouse.lightcurves.features_list import FEATURES, PAIR_FEATURES
    from skyhouse.lightcurves.folded import FOLDED_FEATURES, folded_features
    from skyhouse.lightcurves.lombscargle import lomb_scargle
    from skyhouse.lightcurves.period import periods
    from skyhouse.lightcurves.ranking import Ranked, rank
    from skyhouse.lightcurves.significance import ALIASES, aliases, false_alarm_probability

__all__ = [
    "ALIASES",
    "FEATURES",
    "FOLDED_FEATURES",
    "PAIR_FEATURES",
    "Band",
    "Candidates",
    "Clean",
    "Ranked",
    "aliases",
    "box_least_squares",
    "conditional_entropy",
    "false_alarm_probability",
    "features",
    "folded_features",
    "lomb_scargle",
    "merged",
    "multiharmonic_aov",
    "periods",
    "rank",
    "search",
]

_HOMES = {
    "box_least_squares": "skyhouse.lightcurves.bls",
    "conditional_entropy": "skyhouse.lightcurves.entropy",
    "multiharmonic_aov": "skyhouse.lightcurves.aov",
    "ALIASES": "skyhouse.lightcurves.significance",
    "Band": "skyhouse.lightcurves.curves",
    "Candidates": "skyhouse.lightcurves.candidates",
    "Clean": "skyhouse.lightcurves.clean",
    "FEATURES": "skyhouse.lightcurves.features_list",
    "FOLDED_FEATURES": "skyhouse.lightcurves.folded",
    "PAIR_FEATURES": "skyhouse.lightcurves.features_list",
    "Ranked": "skyhouse.lightcurves.ranking",
    "aliases": "skyhouse.lightcurves.significance",
    "false_alarm_probability": "skyhouse.lightcurves.significance",
    "features": "skyhouse.lightcurves.features_function",
    "folded_features": "skyhouse.lightcurves.folded",
    "lomb_scargle": "skyhouse.lightcurves.lombscargle",
    "merged": "skyhouse.lightcurves.clean",
    "periods": "skyhouse.lightcurves.period",
    "rank": "skyhouse.lightcurves.ranking",
    "search": "skyhouse.lightcurves.candidates",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'skyhouse.lightcurves' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
