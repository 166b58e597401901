"""Expressions: which column each name means, which kind each node has, and what may stand in which clause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import ClassVar

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError, UnknownFunction, did_you_mean
from skyhouse.query import units
from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.kinds import INTEGERS, common, family, kind, type_name, with_kind
from skyhouse.query.parse import fault, written
from skyhouse.query.scope import Scope

__all__ = ["Expressions"]

_LARGEST = 2**63 - 1
_WORDS = {"number": "number", "string": "text", "bool": "truth value", "time": "date or time", "binary": "bytes"}

AskQuery = Callable[[exp.Expr, Scope | None, dict[str, tuple[Column, ...]]], tuple[Column, ...]]


@dataclass(frozen=True)
class _Clause:
    name: str
    aggregates: bool = False
    windows: bool = False
    aliases: bool = False


_CLAUSES = {
    "SELECT": _Clause("SELECT", aggregates=True, windows=True),
    "HAVING": _Clause("HAVING", aggregates=True, aliases=True),
    "QUALIFY": _Clause("QUALIFY", aggregates=True, windows=True, aliases=True),
    "ORDER BY": _Clause("ORDER BY", aggregates=True, windows=True, aliases=True),
    "GROUP BY": _Clause("GROUP BY", aliases=True),
}


def _constant(name: str) -> Callable[..., str]:
    return lambda _self, _node: name


@dataclass
class Expressions:
    """Checks the expressions of one SELECT in place; `aggregates` tells afterwards whether there was one.

    `windows` are the names of the WINDOW clause.
    """

    scope: Scope
    ask: AskQuery
    aggregates: bool = False
    windows: list[str] = field(default_factory=list)
    _clause: _Clause = field(default_factory=lambda: _CLAUSES["SELECT"])

    def condition(self, holder: exp.Expr, clause: str, key: str = "this") -> None:
        """Check a condition, `holder.args[key]`: it has to be a truth value."""
        with self._within(_CLAUSES.get(clause, _Clause(clause))):
            self._truth(holder.args[key], clause)

    def plain(self, holder: exp.Expr, clause: str) -> None:
        """Check `holder.this` where neither aggregates nor windows may stand."""
        with self._within(_CLAUSES[clause]):
            self._visit(holder.this)

    any = plain

    def output(self, item: exp.Expr) -> Column:
        """Check an item of the select list and return its column of the result."""
        if "column" in item.meta:
            return units.column_of(item, item.name)
        with self._within(_CLAUSES["SELECT"]):
            self._visit(item.this)
        return units.column_of(item.this, item.alias)

    def window(self, node: exp.Window) -> None:
        """Check the definition of a named window."""
        with self._within(_CLAUSES["SELECT"]):
            self._over(node)

    @staticmethod
    def is_aggregate(node: exp.Expr) -> bool:
        """Whether an aggregate or a window function stands in an expression."""
        return any(part.meta.get("aggregate") or isinstance(part, exp.Window) for part in node.walk())

    @contextmanager
    def _within(self, clause: _Clause) -> Iterator[None]:
        before, self._clause = self._clause, clause
        try:
            yield
        finally:
            self._clause = before

    # -- one node --------------------------------------------------------------------------------------------

    def _visit(self, node: exp.Expr) -> str:
        handlers: dict[type[exp.Expr], Callable[..., str]] = self._handlers
        handler = handlers.get(type(node))
        if handler is None:
            raise fault(QueryError, f"{_shown(node)} is not part of the language", node)
        found = handler(self, node)
        with_kind(node, found)
        return found

    def _truth(self, node: exp.Expr, where: str) -> None:
        if (found := self._visit(node)) not in ("bool", "null", ""):
            raise fault(QueryError, f"{where} takes a condition, and {_shown(node)} is a {_word(found)}", node)

    def _number(self, node: exp.Expr, where: str) -> str:
        found = self._visit(node)
        if found not in ("", "null") and family(found) != "number":
            raise fault(QueryError, f"{where} takes numbers, and {_shown(node)} is a {_word(found)}", node)
        return found

    def _column(self, node: exp.Column) -> str:
        if "column" in node.meta:
            return kind(node)  # written out from *, and so known already
        if isinstance(node.this, exp.Star) or node.args.get("catalog"):
            raise fault(QueryError, f"{_shown(node)} cannot be used here", node)
        found = self.scope.find(node)
        if found is None and not node.table and self._clause.aliases:
            alias = self.scope.aliases.get(node.name.lower())
            if alias is not None:
                inner = exp.Paren(this=alias.copy())
                node.replace(inner)
                with self._within(replace(self._clause, aliases=False)):
                    return self._visit(inner)
        if found is None:
            if not node.table and node.name.lower() in self.scope.aliases:
                problem = (
                    f"{node.name!r} names a result column, which {self._clause.name} cannot see; write its expression"
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
        return self._visit(node.this)

    def _negative(self, node: exp.Neg) -> str:
        found = self._number(node.this, "-")
        return "int64" if found in INTEGERS else "float64"

    def _arithmetic(self, node: exp.Binary) -> str:
        sign = _sign(node)
        left, right = self._number(node.left, sign), self._number(node.right, sign)
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
        found = self._visit(node)
        if found not in INTEGERS and found not in ("", "null"):
            raise fault(QueryError, f"{where} takes integers, and {_shown(node)} is a {_word(found)} ({found})", node)

    def _comparison(self, node: exp.Binary) -> str:
        self._visit(node.left)
        self._visit(node.right)
        self._comparable(node.left, node.right)
        return "bool"

    def _comparable(self, a: exp.Expr, b: exp.Expr) -> None:
        left, right = family(kind(a)), family(kind(b))
        if left == right or {left, right} & {"", "null"}:
            return
        for text, other in ((a, right), (b, left)):
            if isinstance(text, exp.Literal) and text.is_string and other == "time":
                return
        hint = "cast one of them"
        problem = f"{_shown(a)} is a {_word(kind(a))} and {_shown(b)} a {_word(kind(b))}; {hint}"
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
                self._truth(part, type(node).__name__.upper())
        return "bool"

    def _not(self, node: exp.Not) -> str:
        self._truth(node.this, "NOT")
        return "bool"

    def _is(self, node: exp.Is) -> str:
        if isinstance(node.expression, exp.Boolean):
            self._truth(node.this, "IS")
        else:
            self._visit(node.this)
        if not isinstance(node.expression, (exp.Null, exp.Boolean)):
            raise fault(QueryError, "IS takes NULL, TRUE, FALSE or DISTINCT FROM", node.expression)
        with_kind(node.expression, "null")
        return "bool"

    def _in(self, node: exp.In) -> str:
        self._visit(node.this)
        if (query := node.args.get("query")) is not None:
            inner = query.this if isinstance(query, exp.Subquery) else query
            columns = self.ask(inner, self.scope, self.scope.ctes)
            if len(columns) != 1:
                raise fault(QueryError, f"IN takes a query of one column; this has {len(columns)}", query)
            with_kind(query, columns[0].type)
            self._comparable(node.this, query)
            return "bool"
        if not node.expressions or node.args.get("unnest") or node.args.get("field"):
            raise fault(QueryError, "IN takes values or a query in parentheses", node)
        for item in list(node.expressions):
            self._visit(item)
        for item in node.expressions:
            self._comparable(node.this, item)
        return "bool"

    def _between(self, node: exp.Between) -> str:
        for part in (node.this, node.args["low"], node.args["high"]):
            self._visit(part)
        self._comparable(node.this, node.args["low"])
        self._comparable(node.this, node.args["high"])
        return "bool"

    def _like(self, node: exp.Binary) -> str:
        for part in (node.this, node.expression):
            self._text(part, "LIKE")
        return "bool"

    def _text(self, node: exp.Expr, where: str) -> None:
        if (found := self._visit(node)) not in ("string", "null", ""):
            raise fault(QueryError, f"{where} takes texts, and {_shown(node)} is a {_word(found)}; cast it", node)

    def _join(self, node: exp.Binary) -> str:
        for side in (node.left, node.right):
            self._text(side, "||")
        return "string"

    def _case(self, node: exp.Case) -> str:
        if (operand := node.args.get("this")) is not None:
            self._visit(operand)
        results = []
        for branch in node.args["ifs"]:
            if operand is None:
                self._truth(branch.this, "WHEN")
            else:
                self._visit(branch.this)
                self._comparable(node.this, branch.this)
            self._visit(branch.args["true"])
            with_kind(branch, kind(branch.args["true"]))
            results.append(branch.args["true"])
        if (default := node.args.get("default")) is not None:
            self._visit(default)
            results.append(node.args["default"])
        return self._together(results, "CASE")

    def _if(self, node: exp.If) -> str:
        self._truth(node.this, "IF")
        self._visit(node.args["true"])
        results = [node.args["true"]]
        if (default := node.args.get("false")) is not None:
            self._visit(default)
            results.append(node.args["false"])
        return self._together(results, "IF")

    def _together(self, nodes: list[exp.Expr], where: str) -> str:
        found = common(*(kind(node) for node in nodes))
        if found is None:
            shown = ", ".join(f"{_shown(node)} ({kind(node)})" for node in nodes[:4])
            raise fault(QueryError, f"{where} mixes types: {shown}; cast them to one", nodes[0])
        return found

    def _cast(self, node: exp.Cast) -> str:
        found = self._visit(node.this)
        wanted = type_name(node.to)
        if wanted is None or node.args.get("format"):
            raise fault(QueryError, f"no type {node.to.sql(dialect='duckdb')} in the language", node)
        a, b = family(found), family(wanted)
        if ("binary" in (a, b) and a != b) or {a, b} in ({"number", "time"}, {"bool", "time"}):
            raise fault(QueryError, f"{_shown(node.this)} is a {_word(found)}, which cannot be cast to {wanted}", node)
        return wanted

    def _scalar(self, node: exp.Subquery) -> str:
        if node.alias:
            raise fault(QueryError, "a query inside an expression takes no alias", node)
        columns = self.ask(node.this, self.scope, self.scope.ctes)
        if len(columns) != 1:
            raise fault(QueryError, f"a query inside an expression gives one column; this has {len(columns)}", node)
        node.meta["column"] = columns[0]
        return columns[0].type

    def _exists(self, node: exp.Exists) -> str:
        inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
        self.ask(inner, self.scope, self.scope.ctes)
        return "bool"

    # -- functions -------------------------------------------------------------------------------------------

    def _power(self, node: exp.Pow) -> str:
        call = exp.Anonymous(this="power", expressions=[node.left, node.right])
        node.replace(call)
        return self._visit(call)

    def _call(self, node: exp.Anonymous, over: bool = False) -> str:
        name = str(node.this).lower()
        function = FUNCTIONS.get(name)
        if function is None:
            raise fault(UnknownFunction, f"no function {node.this!r}{did_you_mean(name, FUNCTIONS)}", node)
        if function.group == "window" and not over:
            raise fault(QueryError, f"{name}() needs OVER (...)", node)
        if function.group == "aggregate" and not over:
            if not self._clause.aggregates:
                hint = "; use HAVING" if self._clause.name == "WHERE" else ""
                raise fault(QueryError, f"{name}() is an aggregate and cannot stand in {self._clause.name}{hint}", node)
            self.aggregates = True
            node.meta["aggregate"] = True
        inner = _Clause(f"{name}()", aggregates=over, windows=False, aliases=self._clause.aliases)
        with self._within(inner if function.group in ("aggregate", "window") else self._clause):
            return self._arguments(node, function)

    def _arguments(self, node: exp.Anonymous, function: Function) -> str:
        first = node.expressions[0] if node.expressions else exp.Star()
        if function.name == "count" and isinstance(first, exp.Star):
            if len(node.expressions) > 1 or any(first.args.values()):
                raise fault(QueryError, "count takes * or one value", node)
            node.set("expressions", [exp.Star()])
            return "int64"
        holder: exp.Expr = node
        if isinstance(first, exp.Distinct):
            if not function.distinct or len(first.expressions) != 1 or len(node.expressions) > 1:
                raise fault(QueryError, f"{function.name}(DISTINCT ...) is not part of the language", node)
            over = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
            if isinstance(over, exp.Window):
                raise fault(QueryError, f"{function.name}(DISTINCT ...) OVER is not part of the language", node)
            holder = first
        count, most = len(holder.expressions), function.most
        if count < function.least or (most is not None and count > most):
            raise fault(QueryError, f"{function.name} is called as {function.signature}", node)
        for argument in list(holder.expressions):
            self._visit(argument)
        for position, argument in enumerate(holder.expressions):
            self._fits(argument, function.argument(position), function)
        return self._result(holder.expressions, function)

    def _result(self, arguments: list[exp.Expr], function: Function) -> str:
        same = [a for position, a in enumerate(arguments) if function.argument(position) == "same"]
        if same:
            together = self._together(same, function.name)
            return together if function.result == "same" else function.result
        if function.result not in ("first", "same"):
            return function.result
        if function.argument(0) != "number":
            return kind(arguments[0])
        return "int64" if all(kind(argument) in INTEGERS for argument in arguments) else "float64"

    def _fits(self, node: exp.Expr, asked: str, function: Function) -> None:
        found = kind(node)
        if asked == "constant":
            number = node.this if isinstance(node, exp.Neg) else node
            if not isinstance(number, exp.Literal) or number.is_string:
                raise fault(QueryError, f"{function.signature}: a number has to be written here", node)
            return
        if found in ("", "null") or asked in ("any", "same"):
            return
        wanted = {"double": "number", "number": "number", "integer": "number"}.get(asked, asked)
        if family(found) != wanted or (asked == "integer" and found not in INTEGERS):
            shown = f"{_shown(node)} is a {_word(found)} ({found})"
            if asked == "string":
                shown += f"; write CAST({_shown(node)} AS text)"
            raise fault(QueryError, f"{function.signature} takes another type here: {shown}", node)

    def _filter(self, node: exp.Filter, over: bool = False) -> str:
        call = node.this
        function = FUNCTIONS.get(str(call.this).lower()) if isinstance(call, exp.Anonymous) else None
        if not isinstance(call, exp.Anonymous) or function is None or function.group != "aggregate":
            if isinstance(call, exp.Anonymous) and function is None:
                self._call(call)
            raise fault(QueryError, "FILTER belongs to an aggregate function", node)
        found = self._call(call, over)
        with_kind(call, found)
        if not over:
            node.meta["aggregate"] = True
        with self._within(_Clause("FILTER", aliases=self._clause.aliases)):
            self._truth(node.expression.this, "FILTER")
        return found

    def _window(self, node: exp.Window) -> str:
        if not self._clause.windows:
            raise fault(QueryError, f"a window function cannot stand in {self._clause.name}; use QUALIFY", node)
        call = node.this
        if isinstance(call, exp.Filter):
            found = self._filter(call, over=True)
        elif isinstance(call, exp.Anonymous):
            function = FUNCTIONS.get(str(call.this).lower())
            if function is not None and function.group not in ("aggregate", "window"):
                raise fault(QueryError, f"{function.name} is no window function", node)
            found = self._call(call, over=True)
        else:
            raise fault(QueryError, f"{_shown(call)} OVER is not part of the language", node)
        with_kind(call, found)
        self._over(node)
        return found

    def _over(self, node: exp.Window) -> None:
        self._named(node)
        self._frame(node)
        with self._within(_Clause("OVER", aggregates=True, aliases=self._clause.aliases)):
            for part in list(node.args.get("partition_by") or []):
                self._visit(part)
            order = node.args.get("order")
            for term in order.expressions if order is not None else []:
                self._visit(term.this)

    def _named(self, node: exp.Window) -> None:
        name = node.args.get("alias")
        if name is None:
            return
        if isinstance(node.this, exp.Identifier) or any(node.args.get(k) for k in ("partition_by", "order", "spec")):
            raise fault(QueryError, "a window that goes on from a named one is not part of the language", node)
        if name.name.lower() not in [known.lower() for known in self.windows]:
            near = did_you_mean(name.name, self.windows)
            raise fault(QueryError, f"no window {name.name!r} in WINDOW{near}", node)

    def _frame(self, node: exp.Window) -> None:
        frame = node.args.get("spec")
        if frame is None:
            return
        if frame.args.get("kind") not in ("ROWS", "RANGE") or frame.args.get("exclude"):
            raise fault(QueryError, "a window's frame is of ROWS or RANGE, without EXCLUDE", node)
        for key in ("start", "end"):
            bound = frame.args.get(key)
            if isinstance(bound, exp.Expr) and not (isinstance(bound, exp.Literal) and not bound.is_string):
                raise fault(QueryError, "a window's frame is bounded by numbers written in the query", bound)

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
        exp.Pow: _power,
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
        exp.NullSafeEQ: _comparison,
        exp.NullSafeNEQ: _comparison,
        exp.And: _logical,
        exp.Or: _logical,
        exp.Not: _not,
        exp.Is: _is,
        exp.In: _in,
        exp.Between: _between,
        exp.Like: _like,
        exp.ILike: _like,
        exp.DPipe: _join,
        exp.Case: _case,
        exp.If: _if,
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.Subquery: _scalar,
        exp.Exists: _exists,
        exp.Anonymous: _call,
        exp.Filter: _filter,
        exp.Window: _window,
    }


def _sign(node: exp.Expr) -> str:
    signs: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.IntDiv: "//", exp.Mod: "%"}
    return signs.get(type(node), "a bit operation")


def _shown(node: exp.Expr) -> str:
    plain = node.copy()
    for column in plain.find_all(exp.Column):
        column.set("table", None)
        column.this.set("quoted", False)
    text = written(plain)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _word(name: str) -> str:
    return _WORDS.get(family(name), name or "value")
