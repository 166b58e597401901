"""What a process and all processes below it have used, from /proc."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree(root: int | None = None) -> list[int]:
    """Return the process and its descendants; without one, this process."""
    below = defaultdict(list)
    for folder in PROC.glob("[0-9]*"):
        if fields := _stat(int(folder.name)):
            below[int(fields[1])].append(int(folder.name))
    found = [root or os.getpid()]
    for pid in found:
        found += below[pid]
    return found


def cpu_of_tree(root: int | None = None) -> float:
    """Return the CPU seconds of a process and its descendants, those that have ended included."""
    return sum(sum(map(int, fields[11:15])) for pid in tree(root) if (fields := _stat(pid))) / _TICKS


def _stat(pid: int) -> list[str]:
    """Return what follows the program's name in /proc/pid/stat; nothing where the process has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


class PeakMemory:
    """While entered, watches the peak resident memory (MB) of this process and of each below it, by process."""

    def __init__(self, seconds: float = 0.2) -> None:
        self.megabytes: dict[int, float] = {}
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            for pid in tree():
                if peak := _peak(pid):
                    self.megabytes[pid] = peak
            if self._ended.wait(self._seconds):
                return


def _peak(pid: int) -> float:
    try:
        text = (PROC / str(pid) / "status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in text.splitlines() if line.startswith("VmHWM")), 0.0)
