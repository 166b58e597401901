"""The command line: `skyhouse demo | simulate | ingest | tables | schema | sql | history | drop | plot | ...`.

On a terminal it prints tables and progress; into a pipe it prints plain lines, and with ``--json`` what machines read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import skyhouse
from skyhouse import cli_apply, cli_simulate, cli_spark
from skyhouse.calibrating import calibrate
from skyhouse.errors import SkyhouseError
from skyhouse.surveys import get
from skyhouse.terminal import (
    named_value,
    print_json,
    print_query,
    print_query_json,
    print_rows,
    progress_bar,
    query_bar,
)

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(cli_spark.app, name="spark")
app.add_typer(cli_simulate.app, name="simulate")

app.command()(calibrate)
app.command()(cli_apply.apply)
app.command()(cli_apply.refresh)
app.command()(cli_apply.estimate)

LakeOption = Annotated[Path, typer.Option("--lake", envvar="SKYHOUSE_LAKE", help="The lake's folder.")]
EngineOption = Annotated[str | None, typer.Option("--engine", help="duckdb or spark; chosen for you without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

_LAKE = Path("lake")


def main() -> None:
    """Run the command line; a Skyhouse error is one message and exit code 1, a file that failed exit code 2."""
    try:
        app()
    except SkyhouseError as error:
        Console(stderr=True).print(f"[red]error:[/red] {type(error).__name__}: ", end="")
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo's files go.")] = Path("demo"),
    galaxies: Annotated[int, typer.Option(min=1, help="How many galaxies to simulate.")] = 60,
    spark: Annotated[bool, typer.Option(help="Ask Spark too, where Java is there.")] = True,
) -> None:
    """Simulate MaNGA files, ingest them, ask the three benchmark questions, save two pictures."""
    from skyhouse.demo import run

    run(folder, galaxies=galaxies, spark=spark, console=Console())


@app.command()
def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files or patterns; quote a pattern with **.")],
    survey: Annotated[str, typer.Option(help="Whose files these are.")] = "manga",
    lake: LakeOption = _LAKE,
    engine: Annotated[str | None, typer.Option(help="Who runs the tasks: pool (default) or spark.")] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="A second copy of a galaxy, or a file that moved, takes the first one's place."),
    ] = False,
    options: Annotated[
        list[str] | None, typer.Option("--option", "-O", help="How the survey's files are read: name=value, as mag=m.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest raw files into the lake's tables. Exit code 2 where a file failed."""
    converter = get(survey).reading(**dict(map(named_value, options or [])))
    with skyhouse.open(lake) as opened, progress_bar("ingesting") as (_, watch):
        report = opened.ingest(paths, survey=converter, engine=engine, replace=replace, progress=watch)
    if as_json:
        print_json(
            {
                "found": report.found,
                "ingested": report.ingested,
                "replaced": report.replaced,
                "unchanged": report.unchanged,
                "rows": report.rows,
                "bytes": report.bytes_read,
                "seconds": round(report.seconds, 3),
                "failures": [failure.__dict__ for failure in report.failures],
            }
        )
    else:
        print(report)
        for failure in report.failures:
            sys.stderr.write(f"failed: {failure.reason}\n")
    if not report.ok:
        raise typer.Exit(2)


@app.command()
def tables(lake: LakeOption = _LAKE, as_json: JsonOption = False) -> None:
    """List the lake's tables."""
    with skyhouse.open(lake, create=False) as opened:
        rows = [
            {
                "table": t.name,
                "rows": t.rows,
                "columns": len(t.columns),
                "bytes": t.bytes,
                "description": t.definition.description,
            }
            for t in opened.tables()
        ]
    print_rows(rows, as_json=as_json)


@app.command()
def attach(
    name: Annotated[str, typer.Argument(help="A new name: schema.table for files, a schema for a database.")],
    target: Annotated[str, typer.Argument(help="A file, folder, pattern in quotes, or postgresql://user@host/db.")],
    options: Annotated[
        list[str] | None, typer.Option("--option", "-O", help="How it is read: name=value, value as in JSON or a text.")
    ] = None,
    lake: LakeOption = _LAKE,
    as_json: JsonOption = False,
) -> None:
    """Attach tables that lie elsewhere: files, or those of a PostgreSQL server."""
    with skyhouse.open(lake, create=False) as opened:
        found = opened.attach(name, target, **dict(map(named_value, options or [])))
    rows = [{"table": t.name, "rows": t.rows, "columns": len(t.columns), "source": t.source} for t in found]
    print_rows(rows, as_json=as_json)
    for note in (note for table in found for note in table.notes):
        sys.stderr.write(f"note: {note}\n")


@app.command()
def detach(
    name: Annotated[str, typer.Argument(help="The name that it was attached under.")], lake: LakeOption = _LAKE
) -> None:
    """Let go of what was attached; the files or the server's tables stay as they are."""
    with skyhouse.open(lake, create=False) as opened:
        opened.detach(name)


@app.command()
def schema(
    table: Annotated[str, typer.Argument(help="A table's name, such as manga.spaxels.")],
    like: Annotated[str, typer.Option(help="Only columns whose name has this in it.")] = "",
    lake: LakeOption = _LAKE,
    as_json: JsonOption = False,
) -> None:
    """Show a table's columns: type, unit, UCD, description."""
    with skyhouse.open(lake, create=False) as opened:
        rows = [
            {"column": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd, "description": c.description}
            for c in opened.table(table).columns
            if like.lower() in c.name.lower()
        ]
    print_rows(rows, as_json=as_json)


@app.command()
def sql(
    text: Annotated[str, typer.Argument(help="The query, or - for standard input.")],
    lake: LakeOption = _LAKE,
    engine: EngineOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the rows there: .parquet, .fits, .csv, .vot.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows printed at most (--json and --out: all).")] = 100,
    as_json: JsonOption = False,
    dialect: Annotated[str, typer.Option(help="What the query is written in: sql, adql, tsql or spark.")] = "sql",
) -> None:
    """Run one SQL query and print or write its rows, or a statement that writes a table."""
    with skyhouse.open(lake, create=False) as opened, query_bar() as watch:
        opened.watch(watch)
        query = opened.sql(sys.stdin.read() if text == "-" else text, dialect=dialect, engine=engine)
        if out is not None:
            rows = query.write(out)
            print(f"{rows:,} rows in {out}")
        elif as_json:
            print_query_json(query)
        else:
            print_query(query, limit)


@app.command()
def history(
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many of the last runs.")] = 20,
    lake: LakeOption = _LAKE,
    as_json: JsonOption = False,
) -> None:
    """Show the last runs of queries, oldest first: when, seconds, rows, engine, text, error."""
    with skyhouse.open(lake, create=False) as opened:
        runs = opened.history(last).to_pylist()
    if not as_json:
        names = ("started_at", "seconds", "rows", "engine", "text", "error")
        runs = [{name: " ".join(str(run[name]).split()) for name in names} for run in runs]
        for run in runs:
            run["started_at"], run["seconds"] = run["started_at"][:19], f"{float(run['seconds']):.3f}"
    print_rows(runs, as_json=as_json)


@app.command()
def drop(
    table: Annotated[str, typer.Argument(help="A table's name, such as mydb.bright.")],
    lake: LakeOption = _LAKE,
) -> None:
    """Delete a table with its files."""
    with skyhouse.open(lake, create=False) as opened:
        opened.drop(table)
    print(f"{table} is gone")


@app.command()
def vacuum(
    older_than_hours: Annotated[float, typer.Option(min=0, help="What is younger stays: it may be in use.")] = 24,
    lake: LakeOption = _LAKE,
    as_json: JsonOption = False,
) -> None:
    """Delete files that no table names any more."""
    with skyhouse.open(lake, create=False) as opened:
        gone = opened.vacuum(older_than_hours)
    if as_json:
        print_json([str(path) for path in gone])
    else:
        print(f"{len(gone)} files and folders deleted")


@app.command()
def plot(
    plateifu: Annotated[str, typer.Argument(help="A galaxy, such as 8485-1901.")],
    column: Annotated[str, typer.Option(help="What is mapped.")] = "emline_gflux_ha_6564",
    bpt: Annotated[bool, typer.Option("--bpt", help="Draw the BPT plane instead of a map.")] = False,
    daptype: Annotated[str | None, typer.Option()] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The picture's file (.png, .pdf, .svg).")] = None,
    lake: LakeOption = _LAKE,
) -> None:
    """Draw one galaxy: a map of a measurement, or its BPT diagram."""
    from skyhouse.surveys import manga

    path = out or Path(f"{plateifu}-{'bpt' if bpt else column}.png")
    with skyhouse.open(lake, create=False) as opened:
        if bpt:
            manga.plot_bpt(opened, plateifu, daptype=daptype, path=str(path))
        else:
            manga.plot_map(opened, plateifu, column, daptype=daptype, path=str(path))
    print(path)
