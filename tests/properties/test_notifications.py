"""Whatever happens, in whatever order: no matter is lost, none is told twice, nobody is disturbed against his word."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from telling import HOUR, MINUTE, NOON, Fixed, World, matter, policy
from watchkeeper.model.attention import (
    ChannelBack,
    ChannelDied,
    Delivery,
    EntryState,
    Matter,
    MatterAcknowledged,
    MatterKind,
    MatterSnoozed,
    MessageFailed,
    MessageSent,
    Urgency,
)
from watchkeeper.model.ids import Millis
from watchkeeper.notify.judging import Judge
from watchkeeper.notify.messages import Message
from watchkeeper.notify.policy import ChannelKind, ChannelRule
from watchkeeper.notify.threads import read_histories

U, K = Urgency, MatterKind
CHANNELS = (
    ChannelRule("hook"),
    ChannelRule("bot", ChannelKind.BOT, projects=("p0", "fleet")),
    ChannelRule("phone", ChannelKind.APPRISE, urgencies=(U.URGENT, U.NAG)),
)
NAMES = st.sampled_from([each.name for each in CHANNELS])
ABOUTS = st.integers(0, 7)
SHORT, LONG = st.integers(1_000, 10 * MINUTE), st.integers(HOUR, 12 * HOUR)


class Telling(RuleBasedStateMachine):
    """``rooms`` has what is really in each channel: deliveries by token, so that a repeat is seen."""

    @initialize(budget=st.integers(2, 8), at_once=st.booleans(), brief=st.sampled_from([8, 3, None]))
    def begin(self, budget: int, *, at_once: bool, brief: int | None) -> None:
        rules = policy(*CHANNELS, budget=budget, today_at_once=at_once, wakes=(K.QUEUE,))
        self.world = World(rules, Fixed(22, 7, brief))
        self.rooms: dict[str, list[Message]] = {each.name: [] for each in CHANNELS}
        self.times: dict[str, list[int]] = {each.name: [] for each in CHANNELS}
        self.under_way: dict[str, tuple[Message, bool]] = {}

    # -- what is true ------------------------------------------------------------------------------------------------

    @rule(
        about=ABOUTS, urgency=st.sampled_from(list(U)), kind=st.sampled_from([K.INCIDENT, K.QUEUE, K.ASKED]),
        weight=st.integers(0, 3), age=st.integers(0, 3 * MINUTE), parent=st.none() | ABOUTS, due=st.integers(0, HOUR),
    )  # fmt: skip
    def something_comes_up(  # noqa: PLR0917 hypothesis names them
        self, about: int, urgency: Urgency, kind: MatterKind, weight: int, age: int, parent: int | None, due: int
    ) -> None:
        now = self.world.now
        one = matter(
            str(about), urgency, now - age, project=f"p{about % 3}" if about % 4 else "", weight=weight, kind=kind,
            due=Millis(now + due) if urgency is U.SCHEDULED else None,
        )  # fmt: skip
        others = [each for each in self.world.matters if each.about != one.about]
        found = next((each for each in others if parent is not None and each.about == str(parent)), None)
        if found is not None:
            one = msgspec.structs.replace(one, parent=found.fingerprint)
        self.world.matters = [*others, one]

    @rule(about=ABOUTS)
    def something_is_over(self, about: int) -> None:
        self.world.matters = [each for each in self.world.matters if each.about != str(about)]

    @rule(about=ABOUTS, weight=st.integers(0, 5))
    def something_changes(self, about: int, weight: int) -> None:
        self.world.matters = [
            msgspec.structs.replace(each, weight=weight) if each.about == str(about) else each
            for each in self.world.matters
        ]

    @rule(about=ABOUTS, hours=st.none() | st.integers(1, 30))
    def somebody_says_that_he_knows(self, about: int, hours: int | None) -> None:
        for each in self.world.matters:
            if each.about == str(about):
                until = Millis(self.world.now + (hours or 0) * HOUR)
                snoozed = MatterSnoozed(each.fingerprint, until, each.weight, "ada")
                known = MatterAcknowledged(each.fingerprint, each.weight, "ada")
                self.world.record(known if hours is None else snoozed)

    @rule(name=NAMES, dies=st.booleans())
    def a_channel_dies_or_is_back(self, name: str, *, dies: bool) -> None:
        self.world.record(ChannelDied(name, "404") if dies else ChannelBack(name))

    @rule(millis=SHORT | LONG)
    def time_passes(self, millis: int) -> None:
        self.world.now = Millis(self.world.now + millis)

    # -- telling -----------------------------------------------------------------------------------------------------

    @rule(outcome=st.sampled_from(["sent", "limited", "lost", "hidden", "refused", "killed", "killed later"]))
    def one_message_is_sent(self, outcome: str) -> None:
        messages = self.world.plan().messages
        if messages:
            self.send(messages[0], outcome)

    @rule()
    def all_is_told(self) -> None:
        for _ in range(60):
            messages = self.world.plan().messages
            if not messages:
                return
            self.send(messages[0], "sent")
        raise AssertionError("it never ends")

    @precondition(lambda self: self.under_way)
    @rule()
    def the_next_process_begins(self) -> None:
        for message, came_through in self.under_way.values():
            self.settle(message, came_through=came_through)
        self.under_way = {}

    def send(self, message: Message, outcome: str) -> None:
        self.check(message)
        before = self.world.state
        self.world.intend(message)
        unsure = before.messages.get(message.token)
        if unsure is not None and message.channel == "bot" and self.is_there(message):
            self.world.record(MessageSent(message.token, message.token))  # found when it was looked for
            return
        if outcome in ("sent", "hidden", "killed later"):
            self.arrive(message)
        match outcome:
            case "sent":
                self.world.record(MessageSent(message.token, self.reference(message)))
            case "limited":
                self.world.record(MessageFailed(message.token, "429", Millis(self.world.now + 2_000)))
            case "refused":
                self.world.record(MessageFailed(message.token, "400"))
            case "lost" | "hidden":
                self.settle(message, came_through=outcome == "hidden")
            case _:
                self.under_way[message.channel] = (message, outcome == "killed later")

    def settle(self, message: Message, *, came_through: bool) -> None:
        is_edit = message.what is Delivery.EDIT
        if message.channel == "bot" and came_through and not is_edit:
            self.world.record(MessageSent(message.token, self.reference(message)))
            return
        failed = MessageFailed(message.token, "its answer was lost", self.world.now, is_unknown=not is_edit)
        self.world.record(failed)

    def reference(self, message: Message) -> str:
        return "" if message.channel == "phone" else (message.reference or message.token)

    def arrive(self, message: Message) -> None:
        self.rooms[message.channel].append(message)
        if message.what is not Delivery.EDIT and message.brief_at is None:
            self.times[message.channel].append(self.world.now)

    def is_there(self, message: Message) -> bool:
        return any(each.token == message.token for each in self.rooms[message.channel])

    # -- what has to hold --------------------------------------------------------------------------------------------

    def check(self, message: Message) -> None:
        """What is about to be sent disturbs nobody against his word, is true now, and was not said before."""
        if message.what is Delivery.EDIT and not message.is_more:
            return
        world, now = self.world, self.world.now
        live = {each.fingerprint: each for each in world.matters}
        old = read_histories(world.state, now).get(message.channel)
        shown = {each.fingerprint for thread in (old.threads if old else ()) for each in thread.entries}
        for entry in message.entries:
            if entry.kind is K.BRIEF or (
                message.what is Delivery.EDIT and entry.fingerprint in shown and not entry.why
            ):
                continue
            assert entry.fingerprint in live, "it is over"
            one = live[entry.fingerprint]
            assert not world.state.is_hushed(one, now), "he knows of it"
            assert one.urgency is not U.FYI
            assert not self.has_told_parent(one, live), "its parent stands for it"
            assert one.since + 60_000 <= now or one.kind is K.ASKED, "it may heal"
            if world.hours.is_quiet(now) and message.brief_at is None:
                due = world.hours.brief_before(now)
                is_brief_time = due is not None and now - due < 6 * HOUR and due >= one.since
                assert (one.urgency is U.URGENT and one.kind in world.rules.wakes) or is_brief_time, "quiet hours"
            if not entry.why and not message.may_repeat:
                told = [
                    each
                    for each in self.rooms[message.channel]
                    if each.token != message.token
                    for known in each.entries
                    if known.fingerprint == entry.fingerprint and known.state is not EntryState.OVER
                ]
                assert not told, "it was told"

    def has_told_parent(self, one: Matter, live: dict[str, Matter]) -> bool:
        seen, found = {one.fingerprint}, one
        while found.parent in live and found.parent not in seen:
            found = live[found.parent]
            seen.add(found.fingerprint)
        if found.parent in live or found is one:
            return False  # a circle, or nobody above it
        return found.urgency is not U.FYI and any(each.takes(found.project, found.urgency) for each in CHANNELS)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Each matter that is to be told somewhere was told there, is told now, or there is a reason."""
        if not hasattr(self, "world"):
            return
        decided = self.world.plan()
        histories = read_histories(self.world.state, self.world.now)
        planned = {(each.channel, entry.fingerprint) for each in decided.messages for entry in each.entries}
        hushed = {(each.channel, each.fingerprint) for each in decided.hushed}
        for each in self.world.matters:
            routes = [channel.name for channel in CHANNELS if channel.takes(each.project, each.urgency)]
            for name in routes if each.urgency is not U.FYI else ():
                spoken = name in histories and each.fingerprint in histories[name].spoken
                assert spoken or (name, each.fingerprint) in planned | hushed, (name, each.about)
            if not routes or each.urgency is U.FYI:
                assert ("", each.fingerprint) in hushed

    @invariant()
    def the_budget_is_kept(self) -> None:
        for times in getattr(self, "times", {}).values():
            for at in times:
                assert sum(at - HOUR < each <= at for each in times) <= self.world.rules.budget

    @invariant()
    def the_clock_alone_wakes_in_time(self) -> None:
        """Whatever waits for a time makes the plan say when to look again."""
        if not hasattr(self, "world"):
            return
        decided = self.world.plan()
        times = [each.until for each in decided.hushed if each.until is not None and each.until > self.world.now]
        assert not times or (decided.next_at is not None and decided.next_at <= min(times))

    def teardown(self) -> None:
        """Once all is calm, everything that is still true and that nobody knows of is told within two days."""
        if not hasattr(self, "world"):
            return
        self.the_next_process_begins() if self.under_way else None
        for name in self.rooms:
            self.world.record(ChannelBack(name))
        for _ in range(2 * 24 * 4):
            self.world.now = Millis(self.world.now + HOUR // 4)
            self.all_is_told()
        histories = read_histories(self.world.state, self.world.now)
        judge = Judge(self.world.matters, self.world.state, self.world.rules, self.world.hours, self.world.now)
        for each in self.world.matters:
            if self.world.state.is_hushed(each, self.world.now) or judge.silencer(each) is not None:
                continue
            for channel in CHANNELS:
                if channel.takes(each.project, each.urgency):
                    assert each.fingerprint in histories[channel.name].spoken, (channel.name, each.about)


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
assert NOON % HOUR == 0
