"""A table of an IVOA VOTable as Arrow, units, UCDs and descriptions with it; astropy parses."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

import numpy as np
import pyarrow as pa

from skyhouse.columns import Column, arrow_type
from skyhouse.errors import FormatError
from skyhouse.formats.inflate import read_bytes

__all__ = ["read_votable"]

_TYPES = {
    "boolean": "bool",
    "unsignedByte": "uint8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "char": "string",
    "unicodeChar": "string",
}


def read_votable(path: str | os.PathLike[str], table: int | str = 0) -> tuple[pa.Table, list[str]]:
    """Return a table of a VOTable file, plain or gzip, of any serialisation: the first, or that of a number or name.

    Also returned are the columns that are left out, complex numbers and bits. NULLs are NULL; a text of xtype
    "timestamp" stays text. All of the file is held in memory. Raises FormatError.
    """
    from astropy.io import votable

    name = os.fspath(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy grumbles at what most archives write
            found = votable.parse(io.BytesIO(read_bytes(path)))
            tables = list(found.iter_tables())
            chosen = tables[table] if isinstance(table, int) else found.get_table_by_id_or_name(table)
    except FormatError:
        raise
    except (IndexError, KeyError) as error:
        raise FormatError(name, f"has no table {table!r}") from error
    except Exception as error:  # of a damaged file astropy raises whatever its code ran into
        raise FormatError(name, f"is no VOTable that can be read: {error}") from error
    arrays: list[pa.Array] = []
    left_out: list[str] = []
    fields: list[pa.Field] = []
    for one in chosen.fields:
        kind = _TYPES.get(one.datatype)
        if kind is None:
            left_out.append(f"{one.name!r} ({one.datatype})")
            continue
        values = chosen.array[one.ID]
        is_list = kind != "string" and one.arraysize not in (None, "1")
        column = Column(
            one.name,
            f"list<{kind}>" if is_list else kind,
            unit="" if one.unit is None else str(one.unit),
            ucd=one.ucd or "",
            description=" ".join((one.description or "").split()),
        )
        arrays.append(_lists(values, kind) if is_list else _values(values, kind))
        fields.append(column.field())
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields)), left_out


def _values(values: Any, kind: str) -> pa.Array:
    mask = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if kind == "string":
        texts = [None if hidden or text is None else _text(text) for text, hidden in zip(data, mask, strict=True)]
        return pa.array(texts, pa.string())
    return pa.array(np.ascontiguousarray(data, data.dtype.newbyteorder("=")), arrow_type(kind), mask=mask)


def _lists(values: Any, kind: str) -> pa.Array:
    rows = []
    for row in values:
        data, mask = np.ma.getdata(row).ravel(), np.ma.getmaskarray(row).ravel()
        rows.append([None if hidden else value for value, hidden in zip(data.tolist(), mask, strict=True)])
    return pa.array(rows, pa.list_(arrow_type(kind)))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
