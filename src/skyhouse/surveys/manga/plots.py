"""Pictures of one galaxy: a map of any measurement, and its spaxels in the BPT plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skyhouse.errors import InputError, UnknownColumn
from skyhouse.surveys.figures import new_figure, save_figure
from skyhouse.surveys.manga.masks import masked_expression
from skyhouse.surveys.manga.questions import HALPHA, HBETA, NII, OIII

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skyhouse.surveys.base import Lake

__all__ = ["plot_bpt", "plot_map"]

_CLASSES = ("star-forming", "composite", "Seyfert", "LINER")
_COLOURS = ("#2c7fb8", "#7a9a01", "#d95f0e", "#a6323e")


def plot_map(
    lake: Lake,
    plateifu: str,
    column: str = "emline_gflux_ha_6564",
    *,
    daptype: str | None = None,
    masked: bool = True,
    path: str | None = None,
) -> Figure:
    """Draw one measurement of one galaxy on the sky, north up, east to the left.

    Only good spaxels are drawn and, with `masked`, only those that the pixel mask leaves clear. The axes are offsets
    from the galaxy's centre in arcsec. With `path` the picture is saved too. Raises InputError for a galaxy that is
    not in the lake, a column that holds no numbers and a path that cannot be written; UnknownColumn.
    """
    query = lake.table("manga.spaxels")
    columns = {c.name.lower(): c for c in query.columns}
    if column.lower() not in columns:
        raise UnknownColumn(f"manga.spaxels has no column {column!r}; `skyhouse schema manga.spaxels` lists them")
    found = columns[column.lower()]
    if not found.type.startswith(("float", "int", "uint", "bool")):
        raise InputError(f"{found.name} is of type {found.type}: a map is drawn of numbers")
    rows = (
        query.where(_of(plateifu, daptype))
        .select(
            "x",
            "y",
            "good",
            "daptype",
            ra_offset="spx_skycoo_on_sky_x",
            dec_offset="spx_skycoo_on_sky_y",
            value=masked_expression(found.name) if masked else found.name,
        )
        .to_arrow()
    )
    _check(rows, plateifu)
    x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
    value = rows["value"].to_numpy().astype("f8")
    value[~rows["good"].to_numpy()] = np.nan
    shape = (int(y.max()) + 1, int(x.max()) + 1)
    image, east, north = (np.full(shape, np.nan) for _ in range(3))
    image[y, x] = value
    east[y, x], north[y, x] = rows["ra_offset"].to_numpy(), rows["dec_offset"].to_numpy()

    figure = new_figure()
    axes = figure.add_subplot()
    shown = np.isfinite(image)
    low, high = np.percentile(image[shown], [2, 98]) if shown.any() else (0.0, 1.0)
    signed = found.name.startswith(("stellar_vel", "emline_gvel"))
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    half = 0.25  # arcsec: half a spaxel
    drawn = axes.imshow(
        image,
        origin="lower",
        extent=(
            float(np.nanmax(east)) + half,
            float(np.nanmin(east)) - half,
            float(np.nanmin(north)) - half,
            float(np.nanmax(north)) + half,
        ),
        vmin=low,
        vmax=high,
        cmap="RdBu_r" if signed else "viridis",
        interpolation="nearest",
    )
    axes.set_xlabel("offset east [arcsec]")
    axes.set_ylabel("offset north [arcsec]")
    axes.set_title(plateifu)
    figure.colorbar(drawn, label=f"{found.name} [{found.unit}]" if found.unit else found.name)
    save_figure(figure, path)
    return figure


def plot_bpt(
    lake: Lake,
    plateifu: str,
    *,
    snr: float = 3.0,
    daptype: str | None = None,
    masked: bool = True,
    path: str | None = None,
) -> Figure:
    """Draw the good spaxels of one galaxy in the [NII] BPT plane, with the lines of `bpt_fractions`.

    Only spaxels with S/N > `snr` in all four lines are drawn. With `path` the picture is saved too. Raises InputError
    for a galaxy that is not in the lake and a path that cannot be written.
    """
    lines = (HALPHA, HBETA, OIII, NII)
    wanted = {line: masked_expression(f"emline_gflux_{line}") if masked else f"emline_gflux_{line}" for line in lines}
    noise = {f"ivar_{line}": f"emline_gflux_ivar_{line}" for line in lines}
    rows = (
        lake.table("manga.spaxels")
        .where(_of(plateifu, daptype))
        .select("good", "daptype", **{f"flux_{line}": text for line, text in wanted.items()}, **noise)
        .to_arrow()
    )
    _check(rows, plateifu)
    flux = {line: rows[f"flux_{line}"].to_numpy().astype("f8") for line in lines}
    keep = rows["good"].to_numpy().copy()
    for line in lines:
        with np.errstate(invalid="ignore"):
            keep &= (flux[line] > 0) & (flux[line] * np.sqrt(rows[f"ivar_{line}"].to_numpy().astype("f8")) > snr)
    x = np.log10(flux[NII][keep] / flux[HALPHA][keep])
    y = np.log10(flux[OIII][keep] / flux[HBETA][keep])
    kind = _classify(x, y)

    figure = new_figure()
    axes = figure.add_subplot()
    for number, (name, colour) in enumerate(zip(_CLASSES, _COLOURS, strict=True)):
        here = kind == number
        axes.plot(x[here], y[here], ".", ms=4, color=colour, label=f"{name} ({here.sum()})")
    grid = np.linspace(-2.0, 0.0, 200)
    axes.plot(grid, 0.61 / (grid - 0.05) + 1.3, "k--", lw=1)
    grid = np.linspace(-2.0, 0.42, 200)
    axes.plot(grid, 0.61 / (grid - 0.47) + 1.19, "k-", lw=1)
    grid = np.linspace(-0.18, 0.8, 50)
    axes.plot(grid, 1.05 * grid + 0.45, "k:", lw=1)
    axes.set_xlim(-1.8, 0.8)
    axes.set_ylim(-1.4, 1.6)
    axes.set_xlabel(r"log([N II] 6585 / H$\alpha$)")
    axes.set_ylabel(r"log([O III] 5008 / H$\beta$)")
    axes.set_title(plateifu)
    axes.legend(loc="lower left", fontsize=8)
    save_figure(figure, path)
    return figure


def _classify(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 0 to 3, an index into the classes, for each point; the formulas are those of `bpt_fractions`."""
    star_forming = (x < 0.05) & ((y - 1.3) * (x - 0.05) > 0.61)
    composite = ~star_forming & (x < 0.47) & ((y - 1.19) * (x - 0.47) > 0.61)
    seyfert = ~star_forming & ~composite & (y > 1.05 * x + 0.45)
    return np.select([star_forming, composite, seyfert], [0, 1, 2], default=3)


def _of(plateifu: str, daptype: str | None) -> str:
    text = plateifu.replace("'", "''")
    chosen = "" if daptype is None else " AND daptype = '" + daptype.replace("'", "''") + "'"
    return f"plateifu = '{text}'{chosen}"


def _check(rows: Any, plateifu: str) -> None:
    if rows.num_rows == 0:
        raise InputError(f"no galaxy {plateifu!r} of that daptype in manga.spaxels")
    held = sorted(set(rows["daptype"].to_pylist()))
    if len(held) > 1:
        raise InputError(
            f"{plateifu} is there in {len(held)} daptypes ({', '.join(held)}): say which, daptype={held[0]!r}"
        )
