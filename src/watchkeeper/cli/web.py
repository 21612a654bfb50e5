"""``watchkeeper web``: the control room in a browser, and who may come in."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import repo_option
from watchkeeper.cli.output import say, show
from watchkeeper.cli.verb import VerbGroup
from watchkeeper.model.errors import WatchkeeperError

if TYPE_CHECKING:
    from watchkeeper.controlroom.scope import Scope

VERBS: Mapping[str, str] = {
    "token": "List, make or revoke the tokens by which people come in.",
}
"""The verbs of the control room. Kept here so that ``--help`` imports none of them; a test compares."""


def find_verb(name: str) -> click.Command:
    """The verb of that name."""
    command = importlib.import_module(f"watchkeeper.cli.web_{name}").command
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    find=find_verb,
    invoke_without_command=True,
    examples=("watchkeeper web", "watchkeeper web --listen 127.0.0.1:8000", "watchkeeper web token --new phone"),
    then="watchkeeper web token",
)
@click.option("--listen", metavar="ADDRESS", default="", help="Where, as in 127.0.0.1:7333; above web.listen.")
@click.option("--kept", is_flag=True, hidden=True)
@fleet_option
@repo_option
@click.pass_context
def command(context: click.Context, *, listen: str, kept: bool, file: Path | None, folder: Path) -> int:
    """Serve the control room: what needs you, conflicts, the queue, the fleet, the brief, and every act on them.

    It listens on 127.0.0.1:7333, or where `[web] listen` of `fleet.toml` says. At the first start it prints a token:
    whoever has it comes in, and may act. A fleet's daemon keeps one running. Without a fleet it shows the repository
    here. Ends with Ctrl-C. Exit code 0.
    """
    if context.invoked_subcommand is not None:
        return Exit.NOTHING
    from watchkeeper.controlroom.scope import find_scope

    _require_installed()
    return _serve(find_scope(file, folder, os.environ), listen, is_kept=kept)


def _serve(scope: Scope, listen: str, *, is_kept: bool) -> int:
    import uvicorn

    from watchkeeper.controlroom.picture import Reader
    from watchkeeper.controlroom.scope import open_scope_log
    from watchkeeper.fleet.config import WebSection
    from watchkeeper.web.access import make_server_config, open_access, require_listen
    from watchkeeper.web.app import make_app
    from watchkeeper.web.room import Room

    section = scope.config.web if scope.config is not None else WebSection()
    host, port = require_listen(section, listen)
    with open_scope_log(scope, os.environ) as log, _bound(host, port) as sock:
        address = f"{host}:{sock.getsockname()[1]}"
        access = open_access(scope, log, now, listen=address)
        room = Room(Reader(log, scope, now), environ=os.environ)
        server = uvicorn.Server(make_server_config(make_app(room, access), host, port))
        token = access.first_token()
        lines = [f"the control room is at http://{address}"]
        lines += [f"the token, which is shown this once: {token}"] if token is not None else []
        show(lines, "watchkeeper web token")
        sys.stdout.flush()
        if is_kept:
            threading.Thread(target=_end_with_input, daemon=True).start()
        server.run([sock])
    return Exit.NOTHING


def _end_with_input() -> None:
    """Who keeps us is gone when our input ends."""
    while sys.stdin.buffer.read(1):
        pass
    say("who keeps the control room is gone: it ends")
    os.kill(os.getpid(), signal.SIGTERM)


def _bound(host: str, port: int) -> socket.socket:
    """Raises WatchkeeperError (``web-port-taken``)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise WatchkeeperError(
            f"Nobody can listen at {host}:{port}: {error.strerror}",
            slug="web-port-taken",
            hint="another control room may run: look at that one, or choose a port with --listen",
            facts={"listen": f"{host}:{port}"},
        ) from error
    return sock


def _require_installed() -> None:
    """Raises WatchkeeperError (``web-not-installed``)."""
    for name in ("jinja2", "multipart", "starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise WatchkeeperError(
                f"The control room needs {name}, which is not installed",
                slug="web-not-installed",
                hint="pip install 'watchkeeper[web]'",
                facts={"missing": name},
            )
