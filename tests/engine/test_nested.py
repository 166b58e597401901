"""Functions of lists against numpy, and what a query reads of a nested column, on every engine."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyhouse.columns import Column
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse
from skyhouse.query.relation import Part, Relation
from skyhouse.testing import Shelf, shelve

ITEMS = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.0])
WHOLES = st.none() | st.integers(-(2**40), 2**40)
ROWS = st.lists(
    st.tuples(st.none() | st.lists(ITEMS, max_size=7), st.none() | st.lists(WHOLES, max_size=5)),
    min_size=40,
    max_size=40,
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
QUERY = """
SELECT list_sum(x) AS sum, list_avg(x) AS avg, list_median(x) AS median, list_stddev(x) AS stddev,
    list_stddev_pop(x) AS stddev_pop, list_min(x) AS min, list_max(x) AS max, list_sort(x) AS sort,
    list_sort(x, 'DESC') AS down, list_distinct(x) AS distinct, list_reverse(x) AS reverse, len(x) AS len,
    list_count(x) AS count, x[2] AS second, x[-1] AS last, x[2:-2] AS slice, list_filter(x, v -> v > 0) AS filter,
    list_transform(x, v -> 1 / v) AS inverse, list_sum(n) AS n_sum, list_transform(n, (v, i) -> v * i) AS n_times,
    list_reduce(n, (s, v) -> s + coalesce(v, 0), 0) AS n_reduce, list_dot_product(n, x) AS dot,
    list_zip(n, x) AS zip, list_position(x, 1) AS place, list_contains(n, 0) AS zero
FROM t.lists
"""


def truth(x, n):
    values = np.array([v for v in x if v is not None])
    some = values.size > 0
    with np.errstate(all="ignore"):
        found = {
            "sum": values.sum() if some else None,
            "avg": values.mean() if some else None,
            "median": median(np.sort(values)) if some else None,
            "stddev": values.std(ddof=1) if values.size > 1 else None,
            "stddev_pop": values.std() if some else None,
            "min": np.fmin.reduce(values) if some else None,
            "max": values.max() if some else None,
            "inverse": [None if v in (None, 0) else 1 / v for v in x],
        }
    lacking = [None] * (len(x) - values.size)
    rising = np.sort(values).tolist()
    return (
        found
        | {
            "sort": rising + lacking,
            "down": rising[::-1] + lacking,
            "distinct": np.unique(values).tolist(),
            "reverse": x[::-1],
            "len": len(x),
            "count": values.size,
            "second": x[1] if len(x) > 1 else None,
            "last": x[-1] if x else None,
            "slice": x[1 : max(len(x) - 1, 0)],
            "filter": [v for v in x if v is not None and not v <= 0],
            "place": x.index(1.0) + 1 if 1.0 in x else None,
        }
        | whole_truth(n, x)
    )


def whole_truth(n, x):
    if n is None:
        return dict.fromkeys(("n_sum", "n_times", "n_reduce", "dot", "zero"))
    known = [v for v in n if v is not None]
    products = np.array([a * b for a, b in zip(n, x or [], strict=False) if a is not None and b is not None])
    with np.errstate(all="ignore"):
        dot = products.sum() if products.size and x is not None else None
    return {
        "n_sum": sum(known) if known else None,
        "n_times": [None if v is None else v * i for i, v in enumerate(n, 1)],
        "n_reduce": sum(known),
        "dot": dot,
        "zero": 0 in known,
    }


def median(rising):
    low, high = rising[(rising.size - 1) // 2], rising[rising.size // 2]
    return low / 2 + high / 2


def agrees(found, due, scale):
    if isinstance(due, list):
        return (
            isinstance(found, list)
            and len(found) == len(due)
            and all(agrees(f, d, 0) for f, d in zip(found, due, strict=True))
        )
    if due is None or found is None:
        return found is due
    if math.isnan(due) or math.isinf(due):
        return repr(float(found)) == repr(float(due))
    return found == due if isinstance(due, int) else math.isclose(found, due, rel_tol=1e-9, abs_tol=1e-9 * scale)


def test_lists_are_as_numpy_has_them(engine, both_engines, tmp_path):
    @settings(max_examples=25 if engine == "duckdb" else 2, deadline=None, suppress_health_check=SLOW)
    @given(rows=ROWS)
    def check(rows):
        x = pa.array([x for x, _ in rows], pa.list_(pa.float64()))
        n = pa.array([n for _, n in rows], pa.list_(pa.int64()))
        # A folder of its own: a file that changes within a tick of the clock has an old footer in DuckDB's cache.
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        tables = Shelf(shelve(folder, "t.lists", pa.table({"x": x, "n": n})))
        found = both_engines[engine].batches(lower(parse(QUERY), tables, engine)).read_all().to_pylist()
        for (x, n), row in zip(rows, found, strict=True):
            assert_true(x, n, row)

    check()


def assert_true(x, n, row):
    longest = max(len(x or []), len(n or []))
    padded = [(n or []) + [None] * longest, (x or []) + [None] * longest]
    zipped = [{"n": padded[0][i], "x": padded[1][i]} for i in range(longest)]
    assert repr(row.pop("zip")) == repr(zipped)
    due = truth(x, n) if x is not None else dict.fromkeys(row) | whole_truth(n, x)
    scale = sum(abs(v) for v in x or [] if v is not None and math.isfinite(v))
    scale *= max([1, *(abs(v) for v in n or [] if v is not None)])
    wrong = {name: (row[name], due[name]) for name in row if not agrees(row[name], due[name], scale)}
    assert not wrong, f"{x} {n}"


def test_only_the_leaves_that_are_asked_for_are_read(engine, both_engines, tmp_path):
    # The file of another field is spoiled where that field's pages lie: who reads them fails.
    rng = np.random.default_rng(3)
    curves = [{"mjd": rng.random(500).tolist(), "mag": rng.random(500).tolist()} for _ in range(200)]
    path = tmp_path / "curves.parquet"
    pq.write_table(pa.table({"lc": curves}), path, compression="zstd", use_dictionary=False)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    assert chunk.path_in_schema.startswith("lc.mjd")
    data = bytearray(path.read_bytes())
    start, size = chunk.data_page_offset, chunk.total_compressed_size
    data[start : start + size] = bytes(size)
    path.write_bytes(bytes(data))
    column = Column("lc", "struct<mjd:list<float64>,mag:list<float64>>")
    tables = Shelf(Relation("t.curves", (Part((column,), (str(path),)),), rows=200))
    for text in (
        "SELECT sum(list_sum(lc.mag)) AS s FROM t.curves",
        "SELECT sum(m) AS s FROM t.curves, UNNEST(lc.mag) AS u(m)",
        "SELECT sum(list_sum(list_filter(lc.mag, v -> v >= 0))) AS s FROM t.curves",
    ):
        (row,) = both_engines[engine].batches(lower(parse(text), tables, engine)).read_all().to_pylist()
        assert row["s"] == pytest.approx(sum(sum(curve["mag"]) for curve in curves))


def test_lists_keep_their_unit(engine, both_engines, tmp_path):
    shelved = shelve(tmp_path, "t.spectra", pa.table({"flux": [[1.0, 2.0]]}))
    flux = Column("flux", "list<float64>", "1e-17 erg/s/cm2", "phot.flux", "spectrum")
    tables = Shelf(replace(shelved, parts=(replace(shelved.parts[0], columns=(flux,)),)))
    text = """
        SELECT flux, flux[1] AS a, list_max(flux) AS b, flux[1:1] AS c, f AS d, len(flux) AS e,
            list_filter(flux, v -> v > 1) AS g FROM t.spectra, UNNEST(flux) AS u(f)
    """
    schema = both_engines[engine].batches(lower(parse(text), tables, engine)).schema
    units = [(field.metadata or {}).get(b"unit", b"").decode() for field in schema]
    assert units == [flux.unit] * 5 + ["", flux.unit]
