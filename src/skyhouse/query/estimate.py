"""What a query will read and do, before it runs: files, row groups, bytes, rows, shuffles.

Sizes come from the log and the footers of the files behind each scan; how many rows conditions, joins and groups leave
is guessed as databases do, from bounds and NULL counts, with values taken as evenly spread. Pure: the statistics are
handed in.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.predicates import Predicate, conjuncts, predicate, share
from skyhouse.query.reading import Read, read_of
from skyhouse.query.relation import Relation, Scan
from skyhouse.query.resolve import Resolved
from skyhouse.query.shape import (
    COMPUTED,
    below,
    columns_read,
    hand_on,
    inner_queries,
    is_aggregate,
    is_plain,
    key_columns,
    key_values,
    last_row,
    links_two,
    names_called,
    nullable_aliases,
    windows,
)
from skyhouse.query.statistics import Statistics

__all__ = ["Estimate", "estimate"]

_OTHER = 0.33  # the share of rows that a condition keeps which is more than a column and constants
_WIDTHS = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "int32": 4, "float32": 4, "date": 4, "string": 16}
_BROADCAST = 10_000_000  # bytes of a join's smaller side up to which Spark does not shuffle
_MANY = 1e18  # rows beyond which nobody counts
_PACKED = 3.0  # rows in memory over the same in Parquet, where nothing is known of the latter
_NOT_NULLABLE = {"": "both", "INNER": "both", "CROSS": "both", "LEFT": "right", "RIGHT": "left"}


@dataclass
class Estimate:
    """What a query will read and do.

    `filtered`, `joined`, `grouped`, `sorted` are rows that pass such a step; `shuffles` the times that rows change
    places between Spark's tasks, `shuffled` the bytes of it; `memory` the bytes of the largest table that is held for
    a join, groups or a sort; `rows` and `values` those of the result; `calls` how many times users' functions are
    called, by their names in lower case.
    """

    reads: list[Read] = field(default_factory=list)
    filtered: float = 0.0
    joined: float = 0.0
    grouped: float = 0.0
    sorted: float = 0.0
    shuffles: int = 0
    shuffled: float = 0.0
    memory: float = 0.0
    rows: float = 0.0
    values: float = 0.0
    calls: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Compressed bytes of all columns read."""
        return sum(read.bytes for read in self.reads)

    @property
    def size(self) -> int:
        """Bytes of all files that are opened, whole."""
        return sum(read.size for read in self.reads)

    @property
    def files(self) -> int:
        """Files that are opened."""
        return sum(read.files for read in self.reads)

    @property
    def groups(self) -> int:
        """Row groups that are read."""
        return sum(read.groups for read in self.reads)

    @property
    def scanned(self) -> int:
        """Rows that are read of all tables."""
        return sum(read.rows for read in self.reads)


def estimate(resolved: Resolved, statistics: Statistics) -> Estimate:
    """Return what a checked query will read and do; its tree is only looked at. Raises QueryError for one too deep."""
    try:
        return _estimated(resolved, statistics)
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error


def _estimated(resolved: Resolved, statistics: Statistics) -> Estimate:
    estimator = _Estimator({scan.name: scan for scan in resolved.scans}, statistics, columns_read(resolved.tree))
    flow = estimator.query(resolved.tree, {})
    found = estimator.found
    found.rows = flow.rows
    found.values = flow.rows * len(resolved.columns)
    return found


@dataclass(slots=True)
class _Flow:
    """Rows on their way: about how many, how many they were before conditions, and bytes of one in memory.

    `distinct`: about how many values columns have, by alias and name, where that is known.
    """

    rows: float
    total: float
    width: float
    distinct: dict[tuple[str, str], float] = field(default_factory=dict)


def _meeting(join: exp.Join, distinct: Mapping[tuple[str, str], float]) -> float:
    """Return how many values the columns have that a join equates, the larger number of each two; 0 if not known."""
    found = 1.0
    for condition in conjuncts(join.args.get("on")):
        sides = (condition.this, condition.expression) if links_two(condition) else ()
        known = [distinct.get((side.table, side.name), 0.0) for side in sides if isinstance(side, exp.Column)]
        if sides and (len(known) < len(sides) or 0.0 in known):
            return 0.0
        found *= max(known, default=1.0)
    return found if found > 1 else 0.0


@dataclass
class _Estimator:
    scans: dict[str, Scan]
    statistics: Statistics
    columns: dict[tuple[int, str], set[str]]
    found: Estimate = field(default_factory=Estimate)

    def query(self, node: exp.Expr, ctes: dict[str, _Flow], pushed: Sequence[Predicate] = ()) -> _Flow:
        clause = node.args.get("with_")
        if clause is not None:
            ctes = dict(ctes)
            for cte in clause.expressions:
                if clause.args.get("recursive"):
                    ctes[cte.alias.lower()] = _Flow(1000, 1000, 16)
                ctes[cte.alias.lower()] = self.query(cte.this, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, ctes, pushed)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes)
        if isinstance(node, exp.Subquery):
            return self._tail(node, self.query(node.this, ctes), early=False)
        return _Flow(len(node.expressions), len(node.expressions), 16)

    def _set_operation(self, node: exp.SetOperation, ctes: dict[str, _Flow]) -> _Flow:
        left, right = self.query(node.left, ctes), self.query(node.right, ctes)
        flow = _Flow(left.rows + right.rows, left.total + right.total, max(left.width, right.width))
        if not isinstance(node, exp.Union):
            flow.rows = left.rows / 2
        if node.args.get("distinct") or not isinstance(node, exp.Union):
            self._grouped(left.rows + right.rows, flow.rows, flow.width)
        return self._tail(node, flow, early=False)

    # -- SELECT ----------------------------------------------------------------------------------------------

    def _select(self, node: exp.Select, ctes: dict[str, _Flow], pushed: Sequence[Predicate]) -> _Flow:
        conditions = list(conjuncts(node.args["where"].this if node.args.get("where") else None))
        early = self._stops_early(node)
        flow = self._from(node, conditions, ctes, early if not pushed else None, pushed)
        computed = [found for key in COMPUTED if key != "where" and (found := node.args.get(key))]
        self._called(computed, flow.rows if early is None else min(flow.rows, early))
        for subquery in inner_queries(node):
            self._beside(flow, self.query(subquery, ctes))
        flow = self._aggregate(node, flow)
        for count in windows(node):
            self._sorted(flow.rows, flow.width)
            flow.width += 8 * count
        if node.args.get("distinct"):
            before, flow.rows = flow.rows, max(1.0, flow.rows**0.75)
            self._grouped(before, flow.rows, flow.width)
        if node.args.get("having") or node.args.get("qualify"):
            flow.rows *= _OTHER
        return self._tail(node, flow, early is not None)

    def _stops_early(self, node: exp.Select) -> float | None:
        """Return after how many rows of its one source a query is done, or None where it needs all of them."""
        limit = last_row(node)
        if limit is None or any(node.args.get(c) for c in ("joins", "group", "order", "distinct", "qualify", "having")):
            return None
        for item in node.expressions:
            if item.find(exp.Window) or is_aggregate(item):
                return None
        return limit

    def _from(
        self,
        node: exp.Select,
        where: list[exp.Expr],
        ctes: dict[str, _Flow],
        early: float | None,
        pushed: Sequence[Predicate],
    ) -> _Flow:
        clause = node.args.get("from_")
        if clause is None:
            return _Flow(1, 1, 8)
        joins = node.args.get("joins") or []
        placed: dict[str, list[Predicate]] = {}
        nullable = nullable_aliases(clause.this, joins)
        rest = 0
        said = [(found, condition) for condition in where for found in [predicate(condition)]]
        for found, condition in [*said, (below(node, pushed), None)]:
            for column, one in found:
                # A row that an outer join made up has NULLs; IS NULL lets it through, whatever the table holds.
                if column.table not in nullable or one.operator != "null":
                    placed.setdefault(column.table, []).append(one)
            rest += condition is not None and not found and not links_two(condition)
        links = [self._link(join, where, placed, nullable) for join in joins]
        for join in joins:
            if join.args.get("method"):
                placed.pop(join.this.alias_or_name, None)  # ASOF picks the nearest row before WHERE looks at it
        for join in joins:
            hand_on(join, where, placed)
        flow = self._source(node, clause.this, placed, ctes, early)
        for join, linked in zip(joins, links, strict=True):
            flow = self._join(join, linked, flow, self._source(node, join.this, placed, ctes, None))
        if where:
            self.found.filtered += flow.rows if joins else 0
            self._called(where, flow.rows)
            flow.rows *= _OTHER**rest
        return flow

    def _link(
        self, join: exp.Join, where: list[exp.Expr], placed: dict[str, list[Predicate]], nullable: set[str]
    ) -> bool:
        """Put what an ON says of single tables to these; return whether an equality links the join's two sides."""
        side = join.side.upper() if join.kind.upper() != "ANTI" else "LEFT"
        keeps = "both" if join.kind.upper() == "SEMI" else _NOT_NULLABLE.get(side, "none")
        alias = join.this.alias_or_name
        on = list(conjuncts(join.args.get("on")))
        for condition in on:
            for column, one in predicate(condition):
                whose = "right" if column.table == alias else "left"
                if keeps in ("both", whose) and (column.table not in nullable or one.operator != "null"):
                    placed.setdefault(column.table, []).append(one)
        return any(links_two(c) and alias in {x.table for x in c.find_all(exp.Column)} for c in [*on, *where])

    def _source(
        self,
        node: exp.Select,
        source: exp.Expr,
        placed: dict[str, list[Predicate]],
        ctes: dict[str, _Flow],
        early: float | None,
    ) -> _Flow:
        alias = source.alias_or_name
        if isinstance(source, exp.Table) and source.name in self.scans:
            scan = self.scans[source.name]
            everything = any(isinstance(item, exp.Star) for item in node.expressions)  # around a sample
            columns = scan.columns if everything else self.columns.get((id(node), alias), ())
            keys = key_columns(node).get(alias, set())
            return self._scan(alias, scan.relation, columns, placed.get(alias, []), early, keys)
        if isinstance(source, exp.Table):
            known = ctes.get(source.name.lower(), _Flow(1, 1, 8))
            flow = _Flow(known.rows, known.total, known.width)
        elif isinstance(source, exp.Subquery):
            flow = self.query(source.this, ctes, placed.get(alias, []))
            if isinstance(source.this, exp.Select) and is_plain(source.this):
                return flow
        elif isinstance(source, exp.Lateral) and isinstance(source.this, exp.Query):
            flow = self.query(source.this, ctes)
        else:
            return _Flow(10, 10, 16)
        flow.rows *= share(placed.get(alias, []), {}, int(flow.rows))
        return flow

    def _scan(
        self,
        alias: str,
        relation: Relation,
        columns: Collection[str],
        conditions: list[Predicate],
        early: float | None,
        keys: Collection[str],
    ) -> _Flow:
        names = [c.name for c in relation.columns if c.name in columns]
        missing = set(names)
        reads = []
        for number, part in enumerate(relation.parts):
            held = [name for name in names if name in missing and name in part.names]
            if number and not held:
                continue
            missing -= set(held)
            key = [name for name in relation.join_key if number and name not in held and name in part.names]
            known = [one for one in conditions if one.column in part.names]
            reads.append(read_of(relation, part, [*held, *key], known, self.statistics, early, keys))
        self.found.reads += reads
        first = reads[0]
        kept = first.kept
        for other in reads[1:]:
            kept *= other.kept / other.rows_there if other.rows_there else 1.0
            self.found.joined += first.rows + other.rows
            self.found.shuffles += 1
            self.found.memory = max(self.found.memory, other.bytes * _PACKED)
        if conditions:
            self.found.filtered += first.rows
        types = {column.name: column.type for column in relation.columns}
        width = sum(_WIDTHS.get(types[name], 8) for name in names)
        distinct = {(alias, name): min(many, kept) for read in reads for name, many in read.distinct.items()}
        return _Flow(kept, max(first.rows_there, 1), width, distinct)

    def _called(self, parts: Iterable[exp.Expr | list[exp.Expr]], rows: float) -> None:
        """Count the calls of users' functions in parts of a SELECT; equal ones are made once a row."""
        for name in names_called(parts):
            self.found.calls[name] = self.found.calls.get(name, 0.0) + rows

    # -- steps -----------------------------------------------------------------------------------------------

    def _join(self, join: exp.Join, linked: bool, left: _Flow, right: _Flow) -> _Flow:
        side, word = join.side.upper(), join.kind.upper()
        smaller = min(left, right, key=lambda flow: flow.rows * flow.width)
        if linked:
            values = _meeting(join, {**left.distinct, **right.distinct}) or min(left.total, right.total)
            rows = left.rows * right.rows / max(1.0, values)
            rows = min(rows, _MANY)
            self.found.joined += left.rows + right.rows + rows
        else:
            pairs = min(left.rows * right.rows, _MANY)
            rows = pairs if word == "CROSS" else pairs * _OTHER
            self.found.joined += pairs
        self.found.memory = max(self.found.memory, smaller.rows * smaller.width)
        self.found.shuffles += 1
        if linked and smaller.rows * smaller.width > _BROADCAST:
            self.found.shuffles += 1
            self.found.shuffled += left.rows * left.width + right.rows * right.width
        if word in ("SEMI", "ANTI"):
            part = min(1.0, right.rows / max(1.0, right.total))
            return _Flow(left.rows * (part if word == "SEMI" else 1 - part / 2), left.total, left.width)
        if side in ("LEFT", "FULL"):
            rows = max(rows, left.rows)
        if side in ("RIGHT", "FULL"):
            rows = max(rows, right.rows)
        distinct = {key: min(many, rows) for key, many in (left.distinct | right.distinct).items()}
        return _Flow(rows, max(left.total, right.total), left.width + right.width, distinct)

    def _beside(self, flow: _Flow, inner: _Flow) -> None:
        """Count what a query inside an expression costs the one around it: a join."""
        self.found.joined += flow.rows + inner.rows
        self.found.shuffles += 1
        self.found.memory = max(self.found.memory, inner.rows * inner.width)

    def _aggregate(self, node: exp.Select, flow: _Flow) -> _Flow:
        group = node.args.get("group")
        keys = group.expressions if group is not None else []
        if group is None and not any(is_aggregate(item) for item in node.expressions):
            return flow
        width = 8.0 * len(node.expressions) + 16
        if not keys:
            self.found.filtered += flow.rows
            self.found.shuffles += 1
            return _Flow(1, 1, width)
        groups = max(1.0, min(flow.rows, math.prod(key_values(key, flow.rows, flow.distinct) for key in keys[:20])))
        self._grouped(flow.rows, groups, width)
        return _Flow(groups, groups, width)

    def _grouped(self, rows: float, groups: float, width: float) -> None:
        self.found.grouped += rows
        self.found.shuffles += 1
        self.found.shuffled += min(rows, groups * 4) * width
        self.found.memory = max(self.found.memory, groups * (width + 32))

    def _sorted(self, rows: float, width: float) -> None:
        self.found.sorted += rows
        self.found.shuffles += 1
        self.found.shuffled += rows * width
        self.found.memory = max(self.found.memory, rows * width)

    def _tail(self, node: exp.Expr, flow: _Flow, early: bool) -> _Flow:
        limit = last_row(node)
        if node.args.get("order"):
            if limit is not None and limit < flow.rows / 10:
                self.found.filtered += flow.rows  # the first few are held in a heap
                self.found.shuffles += 1
            else:
                self._sorted(flow.rows, flow.width)
        if limit is not None:
            return _Flow(min(flow.rows, limit), flow.total if early else min(flow.rows, limit), flow.width)
        return flow
