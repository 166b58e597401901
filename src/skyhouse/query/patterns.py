r"""Regular expressions that both engines read the same way: what RE2 and Java have in common, and Java's spelling.

RE2 has no look-around and no back-references, and Java is of another mind about ``$`` before a last newline, about
``.``, ``\s`` and ``\b``, and about capitals out of ASCII. Those are written out for Java; all that one of the two
lacks is refused.
"""

from __future__ import annotations

import re

from skyhouse.errors import QueryError

__all__ = ["java_pattern", "java_replacement"]

_MOST_REPEATS = 1000
_SPACES = r"\t\n\f\r "
# At the edge of [0-9A-Za-z_]; Java's own goes by Unicode.
_EDGE = r"(?:(?<=\w)(?!\w)|(?<!\w)(?=\w))"
_NO_EDGE = r"(?:(?<=\w)(?=\w)|(?<!\w)(?!\w))"
_REPEATS = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_CATEGORY = re.compile(r"[pP](?:[A-Z]|\{[A-Z][a-z]?\})")
_CODE = re.compile(r"x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})")


def java_pattern(pattern: str) -> str:
    r"""Return a pattern as Java has to be given it.

    Raises QueryError for what is no pattern, or is one for only one of RE2 and Java.

    >>> java_pattern("^[0-9]+$")
    '(?d)^[0-9]+\\z'
    """
    flags, rest = ("(?diu)", pattern[4:]) if pattern.startswith("(?i)") else ("(?d)", pattern)
    parts: list[str] = []
    place, in_class = 0, False
    while place < len(rest):
        sign = rest[place]
        if sign == "\\":
            part, step = _escape(rest, place + 1, in_class)
        elif in_class:
            part, step = _in_class(rest, place)
            in_class = sign != "]"
        elif sign == "[":
            step = 2 if rest[place + 1 : place + 2] == "^" else 1
            part, in_class = rest[place : place + step], True
            if rest[place + step : place + step + 1] == "]":
                raise QueryError("write \\] for a ] in [...]")
        else:
            part, step = _sign(rest, place)
        parts.append(part)
        place += step
    java = "".join(parts)
    _compiled(java, in_class)
    return flags + java


def _escape(text: str, place: int, in_class: bool) -> tuple[str, int]:
    """Return what an escape becomes and how long it was."""
    sign = text[place : place + 1]
    for form in (_CATEGORY, _CODE):
        if found := form.match(text, place):
            return "\\" + found[0], 1 + len(found[0])
    if sign == "s":
        return (_SPACES if in_class else f"[{_SPACES}]"), 2
    outside = {"S": f"[^{_SPACES}]", "b": _EDGE, "B": _NO_EDGE, "A": r"\A", "z": r"\z"}
    if sign in outside and not in_class:
        return outside[sign], 2
    if sign.isdigit():
        raise QueryError(f"back-references such as \\{sign} are not part of the language's patterns")
    if not sign or (sign.isalnum() and sign not in "dDwWtnrf") or not sign.isascii():
        raise QueryError(f"\\{sign} {'in [...] ' if in_class else ''}is not part of the language's patterns")
    return "\\" + sign, 2


def _in_class(text: str, place: int) -> tuple[str, int]:
    if text[place] == "[" or text.startswith("&&", place):
        raise QueryError(f"write \\{text[place]} for a {text[place]} in [...]; classes within classes are not read")
    return text[place], 1


def _sign(text: str, place: int) -> tuple[str, int]:
    sign = text[place]
    if sign == "$":
        return r"\z", 1
    if text.startswith("(?", place):
        if not text.startswith("(?:", place):
            problem = "of groups with (? there are (?:...) and, before everything else, (?i); no look-around, no names"
            raise QueryError(problem)
        return "(?:", 3
    if sign == "{":
        found = _REPEATS.match(text, place)
        if found is None or max(int(n) for n in found.groups() if n) > _MOST_REPEATS:
            raise QueryError(f"write \\{{ for a {{; repetitions are {{n}}, {{n,}} and {{n,m}}, up to {_MOST_REPEATS}")
        return _repeated(text, place, found[0])
    if sign in "*+?":
        return _repeated(text, place, sign)
    if sign in "}]":
        raise QueryError(f"write \\{sign} for a {sign}")
    return sign, 1


def _repeated(text: str, place: int, repetition: str) -> tuple[str, int]:
    """Return a repetition with the ? that may follow it."""
    end = place + len(repetition)
    if text[end : end + 1] == "?":
        repetition, end = repetition + "?", end + 1
    if text[end : end + 1] in tuple("*+?{"):
        raise QueryError(f"{repetition + text[end]} is not part of the language's patterns")
    return repetition, len(repetition)


def _compiled(java: str, in_class: bool) -> re.Pattern[str]:
    if in_class:
        raise QueryError("a [ is opened and not closed in the pattern")
    plain = re.sub(r"\\[pP](?:[A-Z]|\{\w+\})", r"\\w", java.replace(r"\z", r"\Z"))
    plain = re.sub(r"\\x\{\w+\}", "x", plain)
    try:
        return re.compile(plain)
    except re.error as error:
        raise QueryError(f"the pattern cannot be read: {error.msg}") from error


def java_replacement(new: str, pattern: str) -> str:
    r"""Return what stands in place of a match as Java writes it; ``\1`` is the first group, ``\\`` a backslash.

    Raises QueryError for a group that the pattern lacks.

    >>> java_replacement(r"\2 costs $1", "(a)(b)")
    '$2 costs \\$1'
    """
    groups = _compiled(java_pattern(pattern).partition(")")[2], in_class=False).groups

    def turned(found: re.Match[str]) -> str:
        sign = found[1]
        if found[0] == "$":
            return r"\$"
        if sign == "\\":
            return r"\\"
        if not sign.isdigit() or int(sign) > groups:
            raise QueryError(f"\\{sign} in what replaces a match: the pattern has {groups} groups; \\\\ is a backslash")
        return f"${sign}"

    return re.sub(r"\\(.?)|\$", turned, new, flags=re.DOTALL)
