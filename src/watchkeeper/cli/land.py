"""``watchkeeper land``: finished changes go to the target branch, through the queue."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchkeeper.app import find_place, find_socket, now
from watchkeeper.cli.daemon import is_answering
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, say, show, show_document
from watchkeeper.cli.queue_words import halt_lines, outcome_document, outcome_lines, red_lines, what_next
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.landing import describe_landing, name_all
from watchkeeper.landing.driver import SettingsChangedError
from watchkeeper.landing.entering import try_again
from watchkeeper.landing.serving import QueueService, begin_before
from watchkeeper.landing.view import find_red, is_begun, is_decided
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Seq
from watchkeeper.model.landing import CandidateBuilt
from watchkeeper.model.printing import printable
from watchkeeper.queueing import find_outcomes, is_driven, open_landing, settings_are, submit, submit_revert

if TYPE_CHECKING:
    from watchkeeper.app import Place
    from watchkeeper.model.landing import EntryId, LandingEvent
    from watchkeeper.queueing import Landing


@verb(
    examples=(
        "watchkeeper land                     the worktree where you are",
        "watchkeeper land fix-login add-tax",
        "watchkeeper land fix-login --no-wait",
        "watchkeeper land --from-main         test what went past the queue",
    ),
    then="watchkeeper queue",
)
@click.argument("changes", nargs=-1, metavar="[CHANGE]...")
@click.option("--from-main", is_flag=True, help="Test what came to the target branch past the queue.")
@click.option("--since", metavar="REV", help="With --from-main: the last commit that is known to be good.")
@click.option(
    "--wait/--no-wait", "waits", default=None, help="Wait until it is decided. Default: where no daemon runs."
)
@click.option("--revert", metavar="ENTRY", help="Land the revert that was prepared of what broke the branch.")
@click.option("--issue", default="", metavar="TEXT", help="The issue that the change resolves; kept in the commit.")
@click.option("--serve", is_flag=True, hidden=True)
@repo_option
@json_option
def command(
    *,
    changes: tuple[str, ...],
    from_main: bool,
    since: str | None,
    revert: str | None,
    waits: bool | None,
    issue: str,
    serve: bool,
    folder: Path,
    as_json: bool,
) -> int:
    """Queue finished changes for the target branch; each lands once a tree with it has passed all tests.

    A CHANGE is a branch, or the path of a worktree (without any: the one where you are); what is not committed is
    refused. Where a daemon runs, it drives the queue; else this command does, until its changes are decided. A change
    that breaks something together with another goes back, with the other named. Exit code 0 where all landed (or were
    queued), 1 where one went back or waits for a person.
    """
    if serve:
        return _serve(folder)
    _refuse_contradictions(changes, since, revert, from_main=from_main)
    place = find_place(folder, os.environ)
    with open_landing(place) as landing:
        landing.book.refresh()
        told = Seq(landing.book.queue.seq)
        entries: list[EntryId] = []
        refused: list[UsageError] = []
        if from_main:
            since_commit = place.repository.resolve(since) if since is not None else None
            begin_before(landing.book, landing.workshop, since_commit)
        elif revert is not None:
            entries = [submit_revert(landing, revert)]
        else:
            names = changes or (str(place.repository.found_at),)
            for name in names:
                try:
                    entries.append(submit(place, landing, name, issue=issue, folder=folder))
                except UsageError as error:
                    refused.append(error)
            if refused and not entries:
                raise refused[0]
        landing.book.tell_if(partial(try_again, by=os.environ.get("USER", "")))
    has_daemon = is_answering(find_socket(place))  # one that was killed leaves its socket
    is_waiting = waits or (waits is None and not has_daemon)
    while True:
        place = find_place(folder, os.environ)
        with open_landing(place) as landing, suppress(SettingsChangedError):
            landing.book.skip_news(told)
            landing.book.refresh()
            if is_waiting:
                service = _service(place, landing, quiet=as_json)
                _drive(service, landing, entries)
            return _report(place, landing, entries, refused, from_main=from_main, as_json=as_json)
        told = Seq(landing.book.queue.seq)


def _refuse_contradictions(changes: Sequence[str], since: str | None, revert: str | None, *, from_main: bool) -> None:
    """Whoever names what would be ignored means something else."""
    if sum((bool(changes), from_main, revert is not None)) > 1:
        message = "Changes, --from-main and --revert exclude each other"
    elif since is not None and not from_main:
        message = "--since says something only with --from-main"
    else:
        return
    raise UsageError(message, slug="usage", hint="watchkeeper land --help")


def _main_line(landing: Landing) -> str:
    """What is known of the branch, where it is not red."""
    queue = landing.book.queue
    tip = (queue.tip or "")[:10]
    if not _is_done(landing, ()):
        return "the target branch is not tested yet"
    if is_begun(queue):
        return f"nothing came after {tip}, which counts as good"
    return f"the target branch passes everything at {tip}"


def _drive(service: QueueService, landing: Landing, entries: Sequence[EntryId]) -> None:
    """Until it is decided; whoever interrupts it is told that nothing is lost."""
    try:
        service.run(partial(_is_done, landing, entries))
    except KeyboardInterrupt:
        left = [each for each in entries if not is_decided(landing.book.queue, [each])]
        if left:
            stay = "stays" if len(left) == 1 else "stay"
            again = f"watchkeeper land {printable(left[0].rpartition('/')[0])}"
            say(f"interrupted: {name_all(left)} {stay} in the queue; go on with: {again}, or watchkeeper up")
        raise


def _is_done(landing: Landing, entries: Sequence[EntryId]) -> bool:
    """Where the branch itself is asked for, the queue has to have seen where it is now."""
    if not is_decided(landing.book.queue, entries):
        return False
    tip = None if entries else landing.workshop.tip()
    return tip is None or tip.commit == landing.book.queue.tip


def _report(
    place: Place,
    landing: Landing,
    entries: Sequence[EntryId],
    refused: Sequence[UsageError],
    *,
    from_main: bool,
    as_json: bool,
) -> int:
    rows = find_outcomes(landing, entries)
    queue, red = landing.book.queue, find_red(landing.book.queue, landing.book.history())
    if as_json:
        told = [{"slug": each.slug, "message": each.message, "hint": each.hint} for each in refused]
        show_document({"entries": [outcome_document(row) for row in rows], "red": red, "refused": told})
    else:
        lines = [f"not queued: {printable(each.message)} ({printable(each.hint)})" for each in refused]
        lines += [line for row in rows for line in outcome_lines(row)]
        if from_main and queue.halted is None:
            lines.append(_main_line(landing))
        lines += red_lines(red) if red is not None else halt_lines(queue.halted)
        has_driver = is_answering(find_socket(place)) or (not landing.lock.is_mine and is_driven(place))
        idle = [row.id for row in rows if row.state == "waiting" and not has_driver]
        show(lines, what_next(queue.halted, red, idle) or "watchkeeper queue")
    has_failed = bool(refused) or any(row.state in {"bounced", "held"} for row in rows) or queue.halted is not None
    return Exit.FOUND if has_failed else Exit.NOTHING


def _service(place: Place, landing: Landing, *, quiet: bool) -> QueueService:
    terminal = find_terminal(sys.stderr, os.environ)

    def tell(event: LandingEvent) -> None:
        if not quiet and not isinstance(event, CandidateBuilt):
            say(terminal.paint("dim", describe_landing(event)))

    return QueueService(
        landing.book,
        landing.workshop,
        landing.gate,
        landing.policy,
        landing.lock,
        clock=now,
        on_event=tell,
        is_current=settings_are(place, os.environ),
    )


def _serve(folder: Path) -> int:
    """Drive the queue until whoever started us is gone: our input ends with it. Begins anew with other settings."""
    over, awake = threading.Event(), list[QueueService]()

    def listen() -> None:
        while sys.stdin.buffer.read(1):
            pass
        over.set()
        for service in awake:
            service.wake()

    threading.Thread(target=listen, daemon=True).start()
    while not over.is_set():
        place = find_place(folder, os.environ)
        with open_landing(place) as landing, suppress(SettingsChangedError):
            service = _service(place, landing, quiet=True)
            awake[:] = [service]
            service.run(over.is_set)
    return Exit.NOTHING
