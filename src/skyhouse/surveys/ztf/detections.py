"""Tables of detections, a row for each point, into objects: a file's in one go, or any query's by the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skyhouse.errors import InputError
from skyhouse.surveys.ztf.positions import mean_places
from skyhouse.surveys.ztf.tables import BANDS, curve, objects_table

if TYPE_CHECKING:
    from skyhouse.query.query import Query

__all__ = ["Names", "alert_id", "alert_name", "convert", "nest"]

# What columns are called, the first that is there; alerts' corrected magnitudes before those of the difference.
_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "object_id": ("object_id", "objectid", "oid", "objid", "ps1_objid", "id"),
    "mjd": ("mjd", "hmjd", "time"),
    "mag": ("mag", "magpsf_corr", "magpsf"),
    "magerr": ("magerr", "sigmapsf_corr", "sigmapsf"),
    "band": ("band", "filter", "fid", "filterid"),
    "ra": ("ra", "objra"),
    "dec": ("dec", "objdec"),
    "catflags": ("catflags",),
}
_NEEDED: Final = ("mjd", "mag", "magerr", "band")
_LETTERS, _NAME = 26, re.compile(r"ZTF(\d\d)([a-z]{7})")


@dataclass(frozen=True)
class Names:
    """The columns of a table of detections; those not given are looked for under their usual names.

    `ra`, `dec` (degrees) and `catflags` may be missing. `mjd` is in days, `band` g, r, i (or zg, zr, zi) or 1, 2, 3.
    """

    object_id: str = ""
    mjd: str = ""
    mag: str = ""
    magerr: str = ""
    band: str = ""
    ra: str = ""
    dec: str = ""
    catflags: str = ""

    def within(self, columns: list[str]) -> dict[str, str]:
        """Return the columns that are there, by what they hold. Raises InputError for one that was given and is not.

        >>> Names(mag="psf_mag").within(["oid", "MJD", "psf_mag"])
        {'object_id': 'oid', 'mjd': 'MJD', 'mag': 'psf_mag'}
        """
        there = {name.lower(): name for name in reversed(columns)}
        found = {}
        for field in fields(self):
            given = getattr(self, field.name)
            if given and given.lower() not in there:
                raise InputError(f"there is no column {given!r} for {field.name}; there are {', '.join(columns)}")
            name = next((each for each in ([given] if given else _USUAL[field.name]) if each.lower() in there), None)
            if name is not None:
                found[field.name] = there[name.lower()]
        return found

    def missing(self, columns: list[str], *, id_needed: bool = True) -> list[str]:
        """Return what is needed of a table and is not in it."""
        found = self.within(columns)
        return [name for name in (("object_id",) if id_needed else ()) + _NEEDED if name not in found]


def alert_id(name: str) -> int:
    """Return the number that stands for an alert stream's object name, which sorts as the name does.

    Raises InputError for what is no such name.

    >>> alert_id("ZTF17aaaemke")
    136540851672
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise InputError(f"{name!r} is no object of the alert stream: those are ZTF, two digits and seven letters")
    number = int(found[1])
    for letter in found[2]:
        number = number * _LETTERS + ord(letter) - ord("a")
    return number


def alert_name(object_id: int) -> str:
    """Return the name that `alert_id` has made a number of. Raises InputError for one that it has not.

    >>> alert_name(alert_id("ZTF18abcdxyz"))
    'ZTF18abcdxyz'
    """
    number, letters = int(object_id), ""
    for _ in range(7):
        number, letter = divmod(number, _LETTERS)
        letters = chr(ord("a") + letter) + letters
    if not 0 <= number < 100:
        raise InputError(f"{object_id} stands for no name of the alert stream")
    return f"ZTF{number:02}{letters}"


def convert(rows: pa.Table, names: Names, object_id: int | None = None) -> pa.Table:
    """Return the objects of detections, sorted by id, each with its points by time.

    `object_id` is that of all rows where no column tells it. An object's place is the middle of its detections', NULL
    without any. Rows without a time or a magnitude (upper limits) are left out. Where there is no column of flags, all
    points have 0; where one is NULL it is -1. Raises InputError for bands and ids that cannot be, and missing columns.
    """
    found = names.within(rows.column_names)
    if missing := names.missing(rows.column_names, id_needed=object_id is None):
        raise InputError(
            f"detections have no column for {', '.join(missing)}; there are {', '.join(rows.column_names)}"
        )
    seen = pc.and_(*(pc.is_finite(rows[found[name]].cast(pa.float64())).fill_null(False) for name in ("mjd", "mag")))
    rows = rows.filter(seen)
    ids = np.full(rows.num_rows, object_id, np.int64) if object_id is not None else _ids(rows[found["object_id"]])
    band = _bands(rows[found["band"]])
    mjd, mag, magerr = (_numbers(rows[found[name]]) for name in ("mjd", "mag", "magerr"))
    flags = (
        rows[found["catflags"]].cast(pa.int32()).fill_null(-1).to_numpy()
        if "catflags" in found
        else np.zeros(rows.num_rows, np.int32)
    )
    order = np.lexsort((mjd, ids))
    if np.any((np.diff(ids[order]) == 0) & (np.diff(mjd[order]) == 0)):
        # Points of one time have an order of their own, so that nothing depends on that of the rows.
        order = np.lexsort((flags, magerr, mag, mjd, ids))
    objects, owner = np.unique(ids, return_inverse=True)
    curves = {}
    for number, name in enumerate(BANDS):
        at = order[band[order] == number]
        offsets = np.concatenate(([0], np.cumsum(np.bincount(owner[at], minlength=len(objects)))))
        curves[name] = curve(offsets, mjd[at], mag[at].astype("f4"), magerr[at].astype("f4"), flags[at])
    ra, dec = np.full((2, len(objects)), np.nan)
    if "ra" in found and "dec" in found:
        places = [_numbers(rows[found[name]]) for name in ("ra", "dec")]
        known = np.isfinite(places[0]) & np.isfinite(places[1])
        ra, dec = mean_places(places[0][known], places[1][known], owner[known], len(objects))
    place = [pa.array(values, from_pandas=True) for values in (ra, dec)]
    return objects_table(objects, place[0], place[1], curves)


def _numbers(column: pa.ChunkedArray) -> Any:
    return column.cast(pa.float64()).fill_null(np.nan).to_numpy()


def _ids(column: pa.ChunkedArray) -> Any:
    if column.null_count:
        raise InputError(f"{column.null_count} detections have no object's id")
    if pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.int64)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_dictionary(column.type):
        coded = pc.dictionary_encode(column.cast(pa.string())).combine_chunks()
        coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
        numbers = np.array([alert_id(name) for name in coded.dictionary.to_pylist()], np.int64)
        return numbers[coded.indices.to_numpy()] if len(numbers) else numbers
    raise InputError(f"an object's id is a whole number or a name of the alert stream, not {column.type}")


def _bands(column: pa.ChunkedArray) -> Any:
    """Return 0, 1, 2 for g, r, i."""
    texts = column.cast(pa.string()).fill_null("")
    known = pa.array([*BANDS, *(f"z{band}" for band in BANDS), "1", "2", "3"])
    place = pc.index_in(pc.utf8_trim_whitespace(pc.utf8_lower(texts)), known)
    if place.null_count:
        unknown = pc.unique(texts.filter(place.is_null())).to_pylist()
        raise InputError(f"a band is g, r, i or 1, 2, 3, not {', '.join(map(repr, unknown[:5]))}")
    return place.to_numpy() % len(BANDS)


def nest(query: Query, **names: str) -> Query:
    """Return the objects of a query's detections as a query of rows of the nested table: a row per object.

    `names` say what columns are called, as `Names` has them; the rest is as for a file's detections in `convert`, but
    that ids may be of any type and rows of other bands are left out. The engine that the query runs on
    does the grouping, and spills what does not fit: for tables of any size.

        lake.write(ztf.nest(lake.table("my.detections"), mag="psf_mag"), "my.objects", key=["object_id"])

    Raises InputError for columns that are missing, QueryError.
    """
    columns = [column.name for column in query.columns]
    given = Names(**names)
    found = given.within(columns)
    if missing := given.missing(columns):
        raise InputError(f"detections have no column for {', '.join(missing)}; there are {', '.join(columns)}")
    quoted = {part: '"' + name.replace('"', '""') + '"' for part, name in found.items()}
    band = f"lower(trim(CAST({quoted['band']} AS text)))"
    points = query.select(
        object_id=quoted["object_id"],
        band=f"CASE {' '.join(_when(band, n) for n in range(len(BANDS)))} END",
        mjd=f"CAST({quoted['mjd']} AS double precision)",
        mag=f"CAST({quoted['mag']} AS real)",
        magerr=f"CAST({quoted['magerr']} AS real)",
        catflags=f"CAST(coalesce({quoted['catflags']}, -1) AS int)" if "catflags" in found else "CAST(0 AS int)",
        **{
            axis: f"CAST({quoted[axis]} AS double precision)" if axis in found else "CAST(NULL AS double precision)"
            for axis in ("ra", "dec")
        },
    ).where("isfinite(mjd)", "isfinite(mag)", "band IS NOT NULL")
    order = "ORDER BY mjd, mag, magerr, catflags"
    point = "{'mjd': mjd, 'mag': mag, 'magerr': magerr, 'catflags': catflags}"
    grouped = points.group_by("object_id").select(
        "object_id",
        # The middle of places is that of their unit vectors, right across RA 0.
        x="avg(cos(radians(dec)) * cos(radians(ra)))",
        y="avg(cos(radians(dec)) * sin(radians(ra)))",
        z="avg(sin(radians(dec)))",
        **{name: f"array_agg({point} {order}) FILTER (WHERE band = '{name}')" for name in BANDS},
    )
    return grouped.select(
        "object_id",
        ra="mod(degrees(atan2(y, x)) + 360, 360)",
        dec="degrees(atan2(z, sqrt(x * x + y * y)))",
        **{f"nobs_{name}": f"CAST(coalesce(len({name}), 0) AS int)" for name in BANDS},
        **{name: _lists(name) for name in BANDS},
    )


def _when(band: str, number: int) -> str:
    return f"WHEN {band} IN ('{BANDS[number]}', 'z{BANDS[number]}', '{number + 1}') THEN '{BANDS[number]}'"


def _lists(points: str) -> str:
    """Return SQL that turns a list of structs into a struct of lists; no list into empty ones."""
    parts = ("mjd", "mag", "magerr", "catflags")
    return "{" + ", ".join(f"'{part}': coalesce(list_transform({points}, p -> p.{part}), [])" for part in parts) + "}"
