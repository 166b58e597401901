"""What may be set, from a TOML file and the environment. Settings are frozen and passed, never global."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from skyhouse.errors import SettingsError, did_you_mean

__all__ = ["Settings"]

_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one session.

    Each is read from, in rising order of precedence: its default here, the `[settings]` part of the lake's
    ``skyhouse.toml``, the environment variable ``SKYHOUSE_<NAME>``, and what is passed to `skyhouse.open`.

    `engine`: "auto", "duckdb" or "spark". `workers`: processes of the local pool. `threads`: DuckDB's threads;
    `memory_limit` and `spill_folder` are DuckDB's too. `time_limit`: seconds that a query may take, 0 for no limit.
    `writable`: the schemas whose tables statements may write, "*" for all but what ingest made.
    `spark_master` is any master URL ("local[*]", "spark://host:7077", "yarn", "k8s://..."), a Connect server
    ("sc://host:15002"), "warm" (the server of `skyhouse spark start`) or "auto": the warm server where one runs, else
    "local[*]". `spark_memory` is the driver's memory, `spark_conf` holds further Spark properties. `fallback`: where a
    query goes that DuckDB gives up for want of memory or time: "spark", "none", or "auto", which is Spark where
    `spark_master` is set or Spark is running already.
    """

    engine: str = "auto"
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_limit: str = ""
    spill_folder: str = ""
    time_limit: float = 0.0
    writable: tuple[str, ...] | str = "*"
    spark_master: str = "auto"
    spark_memory: str = "4g"
    fallback: str = "auto"
    spark_conf: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        toml: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **overrides: Any,
    ) -> Settings:
        """Return the settings of a TOML file, the environment and the overrides.

        Raises SettingsError for a name or value that cannot be used.

        >>> Settings.load(environment={"SKYHOUSE_WORKERS": "3"}).workers
        3
        """
        known = {f.name for f in fields(cls)}
        found = {} if toml is None else _of_file(toml)
        for name in known - {"spark_conf"}:
            value = (os.environ if environment is None else environment).get(f"SKYHOUSE_{name.upper()}")
            if value is not None:
                found[name] = value
        found |= {name: value for name, value in overrides.items() if value is not None}
        for name in found:
            if name not in known:
                raise SettingsError(f"no setting {name!r}{did_you_mean(name, known)}")
        return cls(**{name: _checked(name, value) for name, value in found.items()})


def _of_file(toml: Path) -> dict[str, Any]:
    if not toml.exists():
        return {}
    try:
        found = tomllib.loads(toml.read_text(encoding="utf-8")).get("settings", {})
    except (OSError, ValueError) as error:
        raise SettingsError(f"{toml} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{toml}: settings is a table, begun by a line [settings], not {found!r}")
    return found


def _checked(name: str, value: Any) -> Any:
    if name in ("workers", "threads"):
        return _positive(name, value)
    if name == "time_limit":
        return _seconds(value)
    if name == "writable":
        return _schemas(value)
    if name == "engine":
        if value not in ("auto", "duckdb", "spark"):
            raise SettingsError(f"engine is 'auto', 'duckdb' or 'spark', not {value!r}")
        return value
    if name == "fallback":
        if value not in ("auto", "spark", "none"):
            raise SettingsError(f"fallback is 'auto', 'spark' or 'none', not {value!r}")
        return value
    if name == "spark_conf":
        if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
            raise SettingsError(f"spark_conf is a table of Spark's properties, each a text in quotes, not {value!r}")
        return value
    if not isinstance(value, str | Path):
        raise SettingsError(f"{name} is a text in quotes, not {value!r}")
    return str(value)


def _positive(name: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise SettingsError(f"{name} is a whole number from 1, not {value!r}")
    return number


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1
    if not 0 <= seconds < math.inf:
        raise SettingsError(f"time_limit is a number of seconds, 0 for no limit, not {value!r}")
    return seconds


def _schemas(value: Any) -> tuple[str, ...] | str:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple, set, frozenset)):
        if list(value) == ["*"]:
            return "*"
        if all(isinstance(part, str) and _SCHEMA.fullmatch(part) for part in value):
            return tuple(value)
    raise SettingsError(f"writable is '*' or a list of schemas (letters, digits and _), not {value!r}")
