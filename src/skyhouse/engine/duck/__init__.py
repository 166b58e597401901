"""DuckDB, the embedded engine."""

from __future__ import annotations

from skyhouse.engine.duck.engine import DuckEngine, RowQuery, view_sql

__all__ = ["DuckEngine", "RowQuery", "view_sql"]
