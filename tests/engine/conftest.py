"""Tables for the probes of the language, and both engines, started once; a standalone cluster of Spark."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from skyhouse.engine.duck import DuckEngine
from skyhouse.engine.spark import SparkEngine
from skyhouse.settings import Settings
from skyhouse.testing import Shelf, shelve

SOURCE = Path(__file__).parents[2] / "src"
NAN, INF = math.nan, math.inf
LC = pa.struct(
    [("mjd", pa.list_(pa.float64())), ("mag", pa.list_(pa.float32())), ("band", pa.list_(pa.string()))],
)

TABLES = {
    "t.floats": pa.table(
        {
            "id": pa.array(range(1, 13), "int64"),
            "x": pa.array([1.5, -1.5, 0.0, -0.0, NAN, INF, -INF, None, 1e-310, 2.5, 1e300, 1.5], "float64"),
            "y": pa.array([2.0, 0.0, 0.0, 1.0, 1.0, INF, NAN, None, -3.0, None, 1e300, 2.0], "float64"),
            "f": pa.array([0.1, -0.1, 0.0, -0.0, NAN, INF, -INF, None, 1e-40, 16777217.0, 3e38, 0.1], "float32"),
        }
    ),
    "t.ints": pa.table(
        {
            "id": pa.array(range(1, 9), "int64"),
            "i8": pa.array([0, 1, -1, 127, -128, None, 7, -7], "int8"),
            "i16": pa.array([0, 1, -1, 32767, -32768, None, 7, -7], "int16"),
            "i32": pa.array([0, 1, -1, 2**31 - 1, -(2**31), None, 7, -7], "int32"),
            "i64": pa.array([0, 1, -1, 2**63 - 1, -(2**63), None, 7, -7], "int64"),
            "u8": pa.array([0, 1, 255, 128, 127, None, 7, 3], "uint8"),
            "flags": pa.array([0, 1, 0x10000000, 0x40000021, -1, None, 0x10000001, 2], "int64"),
        }
    ),
    "t.texts": pa.table(
        {
            "id": pa.array(range(1, 11), "int64"),
            "s": ["M 31", "", None, "Ångström", "α Cen", "  padded ", "NGC 224", "🔭", "50%", "a_b\\c'd\"e\n"],
            "k": ["a", "b", "a", None, "b", "a", "c", None, "", "b"],
        }
    ),
    "t.times": pa.table(
        {
            "id": pa.array(range(1, 7), "int64"),
            "d": pa.array(
                [
                    dt.date(2020, 2, 29),
                    dt.date(1970, 1, 1),
                    dt.date(1858, 11, 17),
                    None,
                    dt.date(2100, 12, 31),
                    dt.date(1969, 12, 31),
                ]
            ),
            "ts": pa.array(
                [
                    dt.datetime(2020, 2, 29, 12, 30, 45, 123456),
                    dt.datetime(1970, 1, 1),
                    dt.datetime(1858, 11, 17),
                    None,
                    dt.datetime(2100, 12, 31, 23, 59, 59, 999999),
                    dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
                ],
                pa.timestamp("us"),
            ),
            "mjd": pa.array([58908.52135558, 40587.0, 0.0, None, NAN, -0.5], "float64"),
        }
    ),
    "t.groups": pa.table(
        {
            "k": ["a", "a", "b", "b", "b", None, None, "c", "d", ""],
            "n": pa.array([1, 2, 3, None, 3, 5, 6, None, 7, 8], "int64"),
            "v": pa.array([1.0, NAN, 2.0, None, 4.0, INF, -INF, None, -0.0, 0.5], "float64"),
        }
    ),
    "t.bools": pa.table({"id": pa.array([1, 2, 3], "int64"), "b": [True, False, None]}),
    "t.empty": pa.table({"id": pa.array([], "int64"), "x": pa.array([], "float64"), "s": pa.array([], "string")}),
    "t.objects": pa.table(
        {
            "object_id": pa.array(range(1, 7), "int64"),
            "ra": pa.array([0.0, 359.999, 180.0, 10.0, None, 266.4], "float64"),
            "dec": pa.array([0.0, -0.001, 90.0, -90.0, None, -29.0], "float64"),
            "lc": pa.array(
                [
                    {"mjd": [58000.5, 58001.5, 58002.5], "mag": [15.5, 16.0, 15.75], "band": ["g", "r", "g"]},
                    {"mjd": [], "mag": [], "band": []},
                    {"mjd": [58000.0, None], "mag": [NAN, None], "band": [None, "r"]},
                    None,
                    {"mjd": None, "mag": [20.0], "band": ["i"]},
                    {"mjd": [58003.0, 58001.0], "mag": [INF, -INF], "band": ["g", "g"]},
                ],
                LC,
            ),
            "tags": pa.array([["variable", "RR Lyr"], [], [None], None, ["a", "a", "b"], ["é"]], pa.list_(pa.string())),
        }
    ),
}


@pytest.fixture(scope="session")
def probe_tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probes")
    units = {("t.floats", "x"): "km/s", ("t.floats", "f"): "mag"}
    relations = []
    for name, rows in TABLES.items():
        shelved = shelve(folder, name, rows)
        columns = tuple(replace(c, unit=units.get((name, c.name), "")) for c in shelved.columns)
        relations.append(replace(shelved, parts=(replace(shelved.parts[0], columns=columns),)))
    return Shelf(*relations)


@pytest.fixture(scope="session")
def both_engines():
    """Both engines by name; Spark starts when it is first asked."""
    settings = Settings(threads=2, spark_master="local[2]", spark_memory="2g")
    pair = {"duckdb": DuckEngine(settings), "spark": SparkEngine(settings)}
    yield pair
    for engine in pair.values():
        engine.close()


def free_ports(number):
    taken = [socket.socket() for _ in range(number)]
    for one in taken:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


class Cluster:
    def __init__(self, folder: Path) -> None:
        import pyspark

        self.home = Path(pyspark.__file__).parent
        self.folder = folder
        self.port, self.web = free_ports(2)
        self.running = []
        self.environment = os.environ | {
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(SOURCE),
        }
        self.start("master.Master", "--host", "127.0.0.1", "--port", str(self.port), "--webui-port", str(self.web))

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def start(self, program, *options, **environment):
        with (self.folder / f"log{len(self.running)}").open("w") as log:
            started = subprocess.Popen(
                [self.home / "bin" / "spark-class", f"org.apache.spark.deploy.{program}", *options],
                env=self.environment | environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # its executors are of its group
            )
        self.running.append(started)
        return started

    def worker(self, host="127.0.0.1"):
        folder = str(self.folder / f"work{len(self.running)}")
        small = ["--cores", "1", "--memory", "1g"]
        place = ["--host", host, "--webui-port", "0", "--work-dir", folder]
        return self.start("worker.Worker", *place, *small, self.url, SPARK_LOCAL_IP=host)

    def alive(self) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/json/", timeout=2) as answer:
                return json.load(answer)["aliveworkers"]
        except OSError:
            return 0

    def wait_for_workers(self, number):
        deadline = time.monotonic() + 90
        while self.alive() < number:
            assert time.monotonic() < deadline, "the workers did not register"
            time.sleep(0.3)

    def kill(self, process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def close(self):
        for process in list(self.running):
            self.kill(process)


@pytest.fixture
def cluster(tmp_path):
    started = Cluster(tmp_path)
    yield started
    started.close()
