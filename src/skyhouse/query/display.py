"""A short table of a result, as text and as HTML."""

from __future__ import annotations

import html
import shutil
from collections.abc import Sequence

import pyarrow as pa

from skyhouse.columns import Column

__all__ = ["as_html", "as_pre", "as_text"]

_WIDTH = 24
_LINE = 118
_MORE = "  ..."


def as_text(table: pa.Table, columns: Sequence[Column], more: bool = False) -> str:
    """Return rows as text: names, types with units, and values, as many columns as fit a line of the terminal.

    >>> print(as_text(pa.table({"z": [0.5]}), [Column("z", "float64", unit="km/s")]))
       z
    float64
      km/s
    -------
        0.5
    """
    cells = _cells(table, columns)
    widths = [min(_WIDTH, max(len(cell) for cell in column)) for column in cells]
    shown, total = 0, 0
    line = min(_LINE, shutil.get_terminal_size((_LINE + len(_MORE), 24)).columns - len(_MORE))
    for width in widths:
        if total + width + 2 > line and shown:
            break
        total += width + 2
        shown += 1
    hidden = len(columns) - shown
    heads = 3 if any(column.unit for column in columns[:shown]) else 2
    lines = []
    for row in range(len(cells[0]) if cells else 0):
        if row == 2 and heads == 2:
            continue
        right = row >= 3
        parts = []
        for column, width, spec in zip(cells[:shown], widths, columns, strict=False):
            text = column[row] if len(column[row]) <= width else f"{column[row][: width - 1]}…"
            parts.append(text.ljust(width) if not right or spec.type == "string" else text.rjust(width))
        lines.append("  ".join(parts).rstrip() + (_MORE if hidden else ""))
    lines.insert(heads, "  ".join("-" * width for width in widths[:shown]))
    if more:
        lines.append("...")
    if hidden:
        names = [column.name for column in columns[shown : shown + 6]]
        lines.append(f"[{hidden} more columns: {', '.join(names)}{', ...' if hidden > 6 else ''}]")
    return "\n".join(lines)


def as_html(table: pa.Table, columns: Sequence[Column], more: bool = False) -> str:
    """Return rows as an HTML table, as many columns as a page is wide."""
    most = min(20, table.num_columns)
    cells = _cells(table, columns)[:most]
    rows = list(zip(*cells, strict=True))
    heads = "".join(
        f"<th title={html.escape(c.description, quote=True)!r}>{html.escape(c.name)}</th>" for c in columns[:most]
    )
    kinds = "".join(
        f"<td><small>{html.escape(t)} {html.escape(u)}</small></td>" for t, u in zip(rows[1], rows[2], strict=True)
    )
    body = "".join("<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row) + "</tr>" for row in rows[3:])
    note = f"<p>{len(columns) - most} more columns</p>" if len(columns) > most else ""
    if more:
        note += "<p>more rows</p>"
    return f"<table><thead><tr>{heads}</tr><tr>{kinds}</tr></thead><tbody>{body}</tbody></table>{note}"


def as_pre(text: str) -> str:
    """Return a text as HTML that keeps its lines.

    >>> as_pre("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{html.escape(text, quote=False)}</pre>"


def _cells(table: pa.Table, columns: Sequence[Column]) -> list[list[str]]:
    """Return each column as texts: name, type, unit, values."""
    return [
        [spec.name, spec.type, spec.unit, *(_text(value) for value in table.column(position).to_pylist())]
        for position, spec in enumerate(columns[: table.num_columns])
    ]


def _text(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).replace("\n", " ")
