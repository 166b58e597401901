"""A user's function over objects, and what it declares: the columns that it gives, and how it wants to be called."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skyhouse.columns import Column, arrow_schema
from skyhouse.errors import InputError, did_you_mean
from skyhouse.objects.digest import add_to

if TYPE_CHECKING:
    from skyhouse.objects.forms import Form
    from skyhouse.objects.results import Results

__all__ = ["FORMS", "Function", "function"]

FORMS = ("object", "batch", "compiled")


@dataclass(frozen=True)
class Function:
    """A function with its declaration, made by `function`; called, it is the plain function.

    `per` says how it is called: with one "object" at a time, with an Arrow "batch" of them, or, "compiled" by numba,
    with the numbers of one. `inputs` names the columns that it reads, empty where it does not say.
    """

    call: Callable[..., Any]
    name: str
    returns: tuple[Column, ...]
    per: str = "object"
    inputs: tuple[str, ...] = ()
    setup: Callable[..., Any] | None = None
    broadcast: Any = field(default=None, repr=False)
    version: str = ""

    def __post_init__(self) -> None:
        self._wrap()
        where = f"function {self.name}"
        if not all(callable(one) for one in (self.call, self.setup or self.call)):
            raise InputError(f"{where}: what is decorated, and setup, are functions")
        if self.per not in FORMS:
            hint = did_you_mean(self.per, FORMS)
            raise InputError(f"{where}: per is {', '.join(map(repr, FORMS))}, not {self.per!r}{hint}")
        given: tuple[object, ...] = self.returns
        if not given or not all(isinstance(column, Column) for column in given):
            raise InputError(f'{where}: returns is a list of columns, as [Column("amplitude", "float32", unit="mag")]')
        lowered = [column.name.lower() for column in self.returns]
        if twice := sorted({name for name in lowered if lowered.count(name) > 1}):
            raise InputError(f"{where}: two columns of returns are named {twice[0]!r} (case aside)")
        if self.per == "compiled":
            self._check_compiled(where)
        arrow_schema(self.returns)

    def _check_compiled(self, where: str) -> None:
        if not self.inputs:
            raise InputError(f'{where}: a compiled function names its inputs, as inputs=["lc.mag", "lc.magerr", "z"]')
        for column in self.returns:
            kind = column.field().type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
                raise InputError(f"{where}: compiled, it returns numbers, and column {column.name!r} is {column.type}")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the plain function."""
        return self.call(*arguments, **named)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made of the declaration, which may not pickle (compiled code, say)."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._wrap()

    def _wrap(self) -> None:
        """Let help() and signature() show the plain function's."""
        self.__dict__.update(__doc__=self.call.__doc__, __wrapped__=self.call)

    def __hash__(self) -> int:
        return hash((self.name, self.per, self.returns))

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the columns that it gives."""
        return arrow_schema(self.returns)

    @property
    def has_shared(self) -> bool:
        """Whether it is given a second argument: what setup made, or what was broadcast."""
        return self.setup is not None or self.broadcast is not None

    @cached_property
    def digest(self) -> str:
        """A hash of source, declaration, version, what they refer to in the same module, and broadcast; no comments.

        It is the same in every process, and another when anything of these has changed.
        """
        found = hashlib.blake2b(digest_size=16)
        add_to(found, (self.per, self.inputs, [repr(column) for column in self.returns], self.version))
        add_to(found, [self.call, self.setup, self.broadcast])
        return found.hexdigest()

    def check_inputs(self, schema: pa.Schema) -> None:
        """Raise InputError where rows of this schema lack one of the inputs."""
        from skyhouse.objects.forms import input_of

        rows = schema.empty_table()
        for path in self.inputs:
            input_of(rows, path, self.name)

    @cached_property
    def form(self) -> Form:
        """What runs it in this process; made at the first use, `setup` called and code compiled."""
        from skyhouse.objects.forms import form_of

        return form_of(self)

    def prepare(self) -> None:
        """Run `setup` and compile in this process, so that no object pays for it. Raises TaskError."""
        _ = self.form

    def applied(self, rows: pa.Table | pa.RecordBatch) -> Results:
        """Return what it gives for each of the rows.

        Called per object, what it raises for one is kept in the results' `failures`, but for a MemoryError. Per batch
        or compiled, it is raised, whatever it is. Raises InputError for rows that lack an input, TaskError for what
        is not as declared.
        """
        return self.form.applied(rows)

    def pickled(self) -> bytes:
        """Return it as bytes which `pickle.loads` makes it of again, elsewhere too; scripts and notebooks by value."""
        import cloudpickle

        found: bytes = cloudpickle.dumps(self)
        return found


def function(
    *,
    returns: Iterable[Column],
    per: str = "object",
    inputs: Iterable[str] = (),
    setup: Callable[..., Any] | None = None,
    broadcast: Any = None,
    name: str = "",
    version: str = "",
) -> Callable[[Callable[..., Any]], Function]:
    """Declare what a function of objects returns, for `Lake.apply` and for SQL.

    `per` is how it is called:

    - ``"object"``: with one object, whose attributes are the columns; nested columns are numpy views, NULL is None.
      It returns a dict of the declared columns, or the bare value where only one is declared.
    - ``"batch"``: with a `pyarrow.RecordBatch`; it returns a dict of arrays, a RecordBatch or a Table of as many rows.
    - ``"compiled"``: by numba, with the `inputs` of one object: lists as array slices, scalars as scalars. It returns
      a tuple of numbers in the order of `returns`, or one number. NaN stays NaN, and a NULL float is NaN; an object
      of which another input is NULL gets NULLs. Division by zero gives inf or NaN.

    `inputs` names the columns that it reads ("z", "lc.mag"), which need not be read else. `setup` is called once in
    each worker, and `broadcast` is any object, shipped to each worker once; with either, the function gets a second
    argument: what `setup()` returned, `setup(broadcast)`, or the broadcast itself.

    A function whose source changed is another one for `Lake.apply`, but not where only other modules changed that it
    calls: `version` is any text, to be changed then.

    Raises InputError for a declaration that cannot be.

    >>> from skyhouse import Column
    >>> @function(returns=[Column("n", "int32")])
    ... def points(obj):
    ...     return len(obj.mag)
    >>> points.applied(pa.table({"mag": [[20.5, 20.75], [21.0]]})).columns.to_pydict()
    {'n': [2, 1]}
    """

    def declared(call: Callable[..., Any]) -> Function:
        called = name or getattr(call, "__name__", type(call).__name__)
        given = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        return Function(call, called, tuple(returns), per, given, setup, broadcast, version)

    return declared


def parameters(call: Callable[..., Any]) -> int | None:
    """Return how many positional arguments a function can take; None for any number, or where it does not say.

    >>> parameters(lambda a, b=1: a)
    2
    """
    try:
        found = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_POSITIONAL for one in found):
        return None
    return sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in found)
