"""Text files in blocks of whole records, so that memory holds one block whatever the file's size."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from skyhouse.errors import FormatError

__all__ = ["Block", "blocks"]

_SIZE = 8 << 20
_LONGEST = 256 << 20
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file; `line` is the number of the first, from 1."""

    line: int
    data: bytes


def blocks(path: str | os.PathLike[str], quote: bytes = b"", size: int = _SIZE) -> Iterator[Block]:
    """Yield a text file, plain or gzip, in blocks that end where a line does.

    A line's end between two `quote` signs ends no block. Raises FormatError for a file that cannot be read, is damaged
    or has a line of more than 256 MB.
    """
    name = os.fspath(path)
    try:
        with _opened(Path(path)) as file:
            line, left = 1, b""
            while chunk := file.read(size):
                data = left + chunk
                if line == 1 and not left:
                    data = data.removeprefix(_MARK)
                end = _end(data, quote)
                if not end and len(data) > _LONGEST:
                    raise FormatError(name, f"line {line} is longer than {_LONGEST:,} bytes, or a quote never closes")
                if end:
                    yield Block(line, data[:end])
                    line += data.count(b"\n", 0, end)
                left = data[end:]
            if left:
                yield Block(line, left)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FormatError(name, f"cannot be read: {reason}") from error


def _opened(path: Path) -> IO[bytes]:
    file = path.open("rb")
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not packed:
        return file
    file.close()
    return cast("IO[bytes]", gzip.open(path))


def _end(data: bytes, quote: bytes) -> int:
    """Return the place behind the last line's end that stands outside of quotes; 0 where there is none."""
    end = data.rfind(b"\n") + 1
    if not quote:
        return end
    while end and data.count(quote, 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end
