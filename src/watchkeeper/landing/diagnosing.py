"""One search, one step further: who makes a segment fail, and with whom. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from watchkeeper.landing.plan import Ask, Build
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.search import Found, find_culprit, find_partners, without_one
from watchkeeper.landing.stacks import describe_lower, find_lower
from watchkeeper.landing.waiters import Diagnosis, Place, names
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import (
    CAN_RUN,
    Bounce,
    Candidate,
    ConflictSet,
    CulpritFound,
    DiagnosisEnded,
    DiagnosisId,
    EntryBounced,
    EntryId,
    Halt,
    LandingEvent,
    Purpose,
    QueueHalted,
    SegmentQuarantined,
    SetConfirmed,
)

_MOST_TRIES = 3
"""A tree that could not be run so often is passed over: it is not what fails."""


class Step(NamedTuple):
    """What a search decides, or wants to know next. ``is_urgent``: others wait in quarantine for the answer."""

    decisions: tuple[LandingEvent, ...] = ()
    builds: tuple[Build, ...] = ()
    asks: tuple[Ask, ...] = ()
    is_urgent: bool = False


class Questions:
    """Asks subsets of entries on one commit whether they fail some tests; remembers what is not known yet."""

    def __init__(
        self, queue: Queue, diagnosis: Diagnosis, onto: Sha, tests: Sequence[str], *, only_failing: bool = True
    ) -> None:
        self._queue = queue
        self._diagnosis = diagnosis.id
        self._onto = onto
        self._tests = tuple(tests)
        self._asked = self._tests if only_failing and CAN_RUN not in self._tests else ()
        self.builds: dict[Build, None] = {}
        self.asks: dict[Ask, None] = {}

    def clashes(self, subset: tuple[EntryId, ...]) -> bool:
        """git cannot merge it: it cannot be what fails."""
        if not self._queue.clashes:
            return False
        return any(Candidate(self._onto, subset[: end + 1]) in self._queue.clashes for end in range(len(subset)))

    def fails(self, subset: tuple[EntryId, ...]) -> bool | None:
        """Whether it fails any of the tests; None: nobody knows."""
        tree = self._tree(subset)
        if tree is None:
            return False if self.clashes(subset) else None
        evidence = self._queue.evidence_of(tree)
        if evidence.fails(self._tests):
            return True
        if evidence.passes(self._tests) or evidence.count(CAN_RUN)[1] >= _MOST_TRIES:
            return False
        return None

    def answer(self, subset: tuple[EntryId, ...]) -> bool | None:
        """Whether it fails; None: nobody knows, and it is asked."""
        found = self.fails(subset)
        if found is None:
            self.want(subset)
        return found

    def fails_surely(self, subset: tuple[EntryId, ...], times: int = 2) -> bool | None:
        """Whether it failed so often; None: nobody knows, and it is asked."""
        answer = self.fails(subset)
        if answer and len(self.failing(subset, times)) == 0:
            answer = None
        if answer is None:
            self.want(subset, Purpose.CONFIRM)
        return answer

    def failing(self, subset: tuple[EntryId, ...], times: int = 1) -> tuple[str, ...]:
        """Which of the tests fail on it."""
        tree = self._tree(subset)
        return self._queue.evidence_of(tree).fails(self._tests, times) if tree is not None else ()

    def want(self, subset: tuple[EntryId, ...], purpose: Purpose = Purpose.SEARCH) -> None:
        """Let it be asked, or made by git first. Only what is wanted costs anything."""
        tree = self._tree(subset)
        if tree is None:
            self.builds[Build(Candidate(self._onto, subset))] = None
        else:
            self.asks[Ask(Candidate(self._onto, subset), tree, self._asked, purpose, self._diagnosis)] = None

    def _tree(self, subset: tuple[EntryId, ...]) -> Sha | None:
        return self._queue.tree_of(Candidate(self._onto, subset))

    @property
    def is_waiting(self) -> bool:
        """Something is wanted."""
        return bool(self.asks or self.builds)

    def step(self, *, is_urgent: bool = False) -> Step:
        """What is wanted so far."""
        return Step(builds=tuple(self.builds), asks=tuple(self.asks), is_urgent=is_urgent)


def next_step(queue: Queue, diagnosis: Diagnosis, policy: Policy, width: int) -> Step:
    """Decide what can be decided; else say what has to be asked next, at most ``width`` questions at once."""
    width = width if policy.wide_search else 1
    asked = Questions(queue, diagnosis, diagnosis.onto, diagnosis.tests, only_failing=policy.only_failing)
    whole = asked.answer(diagnosis.entries)
    if whole is None:
        return asked.step(is_urgent=True)
    if not whole:
        return _end(diagnosis, "what failed passes now: it was flaky, or needs who was found already")
    place = find_culprit(diagnosis.entries, asked.fails, width)
    if not isinstance(place, int):
        for prefix in place:
            asked.want(prefix)
        return asked.step(is_urgent=True)
    culprit, before = diagnosis.entries[place], diagnosis.entries[:place]
    if diagnosis.culprit is None:
        found = CulpritFound(diagnosis.id, culprit)
        return Step((found, *_search_the_rest(diagnosis, culprit, asked.failing((*before, culprit)))))
    if diagnosis.culprit != culprit:
        return _end(diagnosis, f"{diagnosis.culprit} seemed to break it, and then {culprit}: the tests are flaky")
    if not policy.names_partners:
        return _name(queue, diagnosis, (culprit,), asked.failing((*before, culprit)), diagnosis.onto)
    return _find_partners(queue, diagnosis, (*before, culprit), policy, width)


def _search_the_rest(
    diagnosis: Diagnosis, culprit: EntryId, explained: Sequence[str]
) -> tuple[SegmentQuarantined, ...]:
    """Tests that pass up to the culprit fail behind it: somebody else breaks them, who is found before all go on."""
    rest = tuple(each for each in diagnosis.entries if each != culprit)
    left = tuple(test for test in diagnosis.tests if test not in explained)
    if not rest or not left:
        return ()
    return (SegmentQuarantined(DiagnosisId(f"{diagnosis.id}+"), diagnosis.onto, rest, left),)


def _find_partners(queue: Queue, diagnosis: Diagnosis, prefix: tuple[EntryId, ...], policy: Policy, width: int) -> Step:
    """The prefix is the smallest that fails: who in it is needed, and where nobody is, who landed before."""
    first = Questions(queue, diagnosis, diagnosis.onto, diagnosis.tests, only_failing=policy.only_failing)
    tests = first.failing(prefix)
    asked = Questions(queue, diagnosis, diagnosis.onto, tests, only_failing=policy.only_failing)
    members = _confirm(prefix[:-1], prefix[-1:], asked, width, queue.flakes.times(tests))
    if members is None:
        return asked.step()
    if not members:
        return _end(diagnosis, f"no set could be confirmed for {names(prefix)}")
    below = Questions(queue, diagnosis, diagnosis.onto, tests, only_failing=policy.only_failing)
    for lower in find_lower(queue, members[-1]):
        below.answer((lower,))
    if below.is_waiting:
        return below.step()
    root, pool = _landed_before(queue, diagnosis)
    earlier = Questions(queue, diagnosis, root, tests, only_failing=policy.only_failing)
    if pool and earlier.answer((*pool, *members)) and earlier.answer(members) is False:
        found = _confirm(pool, members, earlier, width)
        if found:
            return _name(queue, diagnosis, found, tests, root)
    if earlier.is_waiting:
        return earlier.step()
    if len(members) > 1:
        return _name(queue, diagnosis, members, tests, diagnosis.onto)
    return _name_alone(queue, diagnosis, members, asked, tests)


def _name_alone(
    queue: Queue, diagnosis: Diagnosis, members: tuple[EntryId, ...], asked: Questions, tests: tuple[str, ...]
) -> Step:
    """Nobody else is needed, unless it is the world that changed: the commit below passes still, and not only once."""
    below = queue.tree_of(Candidate(diagnosis.onto))
    if below is None:
        return _name(queue, diagnosis, members, tests, diagnosis.onto)
    lately = queue.evidence_of(below).since(diagnosis.answered)
    if lately.passes(tests):
        return _name(queue, diagnosis, members, tests, diagnosis.onto)
    if lately.fails(tests, 2):
        reason = f"the target branch fails {tests[0]} by now, which it did not before"
        return Step((DiagnosisEnded(diagnosis.id, reason), QueueHalted(Halt.RED, reason)))
    asked.want((), Purpose.CONTROL)
    return asked.step()


def _confirm(
    before: tuple[EntryId, ...], known: tuple[EntryId, ...], asked: Questions, width: int, times: int = 1
) -> tuple[EntryId, ...] | None:
    """The minimal set with ``known``, confirmed; empty: it cannot be; None: more has to be asked.

    ``times`` it has to fail before its parts are looked at: of what is only flaky there are none.
    """
    alone = asked.answer(known)
    if alone is None:
        return None
    surely = asked.fails_surely(known if alone else (*before, *known), times)
    if not surely:
        return None if surely is None else ()
    found = find_partners(before, known[-1], asked.fails, width, others=known[:-1])
    if not isinstance(found, Found):
        for subset in found.subsets:
            asked.want(subset)
        return None
    again = asked.fails_surely(found.members)
    parts = [asked.fails_surely(part) for part in without_one(found.members)]
    if again is None or None in parts:
        return None
    return found.members if again and not any(parts) else ()


def _landed_before(queue: Queue, diagnosis: Diagnosis) -> tuple[Sha, tuple[EntryId, ...]]:
    """The commit from which the culprit began, and what landed since then and below the segment."""
    root, pool = diagnosis.root, list[EntryId]()
    if root is not None and root != diagnosis.onto:
        for move in queue.landed_since(root) or ():
            pool += [each for each in move.entries if each in queue.entries and each != diagnosis.culprit]
            if move.new == diagnosis.onto:
                return root, tuple(pool)
    return diagnosis.onto, ()


def _name(queue: Queue, diagnosis: Diagnosis, members: tuple[EntryId, ...], tests: tuple[str, ...], onto: Sha) -> Step:
    """The set is named, and its last member goes back, unless it is in the target branch already."""
    culprit = members[-1]
    landed = tuple(each for each in members if each in queue.entries and queue.entries[each].place is Place.LANDED)
    found = ConflictSet(members, tests, onto, landed)
    decisions: list[LandingEvent] = [SetConfirmed(diagnosis.id, found)]
    if culprit not in landed:
        partners = members[:-1]
        why = Bounce.SET if partners else Bounce.ALONE
        reason = _reason(partners, tests, _detail(queue, Candidate(onto, members), tests))
        reason += describe_lower(queue, culprit, tests, diagnosis.onto)
        decisions.append(EntryBounced(culprit, why, reason, partners, tests))
    else:
        decisions += _search_others(queue, diagnosis, tests)
    return Step((*decisions, DiagnosisEnded(diagnosis.id, f"{names(members)} fail together" if landed else "named")))


def _search_others(queue: Queue, diagnosis: Diagnosis, tests: tuple[str, ...]) -> tuple[SegmentQuarantined, ...]:
    """Of what landed: others of it may break the same, and would hide behind the set that was named."""
    rest = queue.free_of(diagnosis.entries, filter(None, [diagnosis.culprit, *queue.named]))
    is_red = queue.halted is not None and queue.halted.why is Halt.RED
    if not rest or not (is_red or queue.known_red().issuperset(tests)):
        return ()
    return (SegmentQuarantined(DiagnosisId(f"{diagnosis.id}*"), diagnosis.onto, rest, tests),)


def _detail(queue: Queue, candidate: Candidate, tests: Sequence[str]) -> str:
    """What the first failing test said, where that is known."""
    tree = queue.tree_of(candidate)
    details = queue.evidence_of(tree).details if tree is not None else {}
    return next((details[test] for test in tests if details.get(test)), "")


def _reason(partners: Sequence[EntryId], tests: Sequence[str], detail: str) -> str:
    """``with other/1 it breaks tests/test_it.py::test_it and 2 more (AssertionError: ...)``."""
    more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
    broken = f"{tests[0] if tests else 'the tests'}{more}{f' ({detail})' if detail else ''}"
    return f"with {names(partners)} it breaks {broken}" if partners else f"it breaks {broken}"


def _end(diagnosis: Diagnosis, reason: str) -> Step:
    return Step((DiagnosisEnded(diagnosis.id, reason),))
