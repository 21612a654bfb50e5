"""What people were told, and what they said of it: a fold, total and idempotent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from watchkeeper.model.attention import (
    ChannelBack,
    ChannelDied,
    Matter,
    MatterAcknowledged,
    MatterSnoozed,
    MessageAsked,
    MessageFailed,
    MessageIntended,
    MessageSent,
)
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq


class Asked(msgspec.Struct, frozen=True):
    """What somebody wanted the reader to know, and since when."""

    event: MessageAsked
    project: ProjectId
    at: Millis
    seq: Seq


class Told(msgspec.Struct, frozen=True):
    """One message. ``sent_at`` None and ``failed`` None: it was intended, and nobody knows what became of it."""

    intended: MessageIntended
    at: Millis
    sent_at: Millis | None = None
    reference: str = ""
    failed: MessageFailed | None = None
    tries: int = 1


class ChannelStanding(msgspec.Struct, frozen=True):
    """Whether a channel takes messages; ``reason`` why it does not."""

    is_dead: bool = False
    reason: str = ""
    since: Millis = Millis(0)


class AttentionState(msgspec.Struct, frozen=True):
    """Acknowledgements and snoozes by fingerprint, messages by token in order, askings by key, channels by name."""

    acknowledged: Mapping[str, tuple[MatterAcknowledged, Millis]] = {}
    snoozed: Mapping[str, MatterSnoozed] = {}
    messages: Mapping[str, Told] = {}
    asked: Mapping[str, Asked] = {}
    channels: Mapping[str, ChannelStanding] = {}
    seq: Seq = Seq(0)

    def is_hushed(self, matter: Matter, now: Millis) -> bool:
        """A person said that he knows, and it is no worse since; or wants to hear of it later."""
        known = self.acknowledged.get(matter.fingerprint)
        if known is not None and matter.weight <= known[0].weight and matter.since <= known[1]:
            return True
        snooze = self.snoozed.get(matter.fingerprint)
        return snooze is not None and now < snooze.until and matter.weight <= snooze.weight


def fold_attention(events: Iterable[Recorded], state: AttentionState | None = None) -> AttentionState:
    """The state after ``events``, in their order; those up to ``state.seq`` are passed over."""
    start = state or AttentionState()
    acknowledged, snoozed = dict(start.acknowledged), dict(start.snoozed)
    messages, asked, channels, seq = dict(start.messages), dict(start.asked), dict(start.channels), start.seq
    replace = msgspec.structs.replace
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, at, event = recorded.seq, recorded.at, recorded.event
        match event:
            case MatterAcknowledged():
                acknowledged[event.fingerprint] = (event, at)
                snoozed.pop(event.fingerprint, None)
            case MatterSnoozed():
                snoozed[event.fingerprint] = event
            case MessageAsked():
                key = f"{recorded.project}\x1f{event.key}"
                before = asked.get(key)
                if event.is_over:
                    asked.pop(key, None)
                else:
                    asked[key] = replace(before, event=event) if before else Asked(event, recorded.project, at, seq)
            case MessageIntended():
                told = messages.get(event.token)
                messages[event.token] = (
                    Told(event, at)
                    if told is None
                    else replace(told, intended=event, at=at, failed=None, tries=told.tries + 1)
                )
            case MessageSent() if event.token in messages:
                messages[event.token] = replace(
                    messages[event.token], sent_at=at, reference=event.reference, failed=None
                )
            case MessageFailed() if event.token in messages:
                messages[event.token] = replace(messages[event.token], failed=event)
            case ChannelDied():
                channels[event.channel] = ChannelStanding(is_dead=True, reason=event.reason, since=at)
            case ChannelBack():
                channels[event.channel] = ChannelStanding(since=at)
            case _:
                pass
    return AttentionState(acknowledged, snoozed, messages, asked, channels, seq)
