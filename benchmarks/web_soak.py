"""Viewers who look at live pages while much happens: how long an event takes to each, and what the server needs.

    python benchmarks/web_soak.py [--minutes 5] [--viewers 100] [--rate 50]

The real server (`watchkeeper web`) over a record with 10,000 events. Viewers hold streams of the record's page, the
first page, the conflicts and the fleet; another process records events, each with the time at which it was recorded
in its words. On the record's page every event is a row of its own: each viewer of it has to get each event exactly
once, in order, over interruptions too (every tenth viewer hangs up once a minute, and comes back with the last number
that he has). After that, in the same run, the rival: as many viewers who load the page once a second instead.

Ends with 1 where an event was lost or doubled, or a page over 10,000 events took a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import psutil

from figures import record_figures
from scratch import ROOT
from watchkeeper.app import find_place, open_log
from watchkeeper.model.attention import MessageAsked, Urgency
from watchkeeper.model.fleet import (
    Budget,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    IssueId,
    Seal,
    Stage,
)
from watchkeeper.model.ids import Millis, Sha

_OLD_EVENTS = 10_000
_PAGES = ("/events", "/events", "/events", "/", "/conflicts", "/fleet")
_SENT = re.compile(r"sent-(\d+)-(\d+)")
_LATE_S = 20.0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--write", metavar="SECONDS", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--from", dest="first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.write is not None:
        return write(options.write, options.rate, options.first)
    with tempfile.TemporaryDirectory(prefix="web-soak-") as folder:
        figures = asyncio.run(soak(Path(folder), options.minutes, options.viewers, options.rate))
    print(json.dumps(figures, indent=1))
    record_figures("web_soak", figures, command=f"python benchmarks/web_soak.py --minutes {options.minutes:g}")
    streams, opening = figures["streams"], figures["page over 10,000 events"]
    return 0 if not streams["lost"] and not streams["doubled"] and opening["worst_ms"] < 1_000 else 1


# -- recording ---------------------------------------------------------------------------------------------------------


def fill() -> None:
    """The events that were there before."""
    place = find_place(Path.cwd(), os.environ)
    seal = Seal(Sha("0" * 40), (), Budget(), "d")
    own = Engagement(EngagementId("e-00000001"), "engineer-resolves-issue", IssueId("shop#1"), "claude", seal)
    with open_log(place.home) as log:
        log.append(place.project, [EngagementSealed(own)], Millis(int(time.time() * 1000)))
        for start in range(0, _OLD_EVENTS, 500):
            notes = [_note(f"old {start + each}") for each in range(500)]
            log.append(place.project, notes, Millis(int(time.time() * 1000)))


def write(seconds: float, rate: float, first: int) -> int:
    """Record events at that rate, one by one, each with its number and the moment in its words."""
    place = find_place(Path.cwd(), os.environ)
    number, began = first, time.monotonic()
    with open_log(place.home) as log:
        while time.monotonic() - began < seconds:
            sent = f"sent-{number}-{time.time_ns()}"
            moved = EngagementMoved(EngagementId("e-00000001"), Stage.RUNNING, sent)
            log.append(place.project, [_note(sent) if number % 2 else moved], Millis(int(time.time() * 1000)))
            number += 1
            time.sleep(max(0.0, began + (number - first) / rate - time.monotonic()))
    print(number - first)
    return 0


def _note(words: str) -> MessageAsked:
    return MessageAsked(words, Urgency.FYI, words, "", "claude-1", is_over=True)


# -- the server --------------------------------------------------------------------------------------------------------


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, str, psutil.Process]]:
    environ = _environ(folder)
    shop = folder / "shop"
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "-C", str(shop), *identity, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    _run_here(shop, environ, "import web_soak; web_soak.fill()")
    command = [sys.executable, "-m", "watchkeeper", "web", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=shop, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, token = process.stdout.readline().split()[-1], process.stdout.readline().split()[-1]
        try:
            yield url, token, psutil.Process(process.pid)
        finally:
            process.terminate()


def _environ(folder: Path) -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WATCHKEEPER_")}
    return {
        **kept,
        "WATCHKEEPER_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT / "benchmarks"),
        "HOME": str(folder),
    }


def _run_here(shop: Path, environ: Mapping[str, str], code: str) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=shop, env=environ, check=True)


def _start_writer(
    shop: Path, environ: Mapping[str, str], seconds: float, rate: float, first: int
) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "web_soak.py"), "--write", f"{seconds}", "--rate", f"{rate}"]
    return subprocess.Popen([*command, "--from", str(first)], cwd=shop, env=environ, stdout=subprocess.PIPE, text=True)


# -- viewers -----------------------------------------------------------------------------------------------------------


class Viewer:
    """One who looks at a page. ``seen`` counts how often each event came, ``waits`` how long each took, in ms."""

    def __init__(self, page: str, first: int = 0) -> None:
        self.page, self._first = page, first
        self.seen: dict[int, int] = {}
        self.waits: list[float] = []
        self.last = 0
        self.order: list[int] = []

    def hear(self, text: str) -> None:
        for number, sent in _SENT.findall(text):
            key = int(number)
            if key < self._first:
                continue  # of what was measured before
            if key not in self.seen:
                self.waits.append((time.time_ns() - int(sent)) / 1e6)
                self.order.append(key)
            self.seen[key] = self.seen.get(key, 0) + 1


async def _watch(client: httpx.AsyncClient, viewer: Viewer, breaks: bool, over: asyncio.Event) -> None:
    """Follow the stream; who breaks off comes back with the last number."""
    await client.get(viewer.page)
    await asyncio.sleep(random.random())
    while not over.is_set():
        until = time.monotonic() + (60 if breaks else 1e9)
        headers = {"last-event-id": str(viewer.last)} if viewer.last else {}
        try:
            async with client.stream("GET", f"/live?at={viewer.page}&after=0", headers=headers) as answer:
                resumed = viewer.last
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        viewer.last = int(line[4:])
                    elif line.startswith('data: {"rows'):
                        rows = json.loads(line[6:])["rows"]
                        new = [each for each in rows if each["region"] == "events"]
                        # What stood at the very number that he came back with may come again, as the page knows it.
                        fresh = [each for each in new if not resumed or int(each["id"][2:]) > resumed]
                        for each in reversed(fresh):
                            viewer.hear(each["html"][each["html"].index('class="what"') :])
                    elif not line and (over.is_set() or time.monotonic() > until):
                        break  # between two messages
        except httpx.HTTPError:
            if over.is_set():
                return
            await asyncio.sleep(0.2)


async def _poll(client: httpx.AsyncClient, viewer: Viewer, over: asyncio.Event) -> None:
    """The rival: the whole page, once a second."""
    await asyncio.sleep(random.random())
    while not over.is_set():
        began = time.monotonic()
        try:
            viewer.hear((await client.get(viewer.page)).text)
        except httpx.HTTPError:
            await asyncio.sleep(0.5)
        await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))


async def soak(folder: Path, minutes: float, count: int, rate: float) -> dict[str, dict[str, object]]:
    with _server(folder) as (url, token, server):
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        headers = {"origin": url, "sec-fetch-site": "same-origin", "accept": "text/html"}
        async with httpx.AsyncClient(base_url=url, timeout=60, headers=headers, limits=limits) as client:
            assert (await client.post("/login", data={"token": token})).status_code == 303
            opening = await _open_pages(client)
            rest = server.memory_info().rss
            context = (folder / "shop", _environ(folder), server, client)
            streams = await _measure(context, minutes * 60, count, rate, first=0, is_rival=False)
            rival = await _measure(context, max(15.0, minutes * 12), count, rate, first=10_000_000, is_rival=True)
        memory = {"before_mb": round(rest / 2**20, 1), "after_mb": round(server.memory_info().rss / 2**20, 1)}
    return {
        "streams": {"viewers": count, "events_per_s": rate, "minutes": minutes, **streams},
        "polling each second (the rival)": {"viewers": count, "events_per_s": rate, **rival},
        "page over 10,000 events": opening,
        "server": memory,
        "ratio": {
            "p99_rival_over_streams": _ratio(rival["p99_ms"], streams["p99_ms"]),
            "cpu_rival_over_streams": _ratio(rival["server_cpu_percent"], streams["server_cpu_percent"]),
        },
    }


def _ratio(one: object, other: object) -> float:
    assert isinstance(one, float)
    assert isinstance(other, float)
    return round(one / other, 2) if other else 0.0


async def _open_pages(client: httpx.AsyncClient) -> dict[str, object]:
    """The worst of three looks at pages that read all of it; the first is cold."""
    found: dict[str, float] = {}
    for page in ("/events", "/", "/projects/shop", "/engagements/e-00000001"):
        for _ in range(3):
            began = time.perf_counter()
            assert (await client.get(page)).status_code == 200
            found[page] = max(found.get(page, 0.0), (time.perf_counter() - began) * 1000)
    return {"worst_ms": round(max(found.values()), 1), **{page: round(ms, 1) for page, ms in found.items()}}


async def _measure(
    context: tuple[Path, Mapping[str, str], psutil.Process, httpx.AsyncClient],
    seconds: float,
    count: int,
    rate: float,
    *,
    first: int,
    is_rival: bool,
) -> dict[str, object]:
    shop, environ, server, client = context
    over = asyncio.Event()
    viewers = [Viewer("/events" if is_rival else _PAGES[n % len(_PAGES)], first) for n in range(count)]
    tasks = [
        asyncio.create_task(_poll(client, each, over) if is_rival else _watch(client, each, n % 10 == 0, over))
        for n, each in enumerate(viewers)
    ]
    await asyncio.sleep(4)
    cpu = sum(server.cpu_times()[:2])
    began = time.monotonic()
    writer = _start_writer(shop, environ, seconds, rate, first)
    await asyncio.to_thread(writer.wait)
    spent = (sum(server.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
    assert writer.stdout is not None
    written = int(writer.stdout.read())
    listening = [each for each in viewers if each.page == "/events"]
    ends = time.monotonic() + _LATE_S
    while time.monotonic() < ends and any(len(each.seen) < written for each in listening) and not is_rival:  # noqa: ASYNC110 viewers are counted, not told of
        await asyncio.sleep(0.2)
    over.set()
    peak = server.memory_info().rss
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    waits = sorted(wait for each in listening for wait in each.waits)
    figures: dict[str, object] = {
        "events": written,
        "told": len(waits),
        "p50_ms": _share(waits, 0.5),
        "p99_ms": _share(waits, 0.99),
        "worst_ms": _share(waits, 1.0),
        "server_cpu_percent": round(spent * 100, 1),
        "server_mb": round(peak / 2**20, 1),
        "lost": sum(written - len(each.seen) for each in listening),
    }
    if not is_rival:
        figures["doubled"] = sum(times - 1 for each in listening for times in each.seen.values())
        figures["out_of_order"] = sum(
            a > b for each in listening for a, b in zip(each.order, each.order[1:], strict=False)
        )
    return figures


def _share(waits: list[float], share: float) -> float:
    return round(waits[min(len(waits) - 1, int(len(waits) * share))], 1) if waits else 0.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
