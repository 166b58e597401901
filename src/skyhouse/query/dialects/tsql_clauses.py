"""T-SQL's clauses: TOP, hints, names of tables, variables."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.place import fault

__all__ = ["hints", "tables", "tops", "variables"]


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
    """Take the owner dbo off a table's name, and make a database before it the schema."""
    database, owner = node.args.get("catalog"), node.args.get("db")
    named = owner is not None and owner.name.lower() not in ("", "dbo")
    if database is not None and not named:
        owner = database
    elif not named:
        owner = None
    node.set("catalog", None)
    node.set("db", owner)
    return node
