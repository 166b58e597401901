"""What to write here for names that other systems know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["HINTS"]

_SAMPLE = "results do not change from run to run; for a share of the rows use .sample(0.01, seed=1) or TABLESAMPLE"
_PLUS = "write t + INTERVAL '3 days', or t + n * INTERVAL '1 day'"
_ROWS = "items become rows in FROM: FROM t, UNNEST(t.x) AS u(item)"
_TEXT = "CAST(x AS text) gives the plain form, and round(x, n) the decimals"

HINTS: Mapping[str, str] = MappingProxyType(
    {
        "age": "date_diff('day', a, b) counts days, mjd(b) - mjd(a) gives them with fractions",
        "add_months": _PLUS,
        "charindex": "write strpos(text, part), its arguments the other way round",
        "convert": "write CAST(x AS type)",
        "date": "write CAST(t AS date), or DATE '2020-02-29'",
        "date_add": _PLUS,
        "date_format": _TEXT,
        "date_sub": _PLUS,
        "dateadd": _PLUS,
        "datediff": "write date_diff('day', a, b), which counts from a to b",
        "datepart": "write extract(year FROM t)",
        "decode": "write CASE x WHEN a THEN b ELSE c END",
        "erf": "it is not on both engines; compute it in Python by apply()",
        "format": _TEXT,
        "gamma": "it is not on both engines; factorial(n) is",
        "gammaln": "it is not on both engines; factorial(n) is",
        "getdate": "write now()",
        "group_concat": "write string_agg(text, ',' ORDER BY ...)",
        "if": "write CASE WHEN ... THEN ... ELSE ... END, or iif(condition, a, b)",
        "instr": "write strpos(text, part)",
        "isnull": "write coalesce(x, y), or x IS NULL",
        "lgamma": "it is not on both engines; factorial(n) is",
        "list": "write array_agg(x ORDER BY ...)",
        "levenshtein": "the engines count it differently, bytes or characters",
        "newid": _SAMPLE,
        "percentile": "write quantile_cont(x, 0.5)",
        "rand": _SAMPLE,
        "random": _SAMPLE,
        "regexp_substr": "write regexp_extract(text, pattern)",
        "setseed": _SAMPLE,
        "similar_to": "write regexp_matches(text, pattern)",
        "soundex": "it is not on both engines; compare lower(a) with lower(b)",
        "strftime": _TEXT,
        "str_to_date": "write CAST(text AS date), for texts such as 2020-02-29",
        "to_char": _TEXT,
        "to_date": "write CAST(text AS date), for texts such as 2020-02-29",
        "to_number": "write CAST(text AS double), or TRY_CAST",
        "explode": _ROWS,
        "unnest": _ROWS,
        "typeof": "the result's columns have their types; lake.table(...).columns shows a table's",
        "uuid": _SAMPLE,
    }
)
