"""One look at everything, without following."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from watchkeeper.watch.lookout import Step
from watchkeeper.watch.measures import WatchStatistics
from watchkeeper.watch.picture import Parts, Picture, take_picture

_PROOFS_S = 5.0


def look_once(parts: Parts) -> Picture:
    """One picture of everything, recorded, without following. Blocks. Raises: WatchkeeperError."""

    def perform(job: Callable[[], Step]) -> None:
        parts.ledger.record(job().events, parts.clock())

    perform(parts.lookout.survey)
    for _ in range(50):
        unsettled = [root for root, followed in parts.lookout.followed.items() if not followed.is_scanned]
        if not unsettled:
            break
        time.sleep(0.1)
        perform(lambda: parts.lookout.survey(unsettled))  # noqa: B023 - called at once
    while parts.lookout.has_more:
        perform(parts.lookout.go_on)
    while parts.lookout.has_suspicions:
        perform(parts.lookout.prove_next)
    ends = time.monotonic() + _PROOFS_S
    while parts.lookout.awaits_proofs and time.monotonic() < ends:
        time.sleep(0.02)
        perform(parts.lookout.take_proofs)
    return msgspec.structs.replace(take_picture(parts, _statistics(parts)), is_complete=True)


def _statistics(parts: Parts) -> WatchStatistics:
    lookout, problem = parts.lookout, parts.ledger.problem
    return WatchStatistics(
        worktrees=len(lookout.followed),
        changes=len(lookout.changes),
        files_parsed=parts.readings.parsed_files,
        recorder=parts.ledger.recorder,
        problems=tuple(dict.fromkeys([*lookout.troubles, *([problem] if problem else [])])),
    )
