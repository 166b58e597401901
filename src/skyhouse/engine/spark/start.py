"""Which session an engine gets: the process's own, a Connect server's, or a new classic one."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from skyhouse.engine import warm
from skyhouse.engine.spark.classic import ClassicLink
from skyhouse.engine.spark.connect import ConnectLink
from skyhouse.engine.spark.link import QUERY_CONF, Link
from skyhouse.errors import EngineError, EngineMissing
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["java_available", "open_link"]


def java_available() -> bool:
    """Whether there is a Java that Spark can run on: version 17 or newer, in JAVA_HOME or on PATH."""
    return not java_problem()


def open_link(settings: Settings) -> Link:
    """Return a session for the settings. Raises EngineMissing and EngineError."""
    if importlib.util.find_spec("pyspark") is None:
        raise EngineMissing("Spark is not installed: pip install 'skyhouse[spark]'")
    master, folder, conf = settings.spark_master, settings.spill_folder, settings.spark_conf.items()
    if master.startswith("sc://"):
        return ConnectLink.connect(master, folder, conf)
    if master == "warm":
        if (server := warm.find()) is None:
            raise EngineError("no warm Spark server runs here: `skyhouse spark start`, or another spark_master")
        return ConnectLink.connect(server.url, folder, conf, warm=True)
    if (active := _active()) is not None:
        if type(active).__module__.startswith("pyspark.sql.connect"):
            return ConnectLink.beside(active, folder)
        session = active.newSession()
        for name, value in QUERY_CONF.items():
            session.conf.set(name, value)
        return ClassicLink(session)
    if master == "auto":
        if (server := warm.find()) is not None:
            return ConnectLink.connect(server.url, folder, conf, warm=True)
        master = "local[*]"
    if problem := java_problem():
        raise EngineMissing(f"Spark cannot start: {problem}. Install Java 17 or newer, or point JAVA_HOME at one")
    return ClassicLink.start(master, settings)


def _active() -> SparkSession | None:
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    try:
        return SparkSession.active()  # this thread's, or the process's
    except PySparkRuntimeError:
        return None


def java_problem() -> str:
    """Return why Spark cannot run on this machine's Java, or an empty string."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return f"no java in {home}/bin (JAVA_HOME)" if home else "there is no Java on this machine"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < 17:
        return f"{java} is of version {version[1] if version else 'unknown'}"
    return ""
