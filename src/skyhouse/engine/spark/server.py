"""The warm server's process: `python -m skyhouse.engine.spark.server FOLDER MASTER MEMORY PORT IDLE`.

It starts a JVM with Spark and its Connect service, asks it a first query over Parquet and Arrow (so that no client
pays for that), then looks every second at what goes on, and ends when it has gone unused for long enough, is told to,
or the JVM is gone. The JVM ends with it, however it ends.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.columns import Column
from skyhouse.engine.spark.classic import RESULT_BYTES, local_conf, quiet_conf
from skyhouse.engine.spark.engine import SparkEngine
from skyhouse.engine.spark.link import QUERY_CONF
from skyhouse.engine.warm import WarmServer, lock
from skyhouse.query.relation import Part, Relation, Scan, Statement
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["main"]

_LOOK_SECONDS = 1.0


def main(folder: Path, master: str, memory: str, port: int, idle: float) -> None:
    """Serve until it is time to end; nothing is done where another server lives in the folder, or is born there."""
    told = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: told.set())
    held = _held(folder)
    if held is None:
        return
    (folder / "state.json").unlink(missing_ok=True)  # of one that crashed
    with held, tempfile.TemporaryDirectory(prefix="skyhouse-spark-") as scratch:
        token = secrets.token_urlsafe(32)
        session = _session(Path(scratch), master, memory, port, idle, token)
        try:
            service = _service(session)
            now = time.time()
            state = WarmServer(os.getpid(), service.localPort(), token, master, memory, session.version, idle, now, now)
            _warm(state.url, Path(scratch))
            state = replace(state, used=time.time())
            while not told.is_set():
                state = _look(state, service, session)
                if time.time() - state.used > idle:
                    break
                state.write(folder)
                told.wait(_LOOK_SECONDS)
        finally:
            (folder / "state.json").unlink(missing_ok=True)
            session.stop()


def _held(folder: Path) -> IO[str] | None:
    for _ in range(20):
        if (held := lock(folder)) is not None:
            return held
        time.sleep(0.02)  # who looks for a server holds the lock for a moment
    return None


def _session(scratch: Path, master: str, memory: str, port: int, idle: float, token: str) -> SparkSession:
    from pyspark.sql import SparkSession

    # The secret goes through the environment: a command line can be read by all.
    os.environ["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = token
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    conf = QUERY_CONF | quiet_conf(scratch) | local_conf(master)
    conf |= {
        "spark.driver.memory": memory,
        "spark.driver.maxResultSize": RESULT_BYTES,
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.connect.session.manager.defaultSessionTimeout": f"{max(int(idle), 1)}s",
        "spark.connect.progress.reportInterval": "200ms",
        # What a client that died has asked for is dropped: one that lives renews its stream, one that does not has
        # so long left.
        "spark.connect.execute.reattachable.senderMaxStreamDuration": "15s",
        "spark.connect.execute.manager.detachedTimeout": "10s",
        "spark.connect.execute.manager.maintenanceInterval": "5s",
        "spark.sql.artifact.isolation.enabled": "true",
        "spark.sql.artifact.isolation.alwaysApplyClassloader": "true",
    }
    builder = SparkSession.builder.appName("skyhouse warm server")
    for name, value in conf.items():
        builder = builder.config(name, value)
    return builder.master(master).getOrCreate()


def _service(session: SparkSession) -> Any:
    """Return the JVM's Connect service."""
    services = session.sparkContext._jvm.org.apache.spark.sql.connect.service  # type: ignore[union-attr] # noqa: SLF001
    return getattr(getattr(services, "SparkConnectService$"), "MODULE$")


def _warm(url: str, scratch: Path) -> None:
    """Ask as a client would, over Parquet and Arrow."""
    path = scratch / "warm.parquet"
    pq.write_table(pa.table({"k": ["a", "b"] * 50, "x": [1.5, 2.5] * 50}), path)
    relation = Relation("warm.up", (Part((Column("k", "string"), Column("x", "float64")), (str(path),)),))
    scan = Scan(relation.name, relation, ("k", "x"))
    engine = SparkEngine(Settings(spark_master=url))
    for sql in (
        "SELECT 1 AS one",
        "SELECT k, count(*) AS n, avg(x) AS m FROM `warm.up` WHERE x > 1 GROUP BY k ORDER BY k",
        "SELECT a.k, sum(b.x) AS s FROM `warm.up` a JOIN `warm.up` b ON a.k = b.k GROUP BY a.k ORDER BY s LIMIT 5",
    ):
        for _ in range(3):
            engine.batches(Statement(sql, "spark", (scan,), ())).read_all()
    engine.close()


def _look(state: WarmServer, service: Any, session: SparkSession) -> WarmServer:
    """Return the state as it is now."""
    sessions = service.sessionManager().listActiveSessions()
    running = service.executionManager().listActiveExecutions()
    busy = running.toOption().get().size() if running.isRight() else 0
    accessed = [sessions.apply(number).lastAccessTimeMs() / 1000 for number in range(sessions.size())]
    heap = session.sparkContext._jvm.java.lang.Runtime.getRuntime()  # type: ignore[union-attr] # noqa: SLF001
    return replace(
        state,
        used=time.time() if busy else max([state.used, *accessed]),
        sessions=sessions.size(),
        busy=busy,
        heap_bytes=heap.totalMemory() - heap.freeMemory(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
