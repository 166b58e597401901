"""FITS headers: a mapping from keyword to value that parses a card only when it is asked for.

The rules are those of the FITS standard 4.0 (section 4), with the registered conventions CONTINUE (section 4.2.1.2) and
ESO's HIERARCH.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from skyhouse.errors import FormatError, UnknownName, did_you_mean

__all__ = ["CARD", "Header", "Value"]

Value = str | int | float | bool | complex | None

CARD = 80
# An index of the cards pays only where more than a few are asked for.
SEARCHES = 12
COMMENTARY = ("COMMENT", "HISTORY", "CONTINUE", "END", "")
_STRING = re.compile(r" *'((?:[^']|'')*)' *(?:/(.*))?$", re.DOTALL)
_REAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?$", re.ASCII)
_COMPLEX = re.compile(r"\(([^,]+),([^,]+)\)$")


class Header(Mapping[str, Value]):
    """The header of one HDU, as a mapping from keyword to value.

    Values are str, int, float, bool, complex, or None for a keyword without a value. Keywords are found in any case; of
    duplicates the first counts, as in astropy. Keywords of the HIERARCH convention are written without that word:
    ``header["ESO DET NAME"]``. COMMENT and HISTORY cards are not part of the mapping: see `commentary`.

    `raw` are the cards before END, 80 bytes each; `path` and `hdu` are named in errors.

    >>> raw = b"".join(c.ljust(80) for c in [b"NAXIS   =                    2", b"BUNIT   = 'km/s    '   / unit"])
    >>> header = Header(raw)
    >>> header["naxis"], header["BUNIT"], header.comments["BUNIT"]
    (2, 'km/s', 'unit')
    """

    def __init__(self, raw: bytes, path: str = "", hdu: str | int | None = None) -> None:
        self._raw = raw
        self.path = path
        self.hdu = hdu
        self._parsed: dict[str, tuple[Value, str]] = {}
        self._searches = 0

    @cached_property
    def _keys(self) -> list[bytes]:
        return [self._raw[place : place + 8] for place in range(0, len(self._raw), CARD)]

    @cached_property
    def _index(self) -> dict[bytes, int]:
        # From the last card to the first, so that the first of duplicates stays.
        raw = self._raw
        return {raw[place : place + 10]: place for place in range(len(raw) - CARD, -1, -CARD)}

    @cached_property
    def _hierarch(self) -> dict[str, int]:
        found: dict[str, int] = {}
        if b"HIERARCH " in self._raw:
            for number, key in enumerate(self._keys):
                name, equals, _ = self._card(number * CARD)[9:].partition("=")
                if key == b"HIERARCH" and equals:
                    found.setdefault(name.strip(" ").upper(), number * CARD)
        return found

    def _find(self, key: str) -> int:
        """Return where the card of a key starts, or -1."""
        name = key.strip(" ").upper()
        if len(name) <= 8 and name.isascii() and name not in COMMENTARY:
            card = name.encode().ljust(8) + b"= "
            self._searches += 1
            place = self._search(card) if self._searches <= SEARCHES else self._index.get(card, -1)
            if place >= 0:
                return place
        return self._hierarch.get(name.removeprefix("HIERARCH "), -1)

    def _search(self, card: bytes) -> int:
        place = self._raw.find(card)
        while place % CARD and place > 0:
            place = self._raw.find(card, place + 1)
        return place

    def _card(self, place: int) -> str:
        return self._raw[place : place + CARD].decode("ascii")

    def _parse(self, key: str, place: int) -> tuple[Value, str]:
        card = self._card(place)
        field = card[10:] if card[8:10] == "= " else card.partition("=")[2]
        if field.lstrip(" ")[:1] == "'":
            text = _STRING.match(field)
            if text:
                return self._text(place, text)
        token, _, comment = field.partition("/")
        try:
            return _value(token.replace(" ", "")), comment.strip()
        except ValueError:
            raise FormatError(
                self.path,
                f"header keyword {key} has a value that is not FITS: {field.strip()!r}; correct the card",
                self.hdu,
            ) from None

    def _look_up(self, key: str) -> tuple[Value, str] | None:
        """Return value and comment of a keyword, each card parsed once; None where there is no such keyword."""
        found = self._parsed.get(key)
        if found is None:
            place = self._find(key)
            if place < 0:
                return None
            found = self._parsed[key] = self._parse(key, place)
        return found

    def _text(self, place: int, first: re.Match[str]) -> tuple[str, str]:
        parts, comments = [first[1].rstrip(" ")], [first[2] or ""]
        place += CARD
        while parts[-1].endswith("&") and self._raw[place : place + 8].upper() == b"CONTINUE":
            more = _STRING.match(self._card(place)[8:])
            if more is None:
                break
            parts[-1] = parts[-1][:-1]
            parts.append(more[1].rstrip(" "))
            comments.append(more[2] or "")
            place += CARD
        return "".join(parts).replace("''", "'"), " ".join(c.strip() for c in comments if c.strip())

    def __getitem__(self, key: str) -> Value:
        found = self._look_up(key)
        if found is None:
            raise UnknownName(f"{self.path}: no header keyword {key!r} in HDU {self.hdu}{did_you_mean(key, self)}")
        return found[0]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) >= 0

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a keyword, or the default where the header has none of that name."""
        found = self._look_up(key)
        return default if found is None else found[0]

    def __iter__(self) -> Iterator[str]:
        names = {place: name for name, place in self._hierarch.items()}
        seen = set()
        for number, key in enumerate(self._keys):
            place = number * CARD
            name = names.get(place) or key.decode("ascii").rstrip(" ")
            is_value = place in names or (self._raw[place + 8 : place + 10] == b"= " and name not in COMMENTARY)
            if is_value and name not in seen and name == name.upper():
                seen.add(name)
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Header of {len(self._raw) // CARD} cards, HDU {self.hdu}>"

    @cached_property
    def comments(self) -> Mapping[str, str]:
        """The comment behind each value, by keyword (upper case)."""
        return {key: found[1] for key in self if (found := self._look_up(key))}

    def commentary(self, key: str = "COMMENT") -> list[str]:
        """Return the texts of all COMMENT cards, or of all HISTORY cards, or ("") of those without a keyword."""
        field = key.upper().encode("ascii", "replace").ljust(8)
        return [self._card(n * CARD)[8:].rstrip() for n, found in enumerate(self._keys) if found == field]

    def text(self, key: str, default: str = "") -> str:
        """Return a keyword's value as stripped text, or the default where it is absent, empty or no text."""
        value = self.get(key)
        return value.strip() if isinstance(value, str) and value.strip() else default

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a keyword's value as an integer.

        Raises FormatError where it is no integer, or absent and without a default.
        """
        value = self.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if value is None and default is not None:
            return default
        found = f"is {value!r}" if key in self else "is missing"
        raise FormatError(self.path, f"header keyword {key} {found}, but must be an integer; correct it", self.hdu)

    def number(self, key: str, default: float) -> int | float:
        """Return a keyword's value as a real number. Raises FormatError where it is something else."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise FormatError(self.path, f"header keyword {key} is {value!r}, but must be a number; correct it", self.hdu)


def _value(token: str) -> Value:
    """Return the value that a card's text, without spaces, stands for. Raises ValueError for other text."""
    if not token:
        return None
    if token in ("T", "F"):
        return token == "T"
    if (token[1:] if token[0] in "+-" else token).isdecimal():
        return int(token)
    parts = _COMPLEX.match(token)
    return complex(_real(parts[1]), _real(parts[2])) if parts else _real(token)


def _real(token: str) -> float:
    if not _REAL.match(token):
        raise ValueError(token)
    return float(token.upper().replace("D", "E"))
