"""Queries that the archives publish, read in their dialects: each runs, or is refused for the reason that is listed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import skyhouse
from skyhouse.engine.duck import DuckEngine
from skyhouse.engine.spark import SparkEngine
from skyhouse.errors import SkyhouseError
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse
from skyhouse.settings import Settings
from skyhouse.testing import Shelf, shelve

FOLDER = Path(__file__).parent / "samples"
DIALECTS = {"sdss": "tsql", "gaia": "adql", "rubin": "adql"}
ROWS = 400

# What cannot run, and why. A sample that begins to run has to leave the list.
REFUSED = {
    "sdss: variables for flags": "variables are not read",
    "sdss: random share of galaxies": "same rows each time",
    "sdss: top percent": "TOP ... PERCENT is not read",
    "sdss: url of a spectrum": "no function 'fGetUrlFitsSpectrum'",
    "gaia: propagation by a function of the archive": "no function 'ESDC_EPOCH_PROP'",
    "rubin: magnitudes by the archive's function": "no function 'scisql_nanojanskyToAbMag'",
    "rubin: tables of the archive": "no table 'tap_schema.schemas'",
}

WRITES = "sdss: results into a table of one's own"

# What Spark is asked too: one of each kind of thing that is read.
ON_SPARK = (
    "sdss: galaxies with many criteria",
    "sdss: low redshift luminous red galaxies",
    "sdss: stars measured more than once",
    "sdss: left outer join of photometry and spectra",
    "sdss: cross match of a list of one's own",
    "sdss: nearest match of a list of one's own",
    "sdss: names of spectra",
    "sdss: histogram of magnitudes",
    "gaia: cone search by points",
    "gaia: polygon",
    "gaia: means per HEALPix cell",
    "gaia: colour-magnitude histogram",
    "rubin: colour-magnitude diagram of a field",
    "rubin: light curve of one object",
)


def samples():
    for archive in DIALECTS:
        parts = re.split(
            r"^-- sample: (.*)\n", (FOLDER / f"{archive}.sql").read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        for title, text in zip(parts[1::2], parts[2::2], strict=True):
            yield pytest.param(archive, title, text, id=f"{archive}: {title}")


def tables():
    """Yield the tables that the samples read: their names, and the columns' real names."""
    shared = {}
    for line in (FOLDER / "tables.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, *columns = line.split()
        columns = [one for column in columns for one in shared.get(column, [column])]
        columns = [c.replace("*", band) for c in columns for band in ("ugriz" if "*" in c else "-")]
        if name.startswith("@"):
            shared[name] = columns
        else:
            yield name, columns


# Where a column lies; the others are magnitudes.
RANGES = {
    "ra": (184.9, 185.1),
    "dec": (-0.6, -0.4),
    "l": (302.9, 303),
    "b": (-44, -43.95),
    "parallax": (0.5, 20),
    "parallax_error": (0.01, 0.1),
    "parallax_over_error": (1, 100),
    "z": (0, 0.6),
    "distance": (0, 0.5),
    "ruwe": (0.8, 1.6),
    "e": (0, 1.2),
    "pf": (0.2, 1),
    "expmidptmjd": (59000, 60000),
    "obsstartmjd": (59000, 60000),
}
NEAR = {"gaiadr": (81.28, -69.78), "public": (81.28, -69.78), "dp": (62, -37)}
CODES = {"type": [3, 6], "mode": [1, 2], "class": ["GALAXY", "QSO", "STAR", "UNKNOWN"], "band": list("ugrizy")}


def made(name, columns):
    rng = np.random.default_rng(len(columns))
    made = {}
    for column in columns:
        short, _, kind = column.partition(":")
        low = short.lower()
        if low in CODES:
            made[short] = [CODES[low][n % len(CODES[low])] for n in rng.integers(0, 9, ROWS)]
        elif kind == "i" and low.endswith("id"):
            made[short] = np.arange(1000, 1000 + ROWS) if low != "thingid" else np.arange(ROWS) // 2
        elif kind == "i":
            made[short] = rng.integers(0, 4, ROWS) if "flag" not in low else rng.integers(0, 2**50, ROWS)
        elif kind == "s":
            made[short] = [f"Gaia DR3 {n}" if low == "designation" else f"a{n}" for n in range(ROWS)]
        elif kind == "b":
            made[short] = rng.random(ROWS) < 0.5
        else:
            made[short] = numbers(rng, name, low)
    return pa.table(made)


def numbers(rng, name, low):
    centre = next((place for start, place in NEAR.items() if name.startswith(start)), None)
    if centre is not None and low in ("ra", "coord_ra"):
        return centre[0] + rng.normal(0, 0.05, ROWS)
    if centre is not None and low in ("dec", "decl", "de", "coord_dec"):
        return centre[1] + rng.normal(0, 0.05, ROWS)
    if low == "z" and name.startswith("sdss.Photo"):
        low = ""
    return rng.uniform(*RANGES.get(low, (12, 24)), ROWS)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The samples' tables, with a few hundred made-up rows."""
    folder = tmp_path_factory.mktemp("archives")
    return Shelf(*(shelve(folder, name, made(name, columns)) for name, columns in tables()))


@pytest.fixture(scope="module")
def duck():
    engine = DuckEngine(Settings())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def spark():
    engine = SparkEngine(Settings(spark_master="local[2]", spark_memory="1g"))
    yield engine
    engine.close()


@pytest.mark.parametrize(("archive", "title", "text"), [sample for sample in samples() if sample.id != WRITES])
def test_a_published_query_runs_or_is_refused_with_its_reason(archive, title, text, shelf, duck):
    reason = REFUSED.get(f"{archive}: {title}")
    if reason is not None:
        with pytest.raises(SkyhouseError, match=re.escape(reason)) as caught:
            lower(parse(text, DIALECTS[archive]), shelf, "duckdb")
        assert re.match(r"line \d+, column \d+", str(caught.value))
        return
    statement = lower(parse(text, DIALECTS[archive]), shelf, "duckdb")
    rows = duck.batches(statement).read_all()
    assert rows.column_names == [column.name for column in statement.columns]
    assert lower(parse(text, DIALECTS[archive]), shelf, "spark").sql


@pytest.mark.spark
@pytest.mark.parametrize(("archive", "title", "text"), [sample for sample in samples() if sample.id in ON_SPARK])
def test_spark_gives_the_same_rows(archive, title, text, shelf, duck, spark):
    tree = parse(text, DIALECTS[archive])
    both = [engine.batches(lower(tree, shelf, engine.name)).read_all() for engine in (duck, spark)]
    assert both[0].schema.names == both[1].schema.names
    assert both[0].schema.types == both[1].schema.types
    assert both[0].num_rows == both[1].num_rows
    if " TOP " not in text:
        assert rounded(both[0]) == rounded(both[1])


def rounded(table):
    rows = ([f"{v:.9g}" if isinstance(v, float) else v for v in row.values()] for row in table.to_pylist())
    return sorted(rows, key=repr)


def test_results_go_into_a_table_of_ones_own(tmp_path, shelf):
    (text,) = (sample.values[2] for sample in samples() if sample.id == WRITES)
    with skyhouse.open(tmp_path / "lake") as lake:
        lake.attach("sdss.Galaxy", shelf.relation("sdss.galaxy").parts[0].files[0])
        made = lake.sql(text, dialect="tsql").to_arrow().to_pylist()
        assert made == [{"table": "mydb.bright", "rows": 100, "version": 1}]
        assert lake.sql("SELECT TOP 5 [dec] FROM MyDB..bright", dialect="tsql").to_arrow().num_rows == 5


def test_the_list_of_refused_names_samples_that_there_are_and_the_page_shows_it():
    assert set(REFUSED) <= {sample.id for sample in samples()}
    page = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text(encoding="utf-8")
    assert set(REFUSED) == set(re.findall(r"^\| ((?:sdss|gaia|rubin): .*?) \|", page, flags=re.MULTILINE))
    assert f" {len(list(samples())) - len(REFUSED)} run." in page
    assert {archive: sum(s.id.startswith(archive) for s in samples()) for archive in DIALECTS} == {
        "sdss": 67,
        "gaia": 22,
        "rubin": 16,
    }
