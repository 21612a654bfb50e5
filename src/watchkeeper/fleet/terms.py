"""Texts as terms: words of prose and the parts of names, so that an issue and code can be laid side by side. Pure."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

MOST_CHARACTERS = 64_000
"""Of a longer text the first half and the last half of this are read: what went wrong stands at either end."""

_WORD = re.compile(r"[^\W_]{1,80}(?:_{1,4}[^\W_]{1,80}){0,12}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_LEAST = 2
_STOP = frozenset(
    """a about after all also an and any are args as at be because been before being between both but by bug can change
    changed class code could def did do does doing done each else etc even except false file fix fixed fixes for from
    get got had has have he her here how i if import in instead into is issue it its just kwargs let like made make may
    me might more most must my need new no none nor not now of off on once one only or other our out over own please
    pr pull py raise request return same self she should since so some such than that the their them then there these
    they this those to too true try under until up us use used uses using very want was we were what when where whether
    which while who why will with within without would yes yet you your""".split()
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "ed", "es", "er", "s", "e")
_SHORTEST_STEM = 3


def bounded(text: str) -> str:
    """The text, or its two ends where it is too long to be read whole."""
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n{text[-half:]}"


def terms_of(text: str) -> Counter[str]:
    """How often each term stands in a text; words that say nothing are left out.

    A name gives itself, in lower case, and its parts: ``update_stage_field`` gives four terms. Words are cut to their
    stems, so that ``updates`` and ``updating`` are one.
    """
    found: Counter[str] = Counter()
    for word, count in Counter(_WORD.findall(text)).items():
        for term in split_name(word):
            found[term] += count
    return found


def written_as(text: str) -> dict[str, str]:
    """For each term of a text the first word that gave it, as it is written there."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        for part in (*_PART.findall(word), word):
            for term in split_name(part):
                found.setdefault(term, part)
    return found


@lru_cache(maxsize=200_000)
def split_name(word: str) -> tuple[str, ...]:
    """The terms of one word: the stems of its parts, and the whole of it where it has several parts."""
    parts = _PART.findall(word)
    stems = [stem for part in parts if (stem := _stem(part.lower())) is not None]
    if len(parts) > 1:
        stems.append(word.strip("_").lower())
    return tuple(stems)


@lru_cache(maxsize=100_000)
def parts_of(name: str) -> tuple[str, ...]:
    """The stems of a name's parts alone, each once."""
    words = (part.lower() for word in _WORD.findall(name) for part in _PART.findall(word))
    return tuple(dict.fromkeys(stem for word in words if (stem := _stem(word)) is not None))


def _stem(word: str) -> str | None:
    """None for a word that says nothing. Only as good as it must be: both sides are cut in the same way."""
    if len(word) < _LEAST or word in _STOP or (word.isdigit() and len(word) > 6):
        return None
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            stem = word[: -len(ending)]
            return f"{stem}y" if ending in {"ies", "ied"} else stem
    return word
