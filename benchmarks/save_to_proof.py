"""From a save to the proof of a conflict that really happened: ``python benchmarks/save_to_proof.py CLONE...``

A CLONE is one for ``real_conflicts.py``; what has none is skipped, and said so. Each pair gets a repository with two
worktrees at their common base and a real ``watchkeeper watch --json``. The files of the one side are written into the
first worktree, then those of the other into the second; the file that decides is saved, mended and saved again, never
twice with the same content. Measured is from just before that save to the arrival of the line that says *proved*.

Ends with 1 when a conflict is not proved, or when half of the saves take longer than 1.5 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from figures import record_figures, render_table
from real_conflicts import DATA, RealConflict
from save_to_event import Watch, watching
from scratch import CACHE, GitFailedError, borrowed, find_commit, git

WAIT_S = 30
LIMIT_MS = 1_500
TREES = CACHE / "save-to-proof"
_Files = dict[str, bytes | None]


class Measured(msgspec.Struct, frozen=True):
    """One pair: what was found, and how long each save took. ``missed``: saves of which no proof came in time."""

    name: str
    finding: str
    deciding: str
    times_ms: tuple[float, ...]
    missed: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", nargs="*", type=Path, metavar="CLONE")
    parser.add_argument("--saves", type=int, default=7, help="how often each is saved and measured (7)")
    options = parser.parse_args()
    reals = msgspec.convert(tomllib.loads(DATA.read_text())["conflict"], tuple[RealConflict, ...])
    measured: list[Measured] = []
    skipped = 0
    for real in (real for real in reals if real.commits is not None):
        clone = next((path for path in options.clones if _has(path, real.commits or ())), None)
        if clone is None:
            skipped += 1
            print(f"SKIPPED {real.repository} {real.name}: no clone of it with its commits was given")
            continue
        measured.append(measure(clone, real, options.saves))
        print(f"{measured[-1].name}: {measured[-1].finding or 'NOT PROVED'}", flush=True)
    if not measured:
        print("nothing was measured")
        return 0
    return _report(measured, skipped)


def measure(clone: Path, real: RealConflict, saves: int) -> Measured:
    """All saves of one pair."""
    name = f"{real.repository} {real.name}"
    with borrowed(clone, "save-to-proof") as repo, worktrees(repo, real) as (base, first, second):
        ours, theirs = (_changed(repo, base, sha) for sha in real.commits or ())
        _write(first, ours)
        with watching(repo) as watch:
            watch.wait_first_screen()
            watch.wait_settled(2)
            _write(second, theirs)
            told = watch.wait_line(_is_proved, WAIT_S)
            if told is None:
                return Measured(name, "", "", (), saves)
            findings = told[1]["event"]["proof"]["findings"]
            deciding = _deciding(findings, theirs)
            broken, whole = theirs[deciding], _content(repo, base, deciding)
            seen = {told[1]["event"]["proof"]["merged"]}
            times = [_save(watch, second / deciding, _fresh(broken, n), _fresh(whole, n), seen) for n in range(saves)]
    taken = tuple(each for each in times if each is not None)
    return Measured(name, findings[0]["message"], deciding, taken, saves - len(taken))


@contextmanager
def worktrees(repo: Path, real: RealConflict) -> Iterator[tuple[str, Path, Path]]:
    """The common base of both sides, and two worktrees that stand there."""
    base = git(repo, "merge-base", *(real.commits or ())).strip()
    git(repo, "update-ref", "refs/heads/main", _commit_present(repo, base))
    git(repo, "reset", "-q", "--hard", "main")
    places = [TREES / name for name in ("agent-a", "agent-b")]
    _drop(repo, places)
    for place in places:
        git(repo, "worktree", "add", "-q", "-B", place.name, str(place), "main")
    try:
        yield base, places[0], places[1]
    finally:
        _drop(repo, places)


def _commit_present(repo: Path, base: str) -> str:
    """The base without the files whose contents the clone never fetched (large pictures), as a commit."""
    git(repo, "read-tree", base)
    blobs = [row.partition("\t") for row in git(repo, "ls-tree", "-r", "-z", base).split("\0") if row]
    asked = "".join(f"{head.split()[2]}\n" for head, _, _ in blobs)
    answers = git(repo, "cat-file", "--batch-check", stdin=asked).splitlines()
    missing = [path for (_, _, path), answer in zip(blobs, answers, strict=True) if answer.endswith("missing")]
    if missing:
        git(repo, "update-index", "--force-remove", "--", *missing)
    return git(repo, "commit-tree", "-m", "base", git(repo, "write-tree").strip()).strip()


def _drop(repo: Path, places: Sequence[Path]) -> None:
    for place in places:
        if place.exists():
            git(repo, "worktree", "remove", "--force", str(place), ok=(0, 128))
    git(repo, "worktree", "prune")


def _save(watch: Watch, place: Path, broken: bytes | None, whole: bytes | None, seen: set[str]) -> float | None:
    """Mend, wait until that is told, save again: milliseconds to the proof of a merge not in ``seen``; else None."""
    watch.drop_lines()
    _put(place, whole)
    if watch.wait_line(_is_mended, WAIT_S) is None:
        print(f"MISSED: mending {place.name} was not told")
        return None
    time.sleep(0.3)  # what else the mending brings is not to be taken for an answer to the next save
    watch.drop_lines()
    started = time.perf_counter()
    _put(place, broken)
    told = watch.wait_line(lambda line: _is_proved(line) and line["event"]["proof"]["merged"] not in seen, WAIT_S)
    if told is None:
        print(f"MISSED: {place.name} was saved and nothing was proved")
        return None
    seen.add(told[1]["event"]["proof"]["merged"])
    return (told[0] - started) * 1000


def _fresh(content: bytes | None, number: int) -> bytes | None:
    """The content with a comment that no save had before: else what is remembered of the same tree would answer."""
    return content + b"\n# save %d\n" % number if content is not None else None


def _is_proved(line: dict) -> bool:
    return line.get("kind") == "conflict-probed" and line["event"]["proof"]["outcome"] == "proved"


def _is_mended(line: dict) -> bool:
    """The conflict is closed, or what was proved no longer is."""
    if line.get("kind") == "conflict-closed":
        return True
    return line.get("kind") == "conflict-probed" and line["event"]["proof"]["outcome"] != "proved"


def _deciding(findings: Sequence[dict], theirs: _Files) -> str:
    """The changed file without which there is no finding, as far as the finding names it."""
    named = [each for finding in findings for each in (finding["path"], *(key[0] for key in finding["involved"]))]
    return next((path for path in named if path in theirs), max(theirs))


def _changed(repo: Path, base: str, sha: str) -> _Files:
    """What a side has made of the base: the files' contents, None for those that are gone."""
    paths = git(repo, "diff-tree", "-r", "-z", "--no-renames", "--name-only", base, sha).split("\0")
    return {path: _content(repo, sha, path) for path in paths if path}


def _content(repo: Path, revision: str, path: str) -> bytes | None:
    found = subprocess.run(["git", "-C", str(repo), "show", f"{revision}:{path}"], capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None


def _write(folder: Path, files: _Files) -> None:
    for path, content in files.items():
        _put(folder / path, content)


def _put(place: Path, content: bytes | None) -> None:
    if content is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def _has(clone: Path, commits: Sequence[str]) -> bool:
    try:
        return all(find_commit(clone, sha) is not None for sha in commits)
    except (GitFailedError, OSError):
        return False


def _report(measured: Sequence[Measured], skipped: int) -> int:
    rows, figures = [], {}
    for each in measured:
        p50 = round(statistics.median(each.times_ms)) if each.times_ms else None
        most = round(max(each.times_ms)) if each.times_ms else None
        rows.append([each.name, each.deciding, len(each.times_ms), each.missed, p50 or "-", most or "-"])
        figures[each.name] = {
            "finding": each.finding, "saved": each.deciding, "saves": len(each.times_ms), "missed": each.missed,
            "p50_ms": p50, "most_ms": most,
        }  # fmt: skip
    every = [time for each in measured for time in each.times_ms]
    p50 = round(statistics.median(every)) if every else None
    print("\n" + render_table(["pair", "saved file", "saves", "missed", "p50 ms", "most"], rows))
    print(f"\nall {len(every)} saves: p50 {p50} ms, most {round(max(every, default=0))} ms; {skipped} pairs skipped")
    overall = {"p50_ms": p50, "most_ms": round(max(every, default=0)), "pairs": len(measured), "skipped": skipped}
    record_figures("save_to_proof", {"all": overall, **figures}, command="python benchmarks/save_to_proof.py CLONE...")
    return 0 if p50 is not None and p50 < LIMIT_MS and not any(each.missed for each in measured) else 1


if __name__ == "__main__":
    raise SystemExit(main())
