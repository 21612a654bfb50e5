"""``watchkeeper db``: running databases, with a verb for each thing that can be done about them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

from watchkeeper.cli.verb import VerbGroup

VERBS: Mapping[str, str] = {
    "watch": "Say what stands still in a database, and because of whom.",
}
"""The verbs of databases. Kept here so that ``--help`` imports none of them; a test compares."""


def find_verb(name: str) -> click.Command:
    """The verb of that name."""
    command = importlib.import_module(f"watchkeeper.cli.db_{name}").command
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    find=find_verb,
    examples=("watchkeeper db watch postgresql://watch@db.example/shop", "watchkeeper db watch --once"),
    then="watchkeeper db watch",
)
def command() -> None:
    """Watch running databases: lock waits, deadlocks that the server cannot see, exhausted pools."""
