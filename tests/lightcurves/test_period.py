"""Periods as a declared function: what it returns, and real stars."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import skyhouse
from skyhouse.errors import InputError
from skyhouse.lightcurves import Band, Clean, periods
from skyhouse.surveys import ztf

ROOT = Path(__file__).parents[2]


def stars(count=6, points=80, seed=1):
    """Rows of RR Lyrae-like stars in g and r, and their periods."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0.3, 0.9, count)
    columns = {}
    for name, amplitude in (("g", 0.8), ("r", 0.6)):
        mjd = 58000 + np.sort(random.uniform(0, 1000, (count, points)))
        phase = (mjd / truth[:, None]) % 1
        mag = 17 + amplitude * np.where(phase < 0.8, phase / 0.8, (1 - phase) / 0.2) + random.normal(0, 0.02, mjd.shape)
        offsets = np.arange(count + 1) * points
        columns[name] = Band(offsets, mjd.ravel(), mag.ravel(), np.full(mjd.size, 0.02)).to_arrow()
    return pa.table(columns), truth


def test_stars_have_their_periods():
    rows, truth = stars()
    found = periods().applied(rows).columns
    np.testing.assert_allclose(found["period_1"].to_numpy(), truth, rtol=1e-4)
    assert found["reason"].null_count == len(truth)
    assert (found["false_alarm_1"].to_numpy() < 1e-10).all()
    assert found["agreement_1"].to_pylist() == [1.0] * len(truth)
    assert (found["r21_g"].to_numpy() > 0.2).all()
    assert found.schema.equals(periods().schema)


def test_an_object_does_not_depend_on_the_others_of_its_batch():
    rows, _ = stars()
    whole = periods(maximum_frequency=5).applied(rows).columns
    parts = [periods(maximum_frequency=5).applied(rows.slice(i, 1)).columns for i in range(len(rows))]
    assert pa.concat_tables(parts).equals(whole)


def test_objects_without_a_period_say_why():
    rows, _ = stars(count=1)
    (good,) = rows["g"].to_pylist()
    few = {name: values[:4] for name, values in good.items()}
    flat = good | {"mag": [16.0] * 80}
    broken = good | {"mag": [None] * 80}
    at_once = {name: values[:1] * 6 for name, values in good.items()} | {"mag": [1.0, 2, 3, 4, 5, 6]}
    kind = rows.schema.field("g").type
    table = pa.table({"g": pa.array([good, None, few, flat, broken, at_once, good], kind)})
    found = periods(["g"], clean=None, maximum_frequency=5).applied(table).columns
    why = [None, "no points", "too few points"]
    odd = "equal magnitudes, or times that allow no period"
    assert found["reason"].to_pylist() == [*why, odd, odd, odd, None]
    for name in found.column_names[:-1]:
        values = found[name].to_pylist()
        assert values[1:6] == [None] * 5, name
        assert values[0] == values[6]


def test_a_band_without_points_leaves_the_other():
    rows, truth = stars(count=2)
    empty = pa.array([None, None], rows.schema.field("r").type)
    found = periods(maximum_frequency=5).applied(rows.set_column(1, "r", empty)).columns
    np.testing.assert_allclose(found["period_1"].to_numpy(), truth, rtol=1e-4)
    assert found["psi_eta_r"].null_count == 2
    assert found["psi_eta_g"].null_count == 0


def test_what_makes_no_sense_is_refused():
    for bands in ([], ["g", "g"], [""]):
        with pytest.raises(InputError, match="some bands"):
            periods(bands)
    for wrong in ({"maximum_frequency": 0}, {"candidates": 2}, {"systematic_error": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            periods(**wrong)


def test_the_function_travels():
    import pickle

    function = periods(["g"], clean=Clean(max_error=0.3))
    assert pickle.loads(function.pickled()).digest == function.digest
    assert function.digest != periods(["g"], clean=Clean(max_error=0.2)).digest


def test_published_periods_are_found(real_data):
    file = real_data / "lightcurves" / "sdss_s82_rrlyrae_half.parquet"
    if not file.exists():
        pytest.skip(f"{file} is missing")
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "periods_on_file.py", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "more than" not in done.stdout  # daily aliases


def test_simulated_stars_of_each_class_have_their_periods(tmp_path):
    kinds = ("RRAB", "RRC", "DSCT", "CEP", "EB", "EW")
    with skyhouse.open(tmp_path / "lake", workers=1) as lake:
        ztf.simulate(lake, objects=240, classes=dict.fromkeys(kinds, 1), seed=7)
        rows = lake.sql("""
            SELECT o.g, o.r, t.class, t.period
            FROM ztf.objects o JOIN ztf.truth t ON o.object_id = t.object_id
            WHERE o.nobs_g >= 60 AND o.nobs_r >= 60
        """).to_arrow()
    found = periods().applied(rows).columns["period_1"].to_numpy()
    ratio = found / rows["period"].to_numpy()
    kind = np.array(rows["class"].to_pylist())
    binary = np.isin(kind, ["EB", "EW"])  # with eclipses that are alike, half the orbit is as good
    exact, half = np.abs(ratio - 1) < 1e-3, np.abs(2 * ratio - 1) < 1e-3
    assert exact[~binary].mean() > 0.97
    assert (exact | half)[binary].mean() > 0.97
    assert exact[kind == "EB"].mean() > 0.6
