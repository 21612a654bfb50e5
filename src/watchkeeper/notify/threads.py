"""What each channel was told: its messages as they stand there, read off what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.model.attention import Delivery, EntryState, MatterKind, ToldEntry, Urgency
from watchkeeper.model.attention_state import AttentionState, Told
from watchkeeper.model.ids import Millis

MEMORY_MS = 14 * 24 * 3_600_000
"""What was told before that is told again, where it is still true."""

_HOUR_MS = 3_600_000


@dataclass
class Thread:
    """A message that is there, with what it shows. ``is_lost``: it was taken away, and cannot be changed any more."""

    token: str
    reference: str
    at: Millis
    entries: tuple[ToldEntry, ...]
    shown_at: Millis
    is_more: bool = False
    is_brief: bool = False
    is_lost: bool = False


@dataclass
class Spoken:
    """That a matter was told: how bad it was at most then, when last, and in which message."""

    thread: Thread
    weight: int
    urgency: Urgency
    at: Millis


@dataclass
class History:
    """One channel's messages of the last fortnight.

    ``under_way``: intended, and nobody knows more. ``unsure``: an answer was lost, a new try is due. ``refused`` counts
    final refusals of the last hour by matter.
    """

    threads: list[Thread] = field(default_factory=list)
    spoken: dict[str, Spoken] = field(default_factory=dict)
    under_way: list[Told] = field(default_factory=list)
    unsure: list[Told] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    pings: list[tuple[Millis, bool]] = field(default_factory=list)  # when, and whether it was only what somebody asked
    briefs: set[str] = field(default_factory=set)
    rests_until: Millis = Millis(0)
    failures: int = 0  # in a row
    failing_since: Millis = Millis(0)

    def last_post(self, project: str) -> Millis:
        """When the newest message of a project was sent; 0: never."""
        times = (
            each.at
            for each in reversed(self.threads)
            if not each.is_brief and any(entry.project == project for entry in each.entries)
        )
        return next(times, Millis(0))

    def find_more(self, now: Millis) -> Thread | None:
        """The message of this hour that stands for what the budget had no room for."""
        return next(
            (each for each in reversed(self.threads) if each.is_more and now - each.at < _HOUR_MS and not each.is_lost),
            None,
        )

    def used(self, now: Millis, *, asked_only: bool = False) -> int:
        """How many messages were sent in the last hour."""
        return sum(now - at < _HOUR_MS and (is_asked or not asked_only) for at, is_asked in self.pings)

    def room_at(self, now: Millis, *, asked_only: bool = False) -> Millis:
        """When the oldest message of the last hour is an hour old."""
        times = [at for at, is_asked in self.pings if now - at < _HOUR_MS and (is_asked or not asked_only)]
        return Millis(min(times, default=now) + _HOUR_MS)


def read_histories(state: AttentionState, now: Millis) -> Mapping[str, History]:
    """The history of each channel that was ever told anything lately. Looks at a fortnight of messages."""
    recent: list[Told] = []
    for told in reversed(list(state.messages.values())):
        if now - told.at > MEMORY_MS:
            break
        recent.append(told)
    histories: dict[str, History] = {}
    for told in reversed(recent):
        _take(histories.setdefault(told.intended.channel, History()), told, now)
    return histories


def _take(history: History, told: Told, now: Millis) -> None:
    intended, failed = told.intended, told.failed
    if failed is not None:
        _take_failed(history, told, now)
        return
    if told.sent_at is None:
        history.under_way.append(told)
        _count(history, told)
        return
    history.failures, history.failing_since, history.rests_until = 0, Millis(0), Millis(0)
    root = _root(history, intended.reference)
    if intended.what is Delivery.EDIT:
        if root is not None:
            _say(history, root, intended.entries, root.at, old={each.fingerprint for each in root.entries})
            root.entries, root.shown_at = intended.entries, told.at
        return
    _count(history, told)
    if intended.what is Delivery.REPLY and root is not None:
        _say(history, root, intended.entries, told.at)
        return
    is_brief = any(entry.kind is MatterKind.BRIEF for entry in intended.entries)
    thread = Thread(
        intended.token, told.reference, told.at, intended.entries, told.at, intended.is_more, is_brief,
        is_lost=not told.reference,
    )  # fmt: skip
    history.threads.append(thread)
    _say(history, thread, intended.entries, told.at)
    if is_brief:
        history.briefs |= {entry.about for entry in intended.entries if entry.kind is MatterKind.BRIEF}


def _take_failed(history: History, told: Told, now: Millis) -> None:
    intended, failed = told.intended, told.failed
    assert failed is not None
    if failed.again_at is not None:
        history.failures += 1
        history.failing_since = history.failing_since or told.at
        history.rests_until = Millis(max(history.rests_until, failed.again_at))
        if failed.is_unknown and intended.what is not Delivery.EDIT:
            history.unsure.append(told)
            _count(history, told)
        return
    root = _root(history, intended.reference) if intended.reference else None
    if root is not None:
        root.is_lost = True
        return
    if now - told.at < _HOUR_MS:
        for entry in intended.entries:
            history.refused[entry.fingerprint] = history.refused.get(entry.fingerprint, 0) + 1


def _count(history: History, told: Told) -> None:
    entries = told.intended.entries
    if told.intended.what is not Delivery.EDIT and not any(each.kind is MatterKind.BRIEF for each in entries):
        history.pings.append((told.at, all(each.kind is MatterKind.ASKED for each in entries)))


def _say(
    history: History, thread: Thread, entries: tuple[ToldEntry, ...], at: Millis, old: set[str] | None = None
) -> None:
    """What a message says is told. An edit tells only of what is new in it: ``old`` was there before."""
    for entry in entries:
        if entry.state is EntryState.OVER or (old is not None and entry.fingerprint in old and not entry.why):
            continue
        known = history.spoken.get(entry.fingerprint)
        weight = max(entry.weight, known.weight) if known is not None else entry.weight
        urgency = max(entry.urgency, known.urgency, key=lambda each: each.rank) if known is not None else entry.urgency
        history.spoken[entry.fingerprint] = Spoken(thread, weight, urgency, at)


def _root(history: History, reference: str) -> Thread | None:
    if not reference:
        return None
    return next((each for each in reversed(history.threads) if each.reference == reference), None)
