"""Which engine runs a query, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from skyhouse.errors import InputError, did_you_mean

__all__ = ["ENGINES", "Engine", "Route", "engine_named", "route"]

Engine = Literal["duckdb", "spark"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


@dataclass(frozen=True)
class Route:
    """The engine that was picked, and the reason in words."""

    engine: Engine
    reason: str


def engine_named(name: str | None) -> Engine | None:
    """Return the engine of a name, or None for None and "auto": to be picked.

    Raises InputError for another name.
    """
    if name is None or name == "auto":
        return None
    for known in ENGINES:
        if name == known:
            return known
    hint = did_you_mean(name, ENGINES)
    raise InputError(f"no engine {name!r}{hint}; there is {', '.join(ENGINES)}, and auto")


def route(wanted: str | None) -> Route:
    """Pick the engine: the one that is asked for, else the embedded one.

    Raises InputError for an engine that is not there.

    >>> route("auto").engine
    'duckdb'
    """
    named = engine_named(wanted)
    return Route("duckdb", "embedded: nothing to start") if named is None else Route(named, "asked for")
