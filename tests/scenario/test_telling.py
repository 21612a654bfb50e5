"""Matters are told on a Discord on this machine: edited in place, within its limits, through outages and restarts."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from discordserver import BOT_TOKEN, DiscordServer, Fault, Window, serve_discord
from telling import ALWAYS, matter, open_reader, policy
from watchkeeper.controlroom.picture import Reader
from watchkeeper.desk.teller import Clock, Teller
from watchkeeper.model.attention import (
    Delivery,
    Matter,
    MatterAcknowledged,
    MatterKind,
    MessageIntended,
    Urgency,
)
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.notify.apprise import Apprise
from watchkeeper.notify.discord import Asker, Discord, parse_webhook
from watchkeeper.notify.limits import Limits
from watchkeeper.notify.policy import ChannelKind, ChannelRule, Policy
from watchkeeper.notify.port import NoPort, Port

PROMPT = {"settle_ms": 0, "wait_ms": 0, "interval_ms": 0, "budget": 1000}


def now() -> Millis:
    return Millis(int(time.time() * 1000))


@pytest.fixture
def discord() -> Iterator[DiscordServer]:
    with serve_discord(Window(5, 0.2)) as server:
        yield server


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with open_reader(tmp_path / "home", now) as made:
        yield made


def webhook(server: DiscordServer, name: str = "1") -> Discord:
    api, path = parse_webhook(server.webhook(name))
    return Discord(Asker(api, "", Limits(time.monotonic), timeout_s=1.0), path)


def bot(server: DiscordServer, room: str = "91") -> Discord:
    server.room(room)
    asker = Asker(f"{server.url}/api/v10", BOT_TOKEN, Limits(time.monotonic), timeout_s=1.0)
    return Discord(asker, f"/channels/{room}/messages", room=room)


class Scene:
    def __init__(self, reader: Reader, server: DiscordServer) -> None:
        self.reader, self.server = reader, server
        self.matters: list[Matter] = []

    def make(self, ports: dict[str, Port], rules: Policy, **more: Any) -> Teller:
        return Teller(
            self.reader, lambda _picture: self.matters, ports, policy=rules, hours=ALWAYS, clock=Clock(now), **more
        )

    @asynccontextmanager
    async def told(self, ports: dict[str, Port], rules: Policy, **more: Any) -> Any:
        telling = self.make(ports, rules, **more)
        running = asyncio.create_task(telling.run())
        try:
            yield telling
            assert not running.done(), running.exception()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def wait(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(15):
            while not condition():  # noqa: ASYNC110 the server is in another thread
                await asyncio.sleep(0.02)

    def room(self, name: str = "91") -> list[dict[str, Any]]:
        return list(self.server.rooms[name].messages.values())

    def state(self) -> Any:
        return self.reader.look().attention


@pytest.fixture
def scene(reader: Reader, discord: DiscordServer) -> Scene:
    return Scene(reader, discord)


def run(doing: Awaitable[None]) -> None:
    async def inside() -> None:
        await doing

    asyncio.run(inside())


ONE = policy(ChannelRule("discord"), **PROMPT)
BOT = policy(ChannelRule("discord", ChannelKind.BOT), **PROMPT)


def test_a_matter_is_one_message_that_is_edited_until_it_is_resolved(scene: Scene) -> None:
    async def doing() -> None:
        scene.matters = [matter("i-1", since=now() - 14 * 60_000, reason="two changes lock each other")]
        async with scene.told({"discord": webhook(scene.server)}, ONE, page="https://desk.example"):
            await scene.wait(lambda: len(scene.room()) == 1)
            scene.reader.log.append(FLEET, [MatterAcknowledged(scene.matters[0].fingerprint, 0, "ada")], now())
            await scene.wait(lambda: "acknowledged" in scene.room()[0]["content"])
            scene.matters = []
            await scene.wait(lambda: "resolved in 14 m" in scene.room()[0]["content"])
        assert len(scene.room()) == 1
        assert scene.server.trespasses == []

    run(doing())


def test_nobody_is_mentioned_and_no_text_is_more_than_text(scene: Scene) -> None:
    hostile = "@everyone <@123> [bank](https://evil.example) discord.gg/abc `x` **b** <t:1:R>\u202e\u200bx\n# head"

    async def doing() -> None:
        scene.matters = [matter("i-1", title=hostile, reason=hostile, body=hostile * 200, kind=MatterKind.ASKED)]
        async with scene.told({"discord": webhook(scene.server)}, ONE):
            await scene.wait(lambda: len(scene.room()) == 1)
        (sent,) = [each for each in scene.server.asked if each.method == "POST"]
        assert sent.body["allowed_mentions"] == {"parse": []}
        text = sent.body["content"] + sent.body["embeds"][0]["description"]
        for bad in ("@everyone", "<@", "](", "https://", "discord.gg", "<t:", "\u202e", "\n#"):
            assert bad not in text.replace("\\<", "").replace("\\[", "["), bad
        assert len(sent.body["content"]) <= 2000

    run(doing())


def test_secrets_do_not_leave(scene: Scene) -> None:
    secret = "ghp_" + "a1B2" * 9

    async def doing() -> None:
        scene.matters = [matter("i-1", title=f"push with {secret}", reason=secret, body=f"token={secret}")]
        async with scene.told({"discord": webhook(scene.server)}, ONE):
            await scene.wait(lambda: len(scene.room()) == 1)
        assert secret not in str(scene.server.asked)

    run(doing())


@pytest.mark.parametrize("hidden", [None, Window(4, 1.5)], ids=["as told", "also where no header tells"])
def test_limits_are_kept_and_nothing_is_lost(reader: Reader, hidden: Window | None) -> None:
    with serve_discord(Window(3, 0.4), hidden) as server:
        scene = Scene(reader, server)

        async def doing() -> None:
            scene.matters = [matter(f"i-{number}", project=f"p{number}", since=now()) for number in range(12)]
            async with scene.told({"discord": webhook(server)}, ONE):
                await scene.wait(lambda: len(scene.room()) == 12)
            assert server.trespasses == []
            titles = [each["content"].rpartition(" · ")[2] for each in scene.room()]
            assert len(set(titles)) == 12
            limited = [each for each in server.asked if each.status == 429]
            assert (len(limited) > 0) is (hidden is not None)

        run(doing())


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500), Fault(502, after=True), Fault(cuts=True), Fault(cuts=True, after=True),
        Fault(503, pause_s=1.5, after=True),
    ],
    ids=["failed", "failed after it was done", "cut", "cut after it was done", "too late"],
)  # fmt: skip
def test_a_bot_tells_once_whatever_becomes_of_an_answer(scene: Scene, fault: Fault) -> None:
    faults = [fault]
    scene.server.misfortune = lambda method, _path: faults.pop() if method == "POST" and faults else None

    async def doing() -> None:
        scene.matters = [matter("i-1", since=now())]
        async with scene.told({"discord": bot(scene.server)}, BOT) as telling:
            await scene.wait(lambda: any(each.sent_at for each in scene.state().messages.values()))
            assert telling.statistics().failed == 1
        assert len(scene.room()) == 1
        assert "repeat" not in scene.room()[0]["content"]

    run(doing())


def test_a_webhook_whose_answer_was_lost_tells_again_and_says_that_it_may_be_a_repeat(scene: Scene) -> None:
    faults = [Fault(cuts=True, after=True)]
    scene.server.misfortune = lambda method, _path: faults.pop() if method == "POST" and faults else None

    async def doing() -> None:
        scene.matters = [matter("i-1", since=now())]
        async with scene.told({"discord": webhook(scene.server)}, ONE):
            await scene.wait(lambda: any(each.sent_at for each in scene.state().messages.values()))
        first, second = scene.room()
        assert "may be a repeat" not in first["content"]
        assert "may be a repeat" in second["content"]
        assert first["embeds"][0]["footer"] == second["embeds"][0]["footer"], "both name the same delivery"

    run(doing())


@pytest.mark.parametrize("came_through", [False, True])
def test_what_a_process_that_is_gone_had_intended_is_told_once(scene: Scene, *, came_through: bool) -> None:
    one = matter("i-1", since=now())

    async def begin() -> None:
        scene.matters = [one]
        port = bot(scene.server)
        scene.server.misfortune = lambda method, _path: (
            Fault(pause_s=30, after=came_through, cuts=not came_through) if method == "POST" else None
        )
        async with scene.told({"discord": port}, BOT):
            await scene.wait(lambda: any(each.method == "POST" for each in scene.server.asked))

    async def go_on() -> None:
        scene.server.misfortune = lambda _method, _path: None
        (told,) = scene.state().messages.values()
        assert told.sent_at is None
        assert told.failed is None
        async with scene.told({"discord": bot(scene.server)}, BOT) as telling:
            await scene.wait(lambda: any(each.sent_at for each in scene.state().messages.values()))
            assert telling.statistics().found == came_through
        assert len(scene.room()) == 1

    run(begin())
    run(go_on())


def test_a_webhook_that_is_gone_is_dead_is_told_elsewhere_and_comes_back(scene: Scene, reader: Reader) -> None:
    rules = policy(ChannelRule("discord"), ChannelRule("second", urgencies=(Urgency.TODAY,)), **PROMPT)

    async def doing() -> None:
        ports: dict[str, Port] = {"discord": webhook(scene.server, "1"), "second": webhook(scene.server, "2")}
        (gone,) = [key for key in scene.server.webhooks if key.startswith("1/")]
        place = scene.server.webhooks.pop(gone)
        scene.matters = [matter("i-1", since=now())]
        async with scene.told(ports, rules):
            await scene.wait(lambda: sum(bool(each.sent_at) for each in scene.state().messages.values()) == 2)
            told = " ".join(each["content"] for each in scene.room("92"))
            assert "Nothing gets through to you by discord" in told
            assert "i\\-1 stands still" in told
            assert scene.state().channels["discord"].is_dead
        scene.server.webhooks[gone] = place
        ports = {"discord": webhook(scene.server, "1"), "second": webhook(scene.server, "2")}
        async with scene.told(ports, rules):
            await scene.wait(lambda: not scene.state().channels["discord"].is_dead)
            await scene.wait(lambda: any("resolved" in each["content"] for each in scene.room("92")))

    run(doing())


def test_what_is_refused_is_told_plainly_and_then_elsewhere(scene: Scene) -> None:
    rules = policy(ChannelRule("discord"), ChannelRule("second", urgencies=(Urgency.TODAY,)), **PROMPT)
    refused = Fault(400, {"code": 50035, "message": "Invalid Form Body"})
    scene.server.misfortune = lambda method, path: (
        refused if method == "POST" and path.startswith("/webhooks/1/") else None
    )

    async def doing() -> None:
        scene.matters = [matter("i-1", since=now())]
        async with scene.told({"discord": webhook(scene.server, "1"), "second": webhook(scene.server, "2")}, rules):
            await scene.wait(lambda: len(scene.room("92")) == 1)
        posts = [each.body for each in scene.server.asked if each.path.startswith("/webhooks/1/")]
        assert ["embeds" in each for each in posts] == [True, False]

    run(doing())


def test_two_that_tell_at_the_same_time_tell_once(scene: Scene, tmp_path: Path) -> None:
    async def doing() -> None:
        scene.matters = [matter(f"i-{number}", project=f"p{number}", since=now()) for number in range(6)]
        with open_reader(tmp_path / "home", now) as other:
            second = Scene(other, scene.server)
            second.matters = scene.matters
            async with (
                scene.told({"discord": bot(scene.server)}, BOT, grace_ms=60_000),
                second.told({"discord": bot(scene.server)}, BOT, grace_ms=60_000),
            ):
                await scene.wait(lambda: len(scene.room()) >= 6)
                await asyncio.sleep(0.5)  # a second one would come now
        assert len(scene.room()) == 6
        assert scene.server.refused_doubles == 0

    run(doing())


def test_a_channel_that_is_not_configured_any_more_leaves_nothing_under_way(scene: Scene) -> None:
    scene.reader.log.append(FLEET, [MessageIntended("t", "old", Delivery.POST, ("f",), "d")], now())

    async def doing() -> None:
        async with scene.told({"discord": webhook(scene.server)}, ONE):
            await scene.wait(lambda: scene.state().messages["t"].failed is not None)
        assert scene.state().messages["t"].failed.again_at is None

    run(doing())


def test_a_channel_without_its_address_is_dead_and_says_why(scene: Scene) -> None:
    port = NoPort("HOOK is not set", webhook(scene.server).inert)

    async def doing() -> None:
        scene.matters = [matter("i-1", since=now())]
        async with scene.told({"discord": port}, ONE):
            await scene.wait(lambda: scene.state().channels.get("discord") is not None)
        assert scene.state().channels["discord"].reason == "HOOK is not set"

    run(doing())


def test_through_apprise_a_message_comes_and_what_fails_is_said_again(scene: Scene) -> None:
    rules = policy(ChannelRule("phone", ChannelKind.APPRISE), **PROMPT)
    told: list[dict[str, Any]] = []
    answers = [500]

    class Heard(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop() if answers else 200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    async def doing(port: int) -> None:
        scene.matters = [matter("i-1", since=now())]
        async with scene.told({"phone": Apprise(f"json://127.0.0.1:{port}/x")}, rules):
            await scene.wait(lambda: any(each.sent_at for each in scene.state().messages.values()))
            scene.matters = []
            await asyncio.sleep(0.3)  # an edit would come now

    server = ThreadingHTTPServer(("127.0.0.1", 0), Heard)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        run(doing(server.server_address[1]))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [each["title"] for each in told] == [
        "▲ urgent · api: i-1 stands still",
        "▲ urgent · api: i-1 stands still (may be a repeat: an answer was lost)",
    ]
