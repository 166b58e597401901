"""The functions that were registered with a lake, to be called by name in its queries."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from skyhouse.errors import InputError, UnknownFunction, did_you_mean
from skyhouse.query.functions import FUNCTIONS
from skyhouse.query.registered import Registered
from skyhouse.query.registered_calls import is_name

if TYPE_CHECKING:
    from skyhouse.objects.function import Function

__all__ = ["Functions"]


class Functions:
    """Functions by name, in any case. Threads may share it; what is handed out as `known` is always up to date."""

    def __init__(self) -> None:
        self.known: dict[str, Registered] = {}
        self._held: dict[str, Function] = {}
        self._lock = threading.Lock()

    def add(self, function: Function, name: str, deterministic: bool) -> None:
        """Register a function, in the place of one of the same name; raises InputError."""
        from skyhouse.objects.function import Function
        from skyhouse.objects.queried import Queried

        if not isinstance(function, Function):
            raise InputError(f"a declared function is registered, @skyhouse.function(returns=[...]), not {function!r}")
        called = name or function.name
        if not is_name(called):
            raise InputError(f"{called!r} cannot be called in SQL; give it another name: register(function, name=...)")
        if called.lower() in FUNCTIONS:
            raise InputError(f"{called}() is a function of the language; register this one by another name")
        registered = Registered(
            called,
            function.returns,
            Queried(function, called),
            function.inputs,
            numbers=function.per == "compiled",
            deterministic=deterministic,
            key=function.digest,
        )
        with self._lock:
            self.known[called.lower()] = registered
            self._held[called.lower()] = function

    def remove(self, name: str) -> None:
        """Forget a function; raises UnknownFunction."""
        with self._lock:
            if self.known.pop(name.lower(), None) is None:
                near = did_you_mean(name, [one.name for one in self.known.values()])
                raise UnknownFunction(f"no function {name!r} is registered{near}")
            del self._held[name.lower()]

    def all(self) -> Mapping[str, Function]:
        """Return the functions by the names that they were registered by."""
        with self._lock:
            return {one.name: self._held[key] for key, one in sorted(self.known.items())}
