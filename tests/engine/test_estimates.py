"""Whatever the language can say has an estimate: every probe that resolves."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path

import pytest

from skyhouse.errors import SkyhouseError
from skyhouse.query.costs import DUCKDB, SPARK, predict
from skyhouse.query.estimate import estimate
from skyhouse.query.parse import parse
from skyhouse.query.resolve import resolve
from skyhouse.query.statistics import NoStatistics

PROBES = [
    " ".join(text.split())
    for path in sorted((Path(__file__).parent / "probes").glob("*.txt"))
    for text in re.findall(r"^\? (.*(?:\n {2,}.*)*)", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("start", range(0, len(PROBES), 50))
def test_every_probe_has_an_estimate(start, probe_tables):
    for probe in PROBES[start : start + 50]:
        try:
            resolved = resolve(parse(probe), probe_tables)
        except SkyhouseError:
            continue
        before = resolved.tree.sql()
        found = estimate(resolved, NoStatistics())
        assert resolved.tree.sql() == before, probe
        numbers = [getattr(found, field.name) for field in fields(found) if field.name not in ("reads", "calls")]
        assert all(0 <= number < math.inf for number in [*numbers, found.bytes, found.scanned]), probe
        for engine, rates in (("duckdb", DUCKDB), ("spark", SPARK)):
            assert 0 < predict(engine, found, rates).seconds < 60, probe
        scanned = {scan.relation.name for scan in resolved.scans}
        assert {read.table for read in found.reads} == scanned, probe
        for scan in resolved.scans:
            read = {name for one in found.reads if one.table == scan.name for name in one.columns}
            assert read <= set(scan.columns), probe
