"""SQL text of any input dialect to a syntax tree of Skyhouse's language.

The dialect reads the text (see `dialects`), and its rewrites make our tree of it. Each node that the parser gives a
place also gets the text it came from, so that an error found later can point into it, as its writer wrote it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from skyhouse.errors import InputError, QueryError
from skyhouse.query.dialects import DIALECTS, Dialect, Spoken, spoken
from skyhouse.query.dialects.rewrite import rewritten
from skyhouse.query.place import Place, fault

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect as Reader

__all__ = [
    "DIALECTS",
    "MAX_CHAIN",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_TOKENS",
    "Dialect",
    "Place",
    "as_select",
    "fault",
    "parse",
    "parse_items",
    "parse_order",
    "parse_rest",
    "tokens_of",
    "written",
]

MAX_LENGTH = 1_000_000
MAX_TOKENS = 60_000
MAX_DEPTH = 32
MAX_CHAIN = 200

_HOUSE = spoken("sql")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_QUOTES = ("'", '"', "`")
_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_STARTS = {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES}
_LINKS = (exp.Binary, exp.Cast, exp.SetOperation)
_ONLY = "only SELECT, set operations and WITH may be asked here"
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}


def parse(text: str, dialect: str = "sql") -> exp.Query:
    """Return the syntax tree of one query: a SELECT, a set operation, or WITH and one of these.

    Raises QueryError with line, column and a caret, and InputError for a dialect that is not one of `DIALECTS`.

    >>> parse("SELECT 1 AS one").sql()
    'SELECT 1 AS one'
    """
    return _query(text, text, spoken(dialect))


def parse_rest(text: str, start: int, dialect: str = "sql") -> exp.Query:
    """Return the syntax tree of the query that begins at a place of a longer text; VALUES (...), ... may be one.

    Raises what `parse` raises, with places in the whole text.
    """
    rest = "".join(character if character == "\n" else " " for character in text[:start]) + text[start:]
    if text[start : start + 6].upper() == "VALUES":
        return _query(f"SELECT * FROM (\n{rest.rstrip().removesuffix(';')}\n) AS v", text, spoken(dialect), 1)
    return _query(rest, text, spoken(dialect))


def tokens_of(text: str, dialect: str = "sql") -> list[Token]:
    """Return the words and signs of a text; raises QueryError for a quote that is not closed."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"the query has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    return _tokens(text, spoken(dialect).reader)


def _query(whole: str, shown: str, language: Spoken, shift: int = 0) -> exp.Query:
    trees = _parsed(whole, shown, language, shift)
    if not trees:
        raise QueryError("the text holds no query; write SELECT ...")
    tree = rewritten(trees[0], language.rewrites)
    while isinstance(tree, exp.Subquery) and not tree.args.get("alias") and isinstance(tree.this, exp.Query):
        inner = tree.this
        if any(value for key, value in tree.args.items() if key != "this"):
            break
        tree = inner
    if isinstance(tree, exp.Values):
        return as_select(tree)
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        raise _at(shown, next(iter(_tokens(whole, language.reader)), None), _ONLY, shift)
    return tree


def parse_items(text: str) -> list[exp.Expr]:
    """Return the expressions of a select list's text ("a, b + 1 AS c").

    Raises QueryError.
    """
    return list(_clause(text, "SELECT ").expressions)


def parse_order(text: str) -> list[exp.Ordered]:
    """Return the terms of an ORDER BY's text ("n DESC, name").

    Raises QueryError.
    """
    order = _clause(text, "SELECT 1 ORDER BY ").args.get("order")
    return list(order.expressions) if order else []


def as_select(values: exp.Values) -> exp.Select:
    """Return VALUES, where it stands as a query, as SELECT * FROM VALUES."""
    select = exp.Select(expressions=[exp.Star()])
    for clause in ("with_", "order", "limit", "offset"):
        select.set(clause, values.args.get(clause))
        values.set(clause, None)
    alone = exp.Values(expressions=values.expressions)
    select.set("from_", exp.From(this=alone))
    return select


def _clause(text: str, lead: str) -> exp.Select:
    """Parse a clause on a line of its own below its lead, so that places in it are found from the clause's start."""
    if not isinstance(text, str):
        raise InputError(f"an expression is written as text, in SQL; {text!r} is none")
    if not text.strip():
        raise QueryError("an expression is missing: the text is empty")
    trees = _parsed(f"{lead}\n{text}", text, _HOUSE, 1, alone=False)
    tree = trees[0] if len(trees) == 1 else None
    allowed = {"expressions", "order", "kind"}
    if not isinstance(tree, exp.Select) or any(value for key, value in tree.args.items() if key not in allowed):
        raise QueryError(f"{text!r} is more than a list of expressions; use the other verbs for the rest")
    return tree


def _parsed(whole: str, shown: str, language: Spoken, shift: int, *, alone: bool = True) -> list[exp.Expr]:
    """Parse a text, `shift` lines of which stand before the one that errors show."""
    if len(whole) > MAX_LENGTH:
        raise QueryError(f"the query has {len(whole):,} characters; at most {MAX_LENGTH:,} are read")
    if (strange := _NO_TEXT.search(shown)) is not None:
        place, name = strange.start(), "a NUL" if strange[0] == "\0" else "half a character"
        clean = _NO_TEXT.sub(" ", shown)
        before = clean[:place].rpartition("\n")[2]
        raise QueryError(f"{name} cannot stand in a query", clean, clean.count("\n", 0, place) + 1, len(before) + 1)
    tokens = _tokens(whole, language.reader, shown)
    _bounded(tokens, shown, shift)
    if alone:
        _refuse(tokens, shown, language)
        _one_query(tokens, shown, shift)
    try:
        parsed = language.reader().parser().parse(tokens, whole)
        trees = [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        problem = _plain(str(first.get("description") or error))
        mark = str(first.get("highlight") or "")
        line, column = first.get("line"), first.get("col")
        if line is None or column is None:
            raise QueryError(problem) from error
        raise QueryError(problem, shown, max(line - shift, 1), max(column - len(mark) + 1, 1)) from error
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error
    except SqlglotError as error:
        raise QueryError(str(error)) from error
    for tree in trees:
        _placed(tree, shown, shift)
    return trees


def _placed(tree: exp.Expr, shown: str, shift: int) -> None:
    """Give each node its place; refuse chains (a + a + ...) that are deep as trees: the engines go down them too."""
    pending, long = [(tree, 0)], None
    while pending:
        node, links = pending.pop()
        # A chain of ANDs or ORs is flat to all who read it.
        links += isinstance(node, _LINKS) and not isinstance(node, exp.Connector)
        if links > MAX_CHAIN:
            long, links = long or node, 0
        meta = node._meta  # noqa: SLF001 - asking for .meta would give every node a dictionary
        if meta and "line" in meta:
            line, column = meta["line"] - shift, meta["col"] - (meta["end"] - meta["start"])
            meta.clear()
            meta["place"] = Place(shown, max(line, 1), column)
        pending += [(child, links) for child in node.iter_expressions()]
    if long is not None:
        raise fault(
            QueryError, f"more than {MAX_CHAIN} operators in one chain; group them by parentheses, or WITH", long
        )


def _tokens(text: str, reader: type[Reader], shown: str | None = None) -> list[Token]:
    try:
        return list(reader().tokenize(text))
    except TokenError as error:
        source = text if shown is None else shown
        quote = next((q for q in _QUOTES if source.count(q) % 2), None)
        if quote is None and source.count("[") > source.count("]"):
            quote = "["
        if quote is None:
            raise QueryError(f"the text cannot be read: {error}") from error
        before = source[: source.rfind(quote)]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise QueryError(f"a {quote} is opened and not closed", source, line, column) from error


def _bounded(tokens: list[Token], shown: str, shift: int) -> None:
    if len(tokens) > MAX_TOKENS:
        raise QueryError(f"the query has {len(tokens):,} words and signs; at most {MAX_TOKENS:,} are read")
    depth = 0
    for token in tokens:
        if token.token_type in _OPEN:
            depth += 1
            if depth > MAX_DEPTH:
                raise _at(shown, token, f"nested more than {MAX_DEPTH} deep; split the query by WITH", shift)
        elif token.token_type in _CLOSE:
            depth -= 1


def _refuse(tokens: list[Token], text: str, language: Spoken) -> None:
    """Refuse what the dialect's batches may hold besides a query, with the reason."""
    line = 0
    for token in tokens if language.refused else ():
        reason = language.refused.get(token.text.upper()) if token.line > line else None
        if reason is not None:
            raise _at(text, token, reason)
        line = token.line


def _one_query(tokens: list[Token], text: str, shift: int) -> None:
    """Refuse other statements, and more than one, unparsed: the parser would print warnings of those it half knows."""
    first = next((token for token in tokens if token.token_type is not TokenType.SEMICOLON), None)
    if first is not None and first.token_type not in _STARTS:
        raise _at(text, first, _ONLY, shift)
    ends = (place for place, token in enumerate(tokens) if token.token_type is TokenType.SEMICOLON)
    for end in ends:
        if tokens[0] is not tokens[end] and end + 1 < len(tokens):
            raise _at(text, tokens[end], "one statement at a time; leave out what follows the ';'", shift)


def _at(text: str, token: Token | None, problem: str, shift: int = 0) -> QueryError:
    if token is None:
        return QueryError(problem)
    return QueryError(problem, text, token.line - shift, token.col - len(token.text) + 1)


def _plain(problem: str) -> str:
    if problem.startswith("Required keyword"):
        return "an operand or a word is missing here"
    if problem.startswith("Invalid expression / Unexpected token"):
        return "this word or sign does not fit here"
    return problem[:1].lower() + problem[1:]


def written(node: exp.Expr) -> str:
    """Return an expression as text in Skyhouse's own SQL, functions spelled as they were."""
    return node.sql(dialect=Dialect, normalize_functions=False, comments=False, unsupported_level=ErrorLevel.IGNORE)
