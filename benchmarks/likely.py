"""Is what an issue's text lets expect what its change then touched? On a real project's history, against rivals.

    python benchmarks/likely.py --repository PATH --name pytest --since 2024-01-01

Each change that landed is asked about at its fork point, from a survey of the tree and the past as they were there; the
line of the target branch is walked commit by commit with the product's own survey. Texts:

* ``title``: the pull request's title alone. Written by who made the change, mostly before it, but never checked
  against the issue: it may name what the work turned out to be about.
* ``title and note``: with the description in the merge and the lines that the change added to the list of changes
  (``changelog/*.rst``, ``CHANGES.rst``). The note is written for users, about behaviour, yet after the change: it may
  name what the author found. Neither holds a name that was taken from the difference by us.

What counts as touched: source and configuration files that were there before (documentation is left out), and their
functions, methods, classes and variables whose own text is another afterwards. New ones cannot be foreseen and are not
counted.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from figures import record_figures, render_share, render_table, wilson
from likely_history import Landed, read_history
from likely_replay import Asked, Truth, issue_of, replay
from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.evidence import Question, ask
from watchkeeper.fleet.likely import Forecast, clash, foresee, rare_names
from watchkeeper.fleet.likely_weights import RARE_ENOUGH
from watchkeeper.fleet.survey import Survey

OURS = "likely footprint"
TEXTS = {"title": False, "title and note": True}
_DEPTHS = (5, 10)
_THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)
_CLASHES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
_BINS = 10
_BACKLOG = 6  # so many changes after each are taken to wait beside it
_SEED = 20260827

Ranked = Sequence[Hashable]


class Answer(msgspec.Struct, frozen=True):
    """What each method says to one question, and what is true."""

    landed: Landed
    truth: Truth
    files: Mapping[tuple[str, str], Ranked]  # by method and text
    symbols: Mapping[tuple[str, str], Ranked]
    forecasts: Mapping[str, Forecast]
    millis: Mapping[str, float]
    later: Mapping[tuple[str, str], Forecast]  # by text and commit: what comes next, asked about now
    rivals: Mapping[tuple[str, str], tuple[Ranked, Ranked]]  # the same, by words alone and by names alone


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--since", required=True)
    parser.add_argument("--until", default="2026-08-21")
    options = parser.parse_args()
    history = read_history(options.repository, options.since, options.until)
    queue = sorted(history.landed, key=lambda each: (each.fork, each.place))
    behind = {each.commit: queue[i + 1 : i + 1 + _BACKLOG] for i, each in enumerate(queue)}
    answers = [_answer(asked, behind[asked.landed.commit]) for asked in replay(options.repository, history)]
    figures = {
        "repository": options.name,
        "landed": f"{options.since} to {options.until}",
        "questions": len(answers),
        "left out": {**history.left_out, "touches no source file that was there": len(history.landed) - len(answers)},
        "texts": " ".join((__doc__ or "").split("Texts:")[1].split()),
        "files": _ranking(answers, "files"),
        "symbols": _ranking([each for each in answers if each.truth.symbols], "symbols"),
        "calibration": {kind: _calibration(answers, kind) for kind in ("files", "symbols")},
        "order": {
            "open together": _orders(list(_open_together(answers)), "pairs that were open together"),
            "backlog": _orders(list(_backlog(answers)), f"each with the {_BACKLOG} that came next, both asked at once"),
        },
        "milliseconds an issue": _times(answers),
    }
    command = f"python benchmarks/likely.py --repository PATH --name {options.name} --since {options.since}"
    print(record_figures(f"likely-{options.name}", figures, command=command))


def _answer(asked: Asked, behind: Sequence[Landed]) -> Answer:
    atlas, past = asked.survey.atlas, asked.survey.past
    chance = random.Random(f"{_SEED} {asked.landed.number}")
    files: dict[tuple[str, str], Ranked] = {}
    symbols: dict[tuple[str, str], Ranked] = {}
    forecasts, millis = {}, {}
    later: dict[tuple[str, str], Forecast] = {}
    rivals: dict[tuple[str, str], tuple[Ranked, Ranked]] = {}
    for text, with_note in TEXTS.items():
        issue = issue_of(asked.landed, with_note=with_note)
        began = time.perf_counter()
        forecast = forecasts[text] = foresee(issue, atlas, past)
        millis[text] = 1_000 * (time.perf_counter() - began)
        for each in behind:
            waiting = issue_of(each, with_note=with_note)
            later[text, each.commit] = foresee(waiting, atlas, past)
            rivals[text, each.commit] = _rivals(ask(waiting, atlas, past), atlas)
        rivals[text, asked.landed.commit] = _rivals(ask(issue, atlas, past), atlas)
        files[OURS, text] = [each.path for each in forecast.files[:10]]
        symbols[OURS, text] = [(each.path, each.qualname) for each in forecast.symbols[:10]]
        question = ask(issue, atlas, past)
        words = atlas.search_files(question.terms)
        files["BM25 alone", text] = _best(words)
        inner = atlas.search_symbols(question.terms, _best(words, 25))
        symbols["BM25 alone", text] = [tuple(key) for key in _best(inner)]
        files["names in the text alone", text] = _named_files(question)
        symbols["names in the text alone", text] = [
            tuple(k) for k in _best({key: named.weight for key, named in question.meant.symbols.items()})
        ]
    for name, of_files, of_symbols in _blind(asked.survey, chance):
        files[name, "none"], symbols[name, "none"] = of_files, of_symbols
    return Answer(asked.landed, asked.truth, files, symbols, forecasts, millis, later, rivals)


def _named_files(question: Question) -> Ranked:
    found: dict[str, float] = {path: named.weight for path, named in question.meant.files.items()}
    for key, named in question.meant.symbols.items():
        found[key.path] = max(found.get(key.path, 0.0), named.weight)
    return _best(found)


def _blind(survey: Survey, chance: random.Random) -> Iterator[tuple[str, Ranked, Ranked]]:
    """Rivals that do not read the text: what changed last, and chance, by how often each changes."""
    past = survey.past
    newest = [path for path in past.newest_files() if path in survey.atlas.paths]
    keys = [key for path in newest for key in past.symbols_of(path)]
    yield "changed last", newest[:10], [tuple(key) for key in past.newest_symbols()[:10]]
    of_files = {path: past.share_of_file(path) for path in newest}
    of_symbols = {key: past.share_of_symbol(key) for key in keys}
    yield "chance, by churn", _drawn(of_files, chance), [tuple(key) for key in _drawn(of_symbols, chance)]


def _drawn(weights: Mapping, chance: random.Random) -> Ranked:  # type: ignore[type-arg]
    """Ten, without putting back; the heavier the likelier."""
    keyed = {key: chance.random() ** (1 / max(1e-9, weight)) for key, weight in sorted(weights.items())}
    return _best(keyed)


def _best(scores: Mapping, most: int = 10) -> list:  # type: ignore[type-arg]
    return sorted(scores, key=lambda key: (-scores[key], key))[:most]


def _ranking(answers: Sequence[Answer], kind: str) -> dict[str, object]:
    methods = list(getattr(answers[0], kind)) if answers else []
    found: dict[str, object] = {"questions": len(answers), "touched": sum(len(getattr(e.truth, kind)) for e in answers)}
    rows = []
    shown_columns = [f"{what} at {d}" for d in _DEPTHS for what in ("precision", "recall")] + ["any right of 5"]
    for method in methods:
        told = found[" | ".join(method)] = {}
        for depth in _DEPTHS:
            hits = shown = touched = met = 0
            recalls = []
            for each in answers:
                truth, ranked = getattr(each.truth, kind), list(getattr(each, kind)[method])[:depth]
                right = len(truth.intersection(ranked))
                hits, shown, touched, met = hits + right, shown + len(ranked), touched + len(truth), met + bool(right)
                recalls.append(right / len(truth))
            told[f"precision at {depth}"] = _share(hits, shown)
            told[f"recall at {depth}"] = _share(hits, touched)
            told[f"mean recall at {depth}"] = round(statistics.fmean(recalls), 4) if recalls else 0.0
            told[f"any right of {depth}"] = _share(met, len(answers))
        rows.append((*method, *(_short(told[what]) for what in shown_columns)))
    head = ("method", "text", *shown_columns)
    print(f"\n{kind}, {len(answers)} questions\n{render_table(head, rows)}")
    return found


def _calibration(answers: Sequence[Answer], kind: str) -> dict[str, list[dict[str, object]]]:
    """By tenths of likelihood: how many were told, what was said on average, and how many were right."""
    tables = {}
    for text in TEXTS:
        bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
        for each in answers:
            for likely in getattr(each.forecasts[text], kind):
                key = likely.path if kind == "files" else (likely.path, likely.qualname)
                bins[min(_BINS - 1, int(likely.likelihood * _BINS))].append(
                    (likely.likelihood, key in getattr(each.truth, kind))
                )
        tables[text] = [
            {
                "from": place / _BINS,
                "told": len(found),
                "said": round(statistics.fmean(said for said, _ in found), 3),
                "right": _share(sum(right for _, right in found), len(found)),
            }
            for place, found in sorted(bins.items())
        ]
        print(f"\ncalibration, {kind}, {text}")
        print(
            render_table(
                ("from", "told", "said", "right"),
                [(r["from"], r["told"], r["said"], _short(r["right"])) for r in tables[text]],
            )
        )
    return tables


class _Pair(msgspec.Struct, frozen=True):
    """Two changes with what was foreseen of both, by text, before either landed; and whether they met in a symbol."""

    forecasts: Mapping[str, tuple[Forecast, Forecast]]
    rivals: Mapping[str, tuple[tuple[Ranked, Ranked], tuple[Ranked, Ranked]]]
    met: bool


def _orders(pairs: Sequence[_Pair], what: str) -> dict[str, object]:
    """How often "they will touch the same symbol" is right, by threshold."""
    true = [pair.met for pair in pairs]
    found: dict[str, object] = {
        "what": what,
        "pairs": len(pairs),
        "touch the same symbol": _share(sum(true), len(pairs)),
        "threshold in use": RARE_ENOUGH,
    }
    for text in TEXTS:
        sides = [pair.forecasts[text] for pair in pairs]
        told = {
            f"both {t} or more": [bool(set(rare_names(a, t)) & set(rare_names(b, t))) for a, b in sides]
            for t in _THRESHOLDS
        }
        chances = [clash(a, b).likelihood for a, b in sides]
        told |= {f"clash {least} or more": [chance >= least for chance in chances] for least in _CLASHES}
        for place, rival in enumerate(("BM25 alone", "names in the text alone")):
            ranked = [(a[place], b[place]) for a, b in (pair.rivals[text] for pair in pairs)]
            told |= {f"{rival}, the first {n}": [_meet(a, b, n) for a, b in ranked] for n in (1, 3)}
        rules = {rule: _order(said, true) for rule, said in told.items()}
        found[text] = rules
        print(f"\norder, {what}, {text}: {len(pairs)} pairs, {render_share(sum(true), len(pairs))} meet in a symbol")
        rows = [(rule, _short(each["precision"]), _short(each["recall"])) for rule, each in rules.items()]
        print(render_table(("rule", "precision", "recall"), rows))
    return found


def _open_together(answers: Sequence[Answer]) -> Iterator[_Pair]:
    """Neither had landed when the other began; each asked about where it began."""
    able = [each for each in answers if each.truth.symbols]
    for i, one in enumerate(able):
        for two in able[i + 1 :]:
            if one.landed.fork < two.landed.place and two.landed.fork < one.landed.place:
                both = {text: (one.forecasts[text], two.forecasts[text]) for text in TEXTS}
                rivals = {text: (_own_rivals(one, text), _own_rivals(two, text)) for text in TEXTS}
                yield _Pair(both, rivals, _met(one, two))


def _backlog(answers: Sequence[Answer]) -> Iterator[_Pair]:
    """As if what came next had been waiting already: both are asked about where the first began, so that neither is
    in the past that is known. What follows from the first is among them, and meets it more often than chance would."""
    by_commit = {each.landed.commit: each for each in answers if each.truth.symbols}
    for one in by_commit.values():
        for commit in dict.fromkeys(commit for _, commit in one.later):
            if commit in by_commit:
                both = {text: (one.forecasts[text], one.later[text, commit]) for text in TEXTS}
                rivals = {text: (_own_rivals(one, text), one.rivals[text, commit]) for text in TEXTS}
                yield _Pair(both, rivals, _met(one, by_commit[commit]))


def _met(one: Answer, two: Answer) -> bool:
    return not one.truth.symbols.isdisjoint(two.truth.symbols)


def _own_rivals(answer: Answer, text: str) -> tuple[Ranked, Ranked]:
    return answer.rivals[text, answer.landed.commit]


def _rivals(question: Question, atlas: Atlas) -> tuple[Ranked, Ranked]:
    """The symbols by words alone, and by names alone."""
    inner = atlas.search_symbols(question.terms, _best(atlas.search_files(question.terms), 25))
    return _best(inner, 3), _best({key: named.weight for key, named in question.meant.symbols.items()}, 3)


def _meet(one: Ranked, two: Ranked, most: int) -> bool:
    return not set(one[:most]).isdisjoint(two[:most])


def _order(said: Sequence[bool], true: Sequence[bool]) -> dict[str, object]:
    right = sum(a and b for a, b in zip(said, true, strict=True))
    return {"precision": _share(right, sum(said)), "recall": _share(right, sum(true))}


def _times(answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    found = {}
    for text in TEXTS:
        values = sorted(each.millis[text] for each in answers)
        found[text] = {"median": round(statistics.median(values), 1), "p95": round(values[int(len(values) * 0.95)], 1)}
    return found


def _share(hits: int, total: int) -> dict[str, object]:
    low, high = wilson(hits, total)
    return {
        "of": [hits, total],
        "share": round(hits / total, 4) if total else None,
        "wilson": [round(low, 4), round(high, 4)],
    }


def _short(share: object) -> str:
    if not isinstance(share, dict):
        return str(share)
    hits, total = share["of"]
    return render_share(hits, total)


if __name__ == "__main__":
    main()
