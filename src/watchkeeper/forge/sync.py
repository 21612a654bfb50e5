"""A tracker elsewhere and the record, made one: what changed there becomes events, what was done here is done there.

Every step may be done again. What was recorded is not recorded twice, for it is compared with what is known; what was
done there is marked there. So a crash between the two sides is mended by the next sync, also where the shelf is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.forge.acts import Act, own_acts
from watchkeeper.forge.filing import COMES_BACK
from watchkeeper.forge.merging import merged
from watchkeeper.forge.names import require_no_cycle
from watchkeeper.forge.port import (
    Draft,
    Ledger,
    NotThereError,
    Page,
    Shelf,
    Told,
    Tracker,
    read_text,
    record_decided,
    source_mark,
)
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.fleet import (
    Closing,
    FleetEvent,
    Issue,
    IssueClosed,
    IssueCommented,
    IssueEdited,
    IssueFiled,
    IssueId,
    IssueReopened,
    IssueState,
)
from watchkeeper.model.fleet_state import FleetState, IssueStanding
from watchkeeper.model.ids import Millis, Seq

_CURSOR, _PUSHED = "cursor", "pushed"
_OF_ONE_ISSUE = frozenset({"tracker-refused", "tracker-failed", "tracker-answer"})
"""Faults that may be of one issue alone: it is locked, or has more comments than anybody reads."""


class Kept(msgspec.Struct, frozen=True):
    """What a tracker said of an issue the last time, and how many of its comments were heard of ``comments``."""

    draft: Draft
    comments: int = 0
    heard: int = 0


class SyncReport(msgspec.Struct, frozen=True):
    """What a sync did. ``problems`` are what it could not do or read; it goes on without them."""

    filed: tuple[IssueId, ...] = ()
    edited: tuple[IssueId, ...] = ()
    closed: tuple[IssueId, ...] = ()
    reopened: tuple[IssueId, ...] = ()
    commented: tuple[IssueId, ...] = ()
    done_there: tuple[IssueId, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Both sides were one already."""
        return self == SyncReport()


class Sync:
    """Makes one tracker and the record of one project one. ``ids`` and ``their`` are as in ``own_acts``."""

    def __init__(
        self, tracker: Tracker, ledger: Ledger, shelf: Shelf, *, ids: str, their: str, clock: Callable[[], Millis]
    ) -> None:
        self._tracker, self._ledger, self._shelf = tracker, ledger, shelf
        self._ids, self._their, self._clock = ids, their, clock
        self._kept: dict[str, bytes] = {}
        self._events: list[FleetEvent] = []
        self._done: list[IssueId] = []
        self._problems: list[str] = []

    def run(self, *, whole: bool = False, pushes: bool = True) -> SyncReport:
        """Do it once. ``whole``: also find out what vanished there; ``pushes``: do there what was done here.

        Blocks, also while a limit is waited for. Raises WatchkeeperError; what was done until then stays done.
        """
        self._kept = dict(self._shelf.read())
        self._events, self._done, self._problems = [], [], []
        self._pull(whole=whole)
        self._hear()
        until = self._ledger.state().seq
        acts = self._acts()
        if not acts or (pushes and self._push(acts)):
            self._keep({_PUSHED: str(max(until, *(act.seq for act in acts), 0)).encode()})
        return self._report()

    def file(self, draft: Draft) -> IssueId:
        """File it there, and record it. What was filed for the same source is that one, open again where it had landed.

        Raises WatchkeeperError.
        """
        self._kept = dict(self._shelf.read())
        if draft.source and (known := self._find_filed(source_mark(draft.source))) is not None:
            return known
        identity = self._tracker.file(draft)
        self._take(Page((self._tracker.get(identity),), ""))
        return identity

    def _find_filed(self, mark: str) -> IssueId | None:
        """The oldest issue of the tracker whose text has the mark of a source."""
        found: list[IssueId] = []

        def decide(state: FleetState) -> Sequence[FleetEvent]:
            marked = [
                each for each in state.issues.values() if mark in each.issue.body and self._is_theirs(each.issue.id)
            ]
            found[:] = [each.issue.id for each in marked[:1]]
            comes_back = [each for each in marked[:1] if each.state is IssueState.CLOSED and each.why in COMES_BACK]
            return [IssueReopened(each.issue.id, "it was filed again") for each in comes_back]

        record_decided(self._ledger, decide)
        return found[0] if found else None

    def _is_theirs(self, identity: IssueId) -> bool:
        return identity.rpartition("#")[0] == self._ids

    def waiting(self) -> tuple[Act, ...]:
        """What was done here and not yet there, as far as it is known."""
        self._kept = dict(self._shelf.read())
        return self._acts()

    def _pull(self, *, whole: bool) -> None:
        cursor = self._kept.get(_CURSOR, b"").decode()
        listed: set[IssueId] = set()
        is_whole, is_read = False, True
        for page in self._tracker.changed(cursor, whole=whole):
            self._problems += page.unread
            is_read = is_read and not page.unread
            self._take(page)
            listed |= {each.id for each in page.told}
            cursor, is_whole = page.cursor, page.is_whole
        if is_whole and is_read:
            self._look_for_vanished(listed)
        self._keep({_CURSOR: cursor.encode()})

    def _take(self, page: Page, done: Act | None = None) -> None:
        """Record what is new on a page; ``done`` is what was done there already."""
        told = {each.id: each for each in page.told}

        circles: list[str] = []

        def decide(state: FleetState) -> Sequence[FleetEvent]:
            ours = {act.id for act in self._acts() if act.is_move and act != done}
            order = {each.issue.id: each.issue.depends_on for each in state.issues.values()}
            found: list[FleetEvent] = []
            circles.clear()
            for each in told.values():
                different = self._differences(state.issues.get(each.id), each, is_ours=each.id in ours)
                found += [_ordered(event, order, circles) for event in different]
            return found

        state, events = record_decided(self._ledger, decide)
        self._events += events
        self._problems += circles
        known = {*state.issues, *(event.issue.id for event in events if isinstance(event, IssueFiled))}
        self._keep({each.id: self._encoded(each) for each in told.values() if each.id in known})

    def _differences(self, own: IssueStanding | None, told: Told, *, is_ours: bool) -> Iterator[FleetEvent]:
        """What has to be recorded; ``is_ours``: what was done here decides whether it is open."""
        if own is None:
            if told.state is IssueState.OPEN:
                yield IssueFiled(_new(told))
            return
        before = self._kept_of(told.id)
        now = merged(own.issue, before.draft if before else None, told.draft)
        if now != own.issue:
            yield IssueEdited(now, self._their)
        if own.state is told.state or is_ours:
            return
        if told.state is IssueState.CLOSED:
            yield IssueClosed(told.id, Closing.SOURCE, told.reason, told.by)
        else:
            yield IssueReopened(told.id, "it was opened again there", self._their)

    def _look_for_vanished(self, listed: set[IssueId]) -> None:
        """Issues that are open here and are not in the list of open ones: each is asked for."""
        standing = [each for each in self._ledger.state().open_issues() if each.issue.id not in listed]
        for each in standing:
            if self._is_theirs(each.issue.id) and (told := self._get(each.issue.id)) is not None:
                self._take(Page((told,), ""))

    def _get(self, identity: IssueId) -> Told | None:
        """The issue; None where it is gone, which closes it here, or cannot be read, which is said."""
        try:
            return self._tracker.get(identity)
        except NotThereError as error:
            gone = IssueClosed(identity, Closing.SOURCE, f"it is gone: {error.message}", self._their)
        except WatchkeeperError as error:
            if error.slug not in _OF_ONE_ISSUE:
                raise
            self._problems.append(f"{identity}: {error.message}")
            return None

        def decide(state: FleetState) -> Sequence[FleetEvent]:
            own = state.issues.get(identity)
            return (gone,) if own is not None and own.state is IssueState.OPEN else ()

        self._events += record_decided(self._ledger, decide)[1]
        return None

    def _hear(self) -> None:
        """Record comments that were made there, of each issue that has more than were heard."""
        for name, value in sorted(self._kept.items()):
            kept = _decoded(value) if "#" in name else None
            if kept is None or kept.comments <= kept.heard:
                continue
            told = self._get(IssueId(name))
            if told is not None:
                self._hear_of(told)
                self._keep({name: self._encoded(told, heard=told.comments)})

    def _hear_of(self, told: Told) -> None:
        def decide(state: FleetState) -> Sequence[FleetEvent]:
            own = state.issues.get(told.id)
            if own is None:
                return ()
            known = [(each.by, each.text) for each in own.comments]
            found = []
            for said in told.said:
                if (said.by, said.text) in known:
                    known.remove((said.by, said.text))
                elif not said.mark and said.text.strip():
                    found.append(IssueCommented(told.id, said.text, said.by))
            return found

        self._events += record_decided(self._ledger, decide)[1]

    def _push(self, acts: Sequence[Act]) -> bool:
        """Do there what was done here, in order; where the issue is gone, that is said, and given up.

        What is refused holds up nothing else: all after it are looked at again the next time, and known by their marks.
        Gives whether nothing was refused.
        """
        is_unbroken = True
        for act in acts:
            try:
                self._do(act)
            except NotThereError as error:
                self._problems.append(f"{act.id}: what was done here cannot be done there: {error.message}")
            except WatchkeeperError as error:
                if error.slug not in _OF_ONE_ISSUE:
                    raise
                is_unbroken = False
                self._problems.append(f"{act.id}: {error.message}")
            if is_unbroken:
                self._keep({_PUSHED: str(act.seq).encode()})
        return is_unbroken

    def _do(self, act: Act) -> None:
        told = self._tracker.get(act.id)
        if any(said.mark == act.mark for said in told.said):
            if act.is_move:  # it was done, and whatever came after it there was taken for ours until now
                self._take(Page((told,), ""), done=act)
            return
        match act.deed:
            case IssueClosed(why=why, reason=reason):
                self._tracker.close(act.id, why, reason, mark=act.mark)
            case IssueReopened(reason=reason):
                self._tracker.reopen(act.id, reason, mark=act.mark)
            case IssueCommented(text=text):
                self._tracker.comment(act.id, text, mark=act.mark)
        self._done.append(act.id)

    def _acts(self) -> tuple[Act, ...]:
        return own_acts(self._ledger.events(_number(self._kept.get(_PUSHED, b""))), self._ids, self._their)

    def _encoded(self, told: Told, heard: int | None = None) -> bytes:
        before = self._kept_of(told.id)
        known = heard if heard is not None else before.heard if before else 0
        return msgspec.json.encode(Kept(told.draft, told.comments, min(known, told.comments)))

    def _kept_of(self, identity: IssueId) -> Kept | None:
        return _decoded(self._kept.get(identity, b""))

    def _keep(self, values: Mapping[str, bytes]) -> None:
        changed = {name: value for name, value in values.items() if self._kept.get(name) != value}
        if changed:
            self._shelf.put(dict(changed))
            self._kept |= changed

    def _report(self) -> SyncReport:
        told = self._events
        return SyncReport(
            tuple(each.issue.id for each in told if isinstance(each, IssueFiled)),
            tuple(each.issue.id for each in told if isinstance(each, IssueEdited)),
            tuple(each.id for each in told if isinstance(each, IssueClosed)),
            tuple(each.id for each in told if isinstance(each, IssueReopened)),
            tuple(each.id for each in told if isinstance(each, IssueCommented)),
            tuple(self._done),
            tuple(self._problems),
        )


def _ordered(event: FleetEvent, order: dict[IssueId, tuple[IssueId, ...]], circles: list[str]) -> FleetEvent:
    """The event, without dependencies from there that would let its issue wait for itself; ``order`` is kept up."""
    if not isinstance(event, IssueFiled | IssueEdited):
        return event
    issue = event.issue
    before = order.get(issue.id, ())
    order[issue.id] = issue.depends_on
    try:
        require_no_cycle(order, [issue.id])
    except UsageError as error:
        circles.append(f"{error.message}; what it depends on there is left out")
        order[issue.id] = before
        return msgspec.structs.replace(event, issue=msgspec.structs.replace(issue, depends_on=before))
    return event


def _new(told: Told) -> Issue:
    draft = told.draft
    return Issue(
        told.id,
        draft.title,
        body=read_text(draft.body or ""),
        labels=draft.labels or (),
        priority=draft.priority if draft.priority is not None else 2,
        depends_on=tuple(IssueId(each) for each in draft.depends_on or ()),
        source=draft.source,
        author=draft.author,
        parent=IssueId(draft.parent) if draft.parent else None,
        filed_at=draft.filed_at,
    )


def _decoded(value: bytes) -> Kept | None:
    try:
        return msgspec.json.decode(value, type=Kept) if value else None
    except (msgspec.MsgspecError, ValueError):
        return None


def _number(value: bytes) -> Seq:
    return Seq(int(value)) if value.isdigit() else Seq(0)
