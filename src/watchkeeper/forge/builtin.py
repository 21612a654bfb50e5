"""The built-in tracker: nothing but the record. What is done to an issue is an event, what it is now their fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.forge.filing import Filed, FilingPlan, plan_filing
from watchkeeper.forge.names import find_issue, require_no_cycle
from watchkeeper.forge.port import (
    Draft,
    Ledger,
    NotThereError,
    Page,
    Said,
    Told,
    checked_body,
    checked_labels,
    checked_title,
    record_decided,
)
from watchkeeper.model.errors import UsageError
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


class Edit(msgspec.Struct, frozen=True):
    """What is to be different; None and empty: nothing. What is dropped goes before what is added comes."""

    title: str | None = None
    body: str | None = None
    priority: int | None = None
    labels: tuple[str, ...] = ()
    unlabel: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    no_longer_on: tuple[str, ...] = ()


class Builtin:
    """The issues of one project. Acts are compare-and-swaps: of two processes that file at once each gets a number.

    ``name`` begins the ids of new issues, ``by`` is who acts. Issues from elsewhere can be worked on as well: what was
    said and done here is carried there by the next sync.
    """

    def __init__(self, ledger: Ledger, name: str, *, by: str, clock: Callable[[], Millis]) -> None:
        self._ledger, self._name, self._by, self._clock = ledger, name, by, clock

    @property
    def by(self) -> str:
        """Who acts."""
        return self._by

    def find(self, text: str) -> IssueStanding:
        """The issue that a person means by ``text``. Raises UsageError: ``unknown-issue``, ``ambiguous-issue``."""
        issues = self._ledger.state().issues
        return issues[find_issue(issues, text)]

    def file_all(self, drafts: Sequence[Draft], before: Mapping[str, Draft] | None = None) -> tuple[Filed, ...]:
        """File them, all or none; see ``plan_filing``."""
        plans: list[FilingPlan] = []

        def decide(state: FleetState) -> Sequence[FleetEvent]:
            plans.append(plan_filing(state, drafts, name=self._name, at=self._clock(), by=self._by, before=before))
            return plans[-1].events

        record_decided(self._ledger, decide)
        return plans[-1].filed

    def file(self, draft: Draft) -> IssueId:
        """A new issue; one with the same source is that one, edited, and open again where it had landed."""
        return self.file_all([draft])[0].id

    def edit(self, identity: IssueId, edit: Edit) -> bool:
        """Whether anything is different now.

        Raises NotThereError; UsageError: ``issue-elsewhere`` (title and body are changed where it comes from),
        ``unknown-issue``, ``issue-cycle``, ``issue-title``, ``issue-too-long``.
        """

        def decide(issues: Mapping[IssueId, IssueStanding]) -> Sequence[FleetEvent]:
            own = _own(issues, identity).issue
            now = _edited(own, edit, issues)
            if now == own:
                return ()
            order = {each.issue.id: each.issue.depends_on for each in issues.values()} | {identity: now.depends_on}
            require_no_cycle(order, [identity])
            return (IssueEdited(now, self._by),)

        return self._act(decide)

    def changed(self, cursor: str, *, whole: bool = False) -> Iterator[Page]:
        """Issues that something happened to since ``cursor``, on one page."""
        after = Seq(0) if whole or not cursor else Seq(int(cursor))
        state = self._ledger.state()
        touched = {_about(each.event): None for each in self._ledger.events(after) if each.seq <= state.seq}
        told = [_told(state.issues[each]) for each in touched if each is not None and each in state.issues]
        if not after:
            told = [each for each in told if each.state is IssueState.OPEN]
        yield Page(tuple(told), str(state.seq), is_whole=not after)

    def get(self, identity: IssueId) -> Told:
        """One issue with its comments."""
        return _told(_own(self._ledger.state().issues, identity))

    def comment(self, identity: IssueId, text: str, *, mark: str = "") -> bool:
        """Say something about it. With a mark, what was said before in the same words is not said again."""
        said = checked_body(text).strip()
        if not said:
            raise UsageError("The comment is empty", slug="issue-comment", hint="say something, or leave it")

        def decide(issues: Mapping[IssueId, IssueStanding]) -> Sequence[FleetEvent]:
            comments = _own(issues, identity).comments
            is_said = bool(mark) and any((each.by, each.text) == (self._by, said) for each in comments)
            return () if is_said else (IssueCommented(identity, said, self._by),)

        return self._act(decide)

    def close(self, identity: IssueId, why: Closing, reason: str, *, mark: str = "") -> bool:  # noqa: ARG002
        """Whether it was open."""

        def decide(issues: Mapping[IssueId, IssueStanding]) -> Sequence[FleetEvent]:
            is_open = _own(issues, identity).state is IssueState.OPEN
            return (IssueClosed(identity, why, checked_body(reason), self._by),) if is_open else ()

        return self._act(decide)

    def reopen(self, identity: IssueId, reason: str, *, mark: str = "") -> bool:  # noqa: ARG002
        """Whether it was closed."""

        def decide(issues: Mapping[IssueId, IssueStanding]) -> Sequence[FleetEvent]:
            is_closed = _own(issues, identity).state is IssueState.CLOSED
            return (IssueReopened(identity, checked_body(reason), self._by),) if is_closed else ()

        return self._act(decide)

    def _act(self, decide: Callable[[Mapping[IssueId, IssueStanding]], Sequence[FleetEvent]]) -> bool:
        return bool(record_decided(self._ledger, lambda state: decide(state.issues))[1])


def comes_from_elsewhere(identity: IssueId) -> bool:
    """It lives in another tracker, which has the last word on its title and body."""
    return ":" in identity


def _own(issues: Mapping[IssueId, IssueStanding], identity: IssueId) -> IssueStanding:
    found = issues.get(identity)
    if found is None:
        raise NotThereError(
            f"There is no issue {identity!r} in this project",
            slug="unknown-issue",
            hint="watchkeeper issue list --state all",
            facts={"given": identity},
        )
    return found


def _edited(own: Issue, edit: Edit, issues: Mapping[IssueId, IssueStanding]) -> Issue:
    says = edit.title is not None or edit.body is not None
    if says and comes_from_elsewhere(own.id):
        raise UsageError(
            f"{own.id} is written elsewhere: its title and body are changed there",
            slug="issue-elsewhere",
            hint=f"edit it at {own.source}" if own.source else "edit it where it comes from",
            facts={"id": own.id, "source": own.source},
        )
    gone = {find_issue(issues, each) for each in edit.no_longer_on}
    come = [find_issue(issues, each) for each in edit.depends_on]
    labels = [each for each in own.labels if each not in edit.unlabel]
    return msgspec.structs.replace(
        own,
        title=checked_title(edit.title) if edit.title is not None else own.title,
        body=checked_body(edit.body) if edit.body is not None else own.body,
        priority=edit.priority if edit.priority is not None else own.priority,
        labels=checked_labels([*labels, *edit.labels]),
        depends_on=tuple(dict.fromkeys([*(each for each in own.depends_on if each not in gone), *come])),
    )


def _about(event: object) -> IssueId | None:
    match event:
        case IssueFiled() | IssueEdited():
            return event.issue.id
        case IssueCommented() | IssueClosed() | IssueReopened():
            return event.id
        case _:
            return None


def _told(own: IssueStanding) -> Told:
    issue = own.issue
    draft = Draft(
        issue.title,
        issue.body,
        issue.labels,
        issue.priority,
        tuple(issue.depends_on),
        issue.source,
        issue.author,
        issue.parent,
        issue.filed_at,
        own.state,
    )
    said = tuple(Said(each.text, each.by, each.at) for each in own.comments)
    return Told(issue.id, draft, own.state, own.reason, comments=len(said), said=said)
