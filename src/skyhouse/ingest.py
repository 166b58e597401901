"""Raw survey files into the tables of a lake.

An ingest is a list of independent tasks over files. Each task converts its files and writes whole Parquet files for
every table; the caller's process commits them as tasks complete, one table after the other: the parts of a wide table
before the table itself, so that whoever reads it always finds its rows whole. A crash leaves files that no log names.
What is in a table already, by the lineage in its files, is not done again.
"""

from __future__ import annotations

import glob
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.columns import Column
from skyhouse.engine.base import Outcome, TaskRunner
from skyhouse.errors import CommitConflict, DuplicateSource, FormatError, InputError, LakeError
from skyhouse.lake.arrivals import commit_sources, delete, without_sources
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.layout import group_sources
from skyhouse.lake.lineage import Source, sources
from skyhouse.lake.registry import Registry
from skyhouse.lake.replace import vacuum
from skyhouse.lake.table import Table
from skyhouse.lake.writer import TableWriter, WrittenFile
from skyhouse.surveys.base import Survey

__all__ = ["Failure", "IngestReport", "Progress", "ingest"]

_TASK_BYTES = 160_000_000  # of raw files: about one row group of a wide table
_COMMIT_TRIES = 100
_ORPHAN_HOURS = 7 * 24  # no ingest, and no query on files since replaced, lasts so long


@dataclass(frozen=True)
class Failure:
    """A raw file that could not be ingested, and why: the class of the error, the HDU where one is at fault."""

    key: str
    path: str
    error: str
    hdu: str
    reason: str


@dataclass
class Progress:
    """How far an ingest is: raw files and bytes, rows of the longest table, seconds since it began."""

    files: int = 0
    files_done: int = 0
    bytes_total: int = 0
    bytes_read: int = 0
    rows: int = 0
    failures: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did: counts of raw files, rows of the longest table, what failed and why."""

    found: int
    ingested: int
    replaced: int
    unchanged: int
    rows: int
    bytes_read: int
    seconds: float
    failures: tuple[Failure, ...] = ()

    @property
    def ok(self) -> bool:
        """True where no file failed."""
        return not self.failures

    def __str__(self) -> str:
        files = "1 file" if self.ingested == 1 else f"{self.ingested} files"
        text = f"{files} ingested ({self.rows:,} rows), {self.unchanged} unchanged"
        if self.replaced:
            text += f", {self.replaced} replaced"
        return f"{text}, {len(self.failures)} failed, {self.seconds:.1f} s"


@dataclass(frozen=True)
class _Task:
    """Sources, and the tables that lack their rows (name -> folder)."""

    survey: Survey
    folders: Mapping[str, str]
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class _Made:
    files: Mapping[str, list[WrittenFile]]
    failures: tuple[Failure, ...]


@dataclass
class _Plan:
    """What is to do: sources by the tables that lack them, and the older sources, by key, whose rows have to go."""

    missing: dict[tuple[str, ...], list[Source]] = field(default_factory=lambda: defaultdict(list))
    replaced: dict[str, set[Source]] = field(default_factory=dict)
    unchanged: int = 0
    failures: list[Failure] = field(default_factory=list)


def ingest(
    registry: Registry,
    survey: Survey,
    paths: Iterable[str],
    runner: TaskRunner,
    *,
    replace: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> IngestReport:
    """Ingest raw files, by patterns (`**` is any depth) or paths, into the survey's tables.

    A file that is new or changed (size or time of the same file) is ingested, all others are left alone, also where
    they have been moved. The same unit from another file is a failure unless `replace`, by which moved files are
    ingested again too. What fails is kept in ``<survey>.failures`` and in the report, and stops nothing. Raises
    InputError where no file matches, and for a folder.

    Parquet files that no log names, left by a crash or replaced, are deleted when they are a week old.
    """
    began = time.perf_counter()
    found = _find(paths)
    tables = {name: registry.create(_ours(made), exist_ok=True) for name, made in survey.definitions.items()}
    for table in tables.values():
        if (made_by := table.definition.properties.get("made_by", "ingest")) != "ingest":
            raise InputError(f"table {table.name} was made by {made_by}, not by ingest; drop it first")
    plan = _plan(tables, survey, found, replace=replace)
    todo = {source.key: source for group in plan.missing.values() for source in group}
    failures = list(plan.failures)
    state = Progress(
        files=len(todo) + len(failures),
        files_done=len(failures),
        bytes_total=sum(source.size for source in todo.values()),
        failures=len(failures),
    )
    rows: dict[str, int] = defaultdict(int)
    for outcome in _outcomes(runner, _tasks(tables, survey, plan)):
        task = outcome.task
        if outcome.value is None:
            failures += [_failure(source.key, source.path, outcome.error) for source in task.sources]
        else:
            failures += outcome.value.failures
            lost = _commit_all(tables, outcome.value, plan.replaced)
            failures += lost
            gone = {failure.key for failure in lost}
            for name, files in outcome.value.files.items():
                rows[name] += sum(span.rows for file in files for span in file.spans if span.source.key not in gone)
        state.files_done += len(task.sources)
        state.bytes_read += sum(source.size for source in task.sources)
        state.rows = max(rows.values(), default=0)
        state.failures = len(failures)
        state.seconds = time.perf_counter() - began
        if progress is not None:
            progress(state)
    _keep_failures(registry, survey, failures, found)
    if todo:
        for table in (*tables.values(), registry.table(f"{survey.name}.failures")):
            vacuum(table, _ORPHAN_HOURS)
    failed = {failure.path for failure in failures}
    done = [source for source in todo.values() if source.path not in failed]
    return IngestReport(
        found=len(found),
        ingested=len(done),
        replaced=sum(source.key in plan.replaced for source in done),
        unchanged=plan.unchanged,
        rows=state.rows,
        bytes_read=sum(source.size for source in done),
        seconds=time.perf_counter() - began,
        failures=tuple(failures),
    )


def _find(paths: Iterable[str]) -> list[str]:
    patterns = list(paths)
    found: dict[str, None] = {}
    for pattern in patterns:
        # A name may hold what would be a pattern's: [, ? or *.
        exact = not glob.has_magic(pattern) or os.path.lexists(pattern)
        matches = [pattern] if exact else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        files = [path for path in matches if not Path(path).is_dir()]
        if exact and not files:
            raise InputError(f"{pattern} is a folder; name the files in it, as '{pattern}/**/*.fits*'")
        found |= dict.fromkeys(str(Path(path).absolute()) for path in files)
    if not patterns:
        raise InputError("nothing to ingest: no path and no pattern was given")
    if not found:
        raise InputError(f"no file matches {', '.join(patterns)}; quote a pattern that has ** in it")
    return list(found)


def _plan(tables: Mapping[str, Table], survey: Survey, paths: Iterable[str], *, replace: bool) -> _Plan:
    plan = _Plan()
    held = {name: sources(table) for name, table in tables.items()}
    seen: dict[str, str] = {}
    for path in paths:
        key = ""
        try:
            key = survey.identify(path)
            facts = Path(path).stat()
        except FileNotFoundError:
            plan.failures.append(_failure(key, path, FormatError(path, "no such file; check the path")))
            continue
        except (FormatError, OSError) as error:
            plan.failures.append(_failure(key, path, error))
            continue
        source = Source(key, path, facts.st_size, facts.st_mtime_ns)
        names = survey.tables_of(path)
        older = [held[name][key] for name in names if key in held[name]]
        first = seen.setdefault(key, path)
        if first != path and _one_file(first, path):
            plan.unchanged += 1
            continue
        other = first if first != path else next((old.path for old in older if not _same_file(old, source)), path)
        if other != path and not (replace and first == path):
            plan.failures.append(_failure(key, path, _duplicate(key, other)))
            continue
        missing = tuple(name for name in names if not _unchanged(held[name].get(key), source, replace=replace))
        if not missing:
            plan.unchanged += 1
            continue
        plan.missing[missing].append(source)
        if gone := {old for old in older if not _unchanged(old, source, replace=replace)}:
            plan.replaced[key] = gone
    return plan


def _one_file(path: str, other: str) -> bool:
    """Whether two paths lead to one file, by links, say."""
    try:
        return path == other or os.path.samefile(path, other)  # noqa: PTH121 - no Path is needed for it
    except OSError:
        return False


def _same_file(old: Source, new: Source) -> bool:
    """Whether a source is the file that it was, changed or not, or that file moved elsewhere."""
    if _one_file(old.path, new.path):
        return True
    return (old.size, old.mtime_ns) == (new.size, new.mtime_ns) and not Path(old.path).exists()


def _unchanged(old: Source | None, new: Source, *, replace: bool) -> bool:
    if old is None or (replace and old.path != new.path):
        return False
    return _same_file(old, new) and (old.size, old.mtime_ns) == (new.size, new.mtime_ns)


def _duplicate(key: str, other: str) -> DuplicateSource:
    return DuplicateSource(f"{key} is there already, from {other}; --replace puts this copy in its place")


def _tasks(tables: Mapping[str, Table], survey: Survey, plan: _Plan) -> Iterator[_Task]:
    """Share the sources out, in the order of their keys, so that the rows of every file are in order."""
    total = sum(source.size for group in plan.missing.values() for source in group)
    target = max(1, min(_TASK_BYTES, total // (4 * (os.cpu_count() or 1))))
    for names, group in plan.missing.items():
        folders = {name: str(tables[name].path) for name in names}
        ordered = sorted(group, key=lambda source: source.key)
        for part in group_sources([source.size for source in ordered], target):
            yield _Task(survey, folders, tuple(ordered[part]))


def _outcomes(runner: TaskRunner, tasks: Iterator[_Task]) -> Iterator[Outcome[_Task, _Made]]:
    """Run the tasks; one that fails as a whole is run again file by file, so that only the file at fault fails."""
    divided: list[_Task] = []
    for outcome in runner.run(_convert, tasks):
        sources = outcome.task.sources
        if outcome.value is None and len(sources) > 1 and not isinstance(outcome.error, LakeError):
            divided += [changed(outcome.task, sources=(source,)) for source in sources]
        else:
            yield outcome
    if divided:
        yield from runner.run(_convert, divided)


def _convert(task: _Task) -> _Made:
    """Turn a task's files into Parquet files of each table; runs in a worker."""
    definitions = task.survey.definitions
    writers = {name: TableWriter(definitions[name], folder) for name, folder in task.folders.items()}
    failures = []
    try:
        for source in task.sources:
            try:
                converted = task.survey.convert(source.path)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one file is that file's failure
                failures.append(_failure(source.key, source.path, error))
                continue
            for name, writer in writers.items():
                writer.write(converted[name], source)
        return _Made({name: writer.close() for name, writer in writers.items()}, tuple(failures))
    except BaseException:
        for writer in writers.values():
            writer.abort()
        raise


def _commit_all(tables: Mapping[str, Table], made: _Made, replaced: Mapping[str, set[Source]]) -> list[Failure]:
    """Commit a task's files, the parts of a wide table before the table itself.

    Tables have no commit in common. So that they agree when another ingest commits the same units at the same time,
    made from other files, who is first in the first table is so in all. The units that are lost are returned.
    """
    lost: dict[str, tuple[Source, Source]] = {}
    for name in sorted(made.files, key=lambda name: not tables[name].definition.part_of):
        files = without_sources(tables[name], made.files[name], lost.keys())
        lost |= commit_sources(tables[name], files, replaced, {"task": "ingest"})
    pairs = [(ours, theirs) for ours, theirs in lost.values() if not _same_file(theirs, ours)]
    return [_failure(ours.key, ours.path, _duplicate(ours.key, theirs.path)) for ours, theirs in pairs]


def _failure(key: str, path: str, error: BaseException | None) -> Failure:
    hdu = getattr(error, "hdu", None)
    reason = str(error) or repr(error)
    if path not in reason:
        reason = f"{path}: {reason}"
    return Failure(key, path, type(error).__name__, "" if hdu is None else str(hdu), reason)


def _ours(definition: Definition) -> Definition:
    """Note who made a table, so that no statement changes it by mistake."""
    return changed(definition, properties={**definition.properties, "made_by": "ingest"})


def _failures_definition(survey: Survey) -> Definition:
    return Definition(
        name=f"{survey.name}.failures",
        columns=(
            Column("path", "string", description="the raw file"),
            Column("key", "string", description="the unit that its name says it holds; empty where it says none"),
            Column("error", "string", description="the class of the error"),
            Column("hdu", "string", description="the HDU at fault; empty where the whole file is"),
            Column("reason", "string", description="what is wrong, and the mend"),
            Column("failed_at", "timestamp", description="when it was tried last, UTC"),
        ),
        key=("path",),
        sort=("path",),
        description="Raw files that could not be ingested; a row goes when its file is in the tables after all.",
    )


def _keep_failures(registry: Registry, survey: Survey, failures: list[Failure], found: Iterable[str]) -> None:
    """Bring the table of failures up to date: rows of files that were looked at now go, those that failed come."""
    table = registry.create(_ours(_failures_definition(survey)), exist_ok=True)
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    latest = {f.path: {**f.__dict__, "failed_at": now} for f in failures}
    seen = frozenset(found)
    for _ in range(_COMMIT_TRIES):
        version = table.refresh().version
        before = {row["path"]: row for file in table.files() for row in pq.read_table(file.path).to_pylist()}
        after = {path: row for path, row in before.items() if path not in seen} | latest
        if not latest and after == before:
            return
        writer = TableWriter(table.definition, table.path)
        ordered = [after[path] for path in sorted(after)]
        writer.write(pa.Table.from_pylist(ordered, schema=table.definition.schema), Source("failures"))
        files = writer.close()
        try:
            commit(table, files, table.files(), expect=version, note={"task": "failures"})
        except CommitConflict:
            delete(table, files)
            continue
        return
    raise CommitConflict(
        f"table {table.name}: other writers were faster {_COMMIT_TRIES} times in a row; try again later"
    )
