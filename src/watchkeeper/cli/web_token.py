"""``watchkeeper web token``: who has a token, a new one, and one less."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import printable, show, show_document
from watchkeeper.cli.verb import verb


@verb(
    examples=(
        "watchkeeper web token",
        "watchkeeper web token --new phone",
        "watchkeeper web token --new guest --role viewer",
        "watchkeeper web token --revoke phone",
    ),
    then="watchkeeper web",
)
@click.option("--new", "new", metavar="NAME", help="Make one; it is shown this once.")
@click.option("--role", type=click.Choice(["operator", "viewer"]), default="operator", help="What its holder may do.")
@click.option("--revoke", metavar="NAME", help="End one, and all logins that were made with it.")
@fleet_option
@repo_option
@json_option
def command(*, new: str | None, role: str, revoke: str | None, file: Path | None, folder: Path, as_json: bool) -> int:
    """Say which tokens of the control room are valid, make one, or revoke one.

    A viewer sees everything and changes nothing. What is kept is a hash: a token that is lost is made anew. A server
    that runs knows of each change at once. Exit code 0.
    """
    from watchkeeper.controlroom.actions import Role
    from watchkeeper.controlroom.scope import find_scope
    from watchkeeper.web.access import open_tokens

    tokens = open_tokens(find_scope(file, folder, os.environ).home, now)
    made = tokens.make(new, Role(role)) if new else None
    gone = tokens.revoke(revoke) if revoke else None
    listed = [{"name": each.name, "role": each.role.value} for each in tokens.list()]
    if as_json:
        show_document({"tokens": listed, "made": made, "revoked": gone.name if gone is not None else None})
        return Exit.NOTHING
    lines = [f"the token of {printable(new or '')}, which is shown this once: {made}"] if made is not None else []
    lines += [f"{printable(gone.name)} is revoked, with its logins"] if gone is not None else []
    lines += [f"{each['name']:<24}{each['role']}" for each in listed]
    show(lines or ["there is no token yet: the first start makes one"], "watchkeeper web")
    return Exit.NOTHING
