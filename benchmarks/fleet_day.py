"""A day of a whole fleet, accelerated: issues are filed, scripted agents resolve them, and everything is accounted for.

    python benchmarks/fleet_day.py [--projects 11] [--issues 135] [--pairs 24] [--minutes 25] [--seed 1] [--keep FOLDER]

The fleet is the real one: ``watchkeeper up --fleet`` with a watch daemon for each project, worktrees, tests, probes and
the landing queue. Agents are programs that really edit files (``day_agent.py``): some slow, one in some that crashes,
breaks its own test once, or finds nothing to do. All issues of a project are filed at once, with one import. A person,
who is scripted too, closes what agents found nothing to do in, and duplicates. ``day_account`` says what became of each
issue and of each planted pair, and runs every tree that any main ever had against what is true.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from day_account import account
from day_measure import Sampler, wait_until
from day_plans import Work, base_files, plan_day
from day_story import Reader, Story
from figures import record_figures
from landing_project import RUNNER, write
from scratch import ROOT, commit_all, create_repository

PROJECT = """[project]
test = "{python} -S -E -B runner.py {{junit}}"
test_timeout = 60
[landing]
wait_risk = 101
"""
_AGENT = Path(__file__).with_name("day_agent.py")
_CLOSED_S = 3.0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=11)
    parser.add_argument("--issues", type=int, default=135)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=25, help="the most that it may last")
    parser.add_argument("--slots", type=int, default=12, help="engagements at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="an empty folder for all that is made, to look at")
    options = parser.parse_args(arguments)
    kept = nullcontext(str(options.keep)) if options.keep else tempfile.TemporaryDirectory(prefix="fleet-day-")
    with kept as folder:
        works = plan_day(options.projects, options.issues, options.pairs, options.seed)
        day = Day(Path(folder), works, options.projects, options.slots)
        figures = day.run(options.minutes * 60)
    print(json.dumps(figures, indent=1))
    command = f"python benchmarks/fleet_day.py --projects {options.projects} --issues {options.issues}"
    record_figures(
        "fleet_day", figures, command=f"{command} --pairs {options.pairs} --slots {options.slots} --seed {options.seed}"
    )
    return 0 if is_right(figures) else 1


def is_right(figures: dict[str, Any]) -> bool:
    """Everything is accounted for, nothing is lost, and no loud pair escaped."""
    return not figures["unaccounted"] and not figures["lost_work"] and not figures["red_trees"]


class Day:
    """One fleet in a folder of its own, from its first commit to its last figure."""

    def __init__(self, root: Path, works: list[Work], projects: int, slots: int) -> None:
        self.root, self.works, self.projects, self.slots = root, works, projects, slots
        self.home = root / "home"
        self.env = {
            **os.environ, "WATCHKEEPER_HOME": str(self.home), "PYTHONPATH": str(ROOT / "src"),
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "day", "GIT_AUTHOR_EMAIL": "day@invalid",
            "GIT_COMMITTER_NAME": "day", "GIT_COMMITTER_EMAIL": "day@invalid",
        }  # fmt: skip
        self._reader: Reader | None = None

    def repo(self, project: int) -> Path:
        return self.root / f"project-{project:02}"

    def make(self) -> None:
        """Repositories, the fleet's file, and what agents read of their issues."""
        (self.root / "turns").mkdir(parents=True)
        for number in range(self.projects):
            create_repository(self.repo(number))
            settings = PROJECT.format(python=sys.executable)
            write(
                self.repo(number),
                {"runner.py": _runner(), "watchkeeper.toml": settings, ".gitignore": "__pycache__/\n"},
            )
            write(self.repo(number), base_files(self.works, number))
            commit_all(self.repo(number), "base")
        (self.root / "plans.json").write_text(json.dumps({each.key: each._asdict() for each in self.works}))
        fleet = f"[fleet]\nconcurrency = {self.slots}\nretry_minutes = 1\nkeep_free_mb = 256\n"
        command = json.dumps([sys.executable, str(_AGENT), str(self.root)])
        fleet += f'[agent.script]\nprotocol = "plain"\nmemory_mb = 60\ncommand = {command}\n'
        fleet += "".join(
            f'[[project]]\nname = "p{n:02}"\npath = "project-{n:02}"\nconcurrency = 3\n' for n in range(self.projects)
        )
        (self.root / "fleet.toml").write_text(fleet)

    def run(self, most_s: float) -> dict[str, Any]:
        """The whole day; whatever was started has ended when it returns."""
        self.make()
        began = time.time()
        output = (self.root / "fleet.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "up", "--foreground", "--fleet", str(self.root / "fleet.toml")],
            env=self.env, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True, cwd=self.root,
        )  # fmt: skip
        sampler = Sampler(process.pid)
        try:
            self._file_all()
            is_over = wait_until(self._is_over, most_s, 2.0)
            ended = time.time()
            time.sleep(_CLOSED_S)
        finally:
            output.close()
            sampler.end()
            process.terminate()
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
        figures = {
            "projects": self.projects,
            "issues": len(self.works),
            "slots": self.slots,
            "ended_by_itself": is_over,
        }
        figures |= account(self.story(), self.works, self.root, began, ended)
        return figures | _taken(sampler, self.root, ended - began)

    def story(self) -> Story:
        """What is recorded until now."""
        self._reader = self._reader or Reader([self.repo(n) for n in range(self.projects)], self.works, self.env)
        return self._reader.look()

    def _file_all(self) -> None:
        """The whole backlog of each project at once, as it lies there in the evening."""
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(self._file, range(self.projects)))

    def _file(self, project: int) -> None:
        mine = [each for each in self.works if each.project == project]
        lines = [
            {"id": each.key, "title": each.title, "body": f"See the plan of {each.key}.", "labels": [each.label],
             "depends_on": [each.after] if each.after else []}
            for each in mine
        ]  # fmt: skip
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self._verb("issue", "import", "-", "--repo", str(self.repo(project)), given=text)

    def _is_over(self) -> bool:
        """No issue may still come to something by itself. The person does what is his meanwhile."""
        story = self.story()
        for identity, why, reason, project in story.for_person():
            self._verb("issue", "close", identity, "--why", why, "--reason", reason, "--repo", str(self.repo(project)))
        return story.count_settled() == len(self.works)

    def _verb(self, *words: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words],
            env=self.env, capture_output=True, text=True, check=False, timeout=120, cwd=self.root, input=given,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout} {done.stderr}")
        return done.stdout


def _runner() -> str:
    return RUNNER.replace("import sys\n", 'import sys\n\nsys.path.insert(0, ".")\n', 1)


def _taken(sampler: Sampler, root: Path, lasted: float) -> dict[str, Any]:
    turns = [json.loads(path.read_text()) for path in (root / "turns").glob("*.json")]
    at_work = sampler.agents
    return {
        "cpu_s": {name: round(found, 1) for name, found in sorted(sampler.cpu.items())}
        | {"of it agents, by their own count": round(sum(each["cpu_s"] for each in turns), 1)},
        "cpu_share_of_2_cores": round(sum(sampler.cpu.values()) / lasted / 2, 2),
        "peak_pss_mb": round(sampler.peak_mb),
        "peak_pss_mb_by_kind": {name: round(found) for name, found in sorted(sampler.peak_by.items())},
        "processes_at_peak": sampler.peak_count,
        "agent_turns": len(turns),
        "agents_at_work": {"mean": round(sum(at_work) / max(1, len(at_work)), 1), "most": max(at_work, default=0)},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
