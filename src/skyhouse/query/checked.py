"""The queries that were checked lately, so that none is checked again at each use while its tables stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlglot import exp

from skyhouse.errors import SkyhouseError
from skyhouse.query.registered import NONE, Registered
from skyhouse.query.relation import Tables
from skyhouse.query.resolve import Resolved, resolve

__all__ = ["Checked"]

_KEPT = 8


class Checked:
    """Resolves queries on tables and keeps the last few; trees that are handed in are not changed afterwards."""

    def __init__(self, tables: Tables, functions: Mapping[str, Registered] = NONE) -> None:
        self._tables = tables
        self._functions = functions
        self._kept: dict[int, tuple[exp.Query, Resolved]] = {}
        self._lock = threading.Lock()

    def resolved(self, tree: exp.Query) -> Resolved:
        """Return a checked query, to look at only: who lowers it takes a `copy`. Raises what `resolve` raises."""
        with self._lock:
            known = self._kept.get(id(tree))
        if known is not None and known[0] is tree and self._stands(known[1]):
            return known[1]
        found = resolve(tree, self._tables, self._functions)
        with self._lock:
            self._kept.pop(id(tree), None)
            self._kept[id(tree)] = tree, found
            for oldest in list(self._kept)[:-_KEPT]:
                del self._kept[oldest]
        return found

    def _stands(self, resolved: Resolved) -> bool:
        """Whether all tables and functions are what they were; a query of one that is gone is checked again."""
        if any(self._functions.get(name) is not function for name, function in resolved.functions.items()):
            return False
        try:
            return all(self._tables.relation(scan.relation.name) == scan.relation for scan in resolved.scans)
        except SkyhouseError:
            return False
