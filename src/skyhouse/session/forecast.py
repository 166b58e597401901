"""What a query would cost on each engine here: estimate, rates and the route that follows from them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from skyhouse.lake.footers import Footers
from skyhouse.query.costs import Prediction, Profile, Rates, predict
from skyhouse.query.engines import ENGINES, Engine
from skyhouse.query.estimate import Estimate, estimate
from skyhouse.query.resolve import Resolved
from skyhouse.query.route import Offer, Route, route
from skyhouse.session.calibration import Calibration, rates_key
from skyhouse.session.statistics import LakeStatistics
from skyhouse.session.tables import LakeTables
from skyhouse.settings import Settings

__all__ = ["Forecast", "Forecaster", "bytes_of", "spark_missing"]

# One footer of a table is enough to tell a small query. More are read, of those that nobody has read yet, for a share
# (0.02) of what a long query is predicted to take, and for so many seconds of an explanation.
_LONG, _LOOK, _LOOK_LONGER = 1.0, 0.02, 5.0
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


@dataclass(frozen=True)
class Forecast:
    """What a query will read and do, and where it goes."""

    estimate: Estimate
    route: Route


class Forecaster:
    """Estimates queries on a lake's tables and picks their engine."""

    def __init__(self, settings: Settings, tables: LakeTables, calibration: Calibration) -> None:
        self._settings = settings
        self._calibration = calibration
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
        found = estimate(resolved, self._statistics.within(_LOOK_LONGER if thorough else 0.0))
        offers = self._offers(found, running, profile)
        least = min((offer.prediction.seconds for offer in offers if offer.prediction is not None), default=0.0)
        if least > _LONG and not all(read.exact for read in found.reads):
            found = estimate(resolved, self._statistics.within(_LOOK * least))
            offers = self._offers(found, running, profile)
        return Forecast(found, route(wanted, offers))

    def _offers(self, found: Estimate, running: frozenset[str], profile: Profile | None) -> list[Offer]:
        if profile is None:
            return [self._offer(name, found, name in running) for name in ENGINES]
        return [
            Offer(name, predict(name, found, profile.rates[name], name in profile.running))
            for name in ENGINES
            if name in profile.rates
        ]

    def learn(self, prediction: Prediction, seconds: float) -> None:
        """Take in how long a query took of which this was predicted."""
        self._calibration.learn(rates_key(prediction.engine, self._settings.spark_master), prediction, seconds)

    def close(self) -> None:
        """Keep what was learned."""
        self._calibration.save()

    def missing(self, engine: Engine) -> str:
        """Return why an engine cannot run here, or nothing."""
        return self._spark_missing if engine == "spark" else ""

    def _offer(self, engine: Engine, found: Estimate, running: bool) -> Offer:
        if missing := self.missing(engine):
            return Offer(engine, missing=missing)
        correction = self._calibration.correction(rates_key(engine, self._settings.spark_master))
        return Offer(engine, predict(engine, found, self._rates[engine], running, correction))

    @cached_property
    def _rates(self) -> Mapping[Engine, Rates]:
        settings, calibration = self._settings, self._calibration
        memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        spill = Path(settings.spill_folder or tempfile.gettempdir())
        disk = float(shutil.disk_usage(spill).free) if spill.exists() else 0.0
        limit = bytes_of(settings.memory_limit) or 0.8 * memory
        key = rates_key("spark", settings.spark_master)
        spark = calibration.rates(key)
        if not calibration.measured(key):
            cores = _cores(settings.spark_master)
            spark = replace(spark, cores=cores, memory=bytes_of(settings.spark_memory) or spark.memory)
        duckdb = calibration.rates(rates_key("duckdb", ""))
        return {"duckdb": replace(duckdb, cores=settings.threads, memory=limit, disk=disk), "spark": spark}

    @cached_property
    def _spark_missing(self) -> str:
        return spark_missing(self._settings.spark_master)


def spark_missing(master: str) -> str:
    """Return why Spark cannot run here, at a glance, or nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed"
    home = os.environ.get("JAVA_HOME")
    if master.startswith("sc://") or shutil.which("java", path=home and f"{home}/bin"):
        return ""
    return "there is no Java"


def _cores(master: str) -> int:
    """Return a master's cores where its URL tells them; a cluster's are learned by calibration."""
    told = re.match(r"local\[(\d+)", master)
    return int(told[1]) if told else os.cpu_count() or 1


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
