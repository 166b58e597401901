"""T-SQL's clauses: TOP, hints, names of tables, variables."""

from __future__ import annotations

import re

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.place import fault

__all__ = ["hints", "tables", "tops", "variables"]

_RELEASE = re.compile(r"(best|targ|run)?(edr|dr\d+)", re.IGNORECASE)


def variables(node: exp.Expr) -> exp.Expr:
    """Refuse a variable."""
    raise fault(QueryError, f"variables such as @{node.name} are not read; write the value in its place", node.parent)


def hints(node: exp.Expr) -> exp.Expr:
    """Drop hints to the planner, such as NOLOCK."""
    node.set("hints" if isinstance(node, exp.Table) else "options", None)
    if node.args.get("for_"):
        raise fault(QueryError, "rows come as a table; leave out FOR XML and FOR JSON", node)
    return node


def tops(node: exp.Expr) -> exp.Expr:
    """Take TOP's number out of its parentheses."""
    count = node.args.get("expression")
    options = node.args.get("limit_options")
    if options is not None and options.args.get("percent"):
        problem = "TOP ... PERCENT is not read; write TOP with a number, or TABLESAMPLE for a share of a table"
        raise fault(QueryError, problem, node.parent)
    if options is not None and options.args.get("with_ties"):
        problem = "TOP ... WITH TIES is not read; use rank() OVER (ORDER BY ...) in a subquery, and its value in WHERE"
        raise fault(QueryError, problem, node.parent)
    if count is not None:
        node.set("expression", count.unnest())
    return node


def tables(node: exp.Expr) -> exp.Expr:
    """Take the owner dbo off a table's name, and make a database before it the schema.

    A database that is a release, such as BestDR17, names no schema where the lake has none of that name.
    """
    parts = [part for part in (node.args.get("db"), node.args.get("catalog")) if isinstance(part, exp.Identifier)]
    named = [part for part in parts if part.name.lower() != "dbo"]
    node.set("catalog", None)
    node.set("db", named[0] if named else None)
    if named and _RELEASE.fullmatch(named[0].name):
        node.meta["release"] = True
    return node
