"""Whole files in memory, inflated once.

A gzip file is told by its first two bytes, never by its name: archives serve ``.gz`` files inflated and the other way
round. libdeflate inflates a single-member stream; zlib takes over for the rest (several members, more than 4 GiB) and
for finding out what is wrong with a damaged one.
"""

from __future__ import annotations

import mmap
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import deflate

from skyhouse.errors import FormatError

__all__ = ["Inflated", "inflate", "read_bytes"]

GZIP = b"\x1f\x8b"
OTHER_PACKERS = {
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x1f\x9d": "compress",
}
# DEFLATE cannot do better than 1032 to 1, so a trailer that promises more is not to be believed (nor allocated for).
HIGHEST_RATIO = 1032
STEP = 4096


@dataclass(frozen=True, slots=True)
class Inflated:
    """A file's bytes, read-only. `problem` says why they are not all of it, and is empty for a whole file."""

    data: memoryview
    problem: str = ""


def read_bytes(path: str | os.PathLike[str]) -> memoryview:
    """Return the bytes of a file, inflated if they are gzip: read-only, held in memory once.

    A plain file is mapped, not copied. Zero bytes after a gzip stream (tape padding) are ignored.

    Raises FormatError for a file that is missing, empty, truncated, damaged, or followed by other bytes.
    """
    whole = inflate(path)
    if whole.problem:
        raise FormatError(os.fspath(path), whole.problem)
    return whole.data


def inflate(path: str | os.PathLike[str]) -> Inflated:
    """Return the bytes of a file as `read_bytes` does, and of a damaged gzip stream those before the damage.

    Raises FormatError for a file that cannot be read, is empty, or is packed by something other than gzip.
    """
    name = os.fspath(path)
    raw = _mapped(name)
    head = raw[:6]
    if head.startswith(GZIP):
        return _gunzip(raw)
    for magic, packer in OTHER_PACKERS.items():
        if head.startswith(magic):
            raise FormatError(name, f"is packed by {packer}, which is not read here; unpack it or pack it by gzip")
    return Inflated(memoryview(raw))


def _mapped(name: str) -> mmap.mmap:
    try:
        with Path(name).open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise FormatError(name, "is empty (0 bytes); fetch it again")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise FormatError(name, "no such file; check the path") from error
    except IsADirectoryError as error:
        raise FormatError(name, "is a directory; name the files in it, for example by a pattern '*.fits.gz'") from error
    except PermissionError as error:
        raise FormatError(name, "may not be read by this user; change its permissions") from error
    except OSError as error:
        raise FormatError(name, f"cannot be read ({error.strerror}); check the disk or the mount") from error


def _gunzip(raw: mmap.mmap) -> Inflated:
    size = int.from_bytes(raw[-4:], "little")
    if size <= HIGHEST_RATIO * len(raw):
        try:
            data = deflate.gzip_decompress(raw)
        except (deflate.DeflateError, ValueError):
            return _gunzip_by_steps(raw)
        # libdeflate stops in silence after the first member. It checked that member's own checksum and length, so the
        # stream is one member and nothing else exactly if these eight bytes first occur at the very end.
        trailer = deflate.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
        if raw.find(trailer) == len(raw) - 8:
            return Inflated(memoryview(data).toreadonly())
    return _gunzip_by_steps(raw)


def _gunzip_by_steps(raw: mmap.mmap) -> Inflated:
    found = bytearray()
    problem = ""
    position, end = 0, len(raw)
    while not problem and position < end:
        member = zlib.decompressobj(wbits=31)
        try:
            while not member.eof and position < end:
                # The trailer goes in apart, so that a wrong checksum does not cost the bytes before it.
                step = STEP if position + STEP <= end - 8 else max(end - 8 - position, 8)
                found += member.decompress(raw[position : position + step])
                position = min(position + step, end) - len(member.unused_data)
        except zlib.error as error:
            problem = _damage(error, position)
            break
        if not member.eof:
            problem = f"its gzip stream is truncated: it stops after {end} bytes; fetch it again"
        elif raw[position : position + 2] != GZIP:
            # Zero padding is harmless, as gzip itself holds.
            if raw[position:].strip(b"\0"):
                problem = (
                    f"{end - position} bytes that are not gzip trail its gzip stream; the download or copy went wrong: "
                    "fetch it again"
                )
            break
    return Inflated(memoryview(found).toreadonly(), problem)


def _damage(error: zlib.error, position: int) -> str:
    if "data check" in str(error) or "length check" in str(error):
        return "its gzip checksum (CRC) does not match: the content was damaged on the way; fetch it again"
    return f"its gzip stream is damaged near byte {position} ({error}); fetch it again"
