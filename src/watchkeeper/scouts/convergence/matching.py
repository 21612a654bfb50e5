"""Which kinds of the catalogue a text is nearest to, and whether the first is so clear that nobody has to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from watchkeeper.model.scouting import FindingId, KindAssigned, KindId, ScoutFinding
from watchkeeper.scouts.convergence.catalogue import Catalogue, Kind
from watchkeeper.scouts.convergence.words import Measure

NEAR = 3


class Bar(msgspec.Struct, frozen=True):
    """What is clear: the first kind's ``score``, and by how much it is before the second.

    Chosen on halves of published findings by ``benchmarks/convergence.py``, which measures them on the other halves.
    """

    score: float = 0.14
    margin: float = 0.04


class Match(msgspec.Struct, frozen=True):
    """A kind and how near it is, 0 to 1."""

    kind: KindId
    score: float


class Proposal(msgspec.Struct, frozen=True):
    """The three nearest kinds, best first; ``taken`` is the first where that is clear, else somebody has to choose."""

    near: tuple[Match, ...]
    taken: KindId | None = None

    @property
    def margin(self) -> float:
        """By how much the first is before the second."""
        if not self.near:
            return 0.0
        return self.near[0].score - (self.near[1].score if len(self.near) > 1 else 0.0)

    def judged(self, bar: Bar) -> Proposal:
        """The same, with the first taken where a bar calls it clear."""
        is_clear = bool(self.near) and self.near[0].score >= bar.score and self.margin >= bar.margin
        return Proposal(self.near, self.near[0].kind if is_clear else None)


def measure_of(catalogue: Catalogue) -> Measure:
    """Compares texts by what is rare in the catalogue."""
    return Measure(tuple(_whole(each) for each in catalogue.kinds.values()))


def propose(texts: Sequence[str], catalogue: Catalogue, bar: Bar | None = None) -> list[Proposal]:
    """For each text the kinds that it may be of. A text has the same answer alone and among others.

    A kind is as near as the mean of all that it says and of its nearest sentence.
    """
    kinds = tuple(catalogue.kinds.values())
    owners, sentences = [], []
    for number, kind in enumerate(kinds):
        for sentence in (kind.says, *kind.examples):
            owners.append(number)
            sentences.append(sentence)
    measure = measure_of(catalogue)
    wholes = measure.likeness(texts, [_whole(each) for each in kinds])
    singles = measure.likeness(texts, sentences)
    found = []
    for whole, single in zip(wholes, singles, strict=True):
        best = [0.0] * len(kinds)
        for owner, score in zip(owners, single, strict=True):
            best[owner] = max(best[owner], score)
        scored = [Match(kind.id, round((a + b) / 2, 4)) for kind, a, b in zip(kinds, whole, best, strict=True)]
        found.append(_nearest(scored).judged(bar or Bar()))
    return found


def text_of(finding: ScoutFinding) -> str:
    """What of a finding says its kind: the claim, and the rule where a program wrote it."""
    return finding.claim if finding.check == "agent" else f"{finding.rule.replace('-', ' ')}: {finding.claim}"


def assign(
    findings: Sequence[ScoutFinding], catalogue: Catalogue, bar: Bar | None = None
) -> Iterator[KindAssigned | tuple[FindingId, Proposal]]:
    """The kind of each: by its rule, else by the catalogue where that is clear, else what is proposed for it.

    A finding whose rule is of a kind already (``finding.kind``) is passed over.
    """
    unsaid = []
    for finding in findings:
        if finding.kind:
            continue
        if (kind := catalogue.of_rule(finding.check, finding.rule)) is not None:
            yield KindAssigned(finding.id, kind, "rule", 1.0)
        else:
            unsaid.append(finding)
    for finding, proposal in zip(unsaid, propose([text_of(each) for each in unsaid], catalogue, bar), strict=True):
        if proposal.taken is None:
            yield finding.id, proposal
        else:
            near = tuple(each.kind for each in proposal.near[1:])
            yield KindAssigned(finding.id, proposal.taken, "catalogue", proposal.near[0].score, near)


def _whole(kind: Kind) -> str:
    return " ".join((kind.id.replace("-", " "), kind.says, *kind.examples))


def _nearest(scored: list[Match]) -> Proposal:
    return Proposal(
        tuple(sorted((each for each in scored if each.score), key=lambda each: (-each.score, each.kind))[:NEAR])
    )
