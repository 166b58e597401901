"""`skyhouse apply | refresh | estimate`: functions over objects, and what that takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import skyhouse
from skyhouse.errors import InputError
from skyhouse.terminal import objects_bar, print_json

if TYPE_CHECKING:
    from skyhouse.objects.run import Run

__all__ = ["apply", "estimate", "refresh"]

FunctionArgument = Annotated[
    str, typer.Argument(metavar="FUNCTION", help="MODULE:FUNCTION or FILE.py:FUNCTION, or a call that returns it.")
]
QueryArgument = Annotated[
    str, typer.Argument(metavar="QUERY", help="A query, a table's name, or - for standard input.")
]
LakeOption = Annotated[Path, typer.Option("--lake", envvar="SKYHOUSE_LAKE", help="The lake's folder.")]
EngineOption = Annotated[str | None, typer.Option("--engine", help="Who runs the tasks: pool (default) or spark.")]
FailuresOption = Annotated[
    str, typer.Option("--max-failures", help="Objects that may fail: a share such as 0.01, or a number of them.")
]
TimeoutOption = Annotated[float | None, typer.Option(min=0, help="Seconds that a batch of objects may take.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

_LAKE = Path("lake")
_INTERRUPTED = 130  # as shells have it


def apply(
    function: FunctionArgument,
    query: QueryArgument,
    into: Annotated[str, typer.Option(help="The table that is written: schema.table.")],
    key: Annotated[
        list[str] | None, typer.Option(help="A column that identifies an object; those of the table's key without it.")
    ] = None,
    lake: LakeOption = _LAKE,
    engine: EngineOption = None,
    max_failures: FailuresOption = "0.01",
    timeout: TimeoutOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Start the table anew, for another function or query.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a declared function over all objects of a query or table, into a table.

    The same command again goes on where the last one was stopped, and does what is new or changed in the input. Exit
    code 2 where objects failed.
    """
    from skyhouse.objects.named import named_function

    called = named_function(function)
    with skyhouse.open(lake, create=False) as opened, objects_bar("applying") as watch, _stoppable():
        run = opened.apply(
            called,
            _text(query),
            into,
            key=key,
            engine=engine,
            max_failures=_limit(max_failures),
            timeout=timeout,
            replace=replace,
            progress=watch,
        ).wait()
    _tell(run, as_json=as_json)


def refresh(
    table: Annotated[str, typer.Argument(help="A table that apply has made.")],
    function: Annotated[
        str | None, typer.Option(help="Where its function is now: MODULE:FUNCTION or FILE.py:FUNCTION.")
    ] = None,
    lake: LakeOption = _LAKE,
    engine: EngineOption = None,
    max_failures: FailuresOption = "0.01",
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do what is new or changed in the input of a table that apply has made. Exit code 2 where objects failed."""
    from skyhouse.objects.named import named_function

    called = None if function is None else named_function(function)
    with skyhouse.open(lake, create=False) as opened, objects_bar("refreshing") as watch, _stoppable():
        run = opened.refresh(
            table, called, engine=engine, max_failures=_limit(max_failures), timeout=timeout, progress=watch
        ).wait()
    _tell(run, as_json=as_json)


def estimate(
    function: FunctionArgument,
    query: QueryArgument,
    objects: Annotated[
        int | None, typer.Option(min=1, help="For so many objects of the same kind, such as 1000000000.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long the sample takes, about.")] = 5.0,
    lake: LakeOption = _LAKE,
    as_json: JsonOption = False,
) -> None:
    """Say what an apply would take, from a sample: hours and dollars here, on Spark, and on rented and own machines."""
    from skyhouse.objects.named import named_function

    called = named_function(function)
    with skyhouse.open(lake, create=False) as opened:
        found = opened.estimate(called, _text(query), seconds=seconds)
    if objects is not None:
        found = found.scaled(objects)
    if as_json:
        print_json(found.rows())
    else:
        print(found)


def _text(query: str) -> str:
    return sys.stdin.read() if query == "-" else query


def _limit(text: str) -> float:
    """Return a share or, where the text is a whole number, a count."""
    try:
        return int(text) if text.strip().isdigit() else float(text)
    except ValueError:
        raise InputError(f"--max-failures is a share such as 0.01, or a whole number, not {text!r}") from None


@contextmanager
def _stoppable() -> Iterator[None]:
    """End with a word where somebody stops it."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what was done is kept, and the same command goes on from there\n")
        raise typer.Exit(_INTERRUPTED) from None


def _tell(run: Run, *, as_json: bool) -> None:
    state = run.progress
    if as_json:
        told = {"table": run.table, "status": run.status, "computed": run.objects, "unchanged_parts": run.unchanged}
        print_json(told | {"failures": state.failures, "seconds": round(state.seconds, 3)})
    else:
        failed = f"{state.failures:,} failed" + (f" (they are in {run.failures})" if state.failures else "")
        parts = f"{run.unchanged:,} parts of the input unchanged"
        print(f"{run.objects:,} objects into {run.table}, {failed}, {parts}, {state.seconds:.1f} s")
    if state.failures:
        raise typer.Exit(2)
