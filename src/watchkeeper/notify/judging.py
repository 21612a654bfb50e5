"""One matter and one channel: whether it is to be told there now, and if not, why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.model.attention import EntryState, Matter, MatterKind, ToldEntry, Urgency, matter_id
from watchkeeper.model.attention_state import AttentionState
from watchkeeper.model.ids import Millis
from watchkeeper.notify.messages import show_entry
from watchkeeper.notify.policy import Hours, Policy
from watchkeeper.notify.threads import History, Spoken, Thread, read_histories

BRIEF_LATE_MS = 6 * 3_600_000
"""A brief that is later than that is not sent any more."""

MOST_REFUSALS = 2
"""So often in an hour a channel may refuse a matter for good before it is told elsewhere."""

NEW, WORSE, BACK, STILL, LATER = "", "got worse", "is back", "still open", "was put off until now"
"""Why a matter is told."""

_PROMPT = frozenset({MatterKind.ASKED, MatterKind.DECISION, MatterKind.ROLLOVER, MatterKind.CHANNEL})
"""What does not heal by itself: nothing is waited for."""


class Hushed(NamedTuple):
    """Why a matter is not told by a channel now; ``until`` None: until something changes."""

    fingerprint: str
    channel: str
    reason: str
    until: Millis | None = None


class Ping(NamedTuple):
    matter: Matter
    urgency: Urgency
    why: str
    thread: Thread | None
    ready_at: Millis


class Judge:
    """What is true now, what was told, and what the reader wants. ``times`` are when a judgement will be another."""

    def __init__(
        self, matters: Sequence[Matter], state: AttentionState, policy: Policy, hours: Hours, now: Millis
    ) -> None:
        self.matters = {each.fingerprint: each for each in matters}
        self.state, self.policy, self.hours, self.now = state, policy, hours, now
        self.histories = read_histories(state, now)
        self.dead = {name for name, each in state.channels.items() if each.is_dead}
        self.times: list[Millis] = []
        self.routes = {each.fingerprint: self._route(each) for each in self.matters.values()}

    def history(self, channel: str) -> History:
        """What a channel was told."""
        return self.histories.get(channel) or History()

    def _route(self, matter: Matter) -> tuple[str, ...]:
        """The channels that it belongs to; where none of them takes messages, the first other one that does."""
        urgency = self.policy.urgency_of(matter)
        if urgency is Urgency.FYI:
            return ()
        usual = [each.name for each in self.policy.channels if each.takes(matter.project, urgency)]
        if urgency.rank >= Urgency.NAG.rank and usual and not any(self._can(name, matter) for name in usual):
            others = (each.name for each in self.policy.channels if each.name not in usual)
            usual += [name for name in others if self._can(name, matter)][:1]
        return tuple(usual)

    def _can(self, name: str, matter: Matter) -> bool:
        return name not in self.dead and self.history(name).refused.get(matter.fingerprint, 0) < MOST_REFUSALS

    def no_route(self, matter: Matter) -> str:
        urgency = self.policy.urgency_of(matter)
        if urgency is Urgency.FYI:
            return "it is for the pages and the brief alone"
        return f"no channel takes what is {urgency.value} of {matter.project or 'the fleet'}"

    def _history(self, name: str) -> History:
        return self.histories.get(name) or History()

    def judge(self, name: str, matter: Matter) -> Ping | Hushed | None:
        """That it is to be told, or why not; None: it was told, and nothing is to be added."""
        history, now = self.history(name), self.now
        parent = self.silencer(matter)
        if parent is not None:
            return Hushed(matter.fingerprint, name, f"{matter_id(parent)} stands for it")
        if self.state.is_hushed(matter, now):
            return self._known(matter, name)
        if history.refused.get(matter.fingerprint, 0) >= MOST_REFUSALS:
            return Hushed(matter.fingerprint, name, f"{name} refused it")
        urgency = self.policy.urgency_of(matter)
        spoken = history.spoken.get(matter.fingerprint)
        if spoken is None:
            ready_at = self._quiet_over(matter, urgency, self.ready_at(matter, urgency))
            if ready_at is None or ready_at > now:
                return Hushed(matter.fingerprint, name, self._waits_for(matter, urgency, ready_at), ready_at)
            return Ping(matter, urgency, NEW, None, ready_at)
        found = self._again(matter, urgency, spoken)
        if isinstance(found, Ping) and (later := self._quiet_over(matter, urgency, now)) != now:
            return Hushed(matter.fingerprint, name, "quiet hours", later)
        return found

    def _again(self, matter: Matter, urgency: Urgency, spoken: Spoken) -> Ping | None:
        """Whether what was told has to be told again: only once, and only where it is worth being disturbed."""
        now, thread = self.now, spoken.thread
        at_hand = None if thread.is_lost else thread
        if urgency.rank < Urgency.NAG.rank:
            return None
        if matter.weight > spoken.weight or urgency.rank > spoken.urgency.rank:
            return Ping(matter, urgency, WORSE, at_hand, now)
        snooze = self.state.snoozed.get(matter.fingerprint)
        if snooze is not None and spoken.at < snooze.until <= now:
            return Ping(matter, urgency, LATER, at_hand, now)
        if self._is_back(matter, spoken):
            if spoken.at + self.policy.again_ms <= now:
                return Ping(matter, urgency, BACK, at_hand, now)
            self.times.append(Millis(spoken.at + self.policy.again_ms))
        if urgency is Urgency.NAG:
            if spoken.at + self.policy.nag_ms <= now:
                return Ping(matter, urgency, STILL, at_hand, now)
            self.times.append(Millis(spoken.at + self.policy.nag_ms))
        return None

    def _is_back(self, matter: Matter, spoken: Spoken) -> bool:
        """It was over since it was last told: as its message says, or as it began anew after he said that he knows."""
        shown = next((each for each in spoken.thread.entries if each.fingerprint == matter.fingerprint), None)
        known = self.state.acknowledged.get(matter.fingerprint)
        if known is not None and spoken.at < known[1] < matter.since:
            return True
        return matter.since > spoken.at or (shown is not None and shown.state is EntryState.OVER)

    def silencer(self, matter: Matter) -> str | None:
        """The matter that stands for it: it is there, and is told of. A circle silences nobody."""
        seen, found = {matter.fingerprint}, matter
        while found.parent and found.parent in self.matters:
            if found.parent in seen:
                return None
            seen.add(found.parent)
            found = self.matters[found.parent]
        if found is matter or not self.routes[found.fingerprint]:
            return None
        return found.fingerprint

    def _known(self, matter: Matter, name: str) -> Hushed:
        known = self.state.acknowledged.get(matter.fingerprint)
        if known is not None and matter.weight <= known[0].weight and matter.since <= known[1]:
            return Hushed(matter.fingerprint, name, f"{known[0].by or 'somebody'} knows of it")
        snooze = self.state.snoozed[matter.fingerprint]
        return Hushed(matter.fingerprint, name, f"{snooze.by or 'somebody'} put it off", snooze.until)

    def ready_at(self, matter: Matter, urgency: Urgency) -> Millis:
        """When it may be told first, whatever the hour."""
        stood = Millis(matter.since + (0 if matter.kind in _PROMPT else self.policy.settle_ms))
        if urgency is Urgency.SCHEDULED and matter.due is not None:
            return Millis(max(stood, matter.due))
        if urgency is Urgency.TODAY and self.policy.today_at_once:
            return stood
        if urgency in (Urgency.TODAY, Urgency.SCHEDULED):
            return self.hours.brief_after(stood) or stood
        return stood

    def _quiet_over(self, matter: Matter, urgency: Urgency, ready_at: Millis) -> Millis | None:
        """When it may be told at the hours that there are: what comes up in quiet hours waits for the brief."""
        if urgency is Urgency.URGENT and matter.kind in self.policy.wakes:
            return ready_at
        if self._is_kept_quiet(ready_at):
            over = self.hours.brief_after(ready_at) or self.hours.quiet_end(ready_at)
            if over is None or over > self.now:
                return over
            ready_at = over
        if self.hours.is_quiet(self.now) and self.hours.brief_before(self.now) != self.now:
            due = self.hours.brief_before(self.now)
            if due is not None and due >= ready_at and self.now - due < BRIEF_LATE_MS:
                return ready_at  # the brief that tells it is due, also in quiet hours
            return self.hours.brief_after(self.now) or self.hours.quiet_end(self.now)
        return ready_at

    def _is_kept_quiet(self, at: Millis) -> bool:
        return self.hours.is_quiet(at) and self.hours.brief_before(at) != at

    def _waits_for(self, matter: Matter, urgency: Urgency, until: Millis | None) -> str:
        if matter.kind not in _PROMPT and self.now < matter.since + self.policy.settle_ms:
            return "it may be over in a moment"
        if urgency is Urgency.SCHEDULED and matter.due is not None and self.now < matter.due:
            return "it is not due yet"
        if self.hours.is_quiet(self.now):
            return "quiet hours"
        return "the brief" if until is not None else "quiet hours without an end"

    def holds_back(self, matter: Matter) -> bool:
        urgency = self.policy.urgency_of(matter)
        later = self._quiet_over(matter, urgency, self.now)
        if later is not None and later > self.now:
            self.times.append(later)
        return later is None or later > self.now

    def current(self, shown: ToldEntry) -> ToldEntry:
        """How a matter that a message shows is by now."""
        matter = self.matters.get(shown.fingerprint)
        if matter is None:
            return msgspec.structs.replace(shown, state=EntryState.OVER, why="")
        state = EntryState.OPEN
        if self.state.is_hushed(matter, self.now):
            known = self.state.acknowledged.get(matter.fingerprint)
            state = EntryState.ACKNOWLEDGED if known is not None else EntryState.SNOOZED
        return show_entry(matter, self.policy.urgency_of(matter), state)
