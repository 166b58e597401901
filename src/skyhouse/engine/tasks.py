"""One task in a worker, whatever runner started it: pickled in, pickled out, and never an exception."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import cloudpickle

from skyhouse.engine.base import Outcome
from skyhouse.errors import TaskError

__all__ = ["attempt", "attempt_pickled", "outcome"]

T = TypeVar("T")
R = TypeVar("R")


def attempt(function: Callable[[T], R], task: T) -> bytes:
    """Run one task and return its pickled ending: (value, None, "") or (None, error, traceback)."""
    try:
        ending: bytes = cloudpickle.dumps((function(task), None, ""))
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome, SystemExit too
        return failed(error)
    return ending


def attempt_pickled(code: bytes, task: bytes) -> bytes:
    """Run a pickled function on a pickled task; what cannot be unpickled here is the task's outcome too."""
    return attempt(lambda _: pickle.loads(code)(pickle.loads(task)), None)


def failed(error: BaseException) -> bytes:
    """Return the pickled ending of a task that raised `error`; what would end its reader becomes a TaskError."""
    trace = "".join(traceback.format_exception(error))
    if not isinstance(error, Exception):
        return pickle.dumps((None, TaskError(f"{type(error).__name__}: {error}"), trace))
    try:
        ending: bytes = cloudpickle.dumps((None, error, trace))
        pickle.loads(ending)
    except Exception:  # noqa: BLE001 - an exception class may do anything when it is pickled
        ending = pickle.dumps((None, TaskError(f"{type(error).__name__}: {error}"), trace))
    return ending


def outcome(task: T, ending: bytes) -> Outcome[T, Any]:
    """Return the outcome of a task from its pickled ending."""
    value, error, trace = pickle.loads(ending)
    return Outcome(task, value, error, trace)
