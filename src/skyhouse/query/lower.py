"""A checked tree to the SQL of one engine, so that both engines give the same rows and types.

sqlglot writes the SQL; it does not translate it. Every difference between the engines is settled before, by the rules
of `PIPELINE`, each a step from node to node. What the language means, whichever engine runs it:

- Arithmetic is 64-bit: integers in int64, all else in float64. Overflow of integers is an error.
- ``/`` gives a double, also of two integers; ``//`` and div() give the whole quotient, cut towards 0. x / 0, x // 0 and
  x % 0 are NULL.
- A number with a point or an exponent is a double. A float32 column and a literal are compared as doubles.
- CAST of a float to an integer rounds, halves to even.
- NULLs come last in every order, ascending or descending, unless NULLS FIRST is written.
- ``LIKE`` has the backslash as its escape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from skyhouse.errors import QueryError
from skyhouse.query.bounds import mark_positive
from skyhouse.query.engines import Engine, engine_named
from skyhouse.query.kinds import settled
from skyhouse.query.pushdown import with_requests
from skyhouse.query.registered import NONE, Registered
from skyhouse.query.registered_calls import calls_in
from skyhouse.query.relation import Statement, Tables
from skyhouse.query.resolve import Resolved, resolve
from skyhouse.query.rules.calls import filtered_windows, functions, registered, wraps
from skyhouse.query.rules.lists import lambdas, list_calls
from skyhouse.query.rules.nested import items, joins, literals_of_lists, nested_orders
from skyhouse.query.rules.operators import arithmetic, bits, casts, choices, comparisons, division, likes, literals
from skyhouse.query.rules.queries import orders, outputs
from skyhouse.query.rules.rows import rows
from skyhouse.query.rules.rule import Rule, Step
from skyhouse.query.rules.times import fix_moment, time_sums
from skyhouse.query.shapes import reshape

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect as Writer

__all__ = ["PIPELINE", "Rule", "lower", "lower_resolved", "lowered"]


def lower(
    tree: exp.Query,
    tables: Tables,
    engine: str,
    pretty: bool = False,
    functions: Mapping[str, Registered] = NONE,
) -> Statement:
    """Return the statement that asks an engine for a query's rows.

    Raises InputError for an unknown engine, and what `resolve` raises.
    """
    return lower_resolved(resolve(tree, tables, functions), engine, pretty)


def lower_resolved(resolved: Resolved, engine: str, pretty: bool = False) -> Statement:
    """Return the statement of a query that is checked already; its tree is used up."""
    chosen = engine_named(engine) or "duckdb"
    scans = with_requests(resolved.tree, resolved.scans)
    calls = calls_in(resolved.tree, resolved.functions)
    try:
        sql = lowered(resolved.tree, chosen).sql(dialect=_writer(chosen), pretty=pretty, comments=False, copy=False)
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error
    columns = tuple(replace(c, type=settled(c.type)) if "null" in c.type else c for c in resolved.columns)
    return Statement(sql, chosen, scans, columns, calls)


def _writer(engine: Engine) -> type[Writer]:
    if engine == "duckdb":
        return DuckDB
    from skyhouse.query.spark_writer import SparkWriter  # three of sqlglot's dialects; a laptop's first query waits

    return SparkWriter


def lowered(tree: exp.Expr, engine: Engine, rules: Sequence[Rule] | None = None) -> exp.Expr:
    """Put a resolved tree through the rules (all of them), from the inside out; the tree is used up."""
    reshape(tree, engine)
    mark_positive(tree)
    fix_moment(tree)
    steps: dict[type[exp.Expr], list[Step]] = {}
    for rule in PIPELINE if rules is None else rules:
        for node_type in rule.nodes:
            steps.setdefault(node_type, []).append(rule.step)
    for found in reversed([node for node in tree.walk() if type(node) in steps]):
        node, parent, key, index = found, found.parent, found.arg_key, found.index
        for step in steps[type(node)]:
            new = step(node, engine)
            if new is node:
                continue
            if parent is None:
                tree = new
            elif key is not None:
                parent.set(key, new, index)
            if type(new) is not type(node):
                break
            node = new
    return tree


_EQUALITIES = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_COMPARED = (*_EQUALITIES, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Case)
_CALLS = (exp.Anonymous,)
_ORDERED = (exp.Ordered, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)
_SHIFTS = (exp.BitwiseLeftShift, exp.BitwiseRightShift)

PIPELINE: tuple[Rule, ...] = (
    Rule("casts", "a float is rounded to an integer; Spark's cast would cut", (exp.Cast, exp.TryCast), casts),
    Rule("comparisons", "numbers of two types meet as doubles, texts and times as times", _COMPARED, comparisons),
    Rule("nested order", "NULLs inside come last; Spark has them first", _ORDERED, nested_orders),
    Rule("lists", "items in their common type; CAST for literals", (exp.Array, exp.Struct), literals_of_lists),
    Rule("items", "x[0] and what is out of range is NULL; Spark has other slices", (exp.Bracket, exp.Dot), items),
    Rule("list joins", "a || b of lists", (exp.DPipe,), joins),
    Rule("time sums", "each engine has its own functions for them", (exp.Add, exp.Sub), time_sums),
    Rule("arithmetic", "64 bits", (exp.Add, exp.Sub, exp.Mul, exp.Neg), arithmetic),
    Rule("division", "/ of doubles, // of integers, NULL by zero", (exp.Div, exp.IntDiv, exp.Mod, *_CALLS), division),
    Rule("bits", "64 bits", (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot, *_SHIFTS), bits),
    Rule("choices", "all branches in their common type", (exp.Case, exp.If), choices),
    Rule("lambdas", "places count from 1; Spark's from 0", (exp.Lambda,), lambdas),
    Rule("list functions", "each as the list of functions says", _CALLS, list_calls),
    Rule("functions", "each as the list of functions says for the engine", _CALLS, functions),
    Rule("registered", "users' functions by the names that engines have them under", _CALLS, registered),
    Rule("filtered windows", "Spark has no FILTER before OVER", (exp.Filter,), filtered_windows),
    Rule("wraps", "what goes around a call goes around its FILTER and OVER", (*_CALLS, exp.Filter, exp.Window), wraps),
    Rule("likes", "the backslash is LIKE's escape; DuckDB has none by itself", (exp.Like, exp.ILike), likes),
    Rule("orders", "NULLs last; Spark has them first", (exp.Ordered,), orders),
    Rule("outputs", "bare numbers as results have 64 bits", (exp.Select,), outputs),
    Rule("rows", "DuckDB unnests in a select list, Spark by functions of its own", (exp.Unnest,), rows),
    Rule("literals", "0.2 is a double; both engines would read a decimal", (exp.Literal,), literals),
)
