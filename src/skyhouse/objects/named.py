"""A declared function by its name: `module:function`, or `file.py:function`."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from skyhouse.errors import InputError, did_you_mean
from skyhouse.objects.function import Function

__all__ = ["FILE_MODULE", "named_function"]

FILE_MODULE = "_skyhouse_file_"
"""How the names of modules begin that were made of a file."""


def named_function(text: str) -> Function:
    """Return the declared function that a text names.

    Before the last colon stands a module that Python can import, also from the working folder, or the path of a ``.py``
    file, which workers then need not find; after it a name in there, or a call with literal values that returns the
    function. Raises InputError where there is none.

    >>> named_function("skyhouse.nowhere:amplitude")
    Traceback (most recent call last):
    skyhouse.errors.InputError: there is no module 'skyhouse.nowhere' ...
    """
    where, colon, name = _parted(text)
    if not (where and colon and name):
        raise InputError(f"a function is named MODULE:FUNCTION or FILE.py:FUNCTION, not {text!r}")
    module = _of_file(Path(where)) if where.endswith(".py") else _of_name(where)
    wanted, arguments, named = _called(text, name)
    try:
        found = getattr(module, wanted)
    except AttributeError:
        known = [key for key, value in vars(module).items() if isinstance(value, Function)]
        offered = did_you_mean(wanted, known) or (f"; it declares {', '.join(known)}" if known else "")
        raise InputError(f"{where} has no {wanted!r}{offered}") from None
    if arguments is not None:
        found = _made(text, found, arguments, named)
    if not isinstance(found, Function):
        mend = "declare it by @skyhouse.function(returns=[...]) above its def"
        raise InputError(f"{text} is {type(found).__name__}, not a declared function: {mend}")
    return found


def _parted(text: str) -> tuple[str, str, str]:
    """Return module, colon and function; a colon in the function's arguments is none between them."""
    head, bracket, rest = text.partition("(")
    where, colon, name = head.rpartition(":")
    return where, colon, name + bracket + rest


def _of_name(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # a console script's own folder is there instead
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no module {name!r} (sought in {here} too); a file's path ends in .py"
            ) from error
        raise InputError(f"module {name} cannot be imported: {error}") from error
    except Exception as error:
        raise InputError(f"module {name} cannot be imported: {type(error).__name__}: {error}") from error


def _of_file(path: Path) -> ModuleType:
    import cloudpickle

    module = ModuleType(f"{FILE_MODULE}{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses, and whoever seeks a class's source, look
    try:
        # Not by an import: Python would take what it has cached for a file that was changed within the second.
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # noqa: S102 - it is the user's own
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except Exception as error:
        raise InputError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    cloudpickle.register_pickle_by_value(module)
    return module


def _called(text: str, name: str) -> tuple[str, list[Any] | None, dict[str, Any]]:
    """Return a name and the arguments that it is to be called with; None where it is only named."""
    try:
        tree = ast.parse(name, mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, None, {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            named = {one.arg: ast.literal_eval(one.value) for one in tree.keywords if one.arg is not None}
            if len(named) == len(tree.keywords):
                return tree.func.id, [ast.literal_eval(one) for one in tree.args], named
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{text}: {name!r} is neither a name nor a call with plain values ({error})") from error
    raise InputError(f"{text}: {name!r} is neither a name nor a call with plain values")


def _made(text: str, found: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    try:
        return found(*arguments, **named)
    except Exception as error:
        raise InputError(f"{text}: the call raised {type(error).__name__}: {error}") from error
