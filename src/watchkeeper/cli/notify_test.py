"""``watchkeeper notify test``: one message through a channel, to see that it arrives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.scope import Scope, find_scope, open_scope_log
from watchkeeper.desk.channels import open_ports
from watchkeeper.model.attention import ChannelBack, Delivery, Matter, MatterKind, Urgency, matter_fingerprint
from watchkeeper.model.attention_state import fold_attention
from watchkeeper.model.errors import UsageError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.notify.messages import Message, make_token, show_entry
from watchkeeper.notify.port import NotSent, Outcome, Port
from watchkeeper.notify.rendering import plain, render_message


@verb(
    examples=("watchkeeper notify test", "watchkeeper notify test phone"),
    then="watchkeeper notify status",
)
@click.argument("name", metavar="[CHANNEL]", required=False)
@fleet_option
@json_option
def command(*, name: str | None, file: Path | None, as_json: bool) -> int:
    """Send one test message through a channel of fleet.toml, or through each of them, and say what became of it.

    A channel that was dead and takes the message is back. Exit code 1 where one did not take it.
    """
    scope = find_scope(file, Path(), os.environ)
    names = _names(scope, name)
    # The first questions wait for a window of the limit to pass: another process may just have asked.
    found = asyncio.run(_send_all(scope, names))
    back = _back(scope, found)
    if as_json:
        show_document(
            {
                "channels": {
                    each: {
                        "sent": not isinstance(outcome, NotSent),
                        "reason": outcome.reason if isinstance(outcome, NotSent) else "",
                        "back": each in back,
                    }
                    for each, outcome in found.items()
                }
            }
        )
    else:
        show([_line(each, outcome, each in back) for each, outcome in found.items()], "watchkeeper notify status")
    return Exit.FOUND if any(isinstance(each, NotSent) for each in found.values()) else Exit.NOTHING


def _names(scope: Scope, name: str | None) -> tuple[str, ...]:
    known = tuple(each.name for each in scope.config.channels) if scope.config is not None else ()
    if not known:
        raise UsageError(
            "No channel is configured: nobody is told of anything",
            slug="no-channel",
            hint="write [channel.phone] with its address into fleet.toml: see docs/notifications.md",
        )
    if name is not None and name not in known:
        raise UsageError(
            f"There is no channel {name!r}",
            slug="unknown-channel",
            hint=f"use one of: {', '.join(known)}",
            facts={"channel": name},
        )
    return (name,) if name is not None else known


async def _send_all(scope: Scope, names: tuple[str, ...]) -> Mapping[str, Outcome]:
    ports = open_ports(scope.config, os.environ)
    try:
        outcomes = await asyncio.gather(*(_send(each, ports[each]) for each in names))
    finally:
        for port in ports.values():
            await port.close()
    return dict(zip(names, outcomes, strict=True))


async def _send(name: str, port: Port) -> Outcome:
    at = now()
    about = Matter(
        matter_fingerprint(MatterKind.CHANNEL, "", f"test {at}"), MatterKind.CHANNEL, Urgency.TODAY,
        f"This is a test of the channel {name}", reason="whoever reads this is reached by it", since=at,
    )  # fmt: skip
    entries = (show_entry(about, about.urgency),)
    message = Message(
        make_token(name, Delivery.POST, entries, at), name, Delivery.POST, entries, {about.fingerprint: about}
    )
    await asyncio.sleep(port.ready_in(message))
    return await port.send(message, render_message(message, Millis(at), "", port.inert))


def _back(scope: Scope, found: Mapping[str, Outcome]) -> tuple[str, ...]:
    """Those that were dead, and took a message now; recorded."""
    with open_scope_log(scope, os.environ) as log:
        state = fold_attention(log.read(FLEET, kinds=("channel-died", "channel-back")))
        back = [
            name
            for name, outcome in found.items()
            if not isinstance(outcome, NotSent) and (standing := state.channels.get(name)) and standing.is_dead
        ]
        log.append(FLEET, [ChannelBack(name) for name in back], now())
    return tuple(back)


def _line(name: str, outcome: Outcome, is_back: bool) -> str:
    if isinstance(outcome, NotSent):
        doubt = ", and nobody knows whether it arrived" if outcome.is_unknown else ""
        return f"✗ {name}: {printable(plain(outcome.reason))}{doubt}"
    return f"✓ {name}: it took the message" + (", and is back" if is_back else "")
