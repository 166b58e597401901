"""A warm Spark server of this user's on this machine: found, started, stopped. No pyspark is loaded here.

The server (`skyhouse.engine.spark.server`) is one process that holds a lock on a file for as long as it lives, and
beside it writes its state: port, secret and what goes on. So a state that a crash has left behind is told from a live
one, whatever process has got its number since.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from skyhouse.errors import EngineError, InputError

__all__ = ["WarmServer", "find", "lock", "runtime_folder", "seconds", "start", "stop"]

_START_SECONDS = 180
_STOP_SECONDS = 15
_PAUSE = 0.1


@dataclass(frozen=True)
class WarmServer:
    """A Connect server, and how it fares: times are Unix seconds, `idle` is the seconds that it may go unused."""

    pid: int
    port: int
    token: str = field(repr=False)
    master: str
    memory: str
    version: str
    idle: float
    started: float
    used: float
    sessions: int = 0
    busy: int = 0
    heap_bytes: int = 0

    @property
    def where(self) -> str:
        """Its address."""
        return f"sc://localhost:{self.port}"

    @property
    def url(self) -> str:
        """Its address with the secret that opens it."""
        return f"{self.where}/;token={self.token}"

    def write(self, folder: Path) -> None:
        """Put the state where `find` looks, at once and for this user's eyes only."""
        fresh = folder / f"state.{self.pid}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        fresh.replace(folder / "state.json")


def runtime_folder() -> Path:
    """Return this user's folder for what lives as long as a login, made if need be.

    Raises EngineError where somebody else could read or write there.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(given) / "skyhouse" if given else Path(tempfile.gettempdir()) / f"skyhouse-{getpass.getuser()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EngineError(f"{folder} is open to others: remove it, or let XDG_RUNTIME_DIR name a folder of your own")
    return folder


def lock(folder: Path, *, shared: bool = False) -> IO[str] | None:
    """Return a lock on the folder's server, kept until it is closed; None where another process holds it."""
    import fcntl  # not on Windows

    file = (folder / "lock").open("a")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def find() -> WarmServer | None:
    """Return the server that runs and is ready, or None."""
    if sys.platform == "win32":
        return None
    folder = runtime_folder()
    state = folder / "state.json"
    if not state.exists():
        return None
    if (held := lock(folder, shared=True)) is not None:
        held.close()  # nobody lives there: what is written is stale
        return None
    try:
        return WarmServer(**json.loads(state.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # it is just going, or of another version


def start(master: str = "local[*]", memory: str = "4g", port: int = 0, idle: float = 1800) -> WarmServer:
    """Return the server that runs; where there is none, start one and wait until it has answered a first query.

    `port` 0 is any free one; `idle` is in seconds. Raises EngineError, and InputError for a memory that is no such.
    """
    if not re.fullmatch(r"\d+[mgMG]", memory):
        raise InputError(f"memory is a number and m or g, such as 4g, not {memory!r}")
    if (found := find()) is not None:
        return found
    folder = runtime_folder()
    log = folder / "log"
    program = [sys.executable, "-m", "skyhouse.engine.spark.server", str(folder), master, memory, str(port), str(idle)]
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # it outlives this process and its terminal
        )
    try:
        return _awaited(server, log)
    finally:
        server.returncode = server.poll() or 0  # it goes on, and nobody here waits for it


def _awaited(server: subprocess.Popen[bytes], log: Path) -> WarmServer:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if (found := find()) is not None:
            return found
        # One that finds another starting leaves that to it and ends; then this waits for the other.
        if server.poll() is not None and (held := lock(log.parent, shared=True)) is not None:
            held.close()
            raise EngineError(f"the Spark server did not start: {_last_words(log)}")
        time.sleep(_PAUSE)
    stop()
    raise EngineError(f"the Spark server was not ready within {_START_SECONDS} s: {_last_words(log)}")


def stop() -> bool:
    """Stop the server and return whether one ran; one that does not heed is killed. Raises EngineError."""
    found = find()
    if found is None:
        return False
    folder = runtime_folder()
    for sign, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
        try:
            os.killpg(found.pid, sign) if sign == signal.SIGKILL else os.kill(found.pid, sign)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if (held := lock(folder, shared=True)) is not None:
                held.close()
                (folder / "state.json").unlink(missing_ok=True)
                return True
            time.sleep(_PAUSE)
    raise EngineError(f"the Spark server (process {found.pid}) does not end")


def seconds(text: str) -> float:
    """Return a time such as "90s", "30m" or "2h" in seconds. Raises InputError.

    >>> seconds("30m")
    1800.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found:
        raise InputError(f"a time is a number and s, m or h, such as 30m, not {text!r}")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"{log} is empty"
