"""The price table: machines and published runs, from `costs.toml` of the package, of the user and of the lake."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from skyhouse.errors import SettingsError, did_you_mean
from skyhouse.objects.costs import Machine, Owned, Rented, dollars_told, objects_per_core_second

__all__ = ["Prices", "PublishedRun", "prices", "user_file"]

_FILE = "costs.toml"
_OWNED = {"purchase_dollars": 0.0, "lifetime_years": 5.0, "use": 1.0, "power_kw": 0.0, "dollars_per_kwh": 0.0}
_TEXTS = ("as_of", "source", "title")
_MAY_BE_NONE = ("nodes", "start_seconds", "purchase_dollars", "dollars_per_hour", "dollars_per_kwh")
_MACHINE = {"nodes", "cores", "speed", "memory_gb", "gb_per_second", "start_seconds", "dollars_per_hour"}
_PUBLISHED = {"objects", "nodes", "cores", "hours", "objects_per_second_and_core", "dollars"}
_KNOWN = {
    "machines": _MACHINE | {*_OWNED, "as_of", "source"},
    "published": _PUBLISHED | {"power_kw", "dollars_per_kwh", *_TEXTS},
}
_NEEDED = {"machines": {"nodes", "cores"}, "published": _PUBLISHED}


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """A run that others have published: what it ran on, and the rate and the dollars that they print.

    `power_kw` (of a node) and `dollars_per_kwh` are those of an own cluster, 0 where the nodes were rented.
    """

    name: str
    title: str
    objects: int
    nodes: int
    cores: int
    hours: float
    rate: float
    dollars: float
    power_kw: float = 0.0
    dollars_per_kwh: float = 0.0
    source: str = ""

    @property
    def core_hours(self) -> float:
        """Nodes times cores times hours."""
        return self.nodes * self.cores * self.hours

    @property
    def machine(self) -> Machine:
        """What it ran on, at the price that its dollars imply, or at the price of its power alone."""
        power = Owned(0.0, 1.0, 1.0, self.power_kw, self.dollars_per_kwh)
        price = power if self.power_kw else Rented(self.dollars / (self.nodes * self.hours))
        return Machine(self.name, self.nodes, self.cores, price=price, source=self.source)

    def check(self) -> list[str]:
        """Return what follows from its own size, beside what is printed."""
        rate = objects_per_core_second(self.objects, self.nodes, self.cores, self.hours)
        where = f"{self.nodes} x {self.cores} cores x {self.hours:g} h"
        follows = "follows" if math.isclose(rate, self.rate, rel_tol=0.05) else "does not follow"
        told = [f"{self.objects:,} objects / ({where}) = {rate:.1f} objects/s/core; printed: {self.rate:g}, {follows}"]
        node_hours = self.nodes * self.hours
        if not self.power_kw:
            hourly = (
                f"${self.dollars:,.0f} / ({self.nodes} nodes x {self.hours:g} h) = ${self.dollars / node_hours:.4g}"
            )
            return [*told, f"{hourly} for a node and hour"]
        power = self.power_kw * self.dollars_per_kwh * node_hours
        sum_ = f"{self.nodes} nodes x {self.power_kw:g} kW x {self.hours:g} h x ${self.dollars_per_kwh:g}/kWh"
        line = f"{sum_} = {dollars_told(power)} of power alone; printed: {dollars_told(self.dollars)}"
        if math.isclose(power, self.dollars, rel_tol=0.25):
            return [*told, f"{line}, follows"]
        watts = 1000 * self.power_kw * self.dollars / power
        hours = self.hours * self.dollars / power
        return [*told, f"{line}, does not follow: it would be {watts:.0f} W a node, or {hours:.1f} h"]


@dataclass(frozen=True, slots=True)
class Prices:
    """Machines and published runs by name, and the files that they are from."""

    machines: Mapping[str, Machine]
    published: Mapping[str, PublishedRun]
    files: tuple[str, ...]


def prices(lake: Path | None = None) -> Prices:
    """Return the package's price table, with the user's own and that of the lake in a folder laid over it.

    Raises SettingsError for a file that cannot be read and a name or value in it that cannot be used.

    >>> sorted(prices().published)
    ['cloud', 'own']
    """
    own = [user_file(), *([lake / _FILE] if lake is not None else [])]
    packaged = files("skyhouse.objects") / _FILE
    texts = [(_FILE, packaged.read_text(encoding="utf-8")), *_read(path for path in own if path.exists())]
    found: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _KNOWN}
    for where, text in texts:
        for kind, name, values in _entries(where, text):
            known = found[kind].setdefault(name, {})
            known.update(values)
            if missing := sorted(_NEEDED[kind] - set(known)):
                raise SettingsError(f"{where}: [{kind}.{name}] lacks {', '.join(missing)}")
    machines = {name: _machine(name, values) for name, values in found["machines"].items() if values["nodes"]}
    published = {name: _published(name, values) for name, values in found["published"].items()}
    return Prices(machines, published, tuple(where for where, _ in texts))


def user_file() -> Path:
    """Return where a user's own price table lies: ``skyhouse/costs.toml`` in XDG_CONFIG_HOME or ~/.config."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "skyhouse" / _FILE


def _read(paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    for path in paths:
        try:
            yield str(path), path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path} cannot be read: {error}") from error


def _entries(where: str, text: str) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Yield kind, name and checked values of each part of a file."""
    try:
        parts = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is no TOML: {error}") from error
    for kind, entries in parts.items():
        if kind not in _KNOWN or not isinstance(entries, dict):
            raise SettingsError(f"{where}: parts begin by [machines.NAME] or [published.NAME], not {kind!r}")
        for name, values in entries.items():
            if not isinstance(values, dict):
                raise SettingsError(f"{where}: {kind}.{name} is a part, begun by a line [{kind}.{name}]")
            yield kind, name, {key: _value(f"{where}: [{kind}.{name}]", kind, key, values[key]) for key in values}


def _value(where: str, kind: str, key: str, value: Any) -> Any:
    if key not in _KNOWN[kind]:
        raise SettingsError(f"{where} has no {key!r}{did_you_mean(key, _KNOWN[kind])}")
    if key in _TEXTS:
        return str(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    least = 0 if key in _MAY_BE_NONE else math.ulp(0.0)
    if not number or value < least or (key == "use" and value > 1):
        size = "a share above 0, 1 at most" if key == "use" else "a number above 0" if least else "a number from 0"
        raise SettingsError(f"{where} {key} is {size}, not {value!r}")
    if key in ("nodes", "cores", "objects") and value != int(value):
        raise SettingsError(f"{where} {key} is a whole number, not {value!r}")
    return value


def _machine(name: str, values: Mapping[str, Any]) -> Machine:
    price: Rented | Owned | None = None
    if "dollars_per_hour" in values:
        price = Rented(values["dollars_per_hour"])
    elif "power_kw" in values or "purchase_dollars" in values:
        price = Owned(*(values.get(key, default) for key, default in _OWNED.items()))
    return Machine(
        name,
        int(values["nodes"]),
        int(values["cores"]),
        bytes_per_second=1e9 * values.get("gb_per_second", math.inf),
        start_seconds=values.get("start_seconds", 0.0),
        price=price,
        speed=values.get("speed", 1.0),
        memory_bytes=1e9 * values.get("memory_gb", math.inf),
        as_of=values.get("as_of", ""),
        source=values.get("source", ""),
    )


def _published(name: str, values: Mapping[str, Any]) -> PublishedRun:
    return PublishedRun(
        name,
        values.get("title", name),
        int(values["objects"]),
        int(values["nodes"]),
        int(values["cores"]),
        values["hours"],
        values["objects_per_second_and_core"],
        values["dollars"],
        values.get("power_kw", 0.0),
        values.get("dollars_per_kwh", 0.0),
        values.get("source", ""),
    )
