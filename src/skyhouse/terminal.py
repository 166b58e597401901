"""What the command line and the demo print: progress, tables, JSON."""

from __future__ import annotations

import json
import math
import struct
import sys
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid
from rich.text import Text

from skyhouse.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from skyhouse.ingest import Progress as IngestProgress
    from skyhouse.objects.run import Progress as RunProgress
    from skyhouse.query.job import Progress as QueryProgress
    from skyhouse.query.query import Query

__all__ = [
    "grid",
    "named_value",
    "objects_bar",
    "print_json",
    "print_query",
    "print_query_json",
    "print_rows",
    "progress_bar",
    "query_bar",
]

_FOLDED = 40
_ROWS = 1000


@contextmanager
def progress_bar(
    what: str, things: str = "files"
) -> Iterator[tuple[Callable[[int, int], None], Callable[[IngestProgress], None]]]:
    """Show a bar on a terminal, nothing elsewhere; gives the two callbacks that feed it.

    The first takes (done, total) of what are counted as `things`, the second the state of an ingest.
    """
    bar = Progress(
        TextColumn(f"{what} [bold]{{task.percentage:>3.0f}}%"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{things}  {{task.fields[more]}}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task(what, total=None, more="")

    def count(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    def watch(state: IngestProgress) -> None:
        rate = state.rows / state.seconds if state.seconds else 0.0
        size = f"{state.bytes_read / 1e6:,.0f} of {state.bytes_total / 1e6:,.0f} MB"
        more = f"{state.rows:,} rows  {rate:,.0f} rows/s  {size}"
        if state.failures:
            more += f"  [red]{state.failures} failed[/red]"
        bar.update(task, completed=state.files_done, total=state.files, more=more)

    with bar:
        yield count, watch


@contextmanager
def objects_bar(what: str) -> Iterator[Callable[[RunProgress], None]]:
    """Show how far a run over objects is, on a terminal only; gives the callback that feeds it."""
    bar = Progress(
        TextColumn(f"{what} [bold]{{task.percentage:>3.0f}}%"),
        BarColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task("", total=None)

    def watch(state: RunProgress) -> None:
        bar.update(task, completed=state.done, total=state.objects, description=str(state))

    with bar:
        yield watch


def named_value(text: str) -> tuple[str, Any]:
    """Return the name and the value of an option's text; the value is JSON where it can be read so.

    >>> named_value("header=false"), named_value("hdu=SCI"), named_value('nulls=["-"]')
    (('header', False), ('hdu', 'SCI'), ('nulls', ['-']))

    Raises InputError where there is no ``=``.
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError(f"an option is written name=value, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@contextmanager
def query_bar() -> Iterator[Callable[[QueryProgress], None] | None]:
    """Show a query's progress once it takes a second, on a terminal only; gives the callback that feeds it."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)

    def watch(state: QueryProgress) -> None:
        if state.what == "done":
            bar.stop()
        elif state.seconds >= 1:
            bar.start()
            total = None if state.fraction is None else 1
            what = f"{state.what}  {state.seconds:.0f} s"
            bar.update(task, completed=state.fraction or 0, total=total, description=what)

    try:
        yield watch
    finally:
        bar.stop()


def print_json(value: Any) -> None:
    """Print a value as one line of JSON; dates in ISO form, bytes in hex, NaN and infinities as null."""
    print(_json(value))


def _json(value: Any) -> str:
    return json.dumps(_finite(value), default=_plain, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return a value without the floats that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value


def _plain(value: object) -> object:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as JSON, as a table on a terminal, or as tab-separated lines."""
    if as_json:
        print_json(list(rows))
    elif sys.stdout.isatty():
        Console().print(grid(list(rows[0]) if rows else [], [list(row.values()) for row in rows]))
    else:
        for row in rows:
            print("\t".join(_cell(value) for value in row.values()))


def print_query(query: Query, limit: int) -> None:
    """Run a query and print its first rows: a table on a terminal, else tab-separated lines under a header."""
    names = [column.name for column in query.columns]
    if sys.stdout.isatty():
        run = query.limit(limit).run()
        rows = [list(row.values()) for row in run.table.to_pylist()]
        console = Console()
        shown = _fitting(names, rows, console.width)
        console.print(grid(names[:shown], [row[:shown] for row in rows]))
        hidden = names[shown:]
        if hidden:
            some = ", ".join(hidden[:6]) + (", ..." if len(hidden) > 6 else "")
            console.print(f"{len(hidden):,} more columns: {some}", markup=False, highlight=False)
        console.print(f"[dim]{run.rows:,} row{'s' * (run.rows != 1)}, {run.engine}, {run.seconds:.2f} s[/dim]")
        return
    rows_shown = _rows(query.limit(limit))
    print("\t".join(names))
    shorter = [_short if column.type == "float32" else _whole for column in query.columns]
    for values in rows_shown:
        print("\t".join(told(value) for told, value in zip(shorter, values.values(), strict=True)))


def _fitting(names: Sequence[str], rows: Sequence[Sequence[Any]], width: int) -> int:
    """Return how many of the first columns a terminal can hold, at least one; long texts are folded."""
    used = 1
    for place, name in enumerate(names):
        used += 3 + min(_FOLDED, max(len(name), *(len(_cell(row[place])) for row in rows), 0))
        if used > width and place:
            return place
    return len(names)


def print_query_json(query: Query) -> None:
    """Run a query and print all its rows as one JSON list, never held whole."""
    before = "["
    for row in _rows(query):
        sys.stdout.write(before + _json(row))
        before = ", "
    print("]" if before == ", " else "[]")


def _rows(query: Query) -> Iterator[dict[str, Any]]:
    """Run a query and return its rows, few at a time: as Python's objects they take much more room than in Arrow."""
    batches = query.batches()
    return (
        row
        for batch in batches
        for start in range(0, batch.num_rows, _ROWS)
        for row in batch.slice(start, _ROWS).to_pylist()
    )


def grid(names: Sequence[str], rows: Sequence[Any]) -> Grid:
    """Return a rich table of rows, each a dict or a sequence."""
    made = Grid()
    for name in names:
        made.add_column(Text(name), overflow="fold")
    for row in rows:
        values = row.values() if isinstance(row, dict) else row
        made.add_row(*(Text(_cell(value)) for value in values))
    return made


def _whole(value: object) -> str:
    """Return a value for a program that reads on: a float with all its digits."""
    return repr(value) if isinstance(value, float) else _cell(value)


def _short(value: object) -> str:
    """Return a float that was of 32 bits, with no more digits than tell it from its neighbours."""
    if not isinstance(value, float) or math.isnan(value):
        return _cell(value)
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    return next((text for text in texts if _single(text) == value), repr(value))


def _single(text: str) -> float:
    """Return the float of 32 bits that is nearest to a number's text; infinity beyond them."""
    try:
        found: float = struct.unpack("f", struct.pack("f", float(text)))[0]
    except OverflowError:
        return math.inf
    return found


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
