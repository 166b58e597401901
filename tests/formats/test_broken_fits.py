"""Every way a FITS file is known to break: one error each, which names the file, the HDU and the mend."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import FormatError, SkyhouseError
from skyhouse.formats.fits import hdulist, open_fits, read_table, verify_checksums

HTML = b"""<!DOCTYPE html>\n<html><head><title>404
  Not Found</title></head><body>The file is gone.</body></html>"""


def sound_file():
    """Return the bytes of a small file: PRIMARY, an image FLUX, a table CAT with a heap; all with checksums."""
    rows = np.empty(3, object)
    rows[:] = [np.arange(n + 1, dtype="i4") for n in range(3)]
    image = fits.ImageHDU(np.arange(2000, dtype="f4").reshape(40, 50), name="FLUX")
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("id", "J", array=[1, 2, 3]),
            fits.Column("name", "5A", array=["a", "b", "c"]),
            fits.Column("list", "PJ(3)", array=rows),
        ],
        name="CAT",
    )
    hdus = fits.HDUList([fits.PrimaryHDU(), image, table])
    with io.BytesIO() as file:
        hdus.writeto(file, checksum=True)
        return file.getvalue()


SOUND = sound_file()
PACKED = gzip.compress(SOUND, mtime=0)
FLUX = SOUND.index(b"XTENSION= 'IMAGE")
CAT = SOUND.index(b"XTENSION= 'BINTABLE")
HEAP = SOUND.rindex(b"END" + b" " * 77) // 2880 * 2880 + 2880


def swap(old, new, start=0, content=SOUND):
    """Return the content with the first `old` behind `start` replaced."""
    place = content.index(old, start)
    new = new.ljust(len(old))
    return content[:place] + new + content[place + len(new) :]


def card(key, value, start):
    """Return the sound file with the card of a key replaced."""
    place = SOUND.index(key.ljust(8).encode() + b"=", start)
    text = f"{key:8}= {value:>20}".encode().ljust(80)
    return SOUND[:place] + text + SOUND[place + 80 :]


def descriptor(count, place):
    """Return the sound file with the first row's descriptor of column `list` replaced."""
    return SOUND[: HEAP + 9] + np.array([count, place], ">i4").tobytes() + SOUND[HEAP + 17 :]


# name: (content, HDU, what the message must say, the mend)
BROKEN = {
    "empty": (b"", None, "is empty", "fetch it again"),
    "html": (HTML, 0, "HTML page titled '404 Not Found'", "fetch the file again"),
    "html, gzip": (gzip.compress(HTML), 0, "HTML page titled '404 Not Found'", "fetch the file again"),
    "html without a title": (b"\n <html><body>busy</body></html>", 0, "HTML page, not FITS", "fetch the file again"),
    "votable": (b"<?xml version='1.0'?><VOTABLE/>", 0, "XML", "VOTable"),
    "text": (b"plate,ifu\n7815,3702\n", 0, "SIMPLE", "fetch the file again"),
    "bzip2": (b"BZh91AY&SY", None, "bzip2", "unpack it"),
    "gzip truncated in the image": (PACKED[:1200], "1 FLUX", "truncated", "fetch it again"),
    "gzip truncated in the first header": (PACKED[:60], 0, "truncated", "fetch it again"),
    "gzip with garbage behind": (PACKED + b"garbage", None, "7 bytes that are not gzip", "fetch it again"),
    "gzip with a wrong checksum": (PACKED[:-8] + b"1234" + PACKED[-4:], None, "CRC", "fetch it again"),
    "gzip of a damaged table": (
        gzip.compress(swap(b"a\0\0\0\0", b"z\0\0\0\0", HEAP))[:-8] + PACKED[-8:], "2 CAT", "CRC", "fetch it again",
    ),
    "truncated in the image": (SOUND[: FLUX + 5000], "1 FLUX", "truncated", "fetch the file again"),
    "truncated in a header": (SOUND[: CAT + 500], 2, "END", "fetch the file again"),
    "no END card": (swap(b"END" + b" " * 77, b"FIN", FLUX), 1, "END", "fetch the file again"),
    "garbage behind": (SOUND + b"garbage" * 9, 2, "63 bytes", "fetch the file again"),
    "no SIMPLE card": (b"COMPLEX " + SOUND[8:], 0, "SIMPLE", "fetch the file again"),
    "byte that is not ASCII": (swap(b"FLUX", b"FL\xfcX", FLUX), 1, "0xfc", "correct the card"),
    "NUL in a header": (swap(b"FLUX", b"FL\0X", FLUX), 1, "0x00", "correct the card"),
    "BITPIX of 12": (card("BITPIX", 12, FLUX), "1 FLUX", "BITPIX is 12", "fetch the file again"),
    "BITPIX of text": (card("BITPIX", "'x'", FLUX), "1 FLUX", "BITPIX", "correct it"),
    "BITPIX that is no value": (card("BITPIX", "eval(1)", FLUX), "1 FLUX", "BITPIX", "correct the card"),
    "NAXIS of -1": (card("NAXIS", -1, FLUX), "1 FLUX", "NAXIS is -1", "fetch the file again"),
    "NAXIS of 5000": (card("NAXIS", 5000, FLUX), "1 FLUX", "NAXIS is 5000", "fetch the file again"),
    "NAXIS1 of -50": (card("NAXIS1", -50, FLUX), "1 FLUX", "negative", "fetch the file again"),
    "NAXIS1 of 10^18": (card("NAXIS1", 10**18, FLUX), "1 FLUX", "promises", "fetch the file again"),
    "NAXIS2 missing": (swap(b"NAXIS2  ", b"NAXISX  ", FLUX), "1 FLUX", "NAXIS2 is missing", "correct it"),
    "PCOUNT of -1": (card("PCOUNT", -1, CAT), "2 CAT", "PCOUNT", "fetch the file again"),
    "wrong DATASUM": (card("DATASUM", "'123'", FLUX), "1 FLUX", "DATASUM", "fetch the file again"),
    "changed data": (swap(b"a\0\0\0\0", b"z\0\0\0\0", HEAP), "2 CAT", "DATASUM", "fetch the file again"),
    "changed header": (swap(b"Image extension", b"Imago extension", FLUX), "1 FLUX", "CHECKSUM",
        "fetch the file again"),
    "TFORM of nonsense": (card("TFORM1", "'7Z'", CAT), "2 CAT", "TFORM1 = '7Z' of column 'id'", "correct the card"),
    "TFORM missing": (swap(b"TFORM1  ", b"TFORMX  ", CAT), "2 CAT", "TFORM1 = ''", "correct the card"),
    "TFORM too wide": (card("TFORM2", "'50A'", CAT), "2 CAT", "NAXIS1 says 17", "correct the header"),
    "TFIELDS too few": (card("TFIELDS", 2, CAT), "2 CAT", "NAXIS1 says 17", "correct the header"),
    "TFIELDS of 2000": (card("TFIELDS", 2000, CAT), "2 CAT", "TFIELDS is 2000", "correct the card"),
    "heap pointer outside": (descriptor(3, 10**6), "2 CAT", "'list', row 0", "fetch the file again"),
    "heap pointer negative": (descriptor(3, -4), "2 CAT", "'list', row 0", "fetch the file again"),
    "heap count absurd": (descriptor(2**31 - 1, 0), "2 CAT", "'list', row 0", "fetch the file again"),
    "heap count negative": (descriptor(-1, 0), "2 CAT", "'list', row 0", "fetch the file again"),
    "THEAP outside": (swap(b"GCOUNT  =                    1", b"THEAP   =               999999", CAT), "2 CAT",
        "THEAP", "correct the card"),
}  # fmt: skip
OF_CHECKSUMS = {"wrong DATASUM", "changed data", "changed header"}


def read_all(path):
    for hdu in open_fits(path):
        dict(hdu.header)
        if hdu.kind in ("table", "ascii table"):
            hdu.table().validate(full=True)
        elif hdu.shape and hdu.kind in ("image", "compressed image"):
            assert hdu.data.shape == hdu.shape


def test_the_sound_file_is_sound(tmp_path):
    for name, content in (("a.fits", SOUND), ("a.fits.gz", PACKED)):
        (tmp_path / name).write_bytes(content)
        read_all(tmp_path / name)
        assert verify_checksums(tmp_path / name) == 3
        assert read_table(tmp_path / name)["list"].to_pylist() == [[0], [0, 1], [0, 1, 2]]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_say_what_where_and_the_mend(tmp_path, name):
    content, hdu, what, mend = BROKEN[name]
    path = tmp_path / "manga-1-2.fits.gz"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        verify_checksums(path) if name in OF_CHECKSUMS else read_all(path)
    text = str(caught.value)
    assert text.startswith(str(path) if hdu is None else f"{path}, HDU {hdu}: ")
    assert caught.value.hdu == hdu
    assert what in text
    assert mend in text


def test_hdulist_gives_the_same_errors(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(HTML)
    with pytest.raises(FormatError, match="HTML page"):
        hdulist(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        open_fits(tmp_path / "none.fits")
    with pytest.raises(FormatError, match="is a directory"):
        open_fits(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_forbidden_file(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(SOUND)
    path.chmod(0)
    with pytest.raises(FormatError, match="permissions"):
        open_fits(path)


@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(1, 255)), min_size=1, max_size=12))
def test_flipped_bytes_are_read_or_refused(tmp_path_factory, flips):
    content = bytearray(SOUND)
    for place, byte in flips:
        content[place] ^= byte
    path = tmp_path_factory.mktemp("fits") / "a.fits"
    path.write_bytes(content)
    with contextlib.suppress(FormatError):
        read_all(path)
    with contextlib.suppress(FormatError):
        verify_checksums(path)


CARDS = [place for start, stop in ((0, FLUX), (FLUX, CAT), (CAT, HEAP)) for place in range(start, stop, 80)
         if SOUND[place + 8 : place + 10] == b"= "]  # fmt: skip
VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-3, 1000).map(str),
    st.text("0123456789()'LXBIJKAEDCMPQ,. -+TF", max_size=20),
    st.text("0123456789LXBIJKAEDCMPQ()", max_size=6).map(lambda form: f"'{form}'"),
)


@given(st.lists(st.tuples(st.sampled_from(CARDS), VALUES), min_size=1, max_size=3))
def test_header_values_of_any_kind_are_read_or_refused(tmp_path_factory, changes):
    content = bytearray(SOUND)
    for place, value in changes:
        content[place + 10 : place + 80] = value.encode()[:70].ljust(70)
    path = tmp_path_factory.mktemp("fits") / "a.fits"
    path.write_bytes(SOUND)
    read_all(path)  # What is imported by the first read is not counted.
    path.write_bytes(content)
    tracemalloc.start()
    with contextlib.suppress(FormatError), warnings.catch_warnings(action="ignore"):
        read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_errors_are_skyhouses_and_value_errors():
    assert issubclass(FormatError, SkyhouseError)
    assert issubclass(FormatError, ValueError)
