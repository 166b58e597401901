"""Which engine runs a query, and why."""

from __future__ import annotations

from dataclasses import dataclass

from skyhouse.errors import InputError, did_you_mean

__all__ = ["ENGINES", "Route", "route"]

ENGINES = ("duckdb", "spark")


@dataclass(frozen=True)
class Route:
    """The engine that was picked, and the reason in words."""

    engine: str
    reason: str


def route(wanted: str) -> Route:
    """Pick the engine: the one that is asked for, else the embedded one.

    Raises InputError for an engine that is none of ENGINES.

    >>> route("auto").engine
    'duckdb'
    """
    if wanted == "auto":
        return Route("duckdb", "embedded: nothing to start")
    if wanted not in ENGINES:
        raise InputError(f"no engine {wanted!r}{did_you_mean(wanted, ENGINES)}; engines are {', '.join(ENGINES)}")
    return Route(wanted, "asked for")
