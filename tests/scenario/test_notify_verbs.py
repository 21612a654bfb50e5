"""``watchkeeper notify``: a channel is tried, and asked what it does; and the teller as the desk starts it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from discordserver import DiscordServer, Window, serve_discord
from watchkeeper.app import now
from watchkeeper.cli.main import run
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import find_scope, open_scope_log
from watchkeeper.desk.telling import make_telling
from watchkeeper.model.attention import ChannelDied, MessageAsked, Urgency
from watchkeeper.model.events import Event
from watchkeeper.model.hosts import FLEET

FILE = """
store = "state"

[notify]
brief = ""
quiet = ""

[channel.desk]
address = "TEST_HOOK"

[channel.phone]
kind = "apprise"
address = "TEST_MISSING"
urgencies = ["urgent"]
"""


@pytest.fixture
def discord(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordServer]:
    with serve_discord(Window()) as server:
        monkeypatch.setenv("TEST_HOOK", server.webhook())
        monkeypatch.delenv("TEST_MISSING", raising=False)
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(FILE)
    return path


def record(file: Path, *events: Event) -> None:
    scope = find_scope(file, file.parent, os.environ)
    with open_scope_log(scope, os.environ) as log:
        log.append(FLEET, events, now())


def test_a_channel_is_tried_and_is_back_where_it_was_dead(
    discord: DiscordServer, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record(file, ChannelDied("desk", "404"))
    assert run(["notify", "status", "--fleet", str(file), "--json"]) == 1
    status = json.loads(capfd.readouterr().out)
    assert {each["name"]: each["dead"] for each in status["channels"]} == {"desk": "404", "phone": ""}

    assert run(["notify", "test", "desk", "--fleet", str(file)]) == 0
    assert "desk: it took the message, and is back" in capfd.readouterr().out
    (message,) = discord.rooms["91"].messages.values()
    assert "This is a test of the channel desk" in message["content"]

    assert run(["notify", "test", "--fleet", str(file), "--json"]) == 1
    told = json.loads(capfd.readouterr().out)["channels"]
    assert told["desk"] == {"sent": True, "reason": "", "back": False}
    assert told["phone"]["reason"] == "the variable TEST_MISSING is not set"

    assert run(["notify", "test", "mail", "--fleet", str(file)]) == 2
    assert "There is no channel" in capfd.readouterr().err


def test_what_somebody_asked_for_is_told_by_the_desks_loop_and_status_says_so(
    discord: DiscordServer, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record(file, MessageAsked("k", Urgency.NAG, "Which currency?", by="codex-1"))
    assert run(["notify", "status", "--fleet", str(file)]) == 0
    assert "desk: told in a moment" in capfd.readouterr().out

    async def doing() -> None:
        scope = find_scope(file, file.parent, os.environ)
        with open_scope_log(scope, os.environ) as log:
            reader = Reader(log, scope, now)
            telling = asyncio.create_task(make_telling(reader, scope, os.environ).run())
            try:
                async with asyncio.timeout(60):
                    while not any(each.sent_at for each in reader.look().attention.messages.values()):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                assert not telling.done()
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)

    asyncio.run(doing())

    (message,) = discord.rooms["91"].messages.values()
    assert "Which currency?" in message["content"]
    run(["notify", "status", "--fleet", str(file)])
    out = capfd.readouterr().out
    assert "desk: told" in out
    assert "asked: 0 of 1" in out


def test_without_a_channel_that_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text('store = "state"\n')

    assert run(["notify", "status", "--fleet", str(path)]) == 0
    assert "nobody is told" in capfd.readouterr().out
    assert run(["notify", "test", "--fleet", str(path)]) == 2
    assert "No channel is configured" in capfd.readouterr().err
