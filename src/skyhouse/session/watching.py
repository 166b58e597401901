"""The progress of a query in a notebook: one line of text that goes when the query is done. Needs nothing installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from skyhouse.query.job import Progress

__all__ = ["line", "watcher"]

_PATIENCE = 1.0  # seconds before anything is shown


def line(progress: Progress) -> str:
    """Return the progress in words.

    >>> line(Progress(0.25, "25%", 3.2)), line(Progress(None, "stage 2 of 3", 12.0))
    ('25%, 3 s', 'stage 2 of 3, 12 s')
    """
    what = progress.what or ("" if progress.fraction is None else f"{progress.fraction:.0%}")
    return f"{what + ', ' if what else ''}{progress.seconds:.0f} s"


def watcher() -> Callable[[Progress], None] | None:
    """Return what shows a query's progress in the notebook that runs this, or None where none does."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if ipython is None or getattr(shell, "kernel", None) is None:
        return None
    handle: Any = None
    shown = ""

    def show(progress: Progress) -> None:
        nonlocal handle, shown
        text = "" if progress.what == "done" else f"running: {line(progress)}"
        if progress.seconds < _PATIENCE or text == shown or (handle is None and not text):
            return
        shown = text
        bundle = {"text/plain": text}
        if handle is None:
            handle = ipython.display.display(bundle, raw=True, display_id=True)
        else:
            handle.update(bundle, raw=True)

    return show
