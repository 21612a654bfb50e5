"""What the queue's events say of changes that the sessions at work on them have to know. Pure, and total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from watchkeeper.model.agents import SessionId
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import (
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    LandingDone,
    LandingEvent,
    LandingIntended,
    LandingVoid,
    LanesResumed,
    RevertFailed,
    RevertPrepared,
    SetConfirmed,
    TargetMoved,
)

T = TypeVar("T")

_US = "watchkeeper"
_MOST_INTENTS = 256
"""Of so many entries, the newest, it is remembered what they are for."""


class Intent(msgspec.Struct, frozen=True):
    """What an entry is for, in the words of who made it, and the session that queued it, where that is known."""

    title: str = ""
    issue: str = ""
    session: SessionId = SessionId("")


class Culprit(msgspec.Struct, frozen=True):
    """An entry of the target branch that breaks it, alone or with ``partners``: ``tests`` fail because of it.

    ``revert`` takes it out again, ``no_revert`` says why git cannot do that by itself; both empty: not tried yet.
    """

    entry: EntryId
    partners: tuple[EntryId, ...]
    tests: tuple[str, ...]
    revert: Sha = Sha("")
    no_revert: str = ""


class LandingNews(msgspec.Struct, frozen=True):
    """By change: what came ``returned``, what was ``held`` by what only its run showed, and landed ``culprits``.

    ``intents`` are those of the newest entries, ``intended`` is a landing that is about to be made.
    """

    returned: Mapping[ChangeId, EntryBounced] = {}
    held: Mapping[ChangeId, EntryHeld] = {}
    culprits: Mapping[ChangeId, Culprit] = {}
    intents: Mapping[EntryId, Intent] = {}
    intended: LandingIntended | None = None


def hear_landing(news: LandingNews, event: LandingEvent) -> LandingNews:
    """The news after one more event; the same value where it is none."""
    match event:
        case EntryQueued():
            return _queued(news, event.entry)
        case EntryBounced():
            change = change_of(event.id)
            returned = {**news.returned, change: event}
            return msgspec.structs.replace(news, returned=returned, held=_without(news.held, change))
        case EntryHeld() if event.by == _US and event.risk > 0:
            return msgspec.structs.replace(news, held={**news.held, change_of(event.id): event})
        case EntryReleased() | EntryWithdrawn():
            return msgspec.structs.replace(news, held=_without(news.held, change_of(event.id)))
        case SetConfirmed() | RevertPrepared() | RevertFailed():
            return msgspec.structs.replace(news, culprits=_culprits(news.culprits, event))
        case LandingIntended() | LandingVoid():
            return msgspec.structs.replace(news, intended=event if isinstance(event, LandingIntended) else None)
        case LandingDone():
            return _landed(news, event.new)
        case LanesResumed():
            kept = {key: each for key, each in news.culprits.items() if not set(event.tests).issuperset(each.tests)}
            return msgspec.structs.replace(news, culprits=kept)
        case TargetMoved():
            return _remember(news, event.adopted)
        case _:
            return news


def change_of(entry: EntryId) -> ChangeId:
    """``fix-login`` of ``fix-login/2``."""
    return ChangeId(entry.rpartition("/")[0])


def _queued(news: LandingNews, entry: Entry) -> LandingNews:
    """A newer revision answers whatever was said of the one before."""
    return msgspec.structs.replace(
        _remember(news, (entry,)),
        returned=_without(news.returned, entry.change),
        held=_without(news.held, entry.change),
        culprits=_without(news.culprits, entry.change),
    )


def _remember(news: LandingNews, entries: tuple[Entry, ...]) -> LandingNews:
    if not entries:
        return news
    known = {**news.intents, **{each.id: Intent(each.title, each.issue, SessionId(each.session)) for each in entries}}
    kept = dict(list(known.items())[-_MOST_INTENTS:])
    return msgspec.structs.replace(news, intents=kept)


def _culprits(
    known: Mapping[ChangeId, Culprit], event: SetConfirmed | RevertPrepared | RevertFailed
) -> Mapping[ChangeId, Culprit]:
    if isinstance(event, SetConfirmed):
        *partners, last = event.set.entries
        if last not in event.set.landed:
            return known
        return {**known, change_of(last): Culprit(last, tuple(partners), event.set.tests)}
    change = change_of(event.entry)
    found = known.get(change)
    if found is None or found.entry != event.entry:
        return known
    if isinstance(event, RevertPrepared):
        return {**known, change: msgspec.structs.replace(found, revert=event.commit)}
    return {**known, change: msgspec.structs.replace(found, no_revert=event.reason)}


def _landed(news: LandingNews, new: Sha) -> LandingNews:
    """What passed everything, but for what it says fails because of others, repaired all else."""
    intended = news.intended
    if intended is None or intended.new != new:
        return news
    kept = news.culprits
    if not intended.is_lane:
        kept = {key: each for key, each in kept.items() if set(intended.red) & set(each.tests)}
    return msgspec.structs.replace(news, culprits=kept, intended=None)


def _without(found: Mapping[ChangeId, T], change: ChangeId) -> Mapping[ChangeId, T]:
    return {key: each for key, each in found.items() if key != change} if change in found else found
