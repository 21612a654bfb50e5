"""The live view for people: one calm screen, redrawn in place; on what is no screen, a line for each event."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from watchkeeper.cli.folding import Division, Telling, folded_lines, levels_of
from watchkeeper.cli.output import Terminal, find_terminal
from watchkeeper.cli.wording import describe, severity_counts, state_lines
from watchkeeper.conflicts.standing import ConflictState, open_conflicts
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import Recorded, WatchStarted, WatchStopped
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable

if TYPE_CHECKING:
    from watchkeeper.app import Place
    from watchkeeper.watch.attached import Watching
    from watchkeeper.watch.measures import WatchStatistics
    from watchkeeper.watch.picture import Picture, Update

_REDRAW_S = 0.2
_AGES_S = 5.0
_MOST_CHANGES = 15
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class View(Protocol):
    """Something that shows a watch. ``take`` is called with each update, ``show`` runs beside it."""

    def take(self, update: Update) -> None: ...
    async def show(self) -> None: ...
    def end(self) -> None: ...


def make_view(watch: Watching, place: Place, environ: Mapping[str, str]) -> View:
    """A screen where there is one, else lines."""
    if sys.stdout.isatty() and environ.get("TERM", "") not in {"dumb", ""}:
        return ScreenView(watch, place, find_terminal(sys.stdout, environ))
    return LineView(watch, place, find_terminal(sys.stdout, environ))


def shown_conflicts(picture: Picture, least: Severity) -> tuple[ConflictState, ...]:
    """The open conflicts from ``least`` on, the worst first: what programs get."""
    return tuple(each for each in open_conflicts(picture.state) if each.severity.rank >= least.rank)


def live_changes(picture: Picture) -> list[Change]:
    """Without those that have landed; by name."""
    live = [change for change in picture.changes if change.source is not Source.LANDED]
    return sorted(live, key=lambda change: change.label)


def next_step(picture: Picture, shown: Sequence[ConflictState]) -> str:
    """The one thing to do."""
    if shown:
        return f"watchkeeper conflicts {shown[0].conflict.id}"
    return "watchkeeper conflicts" if len(live_changes(picture)) > 1 else "watchkeeper replay"


def divided(picture: Picture, place: Place) -> Division:
    """The open conflicts, the worst first: those that the view shows in full, and those that it folds."""
    return levels_of(place.settings).divide(open_conflicts(picture.state))


def render_picture(picture: Picture, shown: Division, repository: Path, terminal: Terminal) -> list[str]:
    """The whole picture as lines: what is watched, the changes, the conflicts."""
    dot = terminal.symbol(" · ", " - ")
    changes = live_changes(picture)
    lines = [terminal.paint("bold", dot.join(_head(picture, changes, repository)))]
    if picture.target is not None:
        lines.append(terminal.paint("dim", printable(picture.target.reason)))
    else:
        lines.append(terminal.paint("dim", "no commits yet: everything in the working tree counts"))
    lines.append("")
    lines += [_change_line(change, picture, terminal) for change in changes[:_MOST_CHANGES]]
    if len(changes) > _MOST_CHANGES:
        lines.append(f"  and {len(changes) - _MOST_CHANGES} more")
    if len(changes) < 2:
        lines += _lonely(picture, len(changes))
    lines += [terminal.paint("dim", f"  not followed: {printable(each)}") for each in picture.left_out[:3]]
    lines.append("")
    for state in shown.full:
        lines += state_lines(state, picture.at, terminal)
    lines += _conflict_counts(shown, terminal)
    lines += problem_lines((), picture.statistics.problems, terminal)
    return lines


def render_footer(statistics: WatchStatistics, happened_at: Millis, now: Millis, terminal: Terminal) -> str:
    """How fresh it is, and how fast."""
    dot = terminal.symbol(" · ", " - ")
    parts = ["live", render_ago(happened_at, now)]
    if statistics.saves.count:
        parts.append(f"save to conflicts {statistics.saves.p50:.0f} ms")
    if statistics.recorder:
        parts.append(_recorded_by(statistics.recorder))
    return terminal.paint("dim", dot.join([*parts, "Ctrl-C ends"]))


def render_statistics(statistics: WatchStatistics) -> list[str]:
    """How well it kept up, for the end."""
    saves, sweep = statistics.saves, statistics.sweep
    folders = f"{_counted(statistics.watched_folders, 'folder')} of {_counted(statistics.worktrees, 'worktree')}"
    unwatched = f"{statistics.unwatched_folders} by sweep only"
    looks = f"{statistics.scans} scans, {statistics.sweeps} sweeps, {statistics.errors} errors"
    lines = [f"watched {folders} ({unwatched}), {looks}"]
    if saves.count:
        lines.append(
            f"save to conflicts: p50 {saves.p50:.0f} ms, p95 {saves.p95:.0f} ms, p99 {saves.p99:.0f} ms ({saves.count})"
        )
    if sweep.count:
        lines.append(f"found by sweep: p50 {sweep.p50:.0f} ms, p99 {sweep.p99:.0f} ms ({sweep.count})")
    return lines


def fit(line: str, width: int) -> str:
    """The line cut to a screen's width, colours kept."""
    if width <= 0 or len(_COLOURS.sub("", line)) * 2 <= width:
        return line
    out, used = [], 0
    for part in re.split(f"({_COLOURS.pattern})", line):
        if _COLOURS.fullmatch(part):
            out.append(part)
            continue
        for character in part:
            used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
            if used > width:
                break
            out.append(character)
    return "".join(out)


def fit_screen(head: Sequence[str], footer: str, width: int, height: int) -> list[str]:
    """What fits: the end gives way, and says how much does not fit."""
    room = max(1, height - 2)
    lines = list(head)
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = [*lines[: room - 1], f"… {hidden} more lines: make the window taller, or see `watchkeeper conflicts`"]
    return [fit(line, width) for line in (*lines, footer)]


class ScreenView:
    """Redrawn in place, at most five times a second, and only where something differs."""

    def __init__(self, watch: Watching, place: Place, terminal: Terminal) -> None:
        self._watch = watch
        self._place = place
        self._terminal = terminal
        self._changed = asyncio.Event()
        self._happened_at = Millis(time.time_ns() // 1_000_000)
        self._drawn: list[str] = []

    def take(self, update: Update) -> None:
        if update.recorded:
            self._happened_at = update.recorded[-1].at
        self._changed.set()

    async def show(self) -> None:
        """Draw whenever something happened, and now and then for the ages."""
        self._write([self._terminal.paint("dim", f"looking at {printable(str(self._place.repository.common_dir))} …")])
        if not await self._watch.wait_ready():
            return
        stopped = asyncio.create_task(self._watch.wait_stopped())
        try:
            while not stopped.done():
                self._draw()
                await asyncio.sleep(_REDRAW_S)
                self._changed.clear()
                waits = {stopped, asyncio.create_task(self._changed.wait())}
                _, waiting = await asyncio.wait(waits, timeout=_AGES_S, return_when=asyncio.FIRST_COMPLETED)
                for each in waiting - {stopped}:
                    each.cancel()
        finally:
            stopped.cancel()

    def end(self) -> None:
        """Leave the last picture on the screen, with what comes next."""
        lines = self._drawn[:-1]
        statistics = self._watch.statistics()
        step = "watchkeeper conflicts"
        if self._watch.has_picture:
            picture = self._watch.picture()
            step = next_step(picture, divided(picture, self._place).full)
        self._write([*lines, *render_statistics(statistics), f"next: {step}"])

    def _draw(self) -> None:
        picture = self._watch.picture()
        shown = divided(picture, self._place)
        head = render_picture(picture, shown, self._place.repository.common_dir, self._terminal)
        footer = render_footer(picture.statistics, self._happened_at, picture.at, self._terminal)
        width, height = shutil.get_terminal_size()
        lines = fit_screen(head, footer, width, height)
        if lines != self._drawn:
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        """Over the last picture, line by line: nothing is cleared that stays, so nothing flickers."""
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        body = "".join(f"\r{line}\x1b[K\n" for line in lines)
        try:
            sys.stdout.write(f"{up}{body}\x1b[J")
            sys.stdout.flush()
        except (BrokenPipeError, OSError):
            self._watch.stop()
        self._drawn = lines


class LineView:
    """For pipes, files and dumb terminals: the picture once, then a line for each event."""

    def __init__(self, watch: Watching, place: Place, terminal: Terminal) -> None:
        self._watch = watch
        self._place = place
        self._terminal = terminal
        self._is_begun = False
        self._problems: tuple[str, ...] = ()
        self._telling = Telling(levels_of(place.settings))

    def take(self, update: Update) -> None:
        if self._is_begun:
            self._print(event_lines(update.recorded, self._telling, self._terminal))
            before, self._problems = self._problems, self._watch.statistics().problems
            self._print(problem_lines(before, self._problems, self._terminal))

    async def show(self) -> None:
        """Print the first picture."""
        if await self._watch.wait_ready():
            self._is_begun = True
            picture = self._watch.picture()
            self._problems = picture.statistics.problems
            shown = divided(picture, self._place)
            self._telling = Telling(levels_of(self._place.settings), shown.full)
            self._print(render_picture(picture, shown, self._place.repository.common_dir, self._terminal))
            if picture.statistics.recorder:
                self._print([_recorded_by(picture.statistics.recorder)])

    def end(self) -> None:
        """Print how it went, and what comes next."""
        step = "watchkeeper conflicts"
        if self._watch.has_picture:
            picture = self._watch.picture()
            step = next_step(picture, divided(picture, self._place).full)
        self._print([*render_statistics(self._watch.statistics()), f"next: {step}"])

    def _print(self, lines: Iterable[str]) -> None:
        try:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
        except BrokenPipeError:
            self._watch.stop()


def event_lines(recorded: Iterable[Recorded], telling: Telling, terminal: Terminal) -> list[str]:
    """A line for each event that a person wants to read."""
    lines = []
    for each in recorded:
        event = each.event
        if isinstance(event, WatchStarted | WatchStopped) or not telling.tells(event):
            continue
        clock = time.strftime("%H:%M:%S", time.localtime(each.at / 1000))
        lines.append(f"{terminal.paint('dim', clock)}  {describe(event, terminal)}")
    return lines


def problem_lines(before: Sequence[str], now: Sequence[str], terminal: Terminal) -> list[str]:
    """What newly degrades the watch, and that nothing does any more."""
    lines = [terminal.paint("yellow", f"degraded: {printable(each)}") for each in now if each not in before]
    return lines if now or not before else ["no longer degraded"]


def _conflict_counts(shown: Division, terminal: Terminal) -> list[str]:
    if shown.full:
        said = f"{_counted(len(shown.full), 'conflict')}: {severity_counts(shown.full)}"
    else:
        said = "no conflict at major or above" if shown.folded else "no conflicts"
    return [said, *folded_lines(shown.folded, terminal)]


def _recorded_by(process: int) -> str:
    return f"recording is done by process {process}" if process > 0 else "recording is done by another process"


def _head(picture: Picture, changes: Sequence[Change], repository: Path) -> list[str]:
    folder = repository.parent if repository.name == ".git" else repository
    statistics = picture.statistics
    parts = [printable(_home_relative(folder))]
    if picture.target is not None:
        parts.append(f"target {printable(picture.target.name)}")
    parts.append(f"{_counted(len(changes), 'change')} in {_counted(statistics.worktrees, 'worktree')}")
    if statistics.watched_folders:
        more = (
            f" of {statistics.watched_folders + statistics.unwatched_folders}" if statistics.unwatched_folders else ""
        )
        parts.append(f"{statistics.watched_folders}{more} folders watched")
    return parts


def _lonely(picture: Picture, count: int) -> list[str]:
    """What there is to see where nothing can collide yet."""
    target = f", and against what lands on {printable(picture.target.name)}" if picture.target else ""
    first = (
        f"  one live change: it is held against the next worktree or branch that differs{target}"
        if count
        else "  no live change: no worktree or branch differs from its base"
    )
    return [first, "  see what it would have found in this repository's history: watchkeeper replay"]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _home_relative(folder: Path) -> str:
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) and home != Path("/") else str(folder)


def _change_line(change: Change, picture: Picture, terminal: Terminal) -> str:
    files = _counted(picture.files.get(change.id, 0), "file")
    since = render_ago(change.since, picture.at).removesuffix(" ago") if change.since else ""
    dot = terminal.symbol(" · ", " - ")
    parts = [files, *([f"since {since}"] if since else []), *([] if change.path else [change.source.value])]
    return f"  {printable(change.label):<28}  {terminal.paint('dim', dot.join(parts))}"
