"""What the verbs of ``watchkeeper standards`` have in common: the fleet's standards, and how each is printed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.app import now
from watchkeeper.controlroom.wording.times import render_ago, render_moment
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting_state import StandardStanding

if TYPE_CHECKING:
    from watchkeeper.scoutdeck.standards import StandardsDesk


@contextmanager
def open_desk(file: Path | None, folder: Path) -> Iterator[StandardsDesk]:
    """The standards of the fleet, or of the repository here. Raises WatchkeeperError."""
    from watchkeeper.controlroom.scope import find_scope, open_scope_log
    from watchkeeper.scoutdeck.standards import Held, StandardsDesk

    scope = find_scope(file, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        yield StandardsDesk(log, [Held(each.name, each.place) for each in scope.projects], now)


def who() -> str:
    """Who types."""
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "somebody"


def standard_line(standing: StandardStanding, at: Millis) -> str:
    """One line of a list."""
    standard = standing.standard
    since = f", since {render_ago(standing.moves[-1][0], at)}" if standing.moves else ""
    owner = f"  {standard.owner}" if standard.owner else ""
    return printable(f"{standing.state.value:<9}  {standard.id}  {standard.title}{owner}{since}")


def standard_lines(desk: StandardsDesk, standing: StandardStanding, at: Millis) -> Iterator[str]:
    """All of one standard."""
    standard = standing.standard
    yield standard_line(standing, at)
    yield from (printable(f"    {line}") for line in standard.text.splitlines())
    if standard.check is not None:
        yield f"  its check: {standard.check.form}"
        yield from (printable(f"    {line}") for line in standard.check.body.splitlines())
    else:
        yield "  it has no check yet"
    yield from _campaign_lines(desk, standing)
    for each in standing.exemptions:
        granted = each.granted
        where = printable(granted.path) or "all of it"
        state = "ended" if each.ended else f"until {render_moment(granted.until)[:10]}"
        yield printable(f"  exempt: {desk.name_of(granted.project)} {where}, {state}: {granted.reason} ({granted.by})")
    for moved_at, moved in standing.moves:
        by = f" by {moved.by}" if moved.by else ""
        yield printable(f"  {render_moment(moved_at)}  {moved.state.value}{by}: {moved.why}")


def _campaign_lines(desk: StandardsDesk, standing: StandardStanding) -> Iterator[str]:
    campaign = desk.campaign(standing.standard.id)
    if not campaign.projects:
        yield "  nobody has counted yet"
    for each in campaign.projects:
        name = desk.name_of(each.project)
        if each.blind:
            yield printable(f"  {name}: could not be counted: {each.blind}")
        elif each.last is not None:
            last = each.last
            more = "".join(f", {count} {word}" for count, word in ((last.new, "new"), (last.exempt, "exempt")) if count)
            yield printable(f"  {name}: {last.open} open, {last.closed} of {each.start} burnt down{more}")
    whole = campaign.last
    if whole is not None and campaign.adopted_at is not None:
        percent = f"{whole.percent:g} %" if whole.percent is not None else "nothing to burn down"
        yield f"  in all: {whole.open} open, {percent}, {campaign.recurred} came back or are new since it was adopted"
