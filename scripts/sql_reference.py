"""Write the tables of functions into docs/sql.md, from the list that the language itself uses."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from skyhouse.query.functions import FUNCTIONS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sql.md"
_BETWEEN = re.compile(r"(<!-- functions -->\n).*(<!-- end of functions -->)", re.DOTALL)


def with_functions(page: str) -> str:
    """Return the page with its tables of functions as they are now."""
    parts = []
    listed = sorted(FUNCTIONS.values(), key=lambda function: (function.group, function.name))
    for group, functions in groupby(listed, key=lambda function: function.group):
        parts.append(f"\n### {group.capitalize()}\n\n| function | gives |\n|---|---|\n")
        parts += [f"| `{one.signature}` | {one.doc.replace('|', chr(92) + '|')} |\n" for one in functions]
    return _BETWEEN.sub(lambda found: found[1] + "".join(parts) + "\n" + found[2], page)


if __name__ == "__main__":
    PAGE.write_text(with_functions(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
