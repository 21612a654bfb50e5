"""``watchkeeper mcp``: answers agents that ask by themselves, and says how to let them."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.output import say, show
from watchkeeper.cli.verb import verb
from watchkeeper.mcp.snippets import AGENTS, snippet
from watchkeeper.model.errors import NotARepositoryError, UsageError
from watchkeeper.model.printing import printable
from watchkeeper.record.home import find_home

_MODE = 0o644


@verb(
    examples=(
        "watchkeeper mcp --print-config codex",
        "watchkeeper mcp --agents-md --write",
        "watchkeeper mcp",
        "watchkeeper mcp --http 8731",
    ),
    then="watchkeeper status",
)
@click.option("--cwd", "folder", metavar="DIR", type=click.Path(path_type=Path), default=Path(),
              help="The worktree that the agent works in: any folder in it. Default: where it is started.")  # fmt: skip
@click.option("--state", metavar="DIR", type=click.Path(path_type=Path),
              help="The state folder, for agents that give it no environment. Default: as everywhere.")  # fmt: skip
@click.option("--http", "port", metavar="PORT", type=click.IntRange(0, 65535),
              help="Serve on this port of 127.0.0.1 instead; 0 finds a free one. Prints a token.")  # fmt: skip
@click.option(
    "--print-config", "agent", type=click.Choice(AGENTS), help="Print what goes into an agent's configuration."
)
@click.option("--agents-md", "in_agents_md", is_flag=True, help="Show a block for AGENTS.md that says when to ask.")
@click.option("--write", "writes", is_flag=True, help="With --agents-md: put it in, or renew it.")
@click.option("--remove", "removes", is_flag=True, help="With --agents-md: take it out again.")
def command(
    *,
    folder: Path,
    state: Path | None,
    port: int | None,
    agent: str | None,
    in_agents_md: bool,
    writes: bool,
    removes: bool,
) -> int:
    """Answer what agents ask by themselves, over MCP: their inbox, who touches something, what has changed.

    Speaks MCP on the standard streams until they end; agents start it. It asks the daemon (`watchkeeper up`), which may
    come and go. Needs the extra `watchkeeper[mcp]`.
    """
    if sum((port is not None, agent is not None, in_agents_md)) > 1 or (writes and removes):
        raise _usage("Only one of --http, --print-config, --agents-md --write and --agents-md --remove can be done")
    if (writes or removes) and not in_agents_md:
        raise _usage("--write and --remove are about the block in AGENTS.md")
    environ = {**os.environ, **({"WATCHKEEPER_HOME": str(state)} if state is not None else {})}
    if agent is not None:
        return _print_config(agent, find_home(environ))
    if in_agents_md:
        return _change_agents_md(folder, writes=writes, removes=removes)
    return _serve(folder, environ, port)


def _usage(message: str) -> UsageError:
    return UsageError(message, slug="mcp-options", hint="watchkeeper mcp --help")


def _serve(folder: Path, environ: Mapping[str, str], port: int | None) -> int:
    from watchkeeper.mcp.serving import serve_http, serve_streams

    if port is not None:
        serve_http(folder, environ, port, _announce)
        return Exit.NOTHING
    if sys.stdin.isatty():
        say("speaking MCP on the standard streams, which is for agents: watchkeeper mcp --print-config AGENT")
    serve_streams(folder, environ)
    return Exit.NOTHING


def _announce(address: str, token: str) -> None:
    show([f"serving MCP at {address}", f"each request has to bear: Authorization: Bearer {token}"], "watchkeeper up")
    sys.stdout.flush()


def _print_config(agent: str, home: Path) -> int:
    """With the state folder: Codex, for one, starts its servers without most of the environment."""
    made = snippet(agent, [*_own_command(), "mcp", "--state", str(home)])
    say(f"for {made.place}:")
    sys.stdout.write(made.text)
    say("next: watchkeeper up")
    return Exit.NOTHING


def _own_command() -> Sequence[str]:
    """What starts this very installation, from any folder and with any PATH."""
    script = Path(sys.executable).with_name("watchkeeper")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "watchkeeper"]


def _change_agents_md(folder: Path, *, writes: bool, removes: bool) -> int:
    from watchkeeper.agents.files import read_config, remove_config, write_config
    from watchkeeper.mcp.agentsmd import with_block, without_block

    path = _agents_md(folder)
    content, mode = read_config(path) or (None, _MODE)
    kept = without_block(content) if content is not None else None
    wanted = kept if removes else with_block(content)
    for line in _difference(content or b"", wanted or b"", path):
        say(printable(line))
    if wanted != content and (writes or removes):
        if wanted is None:
            remove_config(path, ())
        else:
            write_config(path, wanted, mode)
    show([_sentence(path, is_change=wanted != content, done=writes or removes)], _then(writes or removes))
    return Exit.NOTHING


def _agents_md(folder: Path) -> Path:
    from watchkeeper.app import find_place

    root = find_place(folder, os.environ).repository.found_at
    if root is None:
        raise NotARepositoryError(
            "A bare repository has no AGENTS.md", slug="no-worktree", hint="run it in one of its worktrees"
        )
    return root / "AGENTS.md"


def _difference(old: bytes, new: bytes, path: Path) -> list[str]:
    before, after = (each.decode("utf-8", "backslashreplace").splitlines() for each in (old, new))
    return list(difflib.unified_diff(before, after, str(path), str(path), lineterm=""))


def _sentence(path: Path, *, is_change: bool, done: bool) -> str:
    if not is_change:
        return printable(f"nothing to change in {path}")
    return printable(f"changed {path}" if done else f"nothing was changed in {path}")


def _then(done: bool) -> str:
    return "watchkeeper up" if done else "watchkeeper mcp --agents-md --write"
