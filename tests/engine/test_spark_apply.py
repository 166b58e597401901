"""An apply on a standalone cluster of which a worker is killed, and where a task straggles, in mid-run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import skyhouse
from skyhouse.lake.lineage import read_spans

OBJECTS = 768

DRIVER = """
import json, os, sys, time
import skyhouse
from skyhouse import Column

def say(**what):
    print(json.dumps(what), flush=True)

path, url, mark = sys.argv[1:]

@skyhouse.function(returns=[Column("n", "int64")])
def n(obj):
    time.sleep(0.02)
    if obj.object_id == 100:
        os.kill(os.getpid(), 11)
    if obj.object_id == 760:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass  # the second attempt
        else:
            time.sleep(600)
    return obj.object_id * 2

conf = {
    "spark.executor.memory": "512m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.speculation": "true",
    "spark.speculation.task.duration.threshold": "5s",
}
with skyhouse.open(path, spark_master=url, spark_memory="1g", spark_conf=conf) as lake:
    run = lake.apply(n, "x.objects", into="x.n", engine="spark", progress=lambda state: say(done=state.done))
    run.wait()
    say(status=run.status, failures=run.progress.failures)
"""


@pytest.mark.spark
def test_every_object_is_there_once_though_a_worker_is_killed_and_a_task_straggles(cluster, tmp_path):
    with skyhouse.open(tmp_path / "lake") as lake:
        lake.write(pa.table({"object_id": range(OBJECTS)}), "x.objects", key=["object_id"])
    first, _ = cluster.worker(), cluster.worker("127.0.0.2")  # nothing is speculated on the same host
    cluster.wait_for_workers(2)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, tmp_path / "lake", cluster.url, tmp_path / "mark"],
        env=cluster.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    says = map(json.loads, driver.stdout)
    try:
        assert 0 < next(says)["done"] < OBJECTS
        cluster.kill(first)
        cluster.worker()
        *_, last = says
        assert last == {"status": "done", "failures": 1}
        assert driver.wait(60) == 0
    finally:
        driver.kill()
        driver.wait()
        driver.stdout.close()
    with skyhouse.open(tmp_path / "lake") as lake:
        found = lake.sql("SELECT object_id, n FROM x.n ORDER BY object_id").to_arrow()
        due = [number for number in range(OBJECTS) if number != 100]
        assert found.to_pydict() == {"object_id": due, "n": [2 * number for number in due]}
        (lost,) = lake.sql("SELECT object_id, message FROM x.n__failures").to_arrow().to_pylist()
        assert lost == {"object_id": 100, "message": "killed by SIGSEGV"}
        table = lake.registry.table("x.n")
        files = {file.path for file in table.files()}
        units = Counter(span.source.key for file in files for span in read_spans(pq.read_metadata(file)))
        assert set(units.values()) == {1}
        orphans = {str(path) for path in table.path.glob("*.parquet")} - files
        assert orphans  # of the attempts that were killed
        gone = {str(path) for path in lake.vacuum(0)}
        assert orphans <= gone
        assert not files & gone
