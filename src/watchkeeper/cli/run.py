"""``watchkeeper run``: let an agent do a task, as a session that is told of conflicts at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import click

from watchkeeper.app import find_place, find_socket
from watchkeeper.cli.documents import agent_event_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_lines_option, repo_option
from watchkeeper.cli.output import find_terminal, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.daemon import make_adapter
from watchkeeper.model.agents import Act, AgentEvent, Phase
from watchkeeper.model.printing import printable

_MOST_LINE = 160


@verb(
    examples=(
        'watchkeeper run goose "add a test for update_stage_field"',
        'watchkeeper run codex "resolve issue 12: ..." --repo ../worktree',
    ),
    then="watchkeeper status",
)
@click.argument("agent")
@click.argument("task")
@repo_option
@json_lines_option
def command(*, agent: str, task: str, folder: Path, as_json: bool) -> int:
    """Let AGENT do TASK in this worktree, and show what it does. Where a daemon runs, it takes part.

    A conflict is pushed into its running turn where its protocol can do that; else its hooks tell it, or it is asked
    once more when its turn ends. Its programs and login are those of AGENT itself. What it asks permission for is
    allowed, but for what somebody else holds or owns. Ctrl-C ends the turn. Exit code 0 when the task came to its end,
    1 when the agent failed.
    """
    place = find_place(folder, os.environ)
    where = place.repository.found_at or folder
    shown = _Json() if as_json else _Lines()
    last = asyncio.run(_run(agent, task, find_socket(place), where.resolve(), shown))
    is_well = last is not None and last.act is Act.END and not shown.faults
    if not as_json:
        sys.stdout.write("next: watchkeeper status\n")
    return Exit.NOTHING if is_well else Exit.FOUND


async def _run(agent: str, task: str, socket: Path, cwd: Path, shown: _Lines | _Json) -> AgentEvent | None:
    from watchkeeper.watch.running import Running

    running = Running(agent, make_adapter(agent, socket), socket, cwd)
    loop, cancelling = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    loop.add_signal_handler(signal.SIGINT, lambda: cancelling.add(loop.create_task(running.cancel())))
    return await running.run(task, shown.take)


class _Lines:
    """A line for each thing that the agent does."""

    def __init__(self) -> None:
        self.faults = 0
        self._terminal = find_terminal(sys.stdout, os.environ)

    def take(self, event: AgentEvent) -> None:
        """Print it, where it is worth a line."""
        self.faults += event.act is Act.FAULT
        what = " ".join((event.path or event.command or event.text).split())
        if event.phase is Phase.INTENT or (not what and event.act not in (Act.IDLE, Act.END)):
            return
        mark = f"{event.act.value:<7}" + ("(failed) " if event.phase is Phase.FAILED else "")
        line = f"{self._terminal.paint('dim', mark)} {printable(what)[:_MOST_LINE]}".rstrip()
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class _Json:
    """The same for programs."""

    def __init__(self) -> None:
        self.faults = 0

    def take(self, event: AgentEvent) -> None:
        """Print it."""
        self.faults += event.act is Act.FAULT
        show_document(agent_event_document(event))
