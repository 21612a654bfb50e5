"""An agent without a model, for machines without node: reads its prompt, edits, runs the tests. A script, no more.

python -m watchkeeper.demo.plain_agent WORK.json < prompt
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec

from watchkeeper.demo.minds import RETURNED, TESTS, Work, apply, take_out

_BESIDE_S = 3.0
"""So long it works on, so that the other agent's work is there beside its own."""


def main(file: str) -> int:
    """What is asked decides what is done; the exit code is that of the tests."""
    work = msgspec.json.decode(Path(file).read_bytes(), type=Work)
    asked = sys.stdin.read()
    if RETURNED in asked:
        take_out(Path(), work.repair)
    elif work.issue in asked:
        apply(Path(), work.edits)
        time.sleep(_BESIDE_S)
    else:
        sys.stdout.write("I have seen it. My change is done.\n")
        return 0
    return subprocess.run(TESTS.split(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
