"""The survey's benchmark questions, each a function that gives a lazy `Query`.

"Good" spaxels are those that every stage of the survey's analysis pipeline kept: all five BINID channels differ from
-1. With ``masked=True`` a measurement also has to be clear of the pixel mask's NOCOV, UNRELIABLE and DONOTUSE bits;
one that is not counts as NULL, never as the 0 that the files hold.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from skyhouse.errors import InputError
from skyhouse.surveys.manga.masks import masked_expression

if TYPE_CHECKING:
    from skyhouse.query.query import Query
    from skyhouse.surveys.base import Lake

__all__ = ["bpt_fractions", "galaxies_in", "npergood"]

HALPHA, HBETA, OIII, NII = "ha_6564", "hb_4862", "oiii_5008", "nii_6585"


def galaxies_in(
    lake: Lake,
    *,
    redshift_below: float = 0.05,
    fibres: int = 127,
    daptype: str | None = None,
    limit: int = 50,
) -> Query:
    """Return galaxies by redshift and bundle size, with their spaxel counts, nearest first.

    Columns: plateifu, daptype, mangaid, redshift, fibres, spaxels and good_spaxels. A galaxy without spaxels counts 0.
    `fibres` is the number of fibres of the bundle (19, 37, 61, 91 or 127). `daptype`: see `npergood`.
    """
    chosen = _daptype(lake, daptype, "g.daptype")
    return lake.sql(
        f"""
        SELECT g.plateifu, g.daptype, g.mangaid, g.redshift, g.fibres,
               coalesce(s.spaxels, 0) AS spaxels, coalesce(s.good_spaxels, 0) AS good_spaxels
        FROM manga.galaxies AS g
        LEFT JOIN (
            SELECT plateifu, daptype, count(*) AS spaxels, count(*) FILTER (WHERE good) AS good_spaxels
            FROM manga.spaxels GROUP BY plateifu, daptype
        ) AS s ON s.plateifu = g.plateifu AND s.daptype = g.daptype
        WHERE g.redshift < {float(redshift_below)!r} AND g.fibres = {int(fibres)} {chosen}
        ORDER BY g.redshift, g.plateifu, g.daptype
        LIMIT {int(limit)}
        """
    )


def npergood(
    lake: Lake,
    condition: str,
    *,
    at_least: float | None = None,
    more_than: float | None = None,
    at_most: float | None = None,
    less_than: float | None = None,
    masked: bool = False,
    daptype: str | None = None,
) -> Query:
    """Return the share of each galaxy's good spaxels that meet a condition.

    Columns: plateifu, daptype, good_spaxels, matching, share (0 to 1). Both counts are over good spaxels only. A
    galaxy where none match has share 0 and is found by `less_than`; one without any good spaxel has no share, and is
    left out. `condition` is an expression over the columns of manga.spaxels; with ``masked=True`` each of its
    measurements is NULL where the pixel mask says so, and a NULL does not match.

    A lake may hold the same galaxy analysed in several ways. `daptype` picks one; with "all" each is a row of its
    own; without it a lake that holds several is refused, since every galaxy would silently count twice.

    Raises InputError for thresholds outside 0 to 1 and for an ambiguous daptype.

        npergood(lake, "emline_gflux_ha_6564 > 5", more_than=0.20)
    """
    thresholds = {">=": at_least, ">": more_than, "<=": at_most, "<": less_than}
    for value in thresholds.values():
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"a share is from 0 to 1, not {value!r}")
    wanted = [f"share {sign} {float(value)!r}" for sign, value in thresholds.items() if value is not None]
    # The condition is read by itself in any case: a comment or a bracket in it must not reach what is around it.
    condition = masked_expression(condition, None if masked else ())
    chosen = _daptype(lake, daptype, "daptype")
    return lake.sql(
        f"""
        SELECT plateifu, daptype, good_spaxels, matching, share
        FROM (
            SELECT plateifu, daptype, good_spaxels, matching,
                   CAST(matching AS double precision) / good_spaxels AS share
            FROM (
                SELECT plateifu, daptype, count(*) AS good_spaxels, count(*) FILTER (WHERE {condition}) AS matching
                FROM manga.spaxels WHERE good {chosen}
                GROUP BY plateifu, daptype
            ) AS counted
        ) AS shared
        {"WHERE " + " AND ".join(wanted) if wanted else ""}
        ORDER BY plateifu, daptype
        """
    )


def bpt_fractions(
    lake: Lake,
    *,
    snr: float = 3.0,
    redshift: tuple[float, float] | None = None,
    log_mass: tuple[float, float] | None = None,
    masked: bool = False,
    daptype: str | None = None,
) -> Query:
    """Return each galaxy's shares of star-forming, composite, Seyfert and LINER spaxels in the [NII] BPT plane.

    Columns: plateifu, daptype, classified (spaxels that are good, with S/N > `snr` in all four lines), star_forming,
    composite, seyfert, liner (shares of the classified, summing to 1). Galaxies without a classified spaxel are left
    out. `redshift` and `log_mass` are ranges, both ends included; `log_mass` is log10 of the elliptical-Petrosian
    stellar mass of the survey's own target catalog in solar masses / h^2 and needs manga.drpall.

    Lines, with x = log10([NII]6585/Ha), y = log10([OIII]5008/Hb): Kauffmann et al. 2003 (MNRAS 346, 1055) below which
    spaxels are star-forming; Kewley et al. 2001 (ApJ 556, 121) above which they are AGN; Schawinski et al. 2007
    (MNRAS 382, 1415) which parts Seyferts from LINERs. The curves y = 0.61 / (x - 0.05) + 1.3 and
    y = 0.61 / (x - 0.47) + 1.19 count left of their poles only, and are tested as (y - 1.3) (x - 0.05) > 0.61.
    """
    lines = (HALPHA, HBETA, OIII, NII)
    flux = {line: f"emline_gflux_{line}" for line in lines}
    # S/N = flux * sqrt(ivar), squared: a root of 20 million numbers is dear, and so is to look whether each has one.
    strong = " AND ".join(
        f"{name} > 0 AND {name} * {name} * emline_gflux_ivar_{line} > {float(snr * abs(snr))!r}"
        for line, name in flux.items()
    )
    if masked:
        strong = masked_expression(strong)
    where, join = [], ""
    if redshift is not None:
        where.append(_within("g.redshift", redshift))
    if log_mass is not None:
        join = "JOIN manga.drpall AS d ON d.plateifu = g.plateifu"
        where.append(_within("log10(d.nsa_elpetro_mass)", log_mass))
    chosen = _daptype(lake, daptype, "s.daptype")
    galaxies = ""
    if where:
        galaxies = f"""
                JOIN (
                    SELECT DISTINCT g.plateifu, g.daptype FROM manga.galaxies AS g {join} WHERE {" AND ".join(where)}
                ) AS picked ON picked.plateifu = s.plateifu AND picked.daptype = s.daptype"""
    return lake.sql(
        f"""
        SELECT plateifu, daptype, count(*) AS classified,
               count(*) FILTER (WHERE class = 1) / count(*) AS star_forming,
               count(*) FILTER (WHERE class = 2) / count(*) AS composite,
               count(*) FILTER (WHERE class = 3) / count(*) AS seyfert,
               count(*) FILTER (WHERE class = 4) / count(*) AS liner
        FROM (
            SELECT plateifu, daptype,
                   CASE WHEN x < 0.05 AND (y - 1.3) * (x - 0.05) > 0.61 THEN 1
                        WHEN x < 0.47 AND (y - 1.19) * (x - 0.47) > 0.61 THEN 2
                        WHEN y > 1.05 * x + 0.45 THEN 3
                        ELSE 4 END AS class
            FROM (
                SELECT s.plateifu, s.daptype,
                       log10({flux[NII]} / {flux[HALPHA]}) AS x, log10({flux[OIII]} / {flux[HBETA]}) AS y
                FROM manga.spaxels AS s{galaxies}
                WHERE good {chosen} AND {strong}
            ) AS ratios
        ) AS classes
        GROUP BY plateifu, daptype
        ORDER BY plateifu, daptype
        """
    )


def _within(expression: str, ends: tuple[float, float]) -> str:
    """Return the SQL condition that a value lies in a range, both ends included."""
    try:
        low, high = map(float, ends)
    except (TypeError, ValueError) as error:
        raise InputError(f"a range is two numbers, as (0.02, 0.1), not {ends!r}") from error
    if not (isfinite(low) and isfinite(high)):
        raise InputError(f"a range has two finite ends, not {ends!r}")
    return f"{expression} BETWEEN {low!r} AND {high!r}"


def _daptype(lake: Lake, daptype: str | None, column: str) -> str:
    """Return the SQL condition that picks the daptype; see `npergood`."""
    if daptype == "all":
        return ""
    if daptype is None:
        held = sorted(lake.sql("SELECT DISTINCT daptype FROM manga.galaxies").to_arrow()["daptype"].to_pylist())
        if len(held) < 2:
            return ""
        raise InputError(
            f"the lake holds galaxies of {len(held)} daptypes ({', '.join(held)}): "
            f"say which, daptype={held[0]!r}, or 'all'"
        )
    quoted = daptype.replace("'", "''")
    return f"AND {column} = '{quoted}'"
