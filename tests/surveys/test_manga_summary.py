"""DRPall and DAPall files to rows, written by astropy with the published columns."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from astropy.io import fits

from skyhouse.errors import FormatError
from skyhouse.surveys.manga import MANGA
from skyhouse.surveys.manga.dapall import read_dapall
from skyhouse.surveys.manga.drpall import read_drpall
from skyhouse.surveys.manga.simulate import simulate_drpall

ROWS = 5
CODES = {"int64": "K", "float64": "D", "float32": "E", "bool": "L"}


def official(real_data, name):
    path = real_data / "manga" / "datamodel" / f"{name}.json"
    return json.loads(path.read_text())["releases"]


def table_hdu(listing, *, name="", daptype="", seed=0, length=None):
    """Return a table of ROWS rows with the published columns; `length` makes vectors of 35 of another length."""
    rng = np.random.default_rng(seed)
    columns = []
    for each in listing.values():
        kind, _, size = each["type"].rstrip("]").partition("[")
        count = int(size or 1)
        if length is not None and count == 35:
            count = length
        if kind == "char":
            values = np.array([f"{each['name'][:3]}{row}" for row in range(ROWS)])
            if each["name"].lower() == "plateifu":
                values = np.array([f"{8000 - row}-1901" for row in range(ROWS)])
            if each["name"] == "DAPTYPE":
                values = np.full(ROWS, daptype)
            columns.append(fits.Column(each["name"], f"{size}A", array=values))
            continue
        shape = (ROWS, count) if count > 1 else (ROWS,)
        values = rng.integers(0, 2, shape).astype(bool) if kind == "bool" else rng.integers(0, 999, shape).astype(kind)
        code = CODES[kind]
        columns.append(fits.Column(each["name"], f"{count if count > 1 else ''}{code}", array=values))
    return fits.BinTableHDU.from_columns(columns, name=name)


def drpall_file(real_data, folder, release="DR16"):
    listing = list(official(real_data, "mangaDRPall")[release]["hdus"].values())[1]["columns"]
    path = folder / "drpall-v3_1_1.fits"
    fits.HDUList([fits.PrimaryHDU(), table_hdu(listing)]).writeto(path)
    return path


def dapall_file(real_data, folder, release="DR17", length=None):
    hdus = list(official(real_data, "mangaDAPall")[release]["hdus"].values())
    primary = fits.PrimaryHDU()
    for card in hdus[0]["header"]:
        if re.match(r"ELS|ELG|SPI", card["key"]):
            primary.header[card["key"]] = card["value"]
    tables = [
        table_hdu(hdus[1]["columns"], name=each["name"], daptype=each["name"], seed=number, length=length)
        for number, each in enumerate(hdus[1:])
    ]
    path = folder / "dapall-v3_1_1-3.1.0.fits"
    fits.HDUList([primary, *tables]).writeto(path)
    return path


def test_drpall_columns_and_bands(real_data, tmp_path):
    path = drpall_file(real_data, tmp_path)
    rows = MANGA.convert(str(path))["manga.drpall"]
    assert rows.schema.equals(MANGA.definitions["manga.drpall"].schema, check_metadata=True)
    assert rows.num_rows == ROWS
    assert all(column.null_count == 0 for column in rows.columns)
    assert rows.column("plateifu").to_pylist() == sorted(f"{8000 - row}-1901" for row in range(ROWS))
    with fits.open(path) as file:
        given = file[1].data[::-1]  # plateifu falls from row to row
        np.testing.assert_array_equal(rows.column("nsa_elpetro_mass"), given["nsa_elpetro_mass"])
        for place, band in enumerate("fnugriz"):
            np.testing.assert_array_equal(rows.column(f"nsa_sersic_flux_{band}"), given["nsa_sersic_flux"][:, place])


@pytest.mark.parametrize("release", ["DR13", "DR14", "DR15"])
def test_drpall_of_other_releases(real_data, tmp_path, release):
    rows = read_drpall(str(drpall_file(real_data, tmp_path, release)))
    assert rows.column("objra").null_count == 0
    assert (rows.column("psweight").null_count == 0) == (release == "DR15")


def test_a_simulated_drpall(tmp_path):
    rows = MANGA.convert(str(simulate_drpall(tmp_path, ["8485-1901", "7443-12703"])))["manga.drpall"]
    assert rows.column("plateifu").to_pylist() == ["7443-12703", "8485-1901"]
    assert rows.column("nsa_elpetro_mass").null_count == 0


def test_dapall_lines_and_indices_by_name(real_data, tmp_path):
    path = dapall_file(real_data, tmp_path)
    rows = MANGA.convert(str(path))["manga.dapall"]
    assert rows.schema.equals(MANGA.definitions["manga.dapall"].schema, check_metadata=True)
    assert rows.num_rows == 4 * ROWS
    types = rows.column("daptype").to_pylist()[:4]
    assert types == sorted(types)
    hyb = rows.filter([each == "HYB10-MILESHC-MASTARSSP" for each in rows.column("daptype").to_pylist()])
    with fits.open(path) as file:
        given = file["HYB10-MILESHC-MASTARSSP"].data[::-1]
        np.testing.assert_array_equal(hyb.column("emline_gflux_1re_ha_6564"), given["EMLINE_GFLUX_1RE"][:, 23])
        np.testing.assert_array_equal(hyb.column("emline_sflux_tot_oiid_3728"), given["EMLINE_SFLUX_TOT"][:, 0])
        np.testing.assert_array_equal(hyb.column("specindex_1re_d4000"), given["SPECINDEX_1RE"][:, 43])
        np.testing.assert_array_equal(hyb.column("snr_med_z"), given["SNR_MED"][:, 3])
        np.testing.assert_array_equal(hyb.column("bin_r_n_05_15"), given["BIN_R_N"][:, 1])
        np.testing.assert_array_equal(hyb.column("dapdone"), given["DAPDONE"])
    assert hyb.column("stellar_cont_rchi2_1re").null_count == ROWS


def test_dapall_of_dr15_has_fewer_lines_in_other_places(real_data, tmp_path):
    path = dapall_file(real_data, tmp_path, "DR15")
    rows = read_dapall(str(path))
    with fits.open(path) as file:
        given = file[1].data[::-1]["EMLINE_GFLUX_1RE"]
        np.testing.assert_array_equal(rows.column("emline_gflux_1re_ha_6564"), given[:, 18])
    assert rows.column("emline_gflux_1re_siii_9533").null_count == ROWS
    assert rows.column("stellar_cont_rchi2_1re").null_count == 0


def test_a_vector_of_another_length_is_refused(real_data, tmp_path):
    path = dapall_file(real_data, tmp_path, length=34)
    with pytest.raises(FormatError, match="column emline_sflux_cen does not hold 35 values") as error:
        read_dapall(str(path))
    assert error.value.hdu == "1 SPX-MILESHC-MASTARSSP"


def test_a_dapall_without_names_of_lines_is_refused(real_data, tmp_path):
    path = dapall_file(real_data, tmp_path)
    with fits.open(path, mode="update") as file:
        del file[0].header["ELG01"]
    with pytest.raises(FormatError, match="ELG01"):
        read_dapall(str(path))


def test_other_tables_are_refused(tmp_path):
    path = tmp_path / "drpall-v3_1_1.fits"
    fits.BinTableHDU.from_columns([fits.Column("flux", "E", array=[1.0])]).writeto(path)
    with pytest.raises(FormatError, match="plateifu"):
        read_drpall(str(path))
    bare = tmp_path / "dapall-v3_1_1-3.1.0.fits"
    fits.PrimaryHDU().writeto(bare)
    with pytest.raises(FormatError):
        read_dapall(str(bare))


def test_a_column_of_another_type_is_refused(tmp_path):
    path = tmp_path / "drpall-v3_1_1.fits"
    columns = [fits.Column("plateifu", "9A", array=["8485-1901"]), fits.Column("z", "3A", array=["low"])]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    with pytest.raises(FormatError, match="column z is not of type double"):
        read_drpall(str(path))
