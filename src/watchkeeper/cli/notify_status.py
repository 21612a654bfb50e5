"""``watchkeeper notify status``: the channels, what each matter waits for, and which kinds were worth telling."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.scope import find_scope, open_scope_log
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.desk.outlook import Outlook, look_ahead
from watchkeeper.model.attention import matter_id
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.notify.rendering import plain, render_length


@verb(
    examples=("watchkeeper notify status", "watchkeeper notify status --json"),
    then="watchkeeper notify test",
)
@fleet_option
@json_option
def command(*, file: Path | None, as_json: bool) -> int:
    """Say which channels there are and whether they take messages, and of each matter when it is told, or why not.

    Then of each kind how much of what was told in the last week somebody acted on. What is acted on in fewer than three
    of ten is told as one urgency less. Sends nothing. Exit code 1 while a channel is dead.
    """
    scope = find_scope(file, Path(), os.environ)
    with open_scope_log(scope, os.environ) as log:
        found = look_ahead(log, scope, os.environ, now)
    if as_json:
        show_document(_document(found))
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        dead = next((each.name for each in found.channels if each.dead), "")
        lines = list(_lines(found, terminal))
        show(lines, f"watchkeeper notify test {dead}" if dead else "watchkeeper brief")
    return Exit.FOUND if any(each.dead for each in found.channels) else Exit.NOTHING


def _document(found: Outlook) -> dict[str, Any]:
    return {
        "at": found.at,
        "channels": [each._asdict() for each in found.channels],
        "matters": [
            {
                "id": each.matter.id,
                "kind": each.matter.kind.value,
                "urgency": each.matter.urgency.value,
                "project": each.matter.project,
                "title": each.matter.title,
                "channels": [msgspec.to_builtins(said._asdict()) for said in each.said],
            }
            for each in found.matters
        ],
        "worth": {
            kind.value: {"told": each.told, "acted": each.acted, "demoted": each.is_demoted}
            for kind, each in found.worth.items()
        },
    }


def _lines(found: Outlook, terminal: Terminal) -> Iterator[str]:
    if not found.channels:
        yield "nobody is told: fleet.toml has no [channel.NAME]"
    for channel in found.channels:
        told = f"told last {render_ago(channel.told_at, found.at)}" if channel.told_at else "told nothing yet"
        used = f"{channel.used} of {channel.budget} messages of this hour"
        if channel.dead:
            line = f"✗ {channel.name}: nothing gets through since {render_ago(channel.since, found.at)}"
            yield terminal.paint("red", f"{line}: {printable(plain(channel.dead))}")
        else:
            yield f"✓ {channel.name}: {told}, {used}"
    if found.matters:
        yield ""
    for each in found.matters:
        matter = each.matter
        where = f"{matter.project}: " if matter.project else ""
        yield f"{matter_id(matter.fingerprint)}  {matter.urgency.value:9} {printable(plain(where + matter.title))}"
        for said in each.said:
            yield f"    {said.channel or 'every channel'}: {printable(said.reason)}{_until(said.until, found.at)}"
    if found.worth:
        yield ""
        yield "acted on, of what was told in the last week:"
    for kind, worth in sorted(found.worth.items()):
        less = ", so it is told as one urgency less" if worth.is_demoted else ""
        yield f"    {kind.value}: {worth.acted} of {worth.told}{less}"


def _until(until: Millis | None, at: Millis) -> str:
    return f", for {render_length(until - at)}" if until is not None and until > at else ""
