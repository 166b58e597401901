"""Every function of the language, once: its arguments, its result, and what each engine is given for it.

A lowering is a text in Skyhouse's own SQL with ``_1``, ``_2`` ... for the arguments; a function without one is called
by its own name on both engines. An aggregate or window function may have a `wrap` around the call with its FILTER and
OVER clauses, ``_0``.

Arguments are brought to the kind that is listed before the engine sees them:

=========  =====================================================================
any        as it is
same       all of these to the kind they have in common
double     a number, as a double
number     an integer as a 64-bit integer, another number as a double
integer    an integer, as a 64-bit integer
string     a text
bool       a truth value
time       a date or timestamp as it is, a text in quotes as a timestamp
timestamp  a date or timestamp, as a timestamp
constant   a number written in the query
fraction   a number from 0 to 1 written in the query
word       a text written in the query
pattern    a regular expression written in the query; its replacement
=========  =====================================================================

A `result` is a kind, or "first" (the kind that the first argument has been brought to) or "same".

A finite argument that is out of a function's domain gives NULL, not NaN: NaN counts as greater than every number in a
comparison, so that a NaN would pass ``log10(x) > 1``. NaN in gives NaN out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from skyhouse.query.functions.aggregates import aggregate_functions
from skyhouse.query.functions.bits import bit_functions
from skyhouse.query.functions.choices import choice_functions
from skyhouse.query.functions.elsewhere import elsewhere_functions
from skyhouse.query.functions.function import Function
from skyhouse.query.functions.hints import HINTS
from skyhouse.query.functions.lists import list_functions
from skyhouse.query.functions.numbers import number_functions
from skyhouse.query.functions.regexps import regexp_functions
from skyhouse.query.functions.sky import sky_functions
from skyhouse.query.functions.texts import text_functions
from skyhouse.query.functions.times import time_functions
from skyhouse.query.functions.windows import window_functions

__all__ = ["FUNCTIONS", "HINTS", "Function"]

_LISTED = (
    *aggregate_functions(),
    *bit_functions(),
    *choice_functions(),
    *elsewhere_functions(),
    *list_functions(),
    *number_functions(),
    *sky_functions(),
    *regexp_functions(),
    *text_functions(),
    *time_functions(),
    *window_functions(),
)
FUNCTIONS: Mapping[str, Function] = MappingProxyType({function.name: function for function in _LISTED})
