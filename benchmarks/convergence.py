"""Whether kinds that many projects found surface as candidates, on which day, and how many groupings are right.

``python benchmarks/convergence.py [--seeds N]``: the findings of ``benchmarks/data/convergence`` are dealt to days,
each project's in their order, and every day goes the way of real ones: events, folds, the catalogue, groups of the
rest, independence, candidates. Nobody confirms anything. Thresholds are chosen on halves and measured on the others;
plain TF-IDF over words with its best threshold of the same halves is the rival. Labels only score.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from convergence_controls import count_nonsense, run_contradictions, run_controls
from convergence_days import Days, Told, live
from figures import record_figures, render_share, render_table
from scratch import ROOT
from watchkeeper.model.scouting import KindId
from watchkeeper.scouts.convergence.catalogue import Catalogue, builtin_catalogue
from watchkeeper.scouts.convergence.clustering import LEAST_ALIKE, group_rows
from watchkeeper.scouts.convergence.matching import Bar, Proposal, measure_of, propose
from watchkeeper.scouts.convergence.words import Rows

DATA = ROOT / "benchmarks" / "data" / "convergence" / "findings.json"
DAYS = 12
LABELS = {
    "ownership": "missing-ownership-check", "rls": "missing-row-security", "silent": "silent-error",
    "nplus1": "n-plus-one", "tests": "missing-tests", "timeout": "missing-timeout", "inject": "injection",
    "xss": "unescaped-html", "validate": "missing-validation", "boundary": "missing-error-boundary",
    "dead": "dead-code", "ratelimit": "missing-rate-limit", "dup": "duplicate-code", "a11y": "accessibility",
}  # fmt: skip
"""What the labels of the data are called in the catalogue: for scoring alone."""


class Setting(NamedTuple):
    """What is chosen on one half."""

    bar: Bar
    least: float


class Score(NamedTuple):
    """Pairs of findings that were put together: how many, how many of them belong together, how many do in truth."""

    put: int
    right: int
    true: int

    @property
    def precision(self) -> float:
        return self.right / self.put if self.put else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.put + self.true) if self.put + self.true else 1.0

    @property
    def worth(self) -> float:
        """F with beta 0.5, by which thresholds are chosen: what is not put together a person can put together."""
        whole = self.put + 0.25 * self.true
        return 1.25 * self.right / whole if whole else 1.0


class Known(NamedTuple):
    """All findings with what does not depend on thresholds: proposals, likeness, the rival's likeness."""

    told: tuple[Told, ...]
    labels: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    rows: Rows
    rival: Rows


def main() -> int:
    """Prints what surfaced and how right it was, writes ``results/convergence.json``; 1 where a control fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="splits and deals of each kind (10)")
    options = parser.parse_args()
    known = _read()
    figures: dict[str, object] = {"findings": len(known.told), "projects": len({each.project for each in known.told})}
    figures["catalogue"] = _score_catalogue(known)
    figures["halves"] = {
        "finding": _score_halves([known] * options.seeds, _by_finding, "by finding"),
        "kind": _score_halves([known] * options.seeds, _by_kind, "by kind"),
        "finding_half_of_kinds_unknown": _score_halves(
            [_read(_drawn(known, random.Random(seed))) for seed in range(options.seeds)], _by_finding,
            "by finding, half of the kinds taken out of the catalogue",
        ),
    }  # fmt: skip
    figures["as_shipped"] = _score_shipped(known)
    figures["days"] = _score_days(known, options.seeds)
    figures["unseen_thresholds"] = _score_unseen(known, options.seeds)
    figures["nonsense_of_the_same_words"] = nonsense = count_nonsense(known.told, DAYS, options.seeds)
    print(f"candidates where all words are dealt anew, by seed: {nonsense}")
    controls = run_controls(known.told, DAYS, options.seeds)
    figures["controls"] = controls
    for name, each in controls.items():
        print(f"control: {name}: {each}")
    figures["contradictions"] = contradictions = run_contradictions(known.told)
    print(f"contradictions: {contradictions}")
    record_figures("convergence", figures)
    is_seen = all(each["projects"] >= 4 for each in figures["days"]["ownership"])  # type: ignore[index]
    return 0 if is_seen and contradictions["holds"] and all(each["holds"] for each in controls.values()) else 1


def _drawn(known: Known, chance: random.Random) -> frozenset[str]:
    """Half of the kinds that are in the data."""
    kinds = sorted({LABELS[each] for each in known.labels})
    return frozenset(chance.sample(kinds, len(kinds) // 2))


def _read(without: frozenset[str] = frozenset()) -> Known:
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = json.loads(DATA.read_text())
    told = tuple(Told(each["project"], each["text"]) for each in written)
    texts = [each.text for each in told]
    catalogue = Catalogue({key: each for key, each in builtin_catalogue().kinds.items() if key not in without})
    words = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(texts)
    return Known(
        told, tuple(each["kind"] for each in written), tuple(propose(texts, catalogue)),
        measure_of(catalogue).likeness(texts, texts), (words @ words.T).toarray().tolist(),
    )  # fmt: skip


def _group(known: Known, part: Sequence[int], setting: Setting) -> list[str]:
    """The group of each finding of a part, as the product makes them in one go."""
    taken = {number: known.proposals[number].judged(setting.bar).taken for number in part}
    rest = [number for number in part if taken[number] is None]
    labels = group_rows([[known.rows[a][b] for b in rest] for a in rest], setting.least) if len(rest) > 1 else [0]
    groups = {number: f"cluster-{label}" for number, label in zip(rest, labels, strict=False)}
    return [taken[number] or groups[number] for number in part]


def _clustered(rows: Rows, part: Sequence[int], least: float) -> list[str]:
    return [str(each) for each in group_rows([[rows[a][b] for b in part] for a in part], least)]


def _score(groups: Sequence[str], labels: Sequence[str]) -> Score:
    pairs = list(combinations(range(len(groups)), 2))
    put = [(a, b) for a, b in pairs if groups[a] == groups[b]]
    return Score(len(put), sum(labels[a] == labels[b] for a, b in put), sum(labels[a] == labels[b] for a, b in pairs))


def _settings() -> Iterator[Setting]:
    for score in range(10, 27, 2):
        for margin in (0, 2, 4, 6, 8, 10):
            for least in range(8, 37, 4):
                yield Setting(Bar(score / 100, margin / 100), least / 100)


def _choose(known: Known, part: Sequence[int]) -> Setting:
    """The best by the pairs of a half; of equal ones the strictest."""
    labels = [known.labels[number] for number in part]

    def worth(each: Setting) -> tuple[float, float, float, float]:
        return (_score(_group(known, part, each), labels).worth, each.bar.margin, each.bar.score, each.least)

    return max(_settings(), key=worth)


def _score_clustered(known: Known, rows: Rows, first: Sequence[int], second: Sequence[int]) -> Score:
    """Everything clustered at the threshold that is best on the first half, on the second."""
    labels = [known.labels[number] for number in first]
    steps = [each / 100 for each in range(2, 80, 2)]
    least = max(steps, key=lambda each: _score(_clustered(rows, first, each), labels).worth)
    return _score(_clustered(rows, second, least), [known.labels[number] for number in second])


def _by_finding(known: Known, chance: random.Random) -> tuple[list[int], list[int]]:
    numbers = list(range(len(known.told)))
    chance.shuffle(numbers)
    half = len(numbers) // 2
    return sorted(numbers[:half]), sorted(numbers[half:])


def _by_kind(known: Known, chance: random.Random) -> tuple[list[int], list[int]]:
    kinds = sorted(set(known.labels))
    chance.shuffle(kinds)
    first = set(kinds[: len(kinds) // 2])
    parts = ([n for n, each in enumerate(known.labels) if (each in first) is side] for side in (True, False))
    return next(parts), next(parts)


def _score_catalogue(known: Known) -> dict[str, object]:
    meant = [LABELS[each] for each in known.labels]
    near = [[match.kind for match in each.near] for each in known.proposals]
    first = sum(each[:1] == [kind] for each, kind in zip(near, meant, strict=True))
    three = sum(kind in each for each, kind in zip(near, meant, strict=True))
    print(f"catalogue: first {render_share(first, len(meant))}, in three {render_share(three, len(meant))}")
    return {"first": first, "in_three": three, "of": len(meant)}


def _score_halves(
    every: Sequence[Known], split: Callable[[Known, random.Random], tuple[list[int], list[int]]], name: str
) -> dict[str, object]:
    """Chosen on one half, measured on the other, once for each of ``every``."""
    ours, theirs, without, chosen = [], [], [], []
    for seed, known in enumerate(every):
        first, second = split(known, random.Random(seed))
        labels = [known.labels[number] for number in second]
        setting = _choose(known, first)
        chosen.append(setting)
        ours.append(_score(_group(known, second, setting), labels))
        theirs.append(_score_clustered(known, known.rival, first, second))
        without.append(_score_clustered(known, known.rows, first, second))
    rows = [["ours", *_means(ours).values()], ["words clustered", *_means(theirs).values()]]
    rows.append(["ours without a catalogue", *_means(without).values()])
    print(f"\nhalves {name}, {len(every)} seeds: pairs of the other half, mean (lowest to highest of F1)")
    print("chosen, median:", _medians(chosen))
    print(render_table(["", "precision", "recall", "F0.5", "F1", "lowest", "highest"], rows))
    return {
        "ours": _means(ours), "rival": _means(theirs), "without_catalogue": _means(without),
        "ahead": sum(a.f1 > b.f1 for a, b in zip(ours, theirs, strict=True)),
        "seeds": len(every),
        "chosen": _medians(chosen),
    }  # fmt: skip


def _medians(chosen: Sequence[Setting]) -> dict[str, float]:
    return {
        "score": statistics.median(each.bar.score for each in chosen),
        "margin": statistics.median(each.bar.margin for each in chosen),
        "least": statistics.median(each.least for each in chosen),
    }


def _means(scores: Sequence[Score]) -> dict[str, float]:
    every = [each.f1 for each in scores]
    return {
        "precision": round(statistics.mean(each.precision for each in scores), 3),
        "recall": round(statistics.mean(each.recall for each in scores), 3),
        "f05": round(statistics.mean(each.worth for each in scores), 3),
        "f1": round(statistics.mean(every), 3), "f1_low": round(min(every), 3), "f1_high": round(max(every), 3),
    }  # fmt: skip


def _score_shipped(known: Known) -> dict[str, object]:
    """All findings at once with the thresholds of the product, which are medians of those chosen on halves."""
    everything = range(len(known.told))
    groups = _group(known, everything, Setting(Bar(), LEAST_ALIKE))
    score = _score(groups, known.labels)
    taken = [each.judged(Bar()).taken for each in known.proposals]
    right = sum(kind == LABELS[label] for kind, label in zip(taken, known.labels, strict=True))
    wrong, missed = [], []
    for told, kind, label, near in zip(known.told, taken, known.labels, known.proposals, strict=True):
        if kind is None:
            missed.append(f"{told.project}: {told.text} ({LABELS[label]}; nearest {near.near[0].kind})")
        elif kind != LABELS[label]:
            wrong.append(f"{told.project}: {told.text} ({LABELS[label]}, taken for {kind})")
    print(f"\nas shipped: taken {right + len(wrong)} of {len(taken)}, right {right}; to be asked {len(missed)}")
    print(f"pairs: precision {score.precision:.3f}, recall {score.recall:.3f}, F1 {score.f1:.3f}")
    print(*(f"  wrong: {each}" for each in wrong), *(f"  asked: {each}" for each in missed), sep="\n")
    apart = [
        f"{known.told[a].text} | {known.told[b].text}"
        for a, b in combinations(everything, 2)
        if groups[a] == groups[b] and known.labels[a] != known.labels[b]
    ]
    print(*(f"  wrong pair: {each}" for each in apart), sep="\n")
    by_kind = {
        LABELS[label]: {
            "right": sum(k == LABELS[label] == LABELS[o] for k, o in zip(taken, known.labels, strict=True)),
            "wrong": sum(k == LABELS[label] != LABELS[o] for k, o in zip(taken, known.labels, strict=True)),
            "of": known.labels.count(label),
        }
        for label in sorted(set(known.labels))
    }
    print(render_table(["kind", "right", "wrong", "of"], [[name, *each.values()] for name, each in by_kind.items()]))
    return {
        "bar": {"score": Bar().score, "margin": Bar().margin}, "least": LEAST_ALIKE, "right": right,
        "wrong": wrong, "asked": missed, "pairs": {"put": score.put, "right": score.right, "true": score.true},
        "wrong_pairs": apart, "by_kind": by_kind,
    }  # fmt: skip


def _expected(known: Known) -> dict[str, int]:
    """The kinds that are candidates in truth, by the labels: three projects, or two where the kind is grave."""
    projects: dict[str, set[str]] = {}
    for told, label in zip(known.told, known.labels, strict=True):
        projects.setdefault(LABELS[label], set()).add(told.project)
    grave = builtin_catalogue().severity_of
    return {kind: len(each) for kind, each in projects.items() if len(each) >= (2 if grave(KindId(kind)) >= 4 else 3)}


def _score_days(known: Known, seeds: int) -> dict[str, object]:
    """Day by day with the product's thresholds; the first seed is printed."""
    expected = _expected(known)
    runs = [live(known.told, DAYS, random.Random(seed)) for seed in range(seeds)]
    print(f"\nday by day, seed 0, {DAYS} days (kind: projects)")
    for day, candidates in enumerate(runs[0].candidates, 1):
        before = runs[0].candidates[day - 2] if day > 1 else {}
        fresh = {kind: count for kind, count in candidates.items() if before.get(kind) != count}
        print(f"  day {day:2}: {', '.join(f'{kind} {count}' for kind, count in fresh.items()) or 'nothing new'}")
    mixed = [live(_mixed(known.told, seed), DAYS, random.Random(seed)) for seed in range(seeds)]
    ends = [_judge_end(each, expected) for each in runs]
    rows = [["candidates right", *(len(each["right"]) for each in ends)]]
    rows += [["wrong", *(len(each["wrong"]) for each in ends)], ["missed", *(len(each["missed"]) for each in ends)]]
    rows += [["ownership: projects", *(each.projects("missing-ownership-check") for each in runs)]]
    rows += [["candidate on day", *(each.first_day("missing-ownership-check") or "-" for each in runs)]]
    rows += [["four projects on day", *(each.first_day("missing-ownership-check", 4) or "-" for each in runs)]]
    rows += [["the same, mixed order", *(each.first_day("missing-ownership-check", 4) or "-" for each in mixed)]]
    rows += [["kinds changed", *(each.changed for each in runs)]]
    print(render_table(["seed", *range(seeds)], rows))
    print("missed:", dict(Counter(kind for each in ends for kind in each["missed"])))
    print("wrong:", dict(Counter(kind for each in ends for kind in each["wrong"])))
    return {
        "days": DAYS, "expected": expected, "ends": ends,
        "first_seed": runs[0].candidates,
        "ownership": [
            {
                "projects": each.projects("missing-ownership-check"),
                "candidate_on": each.first_day("missing-ownership-check"),
                "four_on": each.first_day("missing-ownership-check", 4),
            }
            for each in runs
        ],
        "four_on_in_mixed_order": [each.first_day("missing-ownership-check", 4) for each in mixed],
        "changed_kinds": sum(each.changed for each in (*runs, *mixed)),
    }  # fmt: skip


def _mixed(told: Sequence[Told], seed: int) -> list[Told]:
    """Projects find things in another order than the file's, which begins with ownership."""
    return random.Random(seed).sample(told, len(told))


def _score_unseen(known: Known, seeds: int) -> dict[str, object]:
    """The same days with thresholds that were chosen on half of the kinds, ownership not among them."""
    expected, ends, ownership = _expected(known), [], []
    for seed in range(seeds):
        halves = _by_kind(known, random.Random(seed))
        part = next(each for each in halves if "ownership" not in {known.labels[number] for number in each})
        setting = _choose(known, part)
        days = live(known.told, DAYS, random.Random(seed), setting.bar, setting.least)
        ends.append(_judge_end(days, expected))
        ownership.append(days.projects("missing-ownership-check"))
    print(f"thresholds of kinds without ownership: its projects as candidate, by seed: {ownership}")
    return {"ownership_projects": ownership, "ends": ends}


def _judge_end(days: Days, expected: Mapping[str, int]) -> dict[str, list[str]]:
    found = set(days.candidates[-1])
    return {
        "right": sorted(found & set(expected)), "wrong": sorted(found - set(expected)),
        "missed": sorted(set(expected) - found),
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
