from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skyhouse.columns import Column, arrow_schema
from skyhouse.errors import UnknownTable
from skyhouse.query.answer import Answer, Course
from skyhouse.query.job import Job
from skyhouse.query.lower import lower
from skyhouse.query.relation import Part, Relation
from skyhouse.query.resolve import resolve

SPAXELS = (
    Column("plateifu", "string", description="plate and bundle"),
    Column("x", "int32"),
    Column("y", "int32"),
    Column("good", "bool"),
    Column("flux", "float32", unit="1e-17 erg/s/cm2", ucd="phot.flux", description="H-alpha"),
    Column("vel", "float64", unit="km/s"),
    Column("Flags", "int32"),
    Column("spaxel_id", "int64"),
    Column("day", "date"),
)
EXTRA = (Column("spaxel_id", "int64"), Column("sigma", "float32", unit="km/s"))
GALAXIES = (Column("plateifu", "string"), Column("z", "float64", ucd="src.redshift"), Column("x", "int32"))


class Lake:
    """Two tables in Parquet, read by a bare DuckDB: what a session is to a query, and no more."""

    def __init__(self, folder):
        rng = np.random.default_rng(1)
        n = 200
        spaxels = {
            "plateifu": [f"g{i % 5}" for i in range(n)],
            "x": list(range(n)),
            "y": [i % 7 if i % 11 else None for i in range(n)],
            "good": [i % 3 != 0 for i in range(n)],
            "flux": rng.normal(size=n).astype("float32"),
            "vel": rng.normal(size=n) * 100,
            "Flags": [i % 64 for i in range(n)],
            "spaxel_id": list(range(n)),
            "day": np.arange(n).astype("datetime64[D]"),
        }
        galaxies = {"plateifu": ["g0", "g1", "g9"], "z": [0.1, 0.2, None], "x": [1, 2, 3]}
        self.spaxels = pa.table(spaxels, schema=arrow_schema(SPAXELS))
        self.galaxies = pa.table(galaxies, schema=arrow_schema(GALAXIES))
        self.written = []
        self.connection = duckdb.connect()
        for name, rows in (("manga.spaxels", self.spaxels), ("manga.galaxies", self.galaxies)):
            path = str(folder / f"{name}.parquet")
            pq.write_table(rows, path)
            self.connection.execute(f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{path}')")
        self.relations = {
            "manga.spaxels": Relation(
                "manga.spaxels", (Part(SPAXELS, ("a",)), Part(EXTRA, ("b",))), join_key=("spaxel_id",), rows=n
            ),
            "manga.galaxies": Relation("manga.galaxies", (Part(GALAXIES, ("c",)),), rows=3),
        }

    @property
    def tables(self):
        return self

    def relation(self, name):
        if name.lower() not in self.relations:
            raise UnknownTable(f"no table {name!r}")
        return self.relations[name.lower()]

    def names(self):
        return sorted(self.relations)

    def resolved(self, tree):
        return resolve(tree, self)

    def job(self, time_limit=None, watch=None):
        return Job(time_limit or 0, watch)

    def batches(self, tree, engine, job=None, asked=None):  # noqa: ARG002 - it cannot be stopped
        statement = lower(tree, self, "duckdb")
        return Answer(self.connection.sql(statement.sql).to_arrow_reader(50), Course(engine or "duckdb"))

    def native(self, tree, engine):
        return self.connection.sql(lower(tree, self, engine).sql)

    def to_astropy(self, table):
        return table

    def write(self, reader, path):
        self.written.append((path, reader.read_all().num_rows))


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    return Lake(tmp_path_factory.mktemp("lake"))
