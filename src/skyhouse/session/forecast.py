"""What a query would cost on each engine here: estimate, rates and the route that follows from them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from skyhouse.lake.footers import Footers
from skyhouse.query.costs import CallCost, Prediction, Profile, Rates, predict
from skyhouse.query.engines import ENGINES, Engine
from skyhouse.query.estimate import Estimate, estimate
from skyhouse.query.registered import Registered
from skyhouse.query.resolve import Resolved
from skyhouse.query.route import Offer, Route, route
from skyhouse.session.calibration import Calibration, rates_key
from skyhouse.session.statistics import LakeStatistics
from skyhouse.session.tables import LakeTables
from skyhouse.session.whereabouts import Whereabouts, whereabouts
from skyhouse.settings import Settings

__all__ = ["Forecast", "Forecaster", "bytes_of"]

# One footer of a table is enough to tell a small query. More are read, of those that nobody has read yet, for a share
# (0.02) of what a long query is predicted to take, and for so many seconds of an explanation.
_LONG, _LOOK, _LOOK_LONGER = 1.0, 0.02, 5.0
# From this share of a run's seconds, and so many of them, in functions it tells what these take.
_TELLING, _TELLING_SECONDS = 0.5, 0.05
_ONCE = 60.0  # seconds that a function's first run in a process may have taken to set it up and compile it
_SESSION = 1.0  # seconds to open a session of a Connect server and to have its first answer
_AGAIN = 5.0  # seconds until it is looked again where Spark is
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


@dataclass(frozen=True)
class Forecast:
    """What a query will read and do, where it goes, and what calls of users' functions cost, by their names."""

    estimate: Estimate
    route: Route
    costs: Mapping[str, CallCost] = field(default_factory=dict)
    functions: Mapping[str, Registered] = field(default_factory=dict)


class Forecaster:
    """Estimates queries on a lake's tables and picks their engine."""

    def __init__(self, settings: Settings, tables: LakeTables, calibration: Calibration) -> None:
        self._settings = settings
        self._calibration = calibration
        self._ran: set[str] = set()
        self._looked: tuple[float, Whereabouts] | None = None
        self._statistics = LakeStatistics(tables.file, Footers())

    def forecast(
        self,
        resolved: Resolved,
        wanted: str | None,
        running: frozenset[str],
        profile: Profile | None = None,
        thorough: bool = False,
    ) -> Forecast:
        """Return what a checked query will do, and its route.

        `running` names the engines that are up. With a `profile`, the route is the one that its engines would take.
        """
        costs = {name: self._calibration.call(function.key) for name, function in resolved.functions.items()}
        found = estimate(resolved, self._statistics.within(_LOOK_LONGER if thorough else 0.0))
        offers = self._offers(found, costs, running, profile)
        least = min((offer.prediction.seconds for offer in offers if offer.prediction is not None), default=0.0)
        if least > _LONG and not all(read.exact for read in found.reads):
            found = estimate(resolved, self._statistics.within(_LOOK * least))
            offers = self._offers(found, costs, running, profile)
        return Forecast(found, route(wanted, offers), costs, resolved.functions)

    def _offers(
        self, found: Estimate, costs: Mapping[str, CallCost], running: frozenset[str], profile: Profile | None
    ) -> list[Offer]:
        called = sum(many * costs[name].seconds for name, many in found.calls.items())
        if profile is None:
            return [self._offer(name, found, name in running, called) for name in ENGINES]
        return [
            Offer(name, predict(name, found, profile.rates[name], name in profile.running, called=called))
            for name in ENGINES
            if name in profile.rates
        ]

    def spark_rates(self, running: bool) -> Rates | None:
        """Return what Spark takes here, its start too where it is not up; None where it is missing."""
        if self.spark.missing and not running:
            return None
        return replace(self._spark_rates, start=0.0) if running else self._spark_rates

    def learn(self, forecast: Forecast, prediction: Prediction, seconds: float) -> None:
        """Take in how long a query took of which this was predicted; of one that calls functions, what these took."""
        if forecast.costs:
            left = seconds - (prediction.seconds - prediction.called)
            keys = {forecast.functions[name].key for name in forecast.costs}
            left -= 0.0 if keys <= self._ran else _ONCE
            self._ran |= keys
            least = max(_TELLING * seconds, _TELLING_SECONDS, prediction.start)
            if prediction.called and left > 0 and max(left, prediction.called) > least:
                for name, cost in forecast.costs.items():
                    due = cost.seconds * left / prediction.called
                    self._calibration.learn_call(forecast.functions[name].key, due)
            return
        self._calibration.learn(rates_key(prediction.engine, self.spark.master), prediction, seconds)

    def close(self) -> None:
        """Keep what was learned."""
        self._calibration.save()

    @property
    def spark(self) -> Whereabouts:
        """Where Spark is, as of the last few seconds."""
        now = time.monotonic()
        if self._looked is None or now - self._looked[0] > _AGAIN:
            self._looked = now, whereabouts(self._settings)
        return self._looked[1]

    def _offer(self, engine: Engine, found: Estimate, running: bool, called: float) -> Offer:
        if engine == "spark" and self.spark.missing and not running:
            return Offer(engine, missing=self.spark.missing)
        correction = self._calibration.correction(rates_key(engine, self.spark.master))
        rates = self._spark_rates if engine == "spark" else self._duckdb_rates
        return Offer(engine, predict(engine, found, rates, running, correction, called))

    @cached_property
    def _duckdb_rates(self) -> Rates:
        settings = self._settings
        memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        spill = Path(settings.spill_folder or tempfile.gettempdir())
        disk = float(shutil.disk_usage(spill).free) if spill.exists() else 0.0
        limit = bytes_of(settings.memory_limit) or 0.8 * memory
        rates = self._calibration.rates(rates_key("duckdb", ""))
        return replace(rates, cores=settings.threads, memory=limit, disk=disk)

    @property
    def _spark_rates(self) -> Rates:
        key = rates_key("spark", self.spark.master)
        rates = self._calibration.rates(key)
        if not self._calibration.measured(key):
            memory = bytes_of(self._settings.spark_memory) or rates.memory
            rates = replace(rates, cores=self.spark.cores, memory=memory)
        return replace(rates, start=min(rates.start, _SESSION)) if self.spark.served else rates


def bytes_of(text: str) -> float | None:
    """Return the bytes that a setting such as "2GB", "4g" or "1.5 GiB" stands for; None for one of no such form.

    >>> bytes_of("2GB"), bytes_of("4g"), bytes_of("")
    (2000000000.0, 4000000000.0, None)
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*([kmgt]?i?)b?\s*", text.lower())
    try:
        return float(found[1]) * _UNITS[found[2]] if found else None
    except (KeyError, ValueError):
        return None
