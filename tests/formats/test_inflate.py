from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import FormatError
from skyhouse.formats.inflate import inflate, read_bytes

CONTENT = bytes(range(256)) * 1000


def members(*contents: bytes) -> bytes:
    return b"".join(gzip.compress(content) for content in contents)


def test_plain_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(CONTENT)
    assert read_bytes(path) == CONTENT


def test_gzip_is_told_by_its_content_not_its_name(tmp_path):
    served_inflated, packed = tmp_path / "a.fits.gz", tmp_path / "a.fits"
    served_inflated.write_bytes(CONTENT)
    packed.write_bytes(members(CONTENT))
    assert read_bytes(served_inflated) == read_bytes(packed) == CONTENT


def test_bytes_are_read_only(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(members(CONTENT))
    assert read_bytes(path).readonly


@given(contents=st.lists(st.binary(max_size=300), min_size=1, max_size=4), zeros=st.integers(0, 600))
def test_members_are_joined_and_zero_padding_is_ignored(tmp_path_factory, contents, zeros):
    path = tmp_path_factory.mktemp("gz") / "a.gz"
    path.write_bytes(members(*contents) + b"\0" * zeros)
    assert read_bytes(path) == b"".join(contents)


def test_equal_members_are_not_taken_for_one(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(members(CONTENT, CONTENT))
    assert len(read_bytes(path)) == 2 * len(CONTENT)


def test_a_length_that_lies_is_not_believed(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(members(CONTENT)[:-4] + b"\xff\xff\xff\xff")
    whole = inflate(path)
    assert "checksum" in whole.problem
    assert whole.data == CONTENT


DAMAGES = {
    "short by 20": (lambda packed: packed[:-20], "truncated"),
    "15 bytes": (lambda packed: packed[:15], "truncated"),
    "magic only": (lambda packed: packed[:2], "truncated"),
    "html behind": (lambda packed: packed + b"<html>", "6 bytes that are not gzip"),
    "half a member behind": (lambda packed: packed + packed[:40], "truncated"),
    "wrong crc": (lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:], "checksum"),
    "overwritten": (lambda packed: packed[:200] + b"\xff" * 50 + packed[250:], "damaged"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_gzip_says_what_is_wrong_and_how_to_mend_it(tmp_path, name):
    damage, word = DAMAGES[name]
    path = tmp_path / "a.fits.gz"
    path.write_bytes(damage(members(CONTENT)))
    with pytest.raises(FormatError, match=word) as caught:
        read_bytes(path)
    assert str(path) in str(caught.value)
    assert "fetch it again" in str(caught.value)


@given(place=st.integers(0), byte=st.integers(1, 255))
def test_any_changed_byte_is_noticed_or_harmless(tmp_path_factory, place, byte):
    packed = bytearray(members(CONTENT[:5000]))
    packed[place % len(packed)] ^= byte
    path = tmp_path_factory.mktemp("gz") / "a.gz"
    path.write_bytes(packed)
    try:
        found = read_bytes(path)
    except FormatError:
        return
    # Where the header's flags, time or magic changed, the content is still whole, or the file is not gzip.
    assert found in (CONTENT[:5000], bytes(packed))


@pytest.mark.parametrize("magic", [b"BZh91AY", b"PK\x03\x04abc", b"\xfd7zXZ\0\0"])
def test_other_packers_are_named(tmp_path, magic):
    path = tmp_path / "a.fits"
    path.write_bytes(magic * 10)
    with pytest.raises(FormatError, match="unpack it"):
        read_bytes(path)


def test_missing_empty_and_folder(tmp_path):
    (tmp_path / "empty").touch()
    for name, word in (("none", "no such file"), ("", "directory"), ("empty", "is empty")):
        with pytest.raises(FormatError, match=word):
            read_bytes(tmp_path / name)
