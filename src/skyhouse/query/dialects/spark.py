"""Spark SQL."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.parsers.spark import SparkParser

from skyhouse.query.dialects.rewrite import Rewrite, call

__all__ = ["REWRITES", "SparkSql"]

_INTEGERS = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)


class SparkSql(Spark):
    """Spark SQL, as sqlglot is told of it: functions keep their names."""

    class Parser(SparkParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: SparkParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}


def _casts(node: exp.Expr) -> exp.Expr:
    """Cut what is cast to an integer."""
    if node.args["to"].this in _INTEGERS:
        node.set("this", call("cut", node.this))
    return node


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("casts", "a cast to an integer cuts, and does not round", (exp.Cast, exp.TryCast), _casts),
)
