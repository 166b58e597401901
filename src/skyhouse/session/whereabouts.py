"""Where Spark is for a session, at a glance: whose figures count, and what there is to wait for."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass

from skyhouse.engine import warm
from skyhouse.settings import Settings

__all__ = ["Whereabouts", "whereabouts"]


@dataclass(frozen=True)
class Whereabouts:
    """`master` is the URL that figures are kept by. `served`: a Connect server is up, and only a session is opened.

    `missing` says why Spark cannot run here, if it cannot; `chosen`: somebody has set or started it.
    """

    master: str
    served: bool = False
    missing: str = ""
    chosen: bool = False

    @property
    def cores(self) -> int:
        """The master's cores where its URL tells them; this machine's where it does not, for a guess."""
        told = re.match(r"local\[(\d+)", self.master)
        return int(told[1]) if told else os.cpu_count() or 1


def whereabouts(settings: Settings) -> Whereabouts:
    """Return where Spark is; nothing is started, and no pyspark loaded.

    >>> whereabouts(Settings(spark_master="local[3]")).cores
    3
    """
    master = settings.spark_master
    chosen = master != "auto"
    if importlib.util.find_spec("pyspark") is None:
        return Whereabouts(master, missing="pyspark is not installed")
    if master.startswith("sc://"):
        return Whereabouts(master, served=True, chosen=True)
    if not chosen or master == "warm":
        server = warm.find()
        if server is not None:
            return Whereabouts(server.master, served=True, chosen=True)
        if master == "warm":
            return Whereabouts(master, missing="no warm server runs here")
        master = "local[*]"
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=home and f"{home}/bin") is None:
        return Whereabouts(master, missing="there is no Java", chosen=chosen)
    return Whereabouts(master, chosen=chosen)
