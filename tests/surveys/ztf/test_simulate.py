"""Simulated ZTF: the same objects whatever the split, of the nature that the truth tells, measured as real ones are."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

import skyhouse
from skyhouse.errors import InputError, TableExists
from skyhouse.surveys import ztf
from skyhouse.surveys.ztf.blocks import block
from skyhouse.surveys.ztf.cadence import fields, visits
from skyhouse.surveys.ztf.population import CLASSES, shares
from skyhouse.surveys.ztf.tables import BANDS, objects_definition

UNUSABLE = 32768


def points(made, band, j):
    """The points of one object in a band."""
    curves = made.curves[band]
    at = slice(curves.offsets[j], curves.offsets[j + 1])
    return curves.mjd[at], curves.mag[at], curves.magerr[at], curves.catflags[at]


def unexplained(mjd, mag, period, harmonics=4):
    """The share of a light curve's variance that no series of harmonics of a period explains."""
    angles = 2 * np.pi * np.outer(mjd / period, np.arange(1, harmonics + 1))
    columns = np.column_stack([np.ones(len(mjd)), np.cos(angles), np.sin(angles)])
    rest = mag - columns @ np.linalg.lstsq(columns, mag.astype("f8"), rcond=None)[0]
    return rest.var() / mag.var()


def test_an_object_is_the_same_however_many_there_are(tmp_path):
    mix = shares(None)
    few, all_of_it = block(3, 11, mix, 7), block(3, 11, mix)
    ids = few.object_ids.tolist()
    assert ids == all_of_it.object_ids[:7].tolist()
    rows = {row["object_id"]: row for row in all_of_it.objects().to_pylist()}
    assert few.objects().to_pylist() == [rows[one] for one in sorted(ids)]
    assert few.truth().to_pylist() == [row for row in all_of_it.truth().to_pylist() if row["object_id"] in ids]
    with skyhouse.open(tmp_path / "lake", workers=1) as lake:
        ztf.simulate(lake, 300, seed=3, schema="small")
        ztf.simulate(lake, 700, seed=3, schema="large")
        counted = lake.sql("SELECT count(*) AS n FROM small.objects JOIN large.objects USING (object_id)")
        assert counted.to_arrow()["n"].to_pylist() == [300]


@pytest.mark.spark
def test_spark_simulates_the_same_objects(ztf_lake):
    ztf.simulate(ztf_lake, 300, seed=5, schema="of_pool")
    ztf.simulate(ztf_lake, 300, seed=5, schema="of_spark", engine="spark")
    one, other = (
        ztf_lake.table(f"{name}.objects").order_by("object_id").to_arrow() for name in ("of_pool", "of_spark")
    )
    assert one.equals(other)


def test_the_tables_hold_what_they_say(ztf_lake):
    table = ztf_lake.registry.table("ztf.objects")
    assert (table.definition.columns, table.definition.key) == (objects_definition().columns, ("object_id",))
    rows = ztf_lake.table("ztf.objects").order_by("object_id").to_arrow()
    truth = ztf_lake.table("ztf.truth").order_by("object_id").to_arrow()
    ids = rows["object_id"].to_numpy()
    assert len(np.unique(ids)) == 1500
    assert truth["object_id"].equals(rows["object_id"])
    assert set(truth["class"].to_pylist()) == set(CLASSES)
    for band in BANDS:
        counts = rows[f"nobs_{band}"].to_pylist()
        for row, count in zip(rows[band].to_pylist(), counts, strict=True):
            assert {len(values) for values in row.values()} == {count}
            assert row["mjd"] == sorted(row["mjd"])
    assert 50 < np.median(rows["nobs_r"].to_numpy()) < 500
    for file in table.files():
        groups = pq.ParquetFile(file.path).metadata
        assert all(groups.row_group(n).num_rows <= 4096 for n in range(groups.num_row_groups))


@pytest.mark.parametrize("name", ["RRAB", "RRC", "EB", "EW", "DSCT", "CEP", "M"])
def test_variables_have_their_period_and_amplitude(name):
    made = block(8, 4, shares({name: 1}), 40)
    looked = 0
    for j in range(40):
        mjd, mag, _, flags = points(made, 1, j)
        good = flags < UNUSABLE
        if good.sum() < 60 or made.natures.shapes.mean[j, 1] > 18:
            continue
        looked += 1
        mjd, mag, period = mjd[good], mag[good], made.natures.period[j]
        assert unexplained(mjd, mag, period) < 0.1
        assert unexplained(mjd, mag, 1.37 * period) > 0.4
        height = np.percentile(mag, 99) - np.percentile(mag, 1)
        assert 0.5 < height / made.natures.amplitude[j] < 1.4
    assert looked > 5


def test_quasars_wander_as_damped_random_walks_do():
    made = block(8, 3, shares({"QSO": 1}))
    changes, soon = [], []
    for j in range(len(made.sequence)):
        mjd, mag, error, flags = points(made, 1, j)
        keep = (flags == 0) & (error < 0.05)
        mjd, mag = mjd[keep], mag[keep] / made.natures.amplitude[j]
        apart = mjd[:, None] - mjd[None, :]
        far, near = (apart > 1500), (apart > 0) & (apart < 5)
        steps = mag[:, None] - mag[None, :]
        if far.sum() > 200 and made.natures.shapes.period[j] < 200:
            changes.append((steps[far] ** 2).mean())
            soon.append((steps[near] ** 2).mean())
    assert len(changes) > 20
    # In units of the structure function at infinity: 1 over long times, little over short ones.
    assert 0.6 < np.mean(changes) < 1.5
    assert np.mean(soon) < 0.3


def test_a_supernova_is_seen_once():
    made = block(8, 5, shares({"SN": 1}))
    seen = 0
    for j in range(len(made.sequence)):
        mjd, mag, error, flags = points(made, 1, j)
        bright = (flags == 0) & (mag < made.natures.shapes.mean[j, 1] - 0.5 - 8 * error)
        if bright.sum() > 3:
            seen += 1
            since = mjd[bright] - made.natures.shapes.epoch[j]
            assert since.min() > -40
            assert since.max() < 200
    assert seen > 20


def test_errors_are_honest_with_wide_wings_and_flagged_points_are_off():
    made = block(8, 2, shares({"CONST": 1}))
    pulls, off, faint, bright = [], [], [], []
    for j in range(len(made.sequence)):
        _, mag, error, flags = points(made, 1, j)
        away = mag - made.natures.shapes.mean[j, 1]
        pulls.append((away / error)[flags < UNUSABLE])
        off.append(np.abs(away / error)[flags >= UNUSABLE])
        (bright if made.natures.shapes.mean[j, 1] < 16 else faint).append(np.median(error))
        assert np.all(mag < 22)
    pulls, off = np.concatenate(pulls), np.concatenate(off)
    spread = np.subtract(*np.percentile(pulls, [84, 16])) / 2
    assert 0.9 < spread < 1.1
    assert 0.003 < np.mean(np.abs(pulls) > 4) < 0.02  # Gaussian: 6e-5
    assert 0.02 < len(off) / (len(off) + len(pulls)) < 0.06
    assert np.median(off) > 5
    assert np.median(bright) < 0.02 < np.median(faint)


def test_looks_come_in_seasons_and_at_night():
    equatorial = min(fields(), key=lambda field: abs(field.dec) + abs(field.ra - 180))
    northern = max(fields(), key=lambda field: field.dec)
    for seed in (1, 2):
        mjd = visits(equatorial, seed).mjd
        assert np.all(np.diff(mjd) >= 0)
        # At the antipode of the Sun in March: never seen in September, as it is in the day sky.
        day_of_year = (mjd - 58119) % 365.25
        assert not np.any((day_of_year > 240) & (day_of_year < 290))
        assert np.all((mjd % 1 > 0.05) & (mjd % 1 < 0.6))  # night in California, in UT
        assert np.diff(np.unique(np.floor(visits(northern, seed).mjd))).max() < 60
    nights = [len(np.unique(np.floor(visits(field, 1).mjd))) for field in fields()[::40]]
    assert max(nights) > 2 * min(nights)


def test_what_cannot_be_simulated_is_refused(tmp_path):
    with skyhouse.open(tmp_path / "lake", workers=1, writable=("ztf",)) as lake:
        with pytest.raises(InputError, match="0 objects"):
            ztf.simulate(lake, 0)
        with pytest.raises(InputError, match="seed"):
            ztf.simulate(lake, 1, seed=-1)
        with pytest.raises(InputError, match="did you mean 'RRAB'"):
            ztf.simulate(lake, 1, classes={"RRABC": 1})
        with pytest.raises(InputError, match="all 0"):
            ztf.simulate(lake, 1, classes={"RRAB": 0})
        with pytest.raises(InputError, match="cannot be written"):
            ztf.simulate(lake, 1, schema="other")
        done = []
        ztf.simulate(lake, 2, progress=lambda n, of: done.append((n, of)))
        assert done == [(2, 2)]
        with pytest.raises(TableExists):
            ztf.simulate(lake, 2)
        assert ztf.simulate(lake, 3, replace=True).rows == lake.registry.table("ztf.truth").rows == 3
        assert lake.registry.names() == ["ztf.objects", "ztf.truth"]
