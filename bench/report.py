"""Prints a benchmark's table and keeps it in docs/benchmarks.md, one section a benchmark, with machine and date."""

from __future__ import annotations

import os
import platform
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
SCRATCH = ROOT / ".bench"

_HEAD = """# Benchmarks

Each section is printed and written here by one script of `bench/` (`make bench` runs them all). Seconds are of a
shared machine with noisy neighbours: the ratios, taken in one run on the same work, are what counts.
"""


def record(script: str, title: str, head: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> None:
    """Print a table and write it as the section `title` of docs/benchmarks.md, in place of an older one."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" for _ in head) + "|"]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    when = datetime.now(tz=UTC).strftime("%Y-%m-%d")
    body = "\n".join(lines)
    text = f"## {title}\n\n`bench/{script}`, {when}, {machine()}.\n\n{body}\n"
    if note:
        text += f"\n{note.strip()}\n"
    sys.stdout.write(f"\n{text}\n")
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else _HEAD
    old = re.compile(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", re.DOTALL)
    page = old.sub(lambda _: text, page) if old.search(page) else f"{page.rstrip()}\n\n{text}"
    PAGE.write_text(page.rstrip() + "\n", encoding="utf-8")


def machine() -> str:
    """Say what this runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {system}"


def timed(work: Callable[[], object], runs: int = 5) -> tuple[float, float]:
    """Return the median wall and CPU seconds of `work` over some runs, after one that is not counted.

    CPU counts this process's threads, and its children that have ended.
    """
    work()
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), cpu_seconds()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def cpu_seconds() -> float:
    """Return the CPU seconds that this process and its ended children have used."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
