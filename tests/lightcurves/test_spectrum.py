"""What the period search is made of: its Fourier transform, its coarse spectra, and the peaks that it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyhouse.lightcurves.fourier import LANES, SIZE, roots, transform
from skyhouse.lightcurves.peaks import gather, no_peaks, prune
from skyhouse.lightcurves.spectrum import BLOCK, add_power, spread, workspace


def test_rows_are_transformed_as_numpy_does():
    random = np.random.default_rng(1)
    rows = random.normal(size=(SIZE, LANES)) + 1j * random.normal(size=(SIZE, LANES))
    real, imag = rows.real.astype(np.float32).ravel(), rows.imag.astype(np.float32).ravel()
    transform(real, imag, np.empty_like(real), np.empty_like(imag), roots(), LANES)
    expected = np.fft.fft(rows, axis=0)
    np.testing.assert_allclose((real + 1j * imag).reshape(SIZE, LANES), expected, atol=1e-6 * SIZE)


@pytest.mark.parametrize("baseline", [0.01, 30.0, 1826.0, 11_000.0])
@pytest.mark.parametrize("points", [1, 200])
def test_coarse_amplitudes_are_off_by_a_hundredth_of_the_noises(baseline, points):
    random = np.random.default_rng(2)
    time = random.uniform(-baseline / 2, baseline / 2, points)
    value = random.normal(size=points) / points
    first, step = 1 / baseline, 1 / (3 * baseline)
    power = np.zeros(4 * BLOCK, np.float32)
    add_power(time, spread(time, value, step), first, step, workspace(), LANES, power)
    frequency = first + step * np.arange(len(power))
    exact = np.abs(np.exp(-2j * np.pi * frequency[:, None] * time) @ value)
    noise = np.sqrt((value**2).sum())
    off = np.abs(np.sqrt(power) - exact) / noise
    assert np.sqrt((off**2).mean()) < 0.01
    assert off.max() < 0.05


def test_powers_add_up():
    time, value, step = np.linspace(-5, 5, 20), np.cos(np.arange(20.0)), 0.03
    work, once, twice = workspace(), np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    points = spread(time, value, step)
    add_power(time, points, 0.1, step, work, LANES, once)
    for _ in range(2):
        add_power(time, points, 0.1, step, work, LANES, twice)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)


def local_maxima(power):
    inner = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
    return inner[np.argsort(-power[inner], kind="stable")]


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 9000), st.integers(1, 40), st.integers(2, 3000), st.integers(0, 2**32))
def test_the_highest_peaks_are_kept_however_the_spectrum_is_cut(size, most, piece, seed):
    power = np.random.default_rng(seed).permutation(size).astype(np.float32)  # no two are equal
    peaks = no_peaks(most)
    for begin in range(0, size - 2, piece):
        gather(power[begin : begin + piece + 2], begin, most, peaks)
    prune(most, peaks)
    found = np.round(peaks.place[: peaks.held[0]])
    assert sorted(found) == sorted(local_maxima(power)[:most])


def test_a_peak_is_where_its_parabola_is_highest():
    peaks = no_peaks(1)
    gather((9 - (np.arange(6) - 2.3) ** 2).astype(np.float32), 100, 1, peaks)
    assert peaks.place[0] == pytest.approx(102.3, abs=1e-6)
