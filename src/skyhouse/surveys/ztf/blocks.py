"""Simulated objects, a block at a time: the objects of a block lie in one field and share its looks.

Block and object follow from the seed and the object's number alone, so the same object is the same however many are
simulated and however they are shared out to files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skyhouse.errors import InputError
from skyhouse.surveys.ztf.cadence import Field, Visits, fields, visits
from skyhouse.surveys.ztf.population import CLASSES, Natures, natures
from skyhouse.surveys.ztf.positions import unit_vectors
from skyhouse.surveys.ztf.tables import BANDS, curve, objects_table, truth_definition

__all__ = ["BLOCK", "Block", "Curves", "block", "blocks_of", "field_of"]

BLOCK: Final = 256
_STRIDE = 229  # without a common factor with the number of fields: the steps reach every field once
_READOUTS = 64  # 16 chips of four
_SIDE = 7.3 / 8  # of a readout's place on the sky, degrees
_SECOND_GRID = 1000
_OVERLAP = 0.2  # share of objects that a field of the second grid has too


@dataclass(frozen=True)
class Curves:
    """One band's points of n objects: offsets (n + 1), and by point hmjd [d], mag, magerr [mag], catflags, second."""

    offsets: npt.NDArray[np.int32]
    mjd: npt.NDArray[np.float64]
    mag: npt.NDArray[np.float32]
    magerr: npt.NDArray[np.float32]
    catflags: npt.NDArray[np.int32]
    second: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """The first n objects of a block, by number: field, chip's readout, place (degrees), what they are, curves."""

    field: Field
    sequence: npt.NDArray[np.int64]
    readout: npt.NDArray[np.int64]
    ra: npt.NDArray[np.float64]
    dec: npt.NDArray[np.float64]
    natures: Natures
    curves: tuple[Curves, Curves, Curves]

    def curve_ids(self, band: int, second: bool = False) -> npt.NDArray[np.int64]:
        """Return the objectids of the curves in a band, as the survey's releases number them.

        Their digits are field, filter (1 to 3), chip (01 to 16), quadrant (1 to 4) and a number of eight digits.
        """
        number = self.field.number + (_SECOND_GRID if second else 0)
        chip, quadrant = self.readout // 4 + 1, self.readout % 4 + 1
        return (((number * 10 + band + 1) * 100 + chip) * 10 + quadrant) * 100_000_000 + self.sequence

    @cached_property
    def object_ids(self) -> npt.NDArray[np.int64]:
        """Return the objects' ids: of its curves' ids the smallest."""
        found = self.curve_ids(0)
        filled = np.zeros(len(found), bool)
        for second in (False, True):
            for band, curves in enumerate(self.curves):
                counts = np.add.reduceat(np.append(curves.second == second, 0), curves.offsets[:-1])
                counts[np.diff(curves.offsets) == 0] = 0
                here = ~filled & (counts > 0)
                found[here] = self.curve_ids(band, second)[here]
                filled |= here
        return found

    def objects(self) -> pa.Table:
        """Return the rows of the nested table."""
        nested = {
            band: curve(found.offsets, found.mjd, found.mag, found.magerr, found.catflags)
            for band, found in zip(BANDS, self.curves, strict=True)
        }
        return objects_table(self.object_ids, self.ra, self.dec, nested)

    def truth(self) -> pa.Table:
        """Return the rows of the table that tells what the objects are."""
        mean = self.natures.shapes.mean[: len(self.sequence)]
        columns: dict[str, Any] = {
            "object_id": self.object_ids,
            "class": pa.array(CLASSES).take(pa.array(self.natures.kind)),
            "period": pa.array(self.natures.period, from_pandas=True),
            "amplitude": self.natures.amplitude.astype(np.float32),
            "mag_r": mean[:, 1].astype(np.float32),
            "g_r": (mean[:, 0] - mean[:, 1]).astype(np.float32),
            "r_i": (mean[:, 1] - mean[:, 2]).astype(np.float32),
        }
        return pa.table(columns, schema=truth_definition().schema).sort_by("object_id")


def blocks_of(seed: int, objects: int) -> list[tuple[int, int]]:
    """Return the blocks of the first so many objects (number, how many of its objects), field by field from the south.

    Raises InputError for a number of objects below 1 and a seed below 0.

    >>> blocks_of(1, 300)
    [(0, 256), (1, 44)]
    """
    if objects < 1:
        raise InputError(f"cannot simulate {objects} objects; give a number from 1")
    if seed < 0:
        raise InputError(f"a seed is a whole number from 0, not {seed}")
    found = [(number, min(BLOCK, objects - number * BLOCK)) for number in range(-(-objects // BLOCK))]
    return sorted(found, key=lambda each: (field_of(seed, each[0]).number, each))


def field_of(seed: int, number: int) -> Field:
    """Return the field of a block."""
    grid = fields()
    return grid[(seed * 7919 + number * _STRIDE) % len(grid)]


def block(seed: int, number: int, mix: tuple[float, ...], count: int = BLOCK) -> Block:
    """Simulate the first `count` objects of a block: objects number * BLOCK to number * BLOCK + count - 1.

    `mix` are the classes' shares (`population.shares`).
    """
    from skyhouse.surveys.ztf.light import observe  # compiled code loads when it is used

    rng = np.random.default_rng([seed, number, 1])
    field = field_of(seed, number)
    looks = visits(field, seed)
    # All of the block is drawn, so that its first objects do not depend on how many are wanted.
    born = natures(rng, BLOCK, mix)
    readout = rng.integers(_READOUTS, size=BLOCK)
    ra, dec = _places(field, readout, rng.random((BLOCK, 2)))
    in_second = rng.random(BLOCK) < _OVERLAP
    seeds = rng.integers(2**63, size=BLOCK, dtype=np.uint64)
    sequence = (number // len(fields())) * BLOCK + np.arange(BLOCK)
    start, out = _room(looks, count)
    offsets = observe(
        (looks.mjd, looks.band, looks.second, looks.depth, looks.offset, looks.earth),
        born.shapes,
        unit_vectors(ra, dec),
        in_second,
        seeds[:count],
        start,
        out,
    )
    curves = tuple(
        Curves(offsets[band], *(values[start[band] : start[band] + offsets[band, -1]] for values in out))
        for band in range(len(BANDS))
    )
    cut = Natures(born.kind[:count], born.period[:count], born.amplitude[:count], born.shapes)
    return Block(field, sequence[:count], readout[:count], ra[:count], dec[:count], cut, curves)  # type: ignore[arg-type]


def _room(looks: Visits, count: int) -> tuple[npt.NDArray[np.int64], tuple[npt.NDArray[Any], ...]]:
    """Return where each band's points begin, and arrays for as many points as there can be."""
    most = np.array([count * looks.count(band) for band in range(len(BANDS))])
    start = np.concatenate([[0], np.cumsum(most)[:-1]])
    kinds = (np.float64, np.float32, np.float32, np.int32, np.bool_)
    return start, tuple(np.empty(int(most.sum()), kind) for kind in kinds)


def _places(
    field: Field, readout: npt.NDArray[np.int64], inside: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return ra and dec [deg] of places in a field's readouts, eight by eight of them on the tangent plane."""
    column, row = readout // 4 % 4 * 2 + readout % 2, readout // 16 * 2 + readout // 2 % 2
    x, y = (np.radians(_SIDE * (at + inside[:, k] - 4)) for k, at in enumerate((column, row)))
    middle = np.radians(field.dec)
    below = np.cos(middle) - y * np.sin(middle)
    ra = np.degrees(np.arctan2(x, below)) + field.ra
    dec = np.degrees(np.arctan2(np.sin(middle) + y * np.cos(middle), np.hypot(x, below)))
    return ra % 360, dec
