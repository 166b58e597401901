"""Places for the nodes that sqlglot gives none: TRUE, NULL, parameters, intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Intervals", "placed"]


def placed(parsers: Mapping[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """Return the same parsers, those of single words; what they make knows the word that it came from."""

    def with_place(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(parser: Any, *given: Any) -> Any:
            token = parser._prev  # noqa: SLF001 - called by the parser itself
            found = read(parser, *given)
            if found is not None and "line" not in found.meta:
                found.update_positions(token)
            return found

        return reading

    return {kind: with_place(read) for kind, read in parsers.items()}


class Intervals:
    """A parser whose intervals know their first word."""

    def _parse_interval(self, *given: Any, **named: Any) -> Any:
        token = self._curr  # type: ignore[attr-defined]
        found = super()._parse_interval(*given, **named)  # type: ignore[misc]
        if found is not None and token is not None:
            found.update_positions(token)
        return found
