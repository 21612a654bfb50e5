"""Tries to show that a finding is false, by code alone: what a second reader would look at first. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from watchkeeper.model.scouting import FindingTried, ScoutFinding

BY = "second-look"
SURE = 0.6
"""A finding of a rule at least so confident is confirmed where no way to disprove it applied; others stay undecided."""

_MEANT = re.compile(
    r"noqa|nosec|eslint-disable|type:\s*ignore|pragma: no cover|scout:\s*ok|\bintentional|\bon purpose\b|\bdeliberate",
    re.IGNORECASE,
)
_GENERATED = re.compile(rb"@generated|DO NOT EDIT|auto-?generated|automatically generated", re.IGNORECASE)
_FOREIGN = re.compile(
    r"(^|/)(node_modules|vendor|third_party|dist|build|\.next|site-packages|__pycache__)/|\.min\.(js|css)$"
)
_TEST = re.compile(
    r"(^|/)(tests?|__tests__|spec|e2e|fixtures|testdata|mocks?|__mocks__)/|(^|/)(test_[^/]*|conftest)\.py$|[._](test|spec)\.[jt]sx?$"
)
_EXAMPLE = re.compile(r"(^|/)(examples?|samples?|demos?|docs?|benchmarks?|scripts?)/")
_OF_TESTS = frozenset({"tests", "dependencies", "methodology", "gaps", "drift", "production"})
_HEAD = 2_000


class Place(NamedTuple):
    """What can be seen of a finding: its file now, and all paths of the tree. ``rules`` says what our own rules find
    in that file now, as (rule, line); None where no rule of ours reads it."""

    source: bytes | None
    files: frozenset[str]
    rules: frozenset[tuple[str, int]] | None = None


Refuter = Callable[[ScoutFinding, Place], "str | None"]
"""The reason why it is false; None: this way of looking does not show it."""


def try_finding(finding: ScoutFinding, place: Place, decisive: Mapping[str, Iterable[str]]) -> FindingTried:
    """One try. ``decisive`` has, for a kind, the rules of ours that settle it for a file that they read."""
    for refute in (*_REFUTERS, _by_rules(decisive)):
        reason = refute(finding, place)
        if reason is not None:
            return FindingTried(finding.id, False, reason, BY)
    if finding.line and not _is_there(finding, place):
        return FindingTried(finding.id, None, "the code that it quotes is not there any more", BY)
    if finding.confidence < SURE or finding.check == "agent":
        return FindingTried(finding.id, None, "no rule of code can settle it", BY)
    ways = len(_REFUTERS) + 1
    return FindingTried(finding.id, True, f"none of {ways} ways to disprove it applies: the code is as it says", BY)


def is_foreign(path: str) -> bool:
    """It is vendored or built: nobody here mends it."""
    return _FOREIGN.search(path) is not None


def is_test(path: str) -> bool:
    """It is a test, or what tests need: nobody ships it."""
    return _TEST.search(path) is not None


def _foreign(finding: ScoutFinding, place: Place) -> str | None:
    if _FOREIGN.search(finding.path):
        return "the file is not the project's own: it is vendored or built"
    if place.source is not None and _GENERATED.search(place.source[:_HEAD]):
        return "the file says that it is generated"
    return None


def _in_test(finding: ScoutFinding, _place: Place) -> str | None:
    if finding.dimension in _OF_TESTS:
        return None
    if _TEST.search(finding.path):
        return "it is in a test, which nobody ships"
    if _EXAMPLE.search(finding.path) and finding.dimension in ("performance", "dead", "errors"):
        return "it is in an example or a script that is run by hand"
    return None


def _meant(finding: ScoutFinding, place: Place) -> str | None:
    for line in _lines_around(finding, place):
        if found := _MEANT.search(line):
            return f"the code says that it is meant: {found[0].strip()!r}"
    return None


def _absent_and_there(finding: ScoutFinding, place: Place) -> str | None:
    """``there is no middleware.ts``: frameworks rename what they look for."""
    if finding.check != "agent" or not re.search(
        r"\b(no|missing|without|lacks?|absent|not exist)\b", finding.claim, re.IGNORECASE
    ):
        return None
    for name in re.findall(r"[\w./-]+\.(?:py|tsx?|jsx?|md|toml|json|ya?ml|sql)\b", finding.claim):
        base = name.rpartition("/")[2]
        for other in (base, *_ALIASES.get(base, ())):
            there = next((path for path in sorted(place.files) if path.rpartition("/")[2] == other), None)
            if there is not None and there != finding.path:
                return f"{there} is there" + (f", which is what {base} is called now" if other != base else "")
    return None


def _by_rules(decisive: Mapping[str, Iterable[str]]) -> Refuter:
    def refute(finding: ScoutFinding, place: Place) -> str | None:
        if finding.check != "agent" or place.rules is None or not finding.line:
            return None
        settling = set(decisive.get(finding.kind, ()))
        if not settling:
            return None
        near = {rule for rule, line in place.rules if rule in settling and abs(line - finding.line) <= _NEAR}
        if near:
            return None
        return f"the rule {min(settling)} read the whole expression, and finds nothing there"

    return refute


def _is_there(finding: ScoutFinding, place: Place) -> bool:
    if not finding.quote:
        return True
    text = "" if place.source is None else "".join(place.source.decode("utf-8", "replace").split())
    first = next((line for line in finding.quote.splitlines() if line.strip()), "")
    pieces = "".join(first.split()).split(_MASK)  # of a secret only the beginning is quoted
    return all(piece in text for piece in pieces)


def _lines_around(finding: ScoutFinding, place: Place) -> Iterator[str]:
    if place.source is None or not finding.line:
        return
    lines = place.source.decode("utf-8", "replace").splitlines()
    first = max(0, finding.line - 2)
    last = finding.line + len(finding.quote.splitlines() or [""]) - 1
    yield from lines[first : max(last, finding.line)]


_REFUTERS: tuple[Refuter, ...] = (_foreign, _in_test, _meant, _absent_and_there)
_NEAR = 5
_MASK = "..."
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "middleware.ts": ("proxy.ts", "middleware.js", "proxy.js"),
    "middleware.js": ("proxy.js", "middleware.ts", "proxy.ts"),
    "setup.py": ("pyproject.toml", "setup.cfg"),
    "requirements.txt": ("pyproject.toml", "uv.lock", "poetry.lock", "Pipfile.lock"),
    "tailwind.config.js": ("tailwind.config.ts", "globals.css"),
    "next.config.js": ("next.config.ts", "next.config.mjs"),
    ".eslintrc.json": ("eslint.config.js", "eslint.config.mjs", "eslint.config.ts"),
    "jest.config.js": ("vitest.config.ts", "vite.config.ts", "jest.config.ts"),
}


class Tries(msgspec.Struct, frozen=True):
    """How many were tried, and what came of it."""

    refuted: int = 0
    confirmed: int = 0
    undecided: int = 0
