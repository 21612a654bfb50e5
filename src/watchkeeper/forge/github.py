"""The tracker at GitHub: issues, never pull requests, of the one repository that the configuration names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

import msgspec

from watchkeeper.forge.asking import Answer, Asker, Pace
from watchkeeper.forge.github_reading import (
    UnreadableError,
    find_moment,
    find_number,
    find_repository,
    quoted,
    read_comment,
    read_issue,
    render_mark,
)
from watchkeeper.forge.moments import render_moment
from watchkeeper.forge.port import (
    Draft,
    NotThereError,
    Page,
    Said,
    Told,
    checked_body,
    checked_labels,
    checked_title,
    read_line,
    read_text,
    source_mark,
)
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.fleet import Closing, IssueId
from watchkeeper.model.ids import Millis

_PER_PAGE = 100
_MOST_PAGES = 1_000
_MOST_COMMENT_PAGES = 100
_OVERLAP_MS = 60_000
"""How far before the newest known change is looked again: copies of GitHub's data may lag behind each other."""

_REASONS = {Closing.LANDED: "completed", Closing.SPLIT: "completed", Closing.DUPLICATE: "duplicate"}


class Repository(NamedTuple):
    """What the configured name means now. ``id`` stays the same however often it is renamed."""

    id: int
    name: str


class Cursor(msgspec.Struct, frozen=True):
    """Where to go on: the time of the newest change that was seen, and what its first page was marked with."""

    since: Millis = Millis(0)
    etag: str = ""


class GitHubTracker:
    """The issues of one repository. ``ids`` is what their ids begin with, by default ``github:`` and its name.

    Blocks; not for two threads at once; close it. ``token`` may be ``""``: then nothing can be said or closed there.
    """

    def __init__(self, name: str, *, api: str, token: str, pace: Pace, ids: str = "") -> None:
        self._asker = Asker(api, token, pace)
        self._configured, self._has_token, self._say = name, bool(token), pace.say
        self._repository: Repository | None = None
        self._ids = ids

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asker.close()

    @property
    def ids(self) -> str:
        """What the ids of its issues begin with."""
        return self._ids or f"github:{self._configured}"

    def keep_ids(self, ids: str) -> None:
        """Issues of this repository have got ids already, under a name that it had before: go on with these."""
        self._ids = ids

    def repository(self) -> Repository:
        """The repository; where it was renamed, that is said once."""
        if self._repository is None:
            value = self._asker.get(f"/repos/{self._configured}").value
            number, name = _field(value, "id", int), read_line(_field(value, "full_name", str), 200)
            if name.casefold() != self._configured.casefold():
                self._say(f"{self._configured} is called {name} now: change [tracker] github")
            self._repository = Repository(number, name)
        return self._repository

    def changed(self, cursor: str, *, whole: bool = False) -> Iterator[Page]:
        """What changed since ``cursor``, the newest first: what changes meanwhile moves to the front, and no issue
        can slip between two pages. An unchanged list costs one question, which counts against no limit.
        """
        known = Cursor() if whole else _read_cursor(cursor)
        params: dict[str, str | int] = {
            "state": "all" if known.since else "open",
            "sort": "updated",
            "direction": "desc",
            "per_page": _PER_PAGE,
        }
        if known.since:
            params["since"] = render_moment(Millis(known.since - _OVERLAP_MS))
        answer = self._asker.get(self._path(), params=params, etag=known.etag)
        if answer.value is None:
            yield Page((), cursor)
            return
        newest = max((_changed_at(each) for each in _items(answer)), default=Millis(0))
        is_settled = newest <= known.since and not answer.next
        here = Cursor(max(newest, known.since), answer.etag if is_settled else "")
        for page, is_last in self._pages(answer, _MOST_PAGES):
            yield self._page(page, msgspec.json.encode(here).decode(), is_whole=is_last and not known.since)

    def get(self, identity: IssueId) -> Told:
        """One issue with its comments."""
        value = self._issue(identity)
        told = self._told(value)
        if told is None:
            raise self._gone(identity, "it is a pull request")
        return msgspec.structs.replace(told, said=tuple(self._comments(identity)) if told.comments else ())

    def comment(self, identity: IssueId, text: str, *, mark: str = "") -> bool:
        """Say something about it, where nothing with this mark was said."""
        self._require_token("say anything")
        self._issue(identity)
        if mark and any(each.mark == mark for each in self._comments(identity)):
            return False
        body = f"{checked_body(text)}\n\n{render_mark(mark)}" if mark else checked_body(text)
        self._asker.change("POST", f"{self._path(identity)}/comments", {"body": body})
        return True

    def close(self, identity: IssueId, why: Closing, reason: str, *, mark: str = "") -> bool:
        """Close it, then say why: whoever finds the words knows that it was closed."""
        said = f"Closed by Watchkeeper: {why.value.replace('-', ' ')}."
        body = {"state": "closed", "state_reason": _REASONS.get(why, "not_planned")}
        return self._move(identity, body, said, reason, mark)

    def reopen(self, identity: IssueId, reason: str, *, mark: str = "") -> bool:
        """Open it, then say why."""
        body = {"state": "open", "state_reason": "reopened"}
        return self._move(identity, body, "Opened again by Watchkeeper.", reason, mark)

    def file(self, draft: Draft) -> IssueId:
        """A new issue. Its source is in its text, and marked: of two tries only one leaves an issue."""
        self._require_token("file anything")
        mark = source_mark(draft.source) if draft.source else ""
        if mark and (known := self._find_marked(mark)) is not None:
            return known
        body = checked_body(draft.body or "")
        if mark:
            body = f"{body}\n\nFound at {quoted_line(draft.source)}\n{render_mark(mark)}".lstrip()
        form: dict[str, object] = {"title": checked_title(draft.title), "body": body}
        form |= {"labels": list(checked_labels(draft.labels))} if draft.labels else {}
        answer = self._asker.change("POST", self._path(), form)
        return IssueId(f"{self.ids}#{_field(answer.value, 'number', int)}")

    def _move(self, identity: IssueId, body: Mapping[str, object], said: str, reason: str, mark: str) -> bool:
        self._require_token("close or open anything")
        is_there = self._issue(identity).get("state") == body["state"]
        if not is_there:
            self._asker.change("PATCH", self._path(identity), body)
        if mark or (reason and not is_there):
            text = f"{said}\n\n{quoted(read_text(reason))}" if reason else said
            self.comment(identity, text, mark=mark)
        return not is_there

    def _issue(self, identity: IssueId) -> Mapping[str, Any]:
        """The issue as GitHub tells it. One that was moved to another repository is not there any more."""
        value = self._asker.get(self._path(identity)).value
        found = find_repository(value) if isinstance(value, dict) else ""
        if not isinstance(value, dict) or (found and found.casefold() != self.repository().name.casefold()):
            raise self._gone(identity, f"it was moved to {found}" if found else "it is no object")
        return value

    def _comments(self, identity: IssueId) -> Iterator[Said]:
        answer = self._asker.get(f"{self._path(identity)}/comments", params={"per_page": _PER_PAGE})
        for page, _ in self._pages(answer, _MOST_COMMENT_PAGES):
            for each in _items(page):
                try:
                    yield read_comment(each)
                except UnreadableError:
                    continue  # a comment of nothing is nothing that anybody said

    def _page(self, answer: Answer, cursor: str, *, is_whole: bool) -> Page:
        told, unread = [], []
        for each in _items(answer):
            try:
                found = self._told(each)
            except UnreadableError as error:
                unread.append(str(error))
                continue
            if found is not None:
                told.append(found)
        return Page(tuple(told), cursor, tuple(unread), is_whole)

    def _told(self, value: Mapping[str, Any]) -> Told | None:
        told = read_issue(value, self.ids)
        if told is None:
            return None
        draft, number = told.draft, find_number(value)
        source = draft.source or f"{self.repository().name}#{number}"
        on = self._blockers(value, number)
        draft = msgspec.structs.replace(draft, source=source, depends_on=on, state=told.state)
        return msgspec.structs.replace(told, draft=draft)

    def _blockers(self, value: Mapping[str, Any], number: int) -> tuple[str, ...]:
        """The open issues that block it there; asked for only where there are any."""
        summary = value.get("issue_dependencies_summary")
        if not isinstance(summary, dict) or not summary.get("blocked_by"):
            return ()
        address = f"{self._path()}/{number}/dependencies/blocked_by"
        found = _items(self._asker.get(address, params={"per_page": _PER_PAGE}))
        here = self.repository().name.casefold()
        blockers = []
        for each in found:
            if isinstance(each, dict) and each.get("state") == "open":
                name = find_repository(each)
                ids = self.ids if name.casefold() in ("", here) else f"github:{name}"
                blockers.append(f"{ids}#{find_number(each)}")
        return tuple(blockers)

    def _pages(self, answer: Answer, most: int) -> Iterator[tuple[Answer, bool]]:
        """The pages from this one on, each with whether it is the last."""
        seen = {answer.next}
        for _ in range(most):
            yield answer, not answer.next
            if not answer.next:
                return
            answer = self._asker.get(answer.next)
            if answer.next in seen and answer.next:
                break
            seen.add(answer.next)
        raise WatchkeeperError(
            "GitHub's list of pages has no end",
            slug="tracker-answer",
            hint="check that [tracker] api is the address of a GitHub API",
        )

    def _find_marked(self, mark: str) -> IssueId | None:
        params: dict[str, str | int] = {"state": "all", "sort": "created", "direction": "desc", "per_page": _PER_PAGE}
        for each in _items(self._asker.get(self._path(), params=params)):
            if isinstance(each, dict) and render_mark(mark) in str(each.get("body")):
                return IssueId(f"{self.ids}#{find_number(each)}")
        return None

    def _path(self, identity: IssueId | None = None) -> str:
        path = f"/repos/{self.repository().name}/issues"
        if identity is None:
            return path
        ids, _, number = identity.rpartition("#")
        if ids.casefold() != self.ids.casefold() or not number.isdecimal():
            raise self._gone(identity, f"{self.ids}#... is what is there")
        return f"{path}/{number}"

    def _gone(self, identity: IssueId, why: str) -> NotThereError:
        return NotThereError(
            f"{identity} is not at GitHub: {why}",
            slug="tracker-not-there",
            hint="check [tracker] github, and that the token may see the repository",
            facts={"id": identity, "reason": why},
        )

    def _require_token(self, what: str) -> None:
        if not self._has_token:
            raise UsageError(
                f"Without a token nobody can {what} at GitHub",
                slug="tracker-no-token",
                hint="export a token that may write issues, by the name that [tracker] token_env says",
            )


def quoted_line(text: str) -> str:
    """``text`` on one line, as code."""
    return f"`{read_line(text, 300).replace('`', chr(39))}`"


def _items(answer: Answer) -> list[Any]:
    if not isinstance(answer.value, list):
        raise WatchkeeperError(
            "GitHub's answer makes no sense: it is no list",
            slug="tracker-answer",
            hint="check that [tracker] api is the address of a GitHub API",
        )
    return answer.value


def _changed_at(value: object) -> Millis:
    return (find_moment(value, "updated_at") if isinstance(value, dict) else None) or Millis(0)


def _field(value: object, key: str, kind: type) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise WatchkeeperError(
            f"GitHub's answer makes no sense: it has no {key}",
            slug="tracker-answer",
            hint="check that [tracker] api is the address of a GitHub API",
        )
    return found


def _read_cursor(text: str) -> Cursor:
    """A cursor that cannot be read means: from the beginning."""
    try:
        return msgspec.json.decode(text, type=Cursor) if text else Cursor()
    except (msgspec.MsgspecError, ValueError):
        return Cursor()
