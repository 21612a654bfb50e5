"""Kill -9 of a fleet's processes at random moments: no work is lost, no issue is worked on twice, main stays green.

    python benchmarks/fleet_storm.py [--kills 100] [--issues 30] [--seed 1] [--out FILE]

Two projects with real git and real tests, scripted agents, the installed program. Killed is the fleet's daemon alone,
an agent or its guardian, a watch, the queue's driver, or everything; then the fleet is started again. Some issues are
about the same function, so that changes come back and are repaired. At the end everything is let finish, and what the
record, git and the agents' own notes on disk say is compared. Ends with 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from figures import RESULTS, record_figures, render_table
from scratch import ROOT, git

sys.path.insert(0, str(ROOT / "tests"))

from fleetscene import FleetScene, fleet_scene
from processes import own_cpu_s
from watchkeeper.app import now
from watchkeeper.model.fleet import DispatchOverruled, Issue, IssueFiled, IssueId

VICTIMS = {"daemon": 6, "agent": 6, "watch": 3, "queue": 4, "everything": 3}
"""Who is killed, and how often in so many."""
MODULES = 6
IDLE_S = 10.0
SETTLE_S = 300.0
PROJECTS = ("api", "shop")
_LIVE = {"preparing", "running", "waiting", "checking"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--issues", type=int, default=30, help="in both projects together (30)")
    parser.add_argument("--minutes", type=float, default=60.0, help="no kill after so many (60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the figures go instead of benchmarks/results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fleet-storm-") as temporary:
        os.environ["XDG_CONFIG_HOME"] = f"{temporary}/config"
        with fleet_scene(Path(temporary)) as scene:
            storm = Storm(scene, random.Random(options.seed))
            figures = storm.run(options.kills, options.issues, options.minutes * 60)
        figures["left running"] = 0  # else the scene has raised
    if options.out is not None:
        options.out.write_text(json.dumps(figures))
    else:
        record_figures("fleet_storm", figures)
        print(f"written: {RESULTS / 'fleet_storm.json'}")
    print(render_table(["what", "figure"], [[name, value] for name, value in figures.items()]))
    sys.exit(1 if figures["wrong"] else 0)


class Storm:
    """One fleet, what was filed, what was killed, and what was wrong."""

    def __init__(self, scene: FleetScene, chance: random.Random) -> None:
        self._scene = scene
        self._chance = chance
        self._killed: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._filed: dict[str, list[str]] = {name: [] for name in PROJECTS}
        self._overruled = set[tuple[str, str]]()
        self._wanted: dict[str, tuple[str, str]] = {}

    def run(self, kills: int, issues: int, most_s: float) -> dict[str, Any]:
        """All kills, the end of all work, and what is found then."""
        for name in PROJECTS:
            self._scene.add(name)
        self._scene.configure(fleet="concurrency = 4\nmax_attempts = 100")
        bases = {name: repo.head for name, repo in self._scene.repos.items()}
        self._scene.up()
        began = time.monotonic()
        while sum(self._killed.values()) < kills:
            while sum(map(len, self._filed.values())) < issues * (sum(self._killed.values()) + 2) / kills:
                self._file()
            self._kill_one()
            self._overrule()
            if time.monotonic() - began > most_s:
                break
        stormed_s = time.monotonic() - began
        while sum(map(len, self._filed.values())) < issues:
            self._file()
        ends = self._settle()
        idle = self._idle()
        trees = sum(self._judge(name, bases[name], ends[name]) for name in PROJECTS)
        taken = [each["what"] for name in PROJECTS for each in self._told(name, "engagement-nudged")]
        return {
            "kills": sum(self._killed.values()), "killed": dict(self._killed), "wrong": dict(self._wrong),
            "issues": sum(map(len, self._filed.values())),
            "landed": sum(why == "landed" for each in ends.values() for why in each.values()),
            "engagements": sum(len(self._told(name, "engagement-sealed")) for name in PROJECTS),
            "overruled": len(self._overruled),
            "taken over": taken.count("taken over"), "started again": taken.count("started again"),
            "agents' runs": self._count_marks("start"), "trees of main tested": trees, **idle,
            "storm s": round(stormed_s), "seconds in all": round(time.monotonic() - began),
        }  # fmt: skip

    def _file(self) -> None:
        """An issue whose agent works for a moment, on a function that another one's may be at too."""
        project = self._chance.choice(PROJECTS)
        number = len(self._filed[project]) + 1
        identity = f"{project}#{number}"
        module, line = f"m{self._chance.randrange(MODULES)}.py", f"    n += {number}"
        half = f"work/{project}{number}.txt"
        turn = [
            ["write", half, "half\n"], ["rest", self._chance.uniform(0.0, 2.5)],
            ["union", module, line], ["rest", self._chance.uniform(0.0, 1.0)],
        ]  # fmt: skip
        body = f"PLAN {project}{number}: {json.dumps([turn])}"
        issue = Issue(IssueId(identity), f"Do {number}", body, labels=("ready",), filed_at=now())
        self._scene.tell(project, IssueFiled(issue))
        self._filed[project].append(identity)
        self._wanted[identity] = (module, line)

    def _kill_one(self) -> None:
        pause(self._chance.uniform(0.1, 2.5))
        victim = self._chance.choices([*VICTIMS], [*VICTIMS.values()])[0]
        found = self._find(victim)
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        if not found:
            return
        self._killed[victim] += 1
        if victim in {"daemon", "everything"}:
            pause(self._chance.choice([0.0, 0.0, 1.0, 3.0]))
            self._scene.up()

    def _find(self, victim: str) -> list[psutil.Process]:
        seen = self._scene.processes()
        if victim == "everything":
            return seen
        found = [each for each in seen if is_victim(victim, command_of(each))]
        return [self._chance.choice(found)] if found else []

    def _settle(self) -> dict[str, dict[str, str]]:
        """Let all come to its end; who was interrupted too often gets one more try. How each issue ended."""
        ends = time.monotonic() + SETTLE_S
        self._scene.up()
        while time.monotonic() < ends:
            closed = {name: self._scene.closings(name) for name in PROJECTS}
            left = {name: [each for each in self._filed[name] if each not in closed[name]] for name in PROJECTS}
            if not any(left.values()):
                break
            self._overrule()
            pause(1.0)
        for name, issues in left.items():
            for issue in issues:
                why = self._scene.over(name).get(issue, "")
                self._note("not closed" if not why else f"not closed: {why[:80]}", self._scene.shown(name, issue))
        return closed

    def _overrule(self) -> None:
        """Who was interrupted too often needs a person: this one lets it be tried again."""
        for name in PROJECTS:
            told = self._scene.record(name)
            for issue, why in find_interrupted(told).items():
                if (issue, why) not in self._overruled:
                    self._overruled.add((issue, why))
                    self._scene.tell(name, DispatchOverruled(IssueId(issue), "storm"))

    def _idle(self) -> dict[str, object]:
        """What the daemon and all below it take of one processor when nothing is to be done."""
        pid = self._scene.up()
        pause(3.0)
        before, began = own_cpu_s(pid), time.monotonic()
        pause(IDLE_S)
        taken, elapsed = own_cpu_s(pid), time.monotonic() - began
        shares = {each: (cpu - before.get(each, 0.0)) / elapsed for each, cpu in taken.items()}
        return {"idle daemon %": round(100 * shares[pid], 2), "idle all %": round(100 * sum(shares.values()), 2)}

    def _judge(self, name: str, base: str, ends: Mapping[str, str]) -> int:
        """What the record, git and the agents' notes say; how many trees of main were tested."""
        self._judge_work(name)
        self._judge_overlaps(name)
        repo = self._scene.repos[name]
        for issue, why in ends.items():
            module, line = self._wanted[issue]
            if why == "landed" and line not in repo.git("show", f"main:{module}").splitlines():
                self._note("landed and not in main", issue)
        commits = repo.git("rev-list", "--first-parent", f"{base}..main").split()
        for number, commit in enumerate(commits):
            place = self._scene.root / f"look-{name}-{number}"
            repo.git("worktree", "add", "-q", "--detach", str(place), commit)
            if os.system(f"cd {place} && {sys.executable} -m unittest -q >/dev/null 2>&1"):
                self._note("a tree of main that fails", commit)
            repo.git("worktree", "remove", "--force", str(place))
        return len(commits)

    def _judge_work(self, name: str) -> None:
        """Each snapshot and each change that was recorded can be reached from a ref."""
        hub, repo = self._scene.hub(name), self._scene.repos[name].path
        kept = {*git(hub, "rev-list", "--all").split(), *git(repo, "rev-list", "--all").split()}
        for each in self._told(name, "engagement-snapped"):
            if each["commit"] not in kept:
                self._note("a snapshot that is lost", each)
        for each in self._told(name, "engagement-moved"):
            change = (each["effect"] or {}).get("change")
            if change and change not in kept:
                self._note("a change that is lost", each)

    def _judge_overlaps(self, name: str) -> None:
        """No two engagements of one issue are at work at once: as it was recorded, and as the agents wrote it down."""
        issue_of, stages = {}, dict[str, str]()
        for each in self._scene.record(name):
            if each["type"] == "engagement-sealed":
                issue_of[each["engagement"]["id"]] = each["engagement"]["issue"]
            elif each["type"] == "engagement-moved":
                stages[each["id"]] = each["stage"]
                live = [i for i, stage in stages.items() if stage in _LIVE and issue_of[i] == issue_of[each["id"]]]
                if len(live) > 1:
                    self._note("worked on twice, as recorded", live)
        for issue in self._filed[name]:
            if self._scene.marked(issue.replace("#", ""), "two"):
                self._note("worked on twice, as agents saw it", issue)

    def _told(self, name: str, kind: str) -> list[dict[str, Any]]:
        return [each for each in self._scene.record(name) if each["type"] == kind]

    def _count_marks(self, what: str) -> int:
        return sum(len(self._scene.marked(e.replace("#", ""), what)) for each in self._filed.values() for e in each)

    def _note(self, kind: str, detail: object) -> None:
        self._wrong[kind] += 1
        print(f"  {kind}: {detail}", flush=True)


def find_interrupted(told: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Issues whose newest engagement was interrupted too often, and which one that is."""
    newest = {e["engagement"]["issue"]: e["engagement"]["id"] for e in told if e["type"] == "engagement-sealed"}
    last = {each["id"]: each for each in told if each["type"] == "engagement-moved"}
    needs = {name for name, each in last.items() if each["stage"] == "needs-person" and "interrupted" in each["reason"]}
    return {issue: engagement for issue, engagement in newest.items() if engagement in needs}


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def is_victim(victim: str, command: str) -> bool:
    """Whether a process with this command line is one."""
    match victim:
        case "daemon":
            return " up --foreground --fleet " in command
        case "agent":
            return "fleetagent.py" in command
        case "watch":
            return " up --foreground --kept " in command
        case _:
            return " land --serve " in command


def pause(seconds: float) -> None:
    """Nothing happens here for so long."""
    time.sleep(seconds)


if __name__ == "__main__":
    main()
