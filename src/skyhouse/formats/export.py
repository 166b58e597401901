"""A query's rows into a file whose name says the format."""

from __future__ import annotations

import contextlib
import gzip
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from skyhouse.errors import InputError, SkyhouseError
from skyhouse.formats.csv import write_csv
from skyhouse.formats.fits_writer import write_fits
from skyhouse.formats.parquet import write_parquet
from skyhouse.formats.votable import write_votable

__all__ = ["ENDINGS", "write"]

_KINDS = {
    ".parquet": "parquet",
    ".fits": "fits",
    ".csv": "csv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
}
ENDINGS = (*_KINDS, *(f"{ending}.gz" for ending in _KINDS if ending != ".parquet"))
_GZIP_LEVEL = 4  # near the size of 9 at a third of its time


def write(reader: pa.RecordBatchReader, path: str | Path) -> int:
    """Write all rows of the stream to a file; return their number.

    The ending picks the format: .parquet, .fits, .csv, .vot, .votable or .xml; all but Parquet also with .gz behind.
    Units, UCDs and descriptions of the columns go with them (but into CSV). What is written appears under its name
    only when it is whole, and replaces what was there; memory holds a few batches at most.

    Raises InputError for another ending, a folder that is not there or cannot be written, two columns of one name, and
    a type of column that the format cannot hold.
    """
    target = Path(path)
    kind, zipped = _kind_of(target)
    if not target.parent.is_dir():
        raise InputError(f"no folder {str(target.parent)!r} to write {target.name} into; make it first")
    twice = [name for name, count in Counter(reader.schema.names).items() if count > 1]
    if twice:
        raise InputError(f"two columns are named {twice[0]!r}; give one another name with AS")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    spool = part.with_suffix(".spool")
    try:
        if kind == "parquet":
            rows = write_parquet(reader, part)
        else:
            with part.open("wb") as file, _zipped(file, zipped) as sink:
                if kind == "csv":
                    rows = write_csv(reader, sink)
                elif kind == "fits":
                    rows = write_fits(reader, sink, spool)
                else:
                    rows = write_votable(reader, sink, spool)
        part.replace(target)
    except OSError as error:
        if isinstance(error, SkyhouseError):
            raise
        raise InputError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        for draft in (part, spool):
            with contextlib.suppress(OSError):
                draft.unlink()
    return rows


def _kind_of(target: Path) -> tuple[str, bool]:
    name = target.name.lower()
    for ending in ENDINGS:
        if name.endswith(ending):
            return _KINDS[ending.removesuffix(".gz")], ending.endswith(".gz")
    raise InputError(f"no format for {target.name!r}: the file's name must end in one of {', '.join(ENDINGS)}")


@contextlib.contextmanager
def _zipped(file: IO[bytes], zipped: bool) -> Iterator[IO[bytes]]:
    if not zipped:
        yield file
        return
    # No name and no time inside, so that the same rows make the same bytes.
    with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as inner:
        yield inner  # type: ignore[misc]
