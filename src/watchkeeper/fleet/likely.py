"""What an issue will probably touch, and how probably: before anybody works on it. Pure, deterministic, no model.

``foresee`` ranks files and symbols by what speaks for them (``evidence``), weighed by a table that was fitted to one
project's past (``likely_weights``); ``clash`` lays two forecasts, or one and a live footprint, side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.code.index import display_name
from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.evidence import (
    ask,
    file_candidates,
    file_reasons,
    symbol_candidates,
    symbol_reasons,
    together_with,
)
from watchkeeper.fleet.likely_weights import FILE, FILE_FIRST, HUB_SHARE, RARE_ENOUGH, SYMBOL
from watchkeeper.fleet.past_changes import PastChanges
from watchkeeper.model.fleet import Issue
from watchkeeper.model.ids import SymbolKey

_MOST = 50
_MOST_LOOKED_INTO = 25  # files whose symbols are looked at
_MOST_REASONS = 3
_LEAST = 0.01


class Likely(msgspec.Struct, frozen=True):
    """A file (``qualname`` ``""``) or symbol that will probably be touched, how probably, and why.

    ``name`` is for people: ``module:Class.method``, or the path. ``share`` says how many of the latest changes touched
    it: what many touch is a hub, about which little follows from two changes that both may.
    """

    path: str
    qualname: str
    name: str
    likelihood: float
    reasons: tuple[str, ...]
    share: float = 0.0


class Forecast(msgspec.Struct, frozen=True):
    """What an issue will probably touch, the likeliest first."""

    files: tuple[Likely, ...] = ()
    symbols: tuple[Likely, ...] = ()


class Shared(msgspec.Struct, frozen=True):
    """What two will probably both touch: how probably, and why each."""

    name: str
    likelihood: float
    one: tuple[str, ...]
    two: tuple[str, ...]


class Clash(msgspec.Struct, frozen=True):
    """How probably two will touch the same symbol, and which, the likeliest first. Hubs count less."""

    likelihood: float
    shared: tuple[Shared, ...]


def foresee(issue: Issue, atlas: Atlas, past: PastChanges) -> Forecast:
    """What ``issue`` will probably touch in the tree of ``atlas``. The same input gives the same forecast."""
    question = ask(issue, atlas, past)
    candidates = file_candidates(question, atlas, past)
    first = {each.key.path: probability(FILE_FIRST, each.numbers) for each in candidates}
    pulled = together_with(first, past)
    files = {each.key.path: probability(FILE, (*each.numbers, pulled.get(each.key.path, 0.0))) for each in candidates}
    ranked = _ranked(files)
    symbols = {
        each.key: probability(SYMBOL, each.numbers)
        for each in symbol_candidates(question, looked_into(files), atlas, past)
    }
    seed = _ranked(first)[0] if first else ""
    return Forecast(
        tuple(
            Likely(
                path, "", path, files[path],
                _some(file_reasons(path, question, atlas, past, seed if pulled.get(path) and path != seed else "")),
                past.share_of_file(path),
            )
            for path in ranked[:_MOST] if files[path] >= _LEAST
        ),
        tuple(
            Likely(
                key.path, key.qualname, display_name(key, atlas.paths.keys()), symbols[key],
                _some(symbol_reasons(key, question, atlas, past)),
                past.share_of_symbol(key),
            )
            for key in _ranked(symbols)[:_MOST] if symbols[key] >= _LEAST
        ),
    )  # fmt: skip


def written(keys: Iterable[SymbolKey], atlas: Atlas, past: PastChanges) -> Forecast:
    """A live footprint as a forecast: what is written already is certain."""
    found = [
        Likely(key.path, key.qualname, display_name(key, atlas.paths.keys()), 1.0, ("is written already",),
               past.share_of_symbol(key))
        for key in sorted(set(keys))
    ]  # fmt: skip
    return Forecast(symbols=tuple(found))


def clash(one: Forecast, two: Forecast) -> Clash:
    """How probably both touch the same symbol. Symmetric, but for whose reasons come first."""
    theirs = {(each.path, each.qualname): each for each in two.symbols}
    shared = []
    for mine in one.symbols:
        other = theirs.get((mine.path, mine.qualname))
        if other is not None:
            both = mine.likelihood * other.likelihood * _discount(max(mine.share, other.share))
            shared.append(Shared(mine.name, both, mine.reasons, other.reasons))
    shared.sort(key=lambda each: (-each.likelihood, each.name))
    return Clash(1 - math.prod(sorted(1 - each.likelihood for each in shared)), tuple(shared))


def rare_names(forecast: Forecast, least: float = RARE_ENOUGH) -> tuple[str, ...]:
    """The symbols that are likely enough to let another issue wait for, hubs left out, the likeliest first."""
    return tuple(each.name for each in forecast.symbols if each.likelihood * _discount(each.share) >= least)


def looked_into(files: Mapping[str, float]) -> dict[str, float]:
    """Of files by likelihood those in whose symbols it is worth to look."""
    return {path: files[path] for path in _ranked(files)[:_MOST_LOOKED_INTO]}


def probability(weights: Sequence[float], numbers: Sequence[float]) -> float:
    """What evidence with these weights amounts to, from 0 to 1."""
    total = weights[0] + sum(w * x for w, x in zip(weights[1:], numbers, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def _discount(share: float) -> float:
    """1 for what few changes touch; less for a hub."""
    return min(1.0, HUB_SHARE / share) if share > 0 else 1.0


def _ranked(scores: Mapping) -> list:  # type: ignore[type-arg] # of paths, or of symbols
    return sorted(scores, key=lambda key: (-scores[key], key))


def _some(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(reasons[:_MOST_REASONS])
