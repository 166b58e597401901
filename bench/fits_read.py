"""What it costs to read a FITS file: Skyhouse's reader beside astropy, fitsio and the floor.

    python bench/fits_read.py [FILE ...]

The floor is what no reader can do without: inflate the file (libdeflate) and turn the bytes of its images round.
Without a file, the real MAPS file is taken (where it is there) and a simulated one.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import deflate
import numpy as np
from astropy.io import fits
from report import ROOT, record
from sas import large_galaxies, simulated

from skyhouse.formats.fits import hdulist, open_fits
from skyhouse.formats.inflate import read_bytes

REPEATS = 15


def main(arguments: list[str]) -> None:
    """Record one table, file by file."""
    real = Path(os.environ.get("SKYHOUSE_REAL_DATA", ROOT.parent / "shared" / "data"))
    files = [Path(name) for name in arguments] or sorted(real.glob("manga/maps/*-MAPS-*.fits.gz"))
    if not arguments:
        files.append(simulated(large_galaxies(1)[0]))
    rows: list[tuple[object, ...]] = []
    for path in files:
        size = f"{path.stat().st_size / 1e6:.1f} MB, {len(read_bytes(path)) / 1e6:.1f} MB inflated"
        floor = cpu_ms(lambda path=path: the_floor(path))
        for name, milliseconds in [("the floor: inflate and byte-swap", floor), *measured(path)]:
            rows.append((f"{path.name.partition('-MAPS')[0]}: {size}", name, milliseconds, milliseconds / floor))
    record(
        "fits_read.py",
        "Reading a FITS file",
        ("file", "reader", "CPU ms", "times the floor"),
        rows,
        f"The least of {REPEATS} runs (astropy on the .gz: one). All but `open` decode every HDU.",
    )


def measured(path: Path) -> list[tuple[str, float]]:
    """Return the CPU milliseconds of each reader."""
    readers: dict[str, Callable[[], object]] = {
        "Skyhouse: open": lambda: open_fits(path),
        "Skyhouse: all data": lambda: read(path),
        "Skyhouse: all data, checksums": lambda: read(path, checksums=True),
        "Skyhouse: all data, all header values": lambda: read(path, headers=True),
        "astropy on the inflated bytes": lambda: with_astropy(io.BytesIO(read_bytes(path))),
        "astropy by Skyhouse's hdulist": lambda: [hdu.data for hdu in hdulist(path)],
    }
    found = [(name, cpu_ms(reader)) for name, reader in readers.items()]
    if path.suffix == ".gz":
        found.append(("astropy on the .gz", cpu_ms(lambda: with_astropy(path), repeats=1)))
    try:
        import fitsio
    except ImportError:
        return found
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "inflated.fits"

        def with_fitsio() -> None:
            plain.write_bytes(read_bytes(path))
            with fitsio.FITS(str(plain)) as file:
                for hdu in file:
                    if hdu.has_data():
                        hdu.read()

        found.append(("fitsio, by an inflated copy on disk", cpu_ms(with_fitsio)))
    return found


def the_floor(path: Path) -> None:
    """Inflate the file, and turn round four bytes at a time."""
    raw = path.read_bytes()
    data = deflate.gzip_decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    np.frombuffer(data, ">u4", len(data) // 4).astype("u4")


def read(path: Path, checksums: bool = False, headers: bool = False) -> None:
    """Decode every HDU that holds data; on demand check their checksums, parse every card."""
    file = open_fits(path)
    if checksums:
        file.verify_checksums()
    for hdu in file:
        if headers:
            dict(hdu.header)
        if hdu.shape:
            hdu.table() if "table" in hdu.kind else hdu.data


def with_astropy(source: Path | io.BytesIO) -> None:
    """Decode every HDU, tables column by column."""
    with fits.open(source) as hdus:
        for hdu in hdus:
            if isinstance(hdu, fits.BinTableHDU) and hdu.data is not None:
                for name in hdu.columns.names:
                    np.asarray(hdu.data[name])
            elif hdu.data is not None:
                hdu.data.astype(hdu.data.dtype.newbyteorder("="))


def cpu_ms(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least CPU milliseconds of a few runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best * 1e3


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
