"""How landing is to be done: values that a person sets, and the rule of the cut points."""

from __future__ import annotations

import msgspec

MOST_BATCH = 16
_MOST_PASSED_OVER = 3
_WORTH = 0.1


SETTINGS = "watchkeeper.toml"
"""The file that says what has to hold of a tree."""


class Policy(msgspec.Struct, frozen=True):
    """``slots`` runs may go on at once. ``batch`` 0: as large as the rate of bounces allows, else at most so many.

    ``is_adaptive`` and the others exist so that each can be measured without it.
    """

    slots: int = 1
    batch: int = 0
    lanes: bool = False
    wait_risk: int = 101  # what turns out to be at least so risky when it was run waits for a person; 101: nothing does
    names_partners: bool = True
    quarantines: bool = True  # others go on while it is searched what makes some fail
    only_failing: bool = True  # searches ask the failing tests only, not everything
    wide_search: bool = True  # a search asks as many questions at once as there are slots


def batch_size(rate: float, policy: Policy) -> int:
    """How many entries one batch holds at most, where a share ``rate`` of them is bounced.

    Testing b at once costs 1/b + p runs each, as every bounce costs the others one more run: where the culprit would be
    searched with whole runs, 1/sqrt(p) would be best (Dorfman 1943). The bound is the searches that a batch may need.
    """
    if policy.batch:
        return policy.batch
    return max(1, min(MOST_BATCH, round(2 / max(rate, 1e-9))))


def is_worth_it(ahead: int, rate: float) -> bool:
    """Whether all entries ahead will land often enough for a run on top of them."""
    return (1 - rate) ** ahead >= _WORTH


def is_starving(passed_over: int) -> bool:
    """Later ones landed so often that this one has to come first, by itself."""
    return passed_over >= _MOST_PASSED_OVER
