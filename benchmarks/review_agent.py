"""An agent of a recorded day: makes the edits that the day's plan has for its issue, and says what it did.

Run anew for every turn, as ``agent.NAME.command`` with ``protocol = "plain"``. What it is told later (of conflicts, of
a change that came back) it does not heed: whether anybody notices is what the day is for.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from review_plans import Work, apply

_NAMES = re.compile(r"r\dx\d{2}")


def main(arguments: list[str]) -> int:
    day = Path(arguments[0])
    sys.stdin.read()
    branch = _git("rev-parse", "--abbrev-ref", "HEAD").strip()
    found = _NAMES.search(branch)
    if found is None:
        raise SystemExit(f"the branch {branch!r} names no issue of the day")
    work = Work(**json.loads((day / "plans.json").read_text())[found[0]])
    place = day / "turns" / f"{work.key}.json"
    if place.exists():
        print(work.says or "It is done already; I see nothing else to do.")
        return 0
    lasts = random.Random(work.key).uniform(1.0, 4.0)
    time.sleep(lasts / 2)
    apply(work.edits, Path())
    time.sleep(lasts / 2)
    if work.message:
        _git("add", "-A")
        _git("-c", "user.name=script", "-c", "user.email=script@invalid", "commit", "-q", "-m", work.message)
    place.write_text("{}")
    print(work.says or f"Done: {work.title.partition(' ')[2]}.")
    return 0


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
