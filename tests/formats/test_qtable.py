"""QTables of Arrow tables, and units as surveys spell them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.cosmology.units import littleh
from astropy.table import Column as PlainColumn
from astropy.table import MaskedColumn, QTable
from astropy.units import Quantity
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.columns import Column, arrow_schema
from skyhouse.formats.qtable import astropy_unit, standard_unit, to_qtable

FLUX = 1e-17 * u.erg / u.s / u.cm**2


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("km/s", u.km / u.s),
        ("1E-17 erg/s/cm^2/spaxel", FLUX / u.pix),
        ("1E-17 erg/s/cm^2/ang/spaxel", FLUX / u.AA / u.pix),
        ("(1E-17 erg/s/cm^2/ang/spaxel)^{-2}", (FLUX / u.AA / u.pix) ** -2),
        ("10-17 erg/s/cm2/spaxel", FLUX / u.pix),
        ("10**(-17) erg s**-1 cm**-2", FLUX),
        ("1e-17 erg/s/cm2", FLUX),
        ("(km/s)^{-2}", (u.km / u.s) ** -2),
        ("(ang)^{-2}", u.AA**-2),
        ("Å", u.AA),
        ("degrees", u.deg),
        ("nanomaggies/pixel", u.nmgy / u.pix),
        ("nanomaggies-2", u.nmgy**-2),
        ("h-1 Mpc", u.Mpc / littleh),
        ("kpc/h", u.kpc / littleh),
        ("h-2 Msun/yr", u.Msun / u.yr / littleh**2),
        ("km/h", u.km / u.hour),
        ("h", u.hour),
        ("arcsec^2", u.arcsec**2),
        ("1/s", u.s**-1),
        ("/s", u.s**-1),
        ("kpc^1/2", u.kpc**0.5),
        ("dex(cm/s2)", u.dex(u.cm / u.s**2)),
        ("%", u.percent),
    ],
)
def test_units_of_surveys(text: str, unit: u.UnitBase) -> None:
    assert astropy_unit(text) == unit


@pytest.mark.parametrize("text", ["", "  ", "-", "None", "unitless"])
def test_no_unit(text: str) -> None:
    assert astropy_unit(text) is None


@pytest.mark.parametrize(
    "text", ["see HDU0-SPIU", "NSA_ELPETRO_TH50_R", "((", "m^", "km)", "log10(Msun)", "\0", "1//s"]
)
def test_a_unit_that_is_none_stays_as_text(text: str) -> None:
    unit = astropy_unit(text)
    assert isinstance(unit, u.UnrecognizedUnit)
    assert standard_unit(text, "fits") == text


@given(st.text(st.sampled_from("kmsh10-./*^(){} eE%Å"), max_size=12))
def test_no_text_is_an_error(text: str) -> None:
    astropy_unit(text)


@pytest.mark.parametrize("text", ["1E-17 erg/s/cm^2", "ang", "(km/s)^{-2}", "km/s", "degrees"])
@pytest.mark.parametrize("standard", ["fits", "vounit"])
@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_the_standards_read_what_is_respelt(text: str, standard: str) -> None:
    assert u.Unit(standard_unit(text, standard), format=standard) == astropy_unit(text)


def table_of(column: Column, cells: list[object]) -> QTable:
    schema = arrow_schema([column])
    return to_qtable(pa.table([pa.array(cells, schema.field(0).type)], schema=schema))


def test_a_float_with_unit_is_a_quantity() -> None:
    velocity = table_of(Column("v", "float32", "km/s", "phys.veloc", "velocity"), [1.5, float("nan")])["v"]
    assert type(velocity) is Quantity
    assert (velocity.dtype, velocity.unit) == (np.dtype("f4"), u.km / u.s)
    assert (velocity.info.description, velocity.info.meta) == ("velocity", {"ucd": "phys.veloc"})
    velocity[0] = 2 * u.m / u.s
    assert velocity[0] == Quantity(np.float32(0.002), u.km / u.s)


def test_null_is_masked_and_nan_is_not() -> None:
    velocity = table_of(Column("v", "float32", "km/s"), [1.5, None, float("nan")])["v"]
    assert isinstance(velocity, Masked)
    assert isinstance(velocity, Quantity)
    assert velocity.mask.tolist() == [False, True, False]
    bare = table_of(Column("v", "float64"), [1.5, None, float("nan")])["v"]
    assert isinstance(bare, MaskedColumn)
    assert bare.mask.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("column", "cells", "dtype"),
    [
        (Column("c", "int64"), [2**62 + 1, None], "i8"),
        (Column("c", "bool"), [True, None], "?"),
        (Column("c", "string"), ["é", None], "U1"),
        (Column("c", "timestamp"), [0, None], "M8[us]"),
        (Column("c", "date"), [0, None], "M8[D]"),
    ],
)
def test_columns_without_unit(column: Column, cells: list[object], dtype: str) -> None:
    found = table_of(column, cells)["c"]
    assert isinstance(found, MaskedColumn)
    assert (found.dtype, found.mask.tolist()) == (np.dtype(dtype), [False, True])
    whole = table_of(column, cells[:1])["c"]
    assert type(whole) is PlainColumn
    assert whole[0] == (cells[0] if dtype[0] != "M" else np.datetime64(0, dtype[3:-1]))


def test_lists() -> None:
    even = table_of(Column("l", "list<float32>", "km/s"), [[1, 2], [3, 4]])["l"]
    assert even.shape == (2, 2)
    assert even.unit == u.km / u.s
    ragged = table_of(Column("l", "list<int32>"), [[1, 2], [3], None])["l"]
    assert [None if one is None else one.tolist() for one in ragged] == [[1, 2], [3], None]
    assert table_of(Column("l", "list<string>"), [["a"], ["b"]])["l"][1].tolist() == ["b"]


def test_encodings_and_no_rows() -> None:
    texts = pa.array(["a", "b", "a"])
    many = pa.table({"d": texts.dictionary_encode(), "v": texts.cast(pa.string_view()), "n": pa.nulls(3)})
    found = to_qtable(many)
    assert found["d"].tolist() == found["v"].tolist() == ["a", "b", "a"]
    assert len(to_qtable(many.slice(0, 0))) == 0


def test_a_float_column_is_copied_once_at_most() -> None:
    cells = pa.chunked_array([pa.array(np.arange(500_000.0)), pa.array(np.arange(500_000.0))])
    table = pa.table([cells], schema=arrow_schema([Column("v", "float64", "km/s")]))
    to_qtable(table.slice(0, 10))
    tracemalloc.start()
    found = to_qtable(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["v"][-1] == 499_999 * u.km / u.s
    assert peak < 1.5 * cells.nbytes
