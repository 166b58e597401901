"""What pictures of all surveys share: an empty figure, and the way to a file. No display is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skyhouse.errors import InputError, MissingPackage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure", "save_figure"]


def new_figure(width: float = 6, height: float = 5) -> Figure:
    """Return an empty figure of so many inches. Raises MissingPackage where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage("pictures need matplotlib: pip install 'skyhouse[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: str | None) -> None:
    """Save a figure, where there is a path. Raises InputError for one that cannot be written."""
    if path is None:
        return
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:  # no such folder; no such kind of picture
        raise InputError(f"the picture cannot be written to {path}: {error}") from error
