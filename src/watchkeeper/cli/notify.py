"""``watchkeeper notify``: how people are told, with a verb for each thing that can be asked of it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

from watchkeeper.cli.verb import VerbGroup

VERBS: Mapping[str, str] = {
    "status": "Say what is told, what is held back and why, and what was worth telling.",
    "test": "Send a test message through one channel, or through all.",
}
"""The verbs of messages. Kept here so that ``--help`` imports none of them; a test compares."""


def find_verb(name: str) -> click.Command:
    """The verb of that name."""
    command = importlib.import_module(f"watchkeeper.cli.notify_{name}").command
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    find=find_verb,
    examples=("watchkeeper notify status", "watchkeeper notify test phone"),
    then="watchkeeper notify status",
)
def command() -> None:
    """Say how people are told, and try it.

    Which channels there are, what each matter waits for, and what was worth telling.
    """
