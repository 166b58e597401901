"""What applying a function to objects would take, from a sample: here, on Spark, and on machines of the price table."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from skyhouse.errors import InputError
from skyhouse.objects.costs import Cost, Machine, cost, dollars_told, time_told
from skyhouse.objects.sample import Sample
from skyhouse.query.explain import size_told

__all__ = ["CostEstimate", "estimated"]

_HEAD = ("machine", "nodes x cores", "wall", "core-hours", "bound by", "dollars")


@dataclass(frozen=True)
class CostEstimate:
    """What a job would take, by machine; printed, a table with its arithmetic.

    `costs` are in the order of the table, that of this machine first. `sample` is what all of it was measured on,
    `notes` say what the reader has to know of it.
    """

    title: str
    sample: Sample
    costs: tuple[Cost, ...]
    notes: tuple[str, ...] = ()

    @property
    def here(self) -> Cost:
        """What it takes on this machine."""
        return self.costs[0]

    @property
    def objects(self) -> int:
        """How many objects the job has, as far as the sample tells."""
        return self.here.work.objects

    def on(self, name: str) -> Cost:
        """Return what it takes on a machine of the table. Raises InputError where there is none of that name."""
        for one in self.costs:
            if one.machine.name == name:
                return one
        known = ", ".join(one.machine.name for one in self.costs)
        raise InputError(f"no machine {name!r} in the estimate; it has {known}")

    def scaled(self, objects: int) -> CostEstimate:
        """Return the same for another number of such objects, in parts that are many and small."""
        if objects < 1:
            raise InputError(f"objects is a whole number from 1, not {objects!r}")
        costs = tuple(cost(replace(one.work, objects=objects, parts=()), one.machine) for one in self.costs)
        return replace(self, costs=costs, notes=(*self.notes, f"scaled from {self.objects:,} objects"))

    def rows(self) -> list[dict[str, object]]:
        """Return the table's rows as data: wall_hours, core_hours, bound ("CPU" or "I/O"), dollars, arithmetic ..."""
        return [
            {
                "machine": one.machine.name,
                "nodes": one.machine.nodes,
                "cores": one.machine.all_cores,
                "objects": one.work.objects,
                "wall_hours": one.wall_seconds / 3600,
                "core_hours": one.core_hours,
                "bound": one.bound,
                "dollars": one.dollars,
                "arithmetic": one.arithmetic,
                "price_as_of": one.machine.as_of,
                "price_source": one.machine.source,
            }
            for one in self.costs
        ]

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        kinds = {"nodes": pa.int64(), "cores": pa.int64(), "objects": pa.int64()}
        kinds |= dict.fromkeys(("wall_hours", "core_hours", "dollars"), pa.float64())
        rows = self.rows()
        return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in rows[0]})

    def __str__(self) -> str:
        lines = [self.title, *self._sampled(), "", *_aligned([_HEAD, *map(_cells, self.costs)]), ""]
        lines += [f"{one.machine.name}: {one.arithmetic}" for one in self.costs]
        dated = [f"{one.machine.name}: {one.machine.source} ({one.machine.as_of})" for one in self.costs]
        lines += ["", "prices:", *(line for line, one in zip(dated, self.costs, strict=True) if one.machine.source)]
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = [_HEAD, *map(_cells, self.costs)]
        cells = "".join(f"<th style='text-align:left'>{html.escape(name)}</th>" for name in head)
        body = "".join(
            f"<tr title='{html.escape(one.arithmetic, quote=True)}'>"
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
            + "</tr>"
            for one, row in zip(self.costs, rows, strict=True)
        )
        told = "<br>".join(html.escape(line) for line in (self.title, *self._sampled(), *self.notes))
        return f"<p>{told}</p><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"

    def _sampled(self) -> list[str]:
        sample = self.sample
        pieces = f"{len(sample.pieces):,} pieces of the input"
        took = f"sample: {sample.computed:,} objects from {pieces}, {time_told(sample.seconds)}"
        if sample.failures:
            took += f", {sample.failures:,} of them failed"
        each = ", ".join(f"{time_told(value)} to {name}" for name, value in sample.per_object.items())
        sizes = f"{size_told(sample.read_bytes)} read, {size_told(sample.written_bytes)} written"
        doubt = "" if math.isnan(sample.uncertainty) else f" (+- {100 * sample.uncertainty:.0f}%)"
        lines = [took, f"an object: {each}{doubt}; {sizes}"]
        if sample.start_seconds >= 0.1:
            lines.append(f"once in each worker: {time_told(sample.start_seconds)} (imports, setup, compiling)")
        return lines


def estimated(title: str, sample: Sample, machines: Iterable[Machine], notes: Sequence[str] = ()) -> CostEstimate:
    """Return what a job takes on machines, the one where the sample was taken first."""
    work = sample.work
    return CostEstimate(title, sample, tuple(cost(work, machine) for machine in machines), tuple(notes))


def _cells(one: Cost) -> tuple[str, ...]:
    machine = one.machine
    hours = f"{one.core_hours:,.0f}" if one.core_hours >= 100 else f"{one.core_hours:.3g}"
    wall, dollars = time_told(one.wall_seconds), dollars_told(one.dollars)
    return machine.name, f"{machine.nodes} x {machine.cores}", wall, hours, one.bound, dollars


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
