"""What `EXPLAIN` tells: the engine that a query would run on and why, what it reads, the SQL that the engine gets."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from skyhouse.query.costs import CallCost
from skyhouse.query.estimate import Estimate
from skyhouse.query.reading import Read
from skyhouse.query.relation import Statement
from skyhouse.query.route import Route, told

__all__ = ["Explanation", "size_told"]


@dataclass(frozen=True)
class Explanation:
    """How a query would run: the route with what was predicted of each engine, the estimate, the lowered statement.

    `plan` is the engine's own plan where it was asked for, `costs` what calls of users' functions take, by the names
    that the estimate counts them by. Printing gives a text, `rows` a table of (item, value).
    """

    route: Route
    estimate: Estimate
    statement: Statement
    plan: str = ""
    costs: Mapping[str, CallCost] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        """The engine that would run the query."""
        return self.route.engine

    @property
    def reason(self) -> str:
        """Why that engine, in words."""
        return self.route.reason

    @property
    def predicted(self) -> dict[str, float]:
        """The seconds predicted of each engine that can run the query."""
        return {offer.engine: offer.prediction.seconds for offer in self.route.offers if offer.prediction is not None}

    @property
    def sql(self) -> str:
        """The SQL that the engine gets."""
        return self.statement.sql

    def rows(self) -> list[tuple[str, str]]:
        """Return (item, value) pairs, in the order of the text."""
        found = [("engine", self.engine), ("reason", self.reason)]
        for offer in self.route.offers:
            value = f"cannot: {offer.missing}" if offer.prediction is None else told(offer.prediction.seconds)
            found.append((f"predicted on {offer.engine}", value))
        found += [(f"reads {read.table}", _told(read)) for read in self.estimate.reads]
        found += [(f"asks for {scan.name}", scan.request.sql) for scan in self.statement.scans if scan.request]
        found += [(f"calls {name}", self._calls(name)) for name in self.estimate.calls]
        found.append(("bytes", size_told(self.estimate.bytes)))
        found.append(("result", f"about {self.estimate.rows:,.0f} rows"))
        if self.engine == "spark":
            found.append(("shuffles", f"{self.estimate.shuffles}, about {size_told(self.estimate.shuffled)}"))
        found.append(("sql", self.sql))
        if self.plan:
            found.append(("plan", self.plan))
        return found

    def _calls(self, name: str) -> str:
        cost = self.costs.get(name, CallCost())
        taken = "" if cost.known else ", a guess until it has run"
        return f"about {self.estimate.calls[name]:,.0f} times, {1e6 * cost.seconds:,.3g} us each{taken}"

    def __str__(self) -> str:
        width = max(len(item) for item, _ in self.rows())
        gap = "\n" + " " * (width + 2)
        return "\n".join(f"{item:<{width}}  {value.replace(chr(10), gap)}" for item, value in self.rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(item)}</th>"
            f"<td style='text-align:left'><pre style='margin:0'>{html.escape(value, quote=False)}</pre></td></tr>"
            for item, value in self.rows()
        )
        return f"<table>{cells}</table>"


def _told(read: Read) -> str:
    about = "" if read.exact else "about "
    words = [f"{read.files:,} of {read.files_there:,} files"] if read.files_there else []
    if read.groups_there:
        words.append(f"{about}{read.groups:,} of {read.groups_there:,} row groups")
    words.append(f"{about}{size_told(read.bytes)} in {len(read.columns)} columns")
    words.append(f"{about}{read.rows:,} of {read.rows_there:,} rows")
    if read.conditions:
        words.append(f"some {read.kept:,.0f} left by conditions")
    return ", ".join(words)


def size_told(size: float) -> str:
    """Return bytes as people read them.

    >>> size_told(999), size_told(8_633_434_654)
    ('999 bytes', '8.63 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"
