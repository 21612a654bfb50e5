"""Issues out of a file: JSON lines, or the list that ``gh issue list --json`` prints. Every mistake has its line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from watchkeeper.forge.moments import parse_moment
from watchkeeper.forge.port import LEAST_URGENT, Draft, checked_body, checked_title, read_line
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import IssueState
from watchkeeper.model.ids import Millis

KEYS = ("title", "body", "labels", "priority", "depends_on", "source", "id", "state", "author", "parent")
"""What a line may say; ``title`` is the one that it has to."""

_ELSEWHERE = {"number": "id", "url": "source", "createdAt": "filed_at"}
"""What GitHub's command line calls it."""

_NOT_TAKEN = frozenset(
    "assignees closed closedAt closedByPullRequestsReferences comments isPinned milestone projectCards projectItems "
    "reactionGroups stateReason updatedAt".split()
)
_MOST_ERRORS = 3
_MOST_LINE = 2 << 20


class Imported(NamedTuple):
    """The drafts of a file, and the keys of GitHub's that nothing was made of."""

    drafts: tuple[Draft, ...]
    not_taken: tuple[str, ...]


class _LineError(ValueError):
    """What is wrong with a line."""


def parse_issues(content: bytes, name: str) -> Imported:
    """The issues in ``content``, all or none. ``name`` says whose lines they are, and is part of their sources.

    Raises UsageError (``issue-import``) with the first mistakes and their lines.
    """
    drafts, errors, not_taken = [], [], set[str]()
    lines: dict[str, int] = {}
    for line, value in _objects(content, name):
        try:
            draft = _draft(value, name)
            _require_new(lines, draft, line)
        except _LineError as error:
            errors.append(f"{name}:{line}: {error}")
            continue
        except UsageError as error:
            errors.append(f"{name}:{line}: {error.message}")
            continue
        drafts.append(draft)
        not_taken.update(key for key in value if key in _NOT_TAKEN)
    if errors:
        raise _bad_file(name, errors)
    return Imported(tuple(drafts), tuple(sorted(not_taken)))


def _objects(content: bytes, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each object with its line; a list that spans lines has each object at the line where it begins."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _bad_file(name, [f"{name}:{line}: this is no UTF-8"]) from error
    if text.lstrip().startswith("["):
        yield from _listed(text, name)
        return
    for number, words in enumerate(text.split("\n"), 1):
        if words.strip():
            yield number, _object(words, f"{name}:{number}", name)


def _listed(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    is_first = True
    while True:
        at = _past_space(text, at)
        if text[at : at + 1] == "]" and is_first:
            break
        line = text.count("\n", 0, at) + 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _bad_file(name, [f"{name}:{line}: {_json_fault(error)}"]) from error
        yield line, _required_object(value, f"{name}:{line}", name)
        at, is_first = _past_space(text, at), False
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise _bad_file(name, [f"{name}:{text.count(chr(10), 0, at) + 1}: a comma or ] is missing"])
        at += 1
    rest = _past_space(text, at + 1)
    if rest < len(text):
        raise _bad_file(name, [f"{name}:{text.count(chr(10), 0, rest) + 1}: something follows the list"])


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _object(line: str, place: str, name: str) -> Mapping[str, Any]:
    if len(line) > _MOST_LINE:
        raise _bad_file(name, [f"{place}: the line has {len(line):,} characters"])
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad_file(name, [f"{place}: {_json_fault(error)}"]) from error
    return _required_object(value, place, name)


def _required_object(value: object, place: str, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _bad_file(name, [f'{place}: an issue is an object, as in {{"title": "..."}}'])
    return value


def _json_fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error.msg} (column {error.colno})"
    return "no JSON: it is nested too deeply" if isinstance(error, RecursionError) else f"no JSON: {error}"


def _draft(value: Mapping[str, Any], name: str) -> Draft:
    _require_known(value)
    named = {_ELSEWHERE.get(key, key): each for key, each in value.items()}
    if not isinstance(named.get("title"), str):
        raise _LineError('"title" is missing' if "title" not in named else "title has to be a text")
    title = checked_title(named["title"])
    body = _text(named, "body")
    key = _name(named, "id")
    return Draft(
        title,
        checked_body(body) if body is not None else None,
        labels=_labels(named),
        priority=_priority(named),
        depends_on=_names(named, "depends_on"),
        source=_text(named, "source") or f"{name}#{key or title}",
        author=_author(named),
        parent=_name(named, "parent") or None,
        filed_at=_moment(named),
        state=_state(named),
        key=key,
    )


def _require_known(value: Mapping[str, Any]) -> None:
    allowed = [*KEYS, *_ELSEWHERE]
    for key in value:
        if key not in allowed and key not in _NOT_TAKEN:
            near = difflib.get_close_matches(key, allowed, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(KEYS)}"
            raise _LineError(f"there is no {key[:80]!r}{meant}")
    for elsewhere, ours in _ELSEWHERE.items():
        if elsewhere in value and ours in value:
            raise _LineError(f"{ours!r} and {elsewhere!r} say the same: give one of them")


def _require_new(lines: dict[str, int], draft: Draft, line: int) -> None:
    for named in (f"source {draft.source}", *([f"id {draft.key}"] if draft.key else [])):
        if named in lines:
            raise _LineError(f"line {lines[named]} has the same {named}: give each issue its own")
        lines[named] = line


def _text(value: Mapping[str, Any], key: str) -> str | None:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise _LineError(f"{key} has to be a text, not {_shown(found)}")
    return found


def _labels(value: Mapping[str, Any]) -> tuple[str, ...] | None:
    if (found := value.get("labels")) is None:
        return None
    given = [each.get("name") if isinstance(each, dict) else each for each in _list(found, "labels")]
    names = [each for each in given if isinstance(each, str) and each.strip()]
    if len(names) < len(given):
        raise _LineError('labels have to be texts, as in ["bug", "ready"]')
    return tuple(dict.fromkeys(read_line(each, most=100) for each in names))


def _priority(value: Mapping[str, Any]) -> int | None:
    found = value.get("priority")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LEAST_URGENT:
        raise _LineError(f"priority has to be 0 (the most urgent) to {LEAST_URGENT}, not {_shown(found)}")
    return found


def _names(value: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    if (found := value.get(key)) is None:
        return None
    return tuple(dict.fromkeys(_name({key: each}, key) for each in _list(found, key)))


def _name(value: Mapping[str, Any], key: str) -> str:
    """The name of an issue: a number or a text."""
    found = value.get(key)
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, int | str) or not str(found).strip():
        raise _LineError(f'{key} has to name issues, as in 12 or "api-4", not {_shown(found)}')
    return read_line(str(found), most=300)


def _state(value: Mapping[str, Any]) -> IssueState:
    found = value.get("state")
    if found is None:
        return IssueState.OPEN
    if not isinstance(found, str) or found.lower() not in ("open", "closed"):
        raise _LineError(f'state has to be "open" or "closed", not {_shown(found)}')
    return IssueState(found.lower())


def _author(value: Mapping[str, Any]) -> str:
    found = value.get("author")
    login = found.get("login") if isinstance(found, dict) else found
    if login is not None and not isinstance(login, str):
        raise _LineError(f"author has to be a name, not {_shown(found)}")
    return read_line(login or "", most=100)


def _moment(value: Mapping[str, Any]) -> Millis:
    found = value.get("filed_at")
    if found is None:
        return Millis(0)
    moment = parse_moment(found) if isinstance(found, str) else None
    if moment is None:
        raise _LineError(f"createdAt has to be a time, as in 2026-03-01T14:00:00Z, not {_shown(found)}")
    return moment


def _list(value: object, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise _LineError(f"{key} has to be a list, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _bad_file(name: str, errors: Iterable[str]) -> UsageError:
    told = list(errors)
    more = f" (and {len(told) - _MOST_ERRORS} more)" if len(told) > _MOST_ERRORS else ""
    return UsageError(
        f"Nothing was imported. {'; '.join(told[:_MOST_ERRORS])}{more}",
        slug="issue-import",
        hint=f"correct {name}, and import it again",
        facts={"file": name, "errors": "\n".join(told[:100])},
    )
