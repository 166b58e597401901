"""A table on another server, as far as the query layer has to know it to ask for less than all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Remote", "RemoteColumn", "Request"]


@dataclass(frozen=True)
class RemoteColumn:
    """How a column is asked for, in the server's SQL.

    `value` has the rows' values as we see them. `operand` is what is compared for equality and `ordered` what ``<`` and
    ORDER BY take (of a text, another collation); each is empty where the server's comparison is not ours. `literal` is
    the server's type of a time's literal, empty for other columns.
    """

    value: str
    operand: str = ""
    ordered: str = ""
    literal: str = ""


@dataclass(frozen=True)
class Remote:
    """A server's table: `origin` is the name of the attachment that has it, `table` its name there, quoted."""

    origin: str
    table: str
    columns: Mapping[str, RemoteColumn] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Request:
    """What a statement asks of a server's table: the server's SQL, and the names of the columns that come."""

    sql: str
    columns: tuple[str, ...]
