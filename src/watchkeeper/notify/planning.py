"""Who is told what, when and by which channel: from what is true now and what was told already. Pure.

Nothing is queued. Each time all is decided anew, so that what healed is not told, and what was not told for whatever
reason is told as soon as the reason is gone. For each matter and channel there is a message, or the reason for none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.model.attention import Delivery, Matter, MatterKind, ToldEntry, Urgency, matter_fingerprint
from watchkeeper.model.attention_state import AttentionState
from watchkeeper.model.ids import Millis
from watchkeeper.notify.judging import BRIEF_LATE_MS, MOST_REFUSALS, NEW, Hushed, Judge, Ping
from watchkeeper.notify.messages import Message, make_token, show_entry
from watchkeeper.notify.policy import ChannelRule, Hours, Policy
from watchkeeper.notify.threads import History

MOST_ENTRIES = 12
"""Of one message."""


class Plan(NamedTuple):
    """What to send now, in order; why everything else is not; and when to look again by the clock alone."""

    messages: tuple[Message, ...] = ()
    hushed: tuple[Hushed, ...] = ()
    next_at: Millis | None = None


def plan(matters: Sequence[Matter], state: AttentionState, policy: Policy, hours: Hours, now: Millis) -> Plan:
    """Decide for every channel. Where one is busy (a message of it is under way) nothing is planned for it."""
    judge = Judge(matters, state, policy, hours, now)
    planner = _Planner(judge)
    messages = tuple(message for channel in policy.channels for message in planner.decide_channel(channel))
    times = [*judge.times, *(each.until for each in planner.hushed if each.until is not None)]
    following = hours.brief_after(now)
    times += [following] if following is not None else []
    return Plan(messages, tuple(planner.hushed), min((each for each in times if each > now), default=None))


class _Planner:
    def __init__(self, judge: Judge) -> None:
        self._judge, self._policy, self._now = judge, judge.policy, judge.now
        self.hushed: list[Hushed] = [
            Hushed(each.fingerprint, "", judge.no_route(each))
            for each in judge.matters.values()
            if not judge.routes[each.fingerprint]
        ]

    def decide_channel(self, channel: ChannelRule) -> Iterator[Message]:
        history = self._judge.history(channel.name)
        own = [each for each in self._judge.matters.values() if channel.name in self._judge.routes[each.fingerprint]]
        closed = self._closed(channel, history)
        if closed is not None:
            self.hushed += [Hushed(each.fingerprint, channel.name, *closed) for each in own]
            return
        retried = {entry.fingerprint for told in history.unsure for entry in told.intended.entries}
        pings: list[Ping] = []
        for matter in own:
            if matter.fingerprint in retried:
                continue
            found = self._judge.judge(channel.name, matter)
            if isinstance(found, Hushed):
                self.hushed.append(found)
            elif found is not None:
                pings.append(found)
        messages = [*self._retries(channel, history, own)]
        messages += self._brief(channel, history, pings)
        told = {entry.fingerprint for message in messages for entry in message.entries}
        due = [each for each in pings if each.matter.fingerprint not in told]
        more, rest = self._within_budget(channel, history, due)
        messages += more
        yield from messages
        # What is told waits in no edit: an edit of the same message would be planned before the answer is recorded.
        edited = {message.reference for message in messages if message.reference}
        if channel.can_edit:
            yield from self._edits(channel, history, edited)
        self.hushed += rest

    def _closed(self, channel: ChannelRule, history: History) -> tuple[str, Millis | None] | None:
        """Why nothing at all can be sent there now."""
        if channel.name in self._judge.dead:
            return f"{channel.name} is dead: {self._judge.state.channels[channel.name].reason}", None
        if history.under_way:
            return "a message is under way", None
        if history.rests_until > self._now:
            return f"{channel.name} rests after a failure", history.rests_until
        return None

    def _retries(self, channel: ChannelRule, history: History, own: Sequence[Matter]) -> Iterator[Message]:
        """What may have come through or not: the same delivery again, of what is still true."""
        mine = {each.fingerprint for each in own}
        for told in history.unsure:
            intended = told.intended
            entries = tuple(
                show_entry(matter, self._policy.urgency_of(matter), why=entry.why)
                for entry in intended.entries
                if (matter := self._judge.matters.get(entry.fingerprint)) is not None
                and entry.fingerprint in mine
                and self._judge.silencer(matter) is None
                and not self._judge.state.is_hushed(matter, self._now)
                and not self._judge.holds_back(matter)
            )
            brief = next((each for each in intended.entries if each.kind is MatterKind.BRIEF), None)
            entries = (brief, *entries) if brief is not None else entries
            if entries:
                yield self._message(
                    channel, intended.what, entries, reference=intended.reference, token=intended.token,
                    may_repeat=not channel.can_tell, is_more=intended.is_more,
                    brief_at=Millis(int(brief.about)) if brief is not None else None,
                )  # fmt: skip
        held = {entry.fingerprint for told in history.unsure for entry in told.intended.entries} & mine
        for fingerprint in held:
            matter = self._judge.matters[fingerprint]
            if (
                self._judge.silencer(matter)
                or self._judge.state.is_hushed(matter, self._now)
                or self._judge.holds_back(matter)
            ):
                self.hushed.append(Hushed(fingerprint, channel.name, "it was perhaps told, and is hushed by now"))

    def _brief(self, channel: ChannelRule, history: History, pings: Sequence[Ping]) -> list[Message]:
        """The brief of this day, with whatever waited for it."""
        due = self._judge.hours.brief_before(self._now)
        if due is None or not channel.takes_brief or str(due) in history.briefs or self._now - due > BRIEF_LATE_MS:
            return []
        name = matter_fingerprint(MatterKind.BRIEF, "", str(due))
        unsure = any(entry.fingerprint == name for told in history.unsure for entry in told.intended.entries)
        if unsure or history.refused.get(name, 0) >= MOST_REFUSALS:
            return []
        head = ToldEntry(name, MatterKind.BRIEF, Urgency.TODAY, "brief", since=due, about=str(due))
        waited = sorted((each for each in pings if each.why == NEW), key=_order)
        entries = (head, *(show_entry(each.matter, each.urgency) for each in waited))
        return [self._message(channel, Delivery.POST, entries, brief_at=due)]

    def _within_budget(
        self, channel: ChannelRule, history: History, pings: Sequence[Ping]
    ) -> tuple[list[Message], list[Hushed]]:
        """Replies and new messages as far as there is room in the hour; the rest is told as one."""
        if not pings:
            return [], []
        ready, waiting = self._batches(channel, history, pings)
        budget = self._policy.budget
        left = budget - history.used(self._now)
        asked_left = max(1, budget // 2) - history.used(self._now, asked_only=True)
        messages: list[Message] = []
        over: list[Ping] = []
        for batch in ready:
            is_asked = all(each.matter.kind is MatterKind.ASKED for each in batch)
            if is_asked and asked_left <= 0:
                until = history.room_at(self._now, asked_only=True)
                waiting += [
                    Hushed(each.matter.fingerprint, channel.name, "what was asked had its part of the hour", until)
                    for each in batch
                ]
                continue
            if left <= 1:
                over += batch
                continue
            left, asked_left = left - 1, asked_left - is_asked
            messages.append(self._batch_message(channel, batch))
        if over:
            found, hushed = self._more(channel, history, over, left)
            messages += found
            waiting += hushed
        return messages, waiting

    def _batches(
        self, channel: ChannelRule, history: History, pings: Sequence[Ping]
    ) -> tuple[list[list[Ping]], list[Hushed]]:
        """What goes in one message each: a reply for each thread, a post for each project; the worst first."""
        groups: dict[tuple[str, str], list[Ping]] = {}
        for each in sorted(pings, key=_order):
            key = ("reply", each.thread.token) if each.thread is not None else ("post", each.matter.project)
            groups.setdefault(key, []).append(each)
        ready: list[list[Ping]] = []
        waiting: list[Hushed] = []
        for (kind, about), batch in groups.items():
            opens_at = self._opens_at(history, about, batch) if kind == "post" else self._now
            if opens_at > self._now:
                reason = "it waits for others of its project"
                waiting += [Hushed(each.matter.fingerprint, channel.name, reason, opens_at) for each in batch]
                continue
            ready += [batch[at : at + MOST_ENTRIES] for at in range(0, len(batch), MOST_ENTRIES)]
        return ready, waiting

    def _opens_at(self, history: History, project: str, batch: Sequence[Ping]) -> Millis:
        """When a project's next message may go: not too soon after its last, and with those that come in a moment."""
        policy, last = self._policy, history.last_post(project)
        spacing = policy.wait_ms if any(each.urgency is Urgency.URGENT for each in batch) else policy.interval_ms
        first = min(each.ready_at for each in batch)
        coming = [
            at
            for each in self._judge.matters.values()
            if each.project == project
            and each.fingerprint not in history.spoken
            and self._now < (at := self._judge.ready_at(each, self._policy.urgency_of(each))) <= first + policy.wait_ms
        ]
        return Millis(max([last + spacing if last else self._now, *coming]))

    def _more(
        self, channel: ChannelRule, history: History, over: Sequence[Ping], left: int
    ) -> tuple[list[Message], list[Hushed]]:
        """One message for all that the hour has no room for; it grows in place where the channel can."""
        entries = tuple(show_entry(each.matter, each.urgency, why=each.why) for each in over)
        if left == 1:
            return [self._message(channel, Delivery.POST, entries, is_more=True)], []
        thread = history.find_more(self._now)
        if thread is not None and channel.can_edit:
            fresh = {each.fingerprint for each in entries}
            shown = tuple(self._judge.current(each) for each in thread.entries if each.fingerprint not in fresh)
            edit = self._message(channel, Delivery.EDIT, (*shown, *entries), reference=thread.reference, is_more=True)
            return [edit], []
        until = history.room_at(self._now)
        reason = f"{channel.name} had its messages of this hour"
        return [], [Hushed(each.matter.fingerprint, channel.name, reason, until) for each in over]

    def _edits(self, channel: ChannelRule, history: History, busy: set[str]) -> Iterator[Message]:
        """Messages that do not say how it is by now."""
        for thread in history.threads:
            if thread.is_lost or thread.is_brief or thread.reference in busy:
                continue
            current = tuple(self._judge.current(each) for each in thread.entries)
            if current == tuple(msgspec.structs.replace(each, why="") for each in thread.entries):
                continue
            may_at = Millis(thread.shown_at + self._policy.wait_ms)
            if may_at > self._now:
                self._judge.times.append(may_at)
                continue
            yield self._message(channel, Delivery.EDIT, current, reference=thread.reference, is_more=thread.is_more)

    def _batch_message(self, channel: ChannelRule, batch: Sequence[Ping]) -> Message:
        entries = tuple(show_entry(each.matter, each.urgency, why=each.why) for each in batch)
        thread = batch[0].thread
        if thread is not None:
            return self._message(channel, Delivery.REPLY, entries, reference=thread.reference)
        return self._message(channel, Delivery.POST, entries)

    def _message(
        self,
        channel: ChannelRule,
        what: Delivery,
        entries: tuple[ToldEntry, ...],
        *,
        reference: str = "",
        token: str = "",
        may_repeat: bool = False,
        is_more: bool = False,
        brief_at: Millis | None = None,
    ) -> Message:
        judge = self._judge
        refused = judge.history(channel.name).refused
        return Message(
            token or make_token(channel.name, what, entries, len(judge.state.messages)),
            channel.name,
            what,
            entries,
            {
                each.fingerprint: judge.matters[each.fingerprint]
                for each in entries
                if each.fingerprint in judge.matters
            },
            reference,
            may_repeat,
            is_more,
            is_plain=any(refused.get(each.fingerprint) for each in entries),
            brief_at=brief_at,
        )


def _order(ping: Ping) -> tuple[int, int, Millis, str]:
    return -ping.urgency.rank, -ping.matter.weight, ping.matter.since, ping.matter.fingerprint
