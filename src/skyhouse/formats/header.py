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
_TEXT_KEYS = (b"COMMENT ", b"HISTORY ", b"        ", b"CONTINUE")
_STRING = re.compile(r" *'((?:[^']|'')*)' *(?:/(.*))?$", re.DOTALL)
_OTHER = re.compile(r"([^/]*)(?:/(.*))?$", re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d+$", re.ASCII)
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

    @cached_property
    def _places(self) -> dict[bytes, int]:
        # From the last card to the first, so that the first of duplicates stays.
        keys = self._raw.upper()
        return {keys[i : i + 8]: i for i in range(len(keys) - CARD, -1, -CARD)}

    @cached_property
    def _hierarch(self) -> dict[str, int]:
        found: dict[str, int] = {}
        if b"HIERARCH" in self._places:
            for place in range(0, len(self._raw), CARD):
                if self._raw[place : place + 9].upper() == b"HIERARCH ":
                    name, equals, _ = self._card(place)[9:].partition("=")
                    if equals:
                        found.setdefault(name.strip().upper(), place)
        return found

    def _find(self, key: str) -> int:
        """Return where the card of a key starts, or -1."""
        name = key.strip().upper()
        try:
            field = name.encode("ascii").ljust(8)
        except UnicodeEncodeError:
            return -1
        if len(field) == 8:
            place = self._places.get(field, -1)
            if place >= 0 and self._raw[place + 8 : place + 10] == b"= " and field not in _TEXT_KEYS:
                return place
        return self._hierarch.get(name.removeprefix("HIERARCH "), -1)

    def _card(self, place: int) -> str:
        return self._raw[place : place + CARD].decode("ascii")

    def _parse(self, key: str, place: int) -> tuple[Value, str]:
        card = self._card(place)
        field = card[10:] if card[8:10] == "= " else card.partition("=")[2]
        text = _STRING.match(field)
        if text:
            return self._text(place, text)
        other = _OTHER.match(field)
        token = other[1].replace(" ", "") if other else ""
        comment = (other[2] or "").strip() if other else ""
        try:
            return _value(token), comment
        except ValueError:
            raise FormatError(
                self.path,
                f"header keyword {key} has a value that is not FITS: {field.strip()!r}; correct the card",
                self.hdu,
            ) from None

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
        place = self._find(key)
        if place < 0:
            raise UnknownName(f"{self.path}: no header keyword {key!r} in HDU {self.hdu}{did_you_mean(key, self)}")
        return self._parse(key, place)[0]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) >= 0

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a keyword, or the default where the header has none of that name."""
        place = self._find(key)
        return default if place < 0 else self._parse(key, place)[0]

    def __iter__(self) -> Iterator[str]:
        places = {place: key.decode("ascii").rstrip() for key, place in self._places.items() if key != b"HIERARCH"}
        places |= {place: key for key, place in self._hierarch.items()}
        for place in sorted(places):
            if self._find(places[place]) == place:
                yield places[place]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Header of {len(self._raw) // CARD} cards, HDU {self.hdu}>"

    @cached_property
    def comments(self) -> Mapping[str, str]:
        """The comment behind each value, by keyword (upper case)."""
        return {key: self._parse(key, self._find(key))[1] for key in self}

    def commentary(self, key: str = "COMMENT") -> list[str]:
        """Return the texts of all COMMENT cards, or of those of another such keyword (HISTORY, or "" for blank ones)."""
        field = key.upper().encode("ascii", "replace").ljust(8)
        cards = (self._raw[i : i + CARD] for i in range(0, len(self._raw), CARD))
        return [card[8:].decode("ascii").rstrip() for card in cards if card[:8].upper() == field]

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
    if _INTEGER.match(token):
        return int(token)
    parts = _COMPLEX.match(token)
    return complex(_real(parts[1]), _real(parts[2])) if parts else _real(token)


def _real(token: str) -> float:
    if not _REAL.match(token):
        raise ValueError(token)
    return float(token.upper().replace("D", "E"))
