"""Nested columns of any of the usual makes into light curves: structs of lists, lists of structs, a list per part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from skyhouse.lightcurves.curves import Band
from skyhouse.surveys.ztf.tables import curve

__all__ = ["band_of", "fields_of", "flagged", "gathered", "of_objects"]


def fields_of(kind: pa.DataType) -> dict[str, str]:
    """Return the fields of a nested column that holds light curves, by their names in lower case; else none.

    >>> fields_of(pa.list_(pa.struct([("hmjd", pa.float64()), ("Mag", pa.float32())])))
    {'hmjd': 'hmjd', 'mag': 'Mag'}
    """
    if _is_list(kind):
        kind = kind.value_type
        if pa.types.is_struct(kind):
            return {field.name.lower(): field.name for field in kind if not pa.types.is_nested(field.type)}
        return {}
    if pa.types.is_struct(kind):
        return {field.name.lower(): field.name for field in kind if _is_list(field.type)}
    return {}


def band_of(column: pa.ChunkedArray | pa.Array, names: Mapping[str, str]) -> Band:
    """Return the curves of a nested column; `names` are those of its fields by those of a Band's arrays.

    Where there are no flags, all points count as good. Raises InputError where an object's lists differ in length.
    """
    rows = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if _is_list(rows.type):
        rows = _turned(rows)
    parts = {name: rows.field(rows.type.get_field_index(field)) for name, field in names.items()}
    missing = rows.is_null() if rows.null_count else None
    found = Band.of(pa.StructArray.from_arrays(list(parts.values()), names=list(parts), mask=missing))
    return flagged(found)


def flagged(band: Band) -> Band:
    """Return curves with flags: 0 where the source has none."""
    if band.catflags is not None:
        return band
    return Band(band.offsets, band.mjd, band.mag, band.magerr, np.zeros(len(band.mjd), np.int32))


def gathered(bands: Mapping[str, Band]) -> dict[str, pa.StructArray]:
    """Return curves as columns of the nested table, each in the order of time."""
    return {
        name: of_objects(band, np.arange(len(band)), np.arange(len(band)), len(band)) for name, band in bands.items()
    }


def of_objects(band: Band, curves: Any, owner: Any, objects: int, *, align: bool = False) -> pa.StructArray:
    """Return the light curves of objects, by time: curve ``curves[n]`` of the band is of object ``owner[n]``.

    An object with several curves gets the points of all; points of one time stay in the order of `curves`. With
    `align` the curves' zero points are made those of the one with most points (`skyhouse.lightcurves.merged`). Raises
    InputError where there are more points than a column of lists can hold.
    """
    from skyhouse.lightcurves.clean import merged  # compiled code loads when it is used

    order = curves[np.argsort(owner, kind="stable")]
    if len(order) != len(band) or np.any(np.diff(order) != 1):
        band = Band.of(band.to_arrow().take(pa.array(order)))
    groups = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=objects))))
    found = merged(band, groups, align=align)
    return curve(found.offsets, found.mjd, found.mag, found.magerr, found.catflags)


def _turned(rows: pa.Array) -> pa.StructArray:
    """Return lists of structs as structs of lists."""
    counts = rows.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = pa.array(np.concatenate(([0], np.cumsum(counts))))
    points = rows.flatten()
    lists = [pa.LargeListArray.from_arrays(offsets, part) for part in points.flatten()]
    return pa.StructArray.from_arrays(lists, names=[field.name for field in points.type])


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
