"""The bot hears commands and buttons through a gateway on this machine, and acts for those who may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from deskscene import open_reader, the_project
from discordserver import BOT_TOKEN, DiscordServer, Window, serve_discord
from gitrepo import GitRepo
from landingscene import begin
from telling import ALWAYS, matter, policy
from watchkeeper.app import now
from watchkeeper.controlroom.picture import Reader
from watchkeeper.desk.bot import Bot
from watchkeeper.desk.commands import COMMANDS, Asked, Commands
from watchkeeper.desk.teller import Clock, Teller
from watchkeeper.fleet.config import ChannelEntry
from watchkeeper.model.attention import MatterAcknowledged, MatterKind, PersonActed
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.landing import Entry, EntryHeld, EntryId, EntryQueued, EntryReleased
from watchkeeper.notify.discord import Asker, Discord
from watchkeeper.notify.limits import Limits
from watchkeeper.notify.policy import ChannelKind, ChannelRule

ROOM = ChannelEntry("desk", "TOKEN", "discord-bot", "91", operators=("1", "role:5"), viewers=("2",))
ENTRY = EntryId("agent-a/1")


@pytest.fixture
def discord(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordServer]:
    with serve_discord(Window(50, 1.0)) as server:
        monkeypatch.setattr(Route, "BASE", f"{server.url}/api/v10")
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url))
        server.room("91")
        yield server


@pytest.fixture
def reader(git_repo: GitRepo) -> Iterator[Reader]:
    """A repository with one entry in its queue."""
    begin(git_repo, {"a.py": "A = 1\n"})
    with open_reader(git_repo.path) as made:
        entry = Entry(ENTRY, ChangeId("agent-a"), git_repo.head, title="work of agent-a")
        made.log.append(made.scope.projects[0].project, [EntryQueued(entry)], now())
        yield made


class Scene:
    def __init__(self, reader: Reader, server: DiscordServer) -> None:
        self.reader, self.server, self.project = reader, server, reader.scope.projects[0].name
        self.matters = [
            matter("agent-a/1", kind=MatterKind.ENTRY, project=self.project, since=now(), reason="it waits for you")
        ]
        self.commands = Commands(reader, lambda _picture: self.matters, lambda _picture, _since: "All is *well*", now)

    async def ask(self, **told: Any) -> str:
        """The answer to a command."""
        count = len(self.server.responses)
        await asyncio.to_thread(self.server.command, told.pop("what"), told.pop("user"), told.pop("room", "91"), **told)
        return await self.answer(count)

    async def answer(self, count: int) -> str:
        for _ in range(500):
            if len(self.server.responses) >= count + 2:
                break
            await asyncio.sleep(0.02)  # the server is in another thread
        else:
            raise AssertionError((self.server.asked[-5:], self.server.responses))
        first, last = self.server.responses[count : count + 2]
        assert first["data"]["flags"] == 64, "only the one who asked sees it"
        content: str = last["data"]["content"]
        return content

    def events(self, kind: type) -> list[Any]:
        return [each.event for each in self.reader.log.read(None) if isinstance(each.event, kind)]


def connected(scene: Scene, doing: Callable[[], Awaitable[None]]) -> None:
    async def inside() -> None:
        bot = Bot(scene.commands, [ROOM])
        running = asyncio.create_task(bot.run_until_cancelled(BOT_TOKEN))
        try:
            if not await asyncio.to_thread(scene.server.ready.wait, 10):
                raise AssertionError((scene.server.asked, scene.server.violations, running))
            await doing()
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(inside())


def test_commands_are_known_heard_and_done_in_the_name_of_who_may(reader: Reader, discord: DiscordServer) -> None:
    scene = Scene(reader, discord)
    (one,) = scene.matters

    async def doing() -> None:
        assert {each["name"] for each in discord.commands} == set(COMMANDS)
        assert "1 wait for landing" in await scene.ask(what="status", user="2")
        assert await scene.ask(what="brief", user="2") == "All is \\*well\\*"
        assert "it waits for you" in await scene.ask(what="why", user="2", name=one.id)
        assert "may look, and not hold" in await scene.ask(what="hold", user="2", name=ENTRY)
        assert "waits for a person" in await scene.ask(what="hold", user="1", name=ENTRY)
        assert "goes on" in await scene.ask(what="release", user="9", roles=("5",), name=one.id)
        assert "acknowledged" in await scene.ask(what="ack", user="1", name=one.id)
        assert "There is no issue" in await scene.ask(what="dispatch", user="1", name="shop#12")
        assert "There is no matter" in await scene.ask(what="why", user="1", name="@everyone")

    connected(scene, doing)

    (held,) = scene.events(EntryHeld)
    assert held.id == ENTRY
    assert len(scene.events(EntryReleased)) == 1
    (acked,) = scene.events(MatterAcknowledged)
    assert (acked.fingerprint, acked.by) == (one.fingerprint, "discord:1")
    acts = [(each.what, each.who, each.via, each.allowed) for each in scene.events(PersonActed)]
    assert acts == [
        ("hold", "discord:2", "discord", False),
        ("hold", "discord:1", "discord", True),
        ("release", "discord:9", "discord", True),
        ("ack", "discord:1", "discord", True),
    ]
    assert the_project(reader).landing.view.rows


def test_strangers_and_other_rooms_get_nothing_and_their_tries_are_audited_once(
    reader: Reader, discord: DiscordServer
) -> None:
    scene = Scene(reader, discord)
    discord.room("92")

    async def doing() -> None:
        for _ in range(3):
            assert "not on the list" in await scene.ask(what="status", user="666")
        assert "none of those" in await scene.ask(what="status", user="1", room="92")

    connected(scene, doing)

    (tried,) = scene.events(PersonActed)
    assert (tried.who, tried.allowed, tried.via) == ("discord:666", False, "discord")


def test_a_button_under_a_message_acknowledges_what_it_tells_of(reader: Reader, discord: DiscordServer) -> None:
    scene = Scene(reader, discord)
    asker = Asker(f"{discord.url}/api/v10", BOT_TOKEN, Limits(time.monotonic), 2.0)
    port = Discord(asker, "/channels/91/messages", room="91", has_buttons=True)
    rules = policy(ChannelRule("desk", ChannelKind.BOT), settle_ms=0, wait_ms=0, interval_ms=0)
    teller = Teller(
        reader, lambda _picture: scene.matters, {"desk": port}, policy=rules, hours=ALWAYS, clock=Clock(now)
    )

    async def doing() -> None:
        telling = asyncio.create_task(teller.run())
        try:
            place = discord.rooms["91"]
            async with asyncio.timeout(10):
                while not any(each.sent_at for each in reader.look().attention.messages.values()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            (message,) = place.messages.values()
            labels = {each["label"]: each["custom_id"] for each in message["components"][0]["components"]}
            assert set(labels) == {"Acknowledge", "Why", "Hold", "Release"}
            count = len(discord.responses)
            await asyncio.to_thread(discord.click, labels["Acknowledge"], "1", message)
            assert "acknowledged" in await scene.answer(count)
            async with asyncio.timeout(10):
                while "acknowledged" not in message["content"]:  # noqa: ASYNC110 the server is in another thread
                    await asyncio.sleep(0.02)
            assert message["components"] == []
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    connected(scene, doing)


def test_all_of_a_message_are_acknowledged_and_no_message_of_another_channel(
    reader: Reader, discord: DiscordServer
) -> None:
    scene = Scene(reader, discord)
    scene.matters = [matter(f"i-{number}", project="", since=now()) for number in range(3)]
    from watchkeeper.model.attention import Delivery, MessageIntended, MessageSent

    told = MessageIntended("t", "desk", Delivery.POST, tuple(each.fingerprint for each in scene.matters), "d")
    reader.log.append(FLEET, [told, MessageSent("t", "5")], now())

    assert scene.commands.answer(Asked("all", "t", "1"), ROOM).startswith("3 acknowledged")
    other = ChannelEntry("other", "TOKEN", "discord-bot", "93", operators=("1",))
    assert "no message" in scene.commands.answer(Asked("all", "t", "1"), other)


def test_a_room_of_one_project_knows_of_no_other(reader: Reader, discord: DiscordServer, tmp_path: Path) -> None:
    scene = Scene(reader, discord)
    room = ChannelEntry("web", "TOKEN", "discord-bot", "94", projects=("web",), operators=("1",))

    assert scene.commands.answer(Asked("status", "", "1"), room) == "Nothing needs you."
    assert "There is no matter" in scene.commands.answer(Asked("why", scene.matters[0].id, "1"), room)
    assert "There is no entry" in scene.commands.answer(Asked("hold", ENTRY, "1"), room)
