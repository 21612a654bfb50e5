"""Finds real conflicts that landed, or nearly did: ``python benchmarks/real_conflicts.py CLONE...``

A CLONE is a clone of one of the repositories that ``data/real_conflicts.toml`` names, bare or not, in which the pull
requests' commits are (``git fetch origin '+refs/pull/*:refs/pull/*'``). It is only read. For the one that comes as two
patches, a clone of the data set that holds them is needed too. What has no clone is skipped, and said so.

Ends with 1 when a conflict that could be looked for is not reported at ``major`` or above with the right symbol.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from detection import at_least, open_detector
from figures import record_figures, render_table
from scratch import ROOT, GitFailedError, borrowed, commit_patch, find_commit, git, merge_tree
from watchkeeper.model.conflicts import Conflict, Severity

DATA = ROOT / "benchmarks" / "data" / "real_conflicts.toml"


class RealConflict(msgspec.Struct, frozen=True):
    """Two commits, or a base and two patches, and the symbol that breaks when they meet."""

    repository: str
    name: str
    subject: str
    story: str
    commits: tuple[str, str] | None = None
    base: str = ""
    patches: tuple[str, str] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What the detector said of one: ``skipped`` says why it could not be asked, ``merges`` what git says."""

    real: RealConflict
    conflicts: tuple[Conflict, ...] = ()
    merges: bool = True
    skipped: str = ""

    @property
    def hit(self) -> Conflict | None:
        """The loudest report that names the symbol, at ``major`` and above."""
        loud = at_least(self.conflicts, Severity.MAJOR)
        return next((c for c in loud if self.real.subject in c.subjects), None)


def main() -> int:
    """Prints the table, writes ``results/real_conflicts.json`` when at least one was looked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", nargs="*", type=Path, metavar="CLONE")
    parser.add_argument("--verbose", action="store_true", help="print everything that is reported of each pair")
    options = parser.parse_args()
    reals = msgspec.convert(tomllib.loads(DATA.read_text())["conflict"], tuple[RealConflict, ...])
    outcomes = [_look_for(real, options.clones) for real in reals]
    _print(outcomes, verbose=options.verbose)
    looked = [outcome for outcome in outcomes if not outcome.skipped]
    found = [outcome for outcome in looked if outcome.hit is not None]
    for outcome in outcomes:
        if outcome.skipped:
            print(f"SKIPPED {outcome.real.repository} {outcome.real.name}: {outcome.skipped}")
    skipped = len(outcomes) - len(looked)
    print(f"\nfound {len(found)} of {len(looked)} real conflicts at major and above; {skipped} skipped")
    if looked:
        record_figures("real_conflicts", _figures(outcomes))
    return 0 if len(found) == len(looked) else 1


def _look_for(real: RealConflict, clones: Sequence[Path]) -> Outcome:
    needed = real.commits or (real.base,)
    clone = next((path for path in clones if all(_has_commit(path, sha) for sha in needed)), None)
    if clone is None:
        return Outcome(real, skipped=f"no clone of {real.repository} with its commits was given")
    with borrowed(clone, real.name.replace(" ", "-").replace(",", "")) as repo:
        if real.commits is not None:
            branches = _branch_commits(repo, real.commits)
        elif (patches := _read_patches(real, clones, repo)) is None:
            return Outcome(real, skipped="no clone of the data set with its patches was given")
        else:
            branches = _branch_patches(repo, real.base, patches)
        merges = merge_tree(repo, *branches)[1]
        with open_detector(repo) as detect:
            return Outcome(real, detect(*branches, "main"), merges)


def _has_commit(clone: Path, sha: str) -> bool:
    try:
        return find_commit(clone, sha) is not None
    except (GitFailedError, OSError):
        return False


def _branch_commits(repo: Path, commits: Sequence[str]) -> tuple[str, str]:
    git(repo, "branch", "-f", "main", git(repo, "merge-base", *commits).strip())
    for side, sha in zip("ab", commits, strict=True):
        git(repo, "branch", "-f", f"side-{side}", sha)
    return "side-a", "side-b"


def _read_patches(real: RealConflict, clones: Sequence[Path], repo: Path) -> tuple[Path, Path] | None:
    """The patches from whichever clone holds them, as files in the throw-away repository."""
    found = []
    for number, place in enumerate(real.patches or ()):
        text = next((text for clone in clones if (text := _show(clone, place))), None)
        if text is None:
            return None
        found.append(repo / ".git" / f"{number}.patch")
        found[-1].write_text(text)
    return (found[0], found[1])


def _show(clone: Path, place: str) -> str:
    try:
        return git(clone, "show", f"HEAD:{place}")
    except GitFailedError:
        return ""


def _branch_patches(repo: Path, base: str, patches: Sequence[Path]) -> tuple[str, str]:
    git(repo, "branch", "-f", "main", base)
    for side, patch in zip("ab", patches, strict=True):
        if not commit_patch(repo, f"side-{side}", base, [patch], 1):
            raise SystemExit(f"{patch} does not apply to {base}")
    return "side-a", "side-b"


def _print(outcomes: Sequence[Outcome], *, verbose: bool) -> None:
    rows = []
    for outcome in outcomes:
        if outcome.skipped:
            continue
        hit = outcome.hit
        loud = len(at_least(outcome.conflicts, Severity.MINOR))
        rows.append(
            [
                outcome.real.repository,
                outcome.real.name,
                outcome.real.subject,
                f"{hit.severity} {hit.rule}" if hit else "MISSED",
                "clean" if outcome.merges else "conflict",
                loud,
            ]
        )
    if rows:
        print(render_table(["repository", "pair", "symbol", "reported", "git merge", "reports >= minor"], rows) + "\n")
    for outcome in outcomes if verbose else ():
        print(f"{outcome.real.repository} {outcome.real.name}")
        for conflict in outcome.conflicts:
            print(f"  {conflict.severity} {conflict.rule} {conflict.subjects[0]}: {conflict.summary} ({conflict.why})")


def _figures(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        f"{outcome.real.repository} {outcome.real.name}": outcome.skipped
        or {
            "symbol": outcome.real.subject,
            "reported": outcome.hit.severity.value if outcome.hit else "missed",
            "git_merges_cleanly": outcome.merges,
            "summary": outcome.hit.summary if outcome.hit else "",
        }
        for outcome in outcomes
    }


if __name__ == "__main__":
    raise SystemExit(main())
