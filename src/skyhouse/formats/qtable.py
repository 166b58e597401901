"""Arrow tables as astropy QTables: quantities with units, NULL as masked."""

from __future__ import annotations

import re
import warnings
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skyhouse.columns import Column, columns_of
from skyhouse.formats.spool import plain_array, plain_type

if TYPE_CHECKING:
    from astropy.table import QTable
    from astropy.units import UnitBase

__all__ = ["astropy_unit", "standard_unit", "to_qtable"]

# Words as surveys write them (compared in lower case), against astropy's. What astropy knows already is not listed.
_WORDS = {
    "ang": "Angstrom",
    "angs": "Angstrom",
    "angstroms": "Angstrom",
    "arcsecs": "arcsec",
    "arcseconds": "arcsec",
    "days": "d",
    "degree": "deg",
    "degrees": "deg",
    "degs": "deg",
    "ergs": "erg",
    "hours": "hour",
    "kelvin": "K",
    "lsun": "solLum",
    "magnitude": "mag",
    "magnitudes": "mag",
    "mags": "mag",
    "maggie": "mgy",
    "maggies": "mgy",
    "microns": "micron",
    "msun": "solMass",
    "nanomaggie": "nmgy",
    "nanomaggies": "nmgy",
    "nanomaggy": "nmgy",
    "pixel": "pix",
    "pixels": "pix",
    "seconds": "s",
    "secs": "s",
    "sec": "s",
    "years": "yr",
}
_NO_UNIT = {"", "-", "--", "none", "unitless", "dimensionless", "n/a", "null"}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d_]+(?:_[^\W\d_]+)*|%|°)"
    r"|(?P<power>(?:\^|\*\*)\s*[({]?\s*[+-]?\d+(?:/\d+|\.\d+)?\s*[)}]?|[+-]\d+)|(?P<sign>[*./·()]))"
)
# In a unit of sizes, masses or magnitudes of galaxies, h is the Hubble constant over 100 km/s/Mpc and not an hour.
_COSMIC = re.compile(r"[kMG]?pc|[ML]_?sun|sol(?:Mass|Lum)")


@lru_cache(maxsize=1024)
def astropy_unit(text: str) -> UnitBase | None:
    """Return the astropy unit of a unit as surveys spell it; None where there is none.

    Reads FITS and VOUnit spellings and those of the SDSS: "1E-17 erg/s/cm^2/spaxel", "(km/s)^{-2}", "10-17
    erg/s/cm2", "h-1 Mpc" (a slash divides by the next factor alone). What it cannot read becomes an
    `astropy.units.UnrecognizedUnit` of the same text; no text is an error. A spaxel is a pixel under another name.

    >>> astropy_unit("(km/s)^{-2}")
    Unit("s2 / km2")
    """
    if text.strip().lower() in _NO_UNIT:
        return None
    from astropy import units

    try:
        return _Product(text).read()
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)
            return units.Unit(text, parse_strict="silent")


@lru_cache(maxsize=1024)
def standard_unit(text: str, standard: str) -> str:
    """Return the unit in the spelling of a standard ("fits" or "vounit").

    A text that the standard knows stays as it is, and so does one of a unit that the standard has not.

    >>> standard_unit("1E-17 erg/s/cm^2/spaxel", "fits")
    '10**-17 erg pix-1 s-1 cm-2'
    """
    unit = astropy_unit(text)
    if unit is None:
        return ""
    from astropy import units

    if unit.physical_type == "dimensionless":
        return text  # a percentage would become a bare factor
    with warnings.catch_warnings():
        # The standards discourage erg and Angstrom, and astronomers go on with them.
        warnings.simplefilter("ignore", units.UnitsWarning)
        try:
            if units.Unit(text, format=standard, parse_strict="silent") == unit:
                return text
            return str(unit.to_string(standard))
        except ValueError:
            return text


class _Product:
    """A reader of products and quotients of units, from left to right. Raises ValueError for what is none."""

    def __init__(self, text: str) -> None:
        self.cosmic = _COSMIC.search(text) is not None
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found or not found.lastgroup:
                raise ValueError(text)
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    def read(self) -> UnitBase:
        from astropy.units import Unit

        unit = Unit(self._product())
        if self.at < len(self.tokens):
            raise ValueError("a bracket too many")
        return unit

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self.at += 1
        return token

    def _product(self) -> Any:
        from astropy.units import dimensionless_unscaled

        product: Any = dimensionless_unscaled if self._peek() == ("sign", "/") else self._factor()
        while self._peek() not in {("end", ""), ("sign", ")")}:
            sign = self._next()[1] if self._peek()[0] == "sign" and self._peek()[1] != "(" else "*"
            product = product / self._factor() if sign == "/" else product * self._factor()
        return product

    def _factor(self) -> Any:
        kind, text = self._next()
        if (kind, text) == ("sign", "("):
            base = self._product()
            if self._next() != ("sign", ")"):
                raise ValueError("a bracket is not closed")
        elif kind == "number":
            base = self._number(text)
        elif kind == "word":
            base = self._word(text)
        else:
            raise ValueError(f"{text!r} stands where a unit should")
        # "cm2" and "10-17": a number or sign that follows at once is a power.
        if self._peek()[0] == "power" or (kind == "word" and self._peek()[0] == "number"):
            power = Fraction(self._next()[1].strip("^*{}() ").replace(" ", ""))
            base = base**power
        return base

    @staticmethod
    def _number(text: str) -> Any:
        from astropy.units import CompositeUnit

        return CompositeUnit(float(text), [], [])

    def _word(self, text: str) -> Any:
        from astropy import units

        if self._peek() == ("sign", "(") and text in {"dex", "mag", "dB", "log", "log10"}:
            raise ValueError("a logarithmic unit is no product")
        if text.lower() in {"spaxel", "spaxels"}:
            return units.def_unit("spaxel", units.pix)
        if text == "littleh" or (text == "h" and self.cosmic):
            from astropy.cosmology.units import littleh

            return littleh
        try:
            return units.Unit(text)
        except ValueError:
            return units.Unit(_WORDS.get(text.lower(), text))


def to_qtable(table: pa.Table) -> QTable:
    """Return the table as an astropy QTable.

    A column with a unit is a Quantity, masked where it has NULLs (whole numbers become float64 in it, as ever in
    astropy); without one it is a Column or MaskedColumn. NaN stays NaN and is not masked. Lists of one length are a
    column of two dimensions, others a column of arrays. Description and UCD are in the column's `info.description`
    and `info.meta["ucd"]`. A unit that astropy cannot read stays as `UnrecognizedUnit`.

    >>> from skyhouse.columns import Column
    >>> schema = pa.schema([Column("v", "float32", unit="km/s").field()])
    >>> to_qtable(pa.table([pa.array([1.5, None], pa.float32())], schema=schema))["v"]
    <MaskedQuantity [1.5, ———] km / s>
    """
    from astropy.table import QTable

    found = QTable()
    for column, values in zip(columns_of(table.schema), table.columns, strict=True):
        found.add_column(_column(column, values), name=column.name, copy=False)
        info = found[column.name].info
        info.description = column.description or None
        if column.ucd:
            info.meta = {**(info.meta or {}), "ucd": column.ucd}
    return found


def _column(column: Column, values: pa.ChunkedArray) -> Any:
    from astropy.table import Column as PlainColumn
    from astropy.table import MaskedColumn
    from astropy.units import Quantity
    from astropy.utils.masked import Masked

    data = _numpy(values)
    mask = values.is_null().to_numpy() if values.null_count and data.dtype != object else None
    unit = astropy_unit(column.unit) if data.dtype.kind in "iuf" else None
    if unit is None:
        return PlainColumn(data, copy=False) if mask is None else MaskedColumn(data, mask=mask, copy=False)
    quantity = Quantity(data, unit, copy=None, subok=True)  # subok: a logarithmic unit has a class of its own
    if mask is None:
        return quantity
    return Masked(
        quantity, mask=mask.reshape(mask.shape + (1,) * (data.ndim - 1)) & np.ones(data.shape, bool), copy=False
    )


def _numpy(values: pa.ChunkedArray) -> Any:
    """Return the values as a numpy array that may be written to; whatever stands under a NULL is of no meaning."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _numpy(values.cast(kind.value_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(values)
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        plain = plain_type(kind)
        values = pa.chunked_array([plain_array(chunk, plain) for chunk in values.chunks], plain)
        kind = plain
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return np.array(values.cast(pa.string()).fill_null("").to_pylist() or [""], dtype="U")[: len(values)]
    if pa.types.is_boolean(kind):
        return np.array(values.fill_null(False).to_numpy())
    if pa.types.is_integer(kind) and values.null_count:
        return np.array(values.fill_null(0).to_numpy())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        data = values.to_numpy()
        # A single chunk comes as a read-only view; more than one were copied together already.
        return data if data.flags.writeable else data.copy()
    return _objects(values.to_pylist())


def _lists(values: pa.ChunkedArray) -> Any:
    lengths = pc.list_value_length(values)
    longest, shortest = pc.max(lengths).as_py(), pc.min(lengths).as_py()
    inner = values.type.value_type
    numbers = pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_boolean(inner)
    if longest is not None and longest == shortest and not values.null_count and numbers:
        flat = pa.chunked_array([chunk.flatten() for chunk in values.chunks], inner)
        if not flat.null_count or pa.types.is_floating(inner):
            return _numpy(flat).reshape(len(values), longest)
    return _objects([None if row is None else np.array(row) for row in values.to_pylist()])


def _objects(items: list[Any]) -> Any:
    # numpy would make one two-dimensional array of a list of equal ones.
    data = np.empty(len(items), dtype=object)
    data[:] = items
    return data
