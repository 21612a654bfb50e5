"""Asks Codex whether its user trusts our hooks: those that are not trusted it skips without a word."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from watchkeeper.agents.insertion import MARK

_DEADLINE_S = 10.0
_MAX_OUTPUT = 16 * 1024 * 1024


class Trust(StrEnum):
    """What Codex says of our hooks."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"  # or trusted in another form: it was changed since
    OFF = "off"  # its user switched them off
    ABSENT = "absent"  # Codex does not see them
    UNKNOWN = "unknown"  # nobody could be asked


def check_trust(environ: Mapping[str, str], folder: Path) -> Trust:
    """What Codex makes of our hooks for work in ``folder``. Starts it for a moment; never raises, ends in time."""
    program = shutil.which("codex", path=environ.get("PATH", ""))
    if program is None:
        return Trust.UNKNOWN
    try:
        listed = _ask(program, environ, folder)
    except (OSError, ValueError):
        return Trust.UNKNOWN
    return judge_listing(listed) if listed is not None else Trust.UNKNOWN


def judge_listing(listed: object) -> Trust:
    """What the answer to ``hooks/list`` says of ours."""
    ours = [hook for hook in _objects(listed) if "trustStatus" in hook and MARK in str(hook.get("command"))]
    if not ours:
        return Trust.ABSENT
    if any(hook["trustStatus"] not in {"trusted", "managed"} for hook in ours):
        return Trust.UNTRUSTED
    return Trust.OFF if any(hook.get("enabled") is False for hook in ours) else Trust.TRUSTED


def _ask(program: str, environ: Mapping[str, str], folder: Path) -> object | None:
    requests = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "clientInfo": {"name": "watchkeeper", "title": "Watchkeeper", "version": "1"},
                "capabilities": {"experimentalApi": True},
            },
        },
        {"method": "initialized"},
        {"id": 2, "method": "hooks/list", "params": {"cwds": [str(folder)]}},
    ]
    process = subprocess.Popen(
        [program, "app-server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environ),
        cwd=folder,
        start_new_session=True,
    )
    try:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
        process.stdin.flush()
        return _find_answer(process.stdout.fileno(), 2, time.monotonic() + _DEADLINE_S)
    finally:
        _end(process)


def _find_answer(handle: int, identity: int, deadline: float) -> object | None:
    """The result of one request among all that is printed; None where none comes in time."""
    waiting, size = b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        while size < _MAX_OUTPUT and selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(handle, 1 << 16)
            if not chunk:
                return None
            size += len(chunk)
            *lines, waiting = (waiting + chunk).split(b"\n")
            for line in lines:
                message = _decode(line)
                if message.get("id") == identity:
                    return message.get("result")
    return None


def _decode(line: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with suppress(OSError):
                stream.close()
