"""Hundreds of matters, a Discord that fails at random, and kill -9 of whoever tells, at random moments.

    python benchmarks/discord_storm.py [--matters 300] [--kills 120] [--seed 1] [--kind bot|webhook] [--out FILE]

The Discord is the tests' one: checked against the published description, with limits, faults before and after what was
asked is done, connections that are cut, answers that come too late. The teller is a process of its own that is killed
and started again. At the end all is let finish, and what stands in the room is counted: matters that were never told,
told twice, shown as they are not any more; and questions that were asked although a limit had been told. With a bot
nothing may be lost or told twice. A webhook cannot be asked what it has: nothing may be lost, and what comes twice has
to say that it may be a repeat. Ends with 1 where that was not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from figures import RESULTS, record_figures, render_table
from scratch import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from discordserver import BOT_TOKEN, DiscordServer, Fault, Window, limited, serve_discord
from telling import ALWAYS, matter, open_reader, policy
from watchkeeper.controlroom.picture import Picture
from watchkeeper.desk.teller import Clock, Teller
from watchkeeper.model.attention import Delivery, Matter
from watchkeeper.model.attention_state import AttentionState
from watchkeeper.model.ids import Millis
from watchkeeper.notify.discord import Asker, Discord, parse_webhook
from watchkeeper.notify.limits import Limits
from watchkeeper.notify.policy import ChannelKind, ChannelRule

ROOM = "91"
PROJECTS = 60
TIMEOUT_S = 1.0
FIRST_S = 0.6  # as in service: longer than a window
WINDOW = Window(5, 0.5)
SETTLE_S = 180.0
FAULTS = (
    Fault(500), Fault(502, after=True), Fault(503), Fault(cuts=True), Fault(cuts=True, after=True),
    Fault(504, pause_s=1.3, after=True), Fault(500, pause_s=1.3), limited(0.4), limited(0.3, is_global=True),
)  # fmt: skip
RULES = {
    kind: policy(
        ChannelRule("discord", kind), settle_ms=0, wait_ms=200, interval_ms=200, budget=100_000, again_ms=10**9
    )
    for kind in (ChannelKind.BOT, ChannelKind.DISCORD)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--matters", type=int, default=300)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--faults", type=float, default=0.25, help="part of the questions that go wrong (0.25)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=["bot", "webhook"], help="one of them instead of both")
    parser.add_argument("--out", type=Path, help="where the figures go instead of benchmarks/results")
    parser.add_argument("--tell", nargs=4, metavar=("HOME", "MATTERS", "URL", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tell:
        home, file, url, kind = options.tell
        asyncio.run(tell(Path(home), Path(file), url, ChannelKind(kind)))
        return
    kinds = {"bot": [ChannelKind.BOT], "webhook": [ChannelKind.DISCORD], None: list(RULES)}[options.kind]
    figures: dict[str, Any] = {}
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="discord-storm-") as folder, serve_discord(WINDOW) as server:
            storm = Storm(server, Path(folder), kind, random.Random(options.seed))
            figures["bot" if kind is ChannelKind.BOT else "webhook"] = storm.run(
                options.matters, options.kills, options.faults
            )
    if options.out is not None:
        options.out.write_text(json.dumps(figures))
    else:
        record_figures("discord_storm", figures)
        print(f"written: {RESULTS / 'discord_storm.json'}")
    names = list(next(iter(figures.values())))
    print(render_table(["what", *figures], [[name, *(str(each[name]) for each in figures.values())] for name in names]))
    sys.exit(1 if any(is_wrong(name, each) for name, each in figures.items()) else 0)


def is_wrong(kind: str, found: dict[str, Any]) -> bool:
    """Whether a promise was broken."""
    broken = found["lost"] or found["told twice without a word"] or found["against a limit"] or found["unsettled"]
    return bool(broken or (kind == "bot" and (found["told twice"] or found["shown wrongly"])))


# -- the teller --------------------------------------------------------------------------------------------------------


async def tell(home: Path, file: Path, url: str, kind: ChannelKind) -> None:
    """Tell what the file says, until the end."""
    limits = Limits(time.monotonic, first_s=FIRST_S)
    if kind is ChannelKind.BOT:
        port = Discord(Asker(url, BOT_TOKEN, limits, TIMEOUT_S), f"/channels/{ROOM}/messages", room=ROOM)
    else:
        api, path = parse_webhook(url)
        port = Discord(Asker(api, "", limits, TIMEOUT_S), path)

    def find(_picture: Picture) -> list[Matter]:
        return [matter(each.pop("about"), **each) for each in json.loads(file.read_text())]

    with open_reader(home, now) as reader:
        await Teller(
            reader,
            find,
            {"discord": port},
            policy=RULES[kind],
            hours=ALWAYS,
            clock=Clock(now),
            page="https://desk.example",
        ).run()


def now() -> Millis:
    return Millis(int(time.time() * 1000))


# -- the storm ---------------------------------------------------------------------------------------------------------


class Storm:
    """The matters, the process that tells them, and what was done to it."""

    def __init__(self, server: DiscordServer, folder: Path, kind: ChannelKind, chance: random.Random) -> None:
        self._server, self._folder, self._kind, self._chance = server, folder, kind, chance
        self._file = folder / "matters.json"
        self._live: dict[str, dict[str, Any]] = {}
        self._over: set[str] = set()
        self._worse: set[str] = set()
        self._faults: Counter[str] = Counter()
        self._kills = 0
        server.room(ROOM)
        self._url = server.webhook("1") if kind is ChannelKind.DISCORD else f"{server.url}/api/v10"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, matters: int, kills: int, faults: float) -> dict[str, Any]:
        """The storm, the calm after it, and what was found."""
        began = time.monotonic()
        self._write()
        self._start()
        self._server.misfortune = lambda method, _path: self._misfortune(method, faults)
        next_kill = began + 2.0
        made = 0
        try:
            while made < matters or self._kills < kills:
                if made < matters and self._chance.random() < matters / max(1, kills) / 30:
                    self._make(made)
                    made += 1
                self._change()
                self._write()
                if time.monotonic() >= next_kill and self._kills < kills:
                    self._kill()
                    next_kill = time.monotonic() + self._chance.uniform(0.5, 4.5)
                time.sleep(0.03)
            stormed_s = time.monotonic() - began
            self._server.misfortune = lambda _method, _path: None
            unsettled = self._settle()
        finally:
            self._end()
        return {**self._count(), "unsettled": unsettled, "kills": self._kills, "faults": dict(self._faults),
                "storm s": round(stormed_s), "seconds in all": round(time.monotonic() - began)}  # fmt: skip

    def _make(self, number: int) -> None:
        self._live[f"x{number:04}x"] = {"project": f"p{self._chance.randrange(PROJECTS)}", "weight": 1, "since": now()}

    def _change(self) -> None:
        """What was told gets worse, or is over; what was not told yet stays, so that it can be counted."""
        if not self._live or self._chance.random() > 0.3:
            return
        name = self._chance.choice(list(self._live))
        if name not in self._told():
            return
        if self._chance.random() < 0.3:
            self._live[name]["weight"] += 1
            self._worse.add(name)
        else:
            del self._live[name]
            self._over.add(name)

    def _write(self) -> None:
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps([{"about": name, **each} for name, each in self._live.items()]))
        temporary.replace(self._file)

    def _misfortune(self, method: str, share: float) -> Fault | None:
        if self._chance.random() >= share:
            return None
        fault = self._chance.choice(FAULTS)
        kind = "cut" if fault.cuts else str(fault.status)
        self._faults[f"{kind}{' after it was done' if fault.after else ''}{', late' if fault.pause_s else ''}"] += 1
        return fault if method in ("POST", "PATCH", "GET") else None

    def _start(self) -> None:
        command = [sys.executable, __file__, "--tell", str(self._folder / "home"), str(self._file), self._url]
        self._process = subprocess.Popen([*command, self._kind.value])

    def _kill(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the teller ended by itself, with {self._process.returncode}")
        self._end()
        self._kills += 1
        self._start()

    def _end(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _settle(self) -> int:
        """Wait until nothing is asked any more and nothing is in doubt; how much is, where that does not come."""
        ends = time.monotonic() + SETTLE_S
        count, since = -1, time.monotonic()
        while time.monotonic() < ends:
            if len(self._server.asked) != count:
                count, since = len(self._server.asked), time.monotonic()
            if time.monotonic() - since > 5.0 and not self._in_doubt():
                return 0
            time.sleep(0.5)
        return self._in_doubt()

    def _in_doubt(self) -> int:
        with open_reader(self._folder / "home", now) as reader:
            state: AttentionState = reader.look().attention
        live = {matter(name, **each).fingerprint for name, each in self._live.items()}
        return sum(
            each.sent_at is None
            and (each.failed is None or (each.failed.is_unknown and self._kind is ChannelKind.BOT))
            and each.intended.what is not Delivery.EDIT
            and bool(live & set(each.intended.matters) or self._kind is ChannelKind.BOT)
            for each in state.messages.values()
        )

    # -- counting ----------------------------------------------------------------------------------------------------

    def _told(self) -> set[str]:
        return {name for each in list(self._messages()) for name in re.findall(r"x\d{4}x", text_of(each))}

    def _messages(self) -> list[dict[str, Any]]:
        return list(self._server.rooms[ROOM].messages.values())

    def _count(self) -> dict[str, Any]:
        first: Counter[str] = Counter()
        silent: Counter[str] = Counter()
        marked = wrong = replies = 0
        for message in self._messages():
            lines = lines_of(message)
            if any(" · got worse · " in each for each in lines):
                replies += 1
                continue
            is_marked = "may be a repeat" in message["content"]
            marked += is_marked
            for line in lines:
                name = re.search(r"x\d{4}x", line)
                if name is None:
                    continue
                first[name[0]] += 1
                silent[name[0]] += not is_marked
                wrong += (name[0] in self._over) is not line.startswith("✓ resolved")
        names = {*self._live, *self._over}
        return {
            "matters": len(names), "told": sum(first[name] > 0 for name in names), "resolved": len(self._over),
            "got worse": len(self._worse), "lost": sum(first[name] == 0 for name in names),
            "told twice": sum(first[name] > 1 for name in names),
            "told twice without a word": sum(silent[name] > 1 for name in names),
            "marked as perhaps a repeat": marked, "shown wrongly": wrong,
            "messages": len(self._messages()), "replies": replies, "edits": self._server.edits,
            "questions": len(self._server.asked), "limited": sum(each.status == 429 for each in self._server.asked),
            "against a limit": len(self._server.trespasses),
            "second ones refused by their nonce": self._server.refused_doubles,
        }  # fmt: skip


def lines_of(message: dict[str, Any]) -> list[str]:
    """The lines that tell of matters."""
    described = [each.get("description", "") for each in message["embeds"]]
    return [line for text in (message["content"], *described) for line in text.splitlines()]


def text_of(message: dict[str, Any]) -> str:
    return "\n".join(lines_of(message))


if __name__ == "__main__":
    main()
