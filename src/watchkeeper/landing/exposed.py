"""Changes that turn out to be riskier once they were run: what no test executed counts, and they wait before they land.

Pure. What the run said of the tree stays known: once a person let the entry go on, that tree lands without another run.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.landing.evidence import Standing
from watchkeeper.landing.line import Cut
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Waiter
from watchkeeper.model.exposure import Measured
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import CAN_RUN, Entry, EntryHeld, EntryId
from watchkeeper.risk.exposure import complete, describe_missed, worst
from watchkeeper.risk.points import HIGHEST

_MOST_TOLD = 3
_MOST_TRIES = 3
"""So often tests may turn out not to be runnable before nobody asks them to be watched any more."""
_US = "watchkeeper"


def is_measurable(queue: Queue, tree: Sha) -> bool:
    """Whether a run of the tree may watch which lines tests execute: not where they could not be run so."""
    return not queue.evidence_of(tree).count(CAN_RUN)[1]


def needs_watching(queue: Queue, entries: Sequence[EntryId], policy: Policy) -> bool:
    """Whether what the tests execute may decide of one of these: to look takes time, up to that of the run again."""
    return any(
        _may_wait(queue.entries[each], policy, highest_risk(queue.entries[each].entry))
        for each in entries
        if each in queue.entries
    )


def highest_risk(entry: Entry) -> int:
    """The risk of an entry if no test executed any of its changed lines."""
    return entry.risk if entry.exposure is None else max(entry.risk, worst(entry.exposure).score)


def find_unwatched(queue: Queue, cut: Cut, policy: Policy) -> tuple[EntryId, ...]:
    """Who of a tree that passed cannot be judged before its tests were watched: they ran where nobody looked."""
    evidence = queue.evidence_of(cut.tree)
    if evidence.count(CAN_RUN)[1] >= _MOST_TRIES:
        return ()
    found = (queue.entries[each] for each in cut.rest if _is_plain(evidence.measured.get(each)))
    return tuple(each.entry.id for each in found if _may_wait(each, policy, highest_risk(each.entry)))


def find_holds(queue: Queue, cuts: Sequence[Cut], policy: Policy) -> tuple[EntryHeld, ...]:
    """Who of those that would land now has to wait for a person, by what the run of this very tree said of them.

    What was not measured may not have been executed. Who was let go on by a person that was told of as much risk waits
    no more.
    """
    cut = next((each for each in reversed(cuts) if each.standing is Standing.PASSES), None)
    if cut is None or policy.wait_risk > HIGHEST or find_unwatched(queue, cut, policy):
        return ()
    measured = queue.evidence_of(cut.tree).measured
    found = (_find_hold(queue.entries[each], measured.get(each), policy) for each in cut.rest)
    return tuple(each for each in found if each is not None)


def _is_plain(measured: Measured | None) -> bool:
    return measured is None or measured.is_plain


def _may_wait(waiter: Waiter, policy: Policy, risk: int) -> bool:
    """Whether so much risk makes it wait for a person who was not told of it."""
    return policy.wait_risk <= HIGHEST and waiter.entry.exposure is not None and _is_over(waiter, policy, risk)


def _is_over(waiter: Waiter, policy: Policy, risk: int) -> bool:
    return risk >= policy.wait_risk and risk > waiter.cleared


def _find_hold(waiter: Waiter, measured: Measured | None, policy: Policy) -> EntryHeld | None:
    entry = waiter.entry
    if entry.exposure is None:
        return None
    measured = measured or Measured(unseen=("which changed lines tests execute: no run could tell",))
    risk = risk_with(entry, measured)
    if measured.missed and _is_over(waiter, policy, risk):
        reason = f"its risk is {risk} now that it was run, and {policy.wait_risk} or more waits for a person: "
        return EntryHeld(entry.id, reason + _told(describe_missed(measured), "files"), _US, risk)
    most = max(risk, worst(entry.exposure, measured).score)
    is_news = waiter.cleared < policy.wait_risk  # else a person looked at it, and nothing was found since
    if most > risk and is_news and _is_over(waiter, policy, most):
        reason = f"its risk may be {most}, and {policy.wait_risk} or more waits for a person; not measured: "
        return EntryHeld(entry.id, reason + _told(measured.unseen, "things"), _US, most)
    return None


def _told(sentences: Sequence[str], of_what: str) -> str:
    more = f"; and so in {len(sentences) - _MOST_TOLD} more {of_what}" if len(sentences) > _MOST_TOLD else ""
    return f"{'; '.join(sentences[:_MOST_TOLD])}{more}"


def risk_with(entry: Entry, measured: Measured | None) -> int:
    """The risk of an entry with what a run said of it; as it was queued, where none did."""
    if entry.exposure is None or measured is None or not measured.of:
        return entry.risk
    return max(entry.risk, complete(entry.exposure, measured).score)
