"""Rows of a query that needs more than one table, or all rows at once, laid into files for a run to work on."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from skyhouse.columns import Column, columns_of
from skyhouse.errors import LakeError
from skyhouse.lake.definition import Definition
from skyhouse.lake.layout import PART
from skyhouse.lake.lineage import Source
from skyhouse.lake.registry import STAGED
from skyhouse.lake.writer import TableWriter
from skyhouse.objects.unit import Unit
from skyhouse.objects.units import units_of
from skyhouse.query.relation import Part
from skyhouse.query.statistics import Statistics

if TYPE_CHECKING:
    from skyhouse.query.query import Query

__all__ = ["Staged", "staged"]

_LIST = "units.json"


@dataclass(frozen=True)
class Staged:
    """Files that hold a query's rows, in a hidden folder of the lake, and the units that they make.

    The list of units stays when the files are cleared away, so that a rerun finds that there is nothing left to do.
    """

    folder: Path
    columns: tuple[Column, ...]
    units: tuple[Unit, ...]

    def clear(self) -> None:
        """Delete the files."""
        for path in self.folder.glob(PART):
            path.unlink(missing_ok=True)


def staged(query: Query, versions: str, root: Path, statistics: Statistics, held: Mapping[str, Source]) -> Staged:
    """Return a query's rows in files, which are made where they are not there.

    They are named by query and `versions` of its tables, so that whoever goes on with a run finds them. `held` are the
    units that are done already: where these are all, no file is needed. Raises LakeError, and what the query raises.
    """
    digest = hashlib.blake2b(f"{query.text}\n{versions}".encode(), digest_size=16).hexdigest()
    folder = root / STAGED / digest
    found = _listed(folder, root)
    if found is not None:
        needed = [unit for unit in found.units if held.get(unit.source.key) != unit.source]
        if all(Path(unit.path).exists() for unit in needed):
            return found
    draft = root / STAGED / f".{uuid.uuid4().hex}"
    try:
        draft.mkdir(parents=True)
        columns, files = _written(query.batches(), draft)
        _list(draft, columns, files, lambda name: str(folder / name), statistics, root)
        if found is not None:
            shutil.rmtree(folder)
        draft.rename(folder)
    except OSError as error:
        if not folder.exists() or isinstance(error, LakeError):
            raise LakeError(f"the query's rows cannot be kept in {draft}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    made = _listed(folder, root)
    assert made is not None
    return made


def _written(reader: pa.RecordBatchReader, folder: Path) -> tuple[tuple[Column, ...], list[str]]:
    columns = columns_of(reader.schema)
    with TableWriter(Definition("staged", columns), folder) as writer:
        for batch in reader:
            writer.write(pa.Table.from_batches([batch]), Source("rows"))
        return columns, [file.name for file in writer.close()]


def _list(
    folder: Path,
    columns: tuple[Column, ...],
    files: list[str],
    final: Callable[[str], str],
    statistics: Statistics,
    root: Path,
) -> None:
    """Write down which units the files make, by their names when the folder is at its place."""
    part = Part(columns, tuple(str(folder / name) for name in files))
    units = []
    for unit in units_of(part, [column.name for column in columns], (), statistics, root):
        path = Path(final(Path(unit.path).name))
        place = unit.source.key.rpartition("#")[2]
        source = {"key": f"{path.relative_to(root)}#{place}", "size": unit.source.size, "mtime_ns": 0}
        units.append(asdict(unit) | {"source": source})
    text = json.dumps({"columns": [asdict(column) for column in columns], "units": units})
    (folder / _LIST).write_text(text, encoding="utf-8")


def _listed(folder: Path, root: Path) -> Staged | None:
    try:
        told = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    units = []
    for unit in told["units"]:
        key = unit["source"]["key"]
        source = Source(key, str(root / key.rpartition("#")[0]), unit["source"]["size"], unit["source"]["mtime_ns"])
        units.append(Unit(**(unit | {"source": source})))
    return Staged(folder, tuple(Column(**column) for column in told["columns"]), tuple(units))
