"""How many published periods the period search finds, from a file of nested light curves.

    python bench/periods_on_file.py FILE.parquet [--record]

The file has an object a row: object_id, true_period (d) and, for each band b, the lists mjd_<b>, mag_<b>, magerr_<b>.
Points count with 0 < magerr < 0.3 and mag < 25. A period is exact within 0.1%; a daily alias if its frequency is the
true one (or its mirror image) shifted by 1, 2 or 3 a solar or sidereal day, give or take the sidelobes of a year.

Each band with 20 epochs or more in the median is tried alone, then all bands together. Ends with status 1 where fewer
than 93% are exact, in g alone or in all bands; in a file without g, the best band stands in for it.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from report import record

from skyhouse.lightcurves import Clean, periods

WANTED, MOST_ALIASES = 0.93, 0.05
CLOSE = 1e-3
ENOUGH = 20
CLEAN = Clean(max_error=0.3)
HEAD = ("bands", "objects", "exact", "daily alias", "wrong", "of these 2 P or P/2", "exact in top 3", "ms an object")


def curves(rows: pa.Table, band: str) -> pa.Array:
    """Return a band's curves as the period search reads them; magnitudes from 25 on are none."""
    lists = {name: rows[f"{name}_{band}"].combine_chunks() for name in ("mjd", "mag", "magerr")}
    mag = lists["mag"]
    seen = pc.if_else(pc.less(mag.values, 25), mag.values, pa.scalar(None, mag.values.type))
    lists["mag"] = pa.ListArray.from_arrays(mag.offsets, seen, mask=mag.is_null())
    return pa.StructArray.from_arrays(list(lists.values()), names=list(lists))


def is_daily_alias(frequency: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Say which frequencies (1/d) are daily aliases of the true ones."""
    shifts = [k * day for k in (1, 2, 3) for day in (1, 1.0027379)]
    places = [abs(sign * true + shift) for shift in shifts for sign in (1, -1)] + [true - shift for shift in shifts]
    return np.any([abs(frequency - place) < 0.01 for place in places], axis=0)


def measure(rows: pa.Table, bands: list[str]) -> tuple[object, ...]:
    """Return a row of the table, as HEAD says."""
    begun = time.process_time()
    found = periods(bands, clean=CLEAN).applied(rows).columns
    milliseconds = 1000 * (time.process_time() - begun) / len(rows)
    true = rows["true_period"].to_numpy()
    ranked = np.array([found[f"period_{k}"].to_numpy() for k in (1, 2, 3)])
    best = ranked[0]
    exact = abs(best / true - 1) < CLOSE
    alias = ~exact & is_daily_alias(1 / best, 1 / true)
    wrong = ~exact & ~alias
    twice = wrong & ((abs(best / true / 2 - 1) < CLOSE) | (abs(2 * best / true - 1) < CLOSE))
    in_top = (abs(ranked / true - 1) < CLOSE).any(axis=0)
    shares = [float(one.mean()) for one in (exact, alias, wrong, twice, in_top)]
    return (", ".join(bands), len(rows), *shares, milliseconds)


def main() -> int:
    """Measure, print, and return the status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--record", action="store_true", help="write the table to docs/benchmarks.md")
    asked = parser.parse_args()
    table = pq.read_table(asked.file)
    bands = [name.removeprefix("mjd_") for name in table.column_names if re.fullmatch(r"mjd_\w+", name)]
    rows = table.select(["true_period"])
    for band in bands:
        rows = rows.append_column(band, curves(table, band))
    alone = [band for band in bands if np.median([len(band_of) for band_of in table[f"mjd_{band}"]]) >= ENOUGH]
    measure(rows.slice(0, 8), bands)  # compiles
    found = [measure(rows, [band]) for band in alone]
    if len(bands) > 1:
        found.append(measure(rows, bands))
    if asked.record:
        record("periods_on_file.py", f"Published periods found: {asked.file.stem}", HEAD, found)
    else:
        for row in (HEAD, *found):
            print(" | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    single = [row for row in found if row[0] in alone]
    first = next((row for row in single if row[0] == "g"), max(single, key=lambda row: row[2]))
    status = 0
    for row in {first[0]: first, found[-1][0]: found[-1]}.values():
        ok = row[2] >= WANTED
        status |= not ok
        aliases = "" if row[3] <= MOST_ALIASES else f"; {row[3]:.1%} daily aliases are more than {MOST_ALIASES:.0%}"
        print(f"{row[0]}: {row[2]:.1%} exact, {'reaches' if ok else 'below'} {WANTED:.0%}{aliases}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
