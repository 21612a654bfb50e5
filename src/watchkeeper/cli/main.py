"""The command line: finds the verb, runs it, and turns whatever happens into words and an exit code."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence

import click

from watchkeeper.cli.exits import Exit

VERBS: Mapping[str, str] = {
    "watch": "Show which changes conflict, live, while they are typed.",
    "check": "Say once which of the given changes conflict.",
    "risk": "Say how risky a change is, and why.",
    "prove": "Run the merge of the given changes, and say what is wrong only there.",
    "replay": "Judge the tool on this repository's own history.",
    "conflicts": "List the open conflicts, or show one of them.",
    "dismiss": "Say that a conflict does not matter, until it gets worse.",
    "rules": "Say what became of each rule's suspicions.",
    "land": "Take finished changes to the target branch, through the queue.",
    "queue": "Show who waits for the target branch, and for what.",
    "hold": "Let an entry of the queue wait for a person.",
    "release": "Let an entry go on that waits for a person.",
    "bounce": "Send an entry of the queue back to who made it.",
    "jump": "Let an entry go before all others.",
    "up": "Watch in the background, and let agents take part.",
    "down": "End the daemon of this repository.",
    "run": "Let an agent do a task, as a session that is told of conflicts.",
    "issue": "List, file and work on issues.",
    "lease": "Let one session or person alone touch something for a while.",
    "status": "Say whether the daemon runs, and what agents were told.",
    "fleet": "Say what each project of the fleet does now, and why.",
    "brief": "Say what the fleet did, and what of it needs you.",
    "ack": "Say that you know of a matter, until it gets worse.",
    "dispatch": "Decide which issues are worked on next, and say why.",
    "overrule": "Let an issue go on that was held back.",
    "service": "Keep the fleet running: systemd or launchd.",
    "db": "Watch running databases for what stands still.",
    "deployed": "Say which commit runs where.",
    "incidents": "List what stood still in databases, and whose changes made it.",
    "incident": "Show one incident with the code of both sides.",
    "web": "Serve the control room, for a browser.",
    "desk": "Survey what landed, close days, and tell people.",
    "decisions": "List what agents decided, and accept, question or revert it.",
    "worklog": "Show the log of a project's day.",
    "notify": "Say how people are told, and try it.",
    "scout": "Look at whole projects, and file what holds.",
    "findings": "List what scouts found, and say what it is.",
    "standards": "Say what every project is held to.",
    "log": "Replay what was recorded.",
    "hooks": "Let agents that people start take part.",
    "mcp": "Answer what agents ask by themselves.",
    "init": "Write a commented watchkeeper.toml.",
    "doctor": "Check this machine and this repository.",
    "demo": "See two changes collide, in a temporary repository.",
    "experiment": "Measure whether prevention pays, on a day of scripted agents.",
}
"""The verbs and what they do. Kept here so that ``--help`` imports none of them; a test compares."""

_HELP = """Sees the changes of parallel agents collide while they are typed, also where git merges them cleanly.

\b
Examples:
  watchkeeper demo                     see it work, in a temporary repository
  watchkeeper watch                    follow all worktrees of this repository
  watchkeeper check agent-a agent-b    compare two branches once
  watchkeeper conflicts                list what is open

Exit codes: 0 nothing found, 1 something found, 2 usage, 3 not a repository or not configured, 4 daemon unreachable,
5 internal error, 130 interrupted.
"""


class _Verbs(click.Group):
    """Imports a verb when it is run."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; the verbs are {', '.join(VERBS)}"
            raise click.UsageError(f"There is no verb {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"watchkeeper.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write("\nnext: watchkeeper demo\n")


@click.command(
    cls=_Verbs,
    help=_HELP,
    invoke_without_command=True,
    options_metavar="",
    subcommand_metavar="VERB [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="watchkeeper", message="%(prog)s %(version)s", help="Show the version and exit.")
@click.pass_context
def watchkeeper(ctx: click.Context) -> None:
    """Without a verb: the help."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(argv: Sequence[str]) -> int:
    """Run one command line and give its exit code. Never raises, and never leaves an error unexplained."""
    wants_json = "--json" in argv
    _tolerate_any_text()
    try:
        code = watchkeeper.main(args=list(argv), prog_name="watchkeeper", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except (BrokenPipeError, SystemExit):  # click turns the one into the other, which no verb raises
        return _reader_left()
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 the last resort: a person gets a sentence, the traceback goes to a file
        # Imported here: help and version take no time to prepare for failures.
        from watchkeeper.cli.failures import report

        return report(error, os.environ, wants_json=wants_json)


def _tolerate_any_text() -> None:
    """A character that the terminal cannot show is escaped, not a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _reader_left() -> int:
    """``watchkeeper log | head``: whoever read has seen enough. Python must not try to flush the rest at exit."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.close(sink)
    return Exit.NOTHING
