"""What filing means: numbers, what is known already by its source, dependencies. A pure plan over the fleet's state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from watchkeeper.forge.merging import merged
from watchkeeper.forge.names import find_issue, require_no_cycle
from watchkeeper.forge.port import Draft, checked_body, checked_labels, checked_title
from watchkeeper.model.fleet import (
    Closing,
    FleetEvent,
    Issue,
    IssueClosed,
    IssueEdited,
    IssueFiled,
    IssueId,
    IssueReopened,
    IssueState,
)
from watchkeeper.model.fleet_state import FleetState, IssueStanding
from watchkeeper.model.ids import Millis

COMES_BACK = frozenset({Closing.LANDED, Closing.SOURCE})
"""What is filed again after it was closed so is open again; a person's word, or a reasoned one, stands."""


class Outcome(StrEnum):
    """What became of a draft."""

    FILED = "filed"
    EDITED = "edited"
    REOPENED = "reopened"
    CLOSED = "closed"
    UNCHANGED = "unchanged"
    STAYS_CLOSED = "stays-closed"  # it was filed again, and a person had closed it


class Filed(NamedTuple):
    """The issue that a draft is now."""

    id: IssueId
    outcome: Outcome


class FilingPlan(NamedTuple):
    """The events that file some drafts, and what becomes of each, in their order."""

    events: tuple[FleetEvent, ...]
    filed: tuple[Filed, ...]


def plan_filing(
    state: FleetState,
    drafts: Sequence[Draft],
    *,
    name: str,
    at: Millis,
    by: str,
    before: Mapping[str, Draft] | None = None,
) -> FilingPlan:
    """File ``drafts``, all or none; ``before`` has by source what each said the last time, where that is known.

    A draft whose source is known is that issue, whatever its title. Raises UsageError: ``issue-title``,
    ``issue-too-long``, ``unknown-issue``, ``ambiguous-issue``, ``issue-cycle``.
    """
    desk = _Desk(state, name, at, by, before or {})
    ids = desk.number(drafts)
    plan = [desk.file(identity, draft) for identity, draft in zip(ids, drafts, strict=True)]
    desk.require_order(ids)
    return FilingPlan(tuple(desk.events), tuple(plan))


def next_number(ids: Iterable[IssueId], name: str) -> int:
    """One more than any number that was ever given with that name."""
    numbers = (each.rpartition("#")[2] for each in ids if each.rpartition("#")[0] == name)
    return max((int(each) for each in numbers if each.isdecimal()), default=0) + 1


class _Desk:
    """A plan in the making: the issues as they will be, and the events until there."""

    def __init__(self, state: FleetState, name: str, at: Millis, by: str, before: Mapping[str, Draft]) -> None:
        self._known = dict(state.issues)
        self._by_source = {each.issue.source: each.issue.id for each in state.issues.values() if each.issue.source}
        self._name, self._at, self._by, self._before = name, at, by, before
        self._keys: dict[str, IssueId] = {}
        self.events: list[FleetEvent] = []

    def number(self, drafts: Sequence[Draft]) -> list[IssueId]:
        """An id for each draft: the known one of its source, else the next free."""
        ids, number = [], next_number(self._known, self._name)
        for draft in drafts:
            identity = self._by_source.get(draft.source) if draft.source else None
            if identity is None:
                identity, number = IssueId(f"{self._name}#{number}"), number + 1
            if draft.source:
                self._by_source[draft.source] = identity
            if draft.key:
                self._keys[draft.key] = identity
            ids.append(identity)
        return ids

    def file(self, identity: IssueId, draft: Draft) -> Filed:
        """Add what has to be recorded of it."""
        told, own = self._checked(draft), self._known.get(identity)
        if own is None:
            return self._file_new(identity, told)
        if draft.source and self._before.get(draft.source) == draft:
            return Filed(identity, Outcome.UNCHANGED)
        before = self._said_before(draft.source)
        now = merged(own.issue, before, told)
        outcome = Outcome.UNCHANGED
        if now != own.issue:
            self._add(IssueEdited(now, self._by), now, own)
            outcome = Outcome.EDITED
        return Filed(identity, self._move(self._known[identity], before, draft) or outcome)

    def require_order(self, changed: Iterable[IssueId]) -> None:
        """Raises UsageError (``issue-cycle``)."""
        require_no_cycle({each.issue.id: each.issue.depends_on for each in self._known.values()}, changed)

    def _file_new(self, identity: IssueId, told: Draft) -> Filed:
        issue = Issue(
            identity,
            told.title,
            body=told.body or "",
            labels=told.labels or (),
            priority=told.priority if told.priority is not None else 2,
            depends_on=tuple(IssueId(each) for each in told.depends_on or ()),
            source=told.source,
            author=told.author or self._by,
            parent=IssueId(told.parent) if told.parent else None,
            filed_at=told.filed_at or self._at,
        )
        self._add(IssueFiled(issue), issue, None)
        if told.state is IssueState.CLOSED:
            self.events.append(IssueClosed(identity, Closing.SOURCE, by=self._by))
        return Filed(identity, Outcome.FILED)

    def _move(self, own: IssueStanding, before: Draft | None, draft: Draft) -> Outcome | None:
        """Close or reopen it, where what is said of it now asks for that."""
        identity = own.issue.id
        was_closed = before is not None and before.state is IssueState.CLOSED
        if draft.state is IssueState.CLOSED:
            if own.state is IssueState.CLOSED or was_closed:
                return None
            self.events.append(IssueClosed(identity, Closing.SOURCE, by=self._by))
            return Outcome.CLOSED
        if own.state is IssueState.OPEN:
            return None
        comes_back = was_closed or own.why is Closing.SOURCE if draft.state else own.why in COMES_BACK
        if not comes_back:
            return Outcome.STAYS_CLOSED
        self.events.append(IssueReopened(identity, "it was filed again", self._by))
        return Outcome.REOPENED

    def _add(self, event: IssueFiled | IssueEdited, issue: Issue, own: IssueStanding | None) -> None:
        self.events.append(event)
        self._known[issue.id] = msgspec.structs.replace(own, issue=issue) if own else IssueStanding(issue)

    def _said_before(self, source: str) -> Draft | None:
        before = self._before.get(source) if source else None
        if before is None:
            return None
        on = before.depends_on
        known = [self._keys.get(each, IssueId(each)) for each in on] if on is not None else None
        return msgspec.structs.replace(before, depends_on=tuple(known) if known is not None else None)

    def _checked(self, draft: Draft) -> Draft:
        """The draft as it can be recorded, with what it names as ids."""
        on, labels = draft.depends_on, draft.labels
        return msgspec.structs.replace(
            draft,
            title=checked_title(draft.title),
            body=checked_body(draft.body) if draft.body is not None else None,
            labels=checked_labels(labels) if labels is not None else None,
            depends_on=tuple(dict.fromkeys(self._find(each) for each in on)) if on is not None else None,
            parent=self._find(draft.parent) if draft.parent else None,
        )

    def _find(self, text: str) -> IssueId:
        if (own := self._keys.get(text) or self._keys.get(text.removeprefix("#"))) is not None:
            return own
        return find_issue([*self._known, *(each for each in self._keys.values() if each not in self._known)], text)
