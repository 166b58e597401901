"""A table on another server, as far as the query layer has to know it to ask for less than all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Remote", "RemoteColumn", "Request"]


@dataclass(frozen=True)
class RemoteColumn:
    """How a column is asked for, in the server's SQL.

    `value` has the rows' values as we see them. `operand` is what is compared; empty where the server's comparison
    is not ours. `ordered` is what ``<`` and ORDER BY take, which for texts is another collation.
    """

    value: str
    operand: str = ""
    ordered: str = ""


@dataclass(frozen=True)
class Remote:
    """A server's table: `origin` is the attachment that has it, `table` its name there, quoted."""

    origin: str
    table: str
    columns: Mapping[str, RemoteColumn] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Request:
    """What a statement asks of a server's table: the server's SQL, and the names of the columns that come."""

    sql: str
    columns: tuple[str, ...]
