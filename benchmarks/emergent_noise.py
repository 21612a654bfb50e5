"""How often the static checks call something emergent in pull requests that were really open together.

``python benchmarks/emergent_noise.py CLONE... [--max N]``: CLONE is a clone with its pull requests, as for
``natural_pairs.py``, whose sample is used; it is only read. Of each pair that git merges cleanly the virtual merge is
made, and the static checks look at it and at its sides. Every emergent finding is printed. People have read both
changes of each and said in ``data/emergent_labels.toml`` whether it is true: the merge really has that fault, and
neither side alone.

Ends with 1 where a finding has no label yet, or a pair could not be looked at.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from figures import record_figures, render_share, render_table, wilson
from natural_pairs import name_of, sample_of
from open_together import OpenPair
from scratch import CACHE, ROOT, GitFailedError, borrowed, find_commit, git
from watchkeeper.app import find_place, open_analysis, open_commands
from watchkeeper.code.checks import static_checks
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof
from watchkeeper.probes.choice import Choice
from watchkeeper.probes.prover import Plan
from watchkeeper.probes.static import StaticProver
from watchkeeper.probes.virtual import VirtualMerge, VirtualMerges
from watchkeeper.watch.hubtrees import HubTrees

LABELS = ROOT / "benchmarks" / "data" / "emergent_labels.toml"


class Label(msgspec.Struct, frozen=True):
    """What a person said of one finding, and why."""

    repository: str
    numbers: tuple[int, int]
    check: str
    rule: str
    path: str
    subject: str
    is_true: bool
    why: str


class Looked(msgspec.Struct, frozen=True):
    """One pair that merges cleanly: what is emergent in it, and how long the checks took."""

    repository: str
    pair: OpenPair
    emergent: tuple[Finding, ...]
    wall_ms: int


class Run(msgspec.Struct):
    """All pairs of all clones. ``clashing``: those that git does not merge."""

    looked: list[Looked] = []
    clashing: int = 0
    failed: int = 0


def main() -> int:
    """Prints every finding with its pair and label, writes ``results/emergent_noise.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", nargs="*", type=Path, metavar="CLONE")
    parser.add_argument("--max", type=int, default=300, metavar="N", help="how many pairs of each clone (300)")
    parser.add_argument("--before", default="2026-01-01", metavar="DATE", help="only what ended before it (2026-01-01)")
    parser.add_argument("--check", default="", help="a command to look with, as ty, instead of the static checks")
    options = parser.parse_args()
    labels = {place_of(each): each for each in read_labels(LABELS)}
    run = Run()
    for clone in options.clones:
        try:
            look_at_all(clone, options, run)
        except (GitFailedError, OSError) as fault:
            raise SystemExit(f"{clone}: {fault}") from fault
    if not run.looked:
        print("SKIPPED: no clone was given, or none has pairs that merge cleanly")
        return 0
    unlabelled = _report(run, labels, options.check)
    return 1 if unlabelled or run.failed else 0


def read_labels(path: Path) -> tuple[Label, ...]:
    return msgspec.convert(tomllib.loads(path.read_text()).get("label", []), tuple[Label, ...])


def place_of(label: Label) -> tuple[object, ...]:
    return (label.repository, label.numbers, label.check, label.rule, label.path, label.subject)


def look_at_all(clone: Path, options: argparse.Namespace, run: Run) -> None:
    """Every pair of one clone's sample."""
    name = name_of(clone)
    sample = sample_of(clone, name, options.max, options.before)
    started = time.monotonic()
    with borrowed(clone, f"emergent-{name}") as repo:
        git(repo, "update-ref", "refs/heads/main", find_commit(clone, "HEAD") or "")
        with open_looker(repo, options.check) as look:
            for pair in sorted(sample.pairs, key=lambda pair: pair.base):
                _look_at(name, pair, repo, look, run)
    print(f"{name}: {len(sample.pairs)} pairs in {time.monotonic() - started:.0f} s", flush=True)


class Answer(msgspec.Struct, frozen=True):
    """What was found emergent in one merge; ``could_not``: why some check could not look."""

    emergent: tuple[Finding, ...]
    could_not: str = ""


Look = Callable[[VirtualMerge], Answer]


@contextmanager
def open_looker(repo: Path, check: str = "") -> Iterator[tuple[VirtualMerges, Look]]:
    """What the watch does with a pair, kept open, so that many pairs share one reading of the base.

    ``check``: the command of that name looks, in scratch trees and in the sandbox, not the static checks.
    """
    place = find_place(repo, {**os.environ, "WATCHKEEPER_HOME": str(CACHE / "home")})
    with (
        open_analysis(place) as parts,
        open_commands(place, parts, (check,), only_static=not check, again=True) as commands,
    ):
        static = StaticProver(HubTrees(parts.objects, parts.readings, parts.analyst))

        def look(merge: VirtualMerge) -> Answer:
            found = static.look(merge)
            return Answer(
                found.emergent, "; ".join(found.could_not) if len(found.checks) < len(static_checks()) else ""
            )

        def run(merge: VirtualMerge) -> Answer:
            assert commands is not None
            proof = commands.prove(Plan(merge, Choice((), (), ())), Proof((), (), Sha(""), Outcome.NOT_DISPROVED))
            return Answer(proof.findings, "" if check in proof.by else proof.reason)

        yield VirtualMerges(parts.hub), run if check else look


def merge_pair(repo: Path, merges: VirtualMerges, pair: OpenPair) -> VirtualMerge:
    """The virtual merge of two pull requests on their common base. Raises: GitError, GitFailedError."""
    base = Sha(pair.base)
    live = []
    for number, head in zip(pair.numbers, pair.heads, strict=True):
        names = git(repo, "diff-tree", "-r", "-z", "--no-renames", "--name-only", base, head).split("\0")
        tree = merges.tree_of(Sha(head))
        live.append(LiveTree(ChangeId(f"#{number}"), base, tree, frozenset(filter(None, names))))
    return merges.merge(live, base)


def _look_at(name: str, pair: OpenPair, repo: Path, looker: tuple[VirtualMerges, Look], run: Run) -> None:
    merges, look = looker
    try:
        merge = merge_pair(repo, merges, pair)
        if not merge.is_clean:
            run.clashing += 1
            return
        started = time.monotonic()
        found = look(merge)
    except (WatchkeeperError, GitFailedError) as fault:
        run.failed += 1
        print(f"FAILED {name} {pair.numbers[0]} x {pair.numbers[1]}: {fault}")
        return
    if found.could_not:
        run.failed += 1
        print(f"FAILED {name} {pair.numbers[0]} x {pair.numbers[1]}: {found.could_not}")
    run.looked.append(Looked(name, pair, found.emergent, round((time.monotonic() - started) * 1000)))


def _report(run: Run, labels: Mapping[tuple[object, ...], Label], check: str) -> int:
    told: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for each in run.looked:
        verdicts = set()
        for finding in each.emergent:
            label = labels.get((each.repository, each.pair.numbers, *finding.key))
            verdict = "unlabelled" if label is None else "true" if label.is_true else "false"
            verdicts.add(verdict)
            told[verdict] += 1
            numbers = f"{each.pair.numbers[0]} x {each.pair.numbers[1]}"
            print(f"{each.repository} {numbers} {verdict.upper()} {finding.check} {finding.rule}: {finding.message}")
            print(f"    {finding.path}:{finding.line}: {finding.text[:120]}")
            if label is not None:
                print(f"    {label.why}")
        pairs.update(verdicts)
        pairs["any"] += bool(verdicts)
    total = len(run.looked)
    rows = [[what, told[what], render_share(pairs[what], total)] for what in ("true", "false", "unlabelled")]
    by_name = Counter(each.repository for each in run.looked)
    print(f"\n{total} pairs merge cleanly ({', '.join(f'{n} {c}' for n, c in by_name.items())});", end=" ")
    print(f"{run.clashing} do not, {run.failed} failed")
    print(render_table(["emergent", "findings", "pairs with one"], rows))
    name, option = ("emergent_noise", "") if not check else (f"emergent_noise-{check}", f" --check {check}")
    command = f"python benchmarks/emergent_noise.py CLONE...{option}"
    record_figures(name, _figures(run, told, pairs), command=command)
    return told["unlabelled"]


def _figures(run: Run, told: Mapping[str, int], pairs: Mapping[str, int]) -> dict[str, object]:
    total = len(run.looked)
    times: Sequence[int] = sorted(each.wall_ms for each in run.looked)
    return {
        "pairs_that_merge_cleanly": total,
        "by_repository": dict(Counter(each.repository for each in run.looked)),
        "clashing": run.clashing,
        "failed": run.failed,
        "findings": {what: told[what] for what in ("true", "false", "unlabelled")},
        "pairs_with_a_finding": [pairs["any"], *wilson(pairs["any"], total)],
        "pairs_with_a_false_one": [pairs["false"], *wilson(pairs["false"], total)],
        "wall_ms_p50": statistics.median(times),
        "wall_ms_p95": times[len(times) * 95 // 100],
    }


if __name__ == "__main__":
    raise SystemExit(main())
