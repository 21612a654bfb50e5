"""``watchkeeper watch``: which changes conflict, live, while they are typed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import Place, find_place, find_socket
from watchkeeper.cli.daemon import is_answering
from watchkeeper.cli.documents import change_document, event_document, state_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.live_view import divided, make_view, next_step, render_picture, shown_conflicts
from watchkeeper.cli.options import json_lines_option, repo_option, severity_option, target_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.conflicts.standing import ConflictState
from watchkeeper.controlroom.wording.times import render_moment_iso
from watchkeeper.daemon import open_watch, serve
from watchkeeper.model.events import ConflictOpened

if TYPE_CHECKING:
    from watchkeeper.watch.attached import Watching
    from watchkeeper.watch.picture import Parts, Picture, Update


@verb(
    examples=(
        "watchkeeper watch",
        "watchkeeper watch --branch 'origin/feature/*'",
        "watchkeeper watch --clone ../other-clone",
        "watchkeeper watch --json",
    ),
    then="watchkeeper conflicts",
)
@click.option("--branch", "branches", multiple=True, metavar="GLOB", help="Follow these branches too; repeatable.")
@click.option("--clone", "clones", multiple=True, metavar="DIR", help="Follow this other clone too; repeatable.")
@click.option("--once", is_flag=True, help="Show the state of now and end: exit code 1 when there is a conflict.")
@target_option
@severity_option
@repo_option
@json_lines_option
def command(
    *,
    branches: tuple[str, ...],
    clones: tuple[str, ...],
    once: bool,
    target: str | None,
    severity: str | None,
    folder: Path,
    as_json: bool,
) -> int:
    """Follow all worktrees of the repository and show which changes conflict, a moment after each save.

    Works at once in any repository, without configuration. Staged, unstaged and untracked work counts; ignored files
    do not. Your repository is only read. Conflicts at major and above are shown in full, minor ones are counted;
    `--severity minor` shows them too. Everything is recorded: see `watchkeeper conflicts` and `watchkeeper log`.
    Where a daemon runs (`watchkeeper up`) it is its watch that is shown. Ctrl-C ends the view.
    """
    flags = {"branches": branches or None, "clones": clones or None, "target": target, "min_severity": severity}
    place = find_place(folder, os.environ, flags)
    if not once and not (branches or clones or target) and is_answering(find_socket(place)):
        from watchkeeper.watch.attached import AttachedWatch

        return asyncio.run(_show(AttachedWatch(find_socket(place)), place, as_json=as_json))
    with open_watch(place) as parts:
        if once:
            return _once(parts, place, as_json=as_json)
        return asyncio.run(_follow(parts, place, as_json=as_json))


def _once(parts: Parts, place: Place, *, as_json: bool) -> int:
    from watchkeeper.watch.once import look_once

    picture = look_once(parts)
    shown = shown_conflicts(picture, place.config.min_severity)
    if as_json:
        show_document(snapshot_document(picture, shown))
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        division = divided(picture, place)
        lines = render_picture(picture, division, place.repository.common_dir, terminal)
        show(lines, next_step(picture, division.full))
    return Exit.FOUND if shown else Exit.NOTHING


async def _follow(parts: Parts, place: Place, *, as_json: bool) -> int:
    from watchkeeper.watch.engine import LiveWatch

    watch = LiveWatch(parts)
    return await _show(watch, place, as_json=as_json, beside=lambda: serve(watch, parts, place))


async def _show(
    watch: Watching, place: Place, *, as_json: bool, beside: Callable[[], Coroutine[None, None, None]] | None = None
) -> int:
    """Run a watch, and what serves others ``beside`` it, and show it until somebody ends it."""
    asked = _stop_on_signals(watch)
    view = JsonView(watch, place) if as_json else make_view(watch, place, os.environ)
    watch.listen(view.take)
    async with asyncio.TaskGroup() as tasks:
        shown = tasks.create_task(view.show())
        serving = tasks.create_task(beside()) if beside is not None else None
        try:
            await watch.run()
        finally:
            watch.stop()
            if serving is not None:
                serving.cancel()
        await shown
    view.end()
    code = Exit.INTERRUPTED if signal.SIGINT in asked else Exit.NOTHING
    if watch.is_stuck:  # in a scan or a parse that takes long: nobody waits for it
        sys.stdout.flush()
        os._exit(code)
    return code


def _stop_on_signals(watch: Watching) -> list[int]:
    """Ctrl-C, a request to end and a closed terminal all end it in order; the signals that came."""
    asked: list[int] = []

    def stop(number: int) -> None:
        asked.append(number)
        watch.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    return asked


class JsonView:
    """A snapshot when the first screen is complete, then a line for each event at once, statistics at the end.

    SIGUSR1 asks for a line of statistics in between.
    """

    def __init__(self, watch: Watching, place: Place) -> None:
        self._watch = watch
        self._least = place.config.min_severity
        self._is_begun = False

    def take(self, update: Update) -> None:
        """Print what happened. Before the snapshot it is part of that."""
        if not self._is_begun:
            return
        for recorded in update.recorded:
            event = recorded.event
            if isinstance(event, ConflictOpened) and event.conflict.severity.rank < self._least.rank:
                continue
            latency = round(update.latency_ms, 1) if update.latency_ms is not None else None
            self._print({"type": "event", **event_document(recorded), "latency_ms": latency})

    async def show(self) -> None:
        """Print the snapshot when it is time."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._print_statistics)
        if await self._watch.wait_ready():
            self._is_begun = True
            picture = self._watch.picture()
            self._print(snapshot_document(picture, shown_conflicts(picture, self._least)))

    def end(self) -> None:
        """Print the last line."""
        self._print_statistics()

    def _print_statistics(self) -> None:
        self._print({"type": "statistics", **msgspec.to_builtins(self._watch.statistics())})

    def _print(self, document: dict[str, object]) -> None:
        try:
            show_document(document)
        except BrokenPipeError:
            self._watch.stop()


def snapshot_document(picture: Picture, shown: Sequence[ConflictState]) -> dict[str, object]:
    """Everything at one moment, for programs."""
    return {
        "type": "snapshot",
        "at": render_moment_iso(picture.at),
        "target": picture.target.name if picture.target else None,
        "changes": [{**change_document(each), "files": picture.files.get(each.id, 0)} for each in picture.changes],
        "conflicts": [state_document(each) for each in shown],
        "left_out": list(picture.left_out),
        "statistics": msgspec.to_builtins(picture.statistics),
    }
