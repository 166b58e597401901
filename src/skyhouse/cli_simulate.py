"""`skyhouse simulate [manga] | ztf`: simulated surveys, as files or straight into a lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import skyhouse
from skyhouse.terminal import print_json, progress_bar

__all__ = ["app"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class _MangaByDefault(TyperGroup):
    """Takes what names no survey for MaNGA's arguments: `skyhouse simulate sas`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] != ["--help"] and not (args and args[0] in self.commands):
            args = ["manga", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_MangaByDefault, help="Simulate a survey: manga (without its name too) or ztf.")


@app.command()
def manga(
    folder: Annotated[Path, typer.Argument(help="Root of the archive tree that is written.")] = Path("sas"),
    galaxies: Annotated[int, typer.Option(min=1)] = 60,
    seed: Annotated[int, typer.Option()] = 1,
    release: Annotated[str, typer.Option(help="DR17, DR16 or DR15.")] = "DR17",
    as_json: JsonOption = False,
) -> None:
    """Write simulated MaNGA MAPS files in the archive's directory layout."""
    from skyhouse.surveys.manga import simulate as write

    with progress_bar("simulating") as (update, _):
        paths = write(folder, galaxies=galaxies, seed=seed, release=release, progress=update)
    _tell(paths, folder, as_json=as_json)


@app.command()
def ztf(
    objects: Annotated[int, typer.Option(min=1, help="How many objects.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another sky.")] = 1,
    lake: Annotated[Path, typer.Option("--lake", envvar="SKYHOUSE_LAKE", help="The lake's folder.")] = Path("lake"),
    schema: Annotated[str, typer.Option(help="The tables are SCHEMA.objects and SCHEMA.truth.")] = "ztf",
    files: Annotated[
        Path | None, typer.Option(help="Write files of IRSA's layout into this folder, and no table.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of simulated tables.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate ZTF's light curves of variables of known class and period, straight into a lake's tables."""
    from skyhouse.surveys.ztf import simulate, simulate_files

    with progress_bar("simulating", "objects") as (update, _):
        if files is not None:
            paths = simulate_files(files, objects, seed=seed, progress=update)
        else:
            with skyhouse.open(lake) as opened:
                table = simulate(opened, objects, seed=seed, schema=schema, replace=replace, progress=update)
    if files is not None:
        _tell(paths, files, as_json=as_json)
    elif as_json:
        print_json({"table": table.name, "rows": table.rows, "bytes": table.bytes})
    else:
        print(
            f"{table.rows:,} objects in {table.name}, {table.bytes / 1e6:,.1f} MB; what they are is in {schema}.truth"
        )


def _tell(paths: list[Path], folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"files": [str(path) for path in paths]})
    else:
        print(f"{len(paths)} files under {folder}")
