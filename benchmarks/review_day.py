"""Recorded days with planted problems: how many of them does the brief show among the first that are read?

    python benchmarks/review_day.py [--seeds 1 2] [--minutes 8] [--first 15] [--keep FOLDER]
    python benchmarks/review_day.py --score FOLDER

A day is a real fleet of six projects: scripted agents resolve sixty issues in worktrees, with a watch that probes each
project, tests by pytest, and the landing queue; one change gets to its branch past the queue. Eight problems are
planted (``review_plans``), each in one of several ways. The brief is made of what git, events and reports say; which
changes are planted stands in a file that it never sees. ``--score`` scores a day that others recorded: a folder with
``fleet.toml``, the state in ``home``, and ``truth.json``: a list of {"problem", "project", "any": [[names], ...]}.

An entry stands for a problem where its own sentence or evidence names the change, and no more than four changes in all:
one that lists the whole day stands for none. ``named``: its words say what is wrong as well. Prints the counts, and the
rank of each problem; exits with 1 where fewer than ``--least`` of a day stand among the first. Named rival, in the same
run: the changes by the number of lines that they changed, the largest first.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from day_measure import wait_until
from figures import record_figures
from landing_project import write
from review_plans import PROBLEMS, PROJECTS, Work, apply, files_of, name_of, plan_day
from scratch import ROOT, commit_all, create_repository, git
from watchkeeper.app import now
from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.controlroom.scope import Scope, find_scope, open_scope_log
from watchkeeper.landing.waiters import Place
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import BriefEntry, CommitRef, ReportRef
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier

SETTINGS = """[project]
test = "{python} -m pytest -q -p no:cacheprovider -p no:randomly {{tests}}"
test_timeout = 120
[landing]
wait_risk = 101
"""
_AGENT = Path(__file__).with_name("review_agent.py")
_MOST_CHANGES = 4
_WORDS = {
    "weakened-test": r"test|assert|skip",
    "secret": r"secret|token|key|credential|password",
    "contradictory-decisions": r"contradict|differ|disagree|otherwise|two ",
    "untested-rewrite": r"rewr|no test|untested|executes",
    "conflict-past-the-queue": r"past the queue|conflict|together|red|both",
    "empty-success": r"nothing|empty|no effect|no-effect|wrote no|without",
    "removed-ownership-check": r"owner|auth|permission|access|check|forbidden",
    "migration-clash": r"migration",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--minutes", type=float, default=8, help="the most that a day may last")
    parser.add_argument("--first", type=int, default=15)
    parser.add_argument("--least", type=int, default=7)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the days are kept, to look at")
    parser.add_argument("--score", type=Path, metavar="FOLDER", help="score a day that is there")
    options = parser.parse_args(arguments)
    if options.score:
        found = score(options.score, options.first)
        print(json.dumps(found, indent=1))
        return 0 if found["stand"] >= options.least else 1
    days = {}
    for seed in options.seeds:
        kept = nullcontext(str(options.keep / str(seed))) if options.keep else tempfile.TemporaryDirectory()
        with kept as folder:
            root = Path(folder)
            lasted = Day(root, seed).run(options.minutes * 60)
            days[str(seed)] = {"lasted_s": round(lasted), **score(root, options.first)}
            print(json.dumps({seed: days[str(seed)]}, indent=1))
    seeds = " ".join(map(str, options.seeds))
    record_figures("review_day", {"days": days}, command=f"python benchmarks/review_day.py --seeds {seeds}")
    return 0 if all(each["stand"] >= options.least for each in days.values()) else 1


class Day:
    """One day in a folder of its own, from the first commit to the last survey."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.seed, self.works = root, seed, plan_day(seed)
        self.env = {
            **os.environ, "WATCHKEEPER_HOME": str(root / "home"), "PYTHONPATH": str(ROOT / "src"),
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "day", "GIT_AUTHOR_EMAIL": "day@invalid",
            "GIT_COMMITTER_NAME": "day", "GIT_COMMITTER_EMAIL": "day@invalid",
        }  # fmt: skip
        self._calm = 0

    def repo(self, project: int) -> Path:
        return self.root / name_of(project)

    def make(self) -> None:
        """Repositories, the fleet's file, the plan for agents, and what is true."""
        (self.root / "turns").mkdir(parents=True)
        for number in range(PROJECTS):
            create_repository(self.repo(number))
            files = files_of(number, self.seed) | {"watchkeeper.toml": SETTINGS.format(python=sys.executable)}
            write(self.repo(number), files)
            commit_all(self.repo(number), "base")
        (self.root / "plans.json").write_text(json.dumps({each.key: each._asdict() for each in self.works}))
        fleet = "[fleet]\nconcurrency = 6\nmax_attempts = 1\nretry_minutes = 1\nkeep_free_mb = 256\n"
        command = json.dumps([sys.executable, str(_AGENT), str(self.root)])
        fleet += f'[agent.script]\nprotocol = "plain"\nmemory_mb = 60\ncommand = {command}\n'
        fleet += "".join(
            f'[[project]]\nname = "{name_of(n)}"\npath = "{name_of(n)}"\nconcurrency = 2\n' for n in range(PROJECTS)
        )
        (self.root / "fleet.toml").write_text(fleet)

    def run(self, most_s: float) -> float:
        """The whole day; how long it lasted. Whatever was started has ended when it returns."""
        self.make()
        began = time.time()
        with (self.root / "fleet.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "watchkeeper", "up", "--foreground", "--fleet", str(self.root / "fleet.toml")],
                env=self.env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, cwd=self.root,
            )  # fmt: skip
            try:
                for number in range(PROJECTS):
                    self._file(number)
                self._follow(most_s)
            finally:
                process.terminate()
                try:
                    process.wait(120)
                except subprocess.TimeoutExpired:
                    process.kill()
        self._verb("desk", "--once", "--fleet", str(self.root / "fleet.toml"))
        (self.root / "truth.json").write_text(json.dumps(self._truth(), indent=1))
        return time.time() - began

    def _follow(self, most_s: float) -> None:
        scope = find_scope(self.root / "fleet.toml", self.root, self.env)
        with open_scope_log(scope, self.env) as log:
            reader = Reader(log, scope, now)
            first = next(e for e in self.works if e.problem == "conflict-past-the-queue" and not e.is_past)
            wait_until(lambda: _has_landed(first, reader.look()), most_s / 2, 0.5)
            self._go_past()
            wait_until(lambda: self._is_over(reader.look()), most_s, 2.0)

    def _go_past(self) -> None:
        """Somebody merges a branch into its target branch himself; it began in the morning, as all others."""
        work = next(each for each in self.works if each.is_past)
        repo, place = self.repo(work.project), self.root / "past"
        base = git(repo, "rev-list", "--max-parents=0", "main").strip()
        git(repo, "worktree", "add", "-q", "-b", work.key, str(place), base)
        apply(work.edits, place)
        git(place, "add", "-A")
        self._git(place, "commit", "-q", "-m", work.message)
        for _ in range(20):  # the queue may move it meanwhile
            old = git(repo, "rev-parse", "main").strip()
            git(place, "checkout", "-q", "--detach", old)
            self._git(place, "merge", "-q", "--no-edit", work.key)
            new = git(place, "rev-parse", "HEAD").strip()
            try:
                git(repo, "update-ref", "refs/heads/main", new, old)
                break
            except Exception:  # noqa: BLE001 once more, on what is there now
                time.sleep(0.2)
        git(repo, "worktree", "remove", "--force", str(place))

    def _git(self, place: Path, *words: str) -> None:
        """As somebody does it now: other commits of the day have their own moments as well."""
        subprocess.run(["git", *words], cwd=place, env=self.env, check=True, capture_output=True, timeout=60)

    def _is_over(self, picture: Picture) -> bool:
        """Nobody is at work, nothing waits, and so it was for a while."""
        calm = True
        for each in picture.projects.values():
            tried = all(issue.attempts for issue in each.fleet.open_issues())
            waits = any(row.place is not Place.HELD for row in each.landing.view.rows)
            calm = calm and tried and not waits and not any(each.fleet.live()) and bool(each.fleet.issues)
        self._calm = self._calm + 1 if calm else 0
        return self._calm >= 6

    def _file(self, project: int) -> None:
        mine = [each for each in self.works if each.project == project and not each.is_past]
        lines = [{"id": each.key, "title": each.title, "body": each.body, "labels": ["ready-for-dev"]} for each in mine]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self._verb("issue", "import", "-", "--repo", str(self.repo(project)), given=text)

    def _truth(self) -> list[dict[str, Any]]:
        """For each problem, change by change, all names by which an entry may mean it."""
        scope = find_scope(self.root / "fleet.toml", self.root, self.env)
        with open_scope_log(scope, self.env) as log:
            picture = Reader(log, scope, now).look()
        truth = []
        for problem in PROBLEMS:
            works = [each for each in self.works if each.problem == problem]
            names = [_names(each, picture) for each in works]
            truth.append({"problem": problem, "project": name_of(works[0].project), "any": names})
        return truth

    def _verb(self, *words: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words],
            env=self.env, capture_output=True, text=True, check=False, timeout=600, cwd=self.root, input=given,
        )  # fmt: skip
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{' '.join(words)}: {done.stdout} {done.stderr}")
        return done.stdout


def _has_landed(work: Work, picture: Picture) -> bool:
    landed = picture.projects[name_of(work.project)].landing.landed
    return any(work.key in each.entry.change for each in landed)


def _names(work: Work, picture: Picture) -> list[str]:
    """The issue, engagements, entries, branches and commits of a change, and conflicts in which it is a side."""
    project = picture.projects[name_of(work.project)]
    found = {work.key}
    for standing in project.fleet.issues.values():
        if standing.issue.title.startswith(work.key):
            found |= {str(standing.issue.id), *map(str, standing.attempts)}
    for landed in project.landing.landed:
        if work.key in f"{landed.entry.change} {landed.entry.title} {landed.entry.id}" or _is_past(work, landed.entry):
            found |= {str(landed.commit), str(landed.entry.head), str(landed.entry.id)}
    for entry in project.landing.entries.values():
        if work.key in f"{entry.change} {entry.title}":
            found |= {str(entry.id), str(entry.head)}
    for decision in project.review.decisions.values():
        if decision.decision.commit in found or work.key in decision.decision.change:
            found.add(str(decision.decision.id))
    for conflict in project.standing.conflicts.values():
        sides = {str(each) for each in conflict.conflict.changes}
        if any(work.key in side for side in sides) or sides & {f"landed:{each[:10]}" for each in found}:
            found.add(str(conflict.conflict.id))
    return sorted(found)


def _is_past(work: Work, entry: Any) -> bool:
    return work.is_past and entry.title == work.message.strip().splitlines()[0]


# -- the score -----------------------------------------------------------------------------------------------------


def score(root: Path, first: int) -> dict[str, Any]:
    """How a brief over the whole of a recorded day does."""
    env = {**os.environ, "WATCHKEEPER_HOME": str(root / "home")}
    scope: Scope = find_scope(root / "fleet.toml", root, env)
    truth = json.loads((root / "truth.json").read_text())
    with open_scope_log(scope, env) as log:
        reader = Reader(log, scope, now)
        verifier = LiveVerifier(reader)
        picture = verifier.picture
        brief = build_brief(picture, scope, Millis(0), verifier)
    entries = [each for section in brief.sections for each in section.entries]
    ranks = {each["problem"]: _rank(each, entries) for each in truth}
    stand = {name: rank for name, (rank, _) in ranks.items() if rank and rank <= first}
    named = {name: rank for name, (_, rank) in ranks.items() if rank and rank <= first}
    return {
        "changes": sum(len(each.review.changes) for each in picture.projects.values()),
        "entries": len(entries),
        "problems": len(truth),
        "stand": len(stand),
        "named": len(named),
        "rival_by_size": len(_rival(truth, picture, first)),
        "ranks": {name: rank for name, (rank, _) in ranks.items()},
        "first": [f"{entry.claim.standing.value}: {entry.claim.text}" for entry in entries[:first]],
    }


def _rank(truth: Mapping[str, Any], entries: list[BriefEntry]) -> tuple[int, int]:
    """The place of the first entry that stands for a problem, and of the first that names it; 0: none."""
    stands = 0
    for at, entry in enumerate(entries, 1):
        if not _means(entry, truth["any"]):
            continue
        stands = stands or at
        if re.search(_WORDS[truth["problem"]], entry.claim.text, re.IGNORECASE):
            return stands, at
    return stands, 0


def _means(entry: BriefEntry, sides: list[list[str]]) -> bool:
    own = {each.commit if isinstance(each, CommitRef) else each.id for each in entry.claim.evidence
           if isinstance(each, CommitRef | ReportRef)}  # fmt: skip
    if len(own) > 2 * _MOST_CHANGES:
        return False
    text = entry.claim.text
    return any(own & set(names) or any(name in text for name in names if len(name) > 4) for names in sides)


def _rival(truth: list[dict[str, Any]], picture: Picture, first: int) -> list[str]:
    surveys = [each.survey for project in picture.projects.values() for each in project.review.changes.values()]
    surveys.sort(key=lambda each: -(each.lines_added + each.lines_removed))
    shown = {name for each in surveys[:first] for name in (each.commit, each.entry, each.issue)}
    return [each["problem"] for each in truth if any(shown & set(names) for names in each["any"])]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
