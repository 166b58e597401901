"""The fast Fourier transform of eight rows of 256 complex numbers at once, in single precision, within the cache.

A period search makes a hundred and more of these for each object. Real and imaginary parts lie in arrays of their own
and the rows side by side: number k of row l is at ``8 * k + l``. So each step is the same arithmetic on eight
neighbours, which is one vector instruction, and nothing has to be shuffled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from skyhouse.lightcurves.curves import Floats

__all__ = ["LANES", "SIZE", "roots", "transform"]

LANES = 8  # transforms side by side
SIZE = 256  # complex numbers of each; the four arrays of LANES * SIZE floats fit a first-level cache

_LENGTHS = (256, 64, 16, 4)  # of the transforms that each pass splits into four
_SECOND, _THIRD, _FOURTH = 64, 64 + 16, 64 + 16 + 4  # where each pass's roots begin


def roots() -> Floats:
    """Return the roots of one by which the passes multiply: float32[85, 6], each with its square and cube."""
    turns = np.concatenate([np.arange(length // 4) / length for length in _LENGTHS])
    powers = np.exp(-2j * np.pi * turns[:, None] * [1, 2, 3])
    return np.stack([powers.real, powers.imag], axis=2).reshape(len(turns), 6).astype(np.float32)


def _pass(length: int) -> Callable[..., None]:
    """Return the pass that splits transforms of this length into four of a quarter of it (radix 4, Stockham's order).

    Indices are unsigned, so that no sign is looked at, and all distances are constants, so that LLVM sees which numbers
    cannot be the same; only `run`, the length of the inner loop, is not: of a constant eight it makes single steps.
    """
    quarter = np.uint64(length // 4)
    one, two, three, four = (np.uint64(k * LANES * SIZE // length) for k in (1, 2, 3, 4))
    b, c, d = (np.uint64(k * LANES * SIZE // 4) for k in (1, 2, 3))

    @njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
    def split(real: Floats, imag: Floats, real_out: Floats, imag_out: Floats, root: Floats, run: int) -> None:
        for p in range(quarter):
            w1r, w1i, w2r, w2i, w3r, w3i = root[p, 0], root[p, 1], root[p, 2], root[p, 3], root[p, 4], root[p, 5]
            for q in range(run):
                i, o = one * p + q, four * p + q
                r0, i0 = real[i] + real[i + c], imag[i] + imag[i + c]
                r1, i1 = real[i] - real[i + c], imag[i] - imag[i + c]
                r2, i2 = real[i + b] + real[i + d], imag[i + b] + imag[i + d]
                r3, i3 = real[i + b] - real[i + d], imag[i + b] - imag[i + d]
                real_out[o], imag_out[o] = r0 + r2, i0 + i2
                r, m = r1 + i3, i1 - r3
                real_out[o + one], imag_out[o + one] = r * w1r - m * w1i, r * w1i + m * w1r
                r, m = r0 - r2, i0 - i2
                real_out[o + two], imag_out[o + two] = r * w2r - m * w2i, r * w2i + m * w2r
                r, m = r1 - i3, i1 + r3
                real_out[o + three], imag_out[o + three] = r * w3r - m * w3i, r * w3i + m * w3r

    return split


_first, _second, _third, _fourth = (_pass(length) for length in _LENGTHS)


@njit(cache=True, nogil=True)
def transform(real: Floats, imag: Floats, real_spare: Floats, imag_spare: Floats, root: Floats, lanes: int) -> None:
    """Replace each of the rows x[n] by its transform, the sum of ``x[n] * exp(-2 pi i k n / 256)`` over n.

    The four arrays are float32[2048]; the spare ones are overwritten. `root` is what `roots` returns and `lanes` is
    `LANES`, as an argument (see `_pass`).
    """
    run = np.uint64(lanes)
    _first(real, imag, real_spare, imag_spare, root, run)
    _second(real_spare, imag_spare, real, imag, root[_SECOND:], np.uint64(4) * run)
    _third(real, imag, real_spare, imag_spare, root[_THIRD:], np.uint64(16) * run)
    _fourth(real_spare, imag_spare, real, imag, root[_FOURTH:], np.uint64(64) * run)
