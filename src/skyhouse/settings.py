"""What may be set, from a TOML file and the environment. Settings are frozen and passed, never global."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from skyhouse.errors import SettingsError, did_you_mean

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one session.

    Each is read from, in rising order of precedence: its default here, the `[settings]` part of the lake's
    ``skyhouse.toml``, the environment variable ``SKYHOUSE_<NAME>``, and what is passed to `skyhouse.open`.

    `engine`: "auto", "duckdb" or "spark". `workers`: processes of the local pool. `threads`: DuckDB's threads;
    `memory_limit` and `spill_folder` are DuckDB's too. `spark_master` is any master URL ("local[*]",
    "spark://host:7077"), `spark_memory` the driver's memory, `spark_conf` further Spark properties.
    """

    engine: str = "auto"
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_limit: str = ""
    spill_folder: str = ""
    spark_master: str = "local[*]"
    spark_memory: str = "4g"
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
        found: dict[str, Any] = {}
        if toml is not None and toml.exists():
            try:
                found |= tomllib.loads(toml.read_text(encoding="utf-8")).get("settings", {})
            except tomllib.TOMLDecodeError as error:
                raise SettingsError(f"{toml}: {error}") from error
        for name in known - {"spark_conf"}:
            value = (os.environ if environment is None else environment).get(f"SKYHOUSE_{name.upper()}")
            if value is not None:
                found[name] = value
        found |= {name: value for name, value in overrides.items() if value is not None}
        for name in found:
            if name not in known:
                raise SettingsError(f"no setting {name!r}{did_you_mean(name, known)}")
        for name in ("workers", "threads"):
            if name in found:
                found[name] = _positive(name, found[name])
        if found.get("engine", "auto") not in ("auto", "duckdb", "spark"):
            raise SettingsError(f"engine is 'auto', 'duckdb' or 'spark', not {found['engine']!r}")
        return cls(**found)


def _positive(name: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise SettingsError(f"{name} is a whole number from 1, not {value!r}")
    return number
