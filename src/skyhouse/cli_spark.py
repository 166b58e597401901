"""`skyhouse spark start | status | stop`: a warm Spark server, so that a new process need not wait for Spark."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from skyhouse.engine import warm
from skyhouse.terminal import print_json

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="A warm Spark server on this machine: start, status, stop.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def start(
    master: Annotated[str, typer.Option(help="Where it runs: local[*], spark://host:7077, yarn ...")] = "local[*]",
    memory: Annotated[str, typer.Option(help="The server's memory.")] = "4g",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port on this machine; 0: any free one.")] = 0,
    idle: Annotated[str, typer.Option(help="It stops after that long without use: 90s, 30m, 2h.")] = "30m",
    as_json: JsonOption = False,
) -> None:
    """Start the server, unless it runs, and wait until it is warm."""
    began = time.time()
    server = warm.start(master, memory, port, warm.seconds(idle))
    if as_json:
        print_json(_shown(server))
    elif server.started < began:
        print(f"it runs already: {_told(server)}")
    else:
        print(f"ready after {time.time() - began:.0f} s: {_told(server)}; it stops after {idle} without use")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show the server. Exit code 3 where none runs."""
    server = warm.find()
    if as_json:
        print_json({} if server is None else _shown(server))
    else:
        print("no warm Spark server runs here" if server is None else _told(server))
    if server is None:
        raise typer.Exit(3)


@app.command()
def stop() -> None:
    """Stop the server; one that does not heed is killed."""
    print("stopped" if warm.stop() else "no warm Spark server runs here")


def _shown(server: warm.WarmServer) -> dict[str, object]:
    shown = {name: value for name, value in asdict(server).items() if name != "token"}
    return shown | {"where": server.where, "uptime": round(time.time() - server.started, 1)}


def _told(server: warm.WarmServer) -> str:
    minutes, seconds = divmod(int(time.time() - server.started), 60)
    return (
        f"Spark {server.version} at {server.where} on {server.master}, up {minutes}:{seconds:02d}, "
        f"{server.heap_bytes / 1e6:,.0f} MB of {server.memory} in use, {server.sessions} sessions, "
        f"{server.busy} queries running (process {server.pid})"
    )
