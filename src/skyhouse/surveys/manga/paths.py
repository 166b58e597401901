"""Where the files of MaNGA lie on the SDSS Science Archive Server, and what their names say.

The path rules are those of the public SDSS data model (species mangaMaps, mangaModelCube, mangaCube, mangaDRPall,
mangaDAPall). Every path here is relative to the archive's root folder ("sas"), with forward slashes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from skyhouse.errors import FormatError, InputError, did_you_mean

__all__ = [
    "KINDS",
    "RELEASES",
    "MapsName",
    "PlateIfu",
    "Release",
    "archive_path",
    "dapall_path",
    "drpall_path",
    "maps_path",
    "parse_maps_name",
    "parse_plateifu",
    "release_named",
]


@dataclass(frozen=True, slots=True)
class Release:
    """One public data release: the versions of its two pipelines and the analyses (DAPTYPE) it holds.

    `drpver` is of the data reduction pipeline, `dapver` of the data analysis pipeline. The first of `daptypes` is
    the one to take where no other is asked for.
    """

    name: str
    drpver: str
    dapver: str
    daptypes: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The release's folder under the archive's root: "dr17/manga/spectro"."""
        return f"{self.name.lower()}/manga/spectro"

    @property
    def redux(self) -> str:
        """The folder of reduced spectra, of this release's pipeline version."""
        return f"{self.folder}/redux/{self.drpver}"

    @property
    def analysis(self) -> str:
        """The folder of derived maps, of this release's pipeline versions."""
        return f"{self.folder}/analysis/{self.drpver}/{self.dapver}"


_GAU = ("HYB10-GAU-MILESHC", "VOR10-GAU-MILESHC")
RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "DR15": Release("DR15", "v2_4_3", "2.2.1", _GAU),
        "DR16": Release("DR16", "v2_4_3", "2.2.1", _GAU),
        "DR17": Release(
            "DR17",
            "v3_1_1",
            "3.1.0",
            (
                "HYB10-MILESHC-MASTARSSP",
                "VOR10-MILESHC-MASTARSSP",
                "SPX-MILESHC-MASTARSSP",
                "HYB10-MILESHC-MASTARHC2",
            ),
        ),
    }
)

KINDS = ("MAPS", "MODELCUBE", "LOGCUBE", "DRPALL", "DAPALL")

_PLATEIFU = re.compile(r"(\d{4,5})-(\d{3,5})")
_MAPS_NAME = re.compile(r"manga-(\d{4,5}-\d{3,5})-MAPS-([A-Z0-9]+(?:-[A-Z0-9]+)*)\.fits(?:\.gz)?")


@dataclass(frozen=True, slots=True)
class PlateIfu:
    """A MaNGA observation: its plate and its integral-field unit design ("8485-1901")."""

    plate: int
    ifudesign: int

    def __str__(self) -> str:
        return f"{self.plate}-{self.ifudesign}"


@dataclass(frozen=True, slots=True)
class MapsName:
    """What the name of a MAPS file says."""

    plateifu: PlateIfu
    daptype: str


def parse_plateifu(text: str) -> PlateIfu:
    """Return the plate and IFU design of a plate-IFU name.

    Raises InputError for any other text.

    >>> parse_plateifu("8485-1901")
    PlateIfu(plate=8485, ifudesign=1901)
    """
    found = _PLATEIFU.fullmatch(text.strip())
    if not found:
        raise InputError(f"{text!r} is no plate-IFU name; one looks like '8485-1901' (plate, dash, IFU design)")
    return PlateIfu(int(found[1]), int(found[2]))


def parse_maps_name(path: str) -> MapsName:
    """Return what the name of a MAPS file says; its folders do not matter.

    Raises FormatError for a name that is none of a MAPS file.

    >>> parse_maps_name("any/where/manga-8485-1901-MAPS-HYB10-MILESHC-MASTARSSP.fits.gz").daptype
    'HYB10-MILESHC-MASTARSSP'
    """
    found = _MAPS_NAME.fullmatch(re.split(r"[/\\]", path)[-1])
    if not found:
        problem = "not the name of a MAPS file; one looks like manga-8485-1901-MAPS-HYB10-MILESHC-MASTARSSP.fits.gz"
        raise FormatError(path, problem)
    return MapsName(parse_plateifu(found[1]), found[2])


def release_named(name: str) -> Release:
    """Return the release of that name, in any case ("DR17", "dr17").

    Raises InputError.

    >>> release_named("dr17").drpver
    'v3_1_1'
    """
    try:
        return RELEASES[name.upper()]
    except KeyError:
        near = did_you_mean(name, RELEASES)
        raise InputError(f"no MaNGA release {name!r}{near}; the releases are {', '.join(RELEASES)}") from None


def _daptype(release: Release, daptype: str | None) -> str:
    if daptype is None:
        return release.daptypes[0]
    if daptype.upper() not in release.daptypes:
        near = did_you_mean(daptype, release.daptypes)
        raise InputError(f"{release.name} has no DAPTYPE {daptype!r}{near}; it has {', '.join(release.daptypes)}")
    return daptype.upper()


def maps_path(plateifu: str, release: str = "DR17", daptype: str | None = None) -> str:
    """Return the archive path of a galaxy's MAPS file; without a `daptype`, of the release's first.

    Raises InputError for a malformed name, an unknown release, or a DAPTYPE that the release has not.

    >>> maps_path("8485-1901", "DR15")
    'dr15/manga/spectro/analysis/v2_4_3/2.2.1/HYB10-GAU-MILESHC/8485/1901/manga-8485-1901-MAPS-HYB10-GAU-MILESHC.fits.gz'
    """
    return archive_path("MAPS", plateifu, release, daptype)


def drpall_path(release: str = "DR17") -> str:
    """Return the archive path of the release's summary of all observations (DRPall).

    >>> drpall_path("DR17")
    'dr17/manga/spectro/redux/v3_1_1/drpall-v3_1_1.fits'
    """
    return archive_path("DRPALL", None, release)


def dapall_path(release: str = "DR17") -> str:
    """Return the archive path of the release's summary of all analyses (DAPall).

    >>> dapall_path("DR17")
    'dr17/manga/spectro/analysis/v3_1_1/3.1.0/dapall-v3_1_1-3.1.0.fits'
    """
    return archive_path("DAPALL", None, release)


def archive_path(kind: str, plateifu: str | None, release: str = "DR17", daptype: str | None = None) -> str:
    """Return the archive path of one file.

    `kind` (any case) is one of `KINDS`: MAPS and MODELCUBE are of an analysis (`daptype`), LOGCUBE is the reduced data
    cube, DRPALL and DAPALL are of the whole release and take no `plateifu`.

    Raises InputError.

    >>> archive_path("LOGCUBE", "8485-1901")
    'dr17/manga/spectro/redux/v3_1_1/8485/stack/manga-8485-1901-LOGCUBE.fits.gz'
    """
    of = release_named(release)
    what = kind.upper()
    if what == "DRPALL":
        return f"{of.redux}/drpall-{of.drpver}.fits"
    if what == "DAPALL":
        return f"{of.analysis}/dapall-{of.drpver}-{of.dapver}.fits"
    if what not in KINDS:
        raise InputError(f"no kind of file {kind!r}{did_you_mean(kind, KINDS)}; the kinds are {', '.join(KINDS)}")
    if plateifu is None:
        raise InputError(f"a {what} file is of one galaxy: give its plate-IFU name, such as '8485-1901'")
    name = parse_plateifu(plateifu)
    if what == "LOGCUBE":
        return f"{of.redux}/{name.plate}/stack/manga-{name}-LOGCUBE.fits.gz"
    analysis = _daptype(of, daptype)
    # The model cube's file is named LOGCUBE too, told from the reduced one by its DAPTYPE.
    label = "LOGCUBE" if what == "MODELCUBE" else "MAPS"
    return f"{of.analysis}/{analysis}/{name.plate}/{name.ifudesign}/manga-{name}-{label}-{analysis}.fits.gz"
