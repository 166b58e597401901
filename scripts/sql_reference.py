"""Write the tables of functions into docs/sql.md, from the list that the language itself uses."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.functions.function import RULES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sql.md"
_BETWEEN = re.compile(r"(<!-- functions -->\n).*(<!-- end of functions -->)", re.DOTALL)

# What the examples of aggregates and windows are over.
FEW = """
SELECT 1 AS id, 1.0 AS x, 3 AS n, 'a' AS s, TRUE AS b
UNION ALL SELECT 2, 2.0, 5, 'b', TRUE
UNION ALL SELECT 3, 2.0, NULL, 'a', FALSE
UNION ALL SELECT 4, NULL, 6, NULL, NULL
UNION ALL SELECT 5, 4.0, 1, 'c', TRUE
""".strip()


def with_functions(page: str) -> str:
    """Return the page with its tables of functions as they are now."""
    parts = [
        f"\nThe examples of aggregates and windows are over this table, in the order of `id`:\n\n```\n{FEW}\n```\n"
    ]
    listed = sorted(FUNCTIONS.values(), key=lambda function: (function.group, function.name))
    for group, functions in groupby(listed, key=lambda function: function.group):
        rules = "; ".join(f"{case}: {given}" for case, given in RULES.get(group, {}).items())
        parts.append(f"\n### {group.capitalize()}\n\n")
        parts.append(f"Where a function says nothing else: {rules}.\n\n" if rules else "")
        parts.append("| function | gives | example |\n|---|---|---|\n")
        parts += [f"| `{_cell(one.signature)}` | {_gives(one)} | {_example(one)} |\n" for one in functions]
    return _BETWEEN.sub(lambda found: found[1] + "".join(parts) + "\n" + found[2], page)


def _gives(function: Function) -> str:
    marked = "approximate: " if function.approximate else ""
    own = "".join(f"; {case}: {given}" for case, given in function.rules.items())
    return _cell(f"{marked}{function.doc}{own}")


def _example(function: Function) -> str:
    return "<br>".join(f"`{_cell(asked)}` is `{_cell(given)}`" for asked, given in function.examples)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(with_functions(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
