"""From what checks say to what a dimension is, and to findings with ids: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.code.likeness import digest_of
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import Checked, FindingId, LookState, ScoutFinding
from watchkeeper.scouts.checks.port import Looked, Raw
from watchkeeper.scouts.keys import finding_id, number_equals

MOST_QUOTE = 400
_MOST_TEXT = 1_000


class Look(msgspec.Struct, frozen=True):
    """One dimension of one run. ``whole`` are the checks of which everything that is there was seen."""

    state: LookState
    reason: str
    checked: tuple[Checked, ...]
    findings: tuple[ScoutFinding, ...]
    whole: frozenset[str]


class Where(msgspec.Struct, frozen=True):
    """What is looked at. ``names`` has, for a file that was renamed, the name by which its findings are known."""

    project: ProjectId
    commit: Sha
    names: Mapping[str, str] = {}


def judge_look(dimension: str, looks: Sequence[Looked], where: Where) -> Look:
    """What a dimension is after its checks have looked: never clean where one of them could not.

    No check at all is ``could-not-look`` too: nobody looked.
    """
    said = (each for look in looks for each in identify(dimension, look.checked.check, look.found, where))
    findings = tuple(_once(said))
    checked = tuple(look.checked for look in looks)
    whole = frozenset(look.checked.check for look in looks if look.is_whole)
    failed = [each for each in checked if each.reason]
    if failed:
        state, reason = LookState.COULD_NOT_LOOK, "; ".join(f"{each.check}: {each.reason}" for each in failed)
    elif not looks:
        state, reason = LookState.COULD_NOT_LOOK, "nobody looked: no check, and no agent"
    elif findings:
        state, reason = LookState.FOUND, ""
    elif whole:
        state, reason = LookState.CLEAN, ""
    else:
        absent = {f"{look.checked.check}: {look.absent}" for look in looks if look.absent}
        state, reason = LookState.NOT_APPLICABLE, "; ".join(sorted(absent))
    return Look(state, reason[:_MOST_TEXT], checked, findings, whole)


def _once(findings: Iterable[ScoutFinding]) -> Iterator[ScoutFinding]:
    """What two checks say of one line, as being of one kind, is said by the first alone."""
    taken: dict[tuple[str, int, str], str] = {}
    for each in findings:
        place = (each.path, each.line, each.kind)
        if not (each.kind and each.line) or taken.setdefault(place, each.check) == each.check:
            yield each


def identify(dimension: str, check: str, found: Sequence[Raw], where: Where) -> Iterator[ScoutFinding]:
    """Findings with ids, in the order of their places. What is said twice of one place is one: the gravest."""
    gravest = sorted(found, key=lambda each: (each.severity * each.confidence, each.claim))
    places = {(each.path, each.line, each.rule, each.anchor or each.quote): each for each in gravest}
    ordered = [each for _, each in sorted(places.items(), key=lambda pair: pair[0])]
    keys = [_key(each, where) for each in ordered]
    for each, key, ordinal in zip(ordered, keys, number_equals(keys), strict=True):
        identity = finding_id(where.project, check, each.rule, *key[1:], ordinal)
        yield _finding(dimension, check, identity, each, where)


def _key(raw: Raw, where: Where) -> tuple[str, str, str, str]:
    """An anchor stands for the code, and for the symbol that it stands in."""
    path = where.names.get(raw.path, raw.path)
    code = "".join(raw.quote.split())
    return (raw.rule, path, "", raw.anchor) if raw.anchor else (raw.rule, path, raw.symbol, code)


def _finding(dimension: str, check: str, identity: FindingId, raw: Raw, where: Where) -> ScoutFinding:
    return ScoutFinding(
        identity, dimension, check, raw.rule, raw.path, printable(raw.claim)[:_MOST_TEXT], raw.line,
        raw.quote[:MOST_QUOTE], raw.symbol, raw.evidence[:_MOST_TEXT], raw.disprove[:_MOST_TEXT],
        min(4, max(1, raw.severity)), min(1.0, max(0.0, raw.confidence)), where.commit, raw.kind,
        digest_of(raw.quote) or "", raw.anchor,
    )  # fmt: skip
