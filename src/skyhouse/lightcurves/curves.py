"""Light curves of many objects in one band, as numpy views of Arrow's buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skyhouse.errors import InputError, did_you_mean

__all__ = ["Band", "Doubles", "Flags", "Floats", "Offsets"]

Offsets = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.int32]

_KINDS = {"mjd": np.float64, "mag": np.float32, "magerr": np.float32, "catflags": np.int32}
_NO_FLAG_KNOWN = -1  # all bits: what has no flags is not known to be good


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The light curves of n objects in one band: object i has the points ``offsets[i]:offsets[i + 1]``.

    `offsets` is int64[n + 1] and begins with 0; `mjd` float64 (days), `mag` and `magerr` float32 (mag) and, where the
    survey has them, `catflags` int32 are of `offsets[n]` points. All are C-contiguous and read-only, whatever they
    were made from, so that a compiled kernel meets one type of array.
    """

    offsets: Offsets
    mjd: Doubles
    mag: Floats
    magerr: Floats
    catflags: Flags | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", _frozen(self.offsets, np.int64))
        for name, kind in _KINDS.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(getattr(self, name), kind))

    @classmethod
    def of(cls, curves: pa.Array | pa.ChunkedArray) -> Band:
        """Return the curves of a column ``struct<mjd list, mag list, magerr list[, catflags list]>``, a row an object.

        The buffers are taken as they are where their types fit (mjd float64, mag and magerr float32, catflags int32)
        and no value is NULL. A row that is NULL, or whose lists are, is an object without points. A NULL within a list
        becomes NaN, or -1 among the flags: cleaning drops both. Other fields are not looked at.

        Raises InputError where it is no such column or an object's lists differ in length.

        >>> point = {"mjd": [58000.5], "mag": [18.25], "magerr": [0.5]}
        >>> Band.of(pa.array([point, None, point])).offsets
        array([0, 1, 1, 2])
        """
        curves = _whole(curves)
        if not pa.types.is_struct(curves.type):
            raise InputError(f"a light curve is a struct of the lists mjd, mag and magerr, not {curves.type}")
        fields = [field.name for field in curves.type]
        for name in ("mjd", "mag", "magerr"):
            if name not in fields:
                hint = did_you_mean(name, fields)
                raise InputError(f"a light curve needs the list {name!r}; its fields are {', '.join(fields)}{hint}")
        missing = _nulls(curves)
        lists = {name: curves.field(name) for name in _KINDS if name in fields}
        return cls._of_lists(lists, missing)

    @classmethod
    def of_lists(cls, mjd: pa.Array, mag: pa.Array, magerr: pa.Array, catflags: pa.Array | None = None) -> Band:
        """Return the curves of a column of lists for each of their parts, as `of` does for one column of structs.

        >>> Band.of_lists(pa.array([[1.0, 2.0]]), pa.array([[15, 16]]), pa.array([[0.1, 0.2]])).mag
        array([15., 16.], dtype=float32)
        """
        lists = {"mjd": mjd, "mag": mag, "magerr": magerr}
        return cls._of_lists(lists if catflags is None else lists | {"catflags": catflags}, None)

    @classmethod
    def _of_lists(cls, lists: dict[str, Any], missing: npt.NDArray[np.bool_] | None) -> Band:
        lists = {name: _listed(name, column) for name, column in lists.items()}
        if len({len(column) for column in lists.values()}) > 1:
            rows = ", ".join(f"{name} {len(column)}" for name, column in lists.items())
            raise InputError(f"the columns of light curves differ in rows: {rows}")
        for column in lists.values():
            nulls = _nulls(column)
            if nulls is not None:
                missing = nulls if missing is None else missing | nulls
        parts = {name: _values(column, np.dtype(_KINDS[name]), missing) for name, column in lists.items()}
        offsets = parts["mjd"][0]
        for name, (own, _) in parts.items():
            differs = np.flatnonzero(np.diff(own) != np.diff(offsets))
            if differs.size:
                row = int(differs[0])
                raise InputError(
                    f"row {row}: the list {name} has {np.diff(own)[row]} values and mjd {np.diff(offsets)[row]}; "
                    "each point of a light curve needs all of them"
                )
        return cls(offsets, **{name: values for name, (_, values) in parts.items()})

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> Offsets:
        """The number of points of each object."""
        return cast("Offsets", np.diff(self.offsets))

    def rows(self, i: int) -> tuple[Doubles, Floats, Floats]:
        """Return mjd, mag and magerr of object i."""
        here = slice(self.offsets[i], self.offsets[i + 1])
        return self.mjd[here], self.mag[here], self.magerr[here]

    def slice(self, start: int, stop: int) -> Band:
        """Return the curves of the objects start to stop - 1, as views."""
        offsets = self.offsets[start : stop + 1]
        here = slice(offsets[0], offsets[-1])
        flags = None if self.catflags is None else self.catflags[here]
        return Band(offsets - offsets[0], self.mjd[here], self.mag[here], self.magerr[here], flags)

    def to_arrow(self) -> pa.StructArray:
        """Return them as the column that `of` reads, without NULLs; the values are not copied.

        Raises InputError where there are more than 2^31 - 1 points, which one column of lists cannot hold.
        """
        if self.offsets[-1] > np.iinfo(np.int32).max:
            raise InputError(f"{self.offsets[-1]} points are too many for one column of lists; slice() the objects")
        offsets = pa.array(self.offsets.astype(np.int32))
        parts = {name: getattr(self, name) for name in _KINDS if getattr(self, name) is not None}
        lists = [pa.ListArray.from_arrays(offsets, pa.array(values)) for values in parts.values()]
        return pa.StructArray.from_arrays(lists, names=list(parts))


def _frozen(values: Any, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(values, dtype=kind).view()
    view.flags.writeable = False
    return view


def _whole(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _nulls(column: Any) -> npt.NDArray[np.bool_] | None:
    return column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None


def _listed(name: str, column: Any) -> Any:
    """Return a column of lists with offsets, of whichever kind of list it is."""
    column = _whole(column)
    kind, types = column.type, pa.types
    value = getattr(kind, "value_type", kind)
    numbers = types.is_integer(value) or types.is_floating(value) or types.is_decimal(value) or types.is_null(value)
    if not numbers:
        raise InputError(f"a light curve's {name} is a list of numbers for each object, not {kind}")
    if types.is_list(kind) or types.is_large_list(kind):
        return column
    if types.is_fixed_size_list(kind) or types.is_list_view(kind) or types.is_large_list_view(kind):
        counts = column.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        offsets = pa.array(np.concatenate(([0], np.cumsum(counts))))
        missing = column.is_null() if column.null_count else None
        return pa.LargeListArray.from_arrays(offsets, column.flatten(), mask=missing)
    raise InputError(f"a light curve's {name} is a list of numbers for each object, not {kind}")


def _values(column: Any, kind: np.dtype[Any], missing: npt.NDArray[np.bool_] | None) -> tuple[Offsets, Any]:
    """Return the offsets, from 0, and the values of lists; rows that are missing have none."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    offsets -= offsets[0]
    if values.null_count:
        values = values.cast(pa.from_numpy_dtype(kind)).fill_null(_NO_FLAG_KNOWN if kind.kind == "i" else np.nan)
    found = values.to_numpy(zero_copy_only=False)
    if missing is not None:
        counts = np.diff(offsets)
        if counts[missing].any():  # what lies under a NULL is not ours
            found = found[np.repeat(~missing, counts)]
        offsets = np.concatenate(([0], np.cumsum(np.where(missing, 0, counts))))
    return offsets, found.astype(kind, copy=False)
