"""What a source says of an issue, and what was done to it here, in one: a merge with what the source said before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from watchkeeper.forge.port import Draft
from watchkeeper.model.fleet import Issue, IssueId

_Text = TypeVar("_Text", bound=str)
_Value = TypeVar("_Value", str, int)


def merged(issue: Issue, before: Draft | None, now: Draft) -> Issue:
    """``issue`` with what the source says ``now`` and did not say ``before`` (None: nobody knows what it said).

    What the source did not change stays as it is here, so that a label or a priority of ours outlives the next look.
    Dependencies are ids in both drafts. Doing it twice changes nothing more.
    """
    was = before or Draft("")
    on = tuple(IssueId(each) for each in now.depends_on) if now.depends_on is not None else None
    return msgspec.structs.replace(
        issue,
        title=_chosen(issue.title, was.title, now.title),
        body=_chosen(issue.body, was.body, now.body),
        priority=_chosen(issue.priority, was.priority, now.priority),
        labels=_joined(issue.labels, was.labels, now.labels),
        depends_on=_joined(issue.depends_on, was.depends_on, on),
        source=now.source or issue.source,
        author=issue.author or now.author,
    )


def _chosen(own: _Value, before: _Value | None, now: _Value | None) -> _Value:
    return own if now is None or now == before else now


def _joined(own: tuple[_Text, ...], before: Sequence[str] | None, now: Sequence[_Text] | None) -> tuple[_Text, ...]:
    if now is None:
        return own
    gone = set(before or ()) - set(now)
    come = [each for each in now if before is None or each not in before]
    return tuple(dict.fromkeys([*(each for each in own if each not in gone), *come]))
