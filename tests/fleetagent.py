"""An agent that does what the issue says: ``python fleetagent.py MARKS``, with its prompt as input.

The issue's text has a line ``PLAN: [[step, ...], ...]``: a list of turns, each run of it is the next one. When it began
and ended, and whether another one worked on the same issue at that moment, it writes below MARKS. Needs Python alone.
"""

import fcntl
import json
import os
import re
import subprocess
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


def union(path: str, line: str) -> None:
    """A line more in a function of lines of which each may stand beside any other, whatever git left in the file."""
    text = Path(path).read_text().splitlines()
    head, last = (
        text[0] if text[0].startswith("def ") else next(each for each in text if "def " in each),
        "    return n",
    )
    lines = {each for each in text if each.startswith("    n += ")} | {line}
    Path(path).write_text("\n".join([head, *sorted(lines), last]) + "\n")


def rewrite() -> None:
    """Its branch has another history, in which the base is not."""
    branch = subprocess.run(["git", "branch", "--show-current"], check=True, capture_output=True, text=True).stdout
    STEPS["git"]("checkout", "-q", "--orphan", "other")
    STEPS["git"]("commit", "-q", "-m", "another beginning")
    STEPS["git"]("branch", "-f", branch.strip(), "other")
    STEPS["git"]("checkout", "-q", branch.strip())


OWN = {"edit": edit, "rewrite": rewrite, "union": union, "rest": time.sleep}

if __name__ == "__main__":
    main()
