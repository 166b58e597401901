"""Which places on the sky are one object's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skyhouse.errors import InputError

__all__ = ["grouped", "mean_places", "unit_vectors"]

Floats = npt.NDArray[np.float64]


def unit_vectors(ra: npt.ArrayLike, dec: npt.ArrayLike) -> Floats:
    """Return unit vectors (n, 3) of places given in degrees."""
    a, d = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def grouped(ra: npt.ArrayLike, dec: npt.ArrayLike, radius_arcsec: float) -> npt.NDArray[np.int64]:
    """Return the group of each place, numbered from 0: friends of friends on the sphere.

    Two places (degrees) within the radius are in one group, and so are those that others link. This is exact, the
    same in whatever order the places come, and the same at RA 0 and at the poles as anywhere: distances are those of
    unit vectors. Raises InputError for a radius that is not above 0 and below 180 degrees, and places that are none.

    >>> grouped([359.9999, 0.0001, 10.0], [0.0, 0.0, 0.0], 1.0)
    array([0, 0, 1])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if not 0 < radius_arcsec < 180 * 3600:
        raise InputError(f"radius_arcsec is a number above 0, not {radius_arcsec!r}")
    places = unit_vectors(ra, dec)
    if not np.isfinite(places).all():
        raise InputError(f"row {int(np.argmin(np.isfinite(places).all(axis=1)))} has no place: ra or dec is missing")
    if not len(places):
        return np.empty(0, np.int64)
    chord = 2 * np.sin(np.radians(radius_arcsec / 3600) / 2)
    pairs = cKDTree(places).query_pairs(chord, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def mean_places(
    ra: npt.ArrayLike, dec: npt.ArrayLike, group: npt.NDArray[np.int64], groups: int
) -> tuple[Floats, Floats]:
    """Return ra and dec [deg] of the middle of each group's places, right across RA 0; NaN for a group without any.

    >>> ra, dec = mean_places([359.0, 1.0], [0.0, 0.0], np.array([0, 0]), 1)
    >>> round(float(ra[0]), 9) % 360
    0.0
    """
    vectors = unit_vectors(ra, dec)
    x, y, z = (np.bincount(group, weights=vectors[:, axis], minlength=groups) for axis in range(3))
    empty = np.bincount(group, minlength=groups) == 0
    middle_ra, middle_dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
    middle_ra[empty] = middle_dec[empty] = np.nan
    return middle_ra, middle_dec
