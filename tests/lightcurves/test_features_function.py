"""The features as a declared function: columns, reasons, the same from a kernel, a table and a query."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

import skyhouse
from skyhouse.errors import InputError
from skyhouse.lightcurves import FEATURES, PAIR_FEATURES, Band, Clean, features
from skyhouse.lightcurves.features_kernel import band_features
from skyhouse.lightcurves.features_list import features_table


def curve(n, start=58000.0, level=18.0):
    random = np.random.default_rng(n)
    return {
        "mjd": (start + np.arange(n) + random.uniform(0, 0.1, n)).tolist(),
        "mag": random.normal(level, 0.2, n).astype("f4").tolist(),
        "magerr": random.uniform(0.05, 0.2, n).astype("f4").tolist(),
        "catflags": [0] * n,
    }


KIND = pa.struct(
    {
        "mjd": pa.list_(pa.float64()),
        "mag": pa.list_(pa.float32()),
        "magerr": pa.list_(pa.float32()),
        "catflags": pa.list_(pa.int32()),
    }
)


def rows_of(**bands):
    return pa.table({name: pa.array(curves, KIND) for name, curves in bands.items()})


@pytest.fixture
def rows():
    flat = curve(30) | {"mag": [15.0] * 30}
    broken = curve(30)
    broken = broken | {"mag": [float("nan"), *broken["mag"][1:]]}
    g = [curve(30), curve(3), None, flat, broken, curve(30), curve(30)]
    r = [curve(40, level=17.5), curve(40), curve(40), curve(40), curve(40), curve(40, start=59000), None]
    return rows_of(g=g, r=r)


def test_the_columns_are_the_list_s():
    declared = features(["g", "r", "i"])
    pairs = [("g", "r"), ("g", "i"), ("r", "i")]
    names = [one.column(band).name for band in "gri" for one in FEATURES]
    names += [one.column(*pair).name for pair in pairs for one in PAIR_FEATURES]
    assert [column.name for column in declared.returns] == [*names, "reason"]
    assert (declared.per, declared.inputs, declared.name) == ("batch", ("g", "r", "i"), "features")
    found = declared.applied(rows_of(g=[curve(30)], r=[curve(30)], i=[None])).columns
    assert found.column_names == [*names, "reason"]
    units = {column.name: column.unit for column in declared.returns}
    assert (units["linear_trend_g"], units["duration_i"], units["median_color_g_r"]) == ("mag/d", "d", "mag")


def test_why_features_are_missing(rows):
    found = features().applied(rows).columns
    assert found["reason"].to_pylist() == [
        None,
        "g: too few points",
        "g: no points",
        "g: equal magnitudes",
        None,
        "g, r: no points within 120 minutes",
        "r: no points",
    ]
    assert found["observation_count_g"].to_pylist() == [30, 3, 0, 30, 29, 30, 30]  # the NaN is cleaned away
    plain = features(clean=None).applied(rows).columns
    assert plain["reason"].to_pylist()[4] == "g: NaN or infinite values"
    assert plain["observation_count_g"].to_pylist()[4] == 30
    for table in (found, plain):
        missing = np.array([table[name].is_null().to_numpy() for name in table.column_names[:-1]]).any(axis=0)
        assert missing.tolist() == [reason is not None for reason in table["reason"].to_pylist()]


def test_the_values_are_the_kernel_s(rows):
    found = features(clean=Clean(minutes=30)).applied(rows).columns
    values, _ = band_features(Clean(minutes=30)(Band.of(rows["r"])))
    for one, expected in zip(FEATURES, values, strict=True):
        column = found[one.column("r").name].to_numpy(zero_copy_only=False)
        np.testing.assert_array_equal(column.astype("f4"), expected.astype("f4"))


def test_batches_and_no_rows(rows):
    whole = features().applied(rows).columns
    parts = pa.concat_tables([features().applied(rows.slice(at, 2)).columns for at in range(0, 8, 2)])
    assert whole.equals(parts)
    empty = features().applied(rows.slice(0, 0).combine_chunks()).columns
    assert empty.schema.equals(whole.schema)
    assert empty.num_rows == 0


def test_what_is_asked_is_part_of_the_digest():
    asked = [features(), features(["r", "g"]), features(clean=None), features(pair_minutes=30)]
    assert len({one.digest for one in asked}) == 4
    assert pickle.loads(features().pickled()).digest == features().digest


@pytest.mark.parametrize(("asked", "message"), [([], "some bands"), (["g", "g"], "named once"), ([""], "some bands")])
def test_bands_that_cannot_be_are_told(asked, message):
    with pytest.raises(InputError, match=message):
        features(asked)
    with pytest.raises(InputError, match="pair_minutes is -1"):
        features(pair_minutes=-1)


def test_a_table_and_a_query_of_features(rows, tmp_path):
    with skyhouse.open(tmp_path / "lake", workers=1) as lake:
        objects = pa.table({"object_id": range(rows.num_rows)} | dict(zip("gr", rows.columns, strict=True)))
        lake.write(objects, "ztf.objects", key=["object_id"])
        lake.apply(features(), "ztf.objects", into="ztf.features").wait()
        made = lake.sql("SELECT * FROM ztf.features ORDER BY object_id").to_arrow().drop_columns("object_id")
        assert made.equals(features().applied(rows).columns)
        column = next(one for one in lake.registry.table("ztf.features").columns if one.name == "maximum_slope_r")
        assert (column.unit, column.description) == ("mag/d", "max(|m_i+1 - m_i| / (t_i+1 - t_i))")
        lake.register(features(), "taken")
        asked = "SELECT taken(g, r).eta_r AS eta, taken(g, r).reason AS reason FROM ztf.objects ORDER BY object_id"
        answer = lake.sql(asked).to_arrow()
        assert answer["eta"].to_pylist() == made["eta_r"].to_pylist()
        assert answer["reason"].to_pylist() == made["reason"].to_pylist()


def test_the_documentation_has_the_list_as_it_is(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "lightcurves.md").read_text(encoding="utf-8")
    assert features_table() in page
