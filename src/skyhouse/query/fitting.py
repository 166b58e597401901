"""A query's columns made to those of the table that its rows are put into."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError, UnknownColumn, did_you_mean
from skyhouse.query.kinds import FLOATS, INTEGERS, data_type
from skyhouse.query.place import fault

__all__ = ["fitted"]

_NUMBERS = INTEGERS | FLOATS


def fitted(
    tree: exp.Query, found: Sequence[Column], due: Sequence[Column], named: Sequence[exp.Expr], table: str
) -> exp.Query:
    """Return a query of the columns `due`, by their names, of a query whose columns are `found`.

    Columns go by position: to those `named`, or to all that are due. The others become NULL. Numbers become numbers
    of the table's type, as a CAST makes them. Raises QueryError for another number of columns, a type that does not
    fit and another unit; UnknownColumn.
    """
    targets = _targets(due, named, table)
    if len(found) != len(targets):
        each = ", ".join(column.name for column in targets)
        problem = f"{len(found)} columns do not fill {len(targets)} of {table} ({each})"
        raise fault(QueryError, f"{problem}; name those that are given: INSERT INTO {table} (...)", tree)
    places = {column.name: place for place, column in enumerate(targets)}
    items: list[exp.Expr] = []
    for column in due:
        place = places.get(column.name)
        value = _nothing(column) if place is None else _value(tree, place, found[place], column, table)
        items.append(exp.alias_(value, column.name, quoted=True))
    names = [exp.to_identifier(f"c{place}", quoted=True) for place in range(len(found))]
    alias = exp.TableAlias(this=exp.to_identifier("given", quoted=True), columns=names)
    return exp.Select(expressions=items, from_=exp.From(this=exp.Subquery(this=tree, alias=alias)))


def _targets(due: Sequence[Column], named: Sequence[exp.Expr], table: str) -> list[Column]:
    if not named:
        return list(due)
    by_name = {column.name.lower(): column for column in due}
    targets: list[Column] = []
    for node in named:
        column = by_name.get(node.name.lower())
        if column is None:
            hint = did_you_mean(node.name, [one.name for one in due])
            raise fault(UnknownColumn, f"table {table} has no column {node.name!r}{hint}", node)
        if column in targets:
            raise fault(QueryError, f"column {node.name!r} is named twice", node)
        targets.append(column)
    return targets


def _nothing(due: Column) -> exp.Expr:
    to = data_type(due.type)
    return exp.Null() if to is None else exp.Cast(this=exp.Null(), to=to)


def _value(tree: exp.Query, place: int, found: Column, due: Column, table: str) -> exp.Expr:
    value: exp.Expr = exp.column(exp.to_identifier(f"c{place}", quoted=True))
    what = f"column {place + 1} ({found.name!r}) for {due.name!r} of {table}"
    if found.unit and due.unit and found.unit != due.unit:
        problem = f"{what} is in {found.unit}, not {due.unit}; convert it (what is computed has no unit of its own)"
        raise fault(QueryError, problem, tree)
    if found.type in (due.type, ""):
        return value
    to = data_type(due.type)
    numbers = found.type in _NUMBERS and due.type in _NUMBERS
    times = found.type == "date" and due.type == "timestamp"
    if to is None or not (numbers or times or found.type == "null"):
        raise fault(QueryError, f"{what} is {found.type}, not {due.type}; cast it in the query", tree)
    return exp.Cast(this=value, to=to)
