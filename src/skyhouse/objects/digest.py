"""A hash of functions and data that is the same in every process, so that a rerun knows what it did before."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hashlib import blake2b

__all__ = ["add_to"]

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...))


def add_to(found: blake2b, value: Any) -> None:
    """Add a value to a hash.

    Of a function that is its source, comments and layout aside, its defaults and closure, and what it names of its
    own module, these likewise; what it names of other modules counts by name only.
    """
    _add(found, value, [])


def _add(found: blake2b, value: Any, seen: list[object]) -> None:
    if isinstance(value, _PLAIN):
        _word(found, f"{type(value).__name__} {value!r}")
        return
    if any(value is one for one in seen):
        _word(found, "again")
        return
    seen.append(value)
    _word(found, type(value).__qualname__)
    for part in _parts(value):
        if isinstance(part, bytes):
            found.update(part)
        else:
            _add(found, part, seen)
    _word(found, "end")


def _parts(value: Any) -> Iterator[Any]:
    """Yield what a value is made of: bytes go into the hash as they are."""
    if isinstance(value, FunctionType):
        yield from (_source(value), value.__defaults__, value.__kwdefaults__)
        yield from _named(value)
    elif isinstance(value, type):
        yield from (value.__module__, value.__qualname__)
        yield _source(value)
    elif isinstance(value, ModuleType):
        yield value.__name__
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, Mapping):
        yield from ([key, value[key]] for key in value)
    elif isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, (set, frozenset)):
        yield from sorted(value, key=repr)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield from (str(value.dtype), value.shape)
        yield np.ascontiguousarray(value).tobytes()
    elif callable(getattr(value, "py_func", None)):  # compiled by numba
        yield value.py_func
    else:
        yield from _reduced(value)


def _reduced(value: Any) -> Iterator[Any]:
    """Yield what pickle makes a value of; the pickle itself differs from process to process for a script's classes."""
    made = value.__reduce_ex__(2)
    if isinstance(made, str):
        yield made
        return
    make, *rest = made
    yield from (getattr(make, "__module__", ""), getattr(make, "__qualname__", ""))
    for part in rest:
        yield list(part) if isinstance(part, Iterator) else part


def _named(function: FunctionType) -> Iterator[Any]:
    """Yield what a function's code names: values of its closure, and of its module."""
    for name, cell in sorted(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)):
        yield [name, cell.cell_contents]
    for name in sorted(_globals(function.__code__) & function.__globals__.keys()):
        value = function.__globals__[name]
        home = getattr(value, "__module__", None)
        if callable(value) and home is not None and home != function.__module__:
            yield [name, home, getattr(value, "__qualname__", "")]
        else:
            yield [name, value]


def _globals(code: CodeType) -> set[str]:
    found = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return found.union(*(_globals(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def _source(value: Any) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        return _bytecode(value.__code__) if isinstance(value, FunctionType) else ""
    try:
        return ast.unparse(ast.parse(text))
    except SyntaxError:  # a lambda in the midst of a call
        return text


def _bytecode(code: CodeType) -> str:
    """Return what stands for a function whose source is not kept (typed into a plain Python prompt, say)."""
    constants = [_bytecode(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def _word(found: blake2b, text: str) -> None:
    found.update(f"{len(text)} {text}\n".encode())
