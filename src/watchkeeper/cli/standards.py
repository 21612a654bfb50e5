"""``watchkeeper standards``: what every project is held to, from what projects found alike to what is enforced."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

from watchkeeper.cli.verb import VerbGroup

VERBS: Mapping[str, str] = {
    "list": "List standards, and the kinds that could become one.",
    "show": "Show one: its text, check, census, campaign and exemptions.",
    "write": "Write a standard, or change what it says.",
    "count": "Take a census: run its check over every project.",
    "move": "Propose, adopt, enforce, take back or retire a standard.",
    "exempt": "Let a place be for a while, or end that.",
    "agents": "Print AGENTS.md with the block of all standards.",
    "answer": "Say what holds where two projects contradict each other.",
}
"""The verbs and what they do."""


def find_verb(name: str) -> click.Command:
    """The verb of a name."""
    command = importlib.import_module(f"watchkeeper.cli.standards_{name}").command
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    find=find_verb,
    examples=(
        "watchkeeper standards list",
        "watchkeeper standards show std-missing-timeout",
        "watchkeeper standards move std-missing-timeout adopted --reason 'three outages'",
    ),
    then="watchkeeper standards list",
)
def command() -> None:
    """What every project is held to.

    What three projects found independently within 30 days becomes a candidate by itself. It is proposed when it has a
    text and a check that finds the cases it came from, and every project was counted; adopted by a person; enforced:
    no change that adds a violation lands, and old places are burnt down by a campaign; and retired, one day.
    """
