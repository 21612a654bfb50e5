"""What would be told now, what is held back and why, and what was worth telling: for people who ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.desk.channels import read_hours, read_policy
from watchkeeper.desk.teller import with_dead_channels
from watchkeeper.desk.worth import KindWorth, Worth
from watchkeeper.model.attention import Matter, MatterKind
from watchkeeper.model.attention_state import AttentionState, ChannelStanding
from watchkeeper.model.ids import Millis
from watchkeeper.notify.planning import Plan, plan
from watchkeeper.notify.policy import ChannelRule, Policy
from watchkeeper.notify.threads import History, read_histories
from watchkeeper.record.log import Log
from watchkeeper.review.needs import find_matters


class ChannelOutlook(NamedTuple):
    """One channel; ``dead`` says why nothing gets through, since ``since``. ``used`` of ``budget`` messages an hour."""

    name: str
    kind: str
    dead: str
    since: Millis
    told_at: Millis
    used: int
    budget: int


class Said(NamedTuple):
    """What a channel does about a matter; ``channel`` ``""``: none has it."""

    channel: str
    reason: str
    until: Millis | None = None


class MatterOutlook(NamedTuple):
    """A matter and what each channel does about it."""

    matter: Matter
    said: tuple[Said, ...]


class Outlook(NamedTuple):
    """All of it at ``at``."""

    at: Millis
    channels: tuple[ChannelOutlook, ...]
    matters: tuple[MatterOutlook, ...]
    worth: Mapping[MatterKind, KindWorth]


def look_ahead(log: Log, scope: Scope, environ: Mapping[str, str], clock: Callable[[], Millis]) -> Outlook:
    """Read the record and plan; sends and records nothing. Raises WatchkeeperError."""
    picture = Reader(log, scope, clock).look()
    worth = Worth()
    worth.read(log, picture.at)
    policy = msgspec.structs.replace(read_policy(scope.config), demoted=worth.demoted(picture.at))
    matters = with_dead_channels(find_matters(picture, scope), picture.attention, policy)
    decided = plan(matters, picture.attention, policy, read_hours(scope.config, scope.zone, environ), picture.at)
    histories = read_histories(picture.attention, picture.at)
    return Outlook(
        picture.at,
        tuple(
            _channel(each, policy, picture.attention, histories.get(each.name, History()), picture.at)
            for each in policy.channels
        ),
        tuple(MatterOutlook(each, _said(each, decided, histories)) for each in matters),
        worth.by_kind(picture.at),
    )


def _channel(rule: ChannelRule, policy: Policy, state: AttentionState, history: History, at: Millis) -> ChannelOutlook:
    standing = state.channels.get(rule.name, ChannelStanding())
    return ChannelOutlook(
        rule.name,
        rule.kind.value,
        standing.reason if standing.is_dead else "",
        standing.since if standing.is_dead else Millis(0),
        history.threads[-1].at if history.threads else Millis(0),
        history.used(at),
        policy.budget,
    )


def _said(matter: Matter, decided: Plan, histories: Mapping[str, History]) -> tuple[Said, ...]:
    """In this order: it is told now, it is held back, it was told."""
    found = {
        message.channel: Said(message.channel, "told in a moment")
        for message in decided.messages
        if any(each.fingerprint == matter.fingerprint for each in message.entries)
    }
    for each in decided.hushed:
        if each.fingerprint == matter.fingerprint:
            found.setdefault(each.channel, Said(each.channel, each.reason, each.until))
    for name, history in histories.items():
        if matter.fingerprint in history.spoken:
            found.setdefault(name, Said(name, "told"))
    return tuple(found.values())
