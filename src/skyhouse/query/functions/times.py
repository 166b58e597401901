"""The functions of dates and times, which have no zone (UTC, or whatever scale the table's columns are in).

Days are of 86,400 seconds, so MJD 40587.0 is 1970-01-01 00:00:00; leap seconds and scales are `skyhouse.times`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skyhouse.errors import QueryError, did_you_mean
from skyhouse.query.functions.function import Function, Given

__all__ = ["MOMENTS", "time_functions"]

# What stands for the moment that a statement begins: the same in all its rows, on any engine.
MOMENTS = {"now": "timestamp", "current_timestamp": "timestamp", "localtimestamp": "timestamp", "current_date": "date"}

_FIELDS = {
    "year": ("the year", "year"),
    "quarter": ("the quarter, 1 to 4", "quarter"),
    "month": ("the month, 1 to 12", "month"),
    "week": ("the week of the ISO year, 1 to 53", "weekofyear"),
    "day": ("the day of the month, 1 to 31", "day"),
    "doy": ("the day of the year, 1 to 366", "dayofyear"),
    "hour": ("the hour, 0 to 23", "hour"),
    "minute": ("the minute, 0 to 59", "minute"),
}
_MICROS = {
    "duckdb": "epoch_us(CAST(_1 AS TIMESTAMP))",
    "spark": "unix_micros(CAST(CAST(_1 AS TIMESTAMP) AS TIMESTAMPTZ))",
}
_TRUNCATED = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_PARTS = (*_FIELDS, "dow", "isodow", "isoyear", "second", "epoch", "jd", "mjd")
_DAY = 86_400_000_000
_MJD_0 = 40_587 * _DAY
_JD_0 = 2_440_587 * _DAY + _DAY // 2
# From year 1 to year 9999: what every reader of the results can hold.
_FIRST_DAY, _LAST_DAY = -678_575, 2_973_483

_DIFFERENCES = {
    "year": "year(_3) - year(_2)",
    "quarter": "(year(_3) * 4 + quarter(_3)) - (year(_2) * 4 + quarter(_2))",
    "month": "(year(_3) * 12 + month(_3)) - (year(_2) * 12 + month(_2))",
    "week": "(CAST(date_trunc('week', _3) AS date) - CAST(date_trunc('week', _2) AS date)) // 7",
    "day": "CAST(_3 AS date) - CAST(_2 AS date)",
    "hour": "(epoch_us(date_trunc('hour', _3)) - epoch_us(date_trunc('hour', _2))) // 3600000000",
    "minute": "(epoch_us(date_trunc('minute', _3)) - epoch_us(date_trunc('minute', _2))) // 60000000",
    "second": "(epoch_us(date_trunc('second', _3)) - epoch_us(date_trunc('second', _2))) // 1000000",
    "millisecond": "(epoch_us(_3) - epoch_us(_2)) // 1000",
    "microsecond": "epoch_us(_3) - epoch_us(_2)",
}


_OF_SECONDS = f"""CASE WHEN _1 >= {(_FIRST_DAY - 40587) * 86400} AND _1 < {(_LAST_DAY + 1 - 40587) * 86400}
    THEN from_us(TRY_CAST(floor(_1) AS bigint) * 1000000 + TRY_CAST((_1 - floor(_1)) * 1e6 AS bigint)) END"""
_OF_FIELDS = """CASE WHEN _4 BETWEEN 0 AND 23 AND _5 BETWEEN 0 AND 59 AND _6 >= 0 AND _6 < 60
    THEN from_us(epoch_us(make_date(_1, _2, _3)) + (_4 * 60 + _5) * 60000000 + TRY_CAST(_6 * 1e6 AS bigint)) END"""
_SPARK_DATE = """CAST(try_make_timestamp_ntz(CASE WHEN _1 BETWEEN 1 AND 9999 THEN CAST(_1 AS INT) END,
    CASE WHEN _2 BETWEEN 1 AND 12 THEN CAST(_2 AS INT) END, CASE WHEN _3 BETWEEN 1 AND 31 THEN CAST(_3 AS INT) END,
    0, 0, 0) AS DATE)"""


def time_functions() -> list[Function]:
    """Return the functions of dates and times."""
    return [*_taken_apart(), *_counted(), *_made(), *_now()]


def _one(name: str, argument: str, result: str, doc: str, *example: str, **rest: Any) -> Function:
    examples = (example,) if len(example) == 2 else ()
    return Function(name, "time", (argument,), result, doc, examples=examples, **rest)


def _taken_apart() -> list[Function]:
    fields = [
        _one(
            name,
            "timestamp" if name in ("hour", "minute") else "time",
            "int64",
            doc,
            f"{name}(TIMESTAMP '2021-01-03 10:20:30.5')",
            value,
            both=f"CAST({engine}(_1) AS BIGINT)",
        )
        for (name, (doc, engine)), value in zip(
            _FIELDS.items(), ("2021", "1", "1", "53", "3", "3", "10", "20"), strict=True
        )
    ]
    return [
        *fields,
        _one(
            "dow",
            "time",
            "int64",
            "the day of the week, 0 for Sunday",
            duckdb="dayofweek(_1)",
            spark="CAST(dayofweek(_1) - 1 AS BIGINT)",
        ),
        _one(
            "isodow",
            "time",
            "int64",
            "the day of the week, 1 for Monday, 7 for Sunday",
            duckdb="isodow(_1)",
            spark="CAST(weekday(_1) + 1 AS BIGINT)",
        ),
        _one(
            "isoyear",
            "time",
            "int64",
            "the year that the ISO week belongs to",
            "isoyear(DATE '2021-01-03')",
            "2020",
            duckdb="isoyear(_1)",
            spark="CAST(date_part('yearofweek', _1) AS BIGINT)",
        ),
        _one(
            "second",
            "timestamp",
            "float64",
            "the second with its fraction",
            "second(TIMESTAMP '2021-01-03 10:20:30.5')",
            "30.5",
            duckdb="microsecond(_1) / 1e6",
            spark="CAST(date_part('second', _1) AS DOUBLE)",
        ),
        _one(
            "monthname",
            "time",
            "string",
            "the month's English name",
            "monthname(DATE '2021-01-03')",
            "'January'",
            spark="date_format(_1, 'MMMM')",
        ),
        _one(
            "dayname",
            "time",
            "string",
            "the English name of the day of the week",
            "dayname(DATE '2021-01-03')",
            "'Sunday'",
            spark="date_format(_1, 'EEEE')",
        ),
        _one(
            "last_day", "time", "date", "the last day of the month", "last_day(DATE '2020-02-03')", "DATE '2020-02-29'"
        ),
        Function(
            "date_part",
            "time",
            ("word", "time"),
            "",
            f"extract(part FROM t), date_part('part', t): the function that the part names, of {', '.join(_PARTS)}",
            meaning=_part,
            examples=(("extract(year FROM DATE '2020-02-29')", "2020"),),
        ),
        Function(
            "date_trunc",
            "time",
            ("word", "timestamp"),
            "timestamp",
            f"the start of the {', '.join(_TRUNCATED)} that the time is in",
            meaning=_start,
            examples=(("date_trunc('month', TIMESTAMP '2020-02-29 12:30:00')", "TIMESTAMP '2020-02-01 00:00:00'"),),
        ),
        *(
            Function(
                f"start_of_{part}",
                "time",
                ("timestamp",),
                "timestamp",
                f"the start of the {part} that the time is in",
                duckdb=f"date_trunc('{part}', _1)",
                spark=f"CAST(date_trunc('{part}', _1) AS TIMESTAMP)",
            )
            for part in _TRUNCATED
        ),
        Function(
            "date_diff",
            "time",
            ("word", "time", "time"),
            "int64",
            f"how many times a new {', '.join(_DIFFERENCES)} begins between two times",
            meaning=_difference,
            examples=(("date_diff('day', DATE '2019-12-31', DATE '2020-03-01')", "61"),),
        ),
    ]


def _choose(word: str | None, known: Sequence[str], name: str) -> str:
    part = (word or "").lower()
    part = part if part in known else part.removesuffix("s")
    if part not in known:
        raise QueryError(f"{name} has no part {word!r}{did_you_mean(part, known)}; there is {', '.join(known)}")
    return part


def _part(given: Sequence[Given]) -> str:
    return f"{_choose(given[0].text, _PARTS, 'date_part')}(_2)"


def _start(given: Sequence[Given]) -> str:
    return f"start_of_{_choose(given[0].text, _TRUNCATED, 'date_trunc')}(_2)"


def _difference(given: Sequence[Given]) -> str:
    return _DIFFERENCES[_choose(given[0].text, list(_DIFFERENCES), "date_diff")]


def _counted() -> list[Function]:
    return [
        _one(
            "epoch",
            "time",
            "float64",
            "seconds since 1970-01-01 00:00:00",
            "epoch(DATE '1970-01-02')",
            "86400.0",
            duckdb=f"{_MICROS['duckdb']} / 1e6",
            spark=f"{_MICROS['spark']} / 1e6",
        ),
        _one("epoch_us", "time", "int64", "microseconds since 1970-01-01 00:00:00", **_MICROS),
        _one(
            "mjd",
            "time",
            "float64",
            "the Modified Julian Date",
            "mjd(TIMESTAMP '2000-01-01 12:00:00')",
            "51544.5",
            **{engine: f"({micros} + {_MJD_0}) / {_DAY}e0" for engine, micros in _MICROS.items()},
        ),
        _one(
            "jd",
            "time",
            "float64",
            "the Julian Date",
            "jd(TIMESTAMP '2000-01-01 12:00:00')",
            "2451545.0",
            **{engine: f"({micros} + {_JD_0}) / {_DAY}e0" for engine, micros in _MICROS.items()},
        ),
    ]


def _made() -> list[Function]:
    years = "NULL out of the years 1 to 9999"
    return [
        _one(
            "from_us",
            "integer",
            "timestamp",
            "the time some microseconds after 1970-01-01 00:00:00",
            duckdb="make_timestamp(_1)",
            spark="CAST(timestamp_micros(_1) AS TIMESTAMP)",
            domain=years,
        ),
        _one(
            "from_mjd",
            "double",
            "timestamp",
            "the time of a Modified Julian Date, to the microsecond",
            "from_mjd(51544.5)",
            "TIMESTAMP '2000-01-01 12:00:00'",
            meaning=_of_days("_1"),
            domain=years,
        ),
        _one(
            "from_jd",
            "double",
            "timestamp",
            "the time of a Julian Date, to about 20 microseconds",
            "from_jd(2451545)",
            "TIMESTAMP '2000-01-01 12:00:00'",
            meaning=_of_days("_1 - 2400000.5"),
            domain=years,
        ),
        _one(
            "to_timestamp",
            "double",
            "timestamp",
            "the time some seconds after 1970-01-01 00:00:00",
            "to_timestamp(1.5)",
            "TIMESTAMP '1970-01-01 00:00:01.5'",
            meaning=_OF_SECONDS,
            domain=years,
        ),
        Function(
            "make_date",
            "time",
            ("integer",) * 3,
            "date",
            "the date of a year, month and day",
            duckdb="TRY(make_date(CASE WHEN _1 BETWEEN 1 AND 9999 THEN _1 END, _2, _3))",
            spark=_SPARK_DATE,
            domain="NULL for a day that is none",
            examples=(("make_date(2020, 2, 29)", "DATE '2020-02-29'"), ("make_date(2021, 2, 29)", "NULL")),
        ),
        Function(
            "make_timestamp",
            "time",
            ("integer",) * 5 + ("double",),
            "timestamp",
            "the time of a year, month, day, hour, minute and second",
            meaning=_OF_FIELDS,
            domain="NULL for a time that is none",
            examples=(("make_timestamp(2020, 2, 29, 12, 30, 15.5)", "TIMESTAMP '2020-02-29 12:30:15.5'"),),
        ),
    ]


def _of_days(days: str) -> str:
    # Whole days and the rest apart: so the rest keeps all its digits. An engine may cast before it looks at the range.
    whole = f"(TRY_CAST(floor({days}) AS bigint) - 40587) * {_DAY}"
    rest = f"TRY_CAST(({days} - floor({days})) * {_DAY}.0 AS bigint)"
    return f"CASE WHEN {days} >= {_FIRST_DAY} AND {days} < {_LAST_DAY + 1} THEN from_us({whole} + {rest}) END"


def _now() -> list[Function]:
    docs = {
        "timestamp": "when the statement began, in UTC; the same in all its rows",
        "date": "the day that the statement began, in UTC",
    }
    return [Function(name, "time", (), kind, docs[kind]) for name, kind in MOMENTS.items()]
