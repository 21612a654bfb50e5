"""Every tree that a main had in a fleet's day: is it red, does a planted pair go wrong in it, was anything lost?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from day_plans import Work, by_key, kept_of, truth_of
from day_story import Story, settled
from landing_project import failing_tests
from scratch import git
from watchkeeper.model.fleet import Closing


def check_trees(story: Story, works: Sequence[Work], folder: Path) -> dict[str, Any]:
    """Every first-parent tree of every main: its own tests, and what is true of the pairs; at the end, what has to be
    in it because it landed."""
    red, escaped, lost, count = [], defaultdict(list), [], 0
    for number, project in enumerate(story.projects):
        mine = [each for each in works if each.project == number]
        commits = git(project.repo, "rev-list", "--first-parent", "--reverse", "main").split()
        truths = {work.pair: (work, truth_of(work)) for work in mine if work.side and truth_of(work)}
        for at, commit in enumerate(commits):
            place = folder / f"{number}-{at}"
            count += 1
            if failing := failing_tests(project.repo, commit, place):
                red.append(f"project {number} {commit[:10]}: {', '.join(failing)[:200]}")
            for (_, pair), said in _fail(place, {pair: code for pair, (_, code) in truths.items()}).items():
                escaped[f"{truths[number, pair][0].kind} p{number:02} {pair}"].append(f"{commit[:10]}: {said}")
        landed = [each for each in mine if settled(each, project) == Closing.LANDED]
        for key, said in _fail(place, {each.key: kept_of(each) for each in landed if kept_of(each)}).items():
            lost.append(f"{key} {by_key(list(works))[str(key)].kind}: {said}")
    told = {pair: {"trees": len(found), "first": found[0]} for pair, found in escaped.items()}
    return {"red": red, "escaped": told, "lost": lost, "count": count}


def _fail(place: Path, codes: Mapping[Any, str]) -> dict[Any, str]:
    """What of ``codes`` fails in a folder, in one process, and how."""
    script = (
        "import json, sys, traceback\nsys.path.insert(0, '.')\nfailed = {}\n"
        "for name, code in json.load(sys.stdin).items():\n"
        "    try:\n        exec(code, {})\n"
        "    except Exception as error:\n        failed[name] = f'{type(error).__name__}: {error}'\n"
        "print(json.dumps(failed))\n"
    )
    names = {str(name): name for name in codes}
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", script], cwd=place, capture_output=True, text=True, check=True,
        input=json.dumps({str(name): code for name, code in codes.items()}),
    )  # fmt: skip
    return {names[name]: said for name, said in json.loads(done.stdout).items()}
