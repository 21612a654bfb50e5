"""What GitHub says of issues and comments, read without trust: a text of it never breaks anything. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watchkeeper.forge.moments import parse_moment
from watchkeeper.forge.port import Draft, Said, Told, read_line, read_text
from watchkeeper.model.fleet import IssueId, IssueState
from watchkeeper.model.ids import Millis

BY = "github:"
"""What the names of those begin with who act there. No account of a machine is called so."""

_PRIORITY = re.compile(r"(?:p|prio(?:rity)?\s*[:/ -]?\s*p?)([0-4])", re.IGNORECASE)
_MARK = re.compile(r"<!-- watchkeeper:([0-9a-f]{16}) -->")
_LABEL_NAMES = 100


class UnreadableError(ValueError):
    """What was said is no issue; its text is the reason."""


def read_issue(value: object, ids: str) -> Told | None:
    """An issue as GitHub tells it, None for a pull request. ``ids`` is what its id begins with.

    What it depends on is asked for apart. Raises UnreadableError.
    """
    if not isinstance(value, dict):
        raise UnreadableError("an issue is no object")
    if value.get("pull_request") is not None:
        return None
    number = find_number(value)
    state = value.get("state")
    title = read_line(value["title"]) if isinstance(value.get("title"), str) else ""
    if state not in ("open", "closed") or not title:
        raise UnreadableError(f"#{number} has no {'title' if not title else 'state'}")
    labels = _labels(value.get("labels"))
    draft = Draft(
        title,
        read_text(value["body"]) if isinstance(value.get("body"), str) else "",
        labels=labels,
        priority=next((int(found[1]) for each in labels if (found := _PRIORITY.fullmatch(each))), None),
        depends_on=(),
        source=_address(value.get("html_url")),
        author=_login(value.get("user")),
        parent=_parent(value, ids),
        filed_at=find_moment(value, "created_at") or Millis(0),
    )
    reason = value.get("state_reason")
    reason = f"closed there as {read_line(reason, 40)}" if state == "closed" and isinstance(reason, str) else ""
    comments = value.get("comments")
    return Told(
        IssueId(f"{ids}#{number}"),
        draft,
        IssueState(state),
        reason,
        by=f"{BY}{_login(value.get('closed_by'))}",
        comments=comments if isinstance(comments, int) and comments > 0 else 0,
    )


def read_comment(value: object) -> Said:
    """A comment as GitHub tells it. Raises UnreadableError."""
    if not isinstance(value, dict) or not isinstance(value.get("body"), str):
        raise UnreadableError("a comment has no text")
    mark = _MARK.search(value["body"])
    return Said(
        read_text(value["body"]),
        f"{BY}{_login(value.get('user'))}",
        find_moment(value, "created_at") or Millis(0),
        mark[1] if mark else "",
    )


def render_mark(mark: str) -> str:
    """``mark`` as GitHub keeps it in a text, and does not show."""
    return f"<!-- watchkeeper:{mark} -->"


def find_number(value: Mapping[str, Any]) -> int:
    """The issue's number. Raises UnreadableError."""
    found = value.get("number")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UnreadableError("an issue has no number")
    return found


def find_moment(value: Mapping[str, Any], key: str) -> Millis | None:
    """The time there; None where there is none."""
    found = value.get(key)
    return parse_moment(found) if isinstance(found, str) else None


def find_repository(value: Mapping[str, Any]) -> str:
    """``owner/name`` of the repository that an issue says it is in; ``""`` where it does not."""
    found = value.get("repository_url")
    parts = found.rstrip("/").split("/")[-2:] if isinstance(found, str) else []
    return read_line("/".join(parts), 200) if len(parts) == 2 else ""


def quoted(text: str) -> str:
    """``text`` of ours in a comment: shown as it is, so that nothing in it mentions people or formats."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _labels(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    names = [each.get("name") if isinstance(each, dict) else each for each in found[:_LABEL_NAMES]]
    return tuple(dict.fromkeys(name for each in names if isinstance(each, str) and (name := read_line(each, 100))))


def _login(value: object) -> str:
    found = value.get("login") if isinstance(value, dict) else None
    return read_line(found, 100) if isinstance(found, str) else ""


def _address(value: object) -> str:
    is_plain = isinstance(value, str) and value.isprintable() and len(value) <= 2000 and " " not in value
    return str(value) if is_plain and re.match(r"https?://", str(value)) else ""


def _parent(value: Mapping[str, Any], ids: str) -> str | None:
    """The issue that it is a part of, where that is in the same repository."""
    found = value.get("parent_issue_url")
    same = find_repository(value)
    match = re.fullmatch(r".*/repos/([^/]+/[^/]+)/issues/(\d{1,18})", found) if isinstance(found, str) else None
    return f"{ids}#{match[2]}" if match and match[1].casefold() == same.casefold() else None
