"""A session with a lake: the one place where tables, queries and engines are wired together."""

from __future__ import annotations

from skyhouse.session.lake import Lake, open  # noqa: A004 - read as skyhouse.open

__all__ = ["Lake", "open"]
