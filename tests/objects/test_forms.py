"""The three forms give the same for the same rows; what is wrong with a function is said by its name."""

from __future__ import annotations

import datetime as dt
import pickle

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skyhouse
from skyhouse import Column
from skyhouse.errors import InputError, TaskError

RETURNS = [Column("amplitude", "float32", unit="mag"), Column("n", "int32")]
CURVE = pa.struct([("mjd", pa.list_(pa.float64())), ("mag", pa.list_(pa.float32()))])


@skyhouse.function(returns=RETURNS)
def by_object(obj):
    mag = obj.lc.mag
    return {"amplitude": (mag.max() - mag.min()) / 2 + obj.z if mag.size else np.nan, "n": len(mag)}


@skyhouse.function(returns=RETURNS, per="batch")
def by_batch(batch):
    mags = pa.compute.struct_field(batch["lc"], "mag").to_pylist()
    spans = [(max(m) - min(m)) / 2 + z if m else np.nan for m, z in zip(mags, batch["z"].to_pylist(), strict=True)]
    return {"n": np.array([len(m) for m in mags], int), "amplitude": np.array(spans, float)}


@skyhouse.function(returns=RETURNS, per="compiled", inputs=["lc.mag", "z"])
def by_number(mag, z):
    if mag.size == 0:
        return np.nan, 0
    return (mag.max() - mag.min()) / 2 + z, mag.size


def rows_of(curves) -> pa.Table:
    lc = [{"mjd": list(range(len(c))), "mag": c} for c in curves]
    return pa.table({"id": range(len(lc)), "lc": pa.array(lc, CURVE), "z": pa.array([0.0] * len(lc), pa.float64())})


@given(st.lists(st.lists(st.floats(10, 25, width=32), max_size=5), max_size=8), st.integers(0, 3))
def test_all_forms_give_the_same(curves, skipped):
    rows = rows_of(curves).slice(skipped)  # buffers with an offset
    parts = pa.concat_tables([rows.slice(0, 2), rows.slice(2)])  # and in chunks
    expected = by_object.applied(rows).columns
    assert expected.schema == by_object.schema
    assert expected.num_rows == rows.num_rows
    for one in (by_object, by_batch, by_number):
        for given_rows in (rows, parts, *rows.combine_chunks().to_batches()[:1]):
            found = one.applied(given_rows)
            assert not found.failures
            assert found.columns.schema == expected.schema
            assert str(found.columns.to_pydict()) == str(expected.to_pydict())


def values(column, **rest):
    """What an object's attribute is, of each row."""
    seen = []
    kept = skyhouse.function(returns=[Column("n", "int8")])(lambda obj: seen.append(obj.x))
    kept.applied(pa.table({"x": pa.array(column, **rest)}))
    return seen


def test_scalars_are_python_values_and_null_is_none():
    assert values([1, None]) == [1, None]
    assert values([1.5, None]) == [1.5, None]
    assert values(["a", None]) == ["a", None]
    assert values([True, None]) == [True, None]
    assert values([dt.date(2020, 1, 2)]) == [dt.date(2020, 1, 2)]
    assert values([b"a"]) == [b"a"]
    assert values(pa.array(["a", "b", "a"]).dictionary_encode()) == ["a", "b", "a"]


def test_lists_of_numbers_are_views():
    column = pa.array([[1.5, 2.5], None, [], [3.5]], pa.list_(pa.float32()))
    first, null, empty, last = values(column)
    assert null is None
    assert empty.size == 0
    assert first.dtype == np.float32
    assert first.base is not None
    assert np.shares_memory(first, column.values.to_numpy())
    with pytest.raises(ValueError, match="read-only"):
        first.sort()
    assert last.tolist() == [3.5]
    assert values([[1, None]])[0].tolist() == [1.0, pytest.approx(np.nan, nan_ok=True)]
    assert values([[True, False]])[0].dtype == bool
    fixed = values([[1.0, 2.0], None], type=pa.list_(pa.float64(), 2))
    assert fixed[0].tolist() == [1.0, 2.0]
    assert fixed[1] is None


def test_other_lists_are_python_lists():
    assert values([["a", None], None]) == [["a", None], None]
    assert values([[[1], []]]) == [[[1], []]]
    assert values([[{"a": 1}]]) == [[{"a": 1}]]


def test_structs_are_objects_again():
    found = values([{"a": {"b": [1, 2]}, "from": "x"}, {"a": None, "from": None}, None])
    assert found[0].a.b.tolist() == [1, 2]
    assert found[0].a.b is found[0].a.b  # kept, once asked for
    assert found[0]["from"] == "x"
    assert list(found[0]) == ["a", "from"]
    assert found[1].a is None
    assert found[2] is None


def test_an_unknown_attribute_is_named():
    wrong = skyhouse.function(returns=[Column("n", "int8")])(lambda obj: obj.lc.magg)
    (failure,) = wrong.applied(rows_of([[1.0]])).failures
    assert failure.exception == "AttributeError"
    assert failure.message == "the lc has no column 'magg'; it has mjd, mag"


def test_an_exception_is_its_objects():
    @skyhouse.function(returns=RETURNS)
    def fails(obj):
        if obj.id == 1:
            raise ValueError("no points")
        return {"amplitude": 1.0, "n": obj.id}

    found = fails.applied(rows_of([[1.0]] * 3))
    assert found.columns.to_pydict() == {"amplitude": [1.0, None, 1.0], "n": [0, None, 2]}
    assert found.good.tolist() == [True, False, True]
    (failure,) = found.failures
    assert (failure.row, failure.exception, failure.message) == (1, "ValueError", "no points")
    assert failure.trace.endswith("ValueError: no points")
    assert 'raise ValueError("no points")' in failure.trace
    assert "objects/forms.py" not in failure.trace.replace("tests/objects", "")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"amplitude": 1.0}, "what it returned lacks 'n'"),
        ({"amplitude": 1.0, "n": 1, "m": 2}, "what it returned has 'm', which is not declared"),
        ({"amplitude": 1.0, "m": 1}, "what it returned lacks 'n'"),
        (1.0, "it returned 1.0; declared are amplitude, n"),
        (None, "it returned None"),
        ({"amplitude": "bright", "n": 1}, "is not as declared"),
        ({"amplitude": 1.0, "n": 1.5}, "is not as declared"),
        ({"amplitude": 1.0, "n": np.float32(1.5)}, "is not as declared"),
        ({"amplitude": 1.0, "n": 2**40}, "is not as declared"),
        ({"amplitude": 1.0, "n": float("nan")}, "is not as declared"),
    ],
)
def test_an_object_for_which_it_returns_something_else_fails(returned, message):
    @skyhouse.function(returns=RETURNS)
    def odd(obj):
        if obj.id == 0:
            raise ValueError
        return returned if obj.id == 2 else {"amplitude": np.float32(0.5), "n": np.int64(obj.id)}

    found = odd.applied(rows_of([[1.0]] * 4))
    assert found.columns.to_pydict() == {"amplitude": [None, 0.5, None, 0.5], "n": [None, 1, None, 3]}
    assert [failure.row for failure in found.failures] == [0, 2]
    assert found.failures[1].message.startswith("function odd: ")
    assert message in found.failures[1].message


def test_one_declared_column_takes_the_bare_value():
    def given(kind, value):
        return (
            skyhouse.function(returns=[Column("x", kind)])(lambda _: value)
            .applied(rows_of([[1.0]]))
            .columns.to_pylist()[0]["x"]
        )

    assert given("float64", 1) == 1.0
    assert given("float64", {"x": 1}) == 1.0
    assert given("float64", None) is None
    assert given("list<float32>", np.array([1.0, 2.0])) == [1.0, 2.0]
    assert given("struct<a:int32,b:list<float64>>", {"a": 1, "b": np.array([2.0])}) == {"a": 1, "b": [2.0]}
    assert given("string", "a") == "a"
    assert given("bool", np.bool_(True)) is True


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        ({"n": [1, 2]}, TaskError, "function f: what it returned lacks 'amplitude'"),
        ({"n": [1, 2], "amplitude": [1, 2], "m": [1, 2]}, TaskError, "has 'm', which is not declared"),
        ({"n": [1], "amplitude": [1, 2]}, TaskError, "function f: column 'n' has 1 values for 2 rows"),
        ({"n": ["a", "b"], "amplitude": [1, 2]}, InputError, "function f: column 'n' is declared int32"),
        ({"n": [1.5, 2], "amplitude": [1, 2]}, InputError, "function f: column 'n' is declared int32"),
        ({"n": np.array([1, 2**40]), "amplitude": [1, 2]}, InputError, "function f: column 'n' is declared int32"),
        (7, TaskError, "function f: it returned 7"),
        (None, TaskError, "function f: it returned None"),
    ],
)
def test_a_batch_that_is_not_as_declared(returned, error, message):
    odd = skyhouse.function(returns=RETURNS, per="batch", name="f")(lambda _: returned)
    with pytest.raises(error, match=message):
        odd.applied(rows_of([[1.0], [2.0]]))


@pytest.mark.parametrize(
    "returned",
    [
        {"amplitude": np.array([1.0, 2.0]), "n": [1, None]},
        {"amplitude": pa.array([1.0, 2.0]), "n": np.ma.masked_array([1, 2], [False, True])},
        pa.table({"n": pa.array([1, None], pa.int64()), "amplitude": [1.0, 2.0]}),
        pa.RecordBatch.from_pydict({"amplitude": [1.0, 2.0], "n": [1, None]}),
    ],
)
def test_a_batch_may_return_all_kinds_of_arrays(returned):
    kinds = skyhouse.function(returns=RETURNS, per="batch")(lambda _: returned)
    found = kinds.applied(rows_of([[1.0], [2.0]]))
    assert found.columns.to_pydict() == {"amplitude": [1.0, 2.0], "n": [1, None]}
    assert found.columns.schema == kinds.schema


def test_compiled_nulls():
    returns = [Column("x", "float64")]
    rows = pa.table(
        {"f": [1.0, None, 3.0], "i": [1, 2, None], "l": [[1.0, None], None, [2.0]], "b": [True, None, True]}
    )

    def given(call, inputs):
        found = skyhouse.function(returns=returns, per="compiled", inputs=inputs)(call).applied(rows)
        return [None if v is None else "nan" if v != v else v for v in found.columns["x"].to_pylist()]

    assert given(lambda f: f, ["f"]) == [1.0, "nan", 3.0]
    assert given(lambda i: i / 2, ["i"]) == [0.5, 1.0, None]
    assert given(lambda values: values.sum(), ["l"]) == ["nan", None, 2.0]
    assert given(lambda b, f: f if b else 0, ["b", "f"]) == [1.0, None, 3.0]
    assert given(lambda f: 1 / (f - 1), "f") == [np.inf, "nan", 0.5]


def test_what_is_compiled_already_is_taken_as_it_is():
    jitted = numba.njit(lambda z: z + 1)
    found = skyhouse.function(returns=[Column("x", "float64")], per="compiled", inputs=["z"])(jitted)
    assert found.applied(rows_of([[1.0], []])).columns.to_pydict() == {"x": [1.0, 1.0]}
    assert pickle.loads(found.pickled()).digest == found.digest


def test_compiled_says_what_is_wrong():
    rows = rows_of([[1.0]])
    returns = [Column("x", "float64")]
    text = skyhouse.function(returns=returns, per="compiled", inputs=["name"], name="f")(lambda name: 1)
    with pytest.raises(InputError, match="function f: compiled, it reads numbers and lists of them, and 'name' is str"):
        text.applied(pa.table({"name": ["a"]}))
    two = skyhouse.function(returns=returns, per="compiled", inputs=["z"], name="f")(lambda z: (z, z))
    with pytest.raises(TaskError, match=r"(?s)function f cannot be compiled.*returns 2 values, and 1 are declared"):
        two.applied(rows)
    unknown = skyhouse.function(returns=returns, per="compiled", inputs=["z"], name="f")(lambda z: z.nothing)
    with pytest.raises(TaskError, match="function f cannot be compiled"):
        unknown.applied(rows)


@pytest.mark.parametrize("per", ["object", "batch", "compiled"])
def test_an_input_that_is_not_there(per):
    for inputs, message in [(["magg"], "no column 'magg'"), (["lc.magg"], "leads to no field 'magg'; did you mean")]:
        found = skyhouse.function(returns=RETURNS, per=per, inputs=inputs, name="f")(lambda x: x)
        with pytest.raises(InputError, match=f"function f: .*{message}"):
            found.applied(rows_of([[1.0]]))


def test_setup_and_broadcast():
    rows = rows_of([[1.0], [2.0]])
    returns = [Column("x", "float64")]
    calls = []

    def model(table):
        calls.append(table)
        return {"offset": table["offset"] + 1}

    def plain():
        calls.append(None)
        return 5.0

    def f(obj, shared):
        return obj.z + shared["offset"]

    both = skyhouse.function(returns=returns, setup=model, broadcast={"offset": 2.0})(f)
    assert both.applied(rows).columns.to_pydict() == {"x": [3.0, 3.0]}
    assert both.applied(rows).columns.num_rows == 2
    assert calls == [{"offset": 2.0}]  # once
    only = skyhouse.function(returns=returns, broadcast={"offset": 2.0})(f)
    assert only.applied(rows).columns.to_pydict() == {"x": [2.0, 2.0]}
    batch = skyhouse.function(returns=returns, per="batch", setup=plain)(lambda batch, s: {"x": [s] * len(batch)})
    assert batch.applied(rows).columns.to_pydict() == {"x": [5.0, 5.0]}
    compiled = skyhouse.function(returns=returns, per="compiled", inputs=["z"], broadcast=np.array([7.0]))(
        lambda z, table: table[0] + z
    )
    assert compiled.applied(rows).columns.to_pydict() == {"x": [7.0, 7.0]}


def test_a_setup_that_fails_and_too_few_arguments():
    def setup():
        raise OSError("no model file")

    returns = [Column("x", "float64")]
    broken = skyhouse.function(returns=returns, setup=setup, name="f")(lambda obj, s: 1)
    with pytest.raises(TaskError, match="function f: its setup raised OSError: no model file"):
        broken.applied(rows_of([[1.0]]))
    few = skyhouse.function(returns=returns, broadcast=1, name="f")(lambda obj: 1)
    with pytest.raises(TaskError, match="function f: it is called with the object and what"):
        few.applied(rows_of([[1.0]]))
