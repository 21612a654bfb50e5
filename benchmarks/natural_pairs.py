"""How often the detector speaks up about pull requests that were really open together: noise, at its natural rate.

``python benchmarks/natural_pairs.py CLONE [--max N]``: CLONE is a clone with its pull requests
(``git fetch origin '+refs/pull/*:refs/pull/*'``); it is only read. The sample is kept in ``.cache`` and drawn the same
way every time. Nobody has labelled these pairs: nearly all of them were fine, so what is counted is alarms, not hits.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from detection import Detect, at_least, open_detector, semantic
from figures import record_figures, render_share, render_table, wilson
from judge_sample import render_reports
from open_together import OpenPair, Sample, draw_sample
from scratch import CACHE, GitFailedError, borrowed, find_commit, git, merge_tree
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.errors import WatchkeeperError

SEED = 20260101


class Judged(msgspec.Struct, frozen=True):
    """A pair, what git says of merging it, and what the detector says."""

    pair: OpenPair
    merges: bool
    conflicts: tuple[Conflict, ...]

    def alarm(self, severity: Severity) -> bool:
        return bool(at_least(self.conflicts, severity))

    def silent_alarm(self, severity: Severity) -> bool:
        """An alarm about something that git would not have stopped at."""
        return bool(at_least(semantic(self.conflicts), severity))


def main() -> int:
    """Prints alarms per 100 pairs, writes ``results/natural_pairs-NAME.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, metavar="CLONE")
    parser.add_argument("--max", type=int, default=300, metavar="N", help="how many pairs (300)")
    parser.add_argument("--before", default="2026-01-01", metavar="DATE", help="only what ended before it (2026-01-01)")
    parser.add_argument("--name", default="", help="what to call the figures (the clone's folder)")
    parser.add_argument("--verbose", action="store_true", help="print each alarm, to be judged by a person")
    parser.add_argument(
        "--reports", type=Path, metavar="FILE", help="write what was told, a line of JSON for each pair"
    )
    options = parser.parse_args()
    name = options.name or name_of(options.clone)
    try:
        sample = sample_of(options.clone, name, options.max, options.before)
        judged, failed = _judge_all(options.clone, name, sample)
    except (GitFailedError, OSError) as fault:
        raise SystemExit(f"{options.clone}: {fault}") from fault
    if options.verbose:
        _print_alarms(judged)
    if options.reports:
        told = [(j.pair.heads, at_least(j.conflicts, Severity.MINOR)) for j in judged if j.alarm(Severity.MINOR)]
        options.reports.write_text("".join(f"{render_reports(*each)}\n" for each in told))
    figures = _measure(judged)
    figures |= {"candidates": sample.candidates, "giants_left_out": sample.giants, "failed": failed, "seed": SEED}
    print(
        f"\n{sample.candidates} pairs to draw from, {sample.giants} giant pull requests left out, {failed} pairs failed"
    )
    command = f"python benchmarks/natural_pairs.py CLONE --max {options.max} --name {name}"
    record_figures(f"natural_pairs-{name}", figures, command=command)
    return 1 if failed else 0


def name_of(clone: Path) -> str:
    """The folder's name; of a bare repository called ``repo`` or ``.git``, the one around it."""
    path = clone.resolve()
    name = path.parent.name if path.name in {"repo", ".git"} else path.name
    return name.removesuffix(".git").rpartition("+")[2]


def sample_of(clone: Path, name: str, most: int, before: str) -> Sample:
    """The pairs of a clone, drawn once and kept."""
    place = CACHE / "natural" / f"{name}-{most}-{before}-{SEED}.json"
    if place.exists():
        return msgspec.json.decode(place.read_bytes(), type=Sample)
    limit = int(datetime.fromisoformat(before).replace(tzinfo=UTC).timestamp())
    sample = draw_sample(clone, most=most, before=limit, seed=SEED)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(msgspec.json.encode(sample))
    return sample


def _judge_all(clone: Path, name: str, sample: Sample) -> tuple[list[Judged], int]:
    judged, failed = [], 0
    with borrowed(clone, f"natural-{name}") as repo, ExitStack() as stack:
        git(repo, "update-ref", "refs/heads/main", find_commit(clone, "HEAD") or "")
        detect = stack.enter_context(open_detector(repo))
        for pair in sorted(sample.pairs, key=lambda pair: pair.base):
            try:
                judged.append(_judge(repo, pair, detect))
            except (WatchkeeperError, GitFailedError) as fault:
                failed += 1
                print(f"FAILED {pair.numbers[0]} x {pair.numbers[1]}: {fault}")
    return judged, failed


def _judge(repo: Path, pair: OpenPair, detect: Detect) -> Judged:
    return Judged(pair, merge_tree(repo, *pair.heads)[1], detect(*pair.heads, pair.base))


def _measure(judged: Sequence[Judged]) -> dict[str, object]:
    figures: dict[str, object] = {}
    for title, some in (("all", judged), ("sharing a file", [j for j in judged if j.pair.sharing])):
        counts = {label: sum(test(j) for j in some) for label, test in _MEASURES.items()}
        rows = [[label, render_share(count, len(some))] for label, count in counts.items()]
        print(f"\n{len(some)} pairs, {title}\n" + render_table(["alarm", "pairs"], rows))
        figures[title] = {
            "pairs": len(some),
            **{label: [count, *wilson(count, len(some))] for label, count in counts.items()},
        }
    rules = Counter(
        (conflict.rule, conflict.severity.value)
        for j in judged
        for conflict in {(c.rule, c.severity): c for c in at_least(j.conflicts, Severity.MINOR)}.values()
    )
    ordered = sorted(rules.items(), key=lambda item: (item[0][0], -Severity(item[0][1]).rank))
    print(
        "\npairs with at least one report of a rule\n"
        + render_table(["rule", "severity", "pairs"], [[*k, n] for k, n in ordered])
    )
    figures["rules"] = {f"{rule} {severity}": count for (rule, severity), count in ordered}
    return figures


_MEASURES: dict[str, Callable[[Judged], bool]] = {
    "same file": lambda j: j.pair.sharing,
    "git: textual conflict": lambda j: not j.merges,
    "minor and above": lambda j: j.alarm(Severity.MINOR),
    "major and above": lambda j: j.alarm(Severity.MAJOR),
    "blocking": lambda j: j.alarm(Severity.BLOCKING),
    "minor and above, not text": lambda j: j.silent_alarm(Severity.MINOR),
    "major and above, not text": lambda j: j.silent_alarm(Severity.MAJOR),
    "merges cleanly, major and above": lambda j: j.merges and j.alarm(Severity.MAJOR),
}


def _print_alarms(judged: Sequence[Judged]) -> None:
    for j in judged:
        for conflict in at_least(semantic(j.conflicts), Severity.MINOR):
            numbers = f"{j.pair.numbers[0]} x {j.pair.numbers[1]}"
            print(f"{numbers} {conflict.severity} {conflict.rule} {conflict.confidence}:")
            print(f"    {conflict.summary} ({conflict.why})")
            for item in conflict.evidence[:4]:
                print(f"    {item.change[:12]} {item.path}:{item.line}: {item.text[:110]}")


if __name__ == "__main__":
    raise SystemExit(main())
