from __future__ import annotations

import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skyhouse.errors import FormatError, UnknownName
from skyhouse.formats.fits import hdulist, open_fits, verify_checksums

TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def write(path, *hdus, **options):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, **options)
    return path


def stored(path, integers, **cards):
    """Write integers as they are, beside scaling cards that astropy would otherwise apply."""
    write(path, fits.ImageHDU(integers, name="MAP"))
    for key, value in cards.items():
        fits.setval(path, key, value=value, ext=1)
    return path


@given(
    st.sampled_from(TYPES).flatmap(lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(max_dims=4, max_side=5))),
    st.booleans(),
)
def test_images_equal_what_astropy_reads(tmp_path_factory, image, packed):
    path = tmp_path_factory.mktemp("fits") / ("a.fits.gz" if packed else "a.fits")
    write(path, fits.ImageHDU(image, name="MAP"), checksum=True)
    file = open_fits(path)
    found = file["MAP"].data
    assert found.dtype == image.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, image)
    assert file.verify_checksums() == 2


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8"])
@pytest.mark.parametrize(
    "cards",
    [{"BSCALE": 0.5}, {"BZERO": 10.0}, {"BSCALE": 2.0, "BZERO": -1.5}, {"BLANK": 7}, {"BLANK": 7, "BSCALE": 3.0}],
    ids=str,
)
def test_scaled_images_equal_what_astropy_reads(tmp_path, kind, cards):
    path = stored(tmp_path / "a.fits", np.arange(20, dtype=kind).reshape(4, 5), **cards)
    expected = fits.getdata(path)
    found = open_fits(path)["MAP"].data
    assert found.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).sum() == ("BLANK" in cards)


def test_scaled_floats_keep_their_width(tmp_path):
    path = stored(tmp_path / "a.fits", np.arange(6, dtype="f4"), BSCALE=0.5, BZERO=1.0)
    found = open_fits(path)["MAP"].data
    assert found.dtype == "f4"
    np.testing.assert_array_equal(found, np.arange(6) / 2 + 1)


def test_bytes_are_not_copied(tmp_path):
    hdu = open_fits(write(tmp_path / "a.fits", fits.ImageHDU(np.arange(9, dtype="u1"))))[1]
    assert np.shares_memory(hdu.data, np.frombuffer(hdu.file, "u1"))
    assert not hdu.data.flags.writeable


def test_hdus_are_found_by_number_name_and_version(tmp_path):
    twice = [fits.ImageHDU(np.full(3, n, "i2"), name="Flux", ver=n) for n in (1, 2)]
    file = open_fits(write(tmp_path / "a.fits", *twice))
    assert [hdu.name for hdu in file] == ["PRIMARY", "FLUX", "FLUX"]
    assert file["flux"] is file[1] is file[-2] is file["FLUX", 1]
    assert file["FLUX", 2].data[0] == 2
    assert "Flux" in file
    assert ("FLUX", 3) not in file
    assert 3 not in file
    assert len(file) == 3
    with pytest.raises(UnknownName, match="did you mean 'FLUX'"):
        file["FLUXX"]


def test_units_names_and_text_of_an_hdu(tmp_path):
    image = fits.ImageHDU(np.zeros((2, 3), "f4"), name="VEL")
    image.header["BUNIT"] = "km/s"
    hdu = open_fits(write(tmp_path / "a.fits", image))["VEL"]
    assert (hdu.unit, hdu.kind, hdu.shape, hdu.version, hdu.index) == ("km/s", "image", (2, 3), 1, 1)
    assert repr(hdu) == "<Hdu 1 VEL: image, shape (2, 3)>"


def test_an_hdu_without_an_image_says_so(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1])], name="CAT")
    file = open_fits(write(tmp_path / "a.fits", table))
    with pytest.raises(FormatError, match=r"HDU 0 PRIMARY: has no data"):
        file[0].data.sum()
    with pytest.raises(FormatError, match=r"HDU 1 CAT: is of the kind 'table', not an image"):
        file[1].data.sum()
    with pytest.raises(FormatError, match=r"HDU 0 PRIMARY: is of the kind 'image', not a table"):
        file[0].table()


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_2", "HCOMPRESS_1"])
def test_tile_compressed_images_are_left_to_astropy(tmp_path, method):
    image = np.arange(6400, dtype="i4").reshape(80, 80)
    path = write(tmp_path / "a.fits.fz", fits.CompImageHDU(image, name="SCI", compression_type=method))
    hdu = open_fits(path)["SCI"]
    assert (hdu.kind, hdu.shape) == ("compressed image", (80, 80))
    np.testing.assert_array_equal(hdu.data, image)
    assert hdu.data.dtype.isnative


def test_random_groups_are_refused(tmp_path):
    path = tmp_path / "a.fits"
    groups = fits.GroupData(np.zeros((5, 2, 2), "f4"), bitpix=-32, parnames=["u"], pardata=[np.arange(5.0)])
    fits.GroupsHDU(groups).writeto(path)
    hdu = open_fits(path)[0]
    assert hdu.kind == "random groups"
    with pytest.raises(FormatError, match="random groups"):
        hdu.data.sum()


def test_padding_behind_the_last_hdu_and_a_missing_end_of_it_are_harmless(tmp_path):
    path = write(tmp_path / "a.fits", fits.ImageHDU(np.arange(5), name="MAP"))
    whole = path.read_bytes()
    for content in (whole + b"\0" * 5000, whole[: -2880 + 40]):
        path.write_bytes(content)
        assert open_fits(path)["MAP"].data.sum() == 10


def test_hdulist_is_astropys(tmp_path):
    path = write(tmp_path / "a.fits.gz", fits.ImageHDU(np.arange(5), name="MAP"))
    with hdulist(path) as hdus:
        assert isinstance(hdus, fits.HDUList)
        assert hdus["MAP"].data.tolist() == [0, 1, 2, 3, 4]


def test_checksums_of_a_file_without_any(tmp_path):
    assert verify_checksums(write(tmp_path / "a.fits", fits.ImageHDU(np.arange(5)))) == 0


@given(st.binary(max_size=200).map(lambda tail: np.frombuffer(b"\xff" * (len(tail) % 40) + tail, "u1")))
def test_checksums_agree_with_astropys(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fits") / "a.fits"
    hdus = [fits.ImageHDU(content)] if content.size else []
    write(path, *hdus, checksum=True)
    assert verify_checksums(path) == 1 + len(hdus)


def real_files(folder):
    return sorted([*folder.glob("manga/*/*.fits*"), *folder.glob("catalogs/real/*.fits")])


def test_real_files_equal_what_astropy_reads(real_data):
    files = real_files(real_data)
    assert files
    for path in files:
        with warnings.catch_warnings(action="ignore"), fits.open(path) as oracle:
            for expected, hdu in zip(oracle, open_fits(path), strict=True):
                expected.verify("silentfix")
                keys = [key for key in dict.fromkeys(expected.header) if key not in ("COMMENT", "HISTORY", "")]
                assert list(hdu.header) == keys
                for key in keys:
                    value = expected.header[key]
                    assert hdu.header[key] == (None if isinstance(value, fits.card.Undefined) else value)
                if hdu.kind == "image" and hdu.shape:
                    np.testing.assert_array_equal(hdu.data, expected.data)


def test_checksums_of_real_files(real_data):
    carry = {path.name: verify_checksums(path) for path in real_files(real_data) if "10rows" not in path.name}
    assert carry["manga-7815-3702-MAPS-HYB10-GAU-MILESHC.fits.gz"] == 48
    # The ten-row excerpts kept the cards of the whole files.
    for path in real_files(real_data):
        if "10rows" in path.name:
            with pytest.raises(FormatError, match=r"HDU 1 .*DATASUM"):
                verify_checksums(path)


def test_a_gzip_file_of_two_members_is_one_fits_file(tmp_path):
    path = write(tmp_path / "a.fits", fits.ImageHDU(np.arange(2000), name="MAP"))
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]))
    assert open_fits(path)["MAP"].data.sum() == 1999000
