"""IRSA's layout into objects: a row per object, field and filter, merged by position.

The data releases (Masci et al. 2019, PASP 131, 018003) number a star's curves apart for each field, filter and readout.
Here its curves are found together within a radius, and become one row.

What lies in another file is not seen: of a star whose curves lie on both sides of a partition's border (their places
differ by some 0.1 arcsec) two objects are made, each with a part of the points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from skyhouse.errors import InputError
from skyhouse.lightcurves.curves import Band
from skyhouse.surveys.ztf.nested import band_of, fields_of, flagged, of_objects
from skyhouse.surveys.ztf.positions import grouped, mean_places
from skyhouse.surveys.ztf.tables import BANDS, objects_table

__all__ = ["COLUMNS", "PARTS", "convert", "curves_column"]

COLUMNS: Final = ("objectid", "filterid", "objra", "objdec")
PARTS: Final = {"mjd": "hmjd", "mag": "mag", "magerr": "magerr", "catflags": "catflags"}


def curves_column(schema: pa.Schema) -> list[str] | None:
    """Return the columns that hold the curves: a nested one, or a list for each part; None where there are none.

    >>> curves_column(pa.schema([("objectid", pa.int64()), ("lc", pa.list_(pa.struct([("hmjd", pa.float64())])))]))
    ['lc']
    """
    for field in schema:
        if "hmjd" in fields_of(field.type):
            return [field.name]
    lists = {field.name.lower(): field.name for field in schema if not pa.types.is_primitive(field.type)}
    if {"hmjd", "mag", "magerr"} <= lists.keys():
        return [lists[part] for part in PARTS.values() if part in lists]
    return None


def convert(rows: pa.Table, curves: list[str], radius_arcsec: float = 1.0, *, align: bool = False) -> pa.Table:
    """Return the objects of rows of IRSA's layout, merged within a radius, sorted by id.

    `curves` are the columns of `curves_column`. An object's id is the smallest of its curves' objectids, its place
    the middle of theirs. Points stand by time, those of one time in the order of their curves' ids. With `align` the
    magnitudes of each curve (of 5 points or more) are shifted to the median of its object's longest in that band, since
    zero points differ from field to field. Raises InputError
    for a filter that is not 1, 2 or 3, a curve without a place or an id, and an objectid that comes twice.
    """
    named = {name.lower(): name for name in rows.column_names}
    ids = _whole_numbers(rows, named["objectid"])
    filters = _whole_numbers(rows, named["filterid"])
    if len(unknown := np.setdiff1d(filters, (1, 2, 3))):
        raise InputError(f"filterid is 1, 2 or 3 (g, r, i), not {unknown[0]}")
    ra, dec = (
        np.asarray(rows[named[name]].cast(pa.float64()).to_numpy(zero_copy_only=False)) for name in ("objra", "objdec")
    )
    # By id, so that nothing depends on the order of the rows.
    order = np.argsort(ids)
    ids = ids[order]
    if len(twice := ids[1:][ids[1:] == ids[:-1]]):
        raise InputError(f"objectid {twice[0]} comes twice")
    ra, dec, filters = ra[order], dec[order], filters[order]
    group = grouped(ra, dec, radius_arcsec)
    # Objects in the order of their smallest ids.
    first, group = _renumbered(group)
    middle = mean_places(ra, dec, group, len(first))
    band = _band(rows, curves)
    found = {}
    for number, name in enumerate(BANDS, start=1):
        here = filters == number
        found[name] = of_objects(band, order[here], group[here], len(first), align=align)
    return objects_table(ids[first], *middle, found)


def _whole_numbers(rows: pa.Table, name: str) -> Any:
    column = rows[name]
    if column.null_count or not pa.types.is_integer(column.type):
        raise InputError(
            f"{name} is a whole number in every row; it is of type {column.type}, NULL in {column.null_count}"
        )
    return column.to_numpy().astype(np.int64)


def _renumbered(group: Any) -> tuple[Any, Any]:
    """Return where each group is met first, and the groups numbered in that order."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]


def _band(rows: pa.Table, curves: list[str]) -> Band:
    if len(curves) > 1:
        by_name: Mapping[str, Any] = {name.lower(): rows[name] for name in curves}
        return flagged(Band.of_lists(by_name["hmjd"], by_name["mag"], by_name["magerr"], by_name.get("catflags")))
    fields = fields_of(rows[curves[0]].type)
    if missing := [part for part in ("mag", "magerr") if part not in fields]:
        raise InputError(f"{curves[0]} has no field {missing[0]!r}; it has {', '.join(fields.values())}")
    names = {part: fields[field] for part, field in PARTS.items() if field in fields}
    return band_of(rows[curves[0]], names)
