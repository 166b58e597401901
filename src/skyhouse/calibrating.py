"""`skyhouse calibrate`: measures the engines on this machine, so that queries go where they are fastest."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from skyhouse.errors import InputError
from skyhouse.query.engines import ENGINES, engine_named
from skyhouse.settings import Settings
from skyhouse.terminal import print_json

__all__ = ["calibrate"]


def calibrate(
    engine: Annotated[str | None, typer.Option("--engine", help="duckdb or spark; both without it.")] = None,
    lake: Annotated[Path, typer.Option("--lake", envvar="SKYHOUSE_LAKE", help="A lake, for its settings.")] = Path(),
    cores: Annotated[int | None, typer.Option(min=1, help="Cores of Spark's cluster, where it does not tell.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory of Spark's cluster, such as 3TB.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Measure the engines on this machine (less than a minute), so that queries go where they are fastest.

    The rates are kept for this user and machine, and for Spark's master (`--lake`, SKYHOUSE_SPARK_MASTER).
    """
    from skyhouse.session.calibrate import calibrate as measure
    from skyhouse.session.calibration import Calibration
    from skyhouse.session.forecast import bytes_of
    from skyhouse.session.whereabouts import whereabouts

    settings = Settings.load(lake / "skyhouse.toml")
    size = None if memory is None else bytes_of(memory)
    if memory is not None and size is None:
        raise InputError(f"--memory is a size such as 3TB, not {memory!r}")
    named = engine_named(engine)
    missing = whereabouts(settings).missing
    engines = (named,) if named else tuple(name for name in ENGINES if name != "spark" or not missing)
    calibration = Calibration()
    err = Console(stderr=True)
    found = measure(settings, calibration, engines, cores=cores, memory=size, progress=err.print)
    if as_json:
        print_json({key: asdict(rates) for key, rates in found.items()})
        return
    for key, rates in found.items():
        each = ", ".join(f"{name} {1e9 * getattr(rates, name):.0f}" for name in ("filter", "aggregate", "join", "sort"))
        times = f"start {rates.start:.2g} s, query {rates.query:.2g} s, stage {rates.stage:.2g} s"
        print(f"{key}: {rates.cores} cores, {times}, scan {rates.scan / 1e6:.0f} MB/s a core; ns a row: {each}")
    if missing and not named:
        print(f"spark: {missing}")
    print(f"kept in {calibration.path}")
