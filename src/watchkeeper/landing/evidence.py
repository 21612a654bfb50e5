"""What runs said of one tree, and what follows from it. Pure.

A pass counts for more than a failure: a test that passed once on a tree is not what breaks it, it is flaky. What fails
is looked at again before anything follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from watchkeeper.model.exposure import Measured, tells_more
from watchkeeper.model.landing import CAN_RUN, COMMAND, EntryId, Verdict


class Answer(msgspec.Struct, frozen=True):
    """One run that ended: what was asked (``tests`` empty: everything), what failed.

    ``is_cut``: what failed was enough, and nothing is said of all else.
    """

    tests: tuple[str, ...]
    verdict: Verdict
    failing: tuple[str, ...]
    is_cut: bool = False


def _is_passed(test: str, answer: Answer) -> bool:
    """Whether a run in whose failures it is not says that it passed. The whole command passed where nothing failed."""
    if CAN_RUN in answer.failing or answer.is_cut:
        return False
    if test == CAN_RUN or test in answer.tests:
        return test != COMMAND or not answer.failing
    if answer.tests:
        return False
    return not answer.failing if test == COMMAND else COMMAND not in answer.failing


class Standing(StrEnum):
    """How a tree stands, before it is held against the commit below."""

    UNKNOWN = "unknown"  # nobody asked it everything
    PASSES = "passes"  # every test passed, be it the second time
    SUSPECT = "suspect"  # some failed once
    FAILS = "fails"  # some failed twice and never passed


class Evidence:
    """Of one tree, under one gate."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.details: dict[str, str] = {}
        self.measured: dict[EntryId, Measured] = {}
        """Of the entries in it: which changed lines tests executed."""
        self._standing: Standing | None = None

    def add(
        self,
        tests: Sequence[str],
        verdict: Verdict,
        failing: Iterable[str],
        details: Mapping[str, str] | None = None,
        *,
        is_cut: bool = False,
    ) -> None:
        """A run ended with something to say."""
        self.details.update(details or {})
        failed = (CAN_RUN,) if verdict is Verdict.COULD_NOT_RUN else tuple(failing)
        if verdict is Verdict.FAILED and not failed:  # it says that it failed, not with what
            failed = (CAN_RUN,)
        self._standing = None
        self.answers.append(Answer(tuple(tests), verdict, self._only_asked(tests, failed), is_cut))

    def measure(self, measured: Mapping[EntryId, Measured]) -> None:
        """What the run says of lines. That a later one did not look undoes nothing."""
        for entry, said in measured.items():
            if tells_more(said, self.measured.get(entry)):
                self.measured[entry] = said

    def _only_asked(self, tests: Sequence[str], failed: tuple[str, ...]) -> tuple[str, ...]:
        """Where more was run than asked, and more fails than anybody knew, the first run did not come to its end."""
        if not tests or CAN_RUN in failed:
            return failed
        known = {test for answer in self.answers for test in answer.failing}
        is_new = self.is_asked_everything and any(test not in tests and test not in known for test in failed)
        asked = tuple(test for test in failed if test in tests or test == COMMAND)
        return (*asked, COMMAND) if is_new and COMMAND not in asked else asked

    def forget_what_could_not_run(self) -> None:
        """Try it again as if nobody had."""
        self._standing = None
        self.answers = [answer for answer in self.answers if answer.verdict is not Verdict.COULD_NOT_RUN]

    def since(self, first: int) -> Evidence:
        """What runs said from number ``first`` on."""
        found = Evidence()
        found.answers = self.answers[first:]
        return found

    def count(self, test: str) -> tuple[int, int]:
        """How often a test passed, and how often it failed."""
        passed = failed = 0
        for answer in self.answers:
            if test in answer.failing:
                failed += 1
            elif _is_passed(test, answer):
                passed += 1
        return passed, failed

    def fails(self, tests: Iterable[str], times: int = 1) -> tuple[str, ...]:
        """Those of ``tests`` that never passed here and failed at least ``times``."""
        found = []
        for test in tests:
            passed, failed = self.count(test)
            if not passed and failed >= times:
                found.append(test)
        return tuple(found)

    def passes(self, tests: Iterable[str]) -> bool:
        """Every one of ``tests`` passed here at least once."""
        return all(self.count(test)[0] for test in tests)

    @property
    def is_asked_everything(self) -> bool:
        return any(not answer.tests and not answer.is_cut for answer in self.answers)

    def failing(self, but: Collection[str] = ()) -> tuple[str, ...]:
        """What failed in a run of everything and never passed here; ``but`` are known to fail because of others."""
        seen = self._seen(answer for answer in self.answers if not answer.tests)
        return self.fails(test for test in seen if test not in but)

    def _seen(self, whole: Iterable[Answer]) -> dict[str, None]:
        """What failed in runs of everything; that the command fails otherwise is seen in any."""
        seen = {test: None for answer in whole for test in answer.failing}
        return seen | ({COMMAND: None} if any(COMMAND in answer.failing for answer in self.answers) else {})

    def flaky(self) -> tuple[str, ...]:
        """What failed here and passed here."""
        seen = {test: None for answer in self.answers for test in answer.failing if test not in (CAN_RUN, COMMAND)}
        return tuple(test for test in seen if self.count(test)[0])

    def standing(self, but: Collection[str] = ()) -> Standing:
        """What follows for the whole tree, where ``but`` fail because of others.

        A run that could not run tells of no test: where the tests can be run the second time, that run counts alone.
        """
        if but:
            return self._judge(but)
        if self._standing is None:
            self._standing = self._judge(())
        return self._standing

    def _judge(self, but: Collection[str]) -> Standing:
        told = [answer for answer in self.answers if not answer.tests and CAN_RUN not in answer.failing]
        left = self.fails(test for test in self._seen(told) if test not in but)
        if not left and all(answer.is_cut for answer in told):  # no run of everything came to its end
            if not self.is_asked_everything:
                return Standing.UNKNOWN
            return Standing.FAILS if self.fails((CAN_RUN,), 2) else Standing.SUSPECT
        if not left:
            return Standing.PASSES
        return Standing.FAILS if len(self.fails(left, 2)) == len(left) else Standing.SUSPECT


_LUCK = 1e-5
"""How likely it may be that tests fail so often in a row only because they are flaky."""

_FEWEST, _MOST = 2, 6
_FIRST_RATE, _FIRST_RUNS = 0.02, 20
_REMEMBERED = 1000
"""So many runs and more weigh half of what they did."""


class Flakes:
    """How often tests fail that pass when the same tree is asked again."""

    def __init__(self) -> None:
        self.runs = 0.0
        self.seen: dict[str, float] = {}

    def add(self, *, is_whole: bool, found: Iterable[str]) -> None:
        """A run ended; ``found`` are now known to be flaky on its tree, and were not before."""
        self.runs += is_whole
        for test in found:
            self.seen[test] = self.seen.get(test, 0.0) + 1
        if self.runs > _REMEMBERED:
            self.runs /= 2
            self.seen = {test: count / 2 for test, count in self.seen.items() if count > 0.1}

    def rate(self, tests: Iterable[str]) -> float:
        """The chance that one of ``tests`` fails for no reason: that of any test, or their own where it is higher."""
        some = (sum(self.seen.values()) + _FIRST_RATE * _FIRST_RUNS) / (self.runs + _FIRST_RUNS)
        own = max((self.seen.get(test, 0.0) / (self.runs + 1) for test in tests), default=0.0)
        return min(0.9, max(some, own))

    def times(self, tests: Iterable[str]) -> int:
        """How often ``tests`` have to fail, and never pass, before anybody is sent back for it."""
        return max(_FEWEST, min(_MOST, math.ceil(math.log(_LUCK) / math.log(self.rate(tests)))))
