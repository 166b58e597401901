"""A private PostgreSQL server with spaxels in Marvin's schema, the survey's own way to ask them.

Tables as Marvin has them: mangadatadb.cube, ifudesign, pipeline_info, mangadapdb.file, cleanspaxelprop (the good
spaxels only, fewer than half of those that the others read). Loaded once by binary COPY; the cluster stays in .bench.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import psycopg
import pyarrow as pa

LINES = ("ha_6564", "hb_4862", "oiii_5008", "nii_6585", "sii_6718", "sii_6732", "oii_3727", "oi_6302")
_PLANES = [
    *("spx_skycoo_on_sky_x", "spx_skycoo_on_sky_y", "spx_ellcoo_elliptical_radius", "spx_ellcoo_r_re"),
    *("spx_ellcoo_elliptical_azimuth", "spx_mflux", "spx_mflux_ivar", "spx_snr", "binid_binned_spectra"),
    *("bin_area", "bin_mflux", "bin_mflux_ivar", "bin_snr", "stellar_vel", "stellar_vel_ivar", "stellar_vel_mask"),
    *("stellar_sigma", "stellar_sigma_ivar", "stellar_sigma_mask"),
    *(f"emline_gflux{part}_{line}" for line in LINES for part in ("", "_ivar", "_mask")),
    *(f"emline_gew{part}_{line}" for line in LINES for part in ("", "_ivar", "_mask")),
    *(f"specindex{part}_{name}" for name in ("d4000", "dn4000", "hdeltaa") for part in ("", "_ivar", "_mask")),
]
_COLUMNS = {"pk": "integer", "file_pk": "integer", "x": "smallint", "y": "smallint"} | {
    name: "integer" if "_mask" in name or name.startswith("binid") else "real" for name in _PLANES
}
_WIDE = {"integer": 4, "smallint": 2, "real": 4}
_NUMPY = {"integer": ">i4", "smallint": ">i2", "real": ">f4"}

_SCHEMA = """
CREATE SCHEMA mangadatadb;
CREATE SCHEMA mangadapdb;
CREATE TABLE mangadatadb.pipeline_info (pk integer PRIMARY KEY, label text);
CREATE TABLE mangadatadb.ifudesign (pk integer PRIMARY KEY, name text, nfiber integer);
CREATE TABLE mangadatadb.cube (
    pk integer PRIMARY KEY, plate integer, plateifu text, mangaid text, redshift double precision,
    ifudesign_pk integer REFERENCES mangadatadb.ifudesign, pipeline_info_pk integer REFERENCES mangadatadb.pipeline_info
);
CREATE TABLE mangadapdb.file (
    pk integer PRIMARY KEY, filename text,
    cube_pk integer REFERENCES mangadatadb.cube, pipeline_info_pk integer REFERENCES mangadatadb.pipeline_info
);
INSERT INTO mangadatadb.pipeline_info VALUES (25, 'DRP v3_1_1'), (26, 'DAP 3.1.0');
"""

_CUBES = """
    mangadatadb.cube AS cube
    JOIN mangadatadb.ifudesign AS ifu ON ifu.pk = cube.ifudesign_pk
    JOIN mangadapdb.file AS file ON file.cube_pk = cube.pk
    JOIN mangadatadb.pipeline_info AS drp ON drp.pk = cube.pipeline_info_pk
    JOIN mangadatadb.pipeline_info AS dap ON dap.pk = file.pipeline_info_pk"""
_RELEASE = "drp.pk = 25 AND dap.pk = 26"
_STRONG = " AND ".join(
    f"emline_gflux_{line} > 0 AND emline_gflux_{line} * sqrt(emline_gflux_ivar_{line}::float8) > 3"
    for line in LINES[:4]
)

QUESTIONS = {
    "Q1": f"""
        SELECT cube.plateifu, count(*) AS good_spaxels
        FROM {_CUBES} JOIN mangadapdb.cleanspaxelprop AS spaxel ON spaxel.file_pk = file.pk
        WHERE cube.redshift < 0.05 AND ifu.nfiber = 127 AND {_RELEASE}
        GROUP BY cube.plateifu, cube.mangaid, cube.redshift ORDER BY cube.redshift, cube.plateifu LIMIT 50""",
    "Q2": f"""
        SELECT cube.plateifu, counted.matching
        FROM {_CUBES} JOIN (
            SELECT file_pk, count(*) AS good, count(*) FILTER (WHERE emline_gflux_ha_6564 > 5) AS matching
            FROM mangadapdb.cleanspaxelprop GROUP BY file_pk
        ) AS counted ON counted.file_pk = file.pk
        WHERE counted.matching > 0.2 * counted.good AND {_RELEASE} ORDER BY cube.plateifu""",
    # As Marvin's query builder joins: all spaxels, then the counts of all and of the matching ones per file.
    "Q2 as Marvin builds it": f"""
        SELECT plateifu, max(matching) AS matching FROM (
            SELECT cube.mangaid, cube.plate, cube.plateifu, ifu.name, matched.matching
            FROM {_CUBES} JOIN mangadapdb.cleanspaxelprop AS spaxel ON spaxel.file_pk = file.pk
            JOIN (SELECT file_pk, count(pk) AS good FROM mangadapdb.cleanspaxelprop GROUP BY file_pk) AS bingood
                ON bingood.file_pk = spaxel.file_pk
            JOIN (SELECT file_pk, count(pk) AS matching FROM mangadapdb.cleanspaxelprop
                  WHERE emline_gflux_ha_6564 > 5 GROUP BY file_pk) AS matched ON matched.file_pk = spaxel.file_pk
            WHERE matched.matching > 0.2 * bingood.good AND {_RELEASE}
        ) AS found GROUP BY mangaid, plate, plateifu, name ORDER BY plateifu""",
    "Q3": f"""
        SELECT cube.plateifu, count(*) AS classified,
               count(*) FILTER (WHERE class = 1) AS star_forming, count(*) FILTER (WHERE class = 2) AS composite,
               count(*) FILTER (WHERE class = 3) AS seyfert, count(*) FILTER (WHERE class = 4) AS liner
        FROM (
            SELECT file_pk, CASE WHEN u < 0.05 AND (v - 1.3) * (u - 0.05) > 0.61 THEN 1
                                 WHEN u < 0.47 AND (v - 1.19) * (u - 0.47) > 0.61 THEN 2
                                 WHEN v > 1.05 * u + 0.45 THEN 3 ELSE 4 END AS class
            FROM (
                SELECT file_pk, log(emline_gflux_nii_6585::float8 / emline_gflux_ha_6564) AS u,
                       log(emline_gflux_oiii_5008::float8 / emline_gflux_hb_4862) AS v
                FROM mangadapdb.cleanspaxelprop WHERE {_STRONG}
            ) AS ratios
        ) AS classes JOIN mangadapdb.file AS file ON file.pk = classes.file_pk
        JOIN mangadatadb.cube AS cube ON cube.pk = file.cube_pk
        JOIN mangadatadb.pipeline_info AS drp ON drp.pk = cube.pipeline_info_pk
        JOIN mangadatadb.pipeline_info AS dap ON dap.pk = file.pipeline_info_pk
        WHERE cube.redshift BETWEEN 0.02 AND 0.06 AND {_RELEASE}
        GROUP BY cube.plateifu ORDER BY cube.plateifu""",
}

_COVERING = {
    "covering_flux": "pk, emline_gflux_ha_6564",
    "covering_ratios": ", ".join(f"emline_gflux_{line}, emline_gflux_ivar_{line}" for line in LINES[:4]),
}


class Postgres:
    """A running server with the spaxels in it, and a connection to it."""

    def __init__(self, connection: psycopg.Connection, postmaster: int) -> None:
        self.connection = connection
        self.postmaster = postmaster

    def ask(self, question: str) -> pa.Table:
        """Return the rows of one of the questions."""
        cursor = self.connection.execute(QUESTIONS[question])
        names = [column.name for column in cursor.description or ()]
        return pa.table(dict(zip(names, zip(*cursor.fetchall(), strict=True), strict=True)))

    def index(self, *, covering: bool) -> None:
        """Make the covering indexes of the questions, or drop them; the b-tree on file_pk is always there."""
        for name, held in _COVERING.items():
            self.connection.execute(f"DROP INDEX IF EXISTS mangadapdb.{name}")
            if covering:
                self.connection.execute(f"CREATE INDEX {name} ON mangadapdb.cleanspaxelprop (file_pk) INCLUDE ({held})")
        self.connection.execute("VACUUM (ANALYZE) mangadapdb.cleanspaxelprop")


def programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, if there are any."""
    found = [Path(p).parent for p in [shutil.which("initdb")] if p]
    found += sorted((p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")), reverse=True)
    return found[0] if found else None


@contextmanager
def served(folder: Path, spaxels: list[str], galaxies: list[str]) -> Iterator[Postgres]:
    """Start the cluster of a folder, make and fill it first where there is none, and stop it at the end.

    `spaxels` and `galaxies` are the Parquet files of the tables.
    """
    cluster, bin_folder = folder / "cluster", programs()
    assert bin_folder is not None
    who = _unprivileged()
    marker = folder / "loaded"
    if not marker.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if who:
            shutil.chown(folder, **who)
        _run([bin_folder / "initdb", "-D", cluster, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"], folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "shared_buffers": "2GB",
        "work_mem": "256MB",
        "maintenance_work_mem": "1GB",
        "effective_cache_size": "12GB",
        "max_parallel_workers_per_gather": 2,
        "random_page_cost": 1.1,
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_wal_size": "8GB",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    control = [bin_folder / "pg_ctl", "-D", cluster, "-w", "-t", "120"]
    _run([*control, "-o", options, "-l", folder / "log", "start"], folder)
    try:
        postmaster = int((cluster / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        address = f"host=127.0.0.1 port={port} user=bench dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            if not marker.exists():
                _load(connection, spaxels, galaxies)
                marker.touch()
            yield Postgres(connection, postmaster)
    finally:
        _run([*control, "-m", "fast", "stop"], folder)


def _unprivileged() -> dict[str, str]:
    """Return whom the server runs as: it refuses to run as root."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


def _run(command: list[object], folder: Path) -> None:
    with (folder / "steps").open("a") as log:
        who = {**_unprivileged(), "extra_groups": []} if _unprivileged() else {}
        subprocess.run(list(map(str, command)), check=True, stdout=log, stderr=log, cwd=folder, **who)


def _load(connection: psycopg.Connection, spaxels: list[str], galaxies: list[str]) -> None:
    started = time.perf_counter()
    connection.execute(_SCHEMA)
    source = duckdb.connect()
    held = source.read_parquet(galaxies).order("plateifu").to_arrow_table().to_pylist()
    designs = sorted({row["ifudesign"] for row in held})
    keys = {name: number for number, name in enumerate(designs, 1)}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO mangadatadb.ifudesign VALUES (%s, %s, %s)",
            [(keys[name], str(name), name // 100) for name in designs],
        )
        cursor.executemany(
            "INSERT INTO mangadatadb.cube VALUES (%s, %s, %s, %s, %s, %s, 25)",
            [
                (k, row["plate"], row["plateifu"], row["mangaid"], row["redshift"], keys[row["ifudesign"]])
                for k, row in enumerate(held, 1)
            ],
        )
        cursor.executemany(
            "INSERT INTO mangadapdb.file VALUES (%s, %s, %s, 26)",
            [(k, f"manga-{row['plateifu']}-MAPS-{row['daptype']}.fits.gz", k) for k, row in enumerate(held, 1)],
        )
    files = {row["plateifu"]: k for k, row in enumerate(held, 1)}
    fields = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    with connection.transaction(), connection.cursor() as cursor:
        # In the transaction that makes the table, COPY writes no log and rows are visible to all at once.
        cursor.execute(f"CREATE TABLE mangadapdb.cleanspaxelprop ({fields})")
        with cursor.copy("COPY mangadapdb.cleanspaxelprop FROM STDIN (FORMAT binary, FREEZE)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            rows = 0
            reader = source.sql(
                f"SELECT plateifu, x, y, {', '.join(_PLANES)} FROM read_parquet({spaxels}) WHERE good"
            ).to_arrow_reader(65_536)
            for batch in reader:
                copy.write(_binary(batch, files, rows))
                rows += batch.num_rows
            copy.write(b"\xff\xff")
    connection.execute("ALTER TABLE mangadapdb.cleanspaxelprop ADD PRIMARY KEY (pk)")
    connection.execute("CREATE INDEX ON mangadapdb.cleanspaxelprop (file_pk)")
    connection.execute("VACUUM (ANALYZE)")
    print(f"PostgreSQL: {rows:,} rows loaded in {time.perf_counter() - started:.0f} s", flush=True)


def _binary(batch: pa.RecordBatch, files: dict[str, int], before: int) -> bytes:
    """Return rows in the format of a binary COPY: each the number of its fields, then each field's length and value."""
    layout = [("fields", ">i2")]
    for name, kind in _COLUMNS.items():
        layout += [(f"{name} length", ">i4"), (name, _NUMPY[kind])]
    rows = np.empty(batch.num_rows, layout)
    rows["fields"] = len(_COLUMNS)
    for name, kind in _COLUMNS.items():
        rows[f"{name} length"] = _WIDE[kind]
    rows["pk"] = np.arange(before, before + batch.num_rows)
    rows["file_pk"] = [files[name] for name in batch["plateifu"].to_pylist()]
    for name in ("x", "y", *_PLANES):
        rows[name] = batch[name].to_numpy(zero_copy_only=False)
    return rows.tobytes()
