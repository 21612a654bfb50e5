"""When to look: at once, when it is quiet again, or in the background's turn. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_QUIET_S = 0.08
_QUIET_AFTER_BURST_S = 0.3
_MOST_S = 2.0
_MOST_WHILE_GIT_WORKS_S = 30.0
_BURST = 60
_UNWATCHED_SHARE = 4.0
SWEEP_SHARE_WATCHED = 0.04
SWEEP_SHARE_UNWATCHED = 0.2
"""The part of one processor that sweeping may take, where events tell of all folders and where they tell of none."""


class Unrest(msgspec.Struct, frozen=True):
    """A worktree in which more goes on than single saves. Times are monotonic seconds.

    ``paths`` counts what was touched since ``since``; ``git_works`` says that git holds the index, or that a rebase has
    begun that was not there before.
    """

    since: float
    last: float
    paths: int = 0
    git_works: bool = False

    def more(self, now: float, paths: int, *, git_works: bool) -> Unrest:
        return Unrest(self.since, now, self.paths + paths, git_works)


def is_burst(paths: int) -> bool:
    """So many files at once are a checkout, a generator or a formatter: one scan tells more cheaply."""
    return paths > _BURST


def wait_before_scan(unrest: Unrest, now: float) -> float:
    """How many seconds to wait before one scan settles it; 0 when it is time.

    Scanned too early, a half-finished checkout would close conflicts and open them again. So it has to be quiet; but
    somebody who writes without pause is scanned after two seconds, and a lock that nobody lifts after thirty.
    """
    most = _MOST_WHILE_GIT_WORKS_S if unrest.git_works else _MOST_S
    quiet = _QUIET_AFTER_BURST_S if is_burst(unrest.paths) else _QUIET_S
    if unrest.git_works:
        return max(0.0, unrest.since + most - now)
    return max(0.0, min(unrest.last + quiet, unrest.since + most) - now)


class Turn(msgspec.Struct, frozen=True):
    """A worktree in the sweep's queue: when it was swept last, and the share of its folders that is watched."""

    place: str
    swept_at: float
    watched: float = 1.0


def choose_turn(turns: Iterable[Turn], now: float) -> str | None:
    """Whom to sweep next: the one that waited longest, where unwatched folders count four times."""
    ranked = sorted(turns, key=lambda turn: (-(now - turn.swept_at) * _urgency(turn), turn.place))
    return ranked[0].place if ranked else None


def pause_after_sweep(took_s: float, worktrees: int, watched: float) -> float:
    """How long to rest, so that sweeping keeps to its share, and one worktree is not swept without need.

    ``watched`` is the share of all folders of which events tell, 0 to 1.
    """
    share = SWEEP_SHARE_UNWATCHED + (SWEEP_SHARE_WATCHED - SWEEP_SHARE_UNWATCHED) * watched
    return max(took_s / share - took_s, 2.0 / max(worktrees, 1), 0.05)


def _urgency(turn: Turn) -> float:
    return 1.0 + (_UNWATCHED_SHARE - 1.0) * (1.0 - turn.watched)
