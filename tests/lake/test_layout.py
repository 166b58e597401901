from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import InputError
from skyhouse.lake.layout import group_sources, part_name, row_group_cut


@given(st.lists(st.integers(0, 10**9), max_size=200), st.integers(1, 10**10))
def test_groups_divide_all_sources_in_order(sizes: list[int], target: int):
    groups = list(group_sources(sizes, target))
    assert [i for group in groups for i in range(len(sizes))[group]] == list(range(len(sizes)))
    assert all(group.stop > group.start for group in groups)
    for group in groups:  # larger than meant by the halves of its first and last source at most
        meant = max(1.5 * target, sum(sizes) / len(sizes))
        assert sum(sizes[group]) <= meant + (sizes[group][0] + sizes[group][-1]) / 2


def test_a_target_of_nothing_is_refused():
    with pytest.raises(InputError):
        list(group_sources([1], 0))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 100))
def test_a_row_group_is_the_most_whole_units_that_fit(units: list[int], limit: int):
    ends = np.cumsum(units)
    held = int(ends[-1])
    cut = row_group_cut(ends[:-1], held, limit, divide=False)
    if held <= limit or len(units) == 1:
        assert cut == 0
        return
    assert cut in ends[:-1]
    if cut > limit:
        assert cut == units[0]
        assert row_group_cut(ends[:-1], held, limit, divide=True) == limit
    else:
        assert not any(cut < end <= limit for end in ends)
        assert row_group_cut(ends[:-1], held, limit, divide=True) == cut


def test_part_names_differ():
    assert part_name() != part_name()
