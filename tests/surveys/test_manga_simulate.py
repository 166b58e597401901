"""Simulated MAPS files: right as FITS, true to the data model and like a real file."""

from __future__ import annotations

import gzip
import hashlib
import re

import numpy as np
import pytest
from astropy.io import fits

from skyhouse.errors import InputError
from skyhouse.surveys.manga import datamodel
from skyhouse.surveys.manga.paths import drpall_path, maps_path
from skyhouse.surveys.manga.simulate import (
    model,
    nature,
    simulate,
    simulate_galaxy_file,
    simulated_plateifus,
)
from skyhouse.surveys.manga.simulate_galaxy import GRIDS, KINDS

REAL = "manga/maps/manga-7815-3702-MAPS-HYB10-GAU-MILESHC.fits.gz"


@pytest.fixture(scope="module")
def twenty():
    """Return twenty galaxies, of which no large one is needed."""
    return [model(1, f"{plate}-{design}") for plate in range(8000, 8010) for design in (1901, 3701)]


@pytest.mark.parametrize(("release", "count"), [("DR17", 64), ("DR15", 48)])
def test_astropy_reads_the_file_whole_and_finds_what_was_modelled(tmp_path, release, count):
    path = simulate_galaxy_file(tmp_path, "8485-1901", seed=3, release=release)
    truth = model(3, "8485-1901", release)
    with fits.open(path, checksum=True) as opened:  # a wrong checksum is a warning, and here an error
        opened.verify("exception")
        assert len(opened) == count
        listing = datamodel.hdus(release)
        assert [hdu.name for hdu in opened[1:]] == [hdu.name for hdu in listing]
        for hdu, meant in zip(opened[1:], listing, strict=True):
            assert hdu.data.shape == meant.shape(34, 34)
            assert np.array_equal(hdu.data, truth.arrays[meant.name])
            assert hdu.data.dtype.newbyteorder("=") == np.dtype(meant.dtype) == truth.arrays[meant.name].dtype
            assert hdu.header.get("BUNIT", "") == meant.unit
            digits = len(str(len(meant.channels)))
            assert tuple(hdu.header[f"C{k:0{digits}}"] for k in range(1, len(meant.channels) + 1)) == meant.channels
        assert opened[0].header["SIMULATD"] is True
        assert opened[0].header["PLATEIFU"] == "8485-1901"
        assert opened[0].header["NBINS"] == np.unique(truth.arrays["BINID"][0]).size - 1


def test_cards_are_those_of_a_published_header(real_data, tmp_path):
    with (
        fits.open(simulate_galaxy_file(tmp_path, "7815-3702", release="DR15")) as made,
        fits.open(real_data / REAL) as real,
    ):
        for name in ("SPX_SNR", "BINID", "EMLINE_GFLUX_IVAR", "SPECINDEX_MASK"):
            assert set(real[name].header) - set(made[name].header) <= {"HDUCLASS"}
            channels = {key: value for key, value in real[name].header.items() if re.fullmatch(r"[CU]\d+", key)}
            assert {key: made[name].header[key] for key in channels} == channels
            assert made[name].header.get("BUNIT") == real[name].header.get("BUNIT")


def test_the_same_seed_gives_the_same_file_whatever_else_is_made(tmp_path):
    alone = simulate(tmp_path / "a", plateifus=["9000-1902"], seed=5)[0].read_bytes()
    after = simulate(tmp_path / "b", plateifus=["9000-1901", "9000-1902"], seed=5)[1].read_bytes()
    assert hashlib.sha256(alone).digest() == hashlib.sha256(after).digest()
    assert simulate(tmp_path / "c", plateifus=["9000-1902"], seed=6)[0].read_bytes() != alone
    assert alone[4:8] == bytes(4)  # no time of writing in the gzip header


def test_files_lie_where_the_archive_has_them(tmp_path):
    seen = []
    paths = simulate(tmp_path, galaxies=2, progress=lambda done, total: seen.append((done, total)))
    names = simulated_plateifus(2)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [maps_path(name) for name in names]
    assert seen == [(1, 2), (2, 2)]
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {*map(maps_path, names), drpall_path()}


def test_names_are_distinct_and_bundles_in_the_surveys_mix():
    names = simulated_plateifus(170)
    assert len(set(names)) == 170
    fibres = [int(name.partition("-")[2]) // 100 for name in names]
    assert {size: fibres.count(size) for size in GRIDS} == {19: 20, 37: 40, 61: 40, 91: 20, 127: 50}
    assert simulated_plateifus(60) == names[:60]
    assert len({nature(1, name).mangaid for name in names}) == 170


@pytest.mark.parametrize(("fibres", "side"), [(19, 34), (37, 44), (61, 54), (91, 64), (127, 74)])
def test_the_grid_has_the_bundles_size(fibres, side):
    galaxy = model(2, f"8600-{fibres}02")
    assert galaxy.shape == (side, side)
    corner = GRIDS[fibres][1]
    covered = np.count_nonzero(galaxy.arrays["SPX_MFLUX"]) * 0.25
    assert covered == pytest.approx(3 * np.sqrt(3) / 2 * corner**2, rel=0.25)  # arcsec^2 of the hexagon


def test_unknown_bundle_and_release_are_refused():
    with pytest.raises(InputError, match="no bundle of 40 fibres in '8485-4001'"):
        model(1, "8485-4001")
    with pytest.raises(InputError, match="DR99"):
        model(1, "8485-1901", "DR99")
    with pytest.raises(InputError, match="cannot simulate 0 galaxies"):
        simulated_plateifus(0)


def test_every_class_of_the_bpt_plane_is_populated(twenty):
    found = dict.fromkeys(("star-forming", "composite", "Seyfert", "LINER"), 0)
    for galaxy in twenty:
        for name, count in bpt_classes(galaxy).items():
            found[name] += count
    assert all(count > 100 for count in found.values()), found


def test_kinds_show_in_their_spaxels():
    names = simulated_plateifus(600)
    of_kind = {kind: next(name for name in names if nature(1, name).kind == kind and name[-4] != "1") for kind in KINDS}
    classes = {kind: bpt_classes(model(1, name)) for kind, name in of_kind.items()}
    width = {kind: median(model(1, name), "EMLINE_GEW", "Ha-6564") for kind, name in of_kind.items()}
    assert max(classes["star-forming"], key=classes["star-forming"].get) == "star-forming"
    assert max(classes["LINER"], key=classes["LINER"].get) == "LINER"
    assert classes["Seyfert"]["Seyfert"] > 50
    assert classes["composite"]["composite"] > 50
    assert width["quiescent"] < 2 < width["star-forming"]
    assert median(model(1, of_kind["quiescent"]), "SPECINDEX", "D4000") > 1.55
    assert median(model(1, of_kind["star-forming"]), "SPECINDEX", "D4000") < 1.5


def test_fixed_ratios_and_the_balmer_decrement(twenty):
    for galaxy in twenty[:6]:
        flux, mask = galaxy.arrays["EMLINE_GFLUX"], galaxy.arrays["EMLINE_GFLUX_MASK"]
        line = datamodel.lines("DR17").index
        for weak, strong, ratio in (("OIII-4960", "OIII-5008", 0.34), ("NII-6549", "NII-6585", 0.327)):
            both = (mask[line(weak)] == 0) & (mask[line(strong)] == 0)
            assert flux[line(weak)][both] == pytest.approx(ratio * flux[line(strong)][both], rel=1e-5)
        bright = (significance(galaxy, "Hb-4862") > 20) & (significance(galaxy, "Ha-6564") > 0)
        decrement = flux[line("Ha-6564")][bright] / flux[line("Hb-4862")][bright]
        assert (decrement > 2.5).all()


def test_the_disc_rotates():
    name = next(n for n in simulated_plateifus(60) if 0.3 < nature(1, n).axis_ratio < 0.7 and nature(1, n).fibres > 60)
    galaxy = model(1, name)
    x, y = galaxy.arrays["SPX_SKYCOO"]
    angle = np.radians(nature(1, name).position_angle_deg)
    along = x * np.sin(angle) + y * np.cos(angle)
    speed = galaxy.arrays["STELLAR_VEL"]
    assert speed[galaxy.good & (along > 4)].mean() > 20
    assert speed[galaxy.good & (along < -4)].mean() < -20


def test_stars_are_binned_and_lines_are_not(twenty):
    for galaxy in twenty:
        binid = galaxy.arrays["BINID"]
        of_bin = binid[0][galaxy.good]
        assert np.unique(binid[3][galaxy.good]).size == galaxy.good.sum()
        assert np.unique(of_bin).size <= galaxy.good.sum()
        values = galaxy.arrays["STELLAR_VEL"][galaxy.good]
        first = {key: values[place] for place, key in reversed(list(enumerate(of_bin)))}
        assert all(values[place] == first[key] for place, key in enumerate(of_bin))
        assert (galaxy.arrays["SPX_SNR"][galaxy.good] >= 1).all()
    assert any(np.unique(g.arrays["BINID"][0]).size < 0.7 * g.good.sum() for g in twenty)
    assert any((g.arrays["BINID"][1] != -1).sum() != (g.arrays["BINID"][3] != -1).sum() for g in twenty)
    assert any((g.arrays["BINID"][1] != -1).sum() == (g.arrays["BINID"][3] != -1).sum() for g in twenty)


def test_every_mask_bit_of_real_files_occurs(twenty):
    bits = 0
    for galaxy in twenty:
        for name, values in galaxy.arrays.items():
            if name.endswith("_MASK"):
                bits |= int(np.bitwise_or.reduce(values, axis=None))
    assert [bit for bit in range(32) if bits >> bit & 1] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30]


def test_nothing_is_measured_outside(twenty):
    for galaxy in twenty:
        outside = galaxy.arrays["BINID"][3] == -1
        for name, values in galaxy.arrays.items():
            assert np.isfinite(values).all()
            if name.startswith("EMLINE_G") and name.endswith("_MASK"):
                assert (values[:, outside] >> 30 == 1).all()
            elif name.startswith("EMLINE_G"):
                assert not values[:, outside].any()


def test_like_a_real_file(real_data):
    """The simulator is held against the one real file at hand, in galaxies of its bundle and release."""
    made = [model(1, f"{plate}-3702", "DR15") for plate in range(8200, 8216)]
    with fits.open(real_data / REAL) as real:
        good = (real["BINID"].data != -1).all(axis=0)
        share = sorted(galaxy.good.mean() for galaxy in made)
        assert share[0] < good.mean() < 1.2 * share[-1]
        snr = real["SPX_SNR"].data[good]
        of_made = [np.percentile(galaxy.arrays["SPX_SNR"][galaxy.good], 90) for galaxy in made]
        assert min(of_made) < np.percentile(snr, 90) < 1.5 * max(of_made)
        for name in datamodel.hdus("DR15"):
            if name.name.endswith("_MASK"):
                seen = set(np.unique(real[name.name].data))
                assert seen <= {int(v) for galaxy in made for v in np.unique(galaxy.arrays[name.name])}, name.name
        # The real flux errors at a S/N, and how the noise in the low bits resists compression.
        line = 18
        ivar = np.median(real["EMLINE_GFLUX_IVAR"].data[line][good])
        of_made = [np.median(galaxy.arrays["EMLINE_GFLUX_IVAR"][line][galaxy.good]) for galaxy in made]
        assert np.median(of_made) == pytest.approx(ivar, rel=1.0)


def test_compresses_like_a_real_file(real_data, tmp_path):
    size = (real_data / REAL).stat().st_size / 773
    for plate in (8200, 8201, 8202):
        path = simulate_galaxy_file(tmp_path, f"{plate}-3702", release="DR15")
        assert path.stat().st_size / model(1, f"{plate}-3702", "DR15").good.sum() == pytest.approx(size, rel=0.2)


def test_drpall_says_what_the_maps_say(tmp_path):
    names = ["8485-1901", "8485-1902", "9001-3701"]
    simulate(tmp_path, plateifus=names, seed=4)
    with fits.open(tmp_path / drpall_path(), checksum=True) as opened:
        opened.verify("exception")
        table = opened["MANGA"].data
        assert opened["MANGA"].header["SIMULATD"] is True
        assert list(table["plateifu"]) == names
        assert table["nsa_elpetro_absmag"].shape == (3, 7)
        assert opened["MANGA"].columns["objra"].unit == "deg"
        assert np.array_equal(table["nsa_elpetro_mass"], [10 ** nature(4, name).log_mass for name in names])
        for row, name in zip(table, names, strict=True):
            header = fits.getheader(tmp_path / maps_path(name))
            pairs = {
                "mangaid": "MANGAID",
                "objra": "OBJRA",
                "ebvgal": "EBVGAL",
                "drp3qual": "DRP3QUAL",
                "plate": "PLATEID",
            }
            assert {key: row[key] for key in pairs} == {key: header[card] for key, card in pairs.items()}
            assert row["nsa_z"] * 299_792.458 == pytest.approx(header["SCINPVEL"], abs=1e-5)
            assert row["ifudsgn"] == header["IFUDSGN"]


def test_the_file_is_gzip_of_whole_fits_blocks(tmp_path):
    path = simulate_galaxy_file(tmp_path, "8485-1901")
    assert len(gzip.decompress(path.read_bytes())) % 2880 == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def significance(galaxy, line):
    """Return flux over error of a line, 0 where it is masked."""
    row = datamodel.lines("DR17").index(line)
    flux, ivar, mask = (galaxy.arrays[f"EMLINE_GFLUX{end}"][row] for end in ("", "_IVAR", "_MASK"))
    return np.where(mask == 0, flux * np.sqrt(ivar), 0)


def median(galaxy, hdu, channel):
    names = {each.name: each.channels for each in datamodel.hdus("DR17")}[hdu]
    return np.median(galaxy.arrays[hdu][names.index(channel)][galaxy.good])


def bpt_classes(galaxy):
    """Count the good spaxels of each class, by the lines of Kewley 2001, Kauffmann 2003 and Schawinski 2007."""
    lines = ("Ha-6564", "Hb-4862", "OIII-5008", "NII-6585")
    use = galaxy.good & (np.min([significance(galaxy, line) for line in lines], axis=0) > 3)
    alpha, beta, oiii, nii = (galaxy.arrays["EMLINE_GFLUX"][datamodel.lines("DR17").index(line)][use] for line in lines)
    x, y = np.log10(nii / alpha), np.log10(oiii / beta)
    young = (x < 0.05) & (y < 0.61 / (x - 0.05) + 1.3)
    mixed = ~young & (x < 0.47) & (y < 0.61 / (x - 0.47) + 1.19)
    rest = ~young & ~mixed
    seyfert = rest & (y > 1.05 * x + 0.45)
    counts = {"star-forming": young, "composite": mixed, "Seyfert": seyfert, "LINER": rest & ~seyfert}
    return {name: int(members.sum()) for name, members in counts.items()}
