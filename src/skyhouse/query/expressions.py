"""Expressions: which column each name means, which kind each node has, and what may stand in which clause."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import ClassVar

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError
from skyhouse.query import nested, units
from skyhouse.query.calls import called, filtered, over_clause, power, windowed
from skyhouse.query.clause import CLAUSES, Clause, shown, word
from skyhouse.query.intervals import TIME_TEXT, TIMES, interval, time_sum
from skyhouse.query.kinds import INTEGERS, cast, common, family, is_nested, kind, type_name, with_kind
from skyhouse.query.likes import check_pattern, with_backslash
from skyhouse.query.membership import between, is_many, member, quantified
from skyhouse.query.parse import fault
from skyhouse.query.registered import Registered
from skyhouse.query.scope import AskQuery, Scope
from skyhouse.query.spellings import plain

__all__ = ["Expressions"]

_LARGEST = 2**63 - 1
_LEAST = str(2**63)  # behind a minus sign


def _constant(name: str) -> Callable[..., str]:
    return lambda _self, _node: name


@dataclass
class Expressions:
    """Checks the expressions of one SELECT in place; `aggregates` tells afterwards whether there was one.

    `functions` are the registered ones and `windows` those of the WINDOW clause, by their names in lower case,
    `parameters` those of the lambdas around.
    """

    scope: Scope
    ask: AskQuery
    functions: Mapping[str, Registered] = field(default_factory=dict)
    aggregates: bool = False
    windows: dict[str, exp.Window] = field(default_factory=dict)
    parameters: dict[str, exp.Expr] = field(default_factory=dict)
    clause: Clause = field(default_factory=lambda: CLAUSES["SELECT"])

    def condition(self, holder: exp.Expr, clause: str, key: str = "this") -> None:
        """Check a condition, `holder.args[key]`: it has to be a truth value."""
        with self.within(CLAUSES.get(clause, Clause(clause))):
            self.truth(holder.args[key], clause)

    def plain(self, holder: exp.Expr, clause: str) -> None:
        """Check `holder.this` where neither aggregates nor windows may stand."""
        with self.within(CLAUSES[clause]):
            self.visit(holder.this)

    any = plain

    def output(self, item: exp.Expr) -> Column:
        """Check an item of the select list and return its column of the result."""
        if "column" in item.meta:
            return units.column_of(item, item.name)
        with self.within(CLAUSES["SELECT"]):
            self.visit(item.this)
        return units.column_of(item.this, item.alias)

    def window(self, node: exp.Window) -> None:
        """Check the definition of a named window."""
        with self.within(CLAUSES["SELECT"]):
            over_clause(self, node)

    @staticmethod
    def is_aggregate(node: exp.Expr) -> bool:
        """Whether an aggregate or a window function stands in an expression."""
        return any(part.meta.get("aggregate") or isinstance(part, exp.Window) for part in node.walk())

    @contextmanager
    def within(self, clause: Clause) -> Iterator[None]:
        """Check in another clause for a while."""
        before, self.clause = self.clause, clause
        try:
            yield
        finally:
            self.clause = before

    # -- one node --------------------------------------------------------------------------------------------

    def visit(self, node: exp.Expr) -> str:
        """Check a node, set its kind and return it."""
        if node.meta.get("checked"):
            return kind(node)
        handlers: dict[type[exp.Expr], Callable[..., str]] = self._handlers
        handler = handlers.get(type(node))
        if handler is None:
            raise fault(QueryError, f"{shown(node)} is not part of the language", node)
        found = handler(self, node)
        with_kind(node, found)
        return found

    def truth(self, node: exp.Expr, where: str) -> None:
        """Check a node that has to be a truth value."""
        parent, key, index = node.parent, node.arg_key, node.index
        if (found := self.visit(node)) not in ("bool", "null", ""):
            raise fault(QueryError, f"{where} takes a condition, and {shown(node)} is a {word(found)}", node)
        if found == "null" and parent is not None and key is not None:
            held = parent.args[key] if index is None else parent.args[key][index]
            parent.set(key, cast(held.copy(), "bool"), index)  # Spark's conditions take no bare NULL

    def _number(self, node: exp.Expr, where: str) -> str:
        self.visit(node)
        return self._numeric(node, where)

    def _numeric(self, node: exp.Expr, where: str) -> str:
        found = kind(node)
        if found not in ("", "null") and family(found) != "number":
            raise fault(QueryError, f"{where} takes numbers, and {shown(node)} is a {word(found)}", node)
        return found

    def _column(self, node: exp.Column) -> str:
        if "column" in node.meta:
            return kind(node)  # written out from *, and so known already
        if (fields := nested.dotted(self, node)) is not None:
            node.replace(fields)
            return self.visit(fields)
        if isinstance(node.this, exp.Star) or node.args.get("catalog"):
            raise fault(QueryError, f"{shown(node)} cannot be used here", node)
        if not node.table and (of_lambda := nested.parameter(self, node)) is not None:
            return of_lambda
        found = self.scope.find(node)
        if found is None and not node.table and self.clause.aliases:
            alias = self.scope.aliases.get(node.name.lower())
            if alias is not None:
                inner = exp.Paren(this=alias.copy())
                node.replace(inner)
                with self.within(replace(self.clause, aliases=False)):
                    return self.visit(inner)
        if found is None and (moment := plain(node)) is not node:
            return self.visit(moment)
        if found is None:
            if not node.table and node.name.lower() in self.scope.aliases:
                problem = (
                    f"{node.name!r} names a result column, which {self.clause.name} cannot see; write its expression"
                )
                raise fault(QueryError, problem, node)
            raise self.scope.unknown(node)
        place = node.this.meta.get("place")
        for part in found.find_all(exp.Column) if place is not None else ():
            part.meta["place"] = place
        node.replace(found)
        return kind(found)

    def _literal(self, node: exp.Literal) -> str:
        if node.is_string:
            return "string"
        if not node.name.isdigit():
            if math.isinf(float(node.name)):
                raise fault(QueryError, "a number is below 1.8e308; 'Infinity'::double is beyond", node)
            return "float64"
        if int(node.name) > _LARGEST:
            raise fault(QueryError, "a whole number has at most 64 bits; write it with a decimal point", node)
        return "int64"

    def _hex(self, node: exp.HexString) -> str:
        value = int(str(node.this), 16)
        if value > _LARGEST:
            raise fault(QueryError, "a whole number has at most 63 bits here", node)
        number = with_kind(exp.Literal.number(value), "int64")
        node.replace(number)
        return "int64"

    def _paren(self, node: exp.Expr) -> str:
        return self.visit(node.this)

    def _negative(self, node: exp.Neg) -> str:
        if isinstance(node.this, exp.Literal) and node.this.name == _LEAST:
            largest = exp.Neg(this=exp.Literal.number(_LARGEST))
            least = exp.Paren(this=exp.Sub(this=largest, expression=exp.Literal.number(1)))
            node.replace(least)
            return self.visit(least)
        found = self._number(node.this, "-")
        return "int64" if found in INTEGERS else "float64"

    def _arithmetic(self, node: exp.Binary) -> str:
        if TIMES & {self.visit(node.left), self.visit(node.right)}:
            return time_sum(node)
        sign = _sign(node)
        left, right = self._numeric(node.left, sign), self._numeric(node.right, sign)
        known = [k for k in (left, right) if k not in ("", "null")]
        return "int64" if known and all(k in INTEGERS for k in known) else "float64"

    def _division(self, node: exp.Div) -> str:
        self._number(node.left, "/")
        self._number(node.right, "/")
        return "float64"

    def _whole(self, node: exp.Binary) -> str:
        for side in (node.left, node.right):
            self._integer(side, _sign(node))
        return "int64"

    def _inverse(self, node: exp.BitwiseNot) -> str:
        self._integer(node.this, "~")
        return "int64"

    def _integer(self, node: exp.Expr, where: str) -> None:
        found = self.visit(node)
        if found not in INTEGERS and found not in ("", "null"):
            raise fault(QueryError, f"{where} takes integers, and {shown(node)} is a {word(found)} ({found})", node)

    def _comparison(self, node: exp.Binary) -> str:
        if is_many(node):
            return quantified(self, node)
        return self._same(node)

    def _same(self, node: exp.Binary) -> str:
        self.visit(node.left)
        self.visit(node.right)
        self.comparable(node.left, node.right)
        return "bool"

    def comparable(self, a: exp.Expr, b: exp.Expr) -> None:
        """Refuse a comparison of kinds that do not go together; raises QueryError."""
        left, right = family(kind(a)), family(kind(b))
        if left == right or {left, right} & {"", "null"}:
            return
        if is_nested(left) and common(kind(a), kind(b)) is not None:
            return
        for text, other in ((a, right), (b, left)):
            if not isinstance(text, exp.Literal) or not text.is_string:
                continue
            if other == "time":
                if not re.match(TIME_TEXT, text.name):
                    raise fault(QueryError, f"{shown(text)} is no date or time; write '2020-02-29 12:30:00'", text)
                return
            if other == "bool" and text.name.lower() in ("true", "false"):
                text.replace(with_kind(exp.Boolean(this=text.name.lower() == "true"), "bool"))
                return
        hint = "cast one of them"
        problem = f"{shown(a)} is a {word(kind(a))} and {shown(b)} a {word(kind(b))}; {hint}"
        raise fault(QueryError, problem, a)

    def _logical(self, node: exp.Expr) -> str:
        # A chain of a thousand ANDs is a thousand deep: no recursion here.
        pending = [node]
        while pending:
            part = pending.pop()
            if isinstance(part, (exp.And, exp.Or)):
                with_kind(part, "bool")
                pending += [part.right, part.left]
            else:
                self.truth(part, type(node).__name__.upper())
        return "bool"

    def _not(self, node: exp.Not) -> str:
        self.truth(node.this, "NOT")
        return "bool"

    def _is(self, node: exp.Is) -> str:
        if isinstance(node.expression, exp.Boolean):
            self.truth(node.this, "IS")
        else:
            self.visit(node.this)
        if not isinstance(node.expression, (exp.Null, exp.Boolean)):
            raise fault(QueryError, "IS takes NULL, TRUE, FALSE or DISTINCT FROM", node.expression)
        with_kind(node.expression, "null")
        return "bool"

    def _between(self, node: exp.Between) -> str:
        if node.args.get("symmetric"):
            either = between(node)
            node.replace(either)
            return self.visit(either)
        for part in (node.this, node.args["low"], node.args["high"]):
            self.visit(part)
        self.comparable(node.this, node.args["low"])
        self.comparable(node.this, node.args["high"])
        return "bool"

    def _like(self, node: exp.Binary) -> str:
        for part in (node.this, node.expression):
            self._text(part, "LIKE")
        check_pattern(node.expression)
        return "bool"

    def _escape(self, node: exp.Escape) -> str:
        like = with_backslash(node)
        node.replace(like)
        return self.visit(like)

    def _text(self, node: exp.Expr, where: str) -> None:
        self.visit(node)
        _check_text(node, where)

    def _join(self, node: exp.DPipe) -> str:
        self.visit(node.left)
        self.visit(node.right)
        if (lists := nested.joined(self, node)) is not None:
            return lists
        for side in (node.left, node.right):
            _check_text(side, "||")
        return "string"

    def _case(self, node: exp.Case) -> str:
        if (operand := node.args.get("this")) is not None:
            self.visit(operand)
        results = []
        for branch in node.args["ifs"]:
            if operand is None:
                self.truth(branch.this, "WHEN")
            else:
                self.visit(branch.this)
                self.comparable(node.this, branch.this)
            self.visit(branch.args["true"])
            with_kind(branch, kind(branch.args["true"]))
            results.append(branch.args["true"])
        if (default := node.args.get("default")) is not None:
            self.visit(default)
            results.append(node.args["default"])
        return self.together(results, "CASE")

    def _if(self, node: exp.If) -> str:
        self.truth(node.this, "IF")
        self.visit(node.args["true"])
        results = [node.args["true"]]
        if (default := node.args.get("false")) is not None:
            self.visit(default)
            results.append(node.args["false"])
        return self.together(results, "IF")

    def together(self, nodes: list[exp.Expr], where: str) -> str:
        """Return the kind that the values become together; raises QueryError where there is none."""
        found = common(*(kind(node) for node in nodes))
        if found is None:
            listed = ", ".join(f"{shown(node)} ({kind(node)})" for node in nodes[:4])
            raise fault(QueryError, f"{where} mixes types: {listed}; cast them to one", nodes[0])
        return found

    def _cast(self, node: exp.Cast) -> str:
        found = self.visit(node.this)
        wanted = type_name(node.to)
        if wanted is None or node.args.get("format"):
            raise fault(QueryError, f"no type {node.to.sql(dialect='duckdb')} in the language", node)
        if is_nested(found) or is_nested(wanted):
            nested.check_nested_cast(node, found, wanted)
            return wanted
        a, b = family(found), family(wanted)
        if ("binary" in (a, b) and a != b) or {a, b} in ({"number", "time"}, {"bool", "time"}):
            raise fault(QueryError, f"{shown(node.this)} is a {word(found)}, which cannot be cast to {wanted}", node)
        return wanted

    def _scalar(self, node: exp.Subquery) -> str:
        if node.alias:
            raise fault(QueryError, "a query inside an expression takes no alias", node)
        columns = self.ask(node.this, self.scope, self.scope.ctes)
        if len(columns) != 1:
            raise fault(QueryError, f"a query inside an expression gives one column; this has {len(columns)}", node)
        node.meta["column"] = columns[0]
        return columns[0].type

    def _similar(self, node: exp.SimilarTo) -> str:
        raise fault(
            QueryError, "SIMILAR TO is not part of the language; use LIKE or regexp_matches(text, pattern)", node
        )

    def _row(self, node: exp.Tuple) -> str:
        raise fault(QueryError, "a row of values, (a, b), stands beside =, <> and IN only", node)

    def _exists(self, node: exp.Exists) -> str:
        inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
        self.ask(inner, self.scope, self.scope.ctes)
        return "bool"

    def _spelled(self, node: exp.Expr) -> str:
        return self.visit(plain(node))

    def _interval(self, node: exp.Interval) -> str:
        return interval(self.visit, node)

    _handlers: ClassVar[dict[type[exp.Expr], Callable[..., str]]] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.HexString: _hex,
        exp.Boolean: _constant("bool"),
        exp.Null: _constant("null"),
        exp.Paren: _paren,
        exp.Neg: _negative,
        exp.Add: _arithmetic,
        exp.Sub: _arithmetic,
        exp.Mul: _arithmetic,
        exp.Mod: _arithmetic,
        exp.Div: _division,
        exp.IntDiv: _whole,
        exp.Pow: power,
        exp.BitwiseAnd: _whole,
        exp.BitwiseOr: _whole,
        exp.BitwiseLeftShift: _whole,
        exp.BitwiseRightShift: _whole,
        exp.BitwiseNot: _inverse,
        exp.EQ: _comparison,
        exp.NEQ: _comparison,
        exp.LT: _comparison,
        exp.LTE: _comparison,
        exp.GT: _comparison,
        exp.GTE: _comparison,
        exp.NullSafeEQ: _same,
        exp.NullSafeNEQ: _same,
        exp.And: _logical,
        exp.Or: _logical,
        exp.Not: _not,
        exp.Is: _is,
        exp.In: member,
        exp.Between: _between,
        exp.Like: _like,
        exp.ILike: _like,
        exp.Escape: _escape,
        exp.DPipe: _join,
        exp.Case: _case,
        exp.If: _if,
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.SimilarTo: _similar,
        exp.Tuple: _row,
        exp.Subquery: _scalar,
        exp.Exists: _exists,
        exp.Dot: nested.field,
        exp.Bracket: nested.item,
        exp.Array: nested.list_literal,
        exp.Struct: nested.struct_literal,
        exp.Identifier: nested.name,
        exp.Anonymous: called,
        exp.Extract: _spelled,
        exp.WithinGroup: _spelled,
        exp.RegexpLike: _spelled,
        exp.Interval: _interval,
        exp.Filter: filtered,
        exp.Window: windowed,
    }


def _check_text(node: exp.Expr, where: str) -> None:
    # A side's node may be another than the one visited: a name becomes its column.
    if (found := kind(node)) not in ("string", "null", ""):
        raise fault(QueryError, f"{where} takes texts, and {shown(node)} is a {word(found)}; cast it", node)


def _sign(node: exp.Expr) -> str:
    signs: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.IntDiv: "//", exp.Mod: "%"}
    return signs.get(type(node), "a bit operation")
