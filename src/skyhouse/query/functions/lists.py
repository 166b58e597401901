"""The functions of lists.

Their arguments are written in words of their own: a `list`, `numbers` (a list of numbers), `item` (a value that lies in
the list, or could), and a `lambda`. Their results: `item` and `list` as in the first list, `sum` (int64 of integers,
else float64), `made` (what the lambda gives, a list of it, or a struct of the lists' items).

NULL for the list gives NULL. Those that reduce a list to a number leave NULL items out, as aggregates do; over no items
they give NULL, and NaN in gives NaN out. In a lowering ``TYPE`` stands for the type of the result.
"""

from __future__ import annotations

from dataclasses import replace

from skyhouse.query.functions.function import Function

__all__ = ["list_functions"]

_OTHER_NAMES = (
    ("cardinality", "len"),
    ("array_length", "len"),
    ("list_has", "list_contains"),
    ("array_contains", "list_contains"),
    ("array_position", "list_position"),
    ("array_cat", "list_concat"),
    ("array_append", "list_append"),
    ("array_to_string", "list_to_string"),
)
_EXAMPLES = {
    "list_sum": (("list_sum([1, 2, NULL])", "3"),),
    "list_avg": (("list_avg([1, 2])", "1.5"),),
    "list_median": (("list_median([3, 1, 2, 10])", "2.5"),),
    "list_stddev": (("list_stddev([1, 3])", "1.4142135623730951"),),
    "list_stddev_pop": (("list_stddev_pop([1, 3])", "1.0"),),
    "list_variance": (("list_variance([1, 3])", "2.0"),),
    "list_min": (("list_min([2, 1, NULL])", "1"),),
    "list_max": (("list_max(['a', 'b'])", "'b'"),),
    "list_count": (("list_count([1, NULL])", "1"),),
    "list_dot_product": (("list_dot_product([1, 2], [3, 4])", "11"),),
    "len": (("len([1, NULL])", "2"),),
    "list_contains": (("list_contains(['g', NULL], 'r')", "FALSE"),),
    "list_has_any": (("list_has_any([1, 2], [2, 3])", "TRUE"),),
    "list_has_all": (("list_has_all([1, 2], [2])", "TRUE"),),
    "list_position": (("list_position([3, 1, 1], 1)", "2"),),
    "list_to_string": (("list_to_string(['a', NULL, 'b'], '-')", "'a-b'"),),
    "list_sort": (("list_sort([3, NULL, 1])", "[1, 3, NULL]"), ("list_sort([3, NULL, 4], 'DESC')", "[4, 3, NULL]")),
    "list_reverse": (("list_reverse([1, 2])", "[2, 1]"),),
    "list_distinct": (("list_distinct([3, 1, NULL, 3])", "[1, 3]"),),
    "list_concat": (("list_concat([1], NULL, [2])", "[1, 2]"),),
    "list_append": (("list_append([1], 2)", "[1, 2]"),),
    "list_prepend": (("list_prepend(0, [1])", "[0, 1]"),),
    "list_slice": (("list_slice([1, 2, 3], 2, -1)", "[2, 3]"),),
    "list_zip": (("list_zip([1, 2], [3])[2]._2", "NULL"),),
    "flatten": (("flatten([[1], NULL, [2]])", "[1, 2]"),),
    "range": (("range(3)", "[0, 1, 2]"), ("range(6, 1, -2)", "[6, 4, 2]")),
    "generate_series": (("generate_series(1, 3)", "[1, 2, 3]"),),
    "list_filter": (("list_filter([1, 2, 3], lambda x: x > 1)", "[2, 3]"),),
    "list_transform": (("list_transform([1, 2], lambda x, i: 10 * x + i)", "[11, 22]"),),
    "list_reduce": (("list_reduce([1, 2, 3], lambda s, x: s + x, 0)", "6"),),
    "list_any": (("list_any([1, NULL], lambda x: x > 1)", "FALSE"),),
    "list_all": (("list_all([1, 2], lambda x: x > 0)", "TRUE"),),
}
_SUM = "aggregate(_1, CAST(NULL AS TYPE), lambda _a, _x: coalesce(_a + _x, _a, _x))"
# A list of one item names what is used more than once.
_MEDIAN = """element_at(transform(array(array_sort(array_compact(_1))), lambda _s:
    CASE WHEN size(_s) > 0 THEN element_at(transform(
        array(named_struct('a', element_at(_s, CAST((size(_s) + 1) DIV 2 AS INT)),
            'b', element_at(_s, CAST(size(_s) DIV 2 + 1 AS INT)))),
        lambda _m: _m.a / 2 + _m.b / 2), 1) END), 1)
""".replace("DIV", "//")
_VARIANCE = """element_at(transform(array(array_compact(_1)), lambda _s:
    CASE WHEN size(_s) > LEAST_1 THEN element_at(transform(
        array(aggregate(_s, 0e0, lambda _a, _x: _a + _x) / size(_s)),
        lambda _m: aggregate(_s, 0e0, lambda _a, _x: _a + (_x - _m) * (_x - _m)) / (size(_s) - LEAST_1)), 1) END), 1)
"""
# DuckDB's own gives 0 for one NaN.
_STDDEV_POP = "CASE WHEN list_count(_1) = 1 THEN list_sum(_1) - list_sum(_1) ELSE list_stddev_pop(_1) END"
_POSITION = """CASE WHEN _2 IS NULL THEN nullif(array_position(transform(_1, lambda _x: _x IS NULL), TRUE), 0)
    ELSE nullif(array_position(_1, _2), 0) END
"""
_CONTAINS = "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN coalesce(array_contains(_1, _2), FALSE) END"


def list_functions() -> list[Function]:
    """Return the functions of lists."""
    listed = [*_reducing(), *_asking(), *_making(), *_with_lambdas()]
    listed = [replace(function, examples=_EXAMPLES[function.name]) for function in listed]
    known = {function.name: function for function in listed}
    others = [
        replace(known[first], name=name, doc=f"the same as {first}", same_as=first, examples=())
        for name, first in _OTHER_NAMES
    ]
    return listed + others


def _of(name: str, arguments: tuple[str, ...], result: str, doc: str, duckdb: str = "", spark: str = "") -> Function:
    return Function(name, "list", arguments, result, doc, duckdb=duckdb, spark=spark)


def _reducing() -> list[Function]:
    numbers = ("numbers",)
    sample, all_of = _VARIANCE.replace("LEAST_1", "1"), _VARIANCE.replace("LEAST_1", "0")
    return [
        _of("list_sum", numbers, "sum", "the sum", "CAST(list_sum(_1) AS TYPE)", _SUM),
        _of("list_avg", numbers, "float64", "the mean", "list_avg(_1)", f"{_SUM} / nullif(size(array_compact(_1)), 0)"),
        _of("list_median", numbers, "float64", "the middle value, or the mean of the two in the middle", "", _MEDIAN),
        _of("list_stddev", numbers, "float64", "the standard deviation with n - 1", "list_stddev_samp(_1)",
            f"sqrt({sample})"),
        _of("list_stddev_pop", numbers, "float64", "the standard deviation with n", _STDDEV_POP, f"sqrt({all_of})"),
        _of("list_variance", numbers, "float64", "the variance with n - 1", "list_var_samp(_1)", sample),
        _of("list_min", ("list",), "item", "the least item", "", "array_min(_1)"),
        _of("list_max", ("list",), "item", "the greatest item; NaN is greater than any number", "", "array_max(_1)"),
        _of("list_count", ("list",), "int64", "how many items are not NULL; 0 over none", "",
            "CAST(size(array_compact(_1)) AS BIGINT)"),
        _of("list_dot_product", ("numbers", "numbers"), "sum",
            "the sum of the products of items in the same place; a product with NULL is left out"),
    ]  # fmt: skip


def _asking() -> list[Function]:
    text = ("list", "string")
    return [
        _of("len", ("list",), "int64", "how many items, NULLs too; of a text, how many letters", "len(_1)",
            "CAST(size(_1) AS BIGINT)"),
        _of("list_contains", ("list", "item"), "bool", "whether the value is an item; NULL for NULL", "", _CONTAINS),
        _of("list_has_any", ("list", "list"), "bool", "whether the lists share an item other than NULL", "",
            "size(array_intersect(array_compact(_1), array_compact(_2))) > 0"),
        _of("list_has_all", ("list", "list"), "bool", "whether all items of the second but NULL are in the first", "",
            "size(array_except(array_compact(_2), array_compact(_1))) = 0"),
        _of("list_position", ("list", "item"), "int64",
            "the first place of the value, from 1; NULL where it is not there. NULL is found too",
            "CAST(list_position(_1, _2) AS BIGINT)", _POSITION),
        _of("list_to_string", text, "string", "texts with a separator between; NULLs are left out",
            "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN coalesce(array_to_string(_1, _2), '') END",
            "array_join(_1, _2)"),
    ]  # fmt: skip


def _making() -> list[Function]:
    both, integer = ("list", "list", "..."), "integer"
    return [
        Function("list_sort", "list", ("list", "direction"), "list",
                 "the items in order, NULLs last; a second argument 'DESC' turns it round", optional=1),
        _of("list_reverse", ("list",), "list", "the items from the last to the first", "list_reverse(_1)",
            "reverse(_1)"),
        _of("list_distinct", ("list",), "list", "the distinct items in rising order, without NULL",
            "list_sort(list_distinct(_1), 'ASC', 'NULLS LAST')", "array_sort(array_distinct(array_compact(_1)))"),
        _of("list_concat", both, "list", "the lists behind each other; one that is NULL adds nothing"),
        _of("list_append", ("list", "item"), "list", "the list with the value behind; of NULL, a list of the value", "",
            "array_append(coalesce(_1, array()), _2)"),
        _of("list_prepend", ("item", "list"), "list", "the list with the value in front; of NULL, a list of the value",
            "", "array_prepend(coalesce(_2, array()), _1)"),
        _of("list_slice", ("list", integer, integer), "list",
            "the items from one place to another, both counted from 1, or from the end where negative: x[a:b]"),
        _of("list_zip", both, "made",
            "a list of structs of the items in the same place, their fields named as the columns; NULL where one ends"),
        _of("flatten", ("list",), "made", "the items of the lists in a list; a list that is NULL adds nothing", "",
            "flatten(array_compact(_1))"),
        Function("range", "list", (integer, integer, integer), "list<int64>",
                 "the integers from a first (or 0) up to a last, which is left out, by a step (or 1)", optional=2),
        Function("generate_series", "list", (integer, integer, integer), "list<int64>",
                 "the integers from a first to a last, by a step (or 1)", optional=1),
    ]  # fmt: skip


def _with_lambdas() -> list[Function]:
    one = ("list", "lambda")
    return [
        _of("list_filter", one, "list", "the items for which lambda x: ... (or lambda x, place: ...) is true", "",
            "filter(_1, _2)"),
        _of("list_transform", one, "made", "what lambda x: ... (or lambda x, place: ...) gives for each item", "",
            "transform(_1, _2)"),
        _of("list_reduce", ("list", "lambda", "any"), "made",
            "what lambda sum, x: ... makes of a start, the third argument, and one item after the other", "",
            "aggregate(_1, _3, _2)"),
        _of("list_any", one, "bool", "whether lambda x: ... is true for an item; not for NULL",
            "len(list_filter(_1, _2)) > 0", "size(filter(_1, _2)) > 0"),
        _of("list_all", one, "bool", "whether lambda x: ... is true for every item; over none it is",
            "len(list_filter(_1, _2)) = len(_1)", "size(filter(_1, _2)) = size(_1)"),
    ]  # fmt: skip
