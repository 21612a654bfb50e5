"""A generated project whose changes go wrong in planted ways, and what has to become of each of them.

Its tests take a few hundredths of a second. A change is a branch with one or two commits. Planted are pairs that git
merges cleanly and that each pass alone, a triple of which every two pass, changes that fail alone, ones that git cannot
merge, ones that are built on others, and two tests that fail now and then.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scratch import commit_all, create_repository, git

RUNNER = '''"""Runs tests/test_*.py and leaves a JUnit report: a tenth of what pytest takes to start."""
import pathlib
import sys
from xml.sax.saxutils import quoteattr

cases, failed = [], 0
for path in sorted(pathlib.Path("tests").glob("test_*.py")):
    space = {"__name__": path.stem}
    try:
        exec(compile(path.read_text(), str(path), "exec"), space)
        found = {name: each for name, each in space.items() if name.startswith("test_")}
    except Exception as error:
        found = {"loads": lambda error=error: (_ for _ in ()).throw(error)}
    for name, test in found.items():
        try:
            test()
            said = ""
        except Exception as error:
            failed += 1
            said = f"<failure message={quoteattr(f'{type(error).__name__}: {error}')}/>"
            print(f"FAILED {path}::{name}")
        cases.append(f'<testcase classname="{path}" name="{name}">{said}</testcase>')
pathlib.Path(sys.argv[1]).write_text(f"<testsuite>{''.join(cases)}</testsuite>")
sys.exit(1 if failed else 0)
'''
BUDGETS = '''"""What the parts use of what there is."""
import pathlib

LIMIT = 100


def used(budget):
    lines = [line.split() for path in pathlib.Path("parts").glob("*.txt") for line in path.read_text().splitlines()]
    return sum(int(line[1]) for line in lines if line[0] == budget)
'''
FLAKY = '''"""Fail now and then, whatever the tree holds: a counter beside it says when."""
import os
import pathlib
import random


def is_unlucky(name):
    if os.environ.get("STEADY"):
        return False
    place = pathlib.Path(".tox") / name
    place.parent.mkdir(exist_ok=True)
    count = int(place.read_text()) if place.exists() else 0
    draft = place.with_name(f"{{name}}.new")
    draft.write_text(str(count + 1))
    draft.replace(place)  # whoever runs this may be killed here
    return random.Random(f"{SEED} {{name}} {{pathlib.Path.cwd().parent}} {{count}}").random() < {RATE}


def test_now_and_then():
    assert not is_unlucky("now-and-then")


def test_on_a_bad_day():
    assert not is_unlucky("on-a-bad-day")
'''
SHOP = '"""Shop {n}."""\n\n\ndef price(n):\n    return 2 * n\n'
TEST_SHOP = "import shop_{n}\n\n\ndef test_shop_{n}():\n    assert shop_{n}.{name}(1) == 2\n"
TOTAL = "import shop_{n}\n\n\ndef total(numbers):\n    return sum(shop_{n}.price(n) for n in numbers)\n"
TEST_TOTAL = "import totals_{n}\n\n\ndef test_total_{n}():\n    assert totals_{n}.total([1, 2]) == 6\n"
SETTINGS = """[project]
test = "{python} -S -E -B runner.py {{junit}}"
checks = []
budget = 2.0
test_timeout = 60
[landing]
method = "{method}"
slots = {slots}
batch = {batch}
wait_risk = 101
"""


class Counts(NamedTuple):
    """How many of each kind are planted; the others of ``all`` go with everything."""

    all: int = 64
    pairs: int = 4
    renames: int = 2
    triples: int = 1
    alone: int = 5
    clashes: int = 3
    stacks: int = 3


class Planted(NamedTuple):
    """``sets`` have to be named, each by its members' names, and no others may be. ``clashing`` are pairs of which one
    goes back because git cannot merge it; ``stacked`` maps a change to the one that holds all of it; ``repairs`` are
    files with which a member of a set comes again and passes."""

    names: tuple[str, ...]
    sets: frozenset[frozenset[str]]
    clashing: tuple[tuple[str, str], ...]
    stacked: Mapping[str, str]
    repairs: Mapping[str, Mapping[str, str]]


class Project:
    """Makes the repository at ``path`` with ``main`` checked out and a branch for each change."""

    def __init__(self, path: Path, seed: int, counts: Counts) -> None:
        self.path = path
        self._counts = counts
        self._chance = random.Random(seed)
        self._sets: set[frozenset[str]] = set()
        self._repairs: dict[str, dict[str, str]] = {}
        self._stacked: dict[str, str] = {}
        self._clashing: list[tuple[str, str]] = []
        self._names: list[str] = []
        self._budgets: list[str] = []
        self._seed = seed

    def make(self, method: str, slots: int, batch: int, flake: float) -> Planted:
        """Everything; the changes' names come in the order in which they are to be queued."""
        counts = self._counts
        self._budgets = [
            *(f"pair_{n}" for n in range(counts.pairs)), *(f"triple_{n}" for n in range(counts.triples)),
            *(f"alone_{n}" for n in range(counts.alone)), "pushed", "stack",
        ]  # fmt: skip
        self._make_base(SETTINGS.format(python=sys.executable, method=method, slots=slots, batch=batch), flake)
        for number in range(counts.pairs):
            self._plant_budget(f"pair_{number}", 60, 2)
        for number in range(counts.triples):
            self._plant_budget(f"triple_{number}", 40, 3)
        for number in range(counts.alone):
            self._plant_budget(f"alone_{number}", 160, 1)
        for number in range(counts.renames):
            self._plant_rename(number)
        for number in range(counts.clashes):
            self._plant_clash(number)
        for number in range(counts.stacks):
            self._plant_stack(number, is_bad=number == 0)
        for number in range(counts.all - len(self._names)):
            self._branch(f"plain-{number}", {f"parts/plain_{number}.txt": f"plain {number}\n"})
        git(self.path, "checkout", "-q", "main")
        self._chance.shuffle(self._names)
        return Planted(tuple(self._names), frozenset(self._sets), tuple(self._clashing), self._stacked, self._repairs)

    def _make_base(self, settings: str, flake: float) -> None:
        create_repository(self.path)
        tests = "".join(f"\n\ndef test_{name}():\n    assert used({name!r}) <= LIMIT\n" for name in self._budgets)
        flaky = FLAKY.replace("{RATE}", str(flake)).replace("{SEED}", str(self._seed))
        files = {
            "runner.py": RUNNER, "budgets.py": BUDGETS, "watchkeeper.toml": settings, ".gitignore": ".tox/\n",
            "tests/test_budgets.py": f"from budgets import LIMIT, used\n{tests}",
            "tests/test_flaky.py": flaky.replace("{{", "{").replace("}}", "}"),
            "parts/first.txt": "first 1\n",
            "notes.md": "".join(f"Note {n}\n\n" for n in range(self._counts.clashes)),
        }  # fmt: skip
        for number in range(self._counts.renames):
            files[f"shop_{number}.py"] = SHOP.format(n=number)
            files[f"tests/test_shop_{number}.py"] = TEST_SHOP.format(n=number, name="price")
        write(self.path, files)
        commit_all(self.path, "base")

    def _plant_budget(self, budget: str, use: int, members: int) -> None:
        """``members`` of them use more than there is, one less does not."""
        names = [f"{budget}-{letter}".replace("_", "-") for letter in "abc"[:members]]
        for name in names:
            self._branch(name, {f"parts/{name}.txt": f"{budget} {use}\n"})
            self._repairs[name] = {f"parts/{name}.txt": f"{budget} 10\n"}
        self._sets.add(frozenset(names))

    def _plant_rename(self, number: int) -> None:
        """One gives a function another name, the other calls it by the old one."""
        renames, calls = f"rename-{number}", f"totals-{number}"
        self._branch(renames, {
            f"shop_{number}.py": SHOP.format(n=number).replace("price", "cost"),
            f"tests/test_shop_{number}.py": TEST_SHOP.format(n=number, name="cost"),
        })  # fmt: skip
        self._branch(calls, {
            f"totals_{number}.py": TOTAL.format(n=number),
            f"tests/test_totals_{number}.py": TEST_TOTAL.format(n=number),
        })  # fmt: skip
        self._sets.add(frozenset({renames, calls}))

    def _plant_clash(self, number: int) -> None:
        names = (f"clash-{number}-a", f"clash-{number}-b")
        text = (self.path / "notes.md").read_text()
        for name in names:
            self._branch(name, {"notes.md": text.replace(f"Note {number}\n", f"Note {number} as {name} has it\n")})
        self._clashing.append(names)

    def _plant_stack(self, number: int, *, is_bad: bool) -> None:
        """The second is built on the first; both are wrong where the first one is."""
        below, above = f"stack-{number}-below", f"stack-{number}-above"
        use = 160 if is_bad else 1
        self._branch(below, {f"parts/{below}.txt": f"stack {use}\n"})
        self._branch(above, {f"parts/{above}.txt": "plain 1\n"}, start=below)
        if is_bad:
            self._sets |= {frozenset({below}), frozenset({above})}
        else:
            self._stacked[below] = above

    def _branch(self, name: str, files: Mapping[str, str], start: str = "main") -> None:
        git(self.path, "checkout", "-q", "-b", name, start)
        write(self.path, files)
        commit_all(self.path, f"work of {name}")
        git(self.path, "checkout", "-q", "main")
        self._names.append(name)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files with their folders."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def failing_tests(repo: Path, commit: str, folder: Path) -> Sequence[str]:
    """What fails on a commit, in a checkout of its own where nothing fails by chance."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(repo), "archive", commit], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    done = subprocess.run(
        [sys.executable, "-S", "-B", "runner.py", str(folder / "report.xml")],
        cwd=folder, env={"STEADY": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return failed if done.returncode == 0 or failed else [f"exit code {done.returncode}: {done.stderr[-300:]}"]
