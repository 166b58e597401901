"""Pictures of one object: its light curves in time, or folded by a period."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np

from skyhouse.errors import InputError
from skyhouse.lightcurves.curves import Band
from skyhouse.surveys.figures import new_figure, save_figure
from skyhouse.surveys.ztf.tables import BANDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skyhouse.surveys.base import Lake

__all__ = ["plot_curve"]

_COLOURS: Final = {"g": "#2a9d4a", "r": "#c8372d", "i": "#5b3a8c"}


def plot_curve(
    lake: Lake,
    object_id: int,
    *,
    period: float | None = None,
    flagged: bool = False,
    table: str = "ztf.objects",
    path: str | None = None,
) -> Figure:
    """Draw the light curves of one object with their errors, bright ones up.

    With a `period` [d] they are folded by it, two cycles side by side; phase 0 is at MJD 0. Flagged points (catflags
    not 0) are left out, or with `flagged` drawn as crosses. With `path` the picture is saved too. Raises InputError for
    an object that is not in the table, a period that is no number above 0 and a path that cannot be written.
    """
    if period is not None and not (isfinite(period) and period > 0):
        raise InputError(f"a period is a number of days above 0, not {period!r}")
    rows = lake.table(table).where(f"object_id = {int(object_id)}").select(*BANDS).to_arrow()
    if not rows.num_rows:
        raise InputError(f"no object {object_id} in {table}")
    figure = new_figure(8, 5)
    axes = figure.add_subplot()
    for name in BANDS:
        band = Band.of(rows[name])
        good = np.ones(len(band.mjd), bool) if band.catflags is None else band.catflags == 0
        for chosen, marker in ((good, "."), *(((~good, "x"),) if flagged else ())):
            x, mag, error = band.mjd[chosen], band.mag[chosen], band.magerr[chosen]
            if period is not None:
                phase = x / period % 1
                x, mag, error = np.concatenate([phase, phase + 1]), np.tile(mag, 2), np.tile(error, 2)
            if len(x):
                label = name if marker == "." else None
                axes.errorbar(x, mag, error, fmt=marker, ms=4, lw=0.6, color=_COLOURS[name], label=label)
    axes.invert_yaxis()
    axes.set_xlabel("MJD [d]" if period is None else f"phase, period {period:.6g} d")
    axes.set_ylabel("magnitude")
    axes.set_title(str(object_id))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    save_figure(figure, path)
    return figure
