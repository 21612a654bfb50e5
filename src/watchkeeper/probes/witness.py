"""The plugin that stands inside the project's own pytest: how it is started, and what it leaves.

All of it lies where the tests can write: nothing that is found there is believed to have the right shape, and reports
count only with the signature of the plugin, whose key no file and no environment has while tests run. What remains:
code within the tests' own process can alter what the plugin holds, or run under the name of another file.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from watchkeeper.probes.reports import MOST_BYTES, TestEnd, TestResult
from watchkeeper.probes.runs import Selection

INSIDE = Path(__file__).parent / "inside"
_KEY = "witness.key"

_OWN_PATH = re.compile(r"(?<![\w$])PYTHONPATH=(?=(\S)?)")


def make_key() -> str:
    """What the reports of one command are signed with."""
    return secrets.token_hex(16)


def witness_environment(
    place: Path, root: Path, selection: Selection, environment: Mapping[str, str], key: str
) -> dict[str, str]:
    """What the tests are given so that the plugin reports to ``place``; ``root`` is the checkout."""
    (place / "witness").mkdir()
    (place / _KEY).write_text(key, encoding="ascii")
    known = environment.get("PYTHONPATH", "")
    variables = {
        "PYTHONPATH": os.pathsep.join(part for part in (known, str(INSIDE)) if part),
        "PYTEST_PLUGINS": "watchkeeper_witness",
        "WATCHKEEPER_WITNESS": str(place / "witness"),
        "WATCHKEEPER_WITNESS_ROOT": str(root),
        "WATCHKEEPER_WITNESS_FILES": "\n".join(selection.witnessed),
        "WATCHKEEPER_WITNESS_FIRST": "\n".join(selection.decisive),
        "WATCHKEEPER_WITNESS_WHOLE": "1" if selection.is_whole else "",
    }
    if selection.only:
        (place / "only").write_text("\n".join(selection.only), encoding="utf-8", errors="backslashreplace")
        variables["WATCHKEEPER_WITNESS_ONLY"] = str(place / "only")
    return variables


def keep_findable(command: str) -> str:
    """The shell line with the plugin where it can be imported although the line itself says ``PYTHONPATH=src``."""
    ours = shlex.quote(str(INSIDE))
    return _OWN_PATH.sub(lambda found: f"{found[0]}{ours}{os.pathsep if found[1] else ''}", command)


class Witnessed(NamedTuple):
    """What the plugin left: the tests, the lines that those that passed executed, and whether it ended the run."""

    tests: tuple[TestResult, ...]
    executed: dict[str, frozenset[int]]
    ended_early: bool


def read_witness(place: Path, key: str) -> Witnessed | None:
    """What the plugin left; None where it left nothing, or what it did not write, or not all of it could be signed."""
    if any(place.glob("witness/*.keyless")):
        return None
    left = [_parse(file, key) for file in sorted(place.glob("witness/*.json"))]
    whole = [each for each in left if each is not None]
    if not whole or len(whole) < len(left):
        return None
    tests = tuple({name: _witnessed(name, *said) for each in whole for name, said in each.outcomes.items()}.values())
    passed = {test.name for test in tests if test.end is TestEnd.PASSED}
    executed: dict[str, frozenset[int]] = {}
    for each in whole:
        for test, seen in each.lines.items():
            if test in passed or not test:  # what is executed on import belongs to no test
                for path, numbers in seen.items():
                    executed[path] = executed.get(path, frozenset()) | frozenset(numbers)
    return Witnessed(tests, executed, any(each.stopped for each in whole))


def is_unfinished(place: Path, key: str) -> bool:
    """Whether a run began that did not come to its end: a test may end the whole process, with exit code 0 too.

    The plugin takes the key when it begins, and gives it back at the end; who only takes its other marks away is seen.
    """
    return any(place.glob("witness/*.begun")) or read_left(place / _KEY) != key.encode("ascii")


def is_forged(place: Path, key: str) -> bool:
    """Whether a report is there that the plugin did not sign."""
    return any(_signed(file, key) is None for file in place.glob("witness/*.json"))


def read_left(path: Path) -> bytes:
    """A file that a command left; empty where it did not. Links are not followed, pipes not waited for."""
    try:
        told = path.lstat()
        if not stat.S_ISREG(told.st_mode) or told.st_size > MOST_BYTES:
            return b""
        return path.read_bytes()
    except (OSError, ValueError):
        return b""


class _Left(msgspec.Struct):
    """What one process of the tests left: how each test ended, in how many seconds, what it said; and its lines."""

    outcomes: dict[str, tuple[str, float, str]]
    lines: dict[str, dict[str, list[int]]]
    stopped: bool = False


def _signed(file: Path, key: str) -> bytes | None:
    """What a report says; None where it is not signed with the key."""
    signature, _, body = read_left(file).partition(b"\n")
    return body if hmac.compare_digest(signature, sign(key, body)) else None


def sign(key: str, body: bytes) -> bytes:
    """The signature of a report."""
    return hmac.new(key.encode("ascii"), body, hashlib.sha256).hexdigest().encode("ascii")


def _parse(file: Path, key: str) -> _Left | None:
    """None for what the plugin did not write: tests can write there too."""
    body = _signed(file, key)
    try:
        return msgspec.convert(json.loads(body), _Left) if body is not None else None
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None


def _witnessed(name: str, said: str, seconds: float, message: str) -> TestResult:
    end = TestEnd(said) if said in {each.value for each in TestEnd} else TestEnd.ERROR
    return TestResult(name, end, message, name.partition("::")[0], seconds)
