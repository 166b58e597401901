"""FITS files: headers and images by a reader of our own, tables to Arrow.

Why not a library: on a MaNGA MAPS file (48 HDUs) astropy spends twelve times what it takes to inflate and byte-swap
the file, fitsio needs an inflated copy on disk. See bench/fits_read.py for the figures.

The rules are those of the FITS standard 4.0. What is read: images of every BITPIX with BSCALE, BZERO and BLANK, binary
and ASCII tables (`skyhouse.formats.fits_table`), tile-compressed images (by astropy). Not read: random groups.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skyhouse.errors import FormatError, UnknownName, did_you_mean
from skyhouse.formats.fits_numbers import ONES, Array, ones_sum, scaled, scaled_type
from skyhouse.formats.header import CARD, Header
from skyhouse.formats.inflate import inflate

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

    from skyhouse.formats.fits_table import Layout

__all__ = ["FitsFile", "Hdu", "batches", "hdulist", "open_fits", "read_table", "schema", "verify_checksums"]

BLOCK = 2880
END = b"END" + b" " * (CARD - 3)
BITPIX = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
AGAIN = "fetch the file again"
FilePath = str | os.PathLike[str]


class Hdu:
    """One part of a FITS file: a header, and maybe an image or a table.

    `name` is the EXTNAME ("PRIMARY" for a first HDU without one), `index` counts from 0, `kind` is "image", "table",
    "ascii table", "compressed image", "random groups" or "other". `file` are the file's bytes, of which the header
    begins at `head`, the data at `start`, the next HDU at `stop`.
    """

    def __init__(self, path: str, index: int, header: Header, file: memoryview, head: int, start: int) -> None:
        self.path = path
        self.index = index
        self.header = header
        self.name = header.text("EXTNAME") or ("PRIMARY" if index == 0 else "")
        self.label = header.hdu = f"{index} {self.name}".rstrip()
        self.kind = _kind(header)
        self.shape = _shape(header)
        self.file = file
        self.head, self.start = head, start
        size = _data_size(header, self.kind, self.shape)
        if size > len(file) - start:
            raise FormatError(
                path,
                f"its header promises {size} bytes of data, but the file ends after {len(file) - start}: it is "
                f"truncated, or its NAXIS cards are wrong; {AGAIN}",
                self.label,
            )
        self.stop = min(start + -(-size // BLOCK) * BLOCK, len(file))
        if self.kind == "compressed image":
            self.shape = _shape(header, "ZNAXIS")

    def __repr__(self) -> str:
        return f"<Hdu {self.label}: {self.kind}, shape {self.shape}>"

    @property
    def version(self) -> int:
        """The EXTVER, 1 where none is given."""
        return self.header.whole("EXTVER", 1)

    @property
    def unit(self) -> str:
        """The unit of an image's values (BUNIT), empty where none is given."""
        return self.header.text("BUNIT")

    @property
    def raw(self) -> memoryview:
        """The data as they are in the file, padding included."""
        return self.file[self.start : self.stop]

    @cached_property
    def data(self) -> Array:
        """The image: in the machine's byte order, scaled by BSCALE and BZERO, axes as in numpy (NAXIS1 last).

        Stored integers with the BZERO of the unsigned convention become unsigned integers; other scaled integers, and
        those with a BLANK, become float32 (up to 16 bits) or float64, NaN where blank. 8-bit images are views of the
        file's bytes.

        Raises FormatError where this HDU has no image.
        """
        if self.kind == "compressed image":
            return self._decompressed()
        if self.kind != "image" or not self.shape:
            what = "has no data" if self.kind == "image" else f"is of the kind {self.kind!r}"
            raise FormatError(self.path, f"{what}, not an image; name an image HDU", self.label)
        kind = np.dtype(BITPIX[self.header.whole("BITPIX")])
        stored = np.frombuffer(self.file, kind, math.prod(self.shape), self.start).reshape(self.shape)
        return _scaled(stored, self.header)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a binary or ASCII table, all columns or those named.

        How FITS types become Arrow types: see `skyhouse.formats.fits_table`.

        Raises FormatError where this HDU is no table or the table is damaged, UnknownColumn for a name not in it.
        """
        return self.layout.table(columns)

    @cached_property
    def layout(self) -> Layout:
        """The table's columns and where its rows lie."""
        from skyhouse.formats.fits_table import Layout

        if self.kind not in ("table", "ascii table"):
            raise FormatError(self.path, f"is of the kind {self.kind!r}, not a table; name a table HDU", self.label)
        return Layout(self.header, self.raw, self.path, self.label, ascii_table=self.kind == "ascii table")

    def _decompressed(self) -> Array:
        hdus = _astropy(self.path, self.file)
        try:
            data = hdus[self.index].data
        except Exception as error:
            raise FormatError(self.path, f"its compressed image is damaged ({error}); {AGAIN}", self.label) from error
        return np.ascontiguousarray(data, data.dtype.newbyteorder("="))

    def verify_checksums(self) -> bool:
        """Hold the HDU against its CHECKSUM and DATASUM cards; return False where it has neither.

        Raises FormatError where one does not match.
        """
        declared = str(self.header.get("DATASUM", "") or "").strip()
        whole = self.header.text("CHECKSUM")
        if not declared and not whole:
            return False
        data = ones_sum(self.file[self.start : self.stop])
        if declared and (not declared.isdecimal() or int(declared) % ONES != data):
            problem = f"its data do not match the DATASUM card ({data}, not {declared}): damaged or changed; {AGAIN}"
            raise FormatError(self.path, problem, self.label)
        if whole and (data + ones_sum(self.file[self.head : self.start])) % ONES:
            problem = f"its bytes do not match the CHECKSUM card: the header was damaged or changed; {AGAIN}"
            raise FormatError(self.path, problem, self.label)
        return True


class FitsFile:
    """A FITS file in memory, its HDUs by number, by name or by (name, version).

    Names count in any case; of equal names the first is found, the others by their version (EXTVER).
    """

    def __init__(self, path: str, hdus: tuple[Hdu, ...]) -> None:
        self.path = path
        self.hdus = hdus

    def __getitem__(self, key: int | str | tuple[str, int]) -> Hdu:
        found = self._find(key)
        if found is None:
            near = did_you_mean(key, (h.name for h in self.hdus)) if isinstance(key, str) else ""
            raise UnknownName(f"{self.path}: no HDU {key!r}; it has {len(self.hdus)}{near}")
        return found

    def __contains__(self, key: object) -> bool:
        return self._find(key) is not None

    def __iter__(self) -> Iterator[Hdu]:
        return iter(self.hdus)

    def __len__(self) -> int:
        return len(self.hdus)

    def __repr__(self) -> str:
        return f"<FitsFile {self.path}: {', '.join(h.label for h in self.hdus)}>"

    def _find(self, key: object) -> Hdu | None:
        if isinstance(key, int):
            return self.hdus[key] if -len(self.hdus) <= key < len(self.hdus) else None
        name, version = key if isinstance(key, tuple) else (key, None)
        for hdu in self.hdus:
            if hdu.name.upper() == str(name).upper() and version in (None, hdu.version):
                return hdu
        return None

    def table_hdu(self, hdu: int | str | tuple[str, int] | None = None) -> Hdu:
        """Return the HDU of that name or number, or the first table where none is named.

        Raises FormatError where there is no table, UnknownName for an HDU that is not there.
        """
        if hdu is not None:
            return self[hdu]
        for found in self.hdus:
            if found.kind in ("table", "ascii table"):
                return found
        raise FormatError(self.path, "holds no table, only images; name an image HDU and read its data")

    def verify_checksums(self) -> int:
        """Hold every HDU against its CHECKSUM and DATASUM; return how many carry one.

        Raises FormatError for the first that does not match.
        """
        return sum(hdu.verify_checksums() for hdu in self.hdus)


def open_fits(path: FilePath) -> FitsFile:
    """Read a FITS file, plain or gzip, and find its HDUs; values, images and tables are decoded when asked for.

    Raises FormatError, naming the HDU, for a file that is missing, truncated, damaged, or not FITS.
    """
    name = os.fspath(path)
    whole = inflate(path)
    if not whole.problem:
        return FitsFile(name, tuple(_scan(name, whole.data)))
    try:
        FitsFile(name, tuple(_scan(name, whole.data))).verify_checksums()
    except FormatError as error:
        raise FormatError(name, whole.problem, error.hdu) from error
    raise FormatError(name, whole.problem)


def verify_checksums(path: FilePath) -> int:
    """Hold every HDU of a file against its CHECKSUM and DATASUM; return how many carry one.

    The cards are those of the FITS standard 4.0, section 4.4.2.7 and appendix J: 32-bit ones' complement sums.

    Raises FormatError for the first HDU that does not match, or as `open_fits` does.
    """
    return open_fits(path).verify_checksums()


def read_table(
    path: FilePath, hdu: int | str | tuple[str, int] | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return a table of a FITS file: the HDU named, or the first that is one; all columns, or those named.

    Raises FormatError, UnknownName for an HDU and UnknownColumn for a column that is not there.
    """
    return open_fits(path).table_hdu(hdu).table(columns)


def schema(path: FilePath, hdu: int | str | tuple[str, int] | None = None) -> pa.Schema:
    """Return the Arrow schema of a table of a FITS file, units in the field metadata. Raises as `read_table`."""
    return open_fits(path).table_hdu(hdu).layout.schema


def batches(
    path: FilePath,
    hdu: int | str | tuple[str, int] | None = None,
    batch_rows: int = 65_536,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Return the rows of a table of a FITS file in batches of at most `batch_rows`. Raises as `read_table`."""
    return open_fits(path).table_hdu(hdu).layout.batches(batch_rows, columns)


def hdulist(path: FilePath) -> HDUList:
    """Return the file as an astropy HDUList over the bytes that were read and inflated once (read-only).

    Raises FormatError as `open_fits` does.
    """
    hdus = open_fits(path).hdus
    return _astropy(os.fspath(path), hdus[0].file)


def _astropy(path: str, data: memoryview) -> HDUList:
    from astropy.io import fits

    try:
        hdus = fits.open(io.BytesIO(data))
        len(hdus)
    except Exception as error:  # Of a damaged file astropy raises whatever its code ran into.
        raise FormatError(path, f"astropy cannot read it ({error}); {AGAIN}") from error
    return hdus


def _scan(path: str, data: memoryview) -> Iterator[Hdu]:
    if bytes(data[:6]) != b"SIMPLE":
        raise FormatError(path, _no_fits(bytes(data[:4096])), 0)
    position, index = 0, 0
    while position < len(data):
        if index and bytes(data[position : position + 8]) != b"XTENSION":
            # Padding to a tape record is harmless; astropy, too, reads on past it.
            if bytes(data[position:]).strip(b"\0 "):
                extra = len(data) - position
                problem = f"is followed by {extra} bytes that are no HDU; the file was cut or mixed up: {AGAIN}"
                raise FormatError(path, problem, index - 1)
            return
        raw, start = _header_bytes(path, data, position, index)
        hdu = Hdu(path, index, Header(raw, path, index), data, position, start)
        yield hdu
        position, index = hdu.stop, index + 1


def _header_bytes(path: str, data: memoryview, position: int, index: int) -> tuple[bytes, int]:
    """Return the cards before END and the place where the data start."""
    stop = position
    while stop < len(data):
        block = bytes(data[stop : stop + BLOCK])
        end = block.find(END)
        while end % CARD and end >= 0:
            end = block.find(END, end + 1)
        text = block if end < 0 else block[:end]
        if not text.isascii() or b"\0" in text:
            raise FormatError(path, _no_text(data, position, stop, text), index)
        if end >= 0:
            return bytes(data[position : stop + end]), stop + BLOCK
        stop += BLOCK
    raise FormatError(path, f"its header has no END card before the file ends: it is truncated; {AGAIN}", index)


def _no_text(data: memoryview, position: int, stop: int, text: bytes) -> str:
    place = next(i for i, byte in enumerate(text) if not 0 < byte < 128)
    card = bytes(data[stop + place - place % CARD : stop + place]).decode("ascii", "replace")[:8].strip()
    return (
        f"header card {(stop - position + place) // CARD + 1} ({card or 'without a keyword'}) holds a byte that is not "
        f"ASCII (0x{text[place]:02x}), and no END card came before it; {AGAIN}, or correct the card"
    )


def _no_fits(head: bytes) -> str:
    """Say what a file that is not FITS seems to be, from its first bytes."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    start = text[:200].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<!--")) or "<html" in start:
        title = re.search(r"<title[^>]*>(.*?)</title", text, re.DOTALL | re.IGNORECASE)
        quoted = f" titled {' '.join(title[1].split())[:120]!r}" if title else ""
        return f"is an HTML page{quoted}, not FITS: the server answered with a message; {AGAIN} from the right address"
    if text.startswith("<"):
        return "is XML, not FITS; read it as a VOTable, or fetch the FITS file"
    return f"does not begin with a SIMPLE card, so it is not FITS (its first bytes: {head[:16]!r}); {AGAIN}"


def _kind(header: Header) -> str:
    match header.text("XTENSION", "IMAGE"):
        case "IMAGE" | "IUEIMAGE":
            groups = header.get("NAXIS1") == 0 and header.get("GROUPS") is True
            return "random groups" if groups else "image"
        case "BINTABLE" | "A3DTABLE":
            return "compressed image" if header.get("ZIMAGE") is True else "table"
        case "TABLE":
            return "ascii table"
        case _:
            return "other"


def _shape(header: Header, key: str = "NAXIS") -> tuple[int, ...]:
    """Return the sizes of the axes, NAXIS1 last. Raises FormatError where they cannot be."""
    count = header.whole(key)
    if not 0 <= count <= 999:
        raise FormatError(header.path, f"{key} is {count}, but must lie in 0..999; {AGAIN}", header.hdu)
    shape = tuple(header.whole(f"{key}{n}") for n in range(count, 0, -1))
    if any(size < 0 for size in shape):
        raise FormatError(header.path, f"an axis has a negative length ({key}n = {shape[::-1]}); {AGAIN}", header.hdu)
    return shape


def _data_size(header: Header, kind: str, shape: tuple[int, ...]) -> int:
    """Return the bytes of an HDU's data without padding (FITS standard 4.0, equations 1, 2 and 4)."""
    bitpix = header.whole("BITPIX")
    if bitpix not in BITPIX:
        known = ", ".join(map(str, BITPIX))
        raise FormatError(header.path, f"BITPIX is {bitpix}, but must be one of {known}; {AGAIN}", header.hdu)
    if not shape:
        return 0
    parameters, groups = header.whole("PCOUNT", 0), header.whole("GCOUNT", 1)
    if parameters < 0 or groups < 0:
        raise FormatError(header.path, f"PCOUNT or GCOUNT is negative; {AGAIN}", header.hdu)
    if kind == "random groups":
        shape = shape[:-1]
    return abs(bitpix) // 8 * groups * (parameters + math.prod(shape))


def _scaled(stored: Array, header: Header) -> Array:
    scale, zero = header.number("BSCALE", 1), header.number("BZERO", 0)
    whole = stored.dtype.kind in "iu"
    narrow = np.dtype("f4" if stored.itemsize <= 2 or stored.dtype == ">f4" else "f8")
    blank = header.get("BLANK") if whole else None
    if blank is None or ((scale, zero) != (1, 0) and scaled_type(stored.dtype, scale, zero).kind in "iu"):
        return scaled(stored, scale, zero, narrow)
    values = scaled(stored, scale, zero, narrow).astype(narrow, copy=False)
    values[stored == header.whole("BLANK")] = np.nan
    return values
