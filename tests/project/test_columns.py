from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.columns import Column, arrow_schema, arrow_type, columns_of, field_types, list_type, struct_type
from skyhouse.errors import InputError

SCALARS = ["bool", "uint8", "int64", "float32", "string", "date", "timestamp"]
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
TYPES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.builds(list_type, inner)
        | st.builds(
            struct_type,
            st.lists(st.tuples(NAMES, inner), min_size=1, max_size=4, unique_by=lambda field: field[0].lower()),
        )
    ),
    max_leaves=8,
)


@given(kind=TYPES)
def test_a_type_survives_arrow(kind):
    column = Column("c", kind, "mag", "phot.mag", "brightness")
    assert columns_of(arrow_schema([column])) == (column,)


@given(fields=st.lists(st.tuples(NAMES, TYPES), min_size=1, max_size=4, unique_by=lambda field: field[0].lower()))
def test_the_fields_of_a_struct_come_back(fields):
    assert field_types(struct_type(fields)) == tuple(fields)


def test_spaces_may_stand_in_a_type():
    assert arrow_type("struct<a: int64, b: list<struct<c: date>>>") == arrow_type(
        "struct<a:int64,b:list<struct<c:date>>>"
    )


@pytest.mark.parametrize(
    "kind",
    ["struct<>", "struct<a>", "struct<a:>", "struct<a:int64,>", "struct<a:int64", "struct<a:int65>", "list<>",
     "struct<a:int64,A:date>", 'struct<"a:int64>', "struct<a b:int64>", "list<int64>>", "struct<a:int64>>"],
)  # fmt: skip
def test_what_is_no_type_is_refused(kind):
    with pytest.raises(InputError, match="type"):
        arrow_type(kind)


def test_lists_of_a_fixed_length_are_lists():
    (column,) = columns_of(pa.schema([("v", pa.list_(pa.float32(), 3))]))
    assert column.type == "list<float32>"
