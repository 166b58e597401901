"""The model of a galaxy that MaNGA might have observed, as the arrays of its MAPS file.

An exponential disc and a bulge, inclined, rotating after an arctan curve, seen through a hexagonal fibre bundle with
the noise of the real survey. All that is drawn is seeded by (seed, plate, IFU), so that a galaxy is the same whichever
others are made beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skyhouse.errors import InputError
from skyhouse.surveys.manga import datamodel
from skyhouse.surveys.manga.paths import parse_plateifu
from skyhouse.surveys.manga.simulate_indices import index_measurements
from skyhouse.surveys.manga.simulate_lines import LineSources, emission_lines

__all__ = ["GRIDS", "KINDS", "Nature", "SimulatedGalaxy", "model", "nature"]

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

NOCOV, LOWCOV, DEADFIBER, FORESTAR, NOVALUE, FITFAILED, NEARBOUND, DONOTUSE = (
    1 << bit for bit in (0, 1, 2, 3, 4, 7, 8, 30)
)
SPAXEL_ARCSEC = 0.5

GRIDS = {19: (34, 6.25), 37: (44, 8.75), 61: (54, 11.25), 91: (64, 13.75), 127: (74, 16.25)}
"""Fibres of a bundle -> spaxels along a side of its grid, and the hexagon's centre-to-corner radius in arcsec."""

# Kind -> share of galaxies, and the H-alpha equivalent widths [Angstrom] of young stars, the nucleus and hot old stars.
KINDS = {
    "star-forming": (0.50, 18.0, 0.0, 0.3),
    "composite": (0.12, 9.0, 7.0, 0.5),
    "Seyfert": (0.14, 9.0, 45.0, 0.6),
    "LINER": (0.12, 0.4, 0.0, 3.0),
    "quiescent": (0.12, 0.0, 0.0, 0.45),
}
"""The kinds of galaxies that are made, and what shines in them."""


@dataclass(frozen=True, slots=True)
class Nature:
    """What a simulated galaxy is, and when and how it was observed.

    `log_mass` is log10 of the stellar mass in solar masses (h = 1), `axis_ratio` is b/a, `flux` the g-band flux density
    of a spaxel at the centre [1e-17 erg/s/cm2/Angstrom], `age` that of the oldest stars (0 to 1), `activity` what the
    equivalent widths of its kind are scaled by. The masses, radii and angles go into DRPall as they are.
    """

    seed: int
    plateifu: str
    plate: int
    ifudesign: int
    mangaid: str
    kind: str
    ra_deg: float
    dec_deg: float
    plate_ra_deg: float
    plate_dec_deg: float
    redshift: float
    log_mass: float
    radius_arcsec: float
    axis_ratio: float
    position_angle_deg: float
    bulge: float
    flux: float
    age: float
    activity: float
    metallicity: float
    ebv_gas: float
    ebv_galactic: float
    speed_km_s: float
    sigma_km_s: float
    target_bits: int
    forestar: bool
    dead_fiber: bool
    drp_quality: int
    mjd: int

    @property
    def fibres(self) -> int:
        """The number of fibres of the bundle."""
        return self.ifudesign // 100

    @property
    def dap_quality(self) -> int:
        """The DAPQUAL bits: a foreground star (0), a critical failure of the reduction before (28)."""
        return int(self.forestar)


@dataclass(frozen=True)
class SimulatedGalaxy:
    """A galaxy, and its arrays by the name of their image HDU, of shape (channels, ny, nx) or (ny, nx)."""

    nature: Nature
    release: str
    arrays: dict[str, Array] = field(repr=False)

    @property
    def plateifu(self) -> str:
        """The galaxy's plate-IFU name."""
        return self.nature.plateifu

    @property
    def shape(self) -> tuple[int, int]:
        """The grid's (ny, nx)."""
        ny, nx = self.arrays["SPX_SNR"].shape
        return ny, nx

    @cached_property
    def good(self) -> npt.NDArray[np.bool_]:
        """Marvin's clean spaxels, shape (ny, nx): those with all five BINID channels set."""
        clean: npt.NDArray[np.bool_] = (self.arrays["BINID"] != -1).all(axis=0)
        return clean


def nature(seed: int, plateifu: str) -> Nature:
    """Draw what the galaxy is. Raises InputError for a malformed name or a bundle size that does not exist.

    >>> nature(1, "8485-1901").fibres
    19
    """
    name = parse_plateifu(plateifu)
    if name.ifudesign // 100 not in GRIDS:
        sizes = ", ".join(map(str, GRIDS))
        raise InputError(f"no bundle of {name.ifudesign // 100} fibres in {plateifu!r}; there are {sizes}")
    at_plate = np.random.default_rng([seed, name.plate])
    plate_ra, plate_dec = at_plate.uniform(110.0, 260.0), float(np.degrees(np.arcsin(at_plate.uniform(0.0, 0.85))))
    mjd = int(at_plate.integers(56_740, 59_080))
    rng = np.random.default_rng([seed, name.plate, name.ifudesign])
    kind = str(rng.choice(list(KINDS), p=[share for share, *_ in KINDS.values()]))
    log_mass = float(
        np.clip(rng.normal({"star-forming": 9.7, "quiescent": 10.5, "LINER": 10.6}.get(kind, 10.3), 0.45), 8.7, 11.6)
    )
    redshift = float(np.clip(0.024 + 0.03 * (log_mass - 9.0) ** 1.0 + rng.normal(0, 0.012), 0.011, 0.148))
    old = kind in ("LINER", "quiescent")
    offset = 1.45 * np.sqrt(rng.random())
    turn = rng.uniform(0, 2 * np.pi)
    dec = plate_dec + offset * np.sin(turn)
    bundle = GRIDS[name.ifudesign // 100][1]
    primary = rng.random() < 0.63
    axis_ratio = float(np.sqrt(rng.uniform(0.35 if old else 0.15, 1.0) ** 2 * 0.97 + 0.03))
    return Nature(
        seed=seed,
        plateifu=str(name),
        plate=name.plate,
        ifudesign=name.ifudesign,
        mangaid=f"1-{name.plate * 1000 + name.ifudesign // 100 + name.ifudesign % 100}",
        kind=kind,
        ra_deg=float(plate_ra + offset * np.cos(turn) / np.cos(np.radians(dec))),
        dec_deg=float(dec),
        plate_ra_deg=float(plate_ra),
        plate_dec_deg=plate_dec,
        redshift=redshift,
        log_mass=log_mass,
        radius_arcsec=float(bundle / (1.6 if primary else 2.6) * rng.uniform(0.85, 1.1)),
        axis_ratio=min(axis_ratio, 1.0),
        position_angle_deg=float(rng.uniform(0, 180)),
        bulge=float(rng.uniform(0.25, 0.7) if old else rng.uniform(0.0, 0.35)),
        flux=float(10 ** rng.normal(0.28, 0.2)),
        age=float(rng.uniform(0.5, 0.78)),
        activity=float(rng.lognormal(0.0, 0.4)),
        metallicity=float(8.45 + 0.28 * (log_mass - 9.2) - 0.06 * max(0.0, log_mass - 10.2) + rng.normal(0, 0.05)),
        ebv_gas=float(np.clip(rng.lognormal(-1.4, 0.5), 0.02, 0.9)),
        ebv_galactic=float(rng.lognormal(-3.6, 0.6)),
        speed_km_s=float(10 ** (2.28 + 0.26 * (log_mass - 10.5) + rng.normal(0, 0.06))),
        sigma_km_s=float(10 ** (2.15 + 0.28 * (log_mass - 10.6) + rng.normal(0, 0.05))),
        target_bits=(1 << 10) if primary else (1 << 11),
        forestar=bool(rng.random() < 0.15),
        dead_fiber=bool(rng.random() < 0.2),
        drp_quality=256 if rng.random() < 0.02 else 0,
        mjd=mjd,
    )


def model(seed: int, plateifu: str, release: str = "DR17") -> SimulatedGalaxy:
    """Make the galaxy of that name: the same for the same seed, whichever others are made.

    The arrays have the shapes, types, units and mask bits of a release's MAPS file (DR17: 63 image HDUs; DR15: 47).
    Raises InputError for a malformed name, an unknown bundle size or an unknown release.

    >>> galaxy = model(1, "8485-1901")
    >>> galaxy.arrays["EMLINE_GFLUX"].shape
    (35, 34, 34)
    """
    listing = datamodel.hdus(release)
    whole = release == "DR17"
    of = nature(seed, plateifu)
    rng = np.random.Generator(np.random.SFC64([seed, of.plate, of.ifudesign, 1]))
    side = GRIDS[of.fibres][0]
    sky = _Sky(of, side)
    light = _light(of, sky)
    covered, base = _footprint(rng, of, sky, light)
    flux_error = np.sqrt(1.0 / 8500.0 * (1.0 + 2.5 * sky.edge**2) + 4.4e-4 * light)
    measured = np.where(covered, light + flux_error * rng.standard_normal(light.shape, dtype="f4"), 0).astype("f4")
    snr = np.where(covered, np.maximum(light / flux_error, 0.05) * (1 + 0.02 * sky.texture[0]), 0).astype("f4")
    use = np.flatnonzero((base == 0) & (snr >= 1.0))
    base[(base == 0) & (snr < 1.0)] = NOVALUE | DONOTUSE

    n = use.size
    radius = sky.radius[use] / np.float32(of.radius_arcsec)
    bins, first, seeds = _bins(rng, sky.x[use], sky.y[use], snr[use])
    size = np.bincount(bins).astype("f4")

    def binned(values: Array) -> Floats:
        means: Floats = (np.bincount(bins, weights=values) / size).astype("f4")
        return means[bins]

    # Neighbouring spaxels share light: binning n of them gains less than sqrt(n) (Law et al. 2016, AJ 152, 83).
    gain = size / (1.0 + 1.62 * np.log10(size))
    bin_flux = binned(measured[use])
    bin_noise = binned(flux_error[use]) / np.sqrt(gain)[bins]
    bin_snr = (binned(snr[use]) * np.sqrt(gain)[bins]).astype("f4")

    young, nuclear, hot = (of.activity * width_angstrom for width_angstrom in KINDS[of.kind][1:])
    inner = of.bulge * np.exp(-radius / 0.35)
    clumps = np.exp(0.45 * sky.texture[1][use])
    sources = LineSources(
        young=(young * (1.0 - inner) * (0.6 + 0.45 * radius) * clumps).astype("f4"),
        nucleus=(nuclear * np.exp(-radius / 0.45)).astype("f4"),
        old=(hot * (1.0 + 0.15 * sky.texture[2][use])).astype("f4"),
        metallicity=(of.metallicity - 0.08 * (radius - 1.0) + 0.03 * sky.texture[2][use]).astype("f4"),
        ebv=(of.ebv_gas * np.exp(-0.35 * radius) * (1.0 + 0.2 * sky.texture[1][use])).astype("f4"),
        age=np.zeros(n, "f4"),
        flux=light[use],
        noise=flux_error[use].astype("f4"),
        velocity_km_s=sky.velocity[use],
        sigma_km_s=(25.0 + (0.35 + 0.035 * sky.texture[0][use]) * of.sigma_km_s * np.exp(-radius / 0.5)).astype("f4"),
        tilt=(sky.x[use] / sky.x.max() + 0.05 * sky.texture[0][use]).astype("f4"),
    )
    aged = of.age * (1.0 / (1.0 + sources.young / 6.0) + 0.15 * inner) + 0.02 * sky.texture[2][use]
    sources.age[:] = np.clip(aged, 0.02, 1.0)
    measurements = emission_lines(rng, datamodel.lines(release), sources, of.redshift)
    measurements |= index_measurements(
        rng, sources.age, sources.metallicity, snr[use], light[use], sources.sigma_km_s, of.redshift, whole=whole
    )
    measurements |= _stellar(
        rng, of, binned(0.93 * sky.velocity[use]), binned(radius), bin_snr, bin_noise, bins, whole=whole
    )
    measurements["EMLINE_FOM"] = _merit(rng, snr[use], flux_error[use])

    binid, without = _bin_ids(rng, bins, first, sky, use)
    arrays = {
        "SPX_SKYCOO": np.stack([-sky.x, sky.y]).astype("f4"),
        "SPX_ELLCOO": sky.elliptical(sky.radius, sky.azimuth, whole),
        "SPX_MFLUX": measured,
        "SPX_MFLUX_IVAR": np.where(covered, flux_error**-2.0, 0).astype("f4"),
        "SPX_SNR": snr,
    }
    measurements |= {
        "BINID": binid,
        "BIN_LWSKYCOO": np.stack([binned(-sky.x[use]), binned(sky.y[use])]),
        "BIN_LWELLCOO": sky.elliptical(binned(sky.radius[use]), sky.azimuth[use][seeds][bins], whole),
        "BIN_AREA": (size * SPAXEL_ARCSEC**2).astype("f4")[bins],
        "BIN_FAREA": np.ones(n, "f4"),
        "BIN_MFLUX": bin_flux,
        "BIN_MFLUX_IVAR": (bin_noise**-2.0).astype("f4"),
        "BIN_MFLUX_MASK": np.zeros(n, "i4"),
        "BIN_SNR": bin_snr,
    }
    for hdu in listing:
        grid = arrays.get(hdu.name)
        if grid is None:
            grid = _on_grid(hdu, measurements[hdu.name], use, base, without)
        arrays[hdu.name] = grid.reshape(hdu.shape(side, side))
    return SimulatedGalaxy(of, release, {hdu.name: arrays[hdu.name] for hdu in listing})


class _Sky:
    """The grid's spaxels on the sky and in the galaxy's plane; every array is flat, of side * side float32."""

    def __init__(self, of: Nature, side: int) -> None:
        at = (np.arange(side, dtype="f4") - side // 2) * SPAXEL_ARCSEC + np.float32(0.0035)
        north, west = np.meshgrid(at, at, indexing="ij")
        self.x: Floats = west.ravel().astype("f4")
        self.y: Floats = north.ravel().astype("f4")
        angle = np.radians(of.position_angle_deg)
        # Position angle from north through east; east is towards smaller x.
        along = self.y * np.cos(angle) - self.x * np.sin(angle)
        across = (self.y * np.sin(angle) + self.x * np.cos(angle)) / of.axis_ratio
        self.radius = np.hypot(along, across).astype("f4")
        self.azimuth = np.degrees(np.arctan2(across, along) % (2 * np.pi)).astype("f4")
        corner = GRIDS[of.fibres][1]
        turns = np.radians([0.0, 60.0, 120.0])
        flat = np.abs(self.x[:, None] * np.sin(turns) + self.y[:, None] * np.cos(turns)).max(axis=1)
        self.corner = (flat / np.cos(np.radians(30.0))).astype("f4")
        self.edge = np.clip((self.corner - corner + 2.0) / 2.5, 0, 1).astype("f4")
        inclination = np.arccos(np.sqrt(max((of.axis_ratio**2 - 0.03) / 0.97, 0.0)))
        curve = 2 / np.pi * np.arctan(self.radius / (0.25 * of.radius_arcsec))
        spin = np.cos(np.radians(self.azimuth)) * np.sin(inclination)
        self.velocity = (of.speed_km_s * curve * spin).astype("f4")
        self.kpc_per_arcsec = 2997.92 * of.redshift * (1 - 0.75 * of.redshift) * 1e3 * np.radians(1 / 3600)
        self.effective = of.radius_arcsec
        self.texture = _texture(np.random.default_rng([of.seed, of.plate, of.ifudesign, 2]), self)

    def elliptical(self, radius: Floats, azimuth_deg: Floats, whole: bool) -> Floats:
        """Stack the channels of *_ELLCOO: radius [arcsec], R/Re, (DR17: R [kpc/h]), azimuth [deg]."""
        physical = [radius * self.kpc_per_arcsec] if whole else []
        return np.stack([radius, radius / self.effective, *physical, azimuth_deg]).astype("f4")


def _texture(rng: np.random.Generator, sky: _Sky) -> Floats:
    """Three smooth random fields of unit variance over the grid (sums of waves): clumps, arms, patches."""
    waves = 14
    direction = rng.uniform(0, np.pi, (3, waves, 1))
    length = rng.uniform(2.5, 9.0, (3, waves, 1))
    phase = rng.uniform(0, 2 * np.pi, (3, waves, 1))
    along = sky.x * np.cos(direction) + sky.y * np.sin(direction)
    field: Floats = (np.cos(2 * np.pi * along / length + phase).sum(axis=1) * np.sqrt(2 / waves)).astype("f4")
    return field


def _light(of: Nature, sky: _Sky) -> Floats:
    """Return the g-band flux density of each spaxel: disc, bulge and a round halo, softened by the seeing."""
    radius = np.hypot(sky.radius, 0.9) / of.radius_arcsec
    disc = (1 - of.bulge) * np.exp(-1.68 * radius) * np.exp(0.12 * sky.texture[1])
    bulge = of.bulge * 1.8 * np.exp(-radius / 0.28)
    halo = 0.05 * np.exp(-np.hypot(sky.x, sky.y) / of.radius_arcsec)
    light: Floats = (of.flux * (disc + bulge + halo)).astype("f4")
    return light


def _footprint(rng: np.random.Generator, of: Nature, sky: _Sky, light: Floats) -> tuple[Array, Array]:
    """Return which spaxels have a flux (bool), and the mask of those without measurements (0: measured), both flat."""
    corner = GRIDS[of.fibres][1]
    ragged = sky.corner + 0.35 * rng.standard_normal(sky.corner.shape, dtype="f4")
    full = ragged < corner + 0.25
    edge = ~full & (ragged < corner + 0.75)
    some = sky.corner + 0.25 * rng.standard_normal(sky.corner.shape) < corner + 1.7
    mask = np.where(full, 0, np.where(edge, NOVALUE | DONOTUSE, LOWCOV | DONOTUSE)).astype("i4")
    mask[~some & ~full & ~edge] = NOCOV | LOWCOV | DONOTUSE
    covered = full | (edge & (rng.random(full.shape) < 0.8))
    for happened, bit, size in ((of.dead_fiber, DEADFIBER, 1.2), (of.forestar, FORESTAR, rng.uniform(1.5, 3.0))):
        place = rng.uniform(0.35, 0.8) * corner
        turn = rng.uniform(0, 2 * np.pi)
        if happened:
            hit = np.hypot(sky.x - place * np.cos(turn), sky.y - place * np.sin(turn)) < size
            mask[hit & covered] = LOWCOV | bit | DONOTUSE
            covered &= ~hit
    return covered & (light > 0), mask


def _bins(rng: np.random.Generator, x: Floats, y: Floats, snr: Floats) -> tuple[Array, Array, Array]:
    """Group n spaxels into bins of S/N about 10: the bin of each, the first spaxel of each bin, and each bin's seed.

    A spaxel of S/N >= 10 is a bin of its own. Among the others seeds are drawn the denser the higher the S/N, and every
    spaxel goes to the nearest one: Voronoi cells, as the pipeline's, without its iterations.
    """
    need = np.clip((10.0 / snr) ** 2 * 1.2, 1.0, 80.0)
    chosen = (snr >= 10.0) | (rng.random(snr.size) < 1.0 / need)
    if snr.size and not chosen.any():
        chosen[np.argmax(snr)] = True
    seeds = np.flatnonzero(chosen)
    seeds = seeds[np.argsort(-snr[seeds], kind="stable")]
    points = np.stack([x, y], axis=1)
    distance = (points[seeds] ** 2).sum(axis=1) - 2 * points @ points[seeds].T
    bins = distance.argmin(axis=1) if snr.size else np.zeros(0, "i8")
    bins[seeds] = np.arange(seeds.size)
    _, first = np.unique(bins, return_index=True)
    return bins, first, seeds


def _bin_ids(
    rng: np.random.Generator, bins: Array, first: Array, sky: _Sky, use: Array
) -> tuple[Array, dict[str, Array]]:
    """Return the five BINID channels, shape (5, n), and which spaxels each analysis has not: hdu prefix -> bool (n,).

    Stars are fitted per bin, lines and indices per spaxel. In half of the galaxies some spaxels fail in one analysis
    only, so that the channels differ.
    """
    n = bins.size
    column_first = np.argsort(np.lexsort((sky.y[use], sky.x[use])))  # spaxels count along y first, as in the real files
    ids = np.stack([bins, bins, column_first, column_first, column_first]).astype("i4")
    partial = rng.random() < 0.5
    rates = (0.006, 0.004, 0.006, 0.004) if partial else (0.0, 0.0, 0.0, 0.0)
    lost_bins = rng.random(first.size) < rates[0]
    lost = [lost_bins[bins] if n else np.zeros(0, bool), *(rng.random(n) < rate for rate in rates[1:])]
    for channel, where in enumerate(lost, start=1):
        ids[channel, where] = -1
    stellar, moments, lines, indices = lost
    without = {
        "STELLAR_": stellar,
        "EMLINE_S": moments,
        "EMLINE_": lines,
        "SPECINDEX": indices,
    }
    return ids, without


def _stellar(
    rng: np.random.Generator,
    of: Nature,
    velocity_km_s: Floats,
    radius: Floats,
    snr: Floats,
    noise: Floats,
    bins: Array,
    *,
    whole: bool,
) -> dict[str, Array]:
    """Return the STELLAR_* measurements, the same for all spaxels of a bin, of shape (n,) or (channels, n)."""
    count = int(bins.max(initial=-1)) + 1

    def normal() -> Floats:
        return rng.standard_normal(count, dtype="f4")[bins]

    velocity_error = 65.0 / snr + 0.5
    sigma_error = 100.0 / snr + 0.8
    sigma = of.sigma_km_s * (0.45 + 0.55 * np.exp(-radius / 0.8))
    measured = sigma + sigma_error * normal()
    failed = (rng.random(count) < 0.003)[bins]
    at_bound = ~failed & (measured < 8.0)
    measured = np.maximum(measured, 8.0 + np.abs(normal()))
    mask = np.where(failed, FITFAILED | DONOTUSE, 0).astype("i4")
    sigma_mask = np.where(at_bound, NEARBOUND | DONOTUSE, mask).astype("i4")
    correction = 38.0 + 2.0 * normal()
    merit = _merit(rng, snr, noise, bins)
    maps = {
        "STELLAR_VEL": velocity_km_s + velocity_error * normal(),
        "STELLAR_VEL_IVAR": velocity_error**-2.0,
        "STELLAR_SIGMA": measured,
        "STELLAR_SIGMA_IVAR": sigma_error**-2.0,
        "STELLAR_SIGMACORR": np.stack([correction, correction + 4.0 * normal()]) if whole else correction,
        "STELLAR_FOM": merit,
        "STELLAR_CONT_FRESID": merit[[3, 4]],
        "STELLAR_CONT_RCHI2": merit[2],
    }
    for values in maps.values():
        values[..., failed] = 0
    return {name: values.astype("f4") for name, values in maps.items()} | {
        "STELLAR_VEL_MASK": mask,
        "STELLAR_SIGMA_MASK": sigma_mask,
    }


def _merit(rng: np.random.Generator, snr: Floats, noise: Floats, bins: Array | None = None) -> Floats:
    """Return the nine figures of merit of a fit, shape (9, n): rms, fractional rms, chi2, percentiles of residuals."""
    count = snr.size if bins is None else int(bins.max(initial=-1)) + 1
    draw = rng.standard_normal((9, count), dtype="f4")
    if bins is not None:
        draw = draw[:, bins]
    scatter = 1.0 + 0.08 * draw
    level = np.stack([noise, 1.0 / snr, 1.1 + 0.003 * snr, 0.95 / snr, 5.5 / snr, 12.0 / snr])
    chi = np.array([[1.03], [2.75], [5.5]]) + 0 * snr
    merit: Floats = (np.concatenate([level, chi]) * np.abs(scatter)).astype("f4")
    return merit


def _on_grid(hdu: datamodel.Hdu, values: Array, use: Array, base: Array, without: dict[str, Array]) -> Array:
    """Spread the measurements of the used spaxels over the grid; the others are 0, -1 (BINID) or the base mask."""
    channels = max(len(hdu.channels), 1)
    values = values.reshape(channels, use.size)
    if hdu.name == "BINID":
        grid = np.full((channels, base.size), -1, dtype="i4")
    elif hdu.dtype == "int32":
        grid = np.broadcast_to(base, (channels, base.size)).copy()
    else:
        grid = np.zeros((channels, base.size), dtype="f4")
    grid[:, use] = values
    for prefix, lost in without.items():
        if hdu.name.startswith(prefix) and lost.any():
            grid[:, use[lost]] = NOVALUE | DONOTUSE if hdu.dtype == "int32" else 0
            break
    return grid
