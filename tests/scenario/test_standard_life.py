"""A standard's whole life with the installed program, over three repositories: from candidate to enforced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gitrepo import GitRepo

pytestmark = pytest.mark.timeout(300)

SOON = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()
CALL = "import requests\n\n\ndef load(url):\n    return requests.get(url{more})\n"
PUT = "import requests\n\n\ndef put(url, data):\n    requests.put(url, data)\n"
READ = "import requests\n\n\nclass Feed:\n    def read(self, at):\n        return requests.request('GET', at)\n"
SEND = "from requests import post\n\n\ndef send(to, what):\n    post(to, json=what)\n"
FILES = {
    "shop": {"shop/api.py": CALL.format(more=""), "shop/more.py": PUT},
    "news": {"feed.py": READ},
    "blog": {"pull.py": SEND},
}
TEXT = "Every request has a timeout: without one a dead server holds a worker for ever.\n\nGive `timeout=10`.\n"
ONLY = "errors security tests dead ux gaps dependencies database drift production methodology".split()
QUIET = "".join(f"[dimensions.{name}]\nenabled = false\n" for name in ONLY) + (
    '[dimensions.performance]\nchecks = ["tree"]\n'
)


class Fleet:
    """Three projects in one ``fleet.toml``, and a state folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "home"
        self.repos: dict[str, GitRepo] = {}
        entries = []
        for name, files in FILES.items():
            repo = self.repos[name] = GitRepo.create(root / name)
            toml = f'[project]\ntest = "{sys.executable} -m unittest -q"\n[landing]\nwait_risk = 101\n'
            test = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test(self):\n        pass\n"
            repo.commit("begin", {**files, "watchkeeper.toml": toml, ".scout.toml": QUIET, "test_all.py": test})
            entries.append(f'[[project]]\nname = "{name}"\npath = "{name}"\n')
        (root / "fleet.toml").write_text("[fleet]\n" + "".join(entries))

    def run(self, *words: str, where: str = "", codes: tuple[int, ...] = (0, 1)) -> Any:
        place = self.repos[where].path if where else self.root
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words, "--json"], cwd=place, check=False, timeout=120,
            env={**os.environ, "WATCHKEEPER_HOME": str(self.home), "USER": "ada"}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode in codes, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    def standards(self, *words: str, codes: tuple[int, ...] = (0, 1)) -> Any:
        return self.run("standards", *words, codes=codes)

    def land(self, name: str, branch: str, files: dict[str, str]) -> Any:
        repo = self.repos[name]
        repo.git("checkout", "-q", "-b", branch)
        repo.commit(branch, files)
        repo.git("checkout", "-q", "main")
        return self.run("land", branch, where=name, codes=(0, 1))

    def issues(self, name: str) -> list[dict[str, Any]]:
        return [
            each for each in self.run("issue", "list", where=name)["issues"] if each["title"].startswith("[Standard]")
        ]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def open_places(shown: Any) -> dict[str, int]:
    return {each["project"]: each["points"][-1]["open"] for each in shown["campaign"]["projects"]}


def test_what_three_projects_found_becomes_a_standard_that_stops_new_code_and_burns_down_old(
    fleet: Fleet, tmp_path: Path
) -> None:
    assert fleet.standards("list")["standards"] == [], "nobody has found anything yet"
    for name in FILES:
        found = fleet.run("scout", name, "--no-file")["projects"][0]["dimensions"]["performance"]
        assert {each["rule"] for each in found["findings"]} == {"missing-timeout"}, name

    (candidate,) = fleet.standards("list")["standards"]
    assert (candidate["standard"]["id"], candidate["state"]) == ("std-missing-timeout", "candidate")
    assert "3 projects found it independently" in candidate["moves"][0][1]["why"]
    assert len(candidate["standard"]["known"]) == 4

    # It cannot be proposed before it has a text, a check that finds its cases, and a census of every project.
    refused = fleet.standards("move", "std-missing-timeout", "proposed", codes=(2,))
    assert refused["error"]["slug"] == "standard-no-text"
    text = tmp_path / "timeout.md"
    text.write_text(TEXT)
    words = ("--title", "Every request has a timeout", "--text", str(text), "--owner", "ada")
    fleet.standards("write", "std-missing-timeout", *words, "--rule", "tree:shell-injection")
    refused = fleet.standards("move", "std-missing-timeout", "proposed", codes=(2,))
    assert refused["error"]["slug"] == "standard-recall", "its check finds none of the cases it came from"
    fleet.standards("write", "std-missing-timeout", "--rule", "tree:missing-timeout")
    refused = fleet.standards("move", "std-missing-timeout", "proposed", codes=(2,))
    assert refused["error"]["slug"] == "standard-no-census"
    counted = fleet.standards("count", "std-missing-timeout")["censuses"]
    assert sorted(len(each["violations"]) for each in counted) == [1, 1, 2]
    fleet.standards("move", "std-missing-timeout", "proposed")

    # Nothing is enforced before a person said so.
    landed = fleet.land("shop", "early", {"shop/early.py": CALL.format(more="")})
    assert [each["state"] for each in landed["entries"]] == ["landed"]

    fleet.standards("move", "std-missing-timeout", "adopted", "--reason", "two outages in May")
    assert {name: len(fleet.issues(name)) for name in FILES} == {"shop": 1, "news": 1, "blog": 1}
    fleet.standards("move", "std-missing-timeout", "enforced")

    # New code is stopped, with the standard's text; old code in the same file is not its matter.
    bad = fleet.land("shop", "bad", {"shop/new.py": CALL.format(more="")})
    (entry,) = bad["entries"]
    assert entry["state"] == "bounced"
    assert any("std-missing-timeout" in each for each in entry["evidence"]), entry
    shown = fleet.run("queue", entry["id"], where="shop")
    assert "a dead server holds a worker for ever" in json.dumps(shown), "the standard's text is told"
    good = fleet.land("shop", "good", {"shop/new.py": CALL.format(more=", timeout=10")})
    assert [each["state"] for each in good["entries"]] == ["landed"]
    old = FILES["shop"]["shop/api.py"] + "\n\ndef twice(url):\n    return load(url), load(url)\n"
    beside = fleet.land("shop", "beside", {"shop/api.py": old})
    assert [each["state"] for each in beside["entries"]] == ["landed"]

    # An exemption lets a place be, and no other.
    fleet.standards(
        "exempt",
        "std-missing-timeout",
        "shop",
        "shop/probe.py",
        "--reason",
        "it waits on purpose",
        "--until",
        SOON,
    )
    exempt = fleet.land("shop", "probe", {"shop/probe.py": CALL.format(more="")})
    assert [each["state"] for each in exempt["entries"]] == ["landed"]

    # The campaign burns down as old places are mended; a project without any has its issue closed.
    fleet.land("news", "mend", {"feed.py": READ.replace("'GET', at", "'GET', at, timeout=9")})
    fleet.standards("count", "std-missing-timeout")
    shown = fleet.standards("show", "std-missing-timeout")
    by_name = sorted(open_places(shown).values())
    assert by_name == [0, 1, 3], "shop has its two, and the one that landed before it was enforced; its probe is exempt"
    whole = shown["campaign"]["points"][-1]
    assert (whole["closed"], whole["exempt"]) == (1, 1)
    assert [each["state"] for each in fleet.issues("news")] == []

    # AGENTS.md says so, and twice is once.
    for _ in range(2):
        fleet.run("standards", "agents", "--write", "--repo", str(fleet.repos["blog"].path), where="")
    written = (fleet.repos["blog"].path / "AGENTS.md").read_text()
    assert written.count("Every request has a timeout") == 2
    assert "enforced" in written

    # Retired, it stops nobody any more.
    fleet.standards("move", "std-missing-timeout", "retired", "--reason", "the client has one now")
    after = fleet.land("shop", "after", {"shop/after.py": CALL.format(more="")})
    assert [each["state"] for each in after["entries"]] == ["landed"]


def test_what_nobody_can_look_at_is_stopped_too_and_not_taken_for_clean(fleet: Fleet, tmp_path: Path) -> None:
    text = tmp_path / "timeout.md"
    text.write_text(TEXT)
    for name in FILES:
        fleet.run("scout", name, "--no-file")
    fleet.standards("list")
    words = (
        "--title",
        "Every request has a timeout",
        "--text",
        str(text),
        "--owner",
        "ada",
        "--rule",
        "tree:missing-timeout",
    )
    fleet.standards("write", "std-missing-timeout", *words)
    fleet.standards("count", "std-missing-timeout")
    for state in ("proposed", "adopted", "enforced"):
        fleet.standards("move", "std-missing-timeout", state)

    huge = CALL.format(more="") + "# padding\n" * 120_000
    landed = fleet.land("shop", "huge", {"shop/huge.py": huge})

    (entry,) = landed["entries"]
    assert entry["state"] == "bounced"
    assert any("std-missing-timeout" in each for each in entry["evidence"])
    assert "watchkeeper standards exempt std-missing-timeout PROJECT shop/huge.py" in str(entry)

    # However many files there are, and whatever is hidden in one: nothing passes unseen.
    many = {f"shop/m{number}.py": f"M = {number}\n" for number in range(2_100)}
    for branch, files in (
        ("many", {**many, "shop/z_last.py": CALL.format(more="")}),
        ("hidden", {"shop/hidden.py": "# \0\n" + CALL.format(more="")}),
    ):
        (entry,) = fleet.land("shop", branch, files)["entries"]
        assert entry["state"] == "bounced", branch
        assert any("std-missing-timeout" in each for each in entry["evidence"]), branch

    # What no rule reads may be as large as it likes, and a person can let a file be: in the gate, and in the census.
    (entry,) = fleet.land("shop", "lock", {"package-lock.json": "[" + "0,\n" * 600_000 + "0]\n"})["entries"]
    assert entry["state"] == "landed", entry
    about = ("--reason", "it is generated", "--until", SOON)
    fleet.standards("exempt", "std-missing-timeout", "shop", "shop/huge.py", *about)
    (entry,) = fleet.land("shop", "huge-again", {"shop/huge.py": huge})["entries"]
    assert entry["state"] == "landed", entry
    counted = fleet.standards("count", "std-missing-timeout")["censuses"]
    assert [each["reason"] for each in counted] == ["", "", ""]
