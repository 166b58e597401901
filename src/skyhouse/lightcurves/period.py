"""The periods of nested light curves as a declared function, for `Lake.apply` and for SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.errors import InputError
from skyhouse.lightcurves.candidates import FEWEST, search
from skyhouse.lightcurves.clean import Clean
from skyhouse.lightcurves.curves import Band, Doubles
from skyhouse.lightcurves.folded import FOLDED_FEATURES, folded_features
from skyhouse.lightcurves.ranking import rank
from skyhouse.lightcurves.significance import ALIASES, aliases, false_alarm_probability
from skyhouse.lightcurves.version import RESULTS
from skyhouse.objects.function import Function, function

__all__ = ["TOP", "periods", "softened"]

TOP = 3  # periods of an object
_CLEAN = Clean()


def softened(band: Band, error: float) -> Band:
    """Return a band with `error` (mag) added to each magerr in quadrature.

    Surveys' errors leave out what calibration and blending add; taken as they are, a few bright nights would decide.
    """
    if error == 0:
        return band
    return Band(band.offsets, band.mjd, band.mag, np.hypot(band.magerr, np.float32(error)), band.catflags)


def periods(
    bands: Sequence[str] = ("g", "r"),
    *,
    clean: Clean | None = _CLEAN,
    minimum_frequency: float | None = None,
    maximum_frequency: float = 24.0,
    candidates: int = 20,
    systematic_error: float = 0.02,
) -> Function:
    """Return the function that finds the periods of light curves in some bands, common to them.

    `bands` are the columns that it reads, each ``struct<mjd list, mag list, magerr list[, catflags list]>`` (days and
    mag). The `candidates` highest peaks of the multi-band Lomb-Scargle periodogram (`search`), between
    `minimum_frequency` (1/d; None: one over the object's baseline) and `maximum_frequency`, are ranked by fits of up to
    four harmonics (`rank`). `systematic_error` (mag) is added to the errors in quadrature. `clean` says which points
    count; with None all that are finite do.

    For each of the best three periods, k = 1, 2, 3, it gives ``period_k`` (d), ``power_k``, ``harmonics_k``,
    ``false_alarm_k`` (see `false_alarm_probability`), ``alias_k`` (see `aliases`; NULL for none) and ``agreement_k``,
    the share of the bands that, each alone, prefer it; at the best period, for each band, `FOLDED_FEATURES`, as
    ``psi_eta_g``; and ``reason``, why there is no period, NULL where there is one.

    An eclipsing binary with two equal eclipses is found at half its orbit: no period search can tell.

    Raises InputError where there is no band or one twice, or a number is out of range.

    >>> mjd = [0.37 * k for k in range(60)]
    >>> curve = {"mjd": mjd, "mag": [15 + (0.4 * t) % 1 for t in mjd], "magerr": 60 * [0.05]}
    >>> found = periods(["g"], maximum_frequency=1).applied(pa.table({"g": [curve, None]})).columns
    >>> found["period_1"].to_pylist()[0].__round__(1), found["reason"].to_pylist()
    (2.5, [None, 'no points'])
    """
    bands = tuple(bands)
    if not bands or len(set(bands)) < len(bands) or not all(bands):
        raise InputError(f"periods are of some bands, each named once, as ('g', 'r'); not of {bands!r}")
    if not (maximum_frequency > 0 and candidates >= TOP and systematic_error >= 0):
        raise InputError(
            f"maximum_frequency={maximum_frequency}, candidates={candidates}, systematic_error={systematic_error}: "
            f"the first must be above 0, the second {TOP} or more, the third not below 0"
        )
    asked = _Periods(bands, clean, minimum_frequency, float(maximum_frequency), candidates, float(systematic_error))
    return function(returns=_columns(bands), per="batch", inputs=bands, name="periods", version=RESULTS)(asked)


def _columns(bands: Sequence[str]) -> list[Column]:
    found = []
    for k in range(1, TOP + 1):
        found += [
            Column(f"period_{k}", "float64", unit="d", description=f"period, the {('best', '2nd', '3rd')[k - 1]}"),
            Column(f"power_{k}", "float32", description="share of chi-squared that its harmonics take away"),
            Column(f"harmonics_{k}", "int32", description="number of harmonics, by BIC"),
            Column(f"false_alarm_{k}", "float64", description="probability that noise reaches this power"),
            Column(f"alias_{k}", "string", description="what the period may be owed to; NULL for nothing"),
            Column(f"agreement_{k}", "float32", description="share of the bands that prefer it, each alone"),
        ]
    found += [feature.column(band) for band in bands for feature in FOLDED_FEATURES]
    return [*found, Column("reason", "string", description="why there is no period; NULL where there is one")]


@dataclass(frozen=True)
class _Periods:
    """What `periods` was asked; called with a batch, it answers."""

    bands: tuple[str, ...]
    clean: Clean | None
    minimum_frequency: float | None
    maximum_frequency: float
    candidates: int
    systematic_error: float

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the columns of all objects of a batch."""
        curves = [Band.of(batch.column(name)) for name in self.bands]
        if self.clean is not None:
            curves = [self.clean(band) for band in curves]
        curves = [softened(band, self.systematic_error) for band in curves]
        lowest, highest = self.minimum_frequency, self.maximum_frequency
        found = search(curves, minimum_frequency=lowest, maximum_frequency=highest, top=self.candidates)
        ranked = rank(curves, found, minimum_frequency=lowest, maximum_frequency=highest, top=TOP)
        alarm = false_alarm_probability(ranked, found.baseline, minimum_frequency=lowest, maximum_frequency=highest)
        flags = aliases(ranked.frequency, found.baseline)
        folded = folded_features(curves, ranked.frequency[:, 0])
        words = pa.array([None, *ALIASES[1:]], pa.string())
        arrays: list[pa.Array] = []
        for k in range(TOP):
            missing = np.isnan(ranked.frequency[:, k])
            arrays += [
                pa.array(1 / ranked.frequency[:, k], from_pandas=True),
                _nullable(ranked.power[:, k]),
                pa.array(ranked.order[:, k].astype(np.int32), mask=missing),
                pa.array(alarm[:, k], from_pandas=True),
                words.take(pa.array(np.where(missing, 0, flags[:, k]))),
                _nullable(ranked.agreement[:, k]),
            ]
        arrays += [_nullable(folded[:, b, place]) for b in range(len(curves)) for place in range(folded.shape[2])]
        arrays.append(_reasons(curves, ranked.frequency[:, 0]))
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in _columns(self.bands)])


def _nullable(values: Doubles) -> pa.Array:
    return pa.array(values.astype(np.float32), from_pandas=True)  # NaN becomes NULL


_REASONS = (None, "no points", "too few points", "equal magnitudes, or times that allow no period")


def _reasons(curves: Sequence[Band], frequency: Doubles) -> pa.Array:
    """Return in words why there is no period."""
    most: npt.NDArray[np.int64] = np.max([band.counts for band in curves], axis=0)
    why = np.where(most == 0, 1, np.where(most < FEWEST, 2, 3))
    return pa.array(_REASONS, pa.string()).take(pa.array(np.where(np.isfinite(frequency), 0, why)))
