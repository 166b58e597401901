"""The surveys that Skyhouse knows: converters of their files, canned questions, simulators.

A survey is loaded when first used: ``skyhouse.surveys.manga``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from skyhouse.errors import UnknownSurvey, did_you_mean

if TYPE_CHECKING:
    from skyhouse.surveys import manga, ztf
    from skyhouse.surveys.base import Survey

__all__ = ["get", "manga", "names", "ztf"]

_SURVEYS = {"manga": "MANGA", "ztf": "ZTF"}


def names() -> list[str]:
    """Return the names of all surveys, sorted."""
    return sorted(_SURVEYS)


def get(name: str) -> Survey:
    """Return a survey by its name, in any case.

    Raises UnknownSurvey.

    >>> get("MaNGA").name
    'manga'
    """
    known = name.lower()
    if known not in _SURVEYS:
        raise UnknownSurvey(f"no survey {name!r}{did_you_mean(name, _SURVEYS)}; there is {', '.join(names())}")
    survey: Survey = getattr(importlib.import_module(f"skyhouse.surveys.{known}"), _SURVEYS[known])
    return survey


def __getattr__(name: str) -> Any:
    if name in _SURVEYS:
        return importlib.import_module(f"skyhouse.surveys.{name}")
    raise AttributeError(f"module 'skyhouse.surveys' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
