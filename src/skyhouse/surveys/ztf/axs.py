"""Layouts that have a row per object already: AXS's, a list for each part and band, and nested columns by band."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from skyhouse.errors import InputError
from skyhouse.lightcurves.curves import Band
from skyhouse.surveys.ztf.nested import band_of, fields_of, flagged, gathered
from skyhouse.surveys.ztf.tables import BANDS, objects_table

__all__ = ["IDS", "convert", "curve_columns"]

IDS: Final = ("ps1_objid", "object_id", "objid", "matchid")
_PARTS: Final = ("mjd", "mag", "magerr", "catflags")


def curve_columns(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the columns of every band's curves, by band: mjd_g, mag_g ... or one nested column.

    >>> lists = pa.list_(pa.float64())
    >>> curve_columns(pa.schema([("mjd_r", lists), ("mag_r", lists), ("magerr_r", lists)]))
    {'r': ['mjd_r', 'mag_r', 'magerr_r']}
    """
    named = {field.name.lower(): field for field in schema}
    found = {}
    for band in BANDS:
        parts = [named[f"{part}_{band}"].name for part in _PARTS if f"{part}_{band}" in named]
        if len(parts) >= 3 and not pa.types.is_primitive(named[parts[0].lower()].type):
            found[band] = parts
        elif band in named and {"mjd", "mag", "magerr"} <= fields_of(named[band].type).keys():
            found[band] = [named[band].name]
    return found


def convert(rows: pa.Table, object_id: str, curves: dict[str, list[str]]) -> pa.Table:
    """Return the objects, sorted by id; a band that is not there is empty.

    `curves` are those of `curve_columns`. Raises InputError for ids that are no whole numbers, are missing or come
    twice, and for lists of different lengths.
    """
    column = rows[object_id]
    if column.null_count or not pa.types.is_integer(column.type):
        raise InputError(
            f"{object_id} is a whole number in every row; it is {column.type}, NULL in {column.null_count}"
        )
    ids = column.to_numpy().astype(np.int64)
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise InputError(f"{object_id} {values[counts > 1][0]} comes twice; a file has one row for each object")
    named = {name.lower(): name for name in rows.column_names}
    ra, dec = (rows[named[name]].cast(pa.float64()) for name in ("ra", "dec"))
    bands = {band: _band(rows, curves.get(band, [])) for band in BANDS}
    return objects_table(ids, ra, dec, gathered(bands))


def _band(rows: pa.Table, columns: list[str]) -> Band:
    if not columns:
        nothing: Any = np.empty(0)
        return Band(np.zeros(rows.num_rows + 1, np.int64), nothing, nothing, nothing, nothing)
    if len(columns) == 1:
        fields = fields_of(rows[columns[0]].type)
        return band_of(rows[columns[0]], {part: fields[part] for part in _PARTS if part in fields})
    parts = {name.lower().rpartition("_")[0]: rows[name] for name in columns}
    if missing := [part for part in _PARTS[:3] if part not in parts]:
        raise InputError(f"there is no list of {missing[0]} beside {columns[0]}")
    return flagged(Band.of_lists(parts["mjd"], parts["mag"], parts["magerr"], parts.get("catflags")))
