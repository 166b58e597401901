"""The pixel mask of the MaNGA analysis, and measurements with the masked ones left out.

Every measurement that has one names its mask by a column of its own: `emline_gflux_ha_6564` has
`emline_gflux_mask_ha_6564`. The files hold 0 where nothing could be measured, and only the mask tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from skyhouse.errors import UnknownColumn, did_you_mean
from skyhouse.surveys.manga.planes import mask_partners

if TYPE_CHECKING:
    from skyhouse.query.query import Query

__all__ = ["BAD", "PIXMASK", "masked", "masked_column", "masked_expression"]

PIXMASK: Final[Mapping[str, int]] = MappingProxyType(
    {
        "NOCOV": 0,
        "LOWCOV": 1,
        "DEADFIBER": 2,
        "FORESTAR": 3,
        "NOVALUE": 4,
        "UNRELIABLE": 5,
        "MATHERROR": 6,
        "FITFAILED": 7,
        "NEARBOUND": 8,
        "NOCORRECTION": 9,
        "MULTICOMP": 10,
        "DONOTUSE": 30,
    }
)
"""The bits of MANGA_DAPPIXMASK, by name."""

BAD: Final = sum(1 << PIXMASK[name] for name in ("NOCOV", "UNRELIABLE", "DONOTUSE"))
"""The bits that make a measurement one not to use: 1073741857."""


def masked_column(name: str, mask: str, qualifier: str = "") -> str:
    """Return the SQL of a column that is NULL where its mask has one of the BAD bits.

    `qualifier` is put before both names: a table's name or alias with its dot.

    >>> masked_column("stellar_vel", "stellar_vel_mask")
    'CASE WHEN (stellar_vel_mask & 1073741857) = 0 THEN stellar_vel END'
    """
    return f"CASE WHEN ({qualifier}{mask} & {BAD}) = 0 THEN {qualifier}{name} END"


def masked_expression(text: str, columns: Iterable[str] | None = None) -> str:
    """Return an SQL expression with its measurements NULL where their masks have one of the BAD bits.

    `columns` limits this to the columns named; otherwise it is done to every column that has a mask. Columns without a
    mask, and masks themselves, stay as they are.

    Raises UnknownColumn for one of `columns` that has no mask, QueryError for text that is no expression.
    """
    from skyhouse.query.rewrite import replace_columns

    partners = _partners(columns)

    def replacement(column: str) -> str | None:
        qualifier, dot, name = column.rpartition(".")
        name = name.strip('"')
        mask = partners.get(name.lower())
        return None if mask is None else masked_column(name, mask, qualifier + dot)

    return replace_columns(text, replacement)


def masked(query: Query, columns: Iterable[str] | None = None) -> Query:
    """Return a query over spaxels with its measurements NULL where their masks have one of the BAD bits.

    The query has to hold the masks too: ``masked(lake.table("manga.spaxels"), ["stellar_vel"])``. Without `columns` it
    is done to every column of the query whose mask is a column of it as well; on the whole table these are 702, and
    planning such a query takes seconds.

    Raises UnknownColumn for one of `columns` that has no mask or is not in the query.
    """
    present = {column.name for column in query.columns}
    wanted = _partners(columns)
    partners = {name: mask for name, mask in wanted.items() if name in present and mask in present}
    if columns is not None and (left_out := wanted.keys() - partners.keys()):
        missing = ", ".join(f"{name} and {wanted[name]}" for name in sorted(left_out))
        raise UnknownColumn(f"the query has to hold both a column and its mask: {missing}")
    return query.with_columns(**{name: masked_column(name, mask) for name, mask in partners.items()})


def _partners(columns: Iterable[str] | None) -> Mapping[str, str]:
    known = mask_partners()
    if columns is None:
        return known
    chosen = {}
    for name in columns:
        if name.lower() not in known:
            raise UnknownColumn(f"{name!r} is no MaNGA column with a mask{did_you_mean(name, known)}")
        chosen[name.lower()] = known[name.lower()]
    return chosen
