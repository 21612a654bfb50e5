"""``watchkeeper issue``: requests for work, in the record, with a verb for each thing that can be done to them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

from watchkeeper.cli.verb import VerbGroup

VERBS: Mapping[str, str] = {
    "list": "List issues, and what each waits for or who has it.",
    "show": "Show one issue.",
    "new": "File an issue.",
    "edit": "Change an issue.",
    "comment": "Say something about an issue.",
    "close": "Close an issue.",
    "reopen": "Open a closed issue again.",
    "import": "File the issues of a file.",
    "sync": "Make the issues here and at GitHub one.",
}
"""The verbs of issues. Kept here so that ``--help`` imports none of them; a test compares."""

_FILES = {"list": "reading", "show": "reading", "import": "moving", "sync": "moving"}


def find_verb(name: str) -> click.Command:
    """The verb of that name."""
    module = importlib.import_module(f"watchkeeper.cli.issue_{_FILES.get(name, 'writing')}")
    command = getattr(module, f"{name}_issues")
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    find=find_verb,
    examples=(
        "watchkeeper issue list",
        "watchkeeper issue new 'Retry failed uploads' --body-file upload.md --label ready",
        "watchkeeper issue show 12",
        "watchkeeper issue close 12 --reason 'the old client is gone'",
        "watchkeeper issue import issues.jsonl",
    ),
    then="watchkeeper issue list",
)
def command() -> None:
    """List, file and work on issues: requests for work, kept in the record. No daemon is needed.

    An issue is named by its id (`shop#12`, `github:octo-org/shop#12`), or by `#12` or `12` where only one has that
    number.
    """
