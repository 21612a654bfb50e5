"""What a hook costs an agent: the shim beside a bare start of Python, in turns.

    python benchmarks/hook_cost.py [--runs 40]

Named rival: ``python3 -c pass``. Each turn starts the rival, the shim with a socket that answers, and the shim without
a daemon, in a repository's subfolder, one after the other; the ratios are of the medians, and are to be at most 1.3.
Beside it the barest start there is, ``python3 -I -S -c pass``: what the shim's own work adds to its start.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from socket import AF_UNIX, socket

from figures import record_figures, render_table
from watchkeeper.agents.shimcopy import render_shim, shim_place
from watchkeeper.agents.sockets import socket_path
from watchkeeper.repos.repository import find_repository

PAYLOAD = (
    b'{"session_id":"s","cwd":"","hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"}}'
)
ANSWER = b'{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"' + b"word " * 120 + b'"}}'
LIMIT = 1.3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-hook-") as folder:
        figures = measure(Path(folder), options.runs)
    print(render_table(("", ""), list(figures.items())))
    good = max(figures["ratio"], figures["ratio_without_daemon"]) <= LIMIT
    print(f"\na hook costs {'at most' if good else 'MORE THAN'} {LIMIT} x a bare Python start")
    record_figures("hook_cost", figures)
    return 0 if good else 1


def measure(folder: Path, runs: int) -> dict[str, float]:
    python = os.path.realpath(sys.executable)
    deep = folder / "repository" / "src" / "package"
    deep.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(folder / "repository")], check=True)
    project = find_repository(folder / "repository").project
    homes = {"shim": folder / "state", "shim_without_daemon": folder / "other"}
    commands: dict[str, Sequence[str]] = {
        "python": [python, "-c", "pass"],
        "barest": [python, "-I", "-S", "-c", "pass"],
    }
    for name, home in homes.items():
        shim_place(home).parent.mkdir(parents=True)
        shim_place(home).write_bytes(render_shim(home))
        commands[name] = [python, "-I", "-S", str(shim_place(home)), "codex"]
    listener = listen(socket_path(homes["shim"], project))
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 2):
        for name, command in commands.items():
            seconds, printed = timed(command, deep)
            assert printed == (ANSWER if name == "shim" else b""), f"{name} printed {printed!r}"
            if turn >= 2:  # the first turns fill caches
                times[name].append(seconds)
    listener.close()
    middle = {name: statistics.median(each) for name, each in times.items()}
    return {
        "runs": runs,
        **{f"{name}_ms": round(seconds * 1000, 2) for name, seconds in middle.items()},
        "ratio": round(middle["shim"] / middle["python"], 2),
        "ratio_without_daemon": round(middle["shim_without_daemon"] / middle["python"], 2),
        "ratio_to_barest": round(middle["shim"] / middle["barest"], 2),
    }


def timed(command: Sequence[str], folder: Path) -> tuple[float, bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    started = time.perf_counter()
    done = subprocess.run(command, input=PAYLOAD, cwd=folder, env=environ, capture_output=True, check=True)
    return time.perf_counter() - started, done.stdout


def listen(path: Path) -> socket:
    """A socket that answers at once, so that only the shim's own cost is measured."""
    path.parent.mkdir(mode=0o700, parents=True)
    listener = socket(AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                speaker, _ = listener.accept()
            except OSError:
                return
            while speaker.recv(1 << 16):
                pass
            speaker.sendall(ANSWER)
            speaker.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
