"""``watchkeeper issue new``, ``edit``, ``comment``, ``close`` and ``reopen``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from watchkeeper.app import Place, find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.issue_words import issue_document
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.forge.builtin import Edit, comes_from_elsewhere
from watchkeeper.forge.port import LEAST_URGENT, MOST_BODY, Draft
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import Closing, IssueId
from watchkeeper.model.printing import printable
from watchkeeper.tracking import Tracking, open_sync, open_tracking

_WHYS = (Closing.PERSON, Closing.NOTHING_TO_DO, Closing.DUPLICATE, Closing.SPLIT, Closing.LANDED)

_body_options: tuple[Callable[[Any], Any], ...] = (
    click.option("--body", metavar="TEXT", help="Its text, markdown."),
    click.option("--body-file", metavar="FILE", help="A file with its text; -: standard input."),
    click.option("--label", "labels", multiple=True, metavar="LABEL", help="A label; can be given several times."),
    click.option("--priority", type=click.IntRange(0, LEAST_URGENT), help="0, the most urgent, to 4. Default: 2."),
    click.option("--depends", "depends_on", multiple=True, metavar="ID", help="What has to be closed first."),
)


def _with_body(function: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_body_options):
        function = option(function)
    return function


@verb(
    examples=(
        "watchkeeper issue new 'Retry failed uploads' --label ready",
        "watchkeeper issue new 'Rename stages' --body-file rename.md --priority 1 --depends 12",
        "git log -1 --format=%b | watchkeeper issue new 'Follow up' --body-file -",
    ),
    then="watchkeeper issue list",
)
@click.argument("title")
@_with_body
@click.option("--github", "at_github", is_flag=True, help="File it at GitHub, where [tracker] github says.")
@repo_option
@json_option
def new_issues(
    *,
    title: str,
    body: str | None,
    body_file: str | None,
    labels: tuple[str, ...],
    priority: int | None,
    depends_on: tuple[str, ...],
    at_github: bool,
    folder: Path,
    as_json: bool,
) -> int:
    """File an issue.

    Its text is the whole of what an agent is given: say what has to be true afterwards. Exit code 0.
    """
    draft = Draft(title, _text(body, body_file) or "", labels, priority, depends_on or None)
    place = find_place(folder, os.environ)
    with open_tracking(place, _somebody()) as tracking:
        if at_github:
            if depends_on or priority is not None:
                raise UsageError(
                    "GitHub keeps no priority and no dependency of ours",
                    slug="issue-elsewhere",
                    hint="file it first, then: watchkeeper issue edit ID --priority N --depends ID",
                )
            with open_sync(place, tracking, os.environ, say) as (sync, _):
                identity = sync.file(draft)
        else:
            identity = tracking.issues.file(draft)
        return _show(place, tracking, identity, f"filed: {identity}  {title}", as_json=as_json)


@verb(
    examples=(
        "watchkeeper issue edit 12 --label ready --unlabel needs-prep",
        "watchkeeper issue edit shop#12 --priority 0 --depends 9",
        "watchkeeper issue edit 12 --body-file upload.md",
    ),
    then="watchkeeper issue show ID",
)
@click.argument("name", metavar="ID")
@click.option("--title", help="Another title.")
@_with_body
@click.option("--unlabel", multiple=True, metavar="LABEL", help="Take a label away.")
@click.option("--no-depends", "no_longer_on", multiple=True, metavar="ID", help="It does not have to wait for that.")
@repo_option
@json_option
def edit_issues(
    *,
    name: str,
    title: str | None,
    body: str | None,
    body_file: str | None,
    labels: tuple[str, ...],
    priority: int | None,
    depends_on: tuple[str, ...],
    unlabel: tuple[str, ...],
    no_longer_on: tuple[str, ...],
    folder: Path,
    as_json: bool,
) -> int:
    """Change an issue.

    What is given replaces or adds, the rest stays. Title and text of an issue from GitHub are changed there;
    labels, priority and dependencies that are added here stay here. Exit code 0.
    """
    edit = Edit(title, _text(body, body_file), priority, labels, unlabel, depends_on, no_longer_on)
    if edit == Edit():
        raise UsageError("Nothing is to be changed", slug="usage", hint="watchkeeper issue edit --help")
    place = find_place(folder, os.environ)
    with open_tracking(place, _somebody()) as tracking:
        identity = tracking.issues.find(name).issue.id
        said = "changed" if tracking.issues.edit(identity, edit) else "it was so already; nothing was changed"
        return _show(place, tracking, identity, f"{said}: {identity}", as_json=as_json)


@verb(
    examples=(
        "watchkeeper issue comment 12 'the third retry is the one that hangs'",
        "watchkeeper issue comment 12 --body-file -",
    ),
    then="watchkeeper issue show ID",
)
@click.argument("name", metavar="ID")
@click.argument("text", required=False)
@click.option("--body-file", metavar="FILE", help="A file with the text; -: standard input.")
@repo_option
@json_option
def comment_issues(*, name: str, text: str | None, body_file: str | None, folder: Path, as_json: bool) -> int:
    """Say something about an issue.

    About one from GitHub it is said there by the next sync. Exit code 0.
    """
    place = find_place(folder, os.environ)
    said = _text(text, body_file) or ""
    with open_tracking(place, _somebody()) as tracking:
        identity = tracking.issues.find(name).issue.id
        tracking.issues.comment(identity, said)
        return _show(place, tracking, identity, f"said: {identity}", as_json=as_json, goes_there=True)


@verb(
    examples=(
        "watchkeeper issue close 12 --reason 'the old client is gone'",
        "watchkeeper issue close 12 --why duplicate --reason 'see 9'",
    ),
    then="watchkeeper issue list",
)
@click.argument("name", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Why, in words.")
@click.option(
    "--why",
    type=click.Choice([each.value for each in _WHYS]),
    default=Closing.PERSON.value,
    show_default=True,
    help="Why, by name.",
)
@repo_option
@json_option
def close_issues(*, name: str, reason: str, why: str, folder: Path, as_json: bool) -> int:
    """Close an issue.

    Nothing is to be done about it any more. One from GitHub is closed there by the next sync. An engagement that
    has it is not stopped. Closing twice changes nothing. Exit code 0.
    """
    place = find_place(folder, os.environ)
    with open_tracking(place, _somebody()) as tracking:
        identity = tracking.issues.find(name).issue.id
        was_open = tracking.issues.close(identity, Closing(why), reason)
        said = "closed" if was_open else "it is closed already; nothing was changed"
        claim = tracking.ledger.state().claims(identity)
        if claim is not None:
            say(f"{claim.engagement.id} still works on it")
        return _show(place, tracking, identity, f"{said}: {identity}", as_json=as_json, goes_there=was_open)


@verb(
    examples=("watchkeeper issue reopen 12 --reason 'it hangs again'",),
    then="watchkeeper issue show ID",
)
@click.argument("name", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@repo_option
@json_option
def reopen_issues(*, name: str, reason: str, folder: Path, as_json: bool) -> int:
    """Open a closed issue again.

    One from GitHub is opened there by the next sync. Exit code 0.
    """
    place = find_place(folder, os.environ)
    with open_tracking(place, _somebody()) as tracking:
        identity = tracking.issues.find(name).issue.id
        was_closed = tracking.issues.reopen(identity, reason)
        said = "open again" if was_closed else "it is open already; nothing was changed"
        return _show(place, tracking, identity, f"{said}: {identity}", as_json=as_json, goes_there=was_closed)


def _show(
    place: Place, tracking: Tracking, identity: IssueId, said: str, *, as_json: bool, goes_there: bool = False
) -> int:
    state = tracking.ledger.state()
    if as_json:
        document = issue_document(state, state.issues[identity], whole=True)
        show_document({"project": place.shared, "issue": document})
    else:
        is_owed = goes_there and comes_from_elsewhere(identity)
        step = "watchkeeper issue sync" if is_owed else f"watchkeeper issue show {printable(identity)}"
        show([printable(said)], step)
    return Exit.NOTHING


def _text(text: str | None, file: str | None) -> str | None:
    """What was given as text, or in a file; None where neither was."""
    if file is None:
        return text
    if text is not None:
        raise UsageError("The text was given twice", slug="usage", hint="give it as text or as a file")
    try:
        if file == "-":
            content = sys.stdin.buffer.read(4 * MOST_BODY + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(4 * MOST_BODY + 1)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror or error}",
            slug="issue-file",
            hint="give the path of a text file, or - for standard input",
            facts={"file": file},
        ) from error
    return content.decode("utf-8", "replace")


def _somebody() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or ""
