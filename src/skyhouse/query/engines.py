"""The names of the SQL engines."""

from __future__ import annotations

from typing import Literal, get_args

from skyhouse.errors import InputError, did_you_mean

__all__ = ["ENGINES", "Engine", "engine_named"]

Engine = Literal["duckdb", "spark"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


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
