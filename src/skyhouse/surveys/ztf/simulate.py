"""Simulated ZTF: objects of known class and period, straight into a lake's tables or as files of IRSA's layout.

The looks at a field have the survey's seasons, nights, weather and moon (`cadence`), the objects are variables and
constants of known nature (`population`), and errors, wide wings and bad points are as real ones are (`light`). The same
seed gives the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from skyhouse.errors import InputError, LakeError
from skyhouse.lake.draft import Draft
from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter, WrittenFile
from skyhouse.surveys.ztf.blocks import block, blocks_of
from skyhouse.surveys.ztf.population import shares
from skyhouse.surveys.ztf.tables import objects_definition, truth_definition

if TYPE_CHECKING:
    from skyhouse.lake.definition import Definition
    from skyhouse.lake.table import Table
    from skyhouse.surveys.base import Workplace

__all__ = ["simulate"]

_TASK_BLOCKS = 64  # 16,384 objects: some 100 MB of Parquet, half a minute at most between signs of progress


@dataclass(frozen=True)
class _Task:
    """Blocks (number, objects) to simulate, and the folders of the two tables."""

    seed: int
    mix: tuple[float, ...]
    blocks: tuple[tuple[int, int], ...]
    tables: tuple[tuple[Definition, str], ...]

    @property
    def objects(self) -> int:
        return sum(count for _, count in self.blocks)


def simulate(
    lake: Workplace,
    objects: int = 10_000,
    *,
    seed: int = 1,
    schema: str = "ztf",
    classes: Mapping[str, float] | None = None,
    replace: bool = False,
    engine: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Table:
    """Simulate objects into the tables ``<schema>.objects`` and ``<schema>.truth``; return the first.

    `classes` are weights of the classes of `population.SHARES`, those left out have none; without it half of the
    objects are constant. `engine` runs the tasks, "pool" (the default) or "spark". `progress(done, objects)` is called
    as tasks end. Either table appears when all of it is written; with `replace` they take the place of tables of these
    names. Raises TableExists, InputError for a number of objects below 1, a seed below 0, unknown classes,
    and tables to be replaced that are not simulated, LakeError, TaskError.
    """
    wanted = blocks_of(seed, objects)
    mix = shares(classes)
    lake.check_writable(schema)
    made_by = {"made_by": "simulate", "seed": str(seed)}
    with ExitStack() as stack:
        drafts = []
        for definition in (truth_definition(schema), objects_definition(schema)):
            _check_free(lake, definition.name, replace=replace)
            drafts.append(stack.enter_context(Draft(lake.registry, _noted(definition, made_by))))
        tables = tuple((draft.definition, str(draft.path)) for draft in drafts)
        files: list[list[WrittenFile]] = [[] for _ in drafts]
        runner, done = lake.runner(engine), 0
        for outcome in runner.run(_write, _tasks(seed, mix, wanted, tables)):
            if outcome.value is None:
                raise outcome.error or LakeError(f"simulating into {schema}.objects failed")
            for whole, new in zip(files, outcome.value, strict=True):
                whole.extend(new)
            done += outcome.task.objects
            if progress is not None:
                progress(done, objects)
        note = {"task": "simulate"}
        found = [
            draft.replace(made, note) if replace else draft.create(made, note)
            for draft, made in zip(drafts, files, strict=True)
        ]
    return found[-1]


def _check_free(lake: Workplace, name: str, *, replace: bool) -> None:
    """Refuse a table that is there, but for a simulated one that is to be replaced."""
    if not replace:
        lake.registry.check_free(name)
    elif lake.registry.has(name):
        made_by = lake.registry.table(name).definition.properties.get("made_by", "")
        if made_by != "simulate":
            raise InputError(f"{name} holds rows that are not simulated; say schema=, or drop it first")


def _noted(definition: Definition, properties: Mapping[str, str]) -> Definition:
    return changed(definition, properties={**definition.properties, **properties})


def _tasks(
    seed: int, mix: tuple[float, ...], blocks: list[tuple[int, int]], tables: tuple[tuple[Definition, str], ...]
) -> Iterator[_Task]:
    """Share the blocks out in their order, so that a file's rows lie together on the sky, and about in order."""
    size = min(_TASK_BLOCKS, -(-len(blocks) // 4))
    for start in range(0, len(blocks), size):
        yield _Task(seed, mix, tuple(blocks[start : start + size]), tables)


def _write(task: _Task) -> list[list[WrittenFile]]:
    """Write a task's blocks into files of each table; runs in a worker."""
    with ExitStack() as stack:
        truth, objects = (stack.enter_context(TableWriter(definition, folder)) for definition, folder in task.tables)
        for number, count in task.blocks:
            made = block(task.seed, number, task.mix, count)
            source = Source(f"simulated/{task.seed}/{number}")
            truth.write(made.truth(), source)
            objects.write(made.objects(), source)
        return [truth.close(), objects.close()]
