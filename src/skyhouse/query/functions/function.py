"""What the language says of one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["BIGINT", "RULES", "Function", "Given"]

BIGINT = "CAST(_0 AS BIGINT)"

RULES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "aggregate": {"NULL": "left out", "NaN": "gives NaN", "no rows": "NULL"},
        "bit": {"NULL": "gives NULL"},
        "list": {"NULL": "gives NULL; NULL items are left out of sums and their kin", "NaN": "gives NaN"},
        "math": {
            "NULL": "gives NULL",
            "NaN": "gives NaN",
            "infinities": "as IEEE 754 has it",
            "out of domain": "NULL",
        },
        "regexp": {"NULL": "gives NULL"},
        "sky": {"NULL": "gives NULL", "NaN": "gives NaN, or FALSE for in_..."},
        "string": {"NULL": "gives NULL"},
        "time": {"NULL": "gives NULL", "NaN": "gives NULL", "out of domain": "NULL"},
        "window": {"NULL": "a value like others, last in the order"},
    }
)
"""What a group's functions give for NULL, NaN, infinities, no rows and out of their domain, where they say nothing."""


@dataclass(frozen=True)
class Given:
    """What is known of an argument before the query runs: its kind, and its number or text where one is written."""

    kind: str
    number: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Function:
    """One function: how it is called, what it returns, how it is lowered, and what it is for.

    `group` is "aggregate", "window", "math", "choice", "string" or another word for a table of the page. `arguments`
    may end in ``"..."``: the one before repeats. The last `optional` arguments may be left out. `same_as` is the name
    that this one is another name of.

    `both`, or `duckdb` and `spark` are the calls; several, separated by ``;``, make the parts of one aggregate.
    `both_wrap`, or `duckdb_wrap` and `spark_wrap` go around them: ``_0`` is the call, ``_2`` the second part. `brief`
    is the call on both engines when optional arguments are left out. `distinct` tells whether DISTINCT may stand in it,
    `sorts` whether ORDER BY.

    `null`, `nan`, `infinity`, `empty` (no rows) and `domain` (out of domain) say what it gives there, where that is not
    its group's rule in `RULES`. `approximate` marks one whose result differs between engines within an error.
    `examples` are pairs of an expression and its value.

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
    both: str = ""
    both_wrap: str = ""
    same_as: str = ""
    sorts: bool = False
    approximate: bool = False
    null: str = ""
    nan: str = ""
    infinity: str = ""
    empty: str = ""
    domain: str = ""
    examples: tuple[tuple[str, str], ...] = ()
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

        >>> Function("round", "math", ("double", "constant"), "float64", "", optional=1).signature
        'round(double[, constant])'
        """
        needed, optional = self.arguments[: self.least], self.arguments[self.least :]
        if "..." in optional:
            return f"{self.name}({', '.join(self.arguments)})"
        return f"{self.name}({', '.join(needed)}{''.join(f'[, {a}]' for a in optional)})".replace("([, ", "([")

    @property
    def rules(self) -> dict[str, str]:
        """What it gives for NULL, NaN, infinities, no rows and out of its domain, as far as that is its own.

        >>> Function("count", "aggregate", ("any",), "int64", "", empty="0").rules
        {'no rows': '0'}
        """
        own = {
            "NULL": self.null,
            "NaN": self.nan,
            "infinities": self.infinity,
            "no rows": self.empty,
            "out of domain": self.domain,
        }
        return {case: text for case, text in own.items() if text}

    def argument(self, position: int) -> str:
        """Return what is asked of an argument, counted from 0."""
        if "..." in self.arguments and position >= len(self.arguments) - 1:
            return self.arguments[-2]
        return self.arguments[position]

    def call(self, engine: str) -> str:
        """Return the lowering of the call for an engine; empty where the call goes by its own name."""
        return (self.duckdb if engine == "duckdb" else self.spark) or self.both

    def wrap(self, engine: str, result: str) -> str:
        """Return what goes around the call and its FILTER and OVER for an engine and result kind; empty for nothing."""
        text = (self.duckdb_wrap if engine == "duckdb" else self.spark_wrap) or self.both_wrap
        return "" if text == BIGINT and result != "int64" else text
