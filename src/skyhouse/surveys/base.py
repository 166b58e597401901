"""What a survey is to the house: tables, and a converter from one raw file to rows of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from skyhouse.lake.definition import Definition

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

    from skyhouse.engine.base import TaskRunner
    from skyhouse.lake.registry import Registry
    from skyhouse.query.query import Query

__all__ = ["Lake", "Survey", "Workplace"]


class Lake(Protocol):
    """What a survey's questions and pictures ask of an open lake; a `skyhouse.Lake` is one."""

    def sql(self, text: str, *, dialect: str = "sql", engine: str | None = None) -> Query:
        """Return the query of a SELECT."""
        ...

    def table(self, name: str) -> Query:
        """Return the query of all rows of a table."""
        ...


class Workplace(Lake, Protocol):
    """What a simulator asks of an open lake: where tables go, and who does the work; a `skyhouse.Lake` is one."""

    registry: Registry

    def check_writable(self, schema: str) -> None:
        """Raise InputError for a schema that may not be written."""
        ...

    def runner(self, engine: str | None = None) -> TaskRunner:
        """Return what runs tasks: "pool" (the default) or "spark"."""
        ...


class Survey(Protocol):
    """A survey's converter. It is picklable (no state), since tasks carry it to their workers."""

    @property
    def name(self) -> str:
        """The survey's name, which is also its schema in a lake."""
        ...

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """The survey's tables, by name."""
        ...

    def reading(self, **options: Any) -> Survey:
        """Return the converter with these options, which are the survey's own. Raises InputError for others."""
        ...

    def identify(self, path: str) -> str:
        """Return the key of the unit that a raw file holds, from its name alone ("7815-3702/HYB10-...").

        Raises FormatError for a name that is none of the survey's.
        """
        ...

    def tables_of(self, path: str) -> tuple[str, ...]:
        """Return the names of the tables that a raw file's rows go to, by the file's name alone."""
        ...

    def convert(self, path: str) -> Mapping[str, pa.Table]:
        """Read one raw file into rows of each table, as the definitions' schemas say, sorted by their sort order.

        Raises FormatError.
        """
        ...

    def open_raw(self, lake: Lake, row: Any, kind: str = "MAPS") -> HDUList:
        """Open the raw file behind a row of one of the survey's tables, or the file of another kind beside it.

        Raises InputError for a row of an unknown object, FormatError where the file is gone.
        """
        ...
