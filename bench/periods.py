"""The period search against others on the same light curves and frequencies, in objects per second of one core.

    python bench/periods.py [objects]

Two bands, five years, one over the baseline to 24 a day in steps of a third of the resolution: some 131,000
frequencies. The others compute powers of each band and add them up; only `search` goes on to peaks, and refines them
by exact powers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import light_curve
import nifty_ls
import numpy as np
import pyarrow as pa
from astropy.timeseries import LombScargle
from report import record

from skyhouse.lightcurves import Band, features, periods, search

EPOCHS = (200, 500, 1500)
YEARS, HIGHEST, OVERSAMPLING = 5, 24.0, 3
ROUNDS = 3


def nightly(random: np.random.Generator, frequency: np.ndarray, epochs: int) -> Band:
    """Return sinusoids seen in half of each year, in ten hours of the night."""
    nights = np.flatnonzero(np.arange(YEARS * 365) % 365 < 180)
    mjd = np.sort(random.choice(nights, (len(frequency), epochs)) + random.uniform(0, 0.4, (len(frequency), epochs)))
    magerr = random.uniform(0.02, 0.08, mjd.shape)
    mag = 17 + 0.1 * np.sin(2 * np.pi * frequency[:, None] * mjd) + random.normal(0, magerr)
    return Band(np.arange(len(frequency) + 1) * epochs, 58000 + mjd.ravel(), mag.ravel(), magerr.ravel())


class Peers:
    """Other packages' ways to the power of all bands at all frequencies of an object."""

    def __init__(self, bands: list[Band]) -> None:
        self.bands = bands

    def curves(self, i: int) -> tuple[float, list[list[np.ndarray]]]:
        """Return an object's baseline and points, in double precision."""
        curves = [[part.astype(np.float64) for part in band.rows(i)] for band in self.bands]
        return max(c[0].max() for c in curves) - min(c[0].min() for c in curves), curves

    def nifty(self, i: int) -> np.ndarray:
        """nifty-ls in double precision, one thread."""
        baseline, curves = self.curves(i)
        count = int((HIGHEST - 1 / baseline) * OVERSAMPLING * baseline) + 1
        highest = 1 / baseline + (count - 1) / (OVERSAMPLING * baseline)
        powers = [
            nifty_ls.lombscargle(
                mjd, mag, magerr, fmin=1 / baseline, fmax=highest, Nf=count, normalization="psd", nthreads=1
            ).power
            for mjd, mag, magerr in curves
        ]
        return np.sum(powers, axis=0)

    def astropy(self, i: int) -> np.ndarray:
        """LombScargle of astropy, fast."""
        baseline, curves = self.curves(i)
        frequency = np.arange(1 / baseline, HIGHEST, 1 / (OVERSAMPLING * baseline))
        powers = [
            LombScargle(*curve, normalization="psd").power(frequency, method="fast", assume_regular_frequency=True)
            for curve in curves
        ]
        return np.sum(powers, axis=0)

    def light_curve(self, i: int) -> np.ndarray:
        """light-curve's Periodogram, fast; it takes no errors, and 2^17 + 1 frequencies from 0."""
        _, curves = self.curves(i)
        return np.concatenate([PERIODOGRAM(*curve, sorted=True) for curve in curves])


PERIODOGRAM = light_curve.Periodogram(peaks=20, freqs=np.linspace(0, 2 * np.pi * HIGHEST, 2**17 + 1), fast=True)


def rates(works: dict[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    """Return the objects per CPU second of each of these, each of so many; best of some rounds, in turns."""
    seconds = dict.fromkeys(works, np.inf)
    for turn in range(ROUNDS + 1):
        for name, (_, work) in works.items():
            begun = time.process_time()
            work()
            if turn:
                seconds[name] = min(seconds[name], time.process_time() - begun)
    return {name: objects / seconds[name] for name, (objects, _) in works.items()}


def measured(epochs: int, objects: int) -> tuple[dict[str, float], float]:
    """Return the rates, and the share of objects whose best frequency is that of nifty-ls."""
    random = np.random.default_rng(epochs)
    frequency = random.uniform(0.1, HIGHEST, objects)
    bands = [nightly(random, frequency, epochs) for _ in range(2)]
    table = pa.table({"g": bands[0].to_arrow(), "r": bands[1].to_arrow()})
    described, found = features(("g", "r")), periods(("g", "r"))
    peers = Peers(bands)
    few = max(2, objects // 50)
    works: dict[str, tuple[int, Callable[[], object]]] = {
        "search": (objects, lambda: search(bands)),
        "clean, search, ranking, folded features": (objects, lambda: found.applied(table)),
        "the same and all features": (objects, lambda: (found.applied(table), described.applied(table))),
        "features without the search": (objects, lambda: described.applied(table)),
        "nifty-ls, double": (4 * few, lambda: [peers.nifty(i) for i in range(4 * few)]),
        "astropy, fast": (few, lambda: [peers.astropy(i) for i in range(few)]),
        "light-curve, fast": (4 * few, lambda: [peers.light_curve(i) for i in range(4 * few)]),
    }
    best, same = search(bands, top=1), 0
    for i in range(4 * few):
        resolution = 1 / best.baseline[i]
        highest = resolution * (1 + peers.nifty(i).argmax() / OVERSAMPLING)
        same += abs(best.frequency[i, 0] - highest) < resolution
    return rates(works), same / (4 * few)


def main(objects: int) -> None:
    """Measure, and record."""
    results = {epochs: measured(epochs, max(20, objects * EPOCHS[0] // epochs)) for epochs in EPOCHS}
    names = list(results[EPOCHS[0]][0])
    rows = [[name, *(results[epochs][0][name] for epochs in EPOCHS)] for name in names]
    rows += [
        [f"search over {name}", *(results[epochs][0]["search"] / results[epochs][0][name] for epochs in EPOCHS)]
        for name in names[4:]
    ]
    agreed = ", ".join(f"{100 * results[epochs][1]:.0f}% at {epochs}" for epochs in EPOCHS)
    record(
        "periods.py",
        "The period search",
        ("objects/s of one core", *(f"2 x {epochs} epochs" for epochs in EPOCHS)),
        rows,
        f"Five years, to {HIGHEST:.0f}/d, oversampling {OVERSAMPLING}; CPU seconds, best of {ROUNDS} rounds. Of the "
        "others, powers only, added over two bands; of the search, its 20 highest peaks, refined and exact. Its best "
        f"frequency is nifty-ls's for {agreed} epochs. Asked of the whole at 2 x 200 epochs: 540, with an aim of "
        "1,000; without the search 20,000.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
