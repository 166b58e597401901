"""How Spark's SQL is written."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator

__all__ = ["SparkWriter"]


class SparkWriter(Spark):
    """Spark's SQL as it is.

    sqlglot would take QUALIFY apart and put the LIMIT before it, and would move every WITH to the top, where two of one
    name meet.
    """

    class Generator(SparkGenerator):
        EXPRESSIONS_WITHOUT_NESTED_CTES: ClassVar[set[Any]] = set()
        TRANSFORMS: ClassVar[dict[Any, Any]] = {
            node: write for node, write in SparkGenerator.TRANSFORMS.items() if node is not exp.Select
        }

        def cte_sql(self, expression: exp.CTE) -> str:
            """Write a query of WITH, with the room that a recursive one needs: its own count stops it before."""
            text = super().cte_sql(expression)
            steps = expression.meta.get("steps")
            name = self.sql(expression, "alias")
            return f"{name} MAX RECURSION LEVEL {steps + 2}{text[len(name) :]}" if steps else text
