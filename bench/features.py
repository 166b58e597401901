"""All features of light curves in two bands: Skyhouse against light-curve's Extractor, and numpy object by object.

    python bench/features.py

One thread each, CPU seconds, in turns. Skyhouse cleans first, reads nested Arrow columns and gives columns. light-curve
gets numpy arrays of clean curves that are made beforehand, and gives what it has: 34 of the 38 features of a band and
none of two bands. numpy does as a notebook would: views of each object's points, then a line a feature.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import light_curve as lc
import numpy as np
import pyarrow as pa
from report import record

from skyhouse.lightcurves import Band, Clean, features
from skyhouse.lightcurves.features_kernel import band_features
from skyhouse.lightcurves.features_pairs import pair_features

POINTS = 800_000  # of each run, in both bands
RUNS = 5
PEERS_SHARE = {"light-curve": 8, "numpy": 64}  # one in so many objects, for they take longer
WINDOW = 120.0  # minutes

THEIRS = lc.Extractor(
    *(one() for one in (lc.ObservationCount, lc.Duration, lc.MaximumTimeInterval, lc.Mean, lc.WeightedMean, lc.Median)),
    *(one() for one in (lc.StandardDeviation, lc.Skew, lc.Kurtosis, lc.Amplitude, lc.PercentAmplitude)),
    *(one() for one in (lc.MedianAbsoluteDeviation, lc.ReducedChi2, lc.ExcessVariance, lc.StetsonK, lc.Eta, lc.EtaE)),
    *(one() for one in (lc.Roms, lc.Cusum, lc.AndersonDarlingNormal, lc.LinearTrend, lc.LinearFit, lc.MaximumSlope)),
    *(lc.InterPercentileRange(share) for share in (0.25, 0.10, 0.05)),
    *(lc.BeyondNStd(n) for n in (1, 2)),
    lc.MedianBufferRangePercentage(0.1),
    lc.MagnitudePercentageRatio(0.40, 0.05),
    lc.MagnitudePercentageRatio(0.20, 0.10),
)


def curves(epochs: int) -> pa.RecordBatch:
    """Return objects with as many epochs in g and in r, over five years, 5% of them flagged beside."""
    random = np.random.default_rng(epochs)
    objects, taken = POINTS // (2 * epochs), round(epochs / 0.95)
    bands = {}
    for name in "gr":
        mjd = np.sort(random.uniform(58000, 59826, (objects, taken)), axis=1).ravel()
        flags = np.zeros((objects, taken), np.int32)
        flags[:, : taken - epochs] = 32768
        random.permuted(flags, axis=1, out=flags)
        mag, magerr = random.normal(18, 0.3, mjd.size), random.uniform(0.01, 0.1, mjd.size)
        bands[name] = Band(np.arange(objects + 1) * taken, mjd, mag, magerr, flags.ravel()).to_arrow()
    return pa.RecordBatch.from_arrays(list(bands.values()), list(bands))


def by_numpy(t: np.ndarray, m: np.ndarray, e: np.ndarray) -> list[float]:
    """Return the features of one object in one band."""
    n, w = len(m), e**-2.0
    mean, med, s, weighted = m.mean(), np.median(m), m.std(ddof=1), np.average(m, weights=w)
    d, r, gaps, changes = m - mean, (m - weighted) / e, np.diff(t), np.diff(m)
    q = np.quantile(m, [0.05, 0.1, 0.2, 0.25, 0.4, 0.6, 0.75, 0.8, 0.9, 0.95], method="hazen")
    chi2, slopes, sums = np.sum(r**2), changes / gaps, np.cumsum(d)
    eta = np.mean(changes**2) / s**2
    pairs = r[1:] * r[:-1] * n / (n - 1)
    trend, plain = np.polyfit(t - t.mean(), m, 1, cov=True)
    fit, cov = np.polyfit(t - t.mean(), m, 1, w=1 / e, cov="unscaled")
    z = np.sort(d) / s
    rank = np.arange(1, n + 1)
    normal = np.sum((2 * rank - 1) * log_normal(z) + (2 * (n - rank) + 1) * log_normal(-z))
    lags = [(t[k:] - t[:-k], (m[k:] - m[:-k]) ** 2) for k in 2 ** np.arange(int(np.ceil(np.log2(n))))]
    spans, squares = (np.concatenate(parts) for parts in zip(*lags, strict=True))
    octaves = np.floor(np.log2(spans)).astype(int)
    octaves -= octaves.min()
    count, span, square = (np.bincount(octaves, weights=one) for one in (np.ones(len(spans)), spans, squares))
    kept = count >= 5
    return [
        n, t[-1] - t[0], gaps.max(), mean, weighted, med, s, np.mean(d**3) / s**3, np.mean(d**4) / s**4 - 3,
        np.ptp(m) / 2, np.abs(m - med).max(), np.median(np.abs(m - med)), q[6] - q[3], q[8] - q[1], q[9] - q[0],
        np.mean(np.abs(d) > s), np.mean(np.abs(d) > 2 * s), np.mean(np.abs(m - med) < np.ptp(m) / 20),
        (q[5] - q[4]) / (q[9] - q[0]), (q[7] - q[2]) / (q[8] - q[1]), chi2 / (n - 1),
        (s**2 - np.mean(e**2)) / mean**2,
        np.average(np.sign(pairs) * np.sqrt(np.abs(pairs)), weights=np.exp(-gaps / np.median(gaps))),
        np.sum(np.abs(r)) / np.sqrt(n * chi2), np.sum(r[1:] * r[:-1]) / np.sqrt((n - 1) * (n - 2)), eta,
        (np.ptp(t) / (n - 1)) ** 2 * np.mean(slopes**2) / s**2, 1 / eta, np.sum(np.abs(m - med) / e) / (n - 1),
        np.ptp(sums) / (n * s), (1 + 4 / n - 25 / n**2) * (-n - normal / n), trend[0], np.sqrt(plain[0, 0]), fit[0],
        np.sqrt(cov[0, 0]), np.sum(((m - np.polyval(fit, t - t.mean())) / e) ** 2) / (n - 2), np.abs(slopes).max(),
        np.polyfit(np.log(span[kept] / count[kept]), np.log(square[kept] / count[kept]) / 2, 1)[0],
    ]  # fmt: skip


def log_normal(z: np.ndarray) -> np.ndarray:
    """Return the logarithm of the normal distribution."""
    from scipy.special import log_ndtr

    found: np.ndarray = log_ndtr(z)
    return found


def measured(works: dict[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """Return each work's objects per CPU second, the best of some runs in turns."""
    best = dict.fromkeys(works, 0.0)
    for run in range(RUNS + 1):
        for name, (work, objects) in works.items():
            begun = time.process_time()
            work()
            if run:  # the first compiles
                best[name] = max(best[name], objects / (time.process_time() - begun))
    return best


def rates(epochs: int) -> dict[str, float]:
    """Return the objects per second of each at a number of epochs."""
    rows = curves(epochs)
    declared, clean = features(["g", "r"], pair_minutes=WINDOW), Clean()
    raw = [Band.of(rows.column(name)) for name in "gr"]
    bands = [clean(band) for band in raw]

    def kernels() -> None:
        found = [band_features(band)[0] for band in bands]
        pair_features((bands[0], bands[1]), (found[0], found[1]), WINDOW)

    def object_by_object(share: int) -> None:
        for i in range(0, len(rows), share):
            for band in bands:
                by_numpy(*(part.astype(float) for part in band.rows(i)))

    fewer = [
        tuple(np.array(part, float) for part in band.rows(i))
        for i in range(0, len(rows), PEERS_SHARE["light-curve"])
        for band in bands
    ]
    return measured(
        {
            "all": (lambda: declared.applied(rows), len(rows)),
            "clean": (lambda: [clean(band) for band in raw], len(rows)),
            "kernels": (kernels, len(rows)),
            "light-curve": (lambda: THEIRS.many(fewer, sorted=True, check=False, n_jobs=1), len(fewer) // 2),
            "numpy": (lambda: object_by_object(PEERS_SHARE["numpy"]), -(-len(rows) // PEERS_SHARE["numpy"])),
        }
    )


def main() -> None:
    """Measure, and record."""
    rows = []
    for epochs in (50, 200, 500, 1500):
        found = rates(epochs)
        rows.append(
            (
                f"2 x {epochs:,}",
                *(f"{found[name]:,.0f}" for name in ("all", "clean", "kernels", "light-curve", "numpy")),
                f"{found['all'] / found['light-curve']:.1f}",
                f"{found['all'] / found['numpy']:.0f}",
            )
        )
    record(
        "features.py",
        "Features of light curves",
        (
            "epochs",
            "clean + features (aim at 2 x 200: 25,000)",
            "clean alone",
            "features alone",
            "light-curve",
            "numpy per object",
            "over light-curve",
            "over numpy",
        ),
        rows,
        "Objects per CPU second of one thread, two bands each; best of 5 runs in turns. The first column is the whole "
        "of `skyhouse.lightcurves.features(['g', 'r'])` on an Arrow batch: 38 features of each band, 3 of the two "
        "together, NULLs and reasons. light-curve gives 34 of the 38.",
    )


if __name__ == "__main__":
    main()
