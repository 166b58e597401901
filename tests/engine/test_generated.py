"""Generated queries: whatever the grammar below makes, both engines give the same rows of the same types.

Numbers in the tables are multiples of 1/4, so that their sums are the same in any order, and what rows are compared,
grouped and ordered by (`exact`) is computed from them without rounding; what rounds (`float`) stands in results only.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from skyhouse.errors import EngineError
from skyhouse.query.functions import FUNCTIONS
from skyhouse.query.lower import lower
from skyhouse.query.parse import parse
from skyhouse.testing import Shelf, shelve

pytestmark = pytest.mark.spark

ODD = [math.nan, math.inf, -math.inf, -0.0, 0.0]
TEXTS = ["", "a", "B", "M 31", "α Cen", "Å", "🔭", "%", "_x", "it's", " pad "]
COLUMNS = {
    "id": "int", "a": "int", "b": "int", "k": "text", "x": "exact", "f": "exact", "ok": "bool",
    "d": "date", "ts": "timestamp", "lc.mjd": "list", "lc.mag": "list",
}  # fmt: skip
LIGHT_CURVE = pa.struct({"mjd": pa.list_(pa.float64()), "mag": pa.list_(pa.float32())})


def rows(seed, count, keys):
    """Return a table with holes, NaN, infinities and signed zeros."""
    luck, christmas = random.Random(seed), dt.date(1999, 12, 25)

    def some(value, holes=0.15):
        return None if luck.random() < holes else value

    def number():
        return luck.choice(ODD) if luck.random() < 0.2 else luck.randint(-400, 400) / 4

    def light_curve():
        epochs = luck.randint(0, 4)
        return some(
            {"mjd": [some(number()) for _ in range(epochs)], "mag": some([some(number()) for _ in range(epochs)])}
        )

    def moment():
        return dt.datetime(1999, 12, 31, 23) + dt.timedelta(seconds=luck.randint(-(10**7), 10**7) / 4)

    return pa.table(
        {
            "id": pa.array(range(count), "int64"),
            "a": pa.array([some(luck.randint(0, keys)) for _ in range(count)], "int32"),
            "b": pa.array([some(luck.randint(-9, 9)) for _ in range(count)], "int16"),
            "k": pa.array([some(luck.choice(TEXTS)) for _ in range(count)], "string"),
            "x": pa.array([some(number()) for _ in range(count)], "float64"),
            "f": pa.array([some(number()) for _ in range(count)], "float32"),
            "ok": pa.array([some(luck.random() < 0.5) for _ in range(count)], "bool"),
            "d": pa.array([some(christmas + dt.timedelta(luck.randint(0, 99))) for _ in range(count)], "date32"),
            "ts": pa.array([some(moment()) for _ in range(count)], pa.timestamp("us")),
            "lc": pa.array([light_curve() for _ in range(count)], LIGHT_CURVE),
        }
    )


TABLES = {"g.stars": (1, 60, 9), "g.visits": (2, 80, 14), "g.nothing": (3, 0, 1)}


@pytest.fixture(scope="session")
def generated_tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    return Shelf(*(shelve(folder, name, rows(*how)) for name, how in TABLES.items()))


# -- the grammar ---------------------------------------------------------------------------------------------------

KINDS = {
    "double": "exact", "number": "exact", "integer": "int", "string": "text", "bool": "bool", "same": "exact",
    "any": "exact", "time": "timestamp", "timestamp": "timestamp", "list": "list", "numbers": "list", "item": "exact",
}  # fmt: skip
RESULTS = {
    "float64": "float", "int64": "int", "string": "text", "bool": "bool", "date": "date", "timestamp": "timestamp",
    "list": "list", "item": "exact", "sum": "exact",
}  # fmt: skip
WRITTEN = {
    "constant": ("1", "2", "0.5"),
    "fraction": ("0.25", "0.5", "0.9", "0", "1"),
    "direction": ("'asc'", "'desc'"),
    "lambda": ("v -> v > 0.25", "v -> v IS NOT NULL", "v -> v / 0 IS NULL", "v -> v BETWEEN -50 AND 50"),
}
# Their results depend on the order of rows or on the moment; polygons have to be convex.
LEFT_OUT = set(
    "any_value array_agg array_to_string grouping in_box in_cone in_polygon list_reduce list_to_string listagg"
    " string_agg".split()
)


def usable(*groups):
    """Return the functions of the groups that arguments can be drawn for, by the kind of their results."""
    found = {}
    for function in FUNCTIONS.values():
        asked = [a for a in function.arguments if a != "..."]
        result = KINDS.get(asked[0]) if function.result in ("first", "same") and asked else RESULTS.get(function.result)
        exactly = function.name not in LEFT_OUT and not function.approximate and asked
        if function.group in groups and result and exactly and all(a in KINDS or a in WRITTEN for a in asked):
            found.setdefault(result, []).append(function)
    return found


SCALARS = usable("math", "choice", "string", "bit", "list", "sky", "time")
AGGREGATES = usable("aggregate")


@dataclass
class Grammar:
    """Draws expressions over columns, a dictionary of kinds by qualified names."""

    luck: random.Random
    columns: dict[str, str]

    def pick(self, *options):
        return self.luck.choice(options)

    def some(self, options, most, least=1):
        return [self.luck.choice(options) for _ in range(self.luck.randint(least, most))]

    def chance(self, percent):
        return self.luck.random() < percent / 100

    def column(self, kind):
        names = [name for name, has in self.columns.items() if has == kind]
        return self.pick(*names) if names else self.literal(kind)

    def literal(self, kind):
        if kind == "int":
            return str(self.luck.randint(-5, 9))
        if kind in ("exact", "float"):
            return self.pick("0.0", "0.25", "-1.5", "3", "12.75", "NULL::double precision", "1e3")
        if kind == "text":
            return "'" + self.pick(*TEXTS).replace("'", "''") + "'"
        if kind == "date":
            return self.pick("DATE '2000-01-01'", "DATE '2000-02-29'")
        if kind == "timestamp":
            return self.pick("TIMESTAMP '2000-01-01 00:00:00'", "TIMESTAMP '1999-12-31 23:59:59.75'", "NULL::timestamp")
        if kind == "list":
            return self.pick("[0.25, NULL, -1.5]", "[1e3]", "[0.5, 0.5, 2]", "[0.75][2:]")
        return self.pick("TRUE", "FALSE", "NULL")

    def of(self, kind, depth=2):
        """Return an expression of a kind."""
        if depth <= 0 or self.chance(35):
            return self.column(kind) if self.chance(75) else self.literal(kind)
        make = {
            "int": self.integer, "exact": self.exact, "float": self.rounded,
            "text": self.text, "bool": self.condition, "list": self.list,
        }.get(kind)  # fmt: skip
        return make(depth - 1) if make else self.any_call(kind, depth - 1)

    def any_call(self, kind, depth):
        return self.call(self.pick(*SCALARS[kind]), depth) if kind in SCALARS else self.column(kind)

    def list(self, depth):
        if self.chance(30):
            return f"list_transform({self.of('list', depth)}, v -> {self.pick('v * 2', 'v + 0.25', '-v', 'abs(v)')})"
        if self.chance(30):
            return f"{self.column('list')}[{self.of('int', 0)}:{self.of('int', 0)}]"
        return self.any_call("list", depth)

    def either(self, kind, depth):
        a, b = self.of(kind, depth), self.of(kind, depth)
        when = self.condition(depth)
        return self.pick(
            f"CASE WHEN {when} THEN {a} ELSE {b} END", f"coalesce({a}, {b})", f"greatest({a}, {b})",
            f"least({a}, {b})", f"nullif({a}, {b})", f"CASE WHEN {when} THEN {a} END",
        )  # fmt: skip

    def integer(self, depth):
        a, b = self.of("int", depth), self.of("int", depth)
        sign = self.pick("+", "-", "*", "//", "%", "&", "|", "either", "length", "abs", "call")
        if sign == "call":
            return self.any_call("int", depth)
        if sign == "either":
            return self.either("int", depth)
        if sign == "length":
            return f"length({self.of('text', depth)})"
        return f"abs({a})" if sign == "abs" else f"({a} {sign} {b})"

    def exact(self, depth):
        a, b = self.of("exact", depth), self.of(self.pick("exact", "int"), depth)
        sign = self.pick("+", "-", "*", "either", "one", "call", "item")
        if sign == "call":
            return self.any_call("exact", depth)
        if sign == "item":
            return f"{self.column('list')}[{self.of('int', 0)}]"
        if sign == "either":
            return self.either("exact", depth)
        if sign == "one":
            return f"{self.pick('floor', 'ceil', 'trunc', 'sign', 'abs', '-', 'round')}({a})"
        return f"({a} {sign} {b})"

    def rounded(self, depth):
        if self.chance(25):
            return f"({self.of('exact', depth)} / {self.of(self.pick('exact', 'int'), depth)})"
        return self.call(self.pick(*SCALARS["float"]), depth)

    def text(self, depth):
        which = self.pick("join", "call", "either", "cast")
        if which == "join":
            return f"({self.of('text', depth)} || {self.of('text', depth)})"
        if which == "cast":
            return f"CAST({self.of('int', depth)} AS text)"
        return self.either("text", depth) if which == "either" else self.call(self.pick(*SCALARS["text"]), depth)

    def call(self, function, depth):
        listed = [a for a in function.arguments if a != "..."]
        left_out = self.luck.randint(0, function.optional)
        arguments = [
            self.pick(*WRITTEN[a]) if a in WRITTEN else self.of(KINDS[a], depth)
            for a in listed[: len(listed) - left_out]
        ]
        return f"{function.name}({', '.join(arguments)})"

    def condition(self, depth):
        kind = self.pick("int", "exact", "text", "date", "timestamp")
        a, b = self.of(kind, depth), self.of(kind, depth)
        sign = self.pick("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
        options = [f"{a} {sign} {b}", f"{a} IS NULL", f"{a} IS NOT NULL", f"{a} BETWEEN {b} AND {self.of(kind, 0)}"]
        options += [f"{a} IN ({b}, {self.literal(kind)})", f"{a} NOT IN ({self.literal(kind)}, {self.literal(kind)})"]
        options += [
            self.any_call("bool", depth),
            self.column("bool"),
            f"{self.of('text', depth)} LIKE {self.pick(*LIKES)}",
        ]
        if depth > 0:
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            options += [f"({left} AND {right})", f"({left} OR {right})", f"NOT ({left})", f"({left}) IS TRUE"]
        return self.pick(*options)

    def aggregate(self, depth=1):
        """Return an aggregate and its kind."""
        kind = self.pick(*(k for k in ("int", "exact", "float", "bool") if k in AGGREGATES))
        call = self.call(self.pick(*AGGREGATES[kind]), depth) if self.chance(80) else "count(*)"
        if call == "count(*)":
            kind = "int"
        if self.chance(25):
            call += f" FILTER (WHERE {self.condition(1)})"
        return call, kind


LIKES = ("'%'", "'_'", "'%a%'", "'M%'", "'\\%'", "'%\\_%'", "''")


@dataclass
class Sketch:
    """A query's text, and the kinds of its columns by name."""

    sql: str
    columns: dict[str, str]


def query(luck, depth=1):
    grammar = Grammar(luck, {})
    source, grammar.columns = from_clause(luck, depth)
    shape = grammar.pick("plain", "plain", "grouped", "grouped", "whole", "window", "distinct", "set")
    where = f" WHERE {grammar.condition(2)}" if grammar.chance(60) else ""
    make = {"plain": plain, "grouped": grouped, "whole": whole, "window": windowed, "distinct": distinct, "set": sets}
    return make[shape](grammar, f"{source}{where}")


def from_clause(luck, depth):
    grammar = Grammar(luck, {})
    if depth > 0 and grammar.chance(25):
        inner = query(luck, 0)
        return f"FROM ({inner.sql}) AS q", {f"q.{name}": kind for name, kind in inner.columns.items()}
    first = grammar.pick(*["g.stars"] * 6, *["g.visits"] * 3, "g.nothing")
    columns = {f"s.{name}": kind for name, kind in COLUMNS.items()}
    if grammar.chance(55):
        return f"FROM {first} AS s", columns
    if grammar.chance(25):
        # The place in the list makes a row one of its kind, for windows.
        lists, names = grammar.pick(("s.lc.mjd, s.lc.mag", "t, m"), ("s.lc.mag", "m"))
        unnested = {f"u.{name}": "exact" for name in names.split(", ")} | {"u.id": "int"}
        return f"FROM {first} AS s CROSS JOIN UNNEST({lists}) WITH ORDINALITY AS u({names}, id)", columns | unnested
    second = grammar.pick("g.stars", "g.visits", "g.visits", "g.nothing")
    both = columns | {f"v.{name}": kind for name, kind in COLUMNS.items()}
    how = grammar.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN")
    on = grammar.pick("s.id = v.a", "s.a = v.a", "s.k = v.k", "s.x = v.x", "s.a = v.b AND s.k = v.k", "s.f = v.x")
    if grammar.chance(30) and how in ("JOIN", "LEFT JOIN", "SEMI JOIN"):
        on += " AND " + replace(grammar, columns=both).condition(1)
    return f"FROM {first} AS s {how} {second} AS v ON {on}", columns if how in ("SEMI JOIN", "ANTI JOIN") else both


def items(grammar, most=4):
    kinds = ["int", "exact", "float", "text", "bool", "date", "timestamp", "list"]
    return [(grammar.of(kind), kind) for kind in grammar.some(kinds, most)]


def select(named, rest, word="SELECT"):
    columns = {f"c{n}": kind for n, (_, kind) in enumerate(named)}
    listed = ", ".join(f"{text} AS c{n}" for n, (text, _) in enumerate(named))
    return Sketch(f"{word} {listed} {rest}", columns)


def plain(grammar, rest):
    return select(ids(grammar) + items(grammar), rest)


def ids(grammar):
    return [(name, kind) for name, kind in grammar.columns.items() if name.endswith("id")]


def distinct(grammar, rest):
    kinds = grammar.some(["int", "exact", "text", "bool"], 3)
    return select([(grammar.of(kind), kind) for kind in kinds], rest, "SELECT DISTINCT")


def grouped(grammar, rest):
    kinds = grammar.some(["int", "exact", "text", "bool"], 2)
    # The parser takes no comparison in ROLLUP without parentheses; a bare number would be a result column's place.
    keys = [(f"({grammar.column(kind) if grammar.chance(50) else grammar.of(kind, 1)})", kind) for kind in kinds]
    keys = [key for key in keys if any(name in key[0] for name in grammar.columns)]
    if not keys:
        return whole(grammar, rest)
    results = [grammar.aggregate() for _ in range(grammar.pick(1, 2, 3))]
    having = grammar.pick("", "", "", " HAVING count(*) > 1", " HAVING count(*) <= 2", " HAVING count(*) = 3")
    listed = ", ".join(text for text, _ in keys)
    by = grammar.pick("{}", "{}", "{}", "ROLLUP ({})", "CUBE ({})").format(listed)
    return select(keys + results, f"{rest} GROUP BY {by}{having}")


def whole(grammar, rest):
    return select([grammar.aggregate() for _ in range(grammar.pick(1, 2, 3, 4))], rest)


def windowed(grammar, rest):
    if not (known := ids(grammar)):
        return plain(grammar, rest)
    order = ", ".join([grammar.of("exact", 1) + grammar.pick("", " DESC"), *(name for name, _ in known)])
    by = f"PARTITION BY {grammar.of(grammar.pick('int', 'text'), 1)} " if grammar.chance(70) else ""
    ranks = ["row_number()", "rank()", "dense_rank()", "ntile(3)", f"lag({grammar.column('int')})"]
    ranks += [f"lead({grammar.column('int')}, 2)", f"count({grammar.column('exact')})", f"max({grammar.column('int')})"]
    frame = ""
    call = grammar.pick(*ranks)
    if call.startswith(("count", "max")) and grammar.chance(50):
        frame = grammar.pick(" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING")
    over = f"{call} OVER ({by}ORDER BY {order}{frame})"
    picked = " QUALIFY row_number() OVER (ORDER BY " + order + ") <= 7" if grammar.chance(20) else ""
    return select([*known, (over, "int"), *items(grammar, 2)], rest + picked)


def sets(grammar, rest):
    kinds = grammar.some(["int", "exact", "text"], 2)
    sides = [select([(grammar.of(kind, 1), kind) for kind in kinds], rest) for _ in range(2)]
    word = grammar.pick("UNION", "UNION ALL", "EXCEPT", "INTERSECT")
    return Sketch(f"{sides[0].sql} {word} {sides[1].sql}", sides[0].columns)


# -- the comparison ------------------------------------------------------------------------------------------------


def cell(value, kind):
    if isinstance(value, list):
        return str([cell(item, "float") for item in value])
    if not isinstance(value, float):
        return repr(value)
    if math.isnan(value) or math.isinf(value):
        return repr(value)
    # 0.0 and -0.0 are equal, and in one group or of two extremes either may stand for both.
    return f"{value + 0.0:.17g}" if kind != "float" else f"{value + 0.0:.5g}"


def near(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return type(a) is type(b) and a == b


def ask(sql, engine, tables):
    try:
        return engine.batches(lower(parse(sql), tables, engine.name)).read_all()
    except EngineError as error:
        return error


def check(sketch, engines, tables):
    note(sketch.sql)
    duck, spark = (ask(sketch.sql, engines[name], tables) for name in ("duckdb", "spark"))
    if isinstance(duck, EngineError) and isinstance(spark, EngineError):
        return
    assert not isinstance(duck, EngineError), f"only DuckDB fails: {duck}"
    assert not isinstance(spark, EngineError), f"only Spark fails: {spark}"
    assert duck.schema.equals(spark.schema)
    kinds = list(sketch.columns.values())
    # What was computed exactly tells the rows apart; what was rounded, only in the end.
    first = sorted(range(len(kinds)), key=lambda n: kinds[n] in ("float", "list"))
    both = [
        sorted(
            (tuple(row.values()) for row in table.to_pylist()), key=lambda row: [cell(row[n], kinds[n]) for n in first]
        )
        for table in (duck, spark)
    ]
    assert len(both[0]) == len(both[1])
    for one, other in zip(*both, strict=True):
        assert all(map(near, one, other)), f"DuckDB {one}, Spark {other}"


# A seed makes a query: so the queries differ more than those that Hypothesis would draw word by word.
GENERATE = settings(
    phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@settings(GENERATE, max_examples=200)
@given(seed=st.integers(0, 2**40))
def test_engines_agree_on_generated_queries(seed, both_engines, generated_tables):
    check(query(random.Random(seed)), both_engines, generated_tables)


@pytest.mark.soak
@settings(GENERATE, max_examples=2000)
@given(seed=st.integers(0, 2**40))
def test_engines_agree_on_many_generated_queries(seed, both_engines, generated_tables):
    check(query(random.Random(seed)), both_engines, generated_tables)
