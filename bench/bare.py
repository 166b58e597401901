"""The three questions, asked by who knows the files: of DuckDB, PySpark and Polars, without Skyhouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LINES = ("ha_6564", "hb_4862", "oiii_5008", "nii_6585")
STRONG = " AND ".join(
    f"emline_gflux_{line} > 0 AND emline_gflux_{line} * emline_gflux_{line} * emline_gflux_ivar_{line} > 9"
    for line in LINES
)

# DuckDB and Spark both read this.
SQL = {
    "Q1": """
        SELECT g.plateifu, g.daptype, g.mangaid, g.redshift, g.fibres, s.spaxels, s.good_spaxels
        FROM galaxies AS g JOIN (
            SELECT plateifu, daptype, count(*) AS spaxels, count(*) FILTER (WHERE good) AS good_spaxels
            FROM spaxels GROUP BY plateifu, daptype
        ) AS s ON s.plateifu = g.plateifu AND s.daptype = g.daptype
        WHERE g.redshift < 0.05 AND g.fibres = 127
        ORDER BY g.redshift, g.plateifu LIMIT 50""",
    "Q2": """
        SELECT plateifu, daptype, good_spaxels, matching, matching / CAST(good_spaxels AS DOUBLE) AS share FROM (
            SELECT plateifu, daptype, count(*) AS good_spaxels,
                   count(*) FILTER (WHERE emline_gflux_ha_6564 > 5) AS matching
            FROM spaxels WHERE good GROUP BY plateifu, daptype
        ) AS counted WHERE matching > 0.2 * good_spaxels ORDER BY plateifu""",
}
_Q3 = """
    SELECT plateifu, daptype, count(*) AS classified,
           count(*) FILTER (WHERE class = 1) / CAST(count(*) AS DOUBLE) AS star_forming,
           count(*) FILTER (WHERE class = 2) / CAST(count(*) AS DOUBLE) AS composite,
           count(*) FILTER (WHERE class = 3) / CAST(count(*) AS DOUBLE) AS seyfert,
           count(*) FILTER (WHERE class = 4) / CAST(count(*) AS DOUBLE) AS liner
    FROM (
        SELECT plateifu, daptype, CASE WHEN u < 0.05 AND (v - 1.3) * (u - 0.05) > 0.61 THEN 1
                                       WHEN u < 0.47 AND (v - 1.19) * (u - 0.47) > 0.61 THEN 2
                                       WHEN v > 1.05 * u + 0.45 THEN 3 ELSE 4 END AS class
        FROM (
            SELECT plateifu, daptype, log10(emline_gflux_nii_6585 / emline_gflux_ha_6564) AS u,
                   log10(emline_gflux_oiii_5008 / emline_gflux_hb_4862) AS v
            FROM spaxels JOIN (SELECT g.plateifu, g.daptype FROM galaxies AS g {join} WHERE {where}) AS picked
            USING (plateifu, daptype)
            WHERE good AND {strong}
        ) AS ratios
    ) AS classes GROUP BY plateifu, daptype ORDER BY plateifu"""
SQL["Q3"] = _Q3.format(join="", where="g.redshift BETWEEN 0.02 AND 0.06", strong=STRONG)
SQL["Q3 by mass"] = _Q3.format(
    join="JOIN drpall AS d ON d.plateifu = g.plateifu",
    where="d.nsa_elpetro_mass BETWEEN 1e10 AND 1e11",
    strong=STRONG,
)


def asked_of_duckdb(tables: dict[str, list[str]], threads: int) -> Callable[[str], pa.Table]:
    """Return who answers the questions on DuckDB, from Parquet files; footers are kept, as in Skyhouse."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET parquet_metadata_cache = true")
    for name, files in tables.items():
        connection.read_parquet(files).create_view(name)
    return lambda question: connection.sql(SQL[question]).to_arrow_table()


def asked_of_spark(session: SparkSession, tables: dict[str, list[str]]) -> Callable[[str], pa.Table]:
    """Return who answers the questions on a Spark session."""
    for name, files in tables.items():
        session.read.parquet(*files).createOrReplaceTempView(name)
    return lambda question: session.sql(SQL[question]).toArrow()


def asked_of_polars(tables: dict[str, list[str]]) -> Callable[[str], pa.Table]:
    """Return who answers the questions with Polars, lazily and streaming."""
    import polars as pl

    key = ["plateifu", "daptype"]
    spaxels, galaxies, drpall = (pl.scan_parquet(tables[name]) for name in ("spaxels", "galaxies", "drpall"))
    flux = {line: pl.col(f"emline_gflux_{line}") for line in LINES}
    ivar = {line: pl.col(f"emline_gflux_ivar_{line}").cast(pl.Float64) for line in LINES}

    def metadata() -> pl.LazyFrame:
        counts = spaxels.group_by(key).agg(pl.len().alias("spaxels"), pl.col("good").sum().alias("good_spaxels"))
        picked = galaxies.filter(pl.col("redshift") < 0.05, pl.col("fibres") == 127)
        wanted = [*key, "mangaid", "redshift", "fibres", "spaxels", "good_spaxels"]
        return picked.join(counts, on=key).sort("redshift", "plateifu").head(50).select(wanted)

    def bright() -> pl.LazyFrame:
        counts = (
            spaxels.filter("good")
            .group_by(key)
            .agg(pl.len().alias("good_spaxels"), (flux["ha_6564"] > 5).sum().alias("matching"))
        )
        share = (pl.col("matching") / pl.col("good_spaxels")).alias("share")
        return counts.filter(pl.col("matching") > 0.2 * pl.col("good_spaxels")).with_columns(share).sort("plateifu")

    def classes(picked: pl.LazyFrame) -> pl.LazyFrame:
        strong = [flux[line] > 0 for line in LINES] + [flux[line] * flux[line] * ivar[line] > 9 for line in LINES]
        u, v = pl.col("u"), pl.col("v")
        of = (
            pl.when((u < 0.05) & ((v - 1.3) * (u - 0.05) > 0.61))
            .then(1)
            .when((u < 0.47) & ((v - 1.19) * (u - 0.47) > 0.61))
            .then(2)
            .when(v > 1.05 * u + 0.45)
            .then(3)
            .otherwise(4)
            .alias("class")
        )
        named = enumerate(("star_forming", "composite", "seyfert", "liner"), 1)
        return (
            spaxels.filter("good", *strong)
            .join(picked, on=key, how="semi")
            .select(
                *key,
                u=(flux["nii_6585"].cast(pl.Float64) / flux["ha_6564"]).log10(),
                v=(flux["oiii_5008"].cast(pl.Float64) / flux["hb_4862"]).log10(),
            )
            .select(*key, of)
            .group_by(key)
            .agg(pl.len().alias("classified"), *((pl.col("class") == k).mean().alias(name) for k, name in named))
            .sort("plateifu")
        )

    near = galaxies.filter(pl.col("redshift").is_between(0.02, 0.06))
    middling = galaxies.join(
        drpall.filter(pl.col("nsa_elpetro_mass").is_between(1e10, 1e11)), on="plateifu", how="semi"
    )
    plans = {"Q1": metadata(), "Q2": bright(), "Q3": classes(near), "Q3 by mass": classes(middling)}
    return lambda question: plans[question].collect(engine="streaming").to_arrow()
