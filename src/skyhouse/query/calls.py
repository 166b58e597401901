"""Function calls in expressions: scalar, aggregate, FILTER and OVER."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlglot import exp

from skyhouse.errors import QueryError, UnknownFunction, did_you_mean
from skyhouse.query.clause import Clause, shown, word
from skyhouse.query.functions import FUNCTIONS, HINTS, Function
from skyhouse.query.functions.function import Given
from skyhouse.query.kinds import INTEGERS, cast, family, is_nested, kind, with_kind
from skyhouse.query.list_calls import list_call, zipped_names
from skyhouse.query.parse import fault
from skyhouse.query.patterns import java_pattern, java_replacement
from skyhouse.query.registered_calls import registered_call
from skyhouse.query.rules.rule import constant, filled, operand, text_of
from skyhouse.query.spellings import plain

if TYPE_CHECKING:
    from skyhouse.query.expressions import Expressions

_BROUGHT = {"double": "float64", "integer": "int64", "timestamp": "timestamp"}
_WRITTEN = ("word", "pattern", "replacement")

__all__ = ["called", "filtered", "over_clause", "power", "windowed"]

# Spark takes NULLs inside lists and structs for least, the language for greatest.
_OF_ORDER = frozenset({"min", "max", "greatest", "least"})


def power(checked: Expressions, node: exp.Pow) -> str:
    """Check a power as the function's call."""
    call = exp.Anonymous(this="power", expressions=[node.left, node.right])
    node.replace(call)
    return checked.visit(call)


def called(checked: Expressions, node: exp.Anonymous, over: bool = False) -> str:
    """Check a call; `over` tells that it stands before OVER."""
    plain(node)
    if (own := checked.functions.get(str(node.this).lower())) is not None:
        return registered_call(checked, node, own, zipped_names(checked, node.expressions))
    function = _function(node, checked.functions)
    name = function.name
    if function.group == "list":
        return list_call(checked, node, function)
    if function.group == "window" and not over:
        raise fault(QueryError, f"{name}() needs OVER (...)", node)
    if function.group == "aggregate" and not over:
        if not checked.clause.aggregates:
            hint = "; use HAVING" if checked.clause.name == "WHERE" else ""
            raise fault(QueryError, f"{name}() is an aggregate and cannot stand in {checked.clause.name}{hint}", node)
        checked.aggregates = True
        node.meta["aggregate"] = True
    inner = Clause(f"{name}()", aggregates=over, windows=False, aliases=checked.clause.aliases)
    with checked.within(inner if function.group in ("aggregate", "window") else checked.clause):
        found = _arguments(checked, node, function)
    if not function.meaning:
        return found
    if function.group == "aggregate" and isinstance(node.parent, (exp.Filter, exp.Window)):
        hint = f"write {name}(CASE WHEN ... THEN x END, ...), and GROUP BY"
        raise fault(QueryError, f"{name}() takes neither FILTER nor OVER; {hint}", node)
    return _meant(checked, node, function)


def _function(node: exp.Anonymous, registered: Iterable[str]) -> Function:
    """Return a call's function; the call gets the function's first name."""
    name = str(node.this).lower()
    function = FUNCTIONS.get(name)
    if function is None:
        hint = f"; {HINTS[name]}" if name in HINTS else did_you_mean(name, [*FUNCTIONS, *registered])
        raise fault(UnknownFunction, f"no function {node.this!r}{hint}", node)
    if function.same_as:
        node.set("this", function.same_as)
        function = FUNCTIONS[function.same_as]
    return function


def _meant(checked: Expressions, node: exp.Anonymous, function: Function) -> str:
    """Put in the place of a call, whose arguments are checked, what it is another way to write."""
    meaning = function.meaning
    if callable(meaning):
        try:
            meaning = meaning([Given(kind(a), constant(a), text_of(a)) for a in node.expressions])
        except QueryError as error:
            raise fault(QueryError, error.problem, node) from error
    arguments = []
    for position, argument in enumerate(node.expressions):
        asked = function.argument(position)
        wanted = "timestamp" if asked == "time" and kind(argument) == "string" else _BROUGHT.get(asked, "")
        arguments.append(cast(argument, wanted) if wanted and kind(argument) != "null" else argument)
        arguments[-1].meta["checked"] = True
    written_out = operand(filled(meaning, arguments))
    if function.group == "sky":
        # These formulas take no root of what may be negative and no sine of what may be infinite: no guards.
        for part in written_out.walk(prune=lambda one: bool(one.meta.get("checked"))):
            if isinstance(part, exp.Anonymous):
                part.meta["sure"] = True
    node.replace(written_out)
    return checked.visit(written_out)


def _arguments(checked: Expressions, node: exp.Anonymous, function: Function) -> str:
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
        if isinstance(over, exp.Window) and function.name != "count":
            raise fault(QueryError, f"{function.name}(DISTINCT ...) OVER is not part of the language", node)
        holder = first
    count, most = len(holder.expressions), function.most
    if count < function.least or (most is not None and count > most):
        raise fault(QueryError, f"{function.name} is called as {function.signature}", node)
    for argument in list(holder.expressions):
        checked.visit(argument)
    for position, argument in enumerate(holder.expressions):
        _fits(argument, function.argument(position), function)
    _sorted(checked, node, function)
    return _result(checked, holder.expressions, function)


def _sorted(checked: Expressions, node: exp.Anonymous, function: Function) -> None:
    order = node.args.get("order")
    if order is not None and not function.sorts:
        raise fault(QueryError, f"{function.name} takes no ORDER BY", node)
    holder = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
    if function.sorts and isinstance(holder, exp.Window):
        raise fault(QueryError, f"{function.name}(...) OVER is not part of the language", node)
    for term in order.expressions if order is not None else ():
        checked.visit(term.this)


def _result(checked: Expressions, arguments: list[exp.Expr], function: Function) -> str:
    same = [a for position, a in enumerate(arguments) if function.argument(position) == "same"]
    if same:
        together = checked.together(same, function.name)
        return together if function.result == "same" else function.result
    if function.result == "list":
        return f"list<{kind(arguments[0])}>"
    if function.result not in ("first", "same"):
        return function.result
    if function.argument(0) != "number":
        return kind(arguments[0])
    return "int64" if all(kind(argument) in INTEGERS for argument in arguments) else "float64"


def _fits(node: exp.Expr, asked: str, function: Function) -> None:
    found = kind(node)
    if function.name in _OF_ORDER and is_nested(found):
        problem = f"{function.name} takes no lists and structs; order by {shown(node)} and take the first row"
        raise fault(QueryError, problem, node)
    if asked == "constant":
        number = node.this if isinstance(node, exp.Neg) else node
        if not isinstance(number, exp.Literal) or number.is_string:
            raise fault(QueryError, f"{function.signature}: a number has to be written here", node)
        return
    if asked in _WRITTEN:
        _written(node, asked, function)
        return
    if asked == "fraction":
        if not 0 <= (-1 if (share := constant(node)) is None else share) <= 1:
            raise fault(QueryError, f"{function.signature}: a number from 0 to 1 has to be written here", node)
        return
    if found in ("", "null") or asked in ("any", "same"):
        return
    if asked in ("time", "timestamp") and text_of(node) is not None:
        return
    wanted = {"double": "number", "number": "number", "integer": "number", "timestamp": "time"}.get(asked, asked)
    if family(found) != wanted or (asked == "integer" and found not in INTEGERS):
        problem = f"{shown(node)} is a {word(found)} ({found})"
        if asked == "string":
            problem += f"; write CAST({shown(node)} AS text)"
        raise fault(QueryError, f"{function.signature} takes another type here: {problem}", node)


def _written(node: exp.Expr, asked: str, function: Function) -> None:
    text, call = text_of(node), node.parent
    if text is None or call is None:
        raise fault(QueryError, f"{function.signature}: a text has to be written here", node)
    try:
        if asked == "pattern":
            java_pattern(text)
        elif asked == "replacement":
            java_replacement(text, text_of(call.expressions[1]) or "")
    except QueryError as error:
        raise fault(QueryError, error.problem, call) from error
    if function.name == "regexp_replace" and asked == "word" and text != "g":
        raise fault(QueryError, "regexp_replace replaces all that fits: its fourth argument is 'g'", call)


def filtered(checked: Expressions, node: exp.Filter, over: bool = False) -> str:
    """Check an aggregate with FILTER; `over` tells that it stands before OVER."""
    call = plain(node.this)
    function = FUNCTIONS.get(str(call.this).lower()) if isinstance(call, exp.Anonymous) else None
    if not isinstance(call, exp.Anonymous) or function is None or function.group != "aggregate":
        if isinstance(call, exp.Anonymous) and function is None:
            called(checked, call)
        raise fault(QueryError, "FILTER belongs to an aggregate function", node)
    found = called(checked, call, over)
    with_kind(node.this, found)
    if not over:
        node.meta["aggregate"] = True
    with checked.within(Clause("FILTER", aliases=checked.clause.aliases)):
        checked.truth(node.expression.this, "FILTER")
    return found


def windowed(checked: Expressions, node: exp.Window) -> str:
    """Check a window function."""
    if not checked.clause.windows:
        raise fault(QueryError, f"a window function cannot stand in {checked.clause.name}; use QUALIFY", node)
    call = plain(node.this)
    if isinstance(call, exp.Filter):
        found = filtered(checked, call, over=True)
    elif isinstance(call, exp.Anonymous):
        function = FUNCTIONS.get(str(call.this).lower())
        if function is not None and function.group not in ("aggregate", "window"):
            raise fault(QueryError, f"{function.name} is no window function", node)
        found = called(checked, call, over=True)
    else:
        raise fault(QueryError, f"{shown(call)} OVER is not part of the language", node)
    with_kind(call, found)
    over_clause(checked, node)
    return found


def over_clause(checked: Expressions, node: exp.Window) -> None:
    """Check what stands in OVER (...) or in a definition of WINDOW."""
    _named(checked, node)
    _frame(node)
    with checked.within(Clause("OVER", aggregates=True, aliases=checked.clause.aliases)):
        for part in list(node.args.get("partition_by") or []):
            checked.visit(part)
        order = node.args.get("order")
        for term in order.expressions if order is not None else []:
            checked.visit(term.this)


def _named(checked: Expressions, node: exp.Window) -> None:
    name = node.args.get("alias")
    if name is None:
        return
    base = checked.windows.get(name.name.lower())
    if base is None:
        near = did_you_mean(name.name, [known.name for known in checked.windows.values()])
        raise fault(QueryError, f"no window {name.name!r} in WINDOW{near}", node)
    own = any(node.args.get(key) for key in ("partition_by", "order", "spec"))
    if not isinstance(node.this, exp.Identifier) and not own:
        return
    # A window that goes on from another is written out: Spark has none.
    if node.args.get("partition_by") or base.args.get("spec") or (node.args.get("order") and base.args.get("order")):
        problem = f"window {name.name!r} can be given an ORDER BY and a frame where it has none, and no PARTITION BY"
        raise fault(QueryError, problem, node)
    node.set("alias", None)
    node.set("partition_by", [_known(part.copy()) for part in base.args.get("partition_by") or []])
    if base.args.get("order"):
        order = base.args["order"].copy()
        for term in order.expressions:
            _known(term.this)
        node.set("order", order)


def _known(node: exp.Expr) -> exp.Expr:
    node.meta["checked"] = True
    return node


def _frame(node: exp.Window) -> None:
    frame = node.args.get("spec")
    if frame is None:
        return
    if frame.args.get("kind") not in ("ROWS", "RANGE") or frame.args.get("exclude"):
        raise fault(QueryError, "a window's frame is of ROWS or RANGE, without EXCLUDE", node)
    for key in ("start", "end"):
        bound = frame.args.get(key)
        if isinstance(bound, exp.Expr) and not (isinstance(bound, exp.Literal) and not bound.is_string):
            raise fault(QueryError, "a window's frame is bounded by numbers written in the query", bound)
