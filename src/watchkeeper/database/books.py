"""Whose work a commit is, by what the record says of landings and engagements. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from watchkeeper.database.sources import Work
from watchkeeper.model.agents import Session, SessionId
from watchkeeper.model.events import Recorded, SessionBegan
from watchkeeper.model.fleet import Engagement, EngagementMoved, EngagementSealed
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Entry, EntryId, EntryQueued, LandingDone, LandingIntended

KINDS = ("entry-queued", "landing-intended", "landing-done", "engagement-sealed", "engagement-moved", "session-began")
"""The events that books are made of."""


class Landing(NamedTuple):
    """The target branch was moved from ``old`` to ``new``, which landed these entries."""

    old: Sha
    new: Sha
    entries: tuple[EntryId, ...]


class Books(NamedTuple):
    """What landed, in order, and who worked on it. ``heads`` maps commits that engagements ended with to them."""

    entries: Mapping[EntryId, Entry] = {}
    landings: Sequence[Landing] = ()
    engagements: Mapping[str, Engagement] = {}
    heads: Mapping[Sha, str] = {}
    sessions: Mapping[SessionId, Session] = {}

    def landing_of(self, commit: Sha, is_in: Callable[[Sha, Sha], bool]) -> Landing | None:
        """The landing that brought a commit to the target branch; ``is_in(commit, tip)`` asks git, a dozen times.

        Each landing has all before it in it, so it is looked for by halves.
        """
        low, high = 0, len(self.landings)
        while low < high:
            middle = (low + high) // 2
            if is_in(commit, self.landings[middle].new):
                high = middle
            else:
                low = middle + 1
        if low == len(self.landings):
            return None
        found = self.landings[low]
        return found if not is_in(commit, found.old) else None

    def work_of(self, entry: EntryId) -> Work:
        """Whose work an entry is, as far as the record has it."""
        known = self.entries.get(entry)
        if known is None:
            return Work(change=ChangeId(entry.rpartition("/")[0]), by="ledger")
        engagement = self._engagement_of(known)
        session = self.sessions.get(SessionId(known.session))
        agent = engagement.agent if engagement is not None else session.agent if session is not None else ""
        issue = known.issue or (engagement.issue if engagement is not None else session.issue if session else "")
        return Work(
            agent=agent or known.author,
            issue=issue,
            engagement=engagement.id if engagement is not None else "",
            change=known.change,
            before=known.base,
            by="ledger",
        )

    def with_trailers(self, work: Work) -> Work:
        """What trailers say, with what the record knows of the engagement that they name."""
        known = self.engagements.get(work.engagement)
        if known is None:
            return work
        return Work(
            agent=work.agent or known.agent,
            issue=work.issue or known.issue,
            engagement=work.engagement,
            change=work.change or ChangeId(known.branch),
            before=work.before or known.seal.base,
            by=work.by,
        )

    def _engagement_of(self, entry: Entry) -> Engagement | None:
        by_head = self.engagements.get(self.heads.get(entry.head, ""))
        if by_head is not None:
            return by_head
        own = [each for each in self.engagements.values() if each.branch and each.branch == entry.change]
        return own[-1] if own else None


def read_books(events: Iterable[Recorded]) -> Books:
    """The books after these events, in their order. Total."""
    entries: dict[EntryId, Entry] = {}
    intended: dict[Sha, LandingIntended] = {}
    landings: dict[Sha, Landing] = {}
    engagements: dict[str, Engagement] = {}
    heads: dict[Sha, str] = {}
    sessions: dict[SessionId, Session] = {}
    for recorded in events:
        match recorded.event:
            case EntryQueued(entry=entry):
                entries[entry.id] = entry
            case LandingIntended() as event:
                intended[event.new] = event
            case LandingDone(new=new) if new in intended:
                landings[new] = Landing(intended[new].old, new, intended[new].entries)
            case EngagementSealed(engagement=engagement):
                engagements[engagement.id] = engagement
            case EngagementMoved() as event if event.effect is not None and event.effect.change is not None:
                heads[event.effect.change] = event.id
            case SessionBegan(session=session):
                sessions[session.id] = session
            case _:
                pass
    return Books(entries, tuple(landings.values()), engagements, heads, sessions)
