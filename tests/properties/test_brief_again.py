"""A brief that was made before the world moved on never shows what is over as holding, and never doubts the rest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitrepo import GitRepo
from reviewworld import NOON, World, point
from watchkeeper.app import find_place
from watchkeeper.controlroom.picture import Reader
from watchkeeper.model.events import CloseReason, ConflictClosed
from watchkeeper.model.fleet import Effect, Stage
from watchkeeper.model.ids import Sha
from watchkeeper.model.incidents import EndReason, Incident, IncidentEnded, IncidentId, IncidentKind, IncidentOpened
from watchkeeper.model.landing import EntryHeld, EntryReleased, RunEnded
from watchkeeper.model.review import (
    Brief,
    ChangeFoundWrong,
    ChangeReviewed,
    Claim,
    CommitRef,
    DecisionJudged,
    DecisionKind,
    DecisionVerdict,
    EventRef,
    Ref,
    ReportRef,
    RunRef,
    Standing,
    WrongHow,
)
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier
from watchkeeper.review.verifying import verify_brief

Spoils = Callable[[Ref], bool]
"""Whether a move made otherwise, or unseen, what a reference says."""


class Fleet(World):
    """One project with a real repository, and one thing of each kind that a sentence may rest on."""

    def __init__(self, folder: Path) -> None:
        self.repo = GitRepo.create(folder / "repo")
        self.made: list[Sha] = []
        place = find_place(self.repo.path, {"WATCHKEEPER_HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder)})
        super().__init__("shop", places={"shop": place}, commits=self._commit)
        grave = (point("auth", 28, "views.py no longer checks is_owner"),)
        self.changes = [self.land("shop", f"change-{n}", points=grave) for n in range(3)]
        self.clash = self.conflict("shop", "a", "b")
        self.prove("shop", self.clash)
        self.decision = self.decide("shop", "auth:x", "is_owner", DecisionKind.AUTH)
        self.held = self.queue("shop", "held").id
        self.record("shop", EntryHeld(self.held, "its risk is 80"))
        self.work = self.engage(self.issue("shop", "do it"))
        self.end("shop", self.work, Stage.NEEDS_PERSON, reason="which database?")
        incident = Incident(IncidentId("i-1"), "f", IncidentKind.CYCLE, "main", "they wait", NOON, NOON, ())
        self.record("shop", IncidentOpened(incident))

    def fresh(self) -> LiveVerifier:
        return LiveVerifier(Reader(self.reader.log, self.scope, lambda: self.now))

    def brief(self) -> Brief:
        return build_brief(self.fresh().picture, self.scope, NOON, self.fresh())

    def _commit(self, _: str, name: str) -> Sha:
        self.repo.write(f"{len(self.made)}.txt", name)
        self.made.append(Sha(self.repo.commit(name)))
        return self.made[-1]

    # -- moves: each does something, and says which references that spoils ---------------------------------------------

    def revert(self, at: int) -> Spoils:
        commit = self.changes[at % 3]
        self.record("shop", ChangeFoundWrong(commit, WrongHow.REVERT, "out again", commit))
        return lambda ref: isinstance(ref, CommitRef) and ref.commit == commit and ref.is_landed

    def rewrite(self, at: int) -> Spoils:
        place = self.made.index(self.changes[at % 3])
        if place >= len(self.made) or not self._is_there(self.made[place - 1]):
            return lambda _: False
        self.repo.git("reset", "-q", "--hard", self.made[place - 1])
        gone = set(self.made[place:])
        return lambda ref: isinstance(ref, CommitRef) and ref.commit in gone and ref.is_landed

    def prune(self, at: int) -> Spoils:
        spoils = self.rewrite(at)
        self.repo.git("reflog", "expire", "--expire=now", "--all")
        self.repo.git("prune", "--expire=now")
        return spoils

    def close(self, _: int) -> Spoils:
        self.record("shop", ConflictClosed(self.clash, CloseReason.RESOLVED))
        return self._of("conflict", self.clash)

    def judge(self, _: int) -> Spoils:
        self.record("shop", DecisionJudged(self.decision, DecisionVerdict.ACCEPTED))
        return self._of("decision", self.decision)

    def release(self, _: int) -> Spoils:
        self.record("shop", EntryReleased(self.held))
        return self._of("entry", self.held)

    def answer(self, _: int) -> Spoils:
        self.end("shop", self.work, Stage.DONE, effect=Effect(reason="nothing to do"))
        return self._of("engagement", self.work)

    def end_incident(self, _: int) -> Spoils:
        self.record("shop", IncidentEnded(IncidentId("i-1"), EndReason.RESOLVED, 10))
        return self._of("incident", "i-1")

    def read(self, at: int) -> Spoils:
        self.record("shop", ChangeReviewed(self.changes[at % 3]))
        return self._of("change", self.changes[at % 3])

    def lose_runs(self, _: int) -> Spoils:
        """Somebody removed the log of runs."""
        lost = {each.seq for each in self.log.recorded if isinstance(each.event, RunEnded)}
        self.log.recorded = [each for each in self.log.recorded if each.seq not in lost]
        return lambda ref: (
            (isinstance(ref, RunRef) and ref.at in lost)
            or (isinstance(ref, EventRef) and not lost.isdisjoint((*ref.seqs[:1], *ref.seqs[-4:])))
        )

    def _of(self, kind: str, identity: str) -> Spoils:
        return lambda ref: isinstance(ref, ReportRef) and (ref.kind, ref.id) == (kind, identity)

    def _is_there(self, commit: Sha) -> bool:
        return commit in self.repo.git("rev-list", "main").split()


MOVES = ("revert", "rewrite", "prune", "close", "judge", "release", "answer", "end_incident", "read", "lose_runs")


def claims_of(brief: Brief) -> Iterator[Claim]:
    yield brief.headline
    for section in brief.sections:
        for entry in section.entries:
            yield from (entry.claim, *entry.details)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 2)), max_size=5))
def test_what_is_over_is_never_shown_as_holding_and_the_rest_is_not_doubted(moves: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = Fleet(Path(folder))
        before = world.brief()
        assert all(each.standing is Standing.HOLDS for each in claims_of(before))
        spoils = [getattr(world, name)(at) for name, at in moves]
        after = {each.id: each for each in claims_of(verify_brief(before, world.fresh()))}
        for claim in claims_of(before):
            is_spoilt = any(spoilt(ref) for spoilt in spoils for ref in claim.evidence)
            assert (after[claim.id].standing is not Standing.HOLDS) == is_spoilt, (claim, after[claim.id])
        fresh = world.brief()
        assert not any(spoilt(ref) and _is_stale(claim, ref, world)
                       for claim in claims_of(fresh) if claim.standing is Standing.HOLDS
                       for spoilt in spoils for ref in claim.evidence)  # fmt: skip


def _is_stale(claim: Claim, ref: Ref, world: Fleet) -> bool:
    """A fresh brief may speak of the same thing, but only as it is now."""
    return not isinstance(ref, ReportRef) and world.fresh().see(ref).sight.value != "holds"
