"""An agent that does what the issue says: ``python fleetagent.py MARKS``, with its prompt as input.

The issue's text has a line ``PLAN: [[step, ...], ...]``: a list of turns, each run of it is the next one. When it began
and ended, and whether another one worked on the same issue at that moment, it writes below MARKS. Needs Python alone.
"""

import fcntl
import json
import os
import re
import sys
import time
from pathlib import Path

from engagedagent import STEPS


def main() -> None:
    prompt = sys.stdin.read()
    plan = re.search(r"PLAN (\S+): (\[.*\])", prompt)
    if plan is None:
        raise SystemExit("the prompt has no plan")
    marks = Path(sys.argv[1], plan[1])
    lock = os.open(f"{marks}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        append(marks, "two")
    number = sum('"start"' in line for line in read(marks))
    append(marks, "start", prompt)
    turns = json.loads(plan[2])
    for name, *words in turns[min(number, len(turns) - 1)]:
        {**STEPS, **OWN}[name](*words)
    append(marks, "end")


def read(marks: Path) -> list[str]:
    return marks.read_text().splitlines() if marks.exists() else []


def append(marks: Path, what: str, prompt: str = "") -> None:
    line = {
        "what": what, "pid": os.getpid(), "at": time.monotonic(), "prompt": prompt,
        "engagement": os.environ.get("WK_ENGAGEMENT", "").partition("@")[0],
    }  # fmt: skip
    with marks.open("a") as file:
        file.write(json.dumps(line) + "\n")


def edit(path: str, old: str, new: str) -> None:
    """Put something else in a file, once: where that was done already nothing is."""
    file = Path(path)
    text = file.read_text()
    if new not in text:
        file.write_text(text.replace(old, new))


def rewrite() -> None:
    """Another history, in which the base is not."""
    STEPS["git"]("checkout", "-q", "--orphan", "other")
    STEPS["git"]("commit", "-q", "-m", "another beginning")
    branch = next(line for line in Path(".git").read_text().splitlines() if line)
    STEPS["say"](branch)


OWN = {"edit": edit, "rewrite": rewrite}

if __name__ == "__main__":
    main()
