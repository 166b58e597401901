"""What the parsers of all dialects have: calls keep their names, and TRUE, NULL, parameters and intervals a place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

__all__ = ["Placed"]


def _placed(parsers: Mapping[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
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


class Placed:
    """Stands before sqlglot's parser of a dialect among the bases of ours.

    No function is known to the parser but those with a grammar of their own, `GRAMMAR`; each node knows its place.
    """

    GRAMMAR: ClassVar[tuple[str, ...]] = ("CAST", "TRY_CAST", "EXTRACT")
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]]
    PRIMARY_PARSERS: ClassVar[dict[Any, Any]]
    PLACEHOLDER_PARSERS: ClassVar[dict[Any, Any]]

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        cls.FUNCTION_PARSERS = {name: cls.FUNCTION_PARSERS[name] for name in cls.GRAMMAR}
        cls.PRIMARY_PARSERS = _placed(cls.PRIMARY_PARSERS)
        cls.PLACEHOLDER_PARSERS = _placed(cls.PLACEHOLDER_PARSERS)

    def _parse_interval(self, *given: Any, **named: Any) -> Any:
        token = self._curr  # type: ignore[attr-defined]
        found = super()._parse_interval(*given, **named)  # type: ignore[misc]
        if found is not None and token is not None:
            found.update_positions(token)
        return found
