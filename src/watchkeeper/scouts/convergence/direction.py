"""What a sentence wants more of, and what it wants gone: ``adds X``, ``replaces X with Y``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from watchkeeper.scouts.convergence.words import plain, stems

_ADDS = (
    "add adds added adding ship ships shipped introduce introduces introduced implement implements implemented use "
    "uses enable enables enabled create creates created install installs installed"
)
_REMOVES = (
    "replace replaces replaced remove removes removed removing drop drops dropped delete deletes deleted disable "
    "disables disabled avoid avoids"
)
_LACKS = "no without missing lack lacks lacking needs need"
_ENDS = frozenset("because so since which that instead but before after".split())
_ENDS_REMOVED = _ENDS | frozenset("with by when where via through for".split())
_VERBS = {
    **dict.fromkeys(_ADDS.split(), "adds"),
    **dict.fromkeys(_REMOVES.split(), "removes"),
    **dict.fromkeys(_LACKS.split(), "adds"),
}
_CLAUSES = re.compile(rf"[,;:.]\s|\s[-–—]\s|\band\b(?=\s+(?:{'|'.join(_VERBS)})\b)")
_INSTEAD = re.compile(r"\b(?:instead of|rather than|in place of|stop using|no longer uses?|move away from)\b")
_TYPE = re.compile(r"^[a-z]+(?:\([^)]*\))?!?:\s*", re.IGNORECASE)
_ONLY = re.compile(r"^(?P<what>.+?)\s(?:is|are|lives|live|keeps|uses|runs)\s(?P<how>.+?)\sonly$|^(?P<all>.+)\sonly$")


class Direction(msgspec.Struct, frozen=True):
    """Stems of words: what is to be there, and what is not to be there. Both empty: the sentence does not say.

    ``fault`` are those of ``removes`` that are wrong with the rest: without them it is about something else.
    """

    adds: frozenset[str] = frozenset()
    removes: frozenset[str] = frozenset()
    fault: frozenset[str] = frozenset()


def direction_of(text: str) -> Direction:
    """What the first line of a message, or a claim, wants.

    ``Replace A with B`` removes A and adds B. ``No A``, ``A is missing`` want A. ``A is B only`` finds fault with an A
    that is B. A sentence that says neither has no direction, rather than a guessed one.
    """
    line = _TYPE.sub("", text.strip().partition("\n")[0])
    adds: set[str] = set()
    removes: set[str] = set()
    fault: set[str] = set()
    for clause in _CLAUSES.split(line):
        for wanted, phrase in _phrases(plain(_INSTEAD.sub(" replace ", clause.lower()))):
            (adds if wanted == "adds" else removes).update(stems(phrase))
            if wanted == "fault":
                fault.update(stems(phrase))
    return Direction(frozenset(adds - removes), frozenset(removes), frozenset(fault))


def _phrases(clause: str) -> Iterator[tuple[str, str]]:
    words = clause.split()
    starts = [number for number, word in enumerate(words) if word in _VERBS]
    if not starts:
        if (found := _ONLY.match(clause)) is not None:
            yield "removes", found["all"] or found["what"]
            yield "fault", found["how"] or ""
        return
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        verb = words[start]
        phrase, rest = _until(_ENDS if _VERBS[verb] == "adds" else _ENDS_REMOVED, words[start + 1 : end])
        if verb in ("missing", "lacking") and not phrase and start:
            phrase = [each for each in words[:start] if each not in ("is", "are")]
        yield _VERBS[verb], " ".join(phrase)
        if verb.startswith("replace") and rest[:1] in (["with"], ["by"]):
            yield "adds", " ".join(_until(_ENDS, rest[1:])[0])


def _until(ends: frozenset[str], words: list[str]) -> tuple[list[str], list[str]]:
    for number, word in enumerate(words):
        if word in ends:
            return words[:number], words[number:]
    return words, []
