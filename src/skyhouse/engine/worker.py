"""A worker: a fresh Python interpreter at the other end of a pipe, which runs one task at a time.

It may crash, hang or eat the memory: whoever holds the `Worker` learns how it ended, with the Python lines that it was
in, and starts another. It never outlives the process that started it, whatever its code is doing.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from skyhouse.engine.tasks import attempt, failed
from skyhouse.errors import InputError, TaskError

__all__ = ["Death", "Worker", "free_memory", "search_path", "work"]

_ENDING_SECONDS = 5
_LAST_WORDS_SECONDS = 1
_FRAME = re.compile(r'^  (File ".*", line \d+) in (.*)$', re.MULTILINE)
_TRACE_LINES = 10
_KILLED_FIRST = 500  # of 1,000
_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Death:
    """How a worker ended before its task did.

    `kind` is "WorkerDied" or "Timeout", `reason` says it in words ("killed by SIGSEGV", "more than 2 s"), `trace` has
    the last Python lines that it was in, the innermost last, where it could still tell them.
    """

    kind: str
    reason: str
    trace: str = ""

    def __str__(self) -> str:
        return self.reason if self.kind == "WorkerDied" else f"{self.kind}: {self.reason}"


class Worker:
    """A Python process that runs tasks, one at a time; its standard streams are this process's.

    With `memory_bytes`, it gets no more than that of its own: what asks for more gets a MemoryError, or dies.
    """

    def __init__(self, memory_bytes: int = 0) -> None:
        if memory_bytes < 0:
            raise InputError(f"memory_bytes is a number of bytes, 0 for no limit, not {memory_bytes}")
        self.began = time.time()
        self.pipe, theirs = Pipe()
        self._code: bytes | None = None
        self._life, leash = socket.socketpair()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        passed = [theirs.fileno(), leash.fileno(), self._words.fileno()]
        # Workers share the cores; each with threads on all of them would only get in each other's way.
        environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": os.pathsep.join(search_path())}
        program = f"from skyhouse.engine.worker import work; work({', '.join(map(str, [*passed, memory_bytes]))})"
        try:
            # A group of its own: what its task starts ends with it.
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                pass_fds=passed,
                env=environment,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        except OSError as error:
            raise TaskError(f"no worker can be started: {error}; let fewer run at once (workers)") from error
        theirs.close()
        leash.close()

    def start(self, code: bytes, task: bytes) -> None:
        """Send a pickled function and a pickled task. Raises OSError where the process is dead.

        The function is sent and unpickled once for as long as it stays the same.
        """
        news = None if code == self._code else (search_path(), code)
        self._code = code
        self.pipe.send_bytes(pickle.dumps((news, task)))

    def receive(self, timeout: float | None = None) -> bytes | Death:
        """Return the pickled ending of the task, or how the process ended; after `timeout` seconds it is ended."""
        try:
            if self.pipe.poll(timeout):
                return self.pipe.recv_bytes()
        except (EOFError, OSError):
            return self._death(self._status())
        self.process.send_signal(signal.SIGABRT)  # it has faulthandler write down where it is
        self._wait(_LAST_WORDS_SECONDS)
        return Death("Timeout", f"more than {timeout:g} s", self._last_words())

    def kill(self) -> int:
        """End the process at once, with those that its task started, and return its status."""
        if not self.pipe.closed:
            with suppress(ProcessLookupError):  # all of them have ended
                os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for held in (self.pipe, self._life, self._words):
            held.close()
        return status

    def _status(self) -> int:
        """Return the status of a process that has closed its pipe; killed by us, it would not say why it ended."""
        self._wait(_ENDING_SECONDS)
        return self.process.returncode if self.process.returncode is not None else -signal.SIGKILL

    def _wait(self, seconds: float) -> None:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _death(self, status: int) -> Death:
        if status >= 0:
            return Death("WorkerDied", f"exit status {status}", self._last_words())
        doubt = " (out of memory?)" if status == -signal.SIGKILL else ""
        return Death("WorkerDied", f"killed by {signal.Signals(-status).name}{doubt}", self._last_words())

    def _last_words(self) -> str:
        """Return what faulthandler wrote, as a traceback is read; ends the process."""
        self._words.seek(0)
        said = self._words.read().decode(errors="replace")
        self.kill()
        frames = _FRAME.findall(said)[:_TRACE_LINES]
        return "\n".join(f"{where}, in {what}" for where, what in reversed(frames))


def search_path() -> list[str]:
    """Return the folders in which this process looks for modules."""
    # What is no text in sys.path (a Path, say) is passed over by Python's own imports too.
    given: Iterable[object] = sys.path
    return [folder or str(Path.cwd()) for folder in given if isinstance(folder, str)]


def free_memory() -> int:
    """Return how many bytes of memory the machine has left, or this process's control group may have, if that is less.

    Where the system does not tell, it is half of what the machine has.
    """
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    with suppress(OSError):
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(told["MemAvailable"].split()[0]) * 1024
    for limit in _GROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such group, or its limit is the word "max"
            free = min(free, int(Path(limit).read_text()))
    return free


def work(pipe: int, leash: int, words: int, memory_bytes: int) -> None:
    """Run the tasks that come through a pipe until it is closed; what a worker process does. Takes descriptors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its workers
    _die_at_hangup(leash)
    faulthandler.enable(words, all_threads=False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if memory_bytes:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, most))
    _die_first()
    with Connection(pipe) as orders:
        for ending in _endings(orders):
            try:
                orders.send_bytes(ending)
            except BrokenPipeError:  # the parent is gone
                return


def _endings(orders: Connection) -> Iterator[bytes]:
    """Run one task after another."""
    code, function = b"", None
    while True:
        try:
            news, task = pickle.loads(orders.recv_bytes())
        except EOFError:
            return
        if news:
            path, code = news
            function = None
            sys.path += [folder for folder in path if folder not in sys.path]
        try:
            function = function or pickle.loads(code)
            ending = attempt(function, pickle.loads(task))
        except Exception as error:  # noqa: BLE001 - what cannot be unpickled here is the task's outcome too
            ending = failed(error)
        yield ending


def _die_first() -> None:
    """Have the kernel kill this process before its parents when the machine's memory is used up."""
    score = Path("/proc/self/oom_score_adj")
    with suppress(OSError):  # another system, or one that forbids it
        score.write_text(str(max(int(score.read_text()), _KILLED_FIRST)))


def _die_at_hangup(leash: int) -> None:
    """Have the kernel kill this process and its group when the other end of a socket is closed: its holder is dead.

    Not PR_SET_PDEATHSIG: that kills when the *thread* ends that started the process. A thread of our own that waits
    would not run while C code holds Python's lock.
    """
    if sys.platform == "linux":
        import fcntl
        import select

        fcntl.fcntl(leash, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([leash], [], [], 0)[0]:  # it was closed before
            os._exit(0)
