from __future__ import annotations

import math

import pytest

from skyhouse.columns import columns_of
from skyhouse.errors import InputError, QueryError
from skyhouse.query.functions import FUNCTIONS
from skyhouse.query.lower import PIPELINE, lower, lowered
from skyhouse.query.parse import parse
from skyhouse.query.resolve import resolve

# rule, expression, DuckDB, Spark; the columns' qualifiers and quotes are left out
PAIRS = [
    ("casts", "CAST(vel AS INT)", "CAST(vel AS INT)", "CAST(RINT(vel) AS INT)"),
    ("casts", "TRY_CAST(flux AS BIGINT)", "TRY_CAST(flux AS BIGINT)", "TRY_CAST(RINT(flux) AS BIGINT)"),
    ("casts", "CAST(x AS BIGINT)", "CAST(x AS BIGINT)", "CAST(x AS BIGINT)"),
    ("casts", "CAST(day AS TIMESTAMP)", "CAST(day AS TIMESTAMP)", "CAST(day AS TIMESTAMP_NTZ)"),
    ("casts", "CAST(x AS FLOAT)", "CAST(x AS DOUBLE)", "CAST(x AS DOUBLE)"),
    ("casts", "CAST(x AS REAL)", "CAST(x AS REAL)", "CAST(x AS FLOAT)"),
    ("comparisons", "flux > 5", "flux > CAST(5 AS REAL)", "flux > CAST(5 AS FLOAT)"),
    ("comparisons", "flux > 0.2", "CAST(flux AS DOUBLE) > 0.2", "CAST(flux AS DOUBLE) > 0.2"),
    ("comparisons", "flux > vel", "CAST(flux AS DOUBLE) > vel", "CAST(flux AS DOUBLE) > vel"),
    ("comparisons", "x = 5", "x = 5", "x = 5"),
    ("comparisons", "x < 2.5", "CAST(x AS DOUBLE) < 2.5", "CAST(x AS DOUBLE) < 2.5"),
    ("comparisons", "flux IN (1, 0.1)", "CAST(flux AS DOUBLE) IN (1e0, 0.1)", "CAST(flux AS DOUBLE) IN (1e0, 0.1)"),
    ("comparisons", "day > '2020-01-01'", "day > CAST('2020-01-01' AS DATE)", "day > CAST('2020-01-01' AS DATE)"),
    ("arithmetic", "x + 1", "CAST(x AS BIGINT) + 1", "CAST(x AS BIGINT) + 1"),
    ("arithmetic", "1 + 1", "CAST(1 AS BIGINT) + 1", "CAST(1 AS BIGINT) + 1"),
    ("arithmetic", "flux * x", "CAST(flux AS DOUBLE) * CAST(x AS DOUBLE)", "CAST(flux AS DOUBLE) * CAST(x AS DOUBLE)"),
    ("arithmetic", "-x", "-CAST(x AS BIGINT)", "-CAST(x AS BIGINT)"),
    ("division", "x / 2", "CAST(x AS DOUBLE) / 2e0", "CAST(x AS DOUBLE) / 2e0"),
    ("division", "1 / vel", "1e0 / CASE WHEN vel <> 0e0 THEN vel END", "1e0 / CASE WHEN vel <> 0e0 THEN vel END"),
    ("division", "1 / (vel - 1)", "1e0 / NULLIF((vel - 1), 0e0)", "1e0 / NULLIF((vel - 1), 0e0)"),
    ("division", "x // 2", "CAST(x AS BIGINT) // 2", "CAST(x AS BIGINT) DIV 2"),
    ("division", "div(x, 2)", "CAST(x AS BIGINT) // 2", "CAST(x AS BIGINT) DIV 2"),
    ("division", "x % 0", "CAST(x AS BIGINT) % NULLIF(0, 0)", "CAST(x AS BIGINT) % NULLIF(0, 0)"),
    ("division", "mod(vel, 2)", "vel % 2e0", "vel % 2e0"),
    ("bits", "Flags & 0x10 = 0", "CAST(Flags AS BIGINT) & 16 = 0", "CAST(Flags AS BIGINT) & 16 = 0"),
    (
        "choices",
        "CASE WHEN good THEN 1 END",
        "CASE WHEN good THEN CAST(1 AS BIGINT) END",
        "CASE WHEN good THEN CAST(1 AS BIGINT) END",
    ),
    (
        "choices",
        "IF(good, flux, 0)",
        "CASE WHEN good THEN CAST(flux AS DOUBLE) ELSE 0e0 END",
        "IF(good, CAST(flux AS DOUBLE), 0e0)",
    ),
    ("functions", "ln(vel)", "LN((CASE WHEN vel > 0 THEN vel END))", "LN(vel)"),
    ("functions", "log(vel)", "LN((CASE WHEN vel > 0 THEN vel END))", "LN(vel)"),
    ("functions", "vel ^ 2", "POW(vel, 2e0)", "POW(vel, 2e0)"),
    (
        "functions",
        "round(vel, 1)",
        "CASE WHEN ABS(vel) < 4503599627370496e0 THEN ROUND(vel * 1e1) / 1e1 ELSE vel END",
        "CASE WHEN ABS(vel) < 4503599627370496e0 THEN ROUND(vel * 1e1) / 1e1 ELSE vel END",
    ),
    ("time sums", "day + 1", "(day + CAST(1 AS INT))", "(DATE_ADD(day, CAST(1 AS INT)))"),
    ("time sums", "day - day", "(DATE_DIFF('day', day, day))", "(CAST(DATEDIFF(day, day) AS BIGINT))"),
    ("functions", "isnan(vel)", "ISNAN(vel)", "CASE WHEN NOT vel IS NULL THEN ISNAN(vel) END"),
    ("functions", "any_value(x)", "ANY_VALUE(x)", "ANY_VALUE(x, TRUE)"),
    (
        "functions",
        "concat(plateifu, 'a')",
        "CONCAT(plateifu, 'a')",
        "CONCAT(COALESCE(plateifu, ''), COALESCE('a', ''))",
    ),
    (
        "filtered windows",
        "sum(x) FILTER (WHERE good) OVER ()",
        "SUM(x) FILTER(WHERE good) OVER ()",
        "SUM(CASE WHEN good THEN x END) OVER ()",
    ),
    ("filtered windows", "sum(x) FILTER (WHERE good)", "SUM(x) FILTER(WHERE good)", "SUM(x) FILTER(WHERE good)"),
    ("likes", "plateifu LIKE 'a%'", "plateifu LIKE 'a%'", "plateifu LIKE 'a%'"),
    ("likes", r"plateifu LIKE '\-\_a%'", r"plateifu LIKE '-\_a%' ESCAPE '\'", r"plateifu LIKE '-\\_a%'"),
    ("likes", r"plateifu LIKE '\\-'", r"plateifu LIKE '\\-' ESCAPE '\'", r"plateifu LIKE '\\\\-'"),
    ("likes", "plateifu LIKE plateifu", "plateifu LIKE plateifu ESCAPE '\\'", "plateifu LIKE plateifu"),
    ("lists", "[1, 2]", "CAST([1, 2] AS BIGINT[])", "CAST(ARRAY(1, 2) AS ARRAY<BIGINT>)"),
    ("lists", "[x, 2.5]", "[CAST(x AS DOUBLE), 2.5]", "ARRAY(CAST(x AS DOUBLE), 2.5)"),
    ("lists", "{'a': x}", "{'a': x}", "CAST(NAMED_STRUCT('a', x) AS STRUCT<`a`: INT>)"),
    ("items", "[vel][1]", "LIST_EXTRACT([vel], 1)", "TRY_ELEMENT_AT(ARRAY(vel), 1)"),
    ("items", "[vel][0]", "LIST_EXTRACT([vel], 0)", "TRY_ELEMENT_AT(ARRAY(vel), NULLIF(TRY_CAST(0 AS INT), 0))"),
    ("items", "[vel][2:3]", "LIST_SLICE([vel], 2, 3)", "SLICE(ARRAY(vel), 2, 2)"),
    ("items", "{'a': x}.A", "({'a': x}).\"a\"", "(STRUCT(x AS a)).`a`"),
    (
        "lambdas",
        "list_transform([x], v -> 1)",
        'LIST_TRANSFORM([x], LAMBDA "v" : CAST(1 AS BIGINT))',
        "LIST_TRANSFORM(ARRAY(x), `v` -> CAST(1 AS BIGINT))",
    ),
    (
        "lambdas",
        "list_filter([x], (v, i) -> i > 1)",
        'LIST_FILTER([x], LAMBDA "v", "i" : i > 1)',
        "LIST_FILTER(ARRAY(x), (`v`, `i`) -> (CAST(i AS BIGINT) + 1) > 1)",
    ),
    ("list functions", "len([x])", "LEN([x])", "CAST(SIZE(ARRAY(x)) AS BIGINT)"),
    (
        "list functions",
        "list_sum([x])",
        "CAST(LIST_SUM([x]) AS BIGINT)",
        "AGGREGATE(CAST(ARRAY(x) AS ARRAY<BIGINT>), CAST(NULL AS BIGINT), (_a, _x) -> COALESCE(_a + _x, _a, _x))",
    ),
    ("list functions", "list_sort([x], 'DESC')", "LIST_SORT([x], 'DESC', 'NULLS LAST')", "SORT_ARRAY(ARRAY(x), FALSE)"),
    (
        "list functions",
        "list_append([flux], vel)",
        "LIST_APPEND(CAST([flux] AS DOUBLE[]), vel)",
        "ARRAY_APPEND(COALESCE(CAST(ARRAY(flux) AS ARRAY<DOUBLE>), ARRAY()), vel)",
    ),
    (
        "list functions",
        "list_filter([x], v -> v > 1)",
        'LIST_FILTER([x], LAMBDA "v" : v > 1)',
        "FILTER(ARRAY(x), `v` -> v > 1)",
    ),
    (
        "list joins",
        "[x] || [y]",
        "CASE WHEN NOT COALESCE([x], [y]) IS NULL THEN LIST_CONCAT([x], [y]) END",
        (
            "CASE WHEN NOT COALESCE(ARRAY(x), ARRAY(y)) IS NULL "
            "THEN CONCAT(COALESCE(ARRAY(x), ARRAY()), COALESCE(ARRAY(y), ARRAY())) END"
        ),
    ),
    (
        "nested order",
        "[x] < [y]",
        "[x] < [y]",
        (
            "TRANSFORM(ARRAY(x), _r0 -> NAMED_STRUCT('n', _r0 IS NULL, 'v', _r0)) < "
            "TRANSFORM(ARRAY(y), _r0 -> NAMED_STRUCT('n', _r0 IS NULL, 'v', _r0))"
        ),
    ),
    ("outputs", "1", "CAST(1 AS BIGINT)", "CAST(1 AS BIGINT)"),
    (
        "rows",
        "(SELECT max(m) FROM UNNEST([x]) AS u(m))",
        '(SELECT MAX(m) AS "max(m)" FROM (SELECT UNNEST([x]) AS "m") AS "u")',
        "(SELECT MAX(m) AS `max(m)` FROM EXPLODE(ARRAY(x)) AS `u`(`m`))",
    ),
    ("outputs", "[]", "CAST([] AS TEXT[])", "CAST(ARRAY() AS ARRAY<STRING>)"),
    ("literals", "0.2", "0.2e0", "0.2e0"),
]


@pytest.mark.parametrize(("rule", "expression", "duckdb", "spark"), PAIRS, ids=[f"{r}: {e}" for r, e, *_ in PAIRS])
def test_each_rule_by_itself(lake, rule, expression, duckdb, spark):
    (found,) = [r for r in PIPELINE if r.name == rule]
    for engine, expected in (("duckdb", duckdb), ("spark", spark)):
        tree = resolve(parse(f"SELECT {expression} AS v FROM manga.spaxels"), lake).tree
        item = lowered(tree, engine, [found]).selects[0].this
        for column in item.find_all(type(parse("SELECT a").selects[0])):
            column.set("table", None)
            column.this.set("quoted", False)
        assert item.sql(dialect=engine) == expected


def test_every_rule_has_a_pair():
    assert {rule.name for rule in PIPELINE} - {rule for rule, *_ in PAIRS} == {"wraps", "orders", "registered"}


def test_wraps_go_around_over_and_filter(lake):
    text = "SELECT sum(x) FILTER (WHERE good) OVER (ORDER BY y) AS s, row_number() OVER () AS n FROM manga.spaxels"
    assert 'CAST(SUM(CAST("spaxels"."x" AS BIGINT)) FILTER(' in lower(parse(text), lake, "duckdb").sql
    assert "CAST(ROW_NUMBER() OVER () AS BIGINT) AS `n`" in lower(parse(text), lake, "spark").sql


def test_nulls_come_last_in_every_order(lake):
    text = "SELECT rank() OVER (ORDER BY y DESC) AS r FROM manga.spaxels ORDER BY x, y DESC NULLS FIRST"
    sql = lower(parse(text), lake, "spark").sql
    assert "ORDER BY `spaxels`.`y` DESC)" in sql  # descending, Spark has NULLs last by itself
    assert "`x` ASC NULLS LAST, `spaxels`.`y` DESC NULLS FIRST" in sql.replace("`spaxels`.`x`", "`x`")


def test_groups_are_picked_by_a_query_around_them_on_spark(lake):
    text = "SELECT y FROM manga.spaxels GROUP BY y QUALIFY rank() OVER (ORDER BY count(*)) < 3 ORDER BY y LIMIT 2"
    sql = lower(parse(text), lake, "spark").sql
    assert sql.startswith("SELECT `_groups`.`_k0` AS `y` FROM (SELECT `spaxels`.`y` AS `_k0`, COUNT(*) AS `_a0` FROM ")
    assert "GROUP BY `spaxels`.`y`) AS `_groups` QUALIFY CAST(RANK() OVER (ORDER BY `_groups`.`_a0`" in sql
    assert sql.endswith(" < 3 ORDER BY `y` ASC NULLS LAST LIMIT 2")


def test_a_limit_counts_what_qualify_left(lake):
    text = "SELECT DISTINCT y FROM manga.spaxels QUALIFY row_number() OVER (ORDER BY x) < 9 ORDER BY y LIMIT 2"
    for engine in ("duckdb", "spark"):
        sql = lower(parse(text), lake, engine).sql
        assert sql.index("FROM") < sql.index("QUALIFY") < sql.rindex("ORDER BY") < sql.index("LIMIT")
        assert sql.count("SELECT") == 1


def test_an_unknown_engine_is_refused(lake):
    with pytest.raises(InputError, match="no engine"):
        lower(parse("SELECT 1"), lake, "oracle")


def one(lake, expression, source="(SELECT CAST('NaN' AS DOUBLE) AS nan, CAST(NULL AS DOUBLE) AS nul, -2.5 AS neg) t"):
    reader = lake.batches(parse(f"SELECT {expression} AS v FROM {source}"), None).reader
    return reader.read_all()["v"].to_pylist()[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 / 0", None),
        ("1.5 / 0.0", None),
        ("neg // 1", QueryError),
        ("-7 // 2", -3),
        ("7 // 0", None),
        ("-7 % 3", -1),
        ("7.5 % 0", None),
        ("5 / 2", 2.5),
        ("CAST(2.5 AS INT)", 2),
        ("CAST(3.5 AS INT)", 4),
        ("CAST(neg AS INT)", -2),
        ("ln(0)", None),
        ("ln(neg)", None),
        ("log10(100)", 2.0),
        ("log(1)", 0.0),
        ("sqrt(neg)", None),
        ("asin(2)", None),
        ("acos(neg)", None),
        ("power(neg, 0.5)", None),
        ("power(neg, 2)", 6.25),
        ("round(neg)", -3.0),
        ("round(0.125, 2)", 0.13),
        ("round(1234, -2)", 1200.0),
        ("floor(neg)", -3.0),
        ("ceil(neg)", -2.0),
        ("trunc(neg)", -2.0),
        ("sign(neg)", -1.0),
        ("abs(-3)", 3),
        ("isnan(nan)", True),
        ("isnan(nul)", None),
        ("isfinite(nan)", False),
        ("greatest(nul, 1)", 1.0),
        ("coalesce(nul, 1)", 1.0),
        ("nullif(1, 1)", None),
        ("substr('abc', 0, 2)", "a"),
        ("substr('abc', 2)", "bc"),
        ("concat('a', NULL, 'b')", "ab"),
        ("'a' || NULL", None),
        (r"'a_b' LIKE 'a\_b'", True),
        (r"'axb' LIKE 'a\_b'", False),
        ("0x1F & 3", 3),
        ("2 ^ 10", 1024.0),
        ("length('é☃')", 2),
        ("CAST(0.1 AS REAL) = 0.1", False),
        ("CAST(0.5 AS REAL) = 0.5", True),
    ],
)
def test_one_defined_result(lake, expression, expected):
    if expected is QueryError:
        with pytest.raises(QueryError):
            one(lake, expression)
        return
    found = one(lake, expression)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "expression", ["ln(nan)", "sqrt(nan)", "asin(nan)", "floor(nan)", "sign(nan)", "round(nan, 1)"]
)
def test_nan_in_gives_nan(lake, expression):
    assert math.isnan(one(lake, expression))


CALLS = {
    "flatten": "flatten([[x], NULL])",
    "list_reduce": "list_reduce([x], lambda s, v: s + v, 0.5)",
    "list_to_string": "list_to_string([plateifu], '')",
    "array_to_string": "array_to_string([plateifu], '')",
    "in_polygon": "in_polygon(flux, vel, 0, 0, 90, 0, 0, 90)",
    "count": "count(*)",
    "histogram": "histogram(flux, 0, 1, 3)",
    "date_part": "extract(year FROM day)",
    "date_trunc": "date_trunc('month', day)",
    "date_diff": "date_diff('week', day, day)",
    "regexp_replace": r"regexp_replace(plateifu, '(g)[0-9]+', '\1', 'g')",
    "position": "position('g' IN plateifu)",
    "corr": "corr(flux, vel)",
    "covar_samp": "covar_samp(flux, vel)",
    "covar_pop": "covar_pop(flux, vel)",
    "quantile_cont": "quantile_cont(flux, 0.25)",
    "ntile": "ntile(3) OVER (ORDER BY x)",
    "lag": "lag(flux, 1, 0) OVER (ORDER BY x)",
    "lead": "lead(flux) OVER (ORDER BY x)",
}
BY_KIND = {
    "any": "flux",
    "same": "x",
    "double": "flux",
    "number": "x",
    "integer": "x",
    "string": "plateifu",
    "bool": "good",
    "list": "[x]",
    "numbers": "[x]",
    "item": "x",
    "direction": "'DESC'",
    "lambda": "lambda v: v > 1",
    "time": "day",
    "timestamp": "day",
    "word": "'-'",
    "pattern": "'(g)[0-9]+'",
    "replacement": r"'\1'",
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_function_runs_and_gives_the_type_it_says(lake, name):
    function = FUNCTIONS[name]
    arguments = [BY_KIND.get(a, "1") for a in function.arguments if a != "..."]
    call = CALLS.get(name, f"{name}({', '.join(arguments)})")
    if function.group == "window" and "OVER" not in call:
        call += " OVER (ORDER BY x)"
    groups = " GROUP BY ROLLUP (flux)" if name == "grouping" else ""
    tree = parse(f"SELECT {call} AS v FROM manga.spaxels{groups}")
    statement = lower(tree, lake, "duckdb")
    rows = lake.batches(tree, None).reader.read_all()
    assert columns_of(rows.schema)[0].type == statement.columns[0].type
    assert function.doc
    assert lower(tree, lake, "spark").sql


def test_types_of_integers_and_sums(lake):
    text = (
        "SELECT sum(x) AS a, sum(flux) AS b, avg(x) AS c, x + 1 AS d, 1 AS e, NULL AS f FROM manga.spaxels GROUP BY x"
    )
    rows = lake.batches(parse(text), None).reader.read_all()
    assert [c.type for c in columns_of(rows.schema)] == ["int64", "float64", "float64", "int64", "int64", "string"]


def test_set_operations_meet_in_one_type(lake):
    text = "SELECT x, z FROM manga.galaxies UNION ALL SELECT 2.5, 1 ORDER BY x"
    rows = lake.batches(parse(text), None).reader.read_all()
    assert rows["x"].to_pylist() == [1.0, 2.0, 2.5, 3.0]


def test_nested_calls_are_bounded(lake):
    with pytest.raises(QueryError, match="nested too deeply"):
        lower(parse("SELECT " + "trunc(" * 25 + "vel" + ")" * 25 + " FROM manga.spaxels"), lake, "spark")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT x FROM manga.spaxels WHERE " + " AND ".join(f"x <> {i}" for i in range(1000)),
        "SELECT x FROM manga.spaxels WHERE x IN (" + ", ".join(str(i) for i in range(10_000)) + ")",
    ],
    ids=["and", "in"],
)
def test_long_queries_run(lake, text):
    assert lower(parse(text), lake, "duckdb").sql


def test_a_chain_too_long_is_a_query_error(lake):
    with pytest.raises(QueryError, match="more than 200 operators"):
        lower(parse("SELECT " + " + ".join("x" for _ in range(3000)) + " FROM manga.spaxels"), lake, "duckdb")
