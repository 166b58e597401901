"""Spark's errors as ours, without the JVM's stacks."""

from __future__ import annotations

import re

from skyhouse.errors import EngineError, OutOfMemory

__all__ = ["lost", "told", "too_large", "translated"]

# What is said of a session that its server has closed or does not know, and of a server or context that is gone.
_LOST = re.compile(
    r"INVALID_HANDLE\.SESSION|SESSION_(CLOSED|NOT_FOUND|CHANGED)|RETRIES_EXCEEDED|StatusCode\.UNAVAILABLE"
    r"|stopped SparkContext"
)
# What a user's function raised, at the end of a worker's traceback.
_RAISED = re.compile(r"^skyhouse\.errors\.EngineError: (.*?)(?:\n\n|\s+SQLSTATE: \w+|\Z)", re.MULTILINE | re.DOTALL)


def translated(error: BaseException) -> EngineError:
    """Return the error as one of ours."""
    text = told(error)
    if (raised := _RAISED.search(text)) is not None:
        return EngineError(raised[1])
    if "OutOfMemoryError" in text or "Java heap space" in text:
        return OutOfMemory(f"Spark ran out of memory: raise spark_memory. {text}")
    if "cancelled" in text.lower() or "OPERATION_CANCELED" in text:
        return EngineError("Spark stopped: the query was cancelled")
    text = text.replace("The value '?", "The value '")  # which only makes a text no number
    return EngineError(f"Spark: {text}")


def told(error: BaseException) -> str:
    """Return what Spark says, without the JVM's stack."""
    if (details := re.search(r'^\s*details = "(.*)"$', str(error), flags=re.MULTILINE)) is not None:
        return details[1]  # of gRPC's many lines
    text = str(error).split("\n\tat ")[0].split("\n== SQL", maxsplit=1)[0]
    causes = re.findall(r"^Caused by: (.*)$", str(error), flags=re.MULTILINE)
    return text.split("JVM stacktrace:")[0].strip() + (f" ({causes[-1]})" if causes else "")


def lost(error: BaseException) -> bool:
    """Whether it says that a Connect session, or its server, is gone."""
    return _LOST.search(str(error)) is not None


def too_large(error: BaseException) -> bool:
    """Whether it says that a result is larger than the driver may hold, or could."""
    return "maxResultSize" in str(error) or "TaskResultLost" in str(error)
