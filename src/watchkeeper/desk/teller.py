"""Tells people: plans from the newest picture, records what it is about to say, says it, records what became of it.

Killed at any moment, the next one goes on: what was intended and has no end is looked for where the channel can tell,
and else said once more, marked as perhaps a repeat. One process at a time tells for a fleet on one host; several that
share a record never intend the same message, since an intention is recorded only where nobody else recorded one since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.desk.worth import Worth
from watchkeeper.model.attention import (
    ChannelBack,
    ChannelDied,
    Delivery,
    Matter,
    MatterKind,
    MessageFailed,
    MessageIntended,
    MessageSent,
    Urgency,
    matter_fingerprint,
)
from watchkeeper.model.attention_state import AttentionState, ChannelStanding, Told
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.model.review import Step
from watchkeeper.notify.messages import Message
from watchkeeper.notify.planning import Plan, plan
from watchkeeper.notify.policy import Hours, Policy
from watchkeeper.notify.port import NotSent, Outcome, Port, Sent
from watchkeeper.notify.rendering import render_message
from watchkeeper.notify.threads import History, read_histories

MESSAGE_KINDS = ("message-intended", "message-sent", "message-failed", "channel-died", "channel-back")

_POLL_S = 1.0
_MOST_WAIT_S = 20.0
_DEAD_AFTER_MS = 10 * 60_000
_DEAD_AFTER_TRIES = 5
_PROBE_MS = 60_000
_BLIND_MS = 15 * 60_000  # a channel that cannot be asked is tried again after so long
_MOST_BACKOFF_S = 300.0
_KEEPING_S = (0.1, 0.5, 2.0, 5.0, 10.0)
_SURE_MS = 60_000  # after so long a question of a process that is gone has come through, or never will


class Clock(NamedTuple):
    """How time passes: milliseconds since 1970, and a sleep of so many seconds."""

    now: Callable[[], Millis]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Statistics(NamedTuple):
    """Since this process began."""

    plans: int = 0
    sent: int = 0
    failed: int = 0
    found: int = 0  # a lost answer had hidden a success
    lost_races: int = 0  # somebody else told at the same moment
    errors: int = 0


class Teller:
    """The loop. ``find_matters`` is asked of each new picture, ``write_brief`` when a brief is due."""

    def __init__(
        self,
        reader: Reader,
        find_matters: Callable[[Picture], Sequence[Matter]],
        ports: Mapping[str, Port],
        *,
        policy: Policy,
        hours: Hours,
        clock: Clock,
        write_brief: Callable[[Picture, Millis], str] = lambda _picture, _since: "",
        page: str = "",
        grace_ms: int = 0,
    ) -> None:
        """``grace_ms``: so long another process that tells may be at work on what it intended."""
        self._reader, self._find_matters, self._ports = reader, find_matters, ports
        self._policy, self._hours, self._clock = policy, hours, clock
        self._write_brief, self._page, self._grace_ms = write_brief, page, grace_ms
        self._worth = Worth()
        self._group: asyncio.TaskGroup
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._probed: dict[str, Millis] = {}
        self._counts = Statistics()

    def statistics(self) -> Statistics:
        """What it did."""
        return self._counts

    async def run(self) -> None:
        """Until it is cancelled. What fails for a moment (a busy record) is tried again."""
        try:
            async with asyncio.TaskGroup() as self._group:
                while True:
                    try:
                        wait_s = await self._step()
                    except WatchkeeperError:
                        self._count(errors=1)
                        wait_s = _POLL_S * 5
                    await self._rest(wait_s)
        finally:
            for port in self._ports.values():
                await port.close()

    async def _step(self) -> float:
        """Look, plan, and begin what is to be said now; seconds until the next look."""
        newest = await asyncio.to_thread(self._newest)
        picture, decided = await asyncio.to_thread(self._look)
        histories = read_histories(picture.attention, picture.at)
        await self._settle(picture, histories)
        await self._probe(picture.attention)
        wait_s = _MOST_WAIT_S if decided.next_at is None else (decided.next_at - picture.at) / 1000
        for name in self._ports:
            message = next((each for each in decided.messages if each.channel == name), None)
            if message is None or name in self._busy:
                continue
            ready_in = self._ports[name].ready_in(message)
            if ready_in > 0:
                wait_s = min(wait_s, ready_in)
                continue
            told = self._find_doubt(histories.get(name), message)
            if told is not None:
                self._begin(name, self._retry(told, message, picture, newest))
                continue
            intended = await asyncio.to_thread(self._intend, message, newest)
            if intended is None:
                return 0.0
            newest = intended
            self._begin(name, self._deliver(message, picture))
        return max(0.02, min(wait_s, _POLL_S))

    # -- what is true ------------------------------------------------------------------------------------------------

    def _look(self) -> tuple[Picture, Plan]:
        self._count(plans=1)
        picture = self._reader.look()
        self._worth.read(self._reader.log, picture.at)
        matters = with_dead_channels(self._find_matters(picture), picture.attention, self._policy)
        policy = msgspec.structs.replace(self._policy, demoted=self._worth.demoted(picture.at))
        return picture, plan(matters, picture.attention, policy, self._hours, picture.at)

    def _newest(self) -> Seq:
        found = self._reader.log.latest(FLEET, limit=1, kinds=MESSAGE_KINDS)
        return found[0].seq if found else Seq(0)

    # -- saying ------------------------------------------------------------------------------------------------------

    def _intend(self, message: Message, newest: Seq) -> Seq | None:
        """Record that it is about to be said; None where somebody recorded something meanwhile."""
        intended = MessageIntended(
            message.token, message.channel, message.what, tuple(each.fingerprint for each in message.entries),
            message.digest, max((each.weight for each in message.entries), default=0), message.reference,
            message.entries, message.may_repeat, message.is_more,
        )  # fmt: skip
        now = self._clock.now()
        recorded = self._reader.log.append_if(FLEET, [intended], now, kinds=MESSAGE_KINDS, last=newest)
        if recorded is None:
            self._count(lost_races=1)
            return None
        return recorded[0].seq

    def _begin(self, name: str, doing: Coroutine[Any, Any, object]) -> None:
        self._busy[name] = self._group.create_task(self._guarded(name, doing))

    async def _guarded(self, name: str, doing: Coroutine[Any, Any, object]) -> None:
        """What fails here is in doubt, and is settled by the next look."""
        try:
            await doing
        except WatchkeeperError:
            self._count(errors=1)
        finally:
            self._busy.pop(name, None)

    async def _deliver(self, message: Message, picture: Picture) -> None:
        port = self._ports[message.channel]
        brief = ""
        if message.brief_at is not None:
            brief = await asyncio.to_thread(self._brief, picture, message.brief_at)
        words = render_message(message, self._clock.now(), self._page, port.inert, brief)
        outcome = await port.send(message, words)
        await self._record(message.token, message.channel, message.what, outcome)

    def _brief(self, picture: Picture, at: Millis) -> str:
        """What cannot be written is said: a brief that does not come looks like a quiet day."""
        before = self._hours.brief_before(Millis(at - 1))
        try:
            return self._write_brief(picture, before if before is not None else Millis(at - 24 * 3_600_000))
        except WatchkeeperError as error:
            return f"The brief could not be written: {error.message}"

    async def _record(self, token: str, channel: str, what: Delivery, outcome: Outcome) -> None:
        if isinstance(outcome, Sent):
            self._count(sent=1)
            await self._keep([MessageSent(token, outcome.reference)])
            return
        self._count(failed=1)
        now = self._clock.now()
        picture = await asyncio.to_thread(self._reader.look)
        history = read_histories(picture.attention, now).get(channel, History())
        events: list[Event] = []
        if outcome.again_s is None:
            events.append(MessageFailed(token, outcome.reason))
        else:
            backoff = outcome.again_s
            if not outcome.is_limit:
                backoff = min(_MOST_BACKOFF_S, max(outcome.again_s, 1.0) * 2.0 ** min(history.failures, 12))
            again_at = Millis(now + int(backoff * 1000))
            is_unknown = outcome.is_unknown and what is not Delivery.EDIT
            events.append(MessageFailed(token, outcome.reason, again_at, is_unknown))
        long = history.failures + 1 >= _DEAD_AFTER_TRIES and now - history.failing_since >= _DEAD_AFTER_MS
        if outcome.is_dead or (long and not outcome.is_limit and outcome.again_s is not None):
            events.append(ChannelDied(channel, outcome.reason))
        await self._keep(events)

    async def _keep(self, events: Sequence[Event]) -> None:
        """Record what became of a message; tried for a while, since forgotten it would be in doubt."""
        for pause_s in _KEEPING_S:
            with suppress(WatchkeeperError):
                await asyncio.to_thread(self._reader.log.append, FLEET, events, self._clock.now())
                return
            await self._clock.sleep(pause_s)
        await asyncio.to_thread(self._reader.log.append, FLEET, events, self._clock.now())

    # -- what nobody knows -------------------------------------------------------------------------------------------

    async def _settle(self, picture: Picture, histories: Mapping[str, History]) -> None:
        """What was intended by a process that is gone has an end from here on: it is in doubt."""
        for name, history in histories.items():
            if name in self._busy:
                continue
            for told in history.under_way:
                if picture.at - told.at < self._grace_ms:
                    continue
                is_edit = told.intended.what is Delivery.EDIT
                again_at = picture.at if name in self._ports else None
                reason = "whoever was sending it ended" if name in self._ports else f"{name} is not configured any more"
                doubt = again_at is not None and not is_edit
                await self._keep([MessageFailed(told.intended.token, reason, again_at, is_unknown=doubt)])
            if history.under_way:
                return
            for told in history.unsure if name in self._ports and self._can_tell(name) else ():
                if history.rests_until <= picture.at and picture.at - told.at > _SURE_MS:
                    self._begin(name, self._search(told))
                    break

    def _find_doubt(self, history: History | None, message: Message) -> Told | None:
        """The delivery in doubt that a message makes again, where the channel can be asked for it."""
        if history is None or not self._can_tell(message.channel):
            return None
        return next((each for each in history.unsure if each.intended.token == message.token), None)

    async def _retry(self, told: Told, message: Message, picture: Picture, newest: Seq) -> None:
        """Look for it; where it is not there, it is sent again under its name, by which a second one is refused."""
        if not await self._search(told, gives_up=False):
            return
        if await asyncio.to_thread(self._intend, message, newest) is not None:
            await self._deliver(message, picture)

    async def _search(self, told: Told, *, gives_up: bool = True) -> bool:
        """Whether it is not in the channel. Then it never was sent, once that is long ago (``gives_up``)."""
        name, token = told.intended.channel, told.intended.token
        found = await self._ports[name].find(token, told.at)
        if isinstance(found, Sent):
            self._count(found=1)
            await self._keep([MessageSent(token, found.reference)])
        elif found is not None:
            await self._record(token, name, told.intended.what, _in_doubt(found))
        elif gives_up:
            await self._keep([MessageFailed(token, "it is not in the channel", self._clock.now())])
        return found is None

    def _can_tell(self, name: str) -> bool:
        return any(each.name == name and each.can_tell for each in self._policy.channels)

    # -- channels that are dead --------------------------------------------------------------------------------------

    async def _probe(self, state: AttentionState) -> None:
        """Whether a dead channel is back."""
        now = self._clock.now()
        for name, standing in state.channels.items():
            if not standing.is_dead or name in self._busy or name not in self._ports:
                continue
            if now - self._probed.get(name, Millis(0)) < _PROBE_MS:
                continue
            self._probed[name] = now
            self._begin(name, self._ask_dead(name, standing))

    async def _ask_dead(self, name: str, standing: ChannelStanding) -> None:
        reason = await self._ports[name].probe()
        blind = reason is None and self._clock.now() - standing.since >= _BLIND_MS
        if reason == "" or blind:
            await self._keep([ChannelBack(name)])

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _rest(self, wait_s: float) -> None:
        """Until the time, or until something that is being said has ended."""
        if not self._busy:
            await self._clock.sleep(wait_s)
            return
        sleeping = asyncio.ensure_future(self._clock.sleep(wait_s))
        try:
            await asyncio.wait([sleeping, *self._busy.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            with suppress(asyncio.CancelledError):
                await sleeping

    def _count(self, **more: int) -> None:
        counts = self._counts._asdict()
        self._counts = Statistics(**{key: value + more.get(key, 0) for key, value in counts.items()})


def with_dead_channels(matters: Sequence[Matter], state: AttentionState, policy: Policy) -> tuple[Matter, ...]:
    """The matters, with each channel that is dead among them."""
    known = {each.fingerprint for each in matters}
    found = list(matters)
    for channel in policy.channels:
        standing = state.channels.get(channel.name)
        fingerprint = matter_fingerprint(MatterKind.CHANNEL, "", channel.name)
        if standing is not None and standing.is_dead and fingerprint not in known:
            found.append(
                Matter(
                    fingerprint, MatterKind.CHANNEL, Urgency.NAG, f"Nothing gets through to you by {channel.name}",
                    reason=standing.reason, about=channel.name, since=standing.since,
                    step=Step("look at it", f"watchkeeper notify test {channel.name}"), page="/doctor",
                )
            )  # fmt: skip
    return tuple(found)


def _in_doubt(found: NotSent) -> NotSent:
    """That it could not be looked for leaves the doubt as it was; it is never given up."""
    return found._replace(again_s=30.0 if found.again_s is None else found.again_s, is_unknown=True)
