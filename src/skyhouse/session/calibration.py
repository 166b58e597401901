"""What engines take on this machine: measured rates, and what finished queries have taught since; kept in a file.

There is one file per machine, ``calibration-<host>.json`` in the user's folder of state, so that machines that share a
home do not share their figures. Spark's figures are kept by its master's URL.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import re
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from skyhouse.query.costs import DUCKDB, SPARK, CallCost, Correction, Prediction, Rates

__all__ = ["Calibration", "rates_key", "state_folder"]

_LOG = logging.getLogger("skyhouse")
_FORMAT = 1
_BOUND = math.log(8)  # no correction is by more than this factor, either way
_LEARN = 0.15  # the weight of a new run once there are a few
_LEARN_CALL, _LEARN_LESS = 0.3, 0.7  # likewise, of a call of a user's function that took more, or less, than before
_LEAST_CALL = 1e-9
_CALLS = 500  # users' functions that are remembered
_EVERY = 5.0  # seconds between two writes
_LEAST = 0.002  # seconds that a run may differ by chance


def state_folder() -> Path:
    """Return the folder of this user's state: ``skyhouse`` in XDG_STATE_HOME, or in ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "skyhouse"


def rates_key(engine: str, master: str) -> str:
    """Return under which name an engine's figures are kept.

    >>> rates_key("duckdb", "local[*]"), rates_key("spark", "local[*]")
    ('duckdb', 'spark local[*]')
    """
    return f"spark {master}" if engine == "spark" else engine


class Calibration:
    """The figures of one machine. Damage in the file is passed over with a warning; threads may share this.

    Several processes may write at once: each write is whole, and the last one to tell of an engine counts.
    """

    def __init__(self, folder: Path | None = None) -> None:
        host = re.sub(r"[^A-Za-z0-9.-]", "_", platform.node()) or "here"
        self.path = (folder or state_folder()) / f"calibration-{host}.json"
        self._lock = threading.Lock()
        self._written = 0.0
        self._learned: dict[str, dict[str, float]] = {}
        self._calls: dict[str, dict[str, float]] = {}
        self._stored = _read(self.path)

    def rates(self, key: str) -> Rates:
        """Return the measured rates, or those that are built in; cores and memory too are as they were measured."""
        built_in = SPARK if key.startswith("spark") else DUCKDB
        found = self._stored["rates"].get(key)
        return built_in if found is None else _rates(found, built_in)

    def measured(self, key: str) -> bool:
        """Whether the rates were measured here."""
        return key in self._stored["rates"]

    def correction(self, key: str) -> Correction:
        """Return what runs have shown."""
        found = self._learned.get(key) or self._stored["corrections"].get(key) or {}
        return Correction(*(math.exp(_bounded(found.get(name, 0.0))) for name in ("fixed", "work")))

    def learn(self, key: str, prediction: Prediction, seconds: float) -> None:
        """Take in that a query took so many seconds where `prediction` was made: what weighed most is corrected.

        The logarithm of real over predicted goes into a weighted mean, the newer the heavier, and bounded.
        """
        if prediction.start:
            return  # a start varies too much to tell anything of the query
        part, others = ("work", "fixed") if prediction.work > prediction.fixed else ("fixed", "work")
        due = max(seconds - getattr(prediction, others), _LEAST)
        ratio = math.log(due / max(getattr(prediction, part), _LEAST))
        with self._lock:
            known = self._learned.get(key) or dict(self._stored["corrections"].get(key) or {})
            runs = known.get(f"{part}_runs", 0.0)
            weight = max(_LEARN, 1 / (runs + 2))
            before = known.get(part, 0.0)
            known |= {part: _bounded(before + weight * _bounded(ratio)), f"{part}_runs": runs + 1}
            self._learned[key] = known
            if time.monotonic() - self._written > _EVERY:
                self._write()

    def call(self, key: str) -> CallCost:
        """Return what a call of a user's function takes."""
        found = self._calls.get(key) or self._stored["calls"].get(key)
        return CallCost() if found is None else CallCost(found["seconds"], known=True)

    def learn_call(self, key: str, seconds: float) -> None:
        """Take in that calls of a user's function took so many CPU seconds each; the newer, the heavier."""
        with self._lock:
            known = self._calls.get(key) or self._stored["calls"].get(key) or {"seconds": 0.0, "runs": 0.0}
            weight = max(_LEARN_CALL if seconds > known["seconds"] else _LEARN_LESS, 1 / (known["runs"] + 1))
            taken = known["seconds"] + weight * (max(seconds, _LEAST_CALL) - known["seconds"])
            self._calls[key] = {"seconds": taken, "runs": known["runs"] + 1}
            if time.monotonic() - self._written > _EVERY:
                self._write()

    def store(self, rates: Mapping[str, Rates]) -> None:
        """Keep measured rates; what was learned of these engines before is forgotten. Raises OSError."""
        with self._lock:
            stored = _read(self.path)
            for key, found in rates.items():
                stored["rates"][key] = {name: value for name, value in asdict(found).items() if math.isfinite(value)}
                stored["corrections"].pop(key, None)
                self._learned.pop(key, None)
            self._stored = stored
            _replace(self.path, stored)

    def save(self) -> None:
        """Write what was learned."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if not (self._learned or self._calls):
            return
        self._written = time.monotonic()
        stored = _read(self.path)
        stored["corrections"] |= self._learned
        calls = {key: known for key, known in stored["calls"].items() if key not in self._calls} | self._calls
        stored["calls"] = dict(list(calls.items())[-_CALLS:])
        try:
            _replace(self.path, stored)
        except OSError as error:  # a home that cannot be written must not stop a query
            _LOG.info("what queries took is not kept: %s", error)


def _bounded(logarithm: float) -> float:
    return min(max(logarithm, -_BOUND), _BOUND)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    nothing: dict[str, dict[str, Any]] = {"rates": {}, "corrections": {}, "calls": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != _FORMAT:
            return nothing
        rates = {str(key): dict(_numbers(value)) for key, value in found["rates"].items()}
        corrections = {key: _numbers(value) for key, value in found["corrections"].items()}
        calls = {str(key): _numbers(value) for key, value in found.get("calls", {}).items()}
        calls = {key: value for key, value in calls.items() if value.keys() >= {"seconds", "runs"}}
        return {"rates": rates, "corrections": corrections, "calls": calls}
    except FileNotFoundError:
        return nothing
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _LOG.warning("%s cannot be read (%s): built-in figures are used; run skyhouse calibrate", path, error)
        return nothing


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    found = {name: value for name, value in values.items() if isinstance(value, (int, float)) and math.isfinite(value)}
    if len(found) < len(values):
        raise ValueError("not all of its values are numbers")
    return found


def _rates(values: Mapping[str, float], built_in: Rates) -> Rates:
    may_be_none = ("start", "task", "file", "stage")
    known: dict[str, Any] = {
        field.name: values[field.name]
        for field in fields(Rates)
        if values.get(field.name, -1) > 0 or (field.name in may_be_none and values.get(field.name) == 0)
    }
    if "cores" in known:
        known["cores"] = max(1, int(known["cores"]))
    return replace(built_in, **known)


def _replace(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".calibration-", delete=False) as draft:
        json.dump({"format": _FORMAT, **content}, draft, indent=1)
    Path(draft.name).replace(path)
