"""What a function gave for some rows, and where it failed."""

from __future__ import annotations

import signal
import traceback as tracebacks
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Failure", "Results", "catchable"]

_LINES = 12  # of a traceback
_LETTERS = 2000  # of a message
_HERE = str(Path(__file__).parent)


def catchable() -> tuple[type[BaseException], ...]:
    """Return what a function may raise for an object without ending the work on others.

    KeyboardInterrupt is Ctrl-C, unless this is a worker, which does not hear that.
    """
    deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    return (Exception, SystemExit, KeyboardInterrupt) if deaf else (Exception, SystemExit)


@dataclass(frozen=True)
class Failure:
    """A row for which a function failed: its place among the rows, the exception's class, message and traceback.

    `trace` has the last lines of the traceback, from the user's own code on.
    """

    row: int
    exception: str
    message: str
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException, row: int) -> Self:
        """Return the failure that an exception is."""
        frames = [frame for frame in tracebacks.extract_tb(error.__traceback__) if not frame.filename.startswith(_HERE)]
        text = "".join(tracebacks.format_list(frames)) + "".join(tracebacks.format_exception_only(error))
        lines = text.rstrip().splitlines()[-_LINES:]
        public = (kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))
        return cls(row, next(public), str(error)[:_LETTERS], "\n".join(lines)[-_LETTERS:])


@dataclass(frozen=True)
class Results:
    """The declared columns, with as many rows as were given (NULLs where a row failed), and the failures."""

    columns: pa.Table
    failures: tuple[Failure, ...] = ()

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Which rows did not fail."""
        found = np.ones(self.columns.num_rows, bool)
        found[[failure.row for failure in self.failures]] = False
        return found

    @classmethod
    def failed(cls, schema: pa.Schema, rows: int, failures: Sequence[Failure]) -> Self:
        """Return the results of rows none of which has any."""
        columns = pa.table([pa.nulls(rows, one.type) for one in schema], schema=schema)
        return cls(columns, tuple(failures))

    @classmethod
    def joined(cls, parts: Sequence[Results]) -> Self:
        """Return the results of the rows of one part after those of the other; there is one at least."""
        failures, start = [], 0
        for part in parts:
            failures += [replace(failure, row=failure.row + start) for failure in part.failures]
            start += part.columns.num_rows
        return cls(pa.concat_tables([part.columns for part in parts]), tuple(failures))
