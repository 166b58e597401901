"""The main job, shown: simulated MaNGA files to tables to answers."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import skyhouse
from skyhouse.errors import EngineMissing
from skyhouse.surveys import manga
from skyhouse.terminal import grid, progress_bar

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from skyhouse.query.query import Query
    from skyhouse.session import Lake

__all__ = ["questions", "run", "same_rows"]


def questions(lake: Lake) -> dict[str, Query]:
    """Return the three benchmark questions, as the demo asks them."""
    return {
        "Q1  galaxies with z < 0.05 and a 127-fibre bundle, and their spaxels": manga.galaxies_in(
            lake, redshift_below=0.05, fibres=127, limit=50
        ),
        "Q2  galaxies where more than 20% of the good spaxels have H-alpha flux > 5": manga.npergood(
            lake, "emline_gflux_ha_6564 > 5", more_than=0.20
        ),
        "Q3  shares of star-forming, composite, Seyfert and LINER spaxels, 0.02 < z < 0.1": manga.bpt_fractions(
            lake, snr=3, redshift=(0.02, 0.1)
        ),
    }


def run(folder: Path, *, galaxies: int, spark: bool, console: Console) -> None:
    """Simulate, ingest, ask and draw under `folder`; what a former demo left there is replaced."""
    began = time.perf_counter()
    for name in ("sas", "lake"):
        shutil.rmtree(folder / name, ignore_errors=True)
    console.rule("simulated files")
    with progress_bar("simulating") as (count, _):
        paths = manga.simulate(folder / "sas", galaxies=galaxies, progress=count)
    size = sum(path.stat().st_size for path in paths)
    _say(console, f"{len(paths)} files, {size / 1e6:,.0f} MB, {_since(began)}: {paths[0]} ...")
    with skyhouse.open(folder / "lake") as lake:
        console.rule("ingest")
        with progress_bar("ingesting") as (_, watch):
            report = lake.ingest([str(folder / "sas" / "**" / "*.fits*")], survey="manga", progress=watch)
        console.print(str(report))
        for table in lake.tables():
            held = f"{table.rows:>10,} rows  {len(table.columns):>5} columns  {table.bytes / 1e6:8.1f} MB"
            console.print(f"  {table.name:<28} {held}")
        answers = {}
        for title, query in questions(lake).items():
            console.rule(title)
            answers[title] = _ask(query, console)
        if spark:
            console.rule("the same questions, asked of Spark")
            _compare(lake, answers, console)
        console.rule("two pictures")
        subject = _subject(answers)
        for name, draw in (("halpha", manga.plot_map), ("bpt", manga.plot_bpt)):
            path = folder / f"{subject}-{name}.png"
            draw(lake, subject, path=str(path))
            console.print(f"  {path}")
    console.rule(f"done in {_since(began)}; what to type next")
    lake_option = f"--lake {folder / 'lake'}"
    _say(console, f"  .venv/bin/skyhouse tables {lake_option}")
    _say(console, f"  .venv/bin/skyhouse schema manga.spaxels --like ha_6564 {lake_option}")
    brightest = (
        "SELECT plateifu, max(emline_gflux_ha_6564) AS brightest FROM manga.spaxels WHERE good GROUP BY plateifu"
    )
    _say(console, f'  .venv/bin/skyhouse sql {lake_option} "{brightest} ORDER BY brightest DESC LIMIT 5"')
    _say(console, f"  .venv/bin/skyhouse plot {subject} --column stellar_vel {lake_option}")


def _say(console: Console, text: str) -> None:
    """Print a line as it is: not folded, so that it can be copied, and no bracket taken for markup."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _ask(query: Query, console: Console) -> pa.Table:
    run = query.run()
    # Every row is of one daptype, and its name would fill the screen.
    shown = run.table.slice(0, 8).drop_columns(["daptype"])
    console.print(grid(shown.column_names, [[_short(value) for value in row.values()] for row in shown.to_pylist()]))
    more = f" (the first {shown.num_rows} shown)" if shown.num_rows < run.rows else ""
    console.print(f"{run.rows:,} rows{more} by {run.engine} in {run.seconds:.3f} s")
    return run.table


def _short(value: object) -> object:
    """Return a number short enough for all columns to stand on a narrow screen."""
    return round(value, 4) if isinstance(value, float) else value


def _compare(lake: Lake, answers: dict[str, pa.Table], console: Console) -> None:
    for title, query in questions(lake).items():
        try:
            run = query.run(engine="spark")
        except EngineMissing as missing:
            _say(console, f"not asked: {missing}")
            return
        same = "the same answer" if same_rows(run.table, answers[title]) else "[red]ANOTHER ANSWER[/red]"
        console.print(f"{title[:2]}  {run.rows:,} rows by {run.engine} in {run.seconds:.3f} s: {same}")


def same_rows(one: pa.Table, other: pa.Table) -> bool:
    """Whether two results hold the same rows in the same order, floats to one part in 10^12.

    Sums of floats may differ in the last digits, since engines add in different orders.
    """
    if one.column_names != other.column_names or one.num_rows != other.num_rows:
        return False
    for a, b in zip(one.columns, other.columns, strict=True):
        for x, y in zip(a.to_pylist(), b.to_pylist(), strict=True):
            if isinstance(x, float) and isinstance(y, float):
                if not math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-300):
                    return False
            elif x != y:
                return False
    return True


def _subject(answers: dict[str, pa.Table]) -> str:
    """Return the galaxy to draw: the one with most classified spaxels outside its commonest class."""
    shares = ("star_forming", "composite", "seyfert", "liner")
    classes = list(answers.values())[-1].to_pylist()
    return str(max(classes, key=lambda row: row["classified"] * (1 - max(row[name] for name in shares)))["plateifu"])


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"
