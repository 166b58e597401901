"""The survey's tables: a row per object with its light curves nested in it, and the truth of simulated ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from skyhouse.columns import Column, arrow_type
from skyhouse.lake.definition import Definition

__all__ = ["BANDS", "CURVE", "curve", "objects_definition", "objects_schema", "objects_table", "truth_definition"]

BANDS: Final = ("g", "r", "i")
CURVE: Final = "struct<mjd:list<float64>,mag:list<float32>,magerr:list<float32>,catflags:list<int32>>"
_TIMES = "heliocentric MJD from IRSA's files (hmjd) and the simulator, the observatory's MJD from AXS and detections"
_OBJECT: Final = (
    Column("object_id", "int64", "", "meta.id;meta.main", "IRSA: the smallest objectid of its curves; AXS: ps1_objid"),
    Column("ra", "float64", "deg", "pos.eq.ra;meta.main", "Right ascension, ICRS"),
    Column("dec", "float64", "deg", "pos.eq.dec;meta.main", "Declination, ICRS"),
    *(Column(f"nobs_{band}", "int32", "", "meta.number;obs", f"Points in {band}, flagged ones too") for band in BANDS),
)
_WAVES: Final = {"g": "em.opt.B", "r": "em.opt.R", "i": "em.opt.I"}


def objects_definition(schema: str = "ztf") -> Definition:
    """Return the definition of the nested table: a row per object.

    Rows are sorted by object_id. IRSA's ids begin with field, filter and readout and Pan-STARRS' with a strip of
    declination, so neighbours in id are neighbours on the sky: one order serves a look-up by id (row groups are
    skipped by the id's extremes, exactly) and a cone (skipped by those of ra and dec). Sorting by position itself
    would serve the second only.

    >>> [column.name for column in objects_definition().columns]
    ['object_id', 'ra', 'dec', 'nobs_g', 'nobs_r', 'nobs_i', 'g', 'r', 'i']
    """
    curves = tuple(
        Column(
            band,
            CURVE,
            "",
            f"phot.mag;{_WAVES[band]};meta.dataset",
            f"Light curve in {band}, by time: mjd [d] ({_TIMES}; up to 8.3 minutes apart), mag and magerr [mag] (PSF "
            "magnitude, AB), catflags (0: good; bits as the release has them, 32768: not to be used)",
        )
        for band in BANDS
    )
    return Definition(
        f"{schema}.objects",
        _OBJECT + curves,
        key=("object_id",),
        sort=("object_id",),
        description="ZTF's objects, each with its light curves in g, r and i",
    )


def truth_definition(schema: str = "ztf") -> Definition:
    """Return the definition of the table that tells what simulated objects are."""
    return Definition(
        f"{schema}.truth",
        (
            Column("object_id", "int64", "", "meta.id;meta.main", "As in the table of objects"),
            Column(
                "class",
                "string",
                "",
                "src.class",
                "RRAB, RRC, EA, EB, EW, DSCT, CEP, M (Mira), SR (semiregular), SN, QSO or CONST",
            ),
            Column("period", "float64", "d", "time.period", "Period; NULL for what has none"),
            Column(
                "amplitude",
                "float32",
                "mag",
                "src.var.amplitude",
                "In r: peak to peak; of a QSO its structure function at infinity, of a SN its height over its host",
            ),
            Column("mag_r", "float32", "mag", "phot.mag;em.opt.R", "Mean magnitude in r (of a SN: of its host)"),
            Column("g_r", "float32", "mag", "phot.color;em.opt.B;em.opt.R", "Mean colour g - r"),
            Column("r_i", "float32", "mag", "phot.color;em.opt.R;em.opt.I", "Mean colour r - i"),
        ),
        key=("object_id",),
        sort=("object_id",),
        description="What simulated ZTF objects are",
    )


@cache
def objects_schema() -> pa.Schema:
    """Return the Arrow schema of the nested table."""
    return objects_definition().schema


def curve(offsets: Any, mjd: Any, mag: Any, magerr: Any, catflags: Any) -> pa.StructArray:
    """Return light curves as Arrow has them: structs of lists that share their offsets.

    `offsets` are n + 1 whole numbers from 0, the others the points of all n objects one after the other, arrays of
    numpy or Arrow; those of the due type are not copied.

    >>> curve([0, 0, 2], [1.0, 2.0], [15, 16], [0.1, 0.1], [0, 0]).to_pylist()[0]
    {'mjd': [], 'mag': [], 'magerr': [], 'catflags': []}
    """
    kind = arrow_type(CURVE)
    shared = pa.array(np.asarray(offsets, np.int32))
    values = (mjd, mag, magerr, catflags)
    lists = [
        pa.ListArray.from_arrays(shared, _typed(points, field.type.value_type), type=field.type)
        for points, field in zip(values, kind, strict=True)
    ]
    return pa.StructArray.from_arrays(lists, fields=list(kind))


def _typed(points: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(points, pa.Array):
        return points.cast(kind)
    return pa.array(np.asarray(points, kind.to_pandas_dtype()))


def objects_table(object_id: Any, ra: Any, dec: Any, curves: Mapping[str, pa.StructArray]) -> pa.Table:
    """Return rows of the nested table, sorted by object_id; counts are taken from the curves.

    `object_id`, `ra` and `dec` are arrays of n values, `curves` has n light curves for each band.
    """
    counts = {f"nobs_{band}": _counts(curves[band]) for band in BANDS}
    place = {
        name: values if isinstance(values, pa.ChunkedArray) else pa.array(values)
        for name, values in (("ra", ra), ("dec", dec))
    }
    columns = {"object_id": pa.array(object_id), **place, **counts, **curves}
    ids = np.asarray(object_id)
    table = pa.table([columns[name] for name in objects_schema().names], schema=objects_schema())
    return table if (ids[1:] >= ids[:-1]).all() else table.take(np.argsort(ids, kind="stable"))


def _counts(curves: pa.StructArray) -> pa.Array:
    return pa.array(np.diff(np.asarray(curves.field(0).offsets)).astype(np.int32))
