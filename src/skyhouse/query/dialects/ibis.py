"""What Ibis writes for DuckDB: DuckDB's functions under DuckDB's names."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.query.dialects.rewrite import Rewrite

__all__ = ["REWRITES"]

# DuckDB's names where the language has the same function under another, or another function under the same.
_NAMES = {
    "log": "log10",
    "array_length": "len",
    "list_count": "len",
    "array_to_string": "list_join",
    "first": "any_value",
}
_WITHOUT_FRAME = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"})


def _calls(node: exp.Expr) -> exp.Expr:
    name, arguments = str(node.this).lower(), node.expressions
    if name == "first" and len(arguments) == 1 and isinstance(arguments[0], exp.Order):
        return _extreme(arguments[0]) or node
    if name == "log" and len(arguments) != 1:
        return node
    if name == "list_extract" and len(arguments) == 2:
        return exp.Bracket(this=arguments[0], expressions=[arguments[1]])
    if name in _NAMES:
        node.set("this", _NAMES[name])
    return node


def _extreme(order: exp.Order) -> exp.Expr | None:
    """Return arg_max or arg_min for "the first by an order"."""
    if len(order.expressions) != 1:
        return None
    term = order.expressions[0]
    name = "arg_max" if term.args.get("desc") else "arg_min"
    return exp.Anonymous(this=name, expressions=[order.this, term.this])


def _windows(node: exp.Expr) -> exp.Expr:
    inner = node.this
    if isinstance(inner, exp.Anonymous) and str(inner.this).lower() in _WITHOUT_FRAME:
        node.set("spec", None)  # Ibis writes one, which means nothing for these
    return node


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("calls", "names of DuckDB's; log is that of base 10", (exp.Anonymous,), _calls),
    Rewrite("windows", "ranks have no frame", (exp.Window,), _windows),
)
