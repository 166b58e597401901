"""ZTF as a survey of the house: its table, and which converter reads which layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.errors import FormatError, InputError
from skyhouse.lake.definition import Definition
from skyhouse.surveys.ztf import axs, detections, irsa
from skyhouse.surveys.ztf.detections import Names
from skyhouse.surveys.ztf.tables import objects_definition

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

    from skyhouse.surveys.base import Lake

__all__ = ["ZTF", "Ztf"]

_ENDINGS = (".parquet", ".pq", ".csv", ".csv.gz")
_HIVE = re.compile(r"[^/\\]+=[^/\\]+")


@dataclass(frozen=True)
class Ztf:
    """The converter of ZTF's light curves.

    `names` are the columns of detections. IRSA's rows are merged within `radius_arcsec`, and with `align` shifted to
    one zero point. For others than the usual: ``lake.ingest(paths, survey=ZTF.reading(mag="m"))``.
    """

    names: Names = field(default_factory=Names)
    radius_arcsec: float = 1.0
    align: bool = False
    name = "ztf"

    def reading(self, **options: Any) -> Ztf:
        """Return the converter with options: columns of detections (`detections.Names`), `radius_arcsec`, `align`.

        Raises InputError for what is no option, and values that cannot be.

        >>> ZTF.reading(object_id="star", mag="psf_mag", radius_arcsec=0.5).names.mag
        'psf_mag'
        """
        names = {name: value for name, value in options.items() if name in Names.__dataclass_fields__}
        rest = {name: value for name, value in options.items() if name not in names}
        for name, value in rest.items():
            kinds: Any = {"radius_arcsec": (int, float), "align": bool}.get(name, ())
            if not isinstance(value, kinds):
                known = ", ".join(Names.__dataclass_fields__)
                problem = "is no option" if not kinds else f"cannot be {value!r}"
                raise InputError(
                    f"{name} {problem}: there are columns ({known}), radius_arcsec (a number), align (bool)"
                )
        for name, value in names.items():
            if not isinstance(value, str):
                raise InputError(f"{name} is a column's name, not {value!r}")
        return replace(self, names=replace(self.names, **names), **rest)

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """The table ztf.objects."""
        return _definitions()

    def identify(self, path: str) -> str:
        """Return the key of the unit that a file holds: its name, and the folders above it that name a partition.

        Raises FormatError for a name that ends in none of .parquet, .pq, .csv and .csv.gz.

        >>> ZTF.identify("hats/ztf/dataset/Norder=5/Dir=0/Npix=1234.parquet")
        'Norder=5/Dir=0/Npix=1234.parquet'
        """
        parts = Path(path).parts
        if not parts[-1].lower().endswith(_ENDINGS):
            raise FormatError(path, f"is none of ZTF's: its name ends in none of {', '.join(_ENDINGS)}")
        first = len(parts) - 1
        while first and _HIVE.fullmatch(parts[first - 1]):
            first -= 1
        return "/".join(parts[first:])

    def tables_of(self, path: str) -> tuple[str, ...]:  # noqa: ARG002 - every file has rows of the one table
        """Return the names of the tables that a file's rows go to."""
        return ("ztf.objects",)

    def convert(self, path: str) -> Mapping[str, pa.Table]:
        """Read one file into rows of ztf.objects, by the layout that its columns tell. Raises FormatError."""
        try:
            return {"ztf.objects": self._convert(path)}
        except FormatError:
            raise
        except InputError as error:
            raise FormatError(path, str(error)) from error
        except (OSError, pa.ArrowException) as error:
            raise FormatError(path, f"cannot be read: {error}") from error

    def _convert(self, path: str) -> pa.Table:
        if ".csv" in Path(path).name.lower():
            return self._detections(path, _csv(path))
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            named = {name.lower(): name for name in schema.names}
            if set(irsa.COLUMNS) <= named.keys() and (curves := irsa.curves_column(schema)):
                rows = file.read([named[name] for name in irsa.COLUMNS] + _leaves(file, curves, irsa.PARTS.values()))
                return irsa.convert(rows, curves, self.radius_arcsec, align=self.align)
            ids = next((named[name] for name in axs.IDS if name in named), None)
            if ids and {"ra", "dec"} <= named.keys() and (bands := axs.curve_columns(schema)):
                chosen = [ids, named["ra"], named["dec"], *(name for columns in bands.values() for name in columns)]
                return axs.convert(file.read(chosen), ids, bands)
            if self.names.missing(schema.names, id_needed=False):
                raise FormatError(path, _unknown(schema.names))
            return self._detections(path, file.read(list(self.names.within(schema.names).values())))

    def _detections(self, path: str, rows: pa.Table) -> pa.Table:
        """Convert detections; a file without ids that is named by a number holds that one object's."""
        stem = Path(path).name.partition(".")[0]
        if self.names.missing(rows.column_names, id_needed=False):
            raise FormatError(path, _unknown(rows.column_names))
        if "object_id" in self.names.within(rows.column_names):
            return detections.convert(rows, self.names)
        if not stem.isdecimal():
            wanted = "name it by ZTF.reading(object_id=...), or the file by the object's number"
            listed = ", ".join(rows.column_names)
            raise FormatError(path, f"no column tells the object's id (there are {listed}); {wanted}")
        return detections.convert(rows, self.names, int(stem))

    def open_raw(self, lake: Lake, row: Any, kind: str = "MAPS") -> HDUList:  # noqa: ARG002 - as surveys have it
        """Raise InputError: light curves have no FITS files behind them."""
        raise InputError("ZTF's light curves come from tables; there is no FITS file behind a row of them")


def _leaves(file: pq.ParquetFile, columns: list[str], fields: Iterable[str]) -> list[str]:
    """Return the paths of the columns' leaves that are needed: a nested column may hold what is not."""
    paths = [file.schema.column(n).path for n in range(len(file.schema))]
    wanted = set(fields)
    return [path for path in paths if path.partition(".")[0] in columns and wanted & set(path.lower().split("."))]


def _csv(path: str) -> pa.Table:
    from skyhouse.formats.csv_reader import CsvFile

    file = CsvFile(Path(path))
    schema = file.schema({})
    return pa.Table.from_batches(file.batches(schema), schema)


def _unknown(columns: list[str]) -> str:
    listed = ", ".join(columns[:40]) + (" ..." if len(columns) > 40 else "")
    return (
        f"has the columns {listed}: none of ZTF's layouts. Looked for: IRSA's ({', '.join(irsa.COLUMNS)} and lists or "
        "a nested column of hmjd, mag, magerr, catflags); AXS's (ps1_objid, ra, dec and lists mjd_g, mag_g, magerr_g, "
        "catflags_g, also of r and i; or nested columns g, r, i); detections (object_id or oid, mjd, mag, magerr, band "
        "or fid; other names by ZTF.reading(mag=...))"
    )


@cache
def _definitions() -> Mapping[str, Definition]:
    return MappingProxyType({"ztf.objects": objects_definition()})


ZTF = Ztf()
