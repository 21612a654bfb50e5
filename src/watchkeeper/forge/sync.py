"""A tracker elsewhere and the record, made one: what changed there becomes events, what was done here is done there.

Every step may be done again. What was recorded is not recorded twice, for it is compared with what is known; what was
done there is marked there. So a crash between the two sides is mended by the next sync, also where the shelf is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.forge.acts import Act, own_acts
from watchkeeper.forge.merging import merged
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
)
from watchkeeper.model.errors import WatchkeeperError
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
_OF_ONE_ISSUE = frozenset({"tracker-refused", "tracker-failed"})
"""Refusals that may be about one issue alone: it is locked, or archived with its repository."""


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
        if pushes:
            self._push()
        return self._report()

    def file(self, draft: Draft) -> IssueId:
        """File it there, and record it; what was filed for the same source is that one. Raises WatchkeeperError."""
        self._kept = dict(self._shelf.read())
        identity = self._tracker.file(draft)
        self._take(Page((self._tracker.get(identity),), ""))
        return identity

    def waiting(self) -> tuple[Act, ...]:
        """What was done here and not yet there, as far as it is known."""
        self._kept = dict(self._shelf.read())
        return self._acts()

    def _pull(self, *, whole: bool) -> None:
        cursor = self._kept.get(_CURSOR, b"").decode()
        listed: set[IssueId] = set()
        is_whole = False
        for page in self._tracker.changed(cursor, whole=whole):
            self._problems += page.unread
            self._take(page)
            listed |= {each.id for each in page.told}
            cursor, is_whole = page.cursor, page.is_whole
        if is_whole and not self._problems:
            self._look_for_vanished(listed)
        self._keep({_CURSOR: cursor.encode()})

    def _take(self, page: Page, done: Act | None = None) -> None:
        """Record what is new on a page; ``done`` is what was done there already."""
        told = {each.id: each for each in page.told}

        def decide(state: FleetState) -> Sequence[FleetEvent]:
            ours = {act.id for act in self._acts() if act.is_move and act != done}
            found: list[FleetEvent] = []
            for each in told.values():
                found += self._differences(state.issues.get(each.id), each, is_ours=each.id in ours)
            return found

        state, events = record_decided(self._ledger, decide)
        self._events += events
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
            if each.issue.id.rpartition("#")[0] != self._ids:
                continue
            try:
                self._take(Page((self._tracker.get(each.issue.id),), ""))
            except NotThereError as error:
                gone = IssueClosed(each.issue.id, Closing.SOURCE, f"it is gone: {error.message}", self._their)
                self._record_if_open(gone)

    def _record_if_open(self, event: IssueClosed) -> None:
        def decide(state: FleetState) -> Sequence[FleetEvent]:
            own = state.issues.get(event.id)
            return (event,) if own is not None and own.state is IssueState.OPEN else ()

        self._events += record_decided(self._ledger, decide)[1]

    def _hear(self) -> None:
        """Record comments that were made there, of each issue that has more than were heard."""
        for name, value in sorted(self._kept.items()):
            kept = _decoded(value) if "#" in name else None
            if kept is None or kept.comments <= kept.heard:
                continue
            try:
                told = self._tracker.get(IssueId(name))
            except NotThereError:
                continue  # it went between two questions: the next whole sync closes it
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

    def _push(self) -> None:
        """Do there what was done here, in order; where the issue is gone, that is said, and given up.

        What is refused holds up nothing else: all after it are looked at again the next time, and known by their marks.
        """
        is_unbroken = True
        for act in self._acts():
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
