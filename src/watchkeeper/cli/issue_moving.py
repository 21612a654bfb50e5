"""``watchkeeper issue import`` and ``sync``."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import click

from watchkeeper.app import find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.forge.filing import Filed, Outcome
from watchkeeper.forge.importing import parse_issues
from watchkeeper.forge.sync import SyncReport
from watchkeeper.model.errors import UsageError
from watchkeeper.model.printing import printable
from watchkeeper.tracking import find_token, keep_imported, name_file, open_sync, open_tracking, read_imported

_MOST_FILE = 256 << 20
_WORDS = {
    Outcome.FILED: "filed",
    Outcome.EDITED: "changed",
    Outcome.REOPENED: "open again",
    Outcome.CLOSED: "closed",
    Outcome.UNCHANGED: "unchanged",
    Outcome.STAYS_CLOSED: "closed here, and left so",
}


@verb(
    examples=(
        "watchkeeper issue import issues.jsonl",
        "gh issue list --json number,title,body,labels,state,url,author | watchkeeper issue import -",
    ),
    then="watchkeeper issue list",
)
@click.argument("file")
@repo_option
@json_option
def import_issues(*, file: str, folder: Path, as_json: bool) -> int:
    """File the issues of a file.

    All of them or none: FILE (-: standard input) has one JSON object a line, or a list of them. Fields: `title`,
    `body`, `labels`, `priority` (0 to 4), `depends_on`, `source`, `id`, `state`, `author`, `parent`; `id` is what
    other lines call it in `depends_on`. What `gh issue list --json` prints is understood. An issue is known again
    by its `source`, else by FILE with its `id`, else with its title: importing twice changes nothing, and a line
    that was changed changes its issue. Exit code 0.
    """
    place = find_place(folder, os.environ)
    name = "stdin" if file == "-" else name_file(place, Path(file))
    found = parse_issues(_read(file), name)
    with open_tracking(place, os.environ.get("USER") or os.environ.get("LOGNAME") or "") as tracking:
        filed = tracking.issues.file_all(found.drafts, read_imported(tracking.imported))
        keep_imported(tracking.imported, found.drafts)
    if as_json:
        issues = [{"id": each.id, "outcome": each.outcome.value} for each in filed]
        show_document({"project": place.shared, "issues": issues, "not_taken": list(found.not_taken)})
    else:
        show(_import_lines(filed, found.not_taken), "watchkeeper issue list")
    return Exit.NOTHING


@verb(
    examples=("watchkeeper issue sync", "watchkeeper issue sync --whole", "watchkeeper issue sync --no-push"),
    then="watchkeeper issue list",
)
@click.option("--whole", is_flag=True, help="Look at all open issues, and find those that are gone there.")
@click.option("--no-push", is_flag=True, help="Do nothing there.")
@repo_option
@json_option
def sync_issues(*, whole: bool, no_push: bool, folder: Path, as_json: bool) -> int:
    """Make the issues here and at GitHub one.

    The repository is the one that `[tracker] github` names. What was filed, changed, closed or said there is
    recorded; what was closed, opened or said here is done there, once. Pull requests are no issues. Needs `pip
    install 'watchkeeper[github]'`; the token is in the variable that `[tracker] token_env` names. Without a token
    public issues are read, and nothing is done there. Exit code 1 where something could not be read or done.
    """
    place = find_place(folder, os.environ)
    has_token = bool(find_token(place, os.environ))
    with (
        open_tracking(place, "") as tracking,
        open_sync(place, tracking, os.environ, lambda text: say(printable(text))) as (sync, tracker),
    ):
        repository = tracker.repository().name
        report = sync.run(whole=whole, pushes=has_token and not no_push)
        waiting = len(sync.waiting())
    if as_json:
        document = {key: list(getattr(report, key)) for key in SyncReport.__struct_fields__}
        show_document({"project": place.shared, "repository": repository, **document, "waiting": waiting})
    else:
        lines = _sync_lines(report, repository)
        if waiting and not report.problems:
            token = "" if has_token else f": no token is in {place.config.tracker.token_env}"
            lines.append(printable(f"{waiting} to be done there{token}"))
        show(lines, "watchkeeper issue list")
    return Exit.FOUND if report.problems else Exit.NOTHING


def _read(file: str) -> bytes:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_MOST_FILE + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_MOST_FILE + 1)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror or error}",
            slug="issue-file",
            hint="give the path of a file, or - for standard input",
            facts={"file": file},
        ) from error
    if len(content) > _MOST_FILE:
        raise UsageError(f"{file} has more than {_MOST_FILE >> 20} MiB", slug="issue-file", hint="import it in parts")
    return content


def _import_lines(filed: tuple[Filed, ...], not_taken: tuple[str, ...]) -> list[str]:
    counts = Counter(each.outcome for each in filed)
    said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in _WORDS.items() if counts[outcome])
    lines = [said or "there are no issues in it"]
    if not_taken:
        lines.append(f"not taken: {', '.join(printable(each) for each in not_taken)}")
    return lines


def _sync_lines(report: SyncReport, repository: str) -> list[str]:
    named = {
        "filed": report.filed,
        "changed": report.edited,
        "closed": report.closed,
        "open again": report.reopened,
        "comments": report.commented,
        "done there": report.done_there,
    }
    said = ", ".join(f"{len(ids)} {word}" for word, ids in named.items() if ids)
    lines = [printable(f"{repository}: {said or 'nothing new'}")]
    return lines + [printable(f"could not be read or done: {each}") for each in report.problems]
