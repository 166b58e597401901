"""What it costs to bring MAPS files into a lake: CPU seconds a file, and memory by the number of files.

    python bench/ingest.py

The files are simulated ones of DR17 with the survey's largest grid, 74 x 74 spaxels: 1,617 planes in 64 HDUs. The bare
work is inflate (libdeflate), find the HDUs, turn the bytes of each plane round, encode all planes as Parquet (zstd 3,
dictionaries for integers, the same column families and row groups), and nothing else: no names checked, no key
columns, no order checked, no commit.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import deflate
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from processes import PeakMemory, cpu_of_tree
from report import SCRATCH, record
from sas import large_galaxies, simulated

import skyhouse
from skyhouse.formats.fits import open_fits
from skyhouse.ingest import _convert, _Task
from skyhouse.lake.lineage import Source
from skyhouse.surveys.manga import MANGA, spaxels
from skyhouse.surveys.manga.datamodel import hdus

FILES = 22  # two row groups of the main table
ASTROPY_FILES = 2  # the slow one
RUNS = 5
COUNTS = (16, 64, 128, 192)
OUT = SCRATCH / "ingested"


def main() -> None:
    """Measure cost, then memory."""
    with ProcessPoolExecutor(2) as pool:
        files = list(pool.map(simulated, large_galaxies(max(COUNTS))))
    cost(files[:FILES])
    memory(files)


def cost(files: Sequence[Path]) -> None:
    """Compare reading and ingesting with astropy and with the bare work."""
    first, few = files[:1], files[:ASTROPY_FILES]
    works: dict[str, tuple[Callable[[Sequence[Path]], object], Sequence[Path], int]] = {
        "read: astropy, `hdul[i].data` in a loop over the .gz": (_astropy, few, 1),
        "read: astropy, forward only, `for hdu in hdul`": (_astropy_forward, few, 1),
        "read: Skyhouse, data of all HDUs": (_read, files, RUNS),
        "read: Skyhouse, rows of all tables": (lambda paths: [MANGA.convert(str(p)) for p in paths], files, RUNS),
        "ingest: bare numpy and pyarrow": (_bare, files, RUNS),
        "ingest: Skyhouse, an ingest's task in one process": (_task, files, RUNS),
    }
    found = {}
    for work, _, _ in works.values():
        work(first)  # imports, caches
    for _ in range(RUNS):  # in turns: what disturbs one disturbs all
        for name, (work, paths, runs) in works.items():
            if len(found.setdefault(name, [])) < runs:
                found[name].append(_cpu(work, paths))
    figures = {name: statistics.median(values) for name, values in found.items()}
    astropy, *_, bare, _ = figures.values()
    rows = [(name, seconds, astropy / seconds, seconds / bare) for name, seconds in figures.items()]
    size = statistics.mean(path.stat().st_size for path in files) / 1e6
    record(
        "ingest.py",
        "Ingest of MAPS files",
        ("work", "CPU s a file", "times less than astropy", "times the bare ingest"),
        rows,
        f"{len(files)} simulated DR17 files of 74 x 74 spaxels, {size:.1f} MB each; medians of {RUNS} runs (astropy: "
        f"{ASTROPY_FILES} files, once). What reads only decodes; what ingests has written Parquet files too, Skyhouse "
        "with fsync. By number, astropy reads all headers first and then goes back to the start of the stream "
        "for each HDU. The imports of a process are not counted here, but in the next table.",
    )


def _cpu(work: Callable[[Sequence[Path]], object], paths: Sequence[Path]) -> float:
    start = time.process_time()
    work(paths)
    return (time.process_time() - start) / len(paths)


def _astropy(paths: Sequence[Path]) -> None:
    for path in paths:
        with fits.open(path) as hdul:
            for number in range(len(hdul)):
                _ = hdul[number].data


def _astropy_forward(paths: Sequence[Path]) -> None:
    for path in paths:
        with fits.open(path) as hdul:
            for hdu in hdul:
                _ = hdu.data


def _read(paths: Sequence[Path]) -> None:
    for path in paths:
        for hdu in open_fits(path):
            if hdu.shape:
                _ = hdu.data


def _task(paths: Sequence[Path]) -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    names = MANGA.tables_of(str(paths[0]))
    for name in names:
        (OUT / name).mkdir(parents=True)
    ordered = sorted(paths, key=lambda path: MANGA.identify(str(path)))
    made = [Source(MANGA.identify(str(p)), str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in ordered]
    done = _convert(_Task(MANGA, {name: str(OUT / name) for name in names}, tuple(made)))
    assert not done.failures


def _bare(paths: Sequence[Path]) -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    channels = [(hdu.name, column) for hdu in hdus("DR17") for column in hdu.columns]
    family = {c.name: n for n, d in spaxels.definitions().items() for c in d.columns if c.name not in ("x", "y")}
    writers: dict[str, pq.ParquetWriter] = {}
    held: dict[str, list[pa.Table]] = {name: [] for name in spaxels.definitions()}

    def flush(name: str) -> None:
        rows = pa.concat_tables(held[name])
        held[name].clear()
        if name not in writers:
            numbers = [field.name for field in rows.schema if pa.types.is_integer(field.type)]
            writers[name] = pq.ParquetWriter(
                OUT / f"{name}.parquet",
                rows.schema,
                compression="zstd",
                compression_level=3,
                use_dictionary=numbers,
                write_page_index=True,
            )
        writers[name].write_table(rows, row_group_size=rows.num_rows)

    for path in paths:
        planes = _planes(deflate.gzip_decompress(path.read_bytes()))
        groups: dict[str, dict[str, np.ndarray]] = {name: {} for name in held}
        for (_, column), plane in zip(channels, planes, strict=True):
            groups[family[column]][column] = plane
        for name, columns in groups.items():
            rows = pa.table(columns)
            limit = spaxels.definitions()[name].row_group_rows
            if sum(part.num_rows for part in held[name]) + rows.num_rows > limit:
                flush(name)
            held[name].append(rows)
    for name, writer_rows in held.items():
        if writer_rows:
            flush(name)
    for writer in writers.values():
        writer.close()


def _planes(data: bytes | bytearray) -> Iterator[np.ndarray]:
    """Yield the planes of all images of a FITS file, in the machine's byte order."""
    at = 0
    while at < len(data):
        cards: dict[bytes, bytes] = {}
        while b"END" not in cards:
            block = bytes(data[at : at + 2880])
            cards |= {block[k : k + 8].strip(): block[k + 10 : k + 80] for k in range(0, 2880, 80)}
            at += 2880
        axes = [int(cards[b"NAXIS%d" % k].partition(b"/")[0]) for k in range(int(cards[b"NAXIS"].split()[0]), 0, -1)]
        if not axes:
            continue
        kind = {b"-32": ">f4", b"32": ">i4"}[cards[b"BITPIX"].split()[0]]
        count = math.prod(axes)
        image = np.frombuffer(data, kind, count, at).astype(kind[1:])
        yield from image.reshape(-1, axes[-1] * axes[-2])
        at += -(-4 * count // 2880) * 2880


def memory(files: Sequence[Path]) -> None:
    """Show cost and peak memory of an ingest by the number of its files, each in a process of its own."""
    rows = []
    for count in COUNTS:
        arguments = [sys.executable, __file__, "whole", *map(str, files[:count])]
        ended = subprocess.run(arguments, check=True, capture_output=True, text=True)
        rows.append(json.loads(ended.stdout))
    record(
        "ingest.py",
        "Ingest by number of files",
        ("files", "CPU s a file", "wall s a file", "largest worker, MB", "driver, MB", "all processes, MB"),
        rows,
        "`lake.ingest` with 2 workers, from the start of the process to its end; CPU of all processes, peak resident "
        "memory (the sum is of each process's own peak). Each process spends a second or two on imports. Tasks grow "
        "with the number of files up to 160 MB of raw files, about 14 of these; from 8 such tasks on memory stays.",
    )


def _whole(paths: Sequence[str]) -> None:
    lake = SCRATCH / "ingested-lake"
    shutil.rmtree(lake, ignore_errors=True)
    start = time.perf_counter()
    with PeakMemory() as peak, skyhouse.open(lake, workers=2) as opened:
        report = opened.ingest(paths, survey="manga")
        assert report.ok, report
        spent = cpu_of_tree(), time.perf_counter() - start
    driver, *workers = (round(peak) for peak in peak.megabytes.values())
    print(json.dumps([len(paths), *(s / len(paths) for s in spent), max(workers), driver, driver + sum(workers)]))
    shutil.rmtree(lake)


if __name__ == "__main__":
    if sys.argv[1:2] == ["whole"]:
        _whole(sys.argv[2:])
    else:
        main()
