"""Scripted sessions at work in several repositories: what they are told, held against what is true.

    python benchmarks/notice_soak.py [--minutes 10] [--repositories 5] [--sessions 30] [--seed 1]

A real daemon a repository; each session is a process of its own that starts the real shim (with a long deadline). In
the first repository two sessions share the main checkout. Sessions own modules that no other touches; the driver makes
two of them meet in one of the others and knows from when to when they conflict.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from figures import record_figures
from processes import family_cpu_s, family_memory_mb
from scratch import ROOT, commit_all, create_repository, git

AGENTS = ("claude", "codex", "gemini", "copilot")
MODULES, FUNCTIONS, SLOTS, OWN = 40, 8, 7, 4
MISSED_S, GRACE_S, START_S = 10.0, 3.0, 60.0
_CONFLICT = re.compile(r"Watchkeeper: (\w+) conflict (\S+) with")
_SESSION = (
    "import json,subprocess,sys\n"
    "for line in sys.stdin:\n"
    " shim,agent,cwd,call=json.loads(line)\n"
    " done=subprocess.run([sys.executable,'-I','-S',shim,agent],input=json.dumps(call).encode(),cwd=cwd,"
    "capture_output=True)\n"
    " print(json.dumps(done.stdout.decode('utf-8','replace')),flush=True)\n"
)


def module_text(number: int, dice: random.Random) -> str:
    """Functions that call each other, and those of one module of the same owner."""
    below = number - SLOTS if SLOTS <= number < SLOTS * OWN else None
    lines = [f"from pkg.m{below} import f0 as below\n"] if below is not None else []
    for each in range(FUNCTIONS):
        call = f"f{each - 1}(n)" if each else "below(n)" if below is not None else "n"
        lines.append(f"\ndef f{each}(n):\n    part = n * {dice.randrange(2, 99)}\n    return part + {call}\n")
    return "\n".join([*lines, "\ndef meeting(n):\n    return n * 1000\n"])


class Session:
    """One agent, in a process of its own."""

    def __init__(self, name: str, agent: str, tree: Path, slot: int, shim: Path, env: dict[str, str]) -> None:
        self.name, self.agent, self.tree, self.slot, self.shim = name, agent, tree, slot, shim
        self.lock = threading.Lock()
        self.told: list[tuple[float, str, str, str]] = []
        self.calls: list[float] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SESSION], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def hook(self, event: str, **fields: object) -> None:
        """One call of the shim; what it is told is kept with the moment at which it came."""
        call = {"session_id": self.name, "cwd": str(self.tree), "hook_event_name": event, **fields}
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(self.shim), self.agent, str(self.tree), call]) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        now = time.monotonic()
        self.calls.append(now)
        starts = [*_CONFLICT.finditer(said)]
        ends = [*(each.start() for each in starts), len(said)][1:]
        for found, end in zip(starts, ends, strict=False):
            self.told.append((now, found[1], found[2], said[found.start() : end]))

    def tool(self, kind: str, fields: dict[str, Any]) -> None:
        """After a tool, in the vendor's words."""
        names = {"gemini": {"run": "run_shell_command", "read": "read_file", "edit": "replace"},
                 "codex": {"run": "Bash", "read": "Bash", "edit": "apply_patch"}}  # fmt: skip
        plain = {"run": "Bash", "read": "Read", "edit": "Edit"}
        event = "AfterTool" if self.agent == "gemini" else "PostToolUse"
        self.hook(
            event, tool_name=names.get(self.agent, plain)[kind], tool_input=fields, tool_use_id=str(len(self.calls))
        )

    def run(self) -> None:
        with self.lock:
            self.tool("run", {"command": "true"})

    def read(self, path: str) -> None:
        whole = str(self.tree / path)
        given = {"command": f"cat {path}"} if self.agent == "codex" else {"file_path": whole, "path": whole}
        with self.lock:
            self.tool("read", given)

    def edit(self, path: str, old: str, new: str) -> float:
        """The moment just before the save."""
        place = self.tree / path
        with self.lock:
            text = place.read_text()
            assert old in text, (self.name, path, old)
            saved = time.monotonic()
            place.write_text(text.replace(old, new, 1))
            minus = "".join(f"-{line}\n" for line in old.splitlines())
            plus = "".join(f"+{line}\n" for line in new.splitlines())
            patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n{minus}{plus}*** End Patch"
            given = {"file_path": str(place), "old_string": old, "new_string": new}
            if self.agent == "copilot":
                given = {"path": str(place), "old_str": old, "new_str": new}
            self.tool("edit", {"command": patch} if self.agent == "codex" else given)
        return saved


class Meeting:
    """Two sessions in conflict over one module; the truth."""

    def __init__(self, pair: tuple[Session, Session], path: str, saved: float) -> None:
        self.pair, self.path, self.saved, self.ended = pair, path, saved, 0.0

    def told(self, session: Session) -> float | None:
        return next((at for at, _, _, text in session.told if at >= self.saved and self.path in text), None)


def work(session: Session, stop: threading.Event, seed: int) -> None:
    """Reads, edits of its own, runs."""
    dice, number = random.Random(seed), 0
    while not stop.wait(dice.uniform(0.5, 1.5)):
        path = f"pkg/m{session.slot + SLOTS * dice.randrange(OWN)}.py"
        match dice.randrange(3):
            case 0:
                session.read(path)
            case 1:
                session.run()
            case _:
                number += 1
                line = next(each for each in (session.tree / path).read_text().splitlines() if "part = n" in each)
                session.edit(path, line, f"    part = n * {1000 + number}")


def meet(sessions: list[Session], stop: threading.Event, seed: int, meetings: list[Meeting]) -> None:
    """Again and again two of one repository conflict, are told, and one mends its side."""
    dice, free = random.Random(seed), [f"pkg/m{number}.py" for number in range(SLOTS * OWN, MODULES)]
    dice.shuffle(free)
    for path in free:
        one, two = dice.sample(sessions, 2)
        if stop.wait(dice.uniform(2, 5)):
            return
        if one.tree == two.tree:
            continue
        is_contract = dice.random() < 0.5
        old = "def meeting(n):" if is_contract else "    return n * 1000"
        new = "def meeting(n, *, tax):" if is_contract else "    return n * 1001"
        one.edit(path, old, new)
        other, line = path, "    return n * 1000"
        made = "    return n * 1002"
        if is_contract:
            other, line = f"pkg/m{two.slot}.py", "def meeting(n):\n    return n * 1000"
            made = f"{line}\n\n\ndef visit_{path[5:-3]}(n):\n    from {path[:-3].replace('/', '.')} import meeting as met\n\n    return met(n)"
        before = time.monotonic()
        meeting = Meeting((one, two), path, before)
        meetings.append(meeting)
        meeting.saved = two.edit(other, line, made)
        while time.monotonic() - before < MISSED_S + 2 and not all(meeting.told(each) for each in (one, two)):
            stop.wait(0.1)
            time.sleep(0.05)
        two.edit(other, made, line)
        meeting.ended = time.monotonic()


def judge(sessions: list[Session], meetings: list[Meeting]) -> dict[str, Any]:
    """Counts against the truth, and how long it took."""
    own, theirs, missed, wrong, duplicate = [], [], 0, 0, 0
    for each in meetings:
        for session, into in zip(each.pair, (theirs, own), strict=True):
            at = each.told(session)
            if at is not None:
                into.append(at - each.saved)
            elif each.ended - each.saved >= MISSED_S:
                missed += 1
                print("missed", session.name, session.agent, each.path)
    for session in sessions:
        mine = [each for each in meetings if session in each.pair]
        seen: Counter[tuple[str, str]] = Counter()
        for at, severity, conflict, text in session.told:
            seen[conflict, severity] += 1
            part = any(m.path in text and m.saved <= at <= (m.ended or at) + GRACE_S for m in mine)
            if not part:
                wrong += 1
                print("wrong party", session.name, text[:600])
        duplicate += sum(count - 1 for count in seen.values())
    return {"meetings": len(meetings), "told": sum(len(each.told) for each in sessions), "missed": missed,
            "duplicate": duplicate, "wrong_party": wrong, "saver_ms": spread(own), "other_ms": spread(theirs)}  # fmt: skip


def spread(seconds: list[float]) -> dict[str, float]:
    found = sorted(seconds)
    return {f"p{p}": round(1000 * found[min(len(found) - 1, len(found) * p // 100)]) for p in (50, 99)} if found else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--repositories", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="notice-soak-") as folder:
        figures = soak(Path(folder), options)
    print(json.dumps(figures, indent=1))
    command = f"python benchmarks/notice_soak.py --minutes {options.minutes:g} --repositories {options.repositories}"
    record_figures("notice_soak", figures, command=f"{command} --sessions {options.sessions} --seed {options.seed}")
    is_right = figures["meetings"] and not (figures["missed"] or figures["duplicate"] or figures["wrong_party"])
    return 0 if is_right else 1


def soak(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All of it; whatever was started has ended when it returns."""
    from watchkeeper.agents.shimcopy import render_shim

    home, dice = root / "home", random.Random(options.seed)
    env = {**os.environ, "WATCHKEEPER_HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
    (root / "shim.py").write_bytes(render_shim(home, 20.0))
    daemons: list[subprocess.Popen[bytes]] = []
    groups: list[list[Session]] = []
    stop, meetings = threading.Event(), []
    try:
        for number in range(options.repositories):
            repo = root / f"r{number}"
            create_repository(repo)
            (repo / "pkg").mkdir()
            for module in range(MODULES):
                (repo / f"pkg/m{module}.py").write_text(module_text(module, dice))
            commit_all(repo, "base")
            share = options.sessions // options.repositories
            shared = 2 if number == 0 else 0
            trees = [repo] * shared
            for each in range(share - shared):
                tree = root / f"r{number}-w{each}"
                git(repo, "worktree", "add", "-q", "-b", f"w{each}", str(tree))
                trees.append(tree)
            daemons.append(subprocess.Popen(
                [sys.executable, "-m", "watchkeeper", "up", "--foreground", "--repo", str(repo)], env=env,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))  # fmt: skip
            groups.append([Session(f"s{number}-{slot}", AGENTS[(number + slot) % 4], tree, slot, root / "shim.py", env)
                           for slot, tree in enumerate(trees)])  # fmt: skip
        sessions = [each for group in groups for each in group]
        ends = time.monotonic() + START_S
        while time.monotonic() < ends and len([*home.rglob("*.sock")]) < len(daemons):
            time.sleep(0.1)
        for each in sessions:
            each.hook("SessionStart")
        cpu, memory = [family_cpu_s(d.pid) for d in daemons], [family_memory_mb(d.pid) for d in daemons]
        began = time.monotonic()
        threads = [threading.Thread(target=work, args=(s, stop, options.seed + i)) for i, s in enumerate(sessions)]
        threads += [
            threading.Thread(target=meet, args=(g, stop, options.seed + i, meetings)) for i, g in enumerate(groups)
        ]
        for each in threads:
            each.start()
        stop.wait(options.minutes * 60)
        stop.set()
        for each in threads:
            each.join(60)
        lasted = time.monotonic() - began
        return {
            "seconds": round(lasted), "sessions": len(sessions), "calls": sum(len(s.calls) for s in sessions),
            **judge(sessions, meetings),
            "processor_share": [round((family_cpu_s(d.pid) - c) / lasted, 3) for d, c in zip(daemons, cpu, strict=True)],
            "memory_mb": [[round(m), round(family_memory_mb(d.pid))] for d, m in zip(daemons, memory, strict=True)],
        }  # fmt: skip
    finally:
        stop.set()
        for process in [*daemons, *(each.process for group in groups for each in group)]:
            process.terminate()
        for process in [*daemons, *(each.process for group in groups for each in group)]:
            process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
