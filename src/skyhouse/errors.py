"""Every error that Skyhouse raises, in one tree.

Each error is a `SkyhouseError` and also the builtin that fits it, so that ``except ValueError`` and
``except FileNotFoundError`` work as a reader of the standard library expects. Its text says what is wrong, where,
and how to mend it.

::

    SkyhouseError
    |- InputError                 (ValueError)        an argument or a file's content that cannot be used
    |  |- FormatError                                 a file that is not what its name or header says
    |  |- SettingsError                               a setting that is unknown or out of range
    |  `- QueryError                                  SQL or a verb that cannot be understood; line, column, caret
    |- UnknownName                (LookupError)       a name that is not there; the nearest known one is offered
    |  |- UnknownTable
    |  |- UnknownColumn
    |  |- UnknownFunction
    |  `- UnknownSurvey
    |- LakeError                  (OSError)           the lake's folder or log cannot be used
    |  |- NotALake                                    the folder is no lake, or of a newer format
    |  |- TableExists             (FileExistsError)
    |  |- DuplicateSource         (FileExistsError)   the same galaxy or file twice in one table
    |  `- CommitConflict                              another writer was there first, again and again
    |- EngineError                (RuntimeError)      an SQL engine or task runner failed
    |  |- EngineMissing           (ImportError)       it, or what it needs (Java), is not installed
    |  |- OutOfMemory             (MemoryError)
    |  `- OutOfTime               (TimeoutError)
    |- TaskError                  (RuntimeError)      a task over files or partitions failed
    |- DownloadError              (ConnectionError)   a remote file could not be had whole
    `- MissingPackage             (ImportError)       an optional package is not installed; names the extra

Foreign errors (of pyarrow, duckdb, deltalake, py4j ...) are translated where their library is called, with
``raise ... from``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "CommitConflict",
    "DownloadError",
    "DuplicateSource",
    "EngineError",
    "EngineMissing",
    "FormatError",
    "InputError",
    "LakeError",
    "MissingPackage",
    "NotALake",
    "OutOfMemory",
    "OutOfTime",
    "QueryError",
    "SettingsError",
    "SkyhouseError",
    "TableExists",
    "TaskError",
    "UnknownColumn",
    "UnknownFunction",
    "UnknownName",
    "UnknownSurvey",
    "UnknownTable",
    "did_you_mean",
]


class SkyhouseError(Exception):
    """The root: everything that Skyhouse raises on purpose."""


class InputError(SkyhouseError, ValueError):
    """An argument or a file's content that cannot be used."""


class FormatError(InputError):
    """A file that is not what its name or header says.

    `path` is the file, `hdu` the name or number of the part at fault (None where the whole file is), `problem` what
    is wrong. A FormatError pickles, so that it comes back whole from a worker process.
    """

    def __init__(self, path: str, problem: str, hdu: str | int | None = None) -> None:
        self.path = path
        self.problem = problem
        self.hdu = hdu
        where = path if hdu is None else f"{path}, HDU {hdu}"
        super().__init__(f"{where}: {problem}")

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, str, str | int | None]]:
        return type(self), (self.path, self.problem, self.hdu)


class SettingsError(InputError):
    """A setting that is unknown or out of range."""


_LINE_END = re.compile(r"\r\n|\r|\n")  # what counts as one where a query is read
_SHOWN = 160  # letters of a line


def _pointed(line: str, column: int) -> str:
    """Return a line, or the part of a long one that is about a column, with a caret under the column."""
    start = max(column - 1 - _SHOWN // 2, 0) if len(line) > _SHOWN else 0
    before, after = line[start : column - 1], line[column - 1 : start + _SHOWN]
    lead = "..." if start else ""
    rest = "..." if start + _SHOWN < len(line) else ""
    under = "".join(letter if letter == "\t" else " " for letter in before)
    return f"  {lead}{before}{after}{rest}\n  {' ' * len(lead)}{under}^"


class QueryError(InputError):
    """SQL or a verb that cannot be understood.

    Where the place in the text is known, `line` and `column` (both from 1) are set and the message shows the line
    with a caret under the place.
    """

    def __init__(
        self, problem: str, text: str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        self.problem = problem
        self.text = text
        self.line = line
        self.column = column
        message = problem
        if text is not None and line is not None and column is not None:
            lines = _LINE_END.split(text)
            message = f"line {line}, column {column}: {problem}\n{_pointed(lines[min(line, len(lines)) - 1], column)}"
        super().__init__(message)

    def __reduce__(self) -> tuple[type[QueryError], tuple[str, str | None, int | None, int | None]]:
        return type(self), (self.problem, self.text, self.line, self.column)


class UnknownName(SkyhouseError, LookupError):
    """A name that is not there."""


class UnknownTable(UnknownName):
    """No such table in the lake."""


class UnknownColumn(UnknownName):
    """No such column in the tables of a query."""


class UnknownFunction(UnknownName):
    """No such function in the language."""


class UnknownSurvey(UnknownName):
    """No such survey."""


class LakeError(SkyhouseError, OSError):
    """The lake's folder or log cannot be used."""


class NotALake(LakeError):
    """The folder is no lake, or of a newer format."""


class TableExists(LakeError, FileExistsError):
    """A table of that name is there already."""


class DuplicateSource(LakeError, FileExistsError):
    """The same galaxy or file twice in one table."""


class CommitConflict(LakeError):
    """Another writer was there first, again and again."""


class EngineError(SkyhouseError, RuntimeError):
    """An SQL engine or task runner failed."""


class EngineMissing(EngineError, ImportError):
    """An engine, or what it needs, is not installed."""


class OutOfMemory(EngineError, MemoryError):
    """The engine hit its memory limit."""


class OutOfTime(EngineError, TimeoutError):
    """The engine hit its time limit."""


class TaskError(SkyhouseError, RuntimeError):
    """A task over files or partitions failed."""


class DownloadError(SkyhouseError, ConnectionError):
    """A remote file could not be had whole."""


class MissingPackage(SkyhouseError, ImportError):
    """An optional package is not installed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of the known names, or an empty string.

    >>> did_you_mean("medain", ["median", "mean"])
    "; did you mean 'median'?"
    >>> did_you_mean("zzz", ["median"])
    ''
    """
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    if name.lower() in near:
        return ""  # it came or went between two looks
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
