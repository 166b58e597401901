"""Measurements with the masked ones left out."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skyhouse
from skyhouse.errors import QueryError, UnknownColumn
from skyhouse.surveys.manga import masked, masked_expression
from skyhouse.surveys.manga.masks import BAD, PIXMASK

HA = "emline_gflux_ha_6564"
CASE = "CASE WHEN (emline_gflux_mask_ha_6564 & 1073741857) = 0 THEN emline_gflux_ha_6564 END"


def test_bad_is_bits_0_5_and_30():
    assert BAD == 1 + (1 << 5) + (1 << 30)
    assert len(set(PIXMASK.values())) == len(PIXMASK)


def test_each_measurement_is_guarded_by_its_own_mask():
    text = masked_expression(f"{HA} / emline_gflux_hb_4862 > 3 AND good")
    assert CASE in text
    assert "CASE WHEN (emline_gflux_mask_hb_4862 & 1073741857) = 0 THEN emline_gflux_hb_4862 END" in text
    assert text.endswith("AND good")


def test_a_qualifier_goes_to_the_mask_too():
    assert "s.stellar_vel_mask & " in masked_expression("s.stellar_vel + 1")
    assert '"a b".stellar_vel_mask & ' in masked_expression('"a b"."stellar_vel" + 1')


def test_columns_limit_what_is_masked():
    text = masked_expression(f"{HA} > stellar_vel", columns=["stellar_vel"])
    assert CASE not in text
    assert "THEN stellar_vel END" in text


def test_what_has_no_mask_stays():
    assert masked_expression("spx_snr > 3 AND stellar_vel_mask = 0") == "spx_snr > 3 AND stellar_vel_mask = 0"


def test_wrong_input_is_named():
    with pytest.raises(UnknownColumn, match="spx_snr"):
        masked_expression(HA, columns=["spx_snr"])
    with pytest.raises(QueryError):
        masked_expression("1 +")
    with pytest.raises(QueryError):
        masked_expression(f"{HA}, stellar_vel")


@given(st.lists(st.tuples(st.floats(-9, 9, width=32), st.integers(0, 2**31 - 1)), min_size=1, max_size=20))
def test_masked_values_are_null_and_others_untouched(rows):
    values, masks = zip(*rows, strict=True)
    spaxels = pa.table({HA: pa.array(values, pa.float32()), "emline_gflux_mask_ha_6564": pa.array(masks, pa.int32())})
    connection = duckdb.connect()
    connection.register("spaxels", spaxels)
    found = connection.execute(f"SELECT {masked_expression(HA)} FROM spaxels").fetchall()
    bits = (0, 5, 30)
    expected = [None if any(mask >> bit & 1 for bit in bits) else value for value, mask in rows]
    assert [value for (value,) in found] == expected


@pytest.fixture(scope="module")
def spaxels(real_data, tmp_path_factory):
    """The good spaxels of the real galaxy, as a query with a few columns."""
    name = "manga-7815-3702-MAPS-HYB10-GAU-MILESHC.fits.gz"
    with skyhouse.open(tmp_path_factory.mktemp("lake")) as lake:
        report = lake.ingest(real_data / "manga" / "maps" / name, survey="manga")
        assert report.ok
        yield (
            lake.table("manga.spaxels")
            .where("good")
            .select("good", HA, "emline_gflux_mask_ha_6564", "stellar_vel", "stellar_vel_mask", "spx_snr")
        )


def test_a_masked_query_has_null_where_the_mask_is_bad(spaxels):
    plain, found = spaxels.to_arrow(), masked(spaxels).to_arrow()
    assert found.column_names == plain.column_names
    for name, mask in ((HA, "emline_gflux_mask_ha_6564"), ("stellar_vel", "stellar_vel_mask")):
        clear = [bits & BAD == 0 for bits in plain.column(mask).to_pylist()]
        expected = [v if good else None for v, good in zip(plain.column(name).to_pylist(), clear, strict=True)]
        assert sorted(found.column(name).drop_null().to_pylist()) == sorted(v for v in expected if v is not None)
    assert found.column(HA).null_count == 773 - 769
    assert found.column("spx_snr").null_count == 0


def test_a_masked_query_can_be_limited_to_columns(spaxels):
    assert masked(spaxels, ["stellar_vel"]).to_arrow().column(HA).null_count == 0
    assert masked(spaxels, [HA]).to_arrow().column(HA).null_count == 4
    with pytest.raises(UnknownColumn, match="stellar_sigma_mask"):
        masked(spaxels, ["stellar_sigma"])
