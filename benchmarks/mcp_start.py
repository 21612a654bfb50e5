"""How long an agent waits for the MCP server: process start to the answer to `initialize`, and each call after that.

Beside a server of the SDK with nothing in it, and a Python that only starts. Prints the figures; asserts nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

RUNS = 7
OURS = [sys.executable, "-m", "watchkeeper", "mcp"]
BARE = [sys.executable, "-c", "from mcp.server import MCPServer; MCPServer('bare').run()"]
PYTHON = [sys.executable, "-c", "import sys; sys.stdin.readline(); print('{}', flush=True)"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}


def first_answer_s(command: Sequence[str], folder: str) -> tuple[float, float]:
    """Seconds until the answer, and of the processor."""
    began, used = time.perf_counter(), os.times()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline(), command
        took = time.perf_counter() - began
        process.stdin.close()
        process.wait(30)
    after = os.times()
    return took, after.children_user + after.children_system - used.children_user - used.children_system


def main() -> None:
    found: dict[str, list[tuple[float, float]]] = {"watchkeeper": [], "bare SDK": [], "Python": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            for name, command in zip(found, (OURS, BARE, PYTHON), strict=True):
                found[name].append(first_answer_s(command, folder))
    medians = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}
    for name, (wall, processor) in medians.items():
        print(f"{name:<12} initialize answered after {wall:.2f} s, {processor:.2f} s of the processor")
    print(f"ratio to the bare SDK: {medians['watchkeeper'][1] / medians['bare SDK'][1]:.2f} (processor)")


if __name__ == "__main__":
    main()
