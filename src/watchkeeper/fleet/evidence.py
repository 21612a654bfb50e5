"""What speaks for a file or a symbol to be touched by an issue, as numbers and as reasons. Pure.

The numbers are shares and logarithms, never counts of one project, so that one table of weights fits all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.mentions import Meant, Named, find_mentions, resolve
from watchkeeper.fleet.past_changes import Alike, PastChanges
from watchkeeper.fleet.terms import bounded, terms_of, written_as
from watchkeeper.model.fleet import Issue
from watchkeeper.model.ids import SymbolKey

FILE_EVIDENCE = (
    "named", "symbol named", "words", "first by words", "symbol's words", "path's words", "alike", "alike most",
    "touched lately", "is test", "is code",
)  # fmt: skip
"""What is known of a file, in the order of its numbers; ``together`` comes last, and is asked of the likely ones."""

SYMBOL_EVIDENCE = (
    "file", "named", "only named", "words", "first by words", "name's words", "outer's words", "alike",
    "touched lately", "size", "is class", "is test",
)  # fmt: skip

_VERBS = frozenset(
    """add adjust allow apply avoid clean cleanup correct creat delet deprecat document drop ensur handl implement
    improv introduc mak mention merg mov prevent refactor remov renam replac revert rewrit simplify support switch
    test updat upgrad""".split()
)  # what is done says nothing about where
_MOST_SPOKEN = 4
_MOST_TERMS = 120
_TITLE_WEIGHT = 2.0
_MOST_FILES = 60
_MOST_SYMBOLS = 200
_RARE = 1e-4


class Question(NamedTuple):
    """What an issue asks for, laid on a tree and its past."""

    terms: dict[str, float]
    ranked: tuple[str, ...]  # the terms, those that say most first
    words: dict[str, str]  # how the issue writes each term
    meant: Meant
    alike: tuple[Alike, ...]


class Candidate(NamedTuple):
    """A file or symbol that something speaks for, and what."""

    key: SymbolKey
    numbers: tuple[float, ...]


def ask(issue: Issue, atlas: Atlas, past: PastChanges) -> Question:
    """Read an issue: its terms by weight, the names in it, and past changes like it."""
    title, body = bounded(issue.title)[:2_000], bounded(issue.body)
    weights: dict[str, float] = {}
    for text, factor in ((title, _TITLE_WEIGHT), (body, 1.0)):
        for term, count in terms_of(text).items():
            weights[term] = weights.get(term, 0.0) + factor * (1 + math.log(count))
    for term in _VERBS & weights.keys():
        del weights[term]
    ranked = sorted(weights, key=lambda term: (-weights[term] * (atlas.rarity(term) + 0.1), term))
    terms = {term: weights[term] for term in ranked[:_MOST_TERMS]}
    meant = resolve(find_mentions(f"{title}\n\n{body}"), atlas)
    return Question(terms, tuple(terms), written_as(f"{title}\n{body}"), meant, past.alike(terms))


def file_candidates(question: Question, atlas: Atlas, past: PastChanges) -> tuple[Candidate, ...]:
    """The files that anything speaks for, at most sixty, by path."""
    words = atlas.search_files(question.terms)
    votes, best = _votes(question.alike)
    symbols: dict[str, float] = {}
    for key, named in question.meant.symbols.items():
        symbols[key.path] = max(symbols.get(key.path, 0.0), named.weight)
    pool = _pool(words, votes, {**{p: n.weight for p, n in question.meant.files.items()}, **symbols}, atlas)
    top = max(words.values(), default=1.0)
    places = _places(words)
    inner = atlas.search_symbols(question.terms, pool)
    strongest: dict[str, float] = {}
    for key, score in inner.items():
        strongest[key.path] = max(strongest.get(key.path, 0.0), score)
    top_inner = max(inner.values(), default=1.0)
    return tuple(
        Candidate(
            SymbolKey(path, ""),
            (
                _weight(question.meant.files.get(path)),
                symbols.get(path, 0.0),
                words.get(path, 0.0) / top,
                1 / (1 + places.get(path, 99)),
                strongest.get(path, 0.0) / top_inner,
                atlas.coverage(question.terms, _stem(path)),
                votes.get(path, 0.0),
                best.get(path, 0.0),
                _log_share(past.share_of_file(path)),
                float(is_test(path)),
                float(len(atlas.paths[path].entries) > 1),
            ),
        )
        for path in pool
    )


def together_with(likely: Mapping[str, float], past: PastChanges, most: int = 5) -> dict[str, float]:
    """For each file how much the likeliest others pull it along, from 0 to 1."""
    seeds = sorted(likely, key=lambda path: (-likely[path], path))[:most]
    pulled: dict[str, float] = {}
    for seed in seeds:
        for path, share in past.together(seed).items():
            pulled[path] = max(pulled.get(path, 0.0), share * likely[seed])
    return pulled


def symbol_candidates(
    question: Question, files: Mapping[str, float], atlas: Atlas, past: PastChanges
) -> tuple[Candidate, ...]:
    """The symbols of ``files`` (by likelihood) that anything speaks for, at most two hundred."""
    words = atlas.search_symbols(question.terms, sorted(files))
    votes, _ = _votes_of_symbols(question.alike)
    touched = {key for path in files for key in past.symbols_of(path)}
    named = {key: each.weight for key, each in question.meant.symbols.items() if key.path in files}
    keys = {k for k in words.keys() | touched | named.keys() | votes.keys() if k.path in files}
    top = max(words.values(), default=1.0)
    places = _places(words)
    sizes = {
        SymbolKey(path, e.qualname): e.lines for path in files if path in atlas.paths for e in atlas.paths[path].entries
    }
    found = []
    for key in sorted(keys & sizes.keys()):
        outer, _, name = key.qualname.rpartition(".")
        weight = named.get(key, 0.0)
        numbers = (
            math.log(max(_RARE, files[key.path])),
            weight,
            float(weight >= 0.75),
            words.get(key, 0.0) / top,
            1 / (1 + places.get(key, 99)),
            atlas.coverage(question.terms, name),
            atlas.coverage(question.terms, outer),
            votes.get(key, 0.0),
            _log_share(past.share_of_symbol(key)),
            math.log(1 + sizes[key]),
            float(name[:1].isupper()),
            float(is_test(key.path)),
        )
        found.append(Candidate(key, numbers))
    found.sort(key=lambda each: (-_rough(each.numbers), each.key))
    return tuple(found[:_MOST_SYMBOLS])


def file_reasons(path: str, question: Question, atlas: Atlas, past: PastChanges, pulled_by: str = "") -> list[str]:
    """Why a file was taken, the strongest first, as a person can check it."""
    reasons = [question.meant.files[path].reason] if path in question.meant.files else []
    inside = [(n.weight, n.reason, k) for k, n in question.meant.symbols.items() if k.path == path]
    reasons += [f"{reason}, defined here" for _, reason, _ in sorted(inside, key=lambda e: (-e[0], e[2]))[:1]]
    reasons += _like_reasons(question.alike, lambda each: path in each.change.files)
    reasons += _spoken(question, (t for t in question.ranked if atlas.speaks_of(path, t)))
    if pulled_by:
        reasons.append(f"often changed together with {pulled_by}")
    return [*reasons, *_churn(past.share_of_file(path))]


def symbol_reasons(key: SymbolKey, question: Question, atlas: Atlas, past: PastChanges) -> list[str]:
    """The same of a symbol."""
    reasons = [question.meant.symbols[key].reason] if key in question.meant.symbols else []
    reasons += _like_reasons(question.alike, lambda each: key in each.change.symbols)
    bag = atlas.terms_in(key)
    reasons += _spoken(question, (term for term in question.ranked if term in bag))
    return [*reasons, *_churn(past.share_of_symbol(key))]


def is_test(path: str) -> bool:
    """Whether a path looks like that of a test."""
    *folders, name = path.lower().split("/")
    stem = name.partition(".")[0]
    folder = any(each in {"test", "tests", "testing", "__tests__", "spec"} for each in folders)
    return folder or stem.startswith("test_") or stem.endswith(("_test", "_spec")) or ".test." in name


def _pool(
    words: Mapping[str, float], votes: Mapping[str, float], named: Mapping[str, float], atlas: Atlas
) -> list[str]:
    """Those that are best by any one source; by path, so that no source's order shows."""
    chosen: set[str] = set()
    for scores, most in ((named, 20), (votes, 20), (words, _MOST_FILES)):
        for path in sorted(scores, key=lambda each: (-scores[each], each))[:most]:
            if len(chosen) < _MOST_FILES and path in atlas.paths:
                chosen.add(path)
    return sorted(chosen)


def _votes(alike: Iterable[Alike]) -> tuple[dict[str, float], dict[str, float]]:
    """What share of the alike changes touched each file, the more alike the more, and the most alike of them."""
    votes: dict[str, float] = {}
    best: dict[str, float] = {}
    total = 0.0
    for each in alike:
        total += each.likeness**2
        for path in each.change.files:
            votes[path] = votes.get(path, 0.0) + each.likeness**2 / math.sqrt(len(each.change.files))
            best[path] = max(best.get(path, 0.0), each.likeness)
    return {path: vote / total for path, vote in votes.items()} if total else {}, best


def _votes_of_symbols(alike: Iterable[Alike]) -> tuple[dict[SymbolKey, float], float]:
    votes: dict[SymbolKey, float] = {}
    total = 0.0
    for each in alike:
        total += each.likeness**2
        for key in each.change.symbols:
            votes[key] = votes.get(key, 0.0) + each.likeness**2 / math.sqrt(len(each.change.symbols))
    return {key: vote / total for key, vote in votes.items()} if total else {}, total


def _like_reasons(alike: Iterable[Alike], touched: Callable[[Alike], bool]) -> list[str]:
    found = [each for each in alike if touched(each)]
    return [f"like {found[0].change.label}, whose change touched it"] if found else []


def _churn(share: float) -> list[str]:
    return [f"touched by {share:.0%} of the latest changes"] if share >= 0.02 else []


def _spoken(question: Question, terms: Iterable[str]) -> list[str]:
    words = dict.fromkeys(question.words.get(term, term).lower() for term in islice(terms, _MOST_SPOKEN))
    return [f"speaks of {', '.join(words)}"] if words else []


def _places(scores: Mapping[str, float] | Mapping[SymbolKey, float]) -> dict[object, int]:
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return {key: place for place, (key, _) in enumerate(ranked)}


def _rough(numbers: tuple[float, ...]) -> float:
    """Good enough to choose whom to look at closely."""
    file, named, _, words, _, name, _, alike, lately, *_ = numbers
    return 0.5 * file + 3 * named + 2 * words + name + 3 * alike + 0.2 * lately


def _weight(named: Named | None) -> float:
    return named.weight if named is not None else 0.0


def _log_share(share: float) -> float:
    return math.log(_RARE * 10 + share) - math.log(_RARE * 10)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]
