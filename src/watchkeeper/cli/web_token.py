"""``watchkeeper web token``: who may log in to the control room."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.judging import Role
from watchkeeper.controlroom.scope import Scope, find_scope, open_scope_log
from watchkeeper.model.attention import PersonActed
from watchkeeper.model.errors import UsageError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.printing import printable


@verb(
    examples=(
        "watchkeeper web token",
        "watchkeeper web token --new phone",
        "watchkeeper web token --new wall --role viewer",
        "watchkeeper web token --revoke phone",
    ),
    then="watchkeeper web",
)
@click.option("--new", "made", metavar="NAME", help="Make one, and show it: it is shown this once.")
@click.option(
    "--role",
    type=click.Choice([each.value for each in Role]),
    default=Role.OPERATOR.value,
    show_default=True,
    help="A viewer sees everything and changes nothing.",
)
@click.option("--revoke", "revoked", metavar="NAME", help="End one, and all logins that were made with it.")
@fleet_option
@repo_option
@json_option
def command(*, made: str | None, role: str, revoked: str | None, file: Path | None, folder: Path, as_json: bool) -> int:
    """List the tokens with which one logs in to the control room, make another, or end one.

    A token is kept as a salted hash alone. Its name is what the record calls its holder by. A running `watchkeeper web`
    sees at once what is changed here. Exit code 0.
    """
    from watchkeeper.web.access.entrance import open_tokens

    if made is not None and revoked is not None:
        raise UsageError("A token is made or revoked, one at a time", slug="usage", hint="give --new or --revoke")
    scope = find_scope(file, folder, os.environ)
    tokens = open_tokens(scope.home, now)
    if made is not None:
        secret = tokens.make(made, Role(role))
        _audit(scope, "token-made", made, role)
        _show_new(made, role, secret, as_json=as_json)
    elif revoked is not None:
        gone = tokens.revoke(revoked)
        _audit(scope, "token-revoked", gone.name, gone.role.value)
        if as_json:
            show_document({"revoked": gone.name})
        else:
            show(
                [f"{printable(gone.name)} is no longer valid, nor is any login that was made with it"],
                "watchkeeper web token",
            )
    elif as_json:
        rows = [{"name": each.name, "role": each.role.value, "made_at": each.made_at} for each in tokens.list()]
        show_document({"tokens": rows})
    else:
        lines = [f"{each.name:<24} {each.role.value:<10} {_day(each.made_at)}" for each in tokens.list()]
        show(lines or ["There is no token yet: the first is made when `watchkeeper web` starts"], "watchkeeper web")
    return Exit.NOTHING


def _show_new(name: str, role: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        show_document({"name": name, "role": role, "token": secret})
        return
    say(f"The token of {name} ({role}); it is shown this once:")
    show([secret], "watchkeeper web")


def _audit(scope: Scope, what: str, name: str, role: str) -> None:
    with open_scope_log(scope, os.environ) as log:
        acted = PersonActed(what, name, os.environ.get("USER", ""), "cli", role)
        log.append(FLEET, [acted], now())


def _day(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
