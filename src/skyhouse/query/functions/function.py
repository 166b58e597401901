"""What the language says of one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["BIGINT", "Function", "Given"]

BIGINT = "CAST(_0 AS BIGINT)"


@dataclass(frozen=True)
class Given:
    """What is known of an argument before the query runs: its kind, and its number where one is written."""

    kind: str
    number: float | None = None


@dataclass(frozen=True)
class Function:
    """One function: how it is called, what it returns, how it is lowered, and what it is for.

    `group` is "aggregate", "window", "math", "choice" or "string". `arguments` may end in ``"..."``: the one before
    repeats. The last `optional` arguments may be left out. `duckdb` and `spark` are the calls, `duckdb_wrap` and
    `spark_wrap` go around them; `brief` is the call on both engines when optional arguments are left out. `distinct`
    tells whether DISTINCT may stand in it.

    A function with `meaning` is another way to write an expression of the language, which stands in its place before
    anything else looks at it: a text like a lowering, or what makes that text from what is known of the arguments.
    """

    name: str
    group: str
    arguments: tuple[str, ...]
    result: str
    doc: str
    optional: int = 0
    duckdb: str = ""
    spark: str = ""
    duckdb_wrap: str = ""
    spark_wrap: str = ""
    brief: str = ""
    distinct: bool = False
    meaning: str | Callable[[Sequence[Given]], str] = ""

    @property
    def least(self) -> int:
        """The fewest arguments."""
        return len([a for a in self.arguments if a != "..."]) - self.optional

    @property
    def most(self) -> int | None:
        """The most arguments; None for no limit."""
        return None if "..." in self.arguments else len(self.arguments)

    @property
    def signature(self) -> str:
        """The call as documentation shows it.

        >>> Function("atan2", "math", ("double", "double"), "float64", "").signature
        'atan2(double, double)'
        """
        return f"{self.name}({', '.join(self.arguments)})"

    def argument(self, position: int) -> str:
        """Return what is asked of an argument, counted from 0."""
        if "..." in self.arguments and position >= len(self.arguments) - 1:
            return self.arguments[-2]
        return self.arguments[position]

    def call(self, engine: str) -> str:
        """Return the lowering of the call for an engine; empty where the call goes by its own name."""
        return self.duckdb if engine == "duckdb" else self.spark

    def wrap(self, engine: str, result: str) -> str:
        """Return what goes around the call and its FILTER and OVER for an engine and result kind; empty for nothing."""
        text = self.duckdb_wrap if engine == "duckdb" else self.spark_wrap
        return "" if text == BIGINT and result != "int64" else text
