"""Numbers as FITS stores them: big-endian, signed, maybe scaled."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ONES", "Array", "ones_sum", "scaled", "scaled_type"]

Array = np.ndarray[Any, np.dtype[Any]]
ONES = 0xFFFFFFFF


def scaled_type(stored: np.dtype[Any], scale: float, zero: float) -> np.dtype[Any]:
    """Return the type of stored numbers once scaled: native, unsigned by the convention of BZERO, or float64.

    >>> scaled_type(np.dtype(">i2"), 1, 32768), scaled_type(np.dtype(">i2"), 0.5, 0)
    (dtype('uint16'), dtype('float64'))
    """
    if scale == 1 and zero == 0:
        return stored.newbyteorder("=")
    if scale == 1 and stored.kind == "i" and zero == 1 << (8 * stored.itemsize - 1):
        return np.dtype(f"u{stored.itemsize}")
    if scale == 1 and stored == np.uint8 and zero == -128:
        return np.dtype("i1")
    return np.dtype("c16" if stored.kind == "c" else "f8")


def scaled(stored: Array, scale: float, zero: float, wide: np.dtype[Any] | None = None) -> Array:
    """Return stored * scale + zero, contiguous and in native byte order, of the type that `scaled_type` tells.

    `wide` replaces float64. Numbers that need no change are not copied.
    """
    kind = scaled_type(stored.dtype, scale, zero)
    if scale == 1 and zero == 0:
        return np.ascontiguousarray(stored, kind)
    if kind.kind in "iu":
        # Half the range added to an integer, or taken from it, turns its highest bit and nothing else.
        unsigned = np.dtype(f"u{kind.itemsize}")
        bits = np.ascontiguousarray(stored, stored.dtype.newbyteorder("=")).view(unsigned)
        turned: Array = bits ^ unsigned.type(1 << (8 * kind.itemsize - 1))
        return turned.view(kind)
    values = stored.astype(wide or kind)
    if scale != 1:
        values *= scale
    if zero != 0:
        values += zero
    return values


def ones_sum(data: memoryview) -> int:
    """Return the 32-bit ones' complement sum of big-endian words (FITS standard 4.0, appendix J); 0 for all ones."""
    words = np.frombuffer(data, ">u4", len(data) // 4)
    # In pieces, so that the swapped copy stays in the processor's cache.
    total = sum(int(words[i : i + 65536].astype("u4").sum(dtype="u8")) for i in range(0, len(words), 65536))
    return total % ONES
