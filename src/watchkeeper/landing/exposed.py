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
from watchkeeper.model.landing import CAN_RUN, Entry, EntryHeld
from watchkeeper.risk.exposure import complete, describe_missed
from watchkeeper.risk.points import HIGHEST

_MOST_TOLD = 3
_US = "watchkeeper"


def is_measurable(queue: Queue, tree: Sha) -> bool:
    """Whether a run of the tree may watch which lines tests execute: not where they could not be run so."""
    return not queue.evidence_of(tree).count(CAN_RUN)[1]


def find_holds(queue: Queue, cuts: Sequence[Cut], policy: Policy) -> tuple[EntryHeld, ...]:
    """Who of those that would land now has to wait for a person, by what the run of this very tree said of them.

    Who was let go on by a person that was told of as much risk waits no more.
    """
    cut = next((each for each in reversed(cuts) if each.standing is Standing.PASSES), None)
    if cut is None or policy.wait_risk > HIGHEST:
        return ()
    measured = queue.evidence_of(cut.tree).measured
    waiters = [queue.entries[each] for each in cut.rest if each in measured]
    found = (_find_hold(waiter, measured[waiter.entry.id], policy) for waiter in waiters)
    return tuple(each for each in found if each is not None)


def _find_hold(waiter: Waiter, measured: Measured, policy: Policy) -> EntryHeld | None:
    risk = risk_with(waiter.entry, measured)
    if not measured.missed or not policy.wait_risk <= risk or risk <= waiter.cleared:
        return None
    told = describe_missed(measured)
    more = f"; and so in {len(told) - _MOST_TOLD} more files" if len(told) > _MOST_TOLD else ""
    reason = f"its risk is {risk} now that it was run, and {policy.wait_risk} or more waits for a person: "
    return EntryHeld(waiter.entry.id, f"{reason}{'; '.join(told[:_MOST_TOLD])}{more}", _US, risk)


def risk_with(entry: Entry, measured: Measured | None) -> int:
    """The risk of an entry with what a run said of it; as it was queued, where none did."""
    if entry.exposure is None or measured is None or not measured.of:
        return entry.risk
    return max(entry.risk, complete(entry.exposure, measured).score)
