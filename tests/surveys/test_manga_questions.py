"""The three benchmark questions against numpy on the raw files, on every engine; and what the real file must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import skyhouse
from skyhouse.errors import InputError, QueryError
from skyhouse.session import Lake
from skyhouse.surveys import manga

BAD = 1 << 0 | 1 << 5 | 1 << 30
LINES = {"ha": "Ha-6564", "hb": "Hb-4862", "oiii": "OIII-5008", "nii": "NII-6585"}

Maps = dict[str, dict[str, NDArray[Any]]]


@pytest.fixture(scope="session")
def maps(simulated_files: Path) -> Maps:
    """What the questions need of each raw file, read by astropy: plateifu -> arrays of the grid."""
    found: Maps = {}
    for path in simulated_files.rglob("*-MAPS-*"):
        with fits.open(path) as hdus:
            flux = hdus["EMLINE_GFLUX"]
            names = {
                value: int(key[1:]) - 1 for key, value in flux.header.items() if key[0] == "C" and key[1:].isdigit()
            }
            arrays = {"good": (hdus["BINID"].data != -1).all(axis=0)}
            for line, channel in LINES.items():
                at = names[channel]
                arrays[line] = flux.data[at].astype("f8")
                arrays[f"{line}_ivar"] = hdus["EMLINE_GFLUX_IVAR"].data[at].astype("f8")
                arrays[f"{line}_mask"] = hdus["EMLINE_GFLUX_MASK"].data[at]
            arrays["redshift"] = np.array(hdus[0].header["SCINPVEL"] / 299792.458)
            found[hdus[0].header["PLATEIFU"]] = arrays
    return found


def test_galaxies_in(lake: Lake, maps: Maps, engine: str) -> None:
    got = manga.galaxies_in(lake, redshift_below=0.06, fibres=127).on(engine).to_arrow().to_pylist()
    wanted = sorted(
        (float(one["redshift"]), name, one["good"].size, int(one["good"].sum()))
        for name, one in maps.items()
        if name.split("-")[1].startswith("127") and one["redshift"] < 0.06
    )
    assert wanted, "the simulated galaxies must have one to find"
    assert [(row["plateifu"], row["spaxels"], row["good_spaxels"]) for row in got] == [w[1:] for w in wanted]
    assert [row["redshift"] for row in got] == pytest.approx([w[0] for w in wanted])


@pytest.mark.parametrize("masked", [False, True])
def test_npergood(lake: Lake, maps: Maps, engine: str, masked: bool) -> None:
    query = manga.npergood(lake, "emline_gflux_ha_6564 > 1", more_than=0.20, masked=masked)
    got = {row["plateifu"]: row for row in query.on(engine).to_arrow().to_pylist()}
    wanted = {}
    for name, one in maps.items():
        clear = (one["ha_mask"] & BAD) == 0 if masked else True
        matching, good = int((one["good"] & (one["ha"] > 1) & clear).sum()), int(one["good"].sum())
        if good and matching / good > 0.20:
            wanted[name] = (good, matching)
    assert 0 < len(wanted) < len(maps)
    assert {name: (row["good_spaxels"], row["matching"]) for name, row in got.items()} == wanted
    assert all(row["share"] == row["matching"] / row["good_spaxels"] for row in got.values())


def test_galaxies_in_which_nothing_matches_have_share_0(lake: Lake, maps: Maps, engine: str) -> None:
    got = manga.npergood(lake, "emline_gflux_ha_6564 > 1e6", less_than=0.20).on(engine).to_arrow()
    assert set(got["plateifu"].to_pylist()) == set(maps)
    assert set(got["share"].to_pylist()) == {0.0}


@pytest.mark.parametrize("masked", [False, True])
def test_a_condition_stands_by_itself(lake: Lake, masked: bool) -> None:
    plain = manga.npergood(lake, "emline_gflux_mask_ha_6564 & 1073741824 = 0 AND x > 9", masked=masked).to_arrow()
    text = "emline_gflux_mask_ha_6564 & 0x40000000 = 0 AND x > 9 -- no longer than its line"
    assert manga.npergood(lake, text, masked=masked).to_arrow().equals(plain)
    with pytest.raises(QueryError, match="line 1, column 6"):
        manga.npergood(lake, "x > 9) OR (TRUE", masked=masked)


def test_both_sides_of_a_threshold_are_all_galaxies(lake: Lake, maps: Maps) -> None:
    above = manga.npergood(lake, "emline_gflux_ha_6564 > 1", at_least=0.3).to_arrow()["plateifu"].to_pylist()
    below = manga.npergood(lake, "emline_gflux_ha_6564 > 1", less_than=0.3).to_arrow()["plateifu"].to_pylist()
    assert sorted(above + below) == sorted(maps)


@pytest.mark.parametrize("masked", [False, True])
def test_bpt_fractions(lake: Lake, maps: Maps, engine: str, masked: bool) -> None:
    low, high = 0.02, 0.1
    query = manga.bpt_fractions(lake, snr=3, redshift=(low, high), masked=masked).on(engine)
    got = {row["plateifu"]: row for row in query.to_arrow().to_pylist()}
    wanted = {}
    for name, one in maps.items():
        keep = one["good"].copy()
        for line in LINES:
            keep &= (one[line] > 0) & (one[line] * np.sqrt(one[f"{line}_ivar"]) > 3)
            if masked:
                keep &= (one[f"{line}_mask"] & BAD) == 0
        if not keep.any() or not low <= one["redshift"] <= high:
            continue
        x = np.log10(one["nii"][keep] / one["ha"][keep])
        y = np.log10(one["oiii"][keep] / one["hb"][keep])
        star_forming = (x < 0.05) & (y < 0.61 / (x - 0.05) + 1.3)
        composite = ~star_forming & (x < 0.47) & (y < 0.61 / (x - 0.47) + 1.19)
        agn = ~star_forming & ~composite
        seyfert = agn & (y > 1.05 * x + 0.45)
        wanted[name] = [keep.sum(), *(each.mean() for each in (star_forming, composite, seyfert, agn & ~seyfert))]
    assert len(wanted) > 2
    assert set(got) == set(wanted)
    for name, numbers in wanted.items():
        row = got[name]
        assert [row[c] for c in ("classified", "star_forming", "composite", "seyfert", "liner")] == pytest.approx(
            numbers
        )


def test_bpt_by_mass_needs_the_drpall(lake: Lake, engine: str) -> None:
    mass = lake.sql("SELECT plateifu, log10(nsa_elpetro_mass) AS m FROM manga.drpall").to_arrow().to_pylist()
    middle = float(np.median([row["m"] for row in mass]))
    got = manga.bpt_fractions(lake, snr=1, log_mass=(0, middle)).on(engine).to_arrow()["plateifu"].to_pylist()
    light = {row["plateifu"] for row in mass if row["m"] <= middle}
    every = set(manga.bpt_fractions(lake, snr=1).to_arrow()["plateifu"].to_pylist())
    assert set(got) == light & every
    assert 0 < len(got) < len(every)


def test_thresholds_are_shares(lake: Lake) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        manga.npergood(lake, "good", at_least=20)


def test_two_daptypes_are_not_mixed(simulated_files: Path, tmp_path: Path) -> None:
    manga.simulate(tmp_path / "dr15", plateifus=["8485-1901"], release="DR15")
    with skyhouse.open(tmp_path / "lake") as both:
        both.ingest([simulated_files / "**/*8485-1901-MAPS*", tmp_path / "dr15/**/*MAPS*"], survey="manga")
        with pytest.raises(InputError, match="daptype="):
            manga.npergood(both, "emline_gflux_ha_6564 > 1")
        every = manga.npergood(both, "emline_gflux_ha_6564 > 1", daptype="all").to_arrow()
        one = manga.npergood(both, "emline_gflux_ha_6564 > 1", daptype="HYB10-GAU-MILESHC").to_arrow()
        assert every.num_rows == 2
        assert one["daptype"].to_pylist() == ["HYB10-GAU-MILESHC"]
        nulls = both.sql(
            "SELECT daptype, count(emline_gflux_ha_6564) AS ha, count(emline_gflux_hei_7067) AS hei "
            "FROM manga.spaxels GROUP BY daptype ORDER BY daptype"
        ).to_arrow()
        assert nulls["ha"].to_pylist() == [34 * 34, 34 * 34]
        assert nulls["hei"].to_pylist() == [0, 34 * 34]


def test_the_real_file(real_data: Path, tmp_path: Path, engine: str) -> None:
    """Galaxy 7815-3702 of DR15, against figures found with numpy."""
    with skyhouse.open(tmp_path / "lake") as real:
        report = real.ingest(real_data / "manga/maps/manga-7815-3702-MAPS-HYB10-GAU-MILESHC.fits.gz", survey="manga")
        assert (report.rows, report.failures) == (1764, ())
        row = (
            real.sql(
                """
                SELECT count(*) AS spaxels, count(*) FILTER (WHERE good) AS good,
                       count(*) FILTER (WHERE good AND emline_gflux_ha_6564 > 5) AS bright,
                       count(*) FILTER (WHERE good AND emline_gflux_mask_ha_6564 & 0x40000021 = 0) AS clear,
                       sum(CASE WHEN good THEN emline_gflux_ha_6564 END) AS flux
                FROM manga.spaxels
                """,
                engine=engine,
            )
            .to_arrow()
            .to_pylist()[0]
        )
        assert (row["spaxels"], row["good"], row["bright"], row["clear"]) == (1764, 773, 348, 769)
        assert row["flux"] == pytest.approx(9300.6837, abs=5e-5)
        share = (
            manga.npergood(real, "emline_gflux_ha_6564 > 5", more_than=0.2).on(engine).to_arrow()["share"][0].as_py()
        )
        assert round(share * 100, 3) == 45.019


@pytest.mark.parametrize("ends", [(0.05,), "ab", (0, float("inf")), (None, 1), 0.1])
def test_a_range_is_two_finite_numbers(lake: Lake, ends: Any) -> None:
    with pytest.raises(InputError, match="range"):
        manga.bpt_fractions(lake, redshift=ends)


def test_the_engine_may_be_left_to_the_house(lake: Lake) -> None:
    assert lake.sql("SELECT count(*) AS n FROM manga.galaxies", engine="auto").run().engine == "duckdb"
