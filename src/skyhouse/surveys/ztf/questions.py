"""Questions that are asked of ZTF's objects, each a function that gives a lazy `Query`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skyhouse.errors import InputError

if TYPE_CHECKING:
    from skyhouse.query.query import Query
    from skyhouse.surveys.base import Lake

__all__ = ["well_observed"]


def well_observed(lake: Lake, min_obs: int = 20, *, table: str = "ztf.objects") -> Query:
    """Return how many objects have at least `min_obs` points: one row of objects, r, g_r, g_r_i.

    They count all objects, those with so many points in r, in both g and r, and in each of g, r and i. Flagged points
    count too; only the three columns of counts are read. Raises InputError for a `min_obs` that is no whole number.
    """
    if not isinstance(min_obs, int):
        raise InputError(f"min_obs is a whole number, not {min_obs!r}")
    enough = {band: f"nobs_{band} >= {min_obs}" for band in ("g", "r", "i")}
    return lake.table(table).select(
        objects="count(*)",
        r=f"count(*) FILTER (WHERE {enough['r']})",
        g_r=f"count(*) FILTER (WHERE {enough['g']} AND {enough['r']})",
        g_r_i=f"count(*) FILTER (WHERE {enough['g']} AND {enough['r']} AND {enough['i']})",
    )
