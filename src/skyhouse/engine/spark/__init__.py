"""Apache Spark, the engine for what outgrows one machine; pyspark is loaded when a session is first needed.

Spark reads the Parquet files that a table's log names, with the table's schema, so it needs no connector of its own.
A session is a classic one (`local[*]`, `spark://`, `yarn`, `k8s://`: the driver lives in this process) or one of a
Connect server (`sc://`, or a warm server of this machine's).
"""

from __future__ import annotations

from skyhouse.engine.spark.engine import SparkEngine
from skyhouse.engine.spark.runner import SparkRunner
from skyhouse.engine.spark.start import java_available

__all__ = ["SparkEngine", "SparkRunner", "java_available"]
