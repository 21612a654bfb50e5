"""An agent of a fleet's day: reads its prompt, edits files as its issue's plan says, prints what it did.

Run anew for every turn, as ``agent.NAME.command`` with ``protocol = "plain"``. Which issue it has it knows by its
branch. Told of a conflict, or that its change came back, it makes both go together, as far as its folder lets it.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from day_plans import Work, edits_of, migration, test_fee

_WAITS_S = 15.0
_NAMES = re.compile(r"p\d\di\d{3}")


def main(arguments: list[str]) -> int:
    day = Path(arguments[0])
    prompt = sys.stdin.read()
    work = _find_work(day)
    began, turn = time.time(), _turn(day, work.key)
    try:
        return _act(work, turn, day)
    finally:
        own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = sum((own.ru_utime, own.ru_stime, ended.ru_utime, ended.ru_stime))
        told = {"key": work.key, "turn": turn, "began": began, "ended": time.time(), "cpu_s": cpu,
                "is_told": _is_told(prompt), "is_back": "did not land" in prompt}  # fmt: skip
        (day / "turns" / f"{work.key}-{turn}.json").write_text(json.dumps(told))
        (day / "turns" / f"{work.key}-{turn}.prompt").write_text(prompt)


def _find_work(day: Path) -> Work:
    branch = _git("rev-parse", "--abbrev-ref", "HEAD").strip()
    found = _NAMES.search(branch)
    if found is None:
        raise SystemExit(f"the branch {branch!r} names no issue of the day")
    return Work(**json.loads((day / "plans.json").read_text())[found[0]])


def _turn(day: Path, key: str) -> int:
    return len(list((day / "turns").glob(f"{key}-*.json")))


def _is_told(prompt: str) -> bool:
    return "Watchkeeper" in prompt


def _act(work: Work, turn: int, day: Path) -> int:
    dice = random.Random(f"{work.key} {turn}")
    lasts = dice.uniform(5.0, 12.0) * (2.0 if work.manner == "slow" else 1.0)
    if work.manner == "crashes" and turn == 0:
        print("the model went away")
        return 1
    if work.kind == "nothing":
        time.sleep(lasts / 2)
        print(f"I looked at part {work.number}.\nNOTHING TO DO: part {work.number} does already what is asked")
        return 0
    if _is_done(work):
        return _go_together(work, day)
    time.sleep(lasts * 0.3)
    _edit(work, breaks=work.manner == "breaks" and turn == 0)
    if work.side and not work.kind.startswith("near") and _sees_other(work):
        _go_together(work, day, waits=False)
    time.sleep(lasts * 0.7)
    print(f"resolved {work.key}")
    return 0


def _sees_other(work: Work) -> bool:
    """The other side is in what it began from, and whoever reads the code sees it."""
    other = work._replace(side="b" if work.side == "a" else "a")
    for path, edit in edits_of(other).items():
        if not Path(path).exists() or (isinstance(edit, tuple) and edit[1] not in Path(path).read_text()):
            return False
    return True


def _is_done(work: Work) -> bool:
    """Its first turn was before this one."""
    if work.kind == "text":  # the other side takes the place of what was there as well
        return f"what {work.side} means" in Path("NOTES.md").read_text()
    for path, edit in edits_of(work).items():
        place = Path(path)
        if isinstance(edit, str) and not place.exists():
            return False
        if isinstance(edit, tuple) and edit[0] in place.read_text() and "<<<<<<<" not in place.read_text():
            return False
    if work.manner == "breaks":
        _edit(work, breaks=False)
    return True


def _edit(work: Work, *, breaks: bool) -> None:
    for path, edit in edits_of(work).items():
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = edit if isinstance(edit, str) else _replaced(work, place.read_text(), edit)
        if breaks and path.startswith("tests/"):
            text += "    assert False, 'not yet'\n"
        place.write_text(text)


def _replaced(work: Work, text: str, edit: tuple[str, str]) -> str:
    """In a text whose other side is there already, both say what they mean."""
    if work.kind == "text" and edit[0] not in text:
        theirs = edit[1].replace(f"what {work.side} means", f"what {'b' if work.side == 'a' else 'a'} means")
        return text.replace(theirs, f"{theirs}\n{edit[1]}")
    return text.replace(*edit)


def _go_together(work: Work, day: Path, *, waits: bool = True) -> int:
    """Told of the other side: what a sensible agent does, with what is in its folder."""
    kind, n = work.kind.partition("-")[0], work.number
    match kind:
        case "dual":
            _replace(f"pkg/plan_{n}.py", ("used + 60", "used + 30"))
            if work.side == "a":  # who reserves first leaves room
                _replace(f"pkg/plan_{n}.py", ("used = 60", "used = 30"))
        case "contract" if work.side == "a":
            _replace(f"pkg/fee_{n}.py", ("*, tax)", "*, tax=0)"))
            Path(f"tests/test_fee_{n}.py").write_text(test_fee(n, ", tax=1"))
        case "contract" if "tax)" in Path(f"pkg/fee_{n}.py").read_text():
            _replace(f"work/use_{n}.py", (f"fee_{n}(2)", f"fee_{n}(2, tax=0)"))
        case "migrations":
            _line_up(work, day, _WAITS_S if waits else 0.0)
        case "environment" if work.side == "b":
            _replace(f"work/limit_{n}_b.py", (f'LIMIT_{n}"', f'LIMIT_{n}_MS"'))
        case "text":
            _unite(Path("NOTES.md"))
        case _:
            pass
    print(f"{work.key}: both go together now, as far as I can see")
    return 0


def _line_up(work: Work, day: Path, waits_s: float) -> None:
    """One after the other. The second waits for the first to be in the target branch, and takes that up."""
    n = work.number
    folder = Path(f"shop_{n}/migrations")
    mine, other = ("blue", "red") if work.side == "a" else ("red", "blue")
    ends = time.monotonic() + waits_s
    while work.side == "b" and not list(folder.glob(f"*_{other}.py")) and time.monotonic() < ends:
        _take_up_target(day / f"project-{work.project:02}")
        time.sleep(1.0)
    theirs = sorted(folder.glob(f"*_{other}.py"))
    if not theirs:
        return
    for each in folder.glob(f"*_{mine}.py"):
        each.unlink()
    number = int(theirs[-1].name[:4]) + 1
    (folder / f"{number:04}_{mine}.py").write_text(migration(n, theirs[-1].stem, mine))


def _take_up_target(repo: Path) -> None:
    found = subprocess.run(["git", "-C", str(repo), "rev-parse", "main"], capture_output=True, text=True, check=True)
    ancestor = ["git", "merge-base", "--is-ancestor", found.stdout.strip(), "HEAD"]
    if subprocess.run(ancestor, capture_output=True, check=False).returncode:
        _git("fetch", "-q", str(repo), "main")
        _git("add", "-A")
        _git("-c", "user.name=agent", "-c", "user.email=agent@invalid", "commit", "-qm", "work", "--allow-empty")
        _git("-c", "user.name=agent", "-c", "user.email=agent@invalid", "merge", "-q", "--no-edit", "FETCH_HEAD")


def _unite(place: Path) -> None:
    """Keep what both say, where git could not merge."""
    place.write_text(re.sub(r"^(<{7}|={7}|>{7}|\|{7}).*\n", "", place.read_text(), flags=re.MULTILINE))


def _replace(path: str, *edits: tuple[str, str]) -> None:
    place = Path(path)
    text = place.read_text()
    for old, new in edits:
        text = text.replace(old, new)
    place.write_text(text)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, env={**os.environ})
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
