"""Files of every layout become the same nested rows, whatever the order of their rows and the make of their lists."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skyhouse
from skyhouse.errors import FormatError, InputError
from skyhouse.lightcurves.curves import Band
from skyhouse.surveys import ztf
from skyhouse.surveys.ztf import ZTF
from skyhouse.surveys.ztf.nested import of_objects
from skyhouse.surveys.ztf.positions import grouped, mean_places
from skyhouse.surveys.ztf.tables import BANDS, objects_schema


def converted(rows, path, **how):
    """What the converter makes of rows, written as Parquet."""
    pq.write_table(rows, path)
    table = (ZTF.reading(**how) if how else ZTF).convert(str(path))["ztf.objects"]
    assert table.schema.equals(objects_schema(), check_metadata=True)
    assert table["object_id"].to_pylist() == sorted(table["object_id"].to_pylist())
    for band in BANDS:
        for count, row in zip(table[f"nobs_{band}"].to_pylist(), table[band].to_pylist(), strict=True):
            assert {len(values) for values in row.values()} == {count}
            assert row["mjd"] == sorted(row["mjd"])
    return table.to_pylist()


def curve(*mjd):
    """A light curve whose magnitudes tell its times."""
    return {
        "hmjd": [*mjd],
        "mag": [np.float32(t / 4) for t in mjd],
        "magerr": [0.125] * len(mjd),
        "clrcoeff": [0.0] * len(mjd),
        "catflags": [int(t) % 3 for t in mjd],
    }


# One star: g and r of field 545 and r of 1545, across RA 0; and a neighbour 3 arcsec away.
IRSA = pa.table(
    {
        "objectid": pa.array([545201400000007, 545101400000003, 1545201400000001, 545201400000008]),
        "filterid": pa.array([2, 1, 2, 2], pa.int8()),
        "fieldid": pa.array([545, 545, 1545, 545], pa.int16()),
        "rcid": pa.array([3, 3, 9, 3], pa.int8()),
        "objra": [359.99995, 0.00005, 0.0, 0.0009],
        "objdec": [10.0, 10.0, 10.0001, 10.0],
        "nepochs": [2, 1, 2, 1],
        "lightcurve": [curve(2.0, 6.0), curve(1.5), curve(3.0, 9.0), curve(4.0)],
    }
)


def test_curves_of_one_star_are_merged_by_position(tmp_path):
    star, neighbour = converted(IRSA, tmp_path / "a.parquet")
    assert star["object_id"] == 545101400000003
    assert (star["nobs_g"], star["nobs_r"], star["nobs_i"]) == (1, 4, 0)
    assert star["r"]["mjd"] == [2.0, 3.0, 6.0, 9.0]
    assert star["r"]["mag"] == [0.5, 0.75, 1.5, 2.25]
    assert star["r"]["catflags"] == [2, 0, 0, 0]
    assert star["i"] == {"mjd": [], "mag": [], "magerr": [], "catflags": []}
    assert (star["ra"] + 180) % 360 == pytest.approx(180.0, abs=1e-9)
    assert star["dec"] == pytest.approx(10.0001 / 3 + 20 / 3, abs=1e-9)
    assert (neighbour["object_id"], neighbour["nobs_r"]) == (545201400000008, 1)
    assert len(converted(IRSA, tmp_path / "b.parquet", radius_arcsec=5.0)) == 1
    assert len(converted(IRSA, tmp_path / "c.parquet", radius_arcsec=0.1)) == 4


def test_fields_may_be_aligned_to_one_zero_point(tmp_path):
    times = [float(t) for t in range(12)]
    magnitudes = {545: [18.0 + t / 4 for t in range(7)], 1545: [18.5 + t / 4 for t in range(5)]}
    curves = [
        {"hmjd": times[at : at + len(mag)], "mag": mag, "magerr": [0.125] * len(mag), "catflags": [0] * len(mag)}
        for at, mag in ((0, magnitudes[545]), (7, magnitudes[1545]))
    ]
    kind = pa.struct(
        [(name, pa.list_(pa.float64())) for name in ("hmjd", "mag", "magerr")] + [("catflags", pa.list_(pa.int32()))]
    )
    rows = IRSA.take([0, 2]).set_column(7, "lightcurve", pa.array(curves, kind))
    (plain,) = converted(rows, tmp_path / "a.parquet")
    (aligned,) = converted(rows, tmp_path / "b.parquet", align=True)
    assert plain["r"]["mag"] == magnitudes[545] + magnitudes[1545]
    shift = np.median(magnitudes[545]) - np.median(magnitudes[1545])
    assert aligned["r"]["mag"] == magnitudes[545] + [mag + shift for mag in magnitudes[1545]]
    assert shift == -0.25


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 3, 0, 2]])
@pytest.mark.parametrize("make", ["structs in lists", "a list a part", "no flags", "other case", "large lists"])
def test_neither_order_nor_make_matters(order, make, tmp_path):
    expected = converted(IRSA, tmp_path / "a.parquet")
    rows = IRSA.take(order)
    nested = rows["lightcurve"].combine_chunks()
    if make == "structs in lists":
        points = [
            [dict(zip(one, at, strict=True)) for at in zip(*one.values(), strict=True)] for one in nested.to_pylist()
        ]
        kinds = [(field.name, field.type.value_type) for field in nested.type]
        rows = rows.set_column(7, "lc", pa.array(points, pa.list_(pa.struct(kinds))))
    elif make == "a list a part":
        rows = rows.drop_columns("lightcurve")
        for field in nested.type:
            rows = rows.append_column(field.name, nested.field(field.name))
    elif make == "no flags":
        names = ["hmjd", "mag", "magerr"]
        rows = rows.set_column(
            7, "lightcurve", pa.StructArray.from_arrays([nested.field(n) for n in names], names=names)
        )
        for row in expected:
            for band in BANDS:
                row[band]["catflags"] = [0] * row[f"nobs_{band}"]
    elif make == "other case":
        rows = rows.rename_columns([name.upper() for name in rows.column_names])
    else:
        lists = [nested.field(f.name).cast(pa.large_list(f.type.value_type)) for f in nested.type]
        rows = rows.set_column(7, "lightcurve", pa.StructArray.from_arrays(lists, names=[f.name for f in nested.type]))
    assert converted(rows, tmp_path / "b.parquet") == expected


def test_simulated_files_give_the_rows_that_simulate_gives(tmp_path):
    made = []
    files = ztf.simulate_files(tmp_path / "irsa", 600, seed=4, progress=lambda done, of: made.append((done, of)))
    assert made[-1] == (600, 600)
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in files) > 1200  # g and r, some i, a second field
    with skyhouse.open(tmp_path / "lake", workers=2) as lake:
        report = lake.ingest(str(tmp_path / "irsa/**/*.parquet"), survey="ztf")
        assert report.ok, report.failures
        assert lake.ingest(str(tmp_path / "irsa/**/*.parquet"), survey="ztf").unchanged == len(files)
        ztf.simulate(lake, 600, seed=4, schema="simulated")
        there = lake.table("simulated.objects").where("nobs_g + nobs_r + nobs_i > 0").order_by("object_id").to_arrow()
        back = lake.table("ztf.objects").order_by("object_id").to_arrow()
        for name in set(back.column_names) - {"ra", "dec"}:
            assert back[name].equals(there[name]), name
        across = (back["ra"].to_numpy() - there["ra"].to_numpy()) * np.cos(np.radians(there["dec"].to_numpy()))
        assert np.abs(across).max() < 0.5 / 3600
        with pytest.raises(InputError, match="not simulated"):
            ztf.simulate(lake, 10, replace=True)


def test_a_simulated_table_takes_no_ingested_rows(tmp_path, ztf_lake):
    pq.write_table(IRSA, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="made by simulate"):
        ztf_lake.ingest(str(tmp_path / "a.parquet"), survey="ztf")


AXS = pa.table(
    {
        "ps1_objid": [20, 10],
        "ra": [10.0, 20.0],
        "dec": [-1.0, 1.0],
        "nobs_g": [2, 0],
        "mjd_g": [[2.0, 1.0], None],
        "mag_g": [[17.5, 16.5], None],
        "magerr_g": [[0.25, 0.5], None],
        "catflags_g": pa.array([[1, 32768], None], pa.list_(pa.uint16())),
        "mjd_r": [[], [5.0]],
        "mag_r": [[], [18.0]],
        "magerr_r": [[], [0.125]],
    }
)


def test_axs_has_a_row_for_each_object(tmp_path):
    first, second = converted(AXS, tmp_path / "a.parquet")
    assert (first["object_id"], first["ra"], first["dec"]) == (10, 20.0, 1.0)
    assert (first["nobs_g"], first["nobs_r"], first["nobs_i"]) == (0, 1, 0)
    assert second["g"] == {"mjd": [1.0, 2.0], "mag": [16.5, 17.5], "magerr": [0.5, 0.25], "catflags": [32768, 1]}


def test_the_nested_table_converts_to_itself(tmp_path):
    rows = converted(IRSA, tmp_path / "a.parquet")
    pq.write_table(ZTF.convert(str(tmp_path / "a.parquet"))["ztf.objects"], tmp_path / "b.parquet")
    assert ZTF.convert(str(tmp_path / "b.parquet"))["ztf.objects"].to_pylist() == rows
    points = [
        row | {b: [dict(zip(row[b], at, strict=True)) for at in zip(*row[b].values(), strict=True)] for b in BANDS}
        for row in rows
    ]
    kind = pa.list_(pa.struct([(f.name, f.type.value_type) for f in objects_schema().field("g").type]))
    fields = [field.with_type(kind) if field.name in BANDS else field for field in objects_schema()]
    assert converted(pa.Table.from_pylist(points, pa.schema(fields)), tmp_path / "c.parquet") == rows


DETECTIONS = pa.table(
    {
        "oid": [7, 5, 7, 7, 5, 7],
        "mjd": [3.0, 1.0, 1.0, 2.0, None, 4.0],
        "mag": [15.0, 16.0, 17.0, 18.0, 19.0, None],
        "magerr": [0.5, 0.25, 0.125, 0.5, 0.5, None],
        "fid": [1, 2, 1, 3, 1, 1],
        "ra": [359.5, 10.0, 0.5, 0.0, 10.0, 0.0],
        "dec": [0.0, 45.0, 0.0, 0.0, 45.0, 0.0],
    }
)


def test_detections_are_grouped_and_upper_limits_left_out(tmp_path):
    five, seven = converted(DETECTIONS, tmp_path / "a.parquet")
    assert (five["object_id"], five["nobs_g"], five["nobs_r"]) == (5, 0, 1)
    assert five["ra"] == pytest.approx(10)
    assert seven["g"] == {"mjd": [1.0, 3.0], "mag": [17.0, 15.0], "magerr": [0.125, 0.5], "catflags": [0, 0]}
    assert seven["i"]["mag"] == [18.0]
    assert (seven["ra"] + 180) % 360 == pytest.approx(180)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.sampled_from([1.0, 2.0, 2.5]), st.sampled_from([15.0, 16.0]), st.integers(1, 3)
        ),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_detections_are_grouped_as_one_by_one(tmp_path_factory, points, random):
    names = ("id", "mjd", "mag", "fid")
    grouped_by_hand = {}
    for one, *point, fid in sorted(points):
        grouped_by_hand.setdefault(one, {band: [] for band in BANDS})[BANDS[fid - 1]].append(tuple(point))
    shuffled = random.sample(points, len(points))
    columns = dict(zip(names, zip(*shuffled, strict=True), strict=True)) if points else {name: [] for name in names}
    kinds = {"id": pa.int64(), "mjd": pa.float64(), "mag": pa.float32(), "fid": pa.int8()}
    rows = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    rows = rows.append_column("magerr", pa.array([0.5] * len(points), pa.float32()))
    found = converted(rows, tmp_path_factory.getbasetemp() / "detections.parquet")
    assert {row["object_id"]: {band: pairs(row[band]) for band in BANDS} for row in found} == grouped_by_hand


def pairs(curve):
    """The times and magnitudes of a light curve."""
    return list(zip(curve["mjd"], curve["mag"], strict=True))


@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0]), max_size=6), min_size=1, max_size=8), st.data())
def test_curves_are_merged_as_one_by_one(curves, data):
    owner = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(curves), max_size=len(curves))))
    flat = np.array([t for one in curves for t in one])
    number = np.arange(len(flat))  # tells every point
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in curves])))
    band = Band(offsets, flat, flat.astype("f4"), flat.astype("f4"), number.astype("i4"))
    order = np.array(data.draw(st.permutations(range(len(curves)))))
    for one, row in enumerate(of_objects(band, order, owner[order], 3).to_pylist()):
        mine = [n for c in order if owner[c] == one for n in range(offsets[c], offsets[c + 1])]
        assert row["catflags"] == sorted(mine, key=lambda n: flat[n])


def test_detections_may_be_csv_with_any_names(tmp_path):
    expected = converted(DETECTIONS, tmp_path / "a.parquet")
    bands = pa.array(["zg", "r", "g", "zi", "G", "zg"])
    rows = DETECTIONS.set_column(4, "passband", bands).rename_columns(["star", "t", "m", "dm", "passband", "x", "y"])
    pc.write_csv(rows, tmp_path / "a.csv")
    names = {"object_id": "star", "mjd": "t", "mag": "m", "magerr": "dm", "band": "passband", "ra": "x", "dec": "y"}
    assert ZTF.reading(**names).convert(str(tmp_path / "a.csv"))["ztf.objects"].to_pylist() == expected
    with skyhouse.open(tmp_path / "lake", workers=1) as lake:
        report = lake.ingest(str(tmp_path / "a.csv"), survey=ZTF.reading(**names))
        assert report.ok, report.failures
        assert lake.table("ztf.objects").order_by("object_id").to_arrow().to_pylist() == expected
        missing = lake.ingest(str(tmp_path / "a.csv"), survey="ztf").failures
        assert missing == ()  # it is there already
    with pytest.raises(FormatError, match=r"Looked for: IRSA's .*AXS's .*detections"):
        ZTF.convert(str(tmp_path / "a.csv"))


def test_empty_files_missing_curves_and_small_row_groups(tmp_path):
    for number, rows in enumerate((IRSA, AXS, DETECTIONS)):
        assert converted(rows.slice(0, 0), tmp_path / f"{number}.parquet") == []
    pq.write_table(IRSA, tmp_path / "groups.parquet", row_group_size=1)
    expected = converted(IRSA, tmp_path / "a.parquet")
    assert ZTF.convert(str(tmp_path / "groups.parquet"))["ztf.objects"].to_pylist() == expected
    curves = IRSA["lightcurve"].to_pylist()
    curves[1] = None
    missing = IRSA.set_column(7, "lightcurve", pa.array(curves, IRSA["lightcurve"].type))
    star, _ = converted(missing, tmp_path / "b.parquet")
    assert (star["object_id"], star["nobs_g"], star["nobs_r"]) == (545101400000003, 0, 4)


def test_a_query_of_detections_is_nested_by_the_engine(tmp_path, ztf_lake, engine):
    expected = converted(DETECTIONS, tmp_path / "a.parquet")
    flagged = DETECTIONS.append_column("catflags", pa.array([0, 32768, 0, 1, 0, 0]))
    ztf_lake.write(flagged, "my.detections", mode="replace")
    query = ztf.nest(ztf_lake.table("my.detections").on(engine)).order_by("object_id")
    assert [(c.name, c.type) for c in query.columns] == kinds()
    five, seven = query.to_arrow().to_pylist()
    assert five["r"]["catflags"] == [32768]
    for row, due in zip((five, seven), expected, strict=True):
        for name in ("object_id", "nobs_g", "nobs_r", "nobs_i", "g"):
            assert row[name] == due[name]
        assert np.cos(np.radians(row["ra"] - due["ra"])) == pytest.approx(1)


def test_a_nested_query_becomes_a_table(ztf_lake):
    ztf_lake.write(DETECTIONS, "my.raw", mode="replace")
    query = ztf.nest(ztf_lake.table("my.raw"))
    assert ztf_lake.write(query, "my.objects", key=["object_id"], mode="replace").rows == 2
    with pytest.raises(InputError, match="band"):
        ztf.nest(ztf_lake.table("my.raw").select("oid", "mjd", "mag", "magerr"))


def kinds():
    """The names and types of the nested table's columns."""
    return [(column.name, column.type) for column in ZTF.definitions["ztf.objects"].columns]


@given(
    st.lists(st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)), min_size=1, max_size=12),
    st.sampled_from([(0.0, 0.0), (123.0, 45.0), (77.0, 90.0), (0.0, -90.0), (359.9999, 89.9999)]),
    st.randoms(use_true_random=False),
)
def test_groups_are_friends_of_friends_anywhere_on_the_sky(offsets, centre, random):
    arcsec = 1 / 3600
    dec = np.array([centre[1] + y * arcsec for _, y in offsets])
    beyond = np.abs(dec) > 90
    dec = np.where(beyond, np.sign(dec) * 180 - dec, dec)
    ra = np.array([centre[0] + x * arcsec / max(np.cos(np.radians(centre[1])), 1e-3) for x, _ in offsets])
    ra = (ra + 180 * beyond) % 360
    found = grouped(ra, dec, 1.0)
    # The same by haversines and sets.
    a, d = np.radians(ra), np.radians(dec)
    half = np.sin((d[:, None] - d) / 2) ** 2 + np.cos(d)[:, None] * np.cos(d) * np.sin((a[:, None] - a) / 2) ** 2
    apart = np.degrees(2 * np.arcsin(np.sqrt(half))) * 3600
    near = apart <= 1.0
    if np.any(np.abs(apart - 1.0) < 1e-4):
        return  # too near to the radius to tell by doubles
    for _ in offsets:
        near = (near.astype(int) @ near.astype(int)) > 0
    assert np.array_equal(found[:, None] == found, near)
    order = list(range(len(offsets)))
    random.shuffle(order)
    again = grouped(ra[order], dec[order], 1.0)
    assert np.array_equal(again[:, None] == again, near[np.ix_(order, order)])


def test_places_without_numbers_are_refused_and_the_middle_of_none_is_nan():
    with pytest.raises(InputError, match="row 1 has no place"):
        grouped([1.0, np.nan], [0.0, 0.0], 1.0)
    with pytest.raises(InputError, match="radius_arcsec"):
        grouped([1.0], [0.0], 0.0)
    assert len(grouped([], [], 1.0)) == 0
    ra, dec = mean_places([5.0], [6.0], np.array([1]), 2)
    assert np.isnan(ra[0])
    assert (ra[1], dec[1]) == (pytest.approx(5), pytest.approx(6))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (IRSA.set_column(1, "filterid", pa.array([2, 1, 2, 4])), "filterid is 1, 2 or 3"),
        (IRSA.set_column(0, "objectid", pa.array([1, 2, 3, 1])), "objectid 1 comes twice"),
        (IRSA.set_column(0, "objectid", pa.array([1, 2, 3, None])), "whole number in every row"),
        (IRSA.set_column(4, "objra", pa.array([1.0, None, 3.0, 4.0])), "has no place"),
        (IRSA.set_column(7, "lc", pa.array([{"hmjd": [1.0], "mag": [], "magerr": []}] * 4)), "the list"),
        (IRSA.set_column(7, "lc", pa.array([{"hmjd": [1.0], "mag": [1.0]}] * 4)), "has no field 'magerr'"),
        (AXS.set_column(0, "ps1_objid", pa.array([1, 1])), "ps1_objid 1 comes twice"),
        (AXS.set_column(0, "ps1_objid", pa.array(["a", "b"])), "whole number"),
        (DETECTIONS.set_column(4, "fid", pa.array([1, 2, 3, 4, 1, 1])), "a band is g, r, i or 1, 2, 3, not '4'"),
        (DETECTIONS.set_column(0, "oid", pa.array(["x"] * 6)), "no object of the alert stream"),
        (DETECTIONS.drop_columns("oid"), "no column tells the object's id"),
        (DETECTIONS.drop_columns("mag"), "none of ZTF's layouts"),
        (pa.table({"a": [1]}), "has the columns a: none"),
    ],
)
def test_what_cannot_be_converted_says_why(rows, problem, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(rows, path)
    with pytest.raises(FormatError, match=problem) as error:
        ZTF.convert(str(path))
    assert error.value.path == str(path)


def test_a_file_that_is_no_parquet_says_so(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(FormatError, match="cannot be read"):
        ZTF.convert(str(tmp_path / "a.parquet"))
    with pytest.raises(FormatError, match="none of ZTF's"):
        ZTF.identify("a.fits")
    for options, problem in (
        ({"flux": "f"}, "flux is no option"),
        ({"mag": 5}, "mag is a column's name"),
        ({"radius_arcsec": "1"}, "radius_arcsec cannot be '1'"),
        ({"align": 1}, "align cannot be 1"),
    ):
        with pytest.raises(InputError, match=problem):
            ZTF.reading(**options)
    with pytest.raises(InputError, match="no FITS file"):
        ZTF.open_raw(None, 1)
    assert pickle.loads(pickle.dumps(ZTF.reading(mag="m"))) == ZTF.reading(mag="m")


@given(st.from_regex(r"ZTF[0-9]{2}[a-z]{7}", fullmatch=True), st.from_regex(r"ZTF[0-9]{2}[a-z]{7}", fullmatch=True))
def test_names_of_alerts_become_numbers_in_their_order(one, other):
    assert ztf.alert_name(ztf.alert_id(one)) == one
    assert (ztf.alert_id(one) < ztf.alert_id(other)) == (one < other)


def test_real_alerts_convert(real_data):
    path = real_data / "lightcurves" / "ztf" / "alerce_detections_10_objects.parquet"
    rows = pq.read_table(path)
    made = ZTF.convert(str(path))["ztf.objects"]
    assert made.num_rows == 10
    assert [ztf.alert_name(one) for one in made["object_id"].to_pylist()] == sorted(set(rows["oid"].to_pylist()))
    assert sum(sum(made[f"nobs_{band}"].to_pylist()) for band in BANDS) == 2586 - rows["magpsf_corr"].null_count
    uncorrected = ZTF.reading(mag="magpsf", magerr="sigmapsf").convert(str(path))["ztf.objects"]
    assert sum(uncorrected["nobs_g"].to_pylist()) == rows["fid"].to_pylist().count(1)


def test_real_curves_convert(real_data, tmp_path):
    folder = real_data / "lightcurves" / "ztf"
    with skyhouse.open(tmp_path / "lake", workers=1) as lake:
        report = lake.ingest(str(folder / "*.csv"), survey="ztf")
        assert sorted(failure.key for failure in report.failures) == ["1.csv", "2.csv"]  # of another survey, in V
        assert all("not 'V'" in failure.reason for failure in report.failures)
        rows = lake.table("ztf.objects").order_by("object_id").to_arrow().to_pylist()
    assert [(row["object_id"], row["nobs_r"]) for row in rows] == [
        (640202200001881, 107),
        (742201400001054, 100),
        (742201400001066, 100),
    ]
    assert rows[0]["ra"] is None
    assert rows[0]["r"]["mag"][0] == pytest.approx(18.615, abs=1e-6)


def test_real_rows_of_irsas_layout_convert(real_data):
    path = real_data / "catalogs" / "real" / "ztf_dr_5_lightcurves_list_of_struct.parquet"
    before = pq.ParquetFile(path).read().sort_by("objectid")
    made = ZTF.convert(str(path))["ztf.objects"]
    assert made["object_id"].equals(before["objectid"])
    assert made["nobs_r"].to_pylist() == [len(points) for points in before["lightcurve"].to_pylist()]
    assert [row["mjd"] for row in made["r"].to_pylist()] == [
        [point["hmjd"] for point in points] for points in before["lightcurve"].to_pylist()
    ]
