"""The version of what features and periods are."""

from __future__ import annotations

__all__ = ["RESULTS"]

RESULTS = "1"
"""To be raised with every change of a kernel of this package that changes a result beyond rounding.

Tables that `Lake.apply` made with the version before then are not mixed with new rows: they ask for replace=True.
"""
