"""Units of work, as they follow from footers; and which queries go row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse import Column
from skyhouse.errors import LakeError
from skyhouse.objects.unit import TARGET
from skyhouse.objects.units import shares, units_of
from skyhouse.query.predicates import Predicate
from skyhouse.query.relation import ROW, Part
from skyhouse.query.rowwise import row_wise
from skyhouse.query.statistics import Extent, FileFacts, Group

ROOT = Path("/lake")
NAMES = (Column("x", "int64"),)


class Facts:
    """Statistics of made-up files: path -> row groups."""

    def __init__(self, groups: dict[str, list[Group]]) -> None:
        self._groups = groups

    def files(self, part: Part) -> list[FileFacts]:
        return [FileFacts(path, 100) for path in part.files]

    def groups(self, files, *_):
        return {file.path: self._groups[file.path] for file in files if file.path in self._groups}


def units(groups, conditions=()):
    return units_of(Part(NAMES, ("/lake/s/t/a",)), ["x"], conditions, Facts({"/lake/s/t/a": groups}), ROOT)


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 3 * TARGET), st.booleans()), max_size=12))
def test_units_cover_the_row_groups_that_are_wanted_once(given_groups):
    extents = [{"x": Extent(0, 1)} if wanted else {"x": Extent(5, 6)} for _, _, wanted in given_groups]
    groups = [Group(rows, {"x": size}, e) for (rows, size, _), e in zip(given_groups, extents, strict=True)]
    found = units(groups, [Predicate("x", "<", (3,))])
    covered = [row for unit in found for row in range(unit.start, unit.stop)]
    due, first = [], 0
    for rows, _, wanted in given_groups:
        due += range(first, first + rows) if wanted else ()
        first += rows
    assert covered == due
    assert len({unit.source.key for unit in found}) == len(found)
    assert all(unit.rows <= 8192 for unit in found)
    assert [unit for share in shares(found) for unit in share] == found
    starts = [sum(rows for rows, _, _ in given_groups[:place]) for place in range(len(given_groups))]
    assert all(unit.start - unit.skipped in starts for unit in found)


def test_units_know_their_file():
    (unit,) = units([Group(10, {"x": 5}), Group(20, {"x": 7})])
    assert (unit.source.key, unit.path, unit.source.size, unit.source.mtime_ns) == ("s/t/a#0-30", "/lake/s/t/a", 100, 0)
    assert (unit.rows, unit.bytes) == (30, 12)
    with pytest.raises(LakeError, match="the footer of /lake/s/t/b cannot be read"):
        units_of(Part(NAMES, ("/lake/s/t/b",)), ["x"], (), Facts({}), ROOT)


ROW_BY_ROW = {
    "SELECT * FROM ztf.objects": (("object_id", "z", "name", "lc"), None),
    "SELECT lc AS c, object_id FROM ztf.objects": (("lc", "object_id"), None),
    "SELECT object_id, lc FROM ztf.objects WHERE z > 0.5": (("object_id", "lc"), ("z",)),
    "SELECT object_id, 2 * z AS zz, lc.mag FROM ztf.objects": (("object_id", None, None), ("z", "lc")),
    "SELECT object_id, lc FROM (SELECT * FROM ztf.objects WHERE z < 3) WHERE z > 1": (("object_id", "lc"), ("z",)),
    "SELECT a, y FROM (SELECT lc AS a, z + 1 AS y, name FROM ztf.objects) WHERE y > 1": (("lc", None), ("z",)),
}


@pytest.mark.parametrize("text", ROW_BY_ROW)
def test_queries_that_go_row_by_row(lake, text):
    found = row_wise(lake._context.resolved(lake.sql(text).tree))
    assert found is not None
    assert found.sources == ROW_BY_ROW[text][0]
    assert (None if found.statement is None else found.read) == ROW_BY_ROW[text][1]
    if found.statement is not None:
        assert [column.name for column in found.statement.columns][-1] == ROW


@pytest.mark.parametrize(
    "text",
    [
        "SELECT object_id, lc FROM ztf.objects LIMIT 3",
        "SELECT object_id, lc FROM ztf.objects ORDER BY z",
        "SELECT DISTINCT object_id FROM ztf.objects",
        "SELECT count(*) AS n FROM ztf.objects",
        "SELECT object_id, row_number() OVER (ORDER BY z) AS n FROM ztf.objects",
        "SELECT a.object_id FROM ztf.objects a JOIN ztf.objects b ON a.object_id = b.object_id + 1",
        "SELECT object_id FROM ztf.objects WHERE z = (SELECT max(z) FROM ztf.objects)",
        "SELECT object_id, m FROM ztf.objects, UNNEST(lc.mag) AS u(m)",
        "SELECT object_id FROM (SELECT object_id, z FROM ztf.objects LIMIT 5) WHERE z > 0",
        "SELECT object_id FROM ztf.objects UNION ALL SELECT object_id FROM ztf.objects",
        "WITH a AS (SELECT object_id FROM ztf.objects) SELECT object_id FROM a",
        "SELECT 1 AS one",
    ],
)
def test_queries_that_do_not(lake, text):
    assert row_wise(lake._context.resolved(lake.sql(text).tree)) is None
