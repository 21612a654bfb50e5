"""The end of sessions: what they did before is looked at before it is said that they are done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Heed
from watchkeeper.model.events import Event, SessionEnded
from watchkeeper.watch.engine import LiveWatch

_CATCH_UP_S = 1.0
"""An agent may wait for the answer to its last hook."""


async def record_ends(live: LiveWatch, state: State, events: Sequence[Event]) -> None:
    """Record that sessions are done, after all that stands in their worktrees by now was looked at.

    Only where they have something to answer: what one mended in its last moment, it heeded.
    """
    asked = {each.notice.session for each in state.notices.values() if each.heed not in (Heed.HEEDED, Heed.MOOT)}
    ended = {each.id for each in events if isinstance(each, SessionEnded)}
    roots = {Path(state.sessions[each].session.path) for each in ended & asked if each in state.sessions}
    for root in roots & set(live.roots):
        await live.catch_up(root, _CATCH_UP_S)
    await live.record(events)
