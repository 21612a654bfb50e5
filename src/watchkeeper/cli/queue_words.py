"""The queue and what became of its entries, as lines for people and documents for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.cli.output import Terminal
from watchkeeper.controlroom.wording.landing import name_all
from watchkeeper.controlroom.wording.times import render_ago, render_moment_iso
from watchkeeper.landing.audit import Audit
from watchkeeper.landing.page import EntryPage, Side
from watchkeeper.landing.view import Outcome, QueueView, Red, Row
from watchkeeper.landing.waiters import Place
from watchkeeper.model.ids import Millis
from watchkeeper.model.landing import EntryBounced, EntryHeld, EntryId, Halt, LandingEvent, QueueHalted
from watchkeeper.model.printing import printable

_MOST_VANISHED = 10
_MOST_RETURNED = 8
_MOST_ROWS = 20
_MOST_BROKEN = 20


def outcome_lines(outcome: Outcome) -> list[str]:
    """What became of one entry."""
    name = printable(outcome.id)
    lost = [
        f"  gone in the resolution: {printable(each.path)}: {printable(each.text.strip())}"
        for each in outcome.vanished[:_MOST_VANISHED]
    ]
    if len(outcome.vanished) > _MOST_VANISHED:
        lost.append(f"  and {len(outcome.vanished) - _MOST_VANISHED} more lines")
    match outcome.state:
        case "landed":
            return [f"landed: {name} as {(outcome.commit or '')[:10]}  {printable(outcome.title)}", *lost]
        case "bounced":
            return [f"goes back: {name}  {printable(outcome.reason)}", *lost]
        case "held":
            return [f"waits for a person: {name}  {printable(outcome.reason)}", *lost]
        case "withdrawn":
            return [f"withdrawn: {name}  {printable(outcome.reason)}"]
        case _:
            return [f"queued: {name}  waits for {printable(outcome.reason) or 'the queue'}", *lost]


def outcome_document(outcome: Outcome) -> dict[str, object]:
    """The same for programs."""
    document: dict[str, object] = msgspec.to_builtins(outcome)
    return document


def page_lines(page: EntryPage) -> list[str]:
    """One entry with both sides: what each is for, and what the others changed."""
    lines = [f"{printable(page.outcome.title)}", *outcome_lines(page.outcome)]
    lines += [f"  fails: {printable(each)}" for each in page.outcome.evidence]
    lines += [f"  risk {page.outcome.risk}"] if page.outcome.risk else []
    lines += [f"  {printable(each)}" for each in page.outcome.measured]
    if page.sides:
        lines += ["", *_side_lines("this side", page.own)]
    for side in page.sides:
        lines += ["", *_side_lines("the other side", side)]
        lines += [printable(line) for line in side.diff.splitlines()]
    return lines


def _side_lines(which: str, side: Side) -> list[str]:
    about = ", ".join(printable(text) for text in (side.title, side.author, side.issue) if text)
    intent = [f"  {printable(line)}" for line in side.intent.splitlines() if line != side.title]
    return [f"{which}: {printable(side.name)}{f'  {about}' if about else ''}", *intent]


def red_lines(red: Red | None) -> list[str]:
    """Who broke the target branch."""
    if red is None:
        return []
    stops = "what has to do with it waits, all others land" if red.others_land else "nothing lands"
    lines = [f"{stops}: {printable(red.reason)}"]
    if red.entries:
        others = f" with {name_all(red.entries[:-1])}" if len(red.entries) > 1 else ""
        lines.append(f"broken by: {printable(red.entries[-1])}{others}: {name_all(red.tests)}")
    lines += [f"broken too by: {name_all(each)}" for each in red.also]
    if red.no_revert:
        lines.append(f"git cannot take it out by itself: {printable(red.no_revert)}")
    return lines


def held_with(events: Iterable[LandingEvent], entry: EntryId) -> list[EntryId]:
    """Who waits for a person because of what was just said of an entry."""
    return [each.id for each in events if isinstance(each, EntryHeld) and each.id != entry]


def above_lines(above: Sequence[EntryId]) -> list[str]:
    """Who waits for a person because an entry is in it that may not land."""
    return [f"waits with it, for it is in it: {name_all(above)}"] if above else []


def halt_lines(halted: QueueHalted | None) -> list[str]:
    """Why nothing lands."""
    return [f"nothing lands: {printable(halted.reason)}"] if halted is not None else []


def what_next(halted: QueueHalted | None, red: Red | None, idle: Sequence[EntryId] = ()) -> str:
    """What makes landing go on; nothing where it does. ``idle`` are entries that nobody drives."""
    if red is not None and red.revert:
        return f"watchkeeper land --revert {printable(red.entries[-1])}"
    if idle and (halted is None or halted.why in (Halt.BLOCKED, Halt.CANNOT_RUN)):
        return f"watchkeeper land {printable(idle[0].rpartition('/')[0])}" if halted is not None else "watchkeeper up"
    return "watchkeeper queue --resume" if halted is not None else ""


def queue_lines(view: QueueView, now: Millis, terminal: Terminal, *, is_driven: bool) -> list[str]:
    """The queue: position, entry, what it is tested on, what it waits for since when; of a long line its head.

    Where nobody drives the queue, no run goes on, whatever the log says.
    """
    lines = []
    if view.halted:
        lines.append(
            terminal.paint("red", f"nothing lands since {render_ago(view.halted_since, now)}: ")
            + printable(view.halted)
        )
    lines += [terminal.paint("red", "waits for a repair: ") + printable(each) for each in view.broken]
    if not view.rows:
        lines.append("the queue is empty")
    shown = [row for row in view.rows if row.position <= _MOST_ROWS]
    behind = len(view.rows) - len(shown)
    for row in shown:
        if row.position == 0 and behind:
            lines, behind = [*lines, _behind(behind)], 0
        lines += _row_lines(row, now, terminal)
    lines += [_behind(behind)] if behind else []
    if not is_driven:
        waits = any(row.place is not Place.HELD for row in view.rows)
        return [*lines, "nobody drives the queue, so nothing is run"] if waits else lines
    lines += [
        terminal.paint("dim", f"running for {_length(since, now)}: {printable(what)}") for _, what, since in view.runs
    ]
    return lines


def returned_lines(returned: Sequence[EntryBounced]) -> list[str]:
    """What came back and was not queued again: the newest, and how many others there are."""
    lines = [f"came back: {printable(each.id)}  {printable(each.reason)}" for each in returned[-_MOST_RETURNED:]]
    if len(returned) > _MOST_RETURNED:
        lines.append(f"and {len(returned) - _MOST_RETURNED} that came back before")
    return lines


def audit_lines(audit: Audit) -> list[str]:
    """Whether everything that landed had passed before; what had not, each by itself."""
    lines = [f"{audit.landings} landings: {audit.tested} of the very tree that had passed, {audit.in_lanes} in lanes"]
    if audit.past_queue:
        lines.append(f"{audit.past_queue} times somebody moved the branch past the queue")
    if audit.untested:
        lines.append(f"not run together yet: {name_all([each[:10] for each in audit.untested])}")
    for each in audit.broken[:_MOST_BROKEN]:
        where = f" {each.commit[:10]}" if each.commit else ""
        lines.append(f"broken:{where} {name_all(each.entries)}  {printable(each.what)}")
    if len(audit.broken) > _MOST_BROKEN:
        lines.append(f"and {len(audit.broken) - _MOST_BROKEN} more: watchkeeper queue --audit --json")
    return [*lines, *([] if audit.broken else ["every promise was kept"])]


def queue_document(view: QueueView, *, is_driven: bool) -> dict[str, object]:
    """The same for programs."""
    rows = [
        {
            **msgspec.to_builtins(row),
            "since": render_moment_iso(row.since),
            "queued_at": render_moment_iso(row.queued_at),
        }
        for row in view.rows
    ]
    began = view.runs if is_driven else ()
    runs = [{"id": run, "what": what, "since": render_moment_iso(since)} for run, what, since in began]
    return {
        "tip": view.tip, "halted": view.halted, "broken": view.broken, "entries": rows, "runs": runs,
        "driven": is_driven,
    }  # fmt: skip


def _behind(count: int) -> str:
    return f"     and {count} more behind them: watchkeeper queue --json"


def _row_lines(row: Row, now: Millis, terminal: Terminal) -> list[str]:
    place = f"{row.position:>3}" if row.position else "  -"
    risk = f"  risk {row.risk}" if row.risk else ""
    first = f"{place}  {terminal.paint('bold', printable(row.id))}  {printable(row.title)}{terminal.paint('dim', risk)}"
    on = f"on the target branch{f' with {name_all(row.on)}' if row.on else ''}; " if row.position else ""
    since = terminal.paint("dim", f"({render_ago(row.since, now)})")
    return [first, f"       {on}waits for {printable(row.waits_for)} {since}"]


def _length(since: Millis, now: Millis) -> str:
    seconds = max(0, (now - since) // 1000)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
