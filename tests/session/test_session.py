"""An open lake: the same rows by text and by verbs on every engine, and every way out of a query."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import QTable

import skyhouse
from skyhouse.errors import FormatError, InputError, NotALake, SettingsError, UnknownColumn, UnknownTable
from skyhouse.query.query import Query
from skyhouse.session import Lake

Verbs = Callable[[Lake], Query]

# One question a row: SQL text, and the same by verbs.
PAIRS: dict[str, tuple[str, Verbs]] = {
    "two queries whose parts have one name": (
        (
            "WITH a AS (SELECT plateifu, fibres FROM manga.galaxies), b AS (WITH a AS (SELECT plateifu, nsa_z FROM "
            "manga.drpall) SELECT * FROM a) SELECT * FROM a JOIN b USING (plateifu) ORDER BY plateifu"
        ),
        lambda lake: (
            lake.sql("WITH a AS (SELECT plateifu, fibres FROM manga.galaxies) SELECT * FROM a")
            .join(lake.sql("WITH a AS (SELECT plateifu, nsa_z FROM manga.drpall) SELECT * FROM a"), on="plateifu")
            .order_by("plateifu")
        ),
    ),
    "groups picked by their counts": (
        (
            "SELECT fibres, count(*) AS n FROM manga.galaxies GROUP BY fibres "
            "QUALIFY rank() OVER (ORDER BY count(*) DESC) <= 2 ORDER BY n, fibres"
        ),
        lambda lake: (
            lake.table("manga.galaxies")
            .group_by("fibres")
            .select("fibres", n="count(*)", r="rank() OVER (ORDER BY count(*) DESC)")
            .where("r <= 2")
            .select("fibres", "n")
            .order_by("n", "fibres")
        ),
    ),
    "a pattern with needless escapes": (
        r"SELECT plateifu FROM manga.galaxies WHERE plateifu LIKE '%\-127__' ORDER BY plateifu",
        lambda lake: lake.table("manga.galaxies").where("plateifu LIKE '%-127__'").select("plateifu").order_by("1"),
    ),
    "count by group": (
        "SELECT plateifu, count(*) AS n FROM manga.spaxels WHERE good GROUP BY plateifu ORDER BY plateifu",
        lambda lake: (
            lake.table("manga.spaxels")
            .where("good")
            .group_by("plateifu")
            .select("plateifu", n="count(*)")
            .order_by("plateifu")
        ),
    ),
    "top rows": (
        (
            "SELECT plateifu, y, x, emline_gflux_ha_6564 AS ha FROM manga.spaxels WHERE good AND stellar_vel > 0 "
            "ORDER BY ha DESC, plateifu, y, x LIMIT 7"
        ),
        lambda lake: (
            lake.table("manga.spaxels")
            .where("good", "stellar_vel > 0")
            .select("plateifu", "y", "x", ha="emline_gflux_ha_6564")
            .order_by("ha DESC", "plateifu", "y", "x")
            .limit(7)
        ),
    ),
    "join": (
        (
            "SELECT g.plateifu, g.redshift, d.nsa_elpetro_mass FROM manga.galaxies AS g "
            "JOIN manga.drpall AS d ON g.plateifu = d.plateifu ORDER BY g.plateifu"
        ),
        lambda lake: (
            lake.table("manga.galaxies")
            .select("plateifu", "redshift")
            .join(lake.table("manga.drpall").select("plateifu", "nsa_elpetro_mass"), on="plateifu")
            .select("plateifu", "redshift", "nsa_elpetro_mass")
            .order_by("plateifu")
        ),
    ),
    "a column of another part": (
        (
            "SELECT plateifu, y, x, emline_gvel_ha_6564 - stellar_vel AS drift, specindex_bf_d4000 AS d4000 "
            "FROM manga.spaxels "
            "WHERE good AND emline_gflux_ha_6564 > 2 ORDER BY plateifu, y, x LIMIT 50"
        ),
        lambda lake: (
            lake.table("manga.spaxels")
            .where("good", "emline_gflux_ha_6564 > 2")
            .select("plateifu", "y", "x", drift="emline_gvel_ha_6564 - stellar_vel", d4000="specindex_bf_d4000")
            .order_by("plateifu", "y", "x")
            .limit(50)
        ),
    ),
    "union and distinct": (
        "SELECT plateifu FROM manga.galaxies UNION SELECT plateifu FROM manga.drpall ORDER BY plateifu",
        lambda lake: (
            lake.table("manga.galaxies")
            .select("plateifu")
            .union(lake.table("manga.drpall").select("plateifu"))
            .distinct()
            .order_by("plateifu")
        ),
    ),
    "a computed column": (
        (
            "SELECT plateifu, avg(snr) AS snr FROM ("
            "SELECT plateifu, emline_gflux_ha_6564 * sqrt(emline_gflux_ivar_ha_6564) AS snr "
            "FROM manga.spaxels WHERE good) AS s GROUP BY plateifu ORDER BY plateifu"
        ),
        lambda lake: (
            lake.table("manga.spaxels")
            .where("good")
            .select("plateifu", snr="emline_gflux_ha_6564 * sqrt(emline_gflux_ivar_ha_6564)")
            .group_by("plateifu")
            .select("plateifu", snr="avg(snr)")
            .order_by("plateifu")
        ),
    ),
}


def equal(one: pa.Table, other: pa.Table) -> bool:
    """Whether two results are the same, floats to 12 digits (sums are added in different orders)."""
    if (
        one.schema.names != other.schema.names
        or one.schema.types != other.schema.types
        or one.num_rows != other.num_rows
    ):
        return False
    for a, b in zip(one.columns, other.columns, strict=True):
        for x, y in zip(a.to_pylist(), b.to_pylist(), strict=True):
            close = isinstance(x, float) and isinstance(y, float) and math.isclose(x, y, rel_tol=1e-12)
            if not (close or x == y):
                return False
    return True


@pytest.mark.parametrize("name", PAIRS)
def test_text_and_verbs_give_the_same_rows(lake: Lake, name: str, engine: str) -> None:
    text, verbs = PAIRS[name]
    reference = lake.sql(text, engine="duckdb").to_arrow()
    assert reference.num_rows > 0
    assert equal(lake.sql(text, engine=engine).to_arrow(), reference)
    assert equal(verbs(lake).on(engine).to_arrow(), reference)


def test_the_parts_fit_together(lake: Lake, simulated_files: Path) -> None:
    """Columns of two parts, joined, are those of the same spaxel in the raw file."""
    path = next(iter(simulated_files.rglob("*8485-12701-MAPS*")))
    with fits.open(path) as hdus:
        names = {
            value: int(key[1:]) - 1
            for key, value in hdus["EMLINE_GVEL"].header.items()
            if key[:1] == "C" and key[1:].isdigit()
        }
        velocity = hdus["EMLINE_GVEL"].data[names["Ha-6564"]].ravel()
        flux = hdus["EMLINE_GFLUX"].data[names["Ha-6564"]].ravel()
    got = lake.sql(
        "SELECT emline_gvel_ha_6564 AS v, emline_gflux_ha_6564 AS f FROM manga.spaxels "
        "WHERE plateifu = '8485-12701' ORDER BY y, x"
    ).to_arrow()
    np.testing.assert_array_equal(got["v"].to_numpy(), velocity)
    np.testing.assert_array_equal(got["f"].to_numpy(), flux)


def test_ways_out(lake: Lake, engine: str) -> None:
    query = lake.sql("SELECT plateifu, redshift, ra FROM manga.galaxies ORDER BY plateifu", engine=engine)
    arrow = query.to_arrow()
    assert arrow.schema.field("ra").metadata[b"unit"] == b"deg"
    assert query.to_pandas()["plateifu"].tolist() == arrow["plateifu"].to_pylist()
    assert query.to_polars()["redshift"].to_list() == arrow["redshift"].to_pylist()
    astropy = query.to_astropy()
    assert isinstance(astropy, QTable)
    assert astropy["ra"].unit == u.deg
    assert sum(batch.num_rows for batch in query) == arrow.num_rows
    assert pa.table(query).equals(arrow)


def test_native_relations_go_on(lake: Lake) -> None:
    relation = lake.table("manga.spaxels").where("good").to_duckdb()
    good = lake.sql("SELECT count(*) AS n FROM manga.spaxels WHERE good").to_arrow()["n"][0].as_py()
    assert relation.aggregate("count(*)").fetchall() == [(good,)]


@pytest.mark.spark
def test_native_data_frames_go_on(lake: Lake) -> None:
    frame = lake.table("manga.spaxels").where("good").to_spark()
    good = lake.sql("SELECT count(*) AS n FROM manga.spaxels WHERE good").to_arrow()["n"][0].as_py()
    assert frame.count() == good


@pytest.mark.parametrize("ending", ["parquet", "fits", "csv", "vot"])
def test_written_files_read_back(lake: Lake, tmp_path: Path, ending: str) -> None:
    query = lake.sql("SELECT plateifu, y, x, stellar_vel FROM manga.spaxels WHERE plateifu = '8485-1901' ORDER BY y, x")
    path = tmp_path / f"answer.{ending}"
    rows = query.write(path)
    wanted = query.to_astropy()
    assert rows == len(wanted)
    if ending == "parquet":
        read = pq.read_table(path)
        assert read.schema.field("stellar_vel").metadata[b"unit"] == b"km/s"
        velocity = read["stellar_vel"].to_numpy()
    else:
        kind = {"fits": "fits", "csv": "ascii.csv", "vot": "votable"}[ending]
        read = QTable.read(path, format=kind)
        velocity = read["stellar_vel"]
        if ending != "csv":
            assert velocity.unit == u.km / u.s
            velocity = velocity.value
    np.testing.assert_array_equal(np.asarray(velocity, "f4"), wanted["stellar_vel"].value)


def test_printed_it_is_a_short_table(lake: Lake) -> None:
    query = lake.table("manga.galaxies").select("plateifu", "ra")
    assert "8485-12701" in repr(query)
    assert "deg" in repr(query)
    assert "<table" in query._repr_html_()


def test_raw(lake: Lake) -> None:
    row = lake.sql(
        "SELECT plateifu, daptype, y, x, emline_gflux_ha_6564 AS ha FROM manga.spaxels "
        "WHERE good ORDER BY ha DESC LIMIT 1"
    )
    for one in (row.to_arrow().to_pylist()[0], row.to_pandas().iloc[0], row.to_astropy()[0]):
        with lake.raw(one) as hdus:
            at = next(key for key, value in hdus["EMLINE_GFLUX"].header.items() if value == "Ha-6564")
            assert hdus["EMLINE_GFLUX"].data[int(at[1:]) - 1, one["y"], one["x"]] == np.float32(
                one["ha"].value if hasattr(one["ha"], "value") else one["ha"]
            )
    with lake.raw("8485-1901") as hdus:
        assert hdus[0].header["PLATEIFU"] == "8485-1901"
    with pytest.raises(InputError, match="1-1"):
        lake.raw("1-1")
    with pytest.raises(FormatError, match=r"-LOGCUBE-.*download it"):
        lake.raw("8485-1901", kind="modelcube")
    with pytest.raises(InputError, match=r"did you mean 'MODELCUBE'.*MAPS, MODELCUBE"):
        lake.raw("8485-1901", kind="modelcubes")


def test_names_that_are_not_there(lake: Lake) -> None:
    with pytest.raises(UnknownTable, match=r"did you mean 'manga\.spaxels'"):
        lake.table("manga.spaxel")
    with pytest.raises(UnknownColumn, match="emline_gflux_ha_6564"):
        lake.sql("SELECT emline_gflux_ha_6565 FROM manga.spaxels")


def test_a_lake_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotALake):
        skyhouse.open(tmp_path / "nothing", create=False)
    with pytest.raises(SettingsError, match="workers"):
        skyhouse.open(tmp_path / "lake", worker=3)


def test_new_rows_are_seen_by_an_open_lake(simulated_files: Path, tmp_path: Path) -> None:
    with skyhouse.open(tmp_path / "lake") as one, skyhouse.open(tmp_path / "lake") as other:
        one.ingest(simulated_files / "**/*8485-1901-MAPS*", survey="manga")
        count = other.sql("SELECT count(*) AS n FROM manga.galaxies")
        assert count.to_arrow()["n"][0].as_py() == 1
        one.ingest(simulated_files / "**/*7815-1902-MAPS*", survey="manga")
        assert count.to_arrow()["n"][0].as_py() == 2


@pytest.mark.spark
def test_ingest_by_spark_is_the_same(lake: Lake, simulated_files: Path, tmp_path: Path) -> None:
    with skyhouse.open(tmp_path / "lake") as other:
        report = other.ingest(simulated_files / "**/*-19*-MAPS*", survey="manga", engine="spark")
        assert (report.ingested, report.failures) == (2, ())
        text = "SELECT * FROM manga.spaxels_fits WHERE plateifu = '8485-1901' ORDER BY spaxel_id"
        assert other.sql(text).to_arrow().equals(lake.sql(text).to_arrow())
