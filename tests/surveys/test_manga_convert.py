"""MAPS files to rows: the real one, simulated ones of both releases, and broken ones."""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from skyhouse.errors import FormatError
from skyhouse.surveys.manga import MANGA
from skyhouse.surveys.manga.datamodel import column_name
from skyhouse.surveys.manga.simulate import simulate_galaxy_file
from skyhouse.surveys.manga.spaxels import spaxel_id

NAME = "manga-7815-3702-MAPS-HYB10-GAU-MILESHC.fits.gz"
FAMILIES = [name for name in MANGA.definitions if name.startswith("manga.spaxels")]


@pytest.fixture(scope="module")
def real_path(real_data):
    return str(real_data / "manga" / "maps" / NAME)


@pytest.fixture(scope="module")
def real(real_path):
    return MANGA.convert(real_path)


@pytest.fixture(scope="module", params=["DR15", "DR17"])
def simulated(request, tmp_path_factory):
    """The path of a simulated MAPS file of each release."""
    return str(simulate_galaxy_file(tmp_path_factory.mktemp("sas"), "8485-1901", release=request.param))


def hdulist(path):
    whole = Path(path).read_bytes()
    if whole[:2] == b"\x1f\x8b":
        whole = gzip.decompress(whole)
    return fits.open(io.BytesIO(whole), lazy_load_hdus=False)


def columns(rows):
    """Return every plane of the converted tables by its column's name."""
    return {name: rows[family].column(name) for family in FAMILIES for name in rows[family].column_names}


def assert_same_planes(rows, path):
    """Hold every plane against astropy's reading of it, found by the channel's name."""
    held = columns(rows)
    seen = 0
    for hdu in hdulist(path)[1:]:
        digits = len(str(hdu.shape[0])) if hdu.data.ndim == 3 else 0
        planes = hdu.data if digits else [hdu.data]
        for number, plane in enumerate(planes, start=1):
            channel = hdu.header[f"C{number:0{digits}}"] if digits else ""
            column = held[column_name(hdu.name, channel)]
            assert column.null_count == 0
            np.testing.assert_array_equal(column.to_numpy(), plane.ravel())
            seen += 1
    return seen


def test_the_real_files_figures(real):
    rows = real["manga.spaxels"]
    good, flux, mask = (
        rows.column(name).to_numpy() for name in ("good", "emline_gflux_ha_6564", "emline_gflux_mask_ha_6564")
    )
    assert rows.num_rows == 1764
    assert good.sum() == 773
    assert (flux[good] > 5).sum() == 348
    assert round(100 * 348 / 773, 3) == 45.019
    assert (mask[good] == 0).sum() == 769
    assert flux[good].astype(float).sum() == pytest.approx(9300.6837, abs=1e-4)


def test_every_plane_of_the_real_file_is_as_astropy_reads_it(real, real_path):
    assert assert_same_planes(real, real_path) == sum(
        len(hdu.data) if hdu.data.ndim == 3 else 1 for hdu in hdulist(real_path)[1:]
    )


def test_every_plane_of_simulated_files_is_as_astropy_reads_it(simulated):
    rows = MANGA.convert(simulated)
    assert assert_same_planes(rows, simulated) == (1617 if "/dr17/" in simulated else 658)


def test_all_releases_have_one_schema_and_planes_they_lack_are_null(simulated):
    rows = MANGA.convert(simulated)
    assert list(rows) == [*FAMILIES, "manga.galaxies"]
    for name, table in rows.items():
        assert table.schema.equals(MANGA.definitions[name].schema, check_metadata=True)
    dr17 = "/dr17/" in simulated
    held = columns(rows)
    assert (held["emline_gflux_siii_9533"].null_count == 0) == dr17
    assert (held["stellar_sigmacorr_fit"].null_count == 0) == dr17
    assert (held["stellar_sigmacorr"].null_count == 0) != dr17
    assert (held["stellar_cont_rchi2"].null_count == 0) != dr17


def test_rows_are_ordered_and_identified(real):
    rows = real["manga.spaxels"]
    y, x, identifier = (rows.column(name).to_numpy() for name in ("y", "x", "spaxel_id"))
    assert (y * 42 + x).tolist() == list(range(1764))
    assert identifier[43] == 781503702001001 == spaxel_id(7815, 3702, 1, 1)
    assert set(rows.column("plateifu").to_pylist()) == {"7815-3702"}
    assert set(rows.column("mangaid").to_pylist()) == {"1-113540"}
    for family in FAMILIES[1:]:
        assert real[family].column("spaxel_id").equals(rows.column("spaxel_id"))
        assert real[family].column("daptype").equals(rows.column("daptype"))


def test_the_galaxys_row(real, real_path):
    (row,) = real["manga.galaxies"].to_pylist()
    assert row["plateifu"] == "7815-3702"
    assert (row["plate"], row["ifudesign"], row["fibres"]) == (7815, 3702, 37)
    assert (row["ny"], row["nx"], row["n_good"], row["nbins"]) == (42, 42, 773, 773)
    assert (row["ra"], row["dec"]) == (317.903201533, 11.4969433994)
    assert row["redshift"] == pytest.approx(0.0293823)
    assert (row["mngtarg1"], row["drp3qual"], row["dapqual"]) == (1216, 0, 0)
    assert (row["drpver"], row["daptype"]) == ("v2_4_3", "HYB10-GAU-MILESHC")
    assert row["simulated"] is False
    assert row["source_path"] == real_path
    assert None not in row.values()


def test_a_simulated_file_says_so(simulated):
    assert MANGA.convert(simulated)["manga.galaxies"].column("simulated").to_pylist() == [True]


def test_channels_are_found_by_name_in_whatever_order(real, real_path, tmp_path):
    maps = hdulist(real_path)
    order = np.random.default_rng(7).permutation(22)
    for hdu in maps:
        if hdu.name.startswith("EMLINE_GFLUX"):
            names = [hdu.header[f"C{number:02}"] for number in range(1, 23)]
            hdu.data = hdu.data[order]
            for number, place in enumerate(order, start=1):
                hdu.header[f"C{number:02}"] = names[place]
    shuffled = tmp_path / NAME.removesuffix(".gz")
    maps.writeto(shuffled)
    again = MANGA.convert(str(shuffled))
    assert again["manga.spaxels"].equals(real["manga.spaxels"])


def without(name):
    def change(maps):
        del maps[name]

    return change


def with_data(name, make):
    def change(maps):
        maps[name].data = make(maps[name].data)

    return change


def with_card(name, key, value):
    def change(maps):
        if value is None:
            del maps[name].header[key]
        else:
            maps[name].header[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "hdu", "said"),
    [
        (without("EMLINE_GFLUX_MASK"), "EMLINE_GFLUX_MASK", "missing; a file of DR15 has it"),
        (with_data("SPX_SNR", lambda data: data[1:]), "SPX_SNR", "shape (41, 42), not (42, 42)"),
        (with_data("EMLINE_GVEL", lambda data: data[:21]), "EMLINE_GVEL", "shape (21, 42, 42), not (22, 42, 42)"),
        (with_data("STELLAR_VEL", lambda data: data.astype("f8")), "STELLAR_VEL", "float64, not float32"),
        (
            with_card("EMLINE_GEW", "C19", "Hx-6564"),
            "EMLINE_GEW",
            "missing: emline_gew_ha_6564; unknown: emline_gew_hx",
        ),
        (with_card("EMLINE_GEW", "C20", "Ha-6564"), "EMLINE_GEW", "missing: emline_gew_nii_6585; unknown: none"),
        (with_card("SPECINDEX", "C44", None), "SPECINDEX", "channel 44 has no name (card C44)"),
        (with_card(0, "VERSDAP", "trunk"), "PRIMARY", "VERSDAP is 'trunk'"),
        (with_card(0, "VERSDAP", "3.1.0"), "SPX_ELLCOO", "not (4, 42, 42)"),
        (with_card(0, "DAPFRMT", "MODEL"), "PRIMARY", "'MODEL'"),
        (with_card(0, "PLATEIFU", "7815-1901"), "PRIMARY", "is it misnamed"),
        (with_card(0, "DAPTYPE", None), "PRIMARY", "no card DAPTYPE"),
        (with_card(0, "MANGAID", None), "PRIMARY", "MANGAID"),
        (with_card(0, "SCINPVEL", None), "PRIMARY", "SCINPVEL"),
        (with_card(0, "NEXP", "many"), "PRIMARY", "NEXP is 'many'"),
        (with_card(0, "NEXP", 1.5), "PRIMARY", "NEXP is 1.5"),
        (with_card(0, "NEXP", 1 << 40), "PRIMARY", "too large a number"),
    ],
)
def test_a_broken_file_is_refused_by_name_and_hdu(real_path, tmp_path, change, hdu, said):
    maps = hdulist(real_path)
    change(maps)
    path = tmp_path / NAME.removesuffix(".gz")
    maps.writeto(path)
    with pytest.raises(FormatError) as error:
        MANGA.convert(str(path))
    assert (error.value.path, error.value.hdu) == (str(path), hdu)
    assert said in error.value.problem


@pytest.mark.parametrize("other", ["SNRG", "SNRG-HYB10-GAU-MILESHC-EMOMM"])
def test_reference_tables_are_refused_whatever_their_name(real_data, tmp_path, other):
    source = real_data / "manga" / "maps" / f"manga-7815-3702-{other}.fits.gz"
    with pytest.raises(FormatError, match="MAPS"):
        MANGA.convert(str(source))
    disguised = tmp_path / NAME
    disguised.write_bytes(source.read_bytes())
    with pytest.raises(FormatError) as error:
        MANGA.convert(str(disguised))
    assert (error.value.path, error.value.hdu) == (str(disguised), "PRIMARY")


def test_a_page_in_place_of_a_file_is_refused(tmp_path):
    path = tmp_path / NAME
    path.write_text("<html><title>404 Not Found</title></html>")
    with pytest.raises(FormatError, match="HTML"):
        MANGA.convert(str(path))


def test_nan_stays_nan(real_path, tmp_path):
    maps = hdulist(real_path)
    maps["EMLINE_GFLUX"].data[18, 3, 4] = math.nan
    path = tmp_path / NAME.removesuffix(".gz")
    maps.writeto(path)
    column = MANGA.convert(str(path))["manga.spaxels"].column("emline_gflux_ha_6564")
    assert column.null_count == 0
    assert math.isnan(column[3 * 42 + 4].as_py())
