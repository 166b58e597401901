"""Statements that write: CREATE TABLE AS, INSERT INTO, SELECT INTO, DROP TABLE; and EXPLAIN.

The head of a statement is read here, word by word, in the same way for every dialect; the query in it is read as any
other. All other statements are refused, with what does the same here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from skyhouse.errors import QueryError
from skyhouse.query.dialects import spoken
from skyhouse.query.dialects.rewrite import rewritten
from skyhouse.query.parse import parse, parse_rest, tokens_of
from skyhouse.query.place import Place, fault

__all__ = ["Command", "Create", "Drop", "Explain", "Insert", "Target", "read"]


@dataclass(frozen=True)
class Target:
    """The table that a statement writes: its name as written, "schema.table" or "table", and the name's node."""

    name: str
    node: exp.Expr

    def fault(self, problem: str) -> QueryError:
        """Return an error that points at the name."""
        return fault(QueryError, problem, self.node)


@dataclass(frozen=True)
class Create:
    """CREATE [OR REPLACE] TABLE [IF NOT EXISTS] target AS query, or SELECT ... INTO target."""

    target: Target
    query: exp.Query
    text: str
    replace: bool = False
    exist_ok: bool = False


@dataclass(frozen=True)
class Insert:
    """INSERT INTO target [(columns)] query; without columns, all of the table's in their order."""

    target: Target
    query: exp.Query
    text: str
    columns: tuple[exp.Expr, ...] = ()


@dataclass(frozen=True)
class Drop:
    """DROP TABLE [IF EXISTS] target."""

    target: Target
    missing_ok: bool = False


@dataclass(frozen=True)
class Explain:
    """EXPLAIN query, or a statement that writes: what is explained is the query in it."""

    query: exp.Query


Command = Create | Insert | Drop | Explain

_FIRST = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*([A-Za-z]+)", re.DOTALL)
_SETTINGS = "settings are given to skyhouse.open(...), or stand in the lake's skyhouse.toml"
_ROWS = "rows are not changed where they are; write CREATE OR REPLACE TABLE ... AS SELECT ... with the right ones"
_LOADED = "nothing is loaded or called by a query; functions are those of the language"
_FILES = (
    "files are not written or read by a query; use lake.sql(...).write(path), and lake.attach(...) or lake.write(...)"
)
_ATOMIC = "each statement is one atomic change by itself; leave the line out"
_LISTS = "ask in Python: lake.tables(), lake.table(name).columns; or by `skyhouse tables` and `skyhouse schema`"
_RIGHTS = "a lake keeps no rights; its folder's permissions count"
_REFUSED: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("SET", "RESET", "PRAGMA", "USE", "DECLARE"), _SETTINGS)
    | dict.fromkeys(("UPDATE", "DELETE", "MERGE", "TRUNCATE", "UPSERT"), _ROWS)
    | dict.fromkeys(("INSTALL", "LOAD", "ADD", "CALL", "EXEC", "EXECUTE", "PREPARE", "DO", "KILL"), _LOADED)
    | dict.fromkeys(("COPY", "EXPORT", "IMPORT"), _FILES)
    | dict.fromkeys(("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "ABORT"), _ATOMIC)
    | dict.fromkeys(("SHOW", "DESCRIBE", "DESC", "SUMMARIZE"), _LISTS)
    | dict.fromkeys(("GRANT", "REVOKE", "DENY"), _RIGHTS)
    | dict.fromkeys(("ATTACH", "DETACH"), "a database is attached by lake.attach(name, address)")
    | dict.fromkeys(("VACUUM", "CHECKPOINT", "OPTIMIZE", "ANALYZE"), "run `skyhouse vacuum`; nothing else needs upkeep")
    | {
        "ALTER": "a table's columns do not change; write CREATE OR REPLACE TABLE ... AS SELECT ... with the new ones",
        "REPLACE": "write CREATE OR REPLACE TABLE ... AS SELECT ...",
        "COMMENT": "a description is given by lake.write(..., description=...)",
        "CACHE": "write CREATE TABLE ... AS SELECT ... to keep rows",
    }
)
_OTHERS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("TEMP", "TEMPORARY", "LOCAL", "GLOBAL"), "there are no temporary tables; use WITH, or a table")
    | dict.fromkeys(("VIEW", "MATERIALIZED"), "there are no views; keep the query, or CREATE TABLE ... AS SELECT ...")
    | dict.fromkeys(("SCHEMA", "DATABASE"), "a schema is there as long as it has tables; name a table schema.table")
    | dict.fromkeys(("FUNCTION", "MACRO", "PROCEDURE", "AGGREGATE"), "functions are those of the language")
    | dict.fromkeys(("INDEX", "UNIQUE"), "there are no indexes; ORDER BY in CREATE TABLE ... AS SELECT sorts a table")
    | {"EXTERNAL": "files are attached by lake.attach(name, path)"}
)


def read(text: str, dialect: str = "sql") -> exp.Query | Command:
    """Return the query of a text, or the statement that writes.

    Raises QueryError for what is neither, and where more than one statement is there; InputError for an unknown
    dialect.

    >>> read("DROP TABLE IF EXISTS mydb.bright").target.name
    'mydb.bright'
    """
    first = _FIRST.match(text)
    word = first[1].upper() if first else ""
    if first is not None and word == "EXPLAIN":
        return _explain(text, dialect, first.end(1))
    if word in _READERS:
        return _READERS[word](_Head(text, dialect))
    if first is not None and word in _REFUSED:
        raise _at(text, first.start(1), f"{word} is not part of the language: {_REFUSED[word]}")
    tree = parse(text, dialect)
    into = _leftmost(tree).args.get("into")
    if into is None:
        return tree
    return _select_into(tree, into, text)


class _Head:
    """The words before the query of a statement, taken one after the other."""

    def __init__(self, text: str, dialect: str) -> None:
        self.text, self.dialect = text, dialect
        self.language = spoken(dialect)
        self.tokens = tokens_of(text, dialect)
        self.at = 0
        while self.token and self.token.token_type is TokenType.SEMICOLON:
            self.at += 1

    @property
    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    @property
    def word(self) -> str:
        """The next word in capitals; empty for what is quoted, and at the end."""
        token = self.token
        return token.text.upper() if token and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER) else ""

    def take(self, *words: str) -> bool:
        """Take the words if they come next, all of them."""
        start = self.at
        for word in words:
            if self.word != word:
                self.at = start
                return False
            self.at += 1
        return True

    def need(self, word: str, problem: str) -> None:
        if not self.take(word):
            self.refuse(problem)

    def refuse(self, problem: str) -> NoReturn:
        token = self.token or self.tokens[-1]
        raise _at(self.text, token.start, problem)

    def name(self) -> exp.Identifier:
        token = self.token
        quoted = token is not None and token.token_type is TokenType.IDENTIFIER
        plain = token is not None and token.token_type not in (TokenType.STRING, TokenType.NUMBER)
        if token is None or not plain or not (quoted or re.fullmatch(r"\w+", token.text)):
            self.refuse("the name of a table or column has to stand here")
        self.at += 1
        made = exp.to_identifier(token.text, quoted=quoted)
        made.meta["place"] = Place(self.text, token.line, token.col - len(token.text) + 1)
        return made

    def target(self) -> Target:
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        if len(parts) > 3:
            raise fault(QueryError, "a table is named schema.table", parts[0])
        roles = ("this", "db", "catalog")
        table = exp.Table(**dict(zip(roles, reversed(parts), strict=False)))
        return _target(rewritten(table, self.language.rewrites))

    def query(self, doing: str) -> exp.Query:
        """Read the rest, which is a query."""
        token = self.token
        if token is None or token.token_type is TokenType.SEMICOLON:
            self.refuse(f"a query is missing: {doing}")
        return parse_rest(self.text, token.start, self.dialect)

    def end(self) -> None:
        if self.take(";") and self.token:
            self.refuse("one statement at a time; leave out what follows the ';'")
        if self.token:
            self.refuse("this word or sign does not fit here")


def _create(head: _Head) -> Create:
    head.take("CREATE")
    replace = head.take("OR", "REPLACE")
    _table(head, "CREATE")
    exist_ok = head.take("IF", "NOT", "EXISTS")
    if replace and exist_ok:
        head.refuse("either OR REPLACE or IF NOT EXISTS, not both")
    target = head.target()
    made_by = "a table is made by a query: CREATE TABLE schema.table AS SELECT ..."
    head.need("AS", made_by)
    return Create(target, head.query(made_by), head.text, replace, exist_ok)


def _insert(head: _Head) -> Insert:
    head.take("INSERT")
    head.need("INTO", "write INSERT INTO schema.table ...; to put other rows in place, CREATE OR REPLACE TABLE")
    target = head.target()
    columns: list[exp.Expr] = []
    mark = head.at
    if head.take("("):
        if head.word in ("SELECT", "WITH", "(", "VALUES"):
            head.at = mark
        else:
            columns.append(head.name())
            while head.take(","):
                columns.append(head.name())
            head.need(")", "the list of columns ends with )")
    return Insert(target, head.query("INSERT INTO schema.table SELECT ..."), head.text, tuple(columns))


def _drop(head: _Head) -> Drop:
    head.take("DROP")
    _table(head, "DROP")
    missing_ok = head.take("IF", "EXISTS")
    target = head.target()
    head.end()
    return Drop(target, missing_ok)


def _explain(text: str, dialect: str, start: int) -> Explain:
    # To the tokenizer all that comes after EXPLAIN is one text.
    word = _FIRST.match(text, start)
    if word is not None and word[1].upper() in ("ANALYZE", "VERBOSE"):
        problem = f"EXPLAIN {word[1].upper()} is not part of the language: leave it out; lake.history() tells of runs"
        raise _at(text, word.start(1), problem)
    if word is not None and word[1].upper() in ("CREATE", "INSERT"):
        found = read(re.sub(r"[^\n]", " ", text[:start]) + text[start:], dialect)
        assert isinstance(found, Create | Insert)
        return Explain(found.query)
    tree = parse_rest(text, start, dialect)
    into = _leftmost(tree).args.get("into")
    return Explain(tree if into is None else _select_into(tree, into, text).query)


def _at(text: str, place: int, problem: str) -> QueryError:
    return QueryError(problem, text, text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place))


def _table(head: _Head, verb: str) -> None:
    if not head.take("TABLE"):
        reason = _OTHERS.get(head.word)
        head.refuse(f"{verb} {head.word} is not part of the language: {reason}" if reason else f"{verb} takes a TABLE")


def _select_into(tree: exp.Query, into: exp.Expr, text: str) -> Create:
    if not isinstance(into.this, exp.Table) or any(value for key, value in into.args.items() if key != "this"):
        raise fault(QueryError, "SELECT ... INTO takes the name of one table", into)
    target = _target(into.this)
    into.pop()
    return Create(target, tree, text)


def _target(table: exp.Expr) -> Target:
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier) or table.args.get("catalog"):
        raise fault(QueryError, "a table is named schema.table", table)
    if any(value for key, value in table.args.items() if key not in ("this", "db")):
        raise fault(QueryError, "only the table's name may stand here: schema.table", table)
    return Target(f"{table.db}.{table.name}" if table.db else table.name, table)


def _leftmost(tree: exp.Expr) -> exp.Expr:
    while isinstance(tree, exp.SetOperation):
        tree = tree.this
    return tree


_READERS: Mapping[str, Callable[[_Head], Command]] = MappingProxyType(
    {"CREATE": _create, "INSERT": _insert, "DROP": _drop}
)
