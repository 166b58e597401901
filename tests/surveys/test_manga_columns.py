"""The columns and tables of MaNGA: names, units, UCDs, families."""

from __future__ import annotations

import pytest
from astropy import units
from astropy.io.votable.ucd import check_ucd

from skyhouse.columns import columns_of
from skyhouse.surveys.manga import MANGA
from skyhouse.surveys.manga.datamodel import RELEASES, hdus
from skyhouse.surveys.manga.planes import UNITS, line_label, mask_partners, plane_columns

MAIN = "manga.spaxels"
FAMILIES = [name for name in MANGA.definitions if name.startswith(MAIN)]


@pytest.mark.parametrize("name", list(MANGA.definitions))
def test_every_column_has_a_parsed_unit_a_valid_ucd_and_a_description(name):
    definition = MANGA.definitions[name]
    for column in definition.columns:
        assert units.Unit(column.unit) is not None
        assert check_ucd(column.ucd, check_controlled_vocabulary=True), column
        assert len(column.description) > 3, column
    assert columns_of(definition.schema) == definition.columns
    names = [column.name for column in definition.columns]
    assert len(names) == len(set(names))
    assert set(definition.key) | set(definition.sort) <= set(names)
    assert definition.description


def test_every_plane_of_every_release_is_in_one_family():
    planes = {name for release in RELEASES for hdu in hdus(release) for name in hdu.columns}
    assert len(planes) == 1621
    found = [column.name for name in FAMILIES for column in MANGA.definitions[name].columns]
    assert sorted(name for name in found if name in planes) == sorted(planes)


def test_families_join_on_the_main_table():
    main = MANGA.definitions[MAIN]
    assert main.key == ("plateifu", "daptype", "y", "x")
    assert main.part_of == ""
    shared = {column.name for column in main.columns}
    for name in FAMILIES[1:]:
        family = MANGA.definitions[name]
        assert (family.part_of, family.key) == (MAIN, ("spaxel_id", "plateifu", "daptype"))
        assert {column.name for column in family.columns} & shared == {"spaxel_id", "plateifu", "daptype", "y", "x"}


@pytest.mark.parametrize("name", FAMILIES)
def test_row_groups_are_of_one_size_whatever_the_width(name):
    definition = MANGA.definitions[name]
    assert len(definition.columns) <= 450
    assert 64e6 < 4 * len(definition.columns) * definition.row_group_rows < 130e6


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("emline_gflux_ha_6564", "1e-17 erg / (s cm2 pix)"),
        ("emline_gflux_ivar_ha_6564", "1e34 s2 cm4 pix2 / erg2"),
        ("emline_gflux_mask_ha_6564", ""),
        ("emline_gflux_oii_3727", "1e-17 erg / (s cm2 pix)"),
        ("stellar_vel", "km/s"),
        ("stellar_vel_ivar", "s2 / km2"),
        ("stellar_sigmacorr", "km/s"),
        ("stellar_sigmacorr_resolution_difference", "km/s"),
        ("specindex_d4000", ""),
        ("specindex_ivar_hdeltaa", "1 / Angstrom2"),
        ("spx_skycoo_on_sky_x", "arcsec"),
        ("spx_ellcoo_elliptical_radius", "arcsec"),
        ("spx_ellcoo_r_re", ""),
        ("spx_ellcoo_r_h_kpc", "kpc"),
        ("spx_ellcoo_elliptical_azimuth", "deg"),
        ("bin_lwskycoo_lum_weighted_on_sky_x", "arcsec"),
        ("bin_lwellcoo_lum_weighted_elliptical_radius", "arcsec"),
        ("binid_binned_spectra", ""),
        ("binid_em_line_moments", ""),
        ("bin_area", "arcsec2"),
    ],
)
def test_columns_are_named_as_marvin_names_them(name, unit):
    main = {column.name: column for column in MANGA.definitions[MAIN].columns}
    assert main[name].unit == unit


def test_only_the_summed_doublet_is_blended():
    moments = {column.name for column in MANGA.definitions[f"{MAIN}_moments"].columns}
    assert "emline_sflux_oiid_3728" in moments
    assert "emline_sflux_oii_3727" not in moments


def test_an_inverse_variance_is_in_its_measurements_unit_to_the_minus_two():
    of = {column.name: units.Unit(column.unit) for each in plane_columns().values() for column in each}
    pairs = 0
    for hdu in hdus("DR17"):
        if hdu.role == "ERROR":
            partner = next(each for each in hdus("DR17") if each.name == hdu.science)
            for name, measured in zip(hdu.columns, partner.columns, strict=True):
                assert (of[name] * of[measured] ** 2).is_equivalent(units.dimensionless_unscaled)
                assert (of[name] * of[measured] ** 2).decompose().scale == pytest.approx(1)
                pairs += 1
    assert pairs == 35 * 6 + 46 * 3 + 4


def test_every_unit_of_the_headers_is_known():
    spelled = {unit for release in RELEASES for hdu in hdus(release) for unit in (hdu.unit, *hdu.channel_units)}
    assert spelled <= set(UNITS)


def test_masks_belong_to_measurements_and_their_inverse_variances():
    partners = mask_partners()
    assert partners["emline_gflux_ivar_ha_6564"] == "emline_gflux_mask_ha_6564"
    assert partners["stellar_sigma"] == "stellar_sigma_mask"
    assert "spx_mflux" not in partners
    assert not set(partners) & set(partners.values())


def test_lines_are_labelled_as_astronomers_write_them():
    assert line_label("Ha-6564") == "H-alpha 6564"
    assert line_label("OIId-3728") == "the blended [O II] doublet 3728"
