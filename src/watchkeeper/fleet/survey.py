"""A project's tree and past, read once and then kept at the newest commit of its target branch, change by change."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from watchkeeper.code.documentation import is_documentation
from watchkeeper.code.languages import find_language
from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.pages import VERSION, Page, read_page, written_between
from watchkeeper.fleet.past_changes import MOST_TOUCHED, PastChange, PastChanges
from watchkeeper.fleet.terms import bounded, terms_of
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha, SymbolKey
from watchkeeper.model.reading import Reading
from watchkeeper.record.cache import ReadingCache, ReadingKey
from watchkeeper.repos.history import Commit, read_log
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.treediff import tree_difference

MOST_PAST = 1_500
"""So many changes of the target branch are read when nothing is known yet."""

_COMMITS_A_CHANGE = 4
_MOST_OWN = 20
_MOST_LABEL = 60
_BUDGET_S = 20.0
_MERGE = "Merge "
_FEW_OWN = 5
_MERGED_BRANCH = re.compile(r"Merge (?:remote-tracking )?branch\b")

_Value = TypeVar("_Value", Page, PastChange)


class Outlines(Protocol):
    """Knows what files say, without reading them again."""

    def __call__(self, files: Mapping[str, str]) -> Mapping[str, Reading]:
        """The outlines of those files (path -> blob) that it knows; others may be left out."""
        ...


class Coverage(msgspec.Struct, frozen=True):
    """What a survey has read: files of the tree, and changes of the past; ``unread`` changes are read later."""

    files: int = 0
    changes: int = 0
    unread: int = 0


class _Landed(NamedTuple):
    commit: Commit
    own: tuple[Commit, ...]  # what a merge brought


class _Difference(NamedTuple):
    path: str
    before: Sha | None
    now: Sha | None


class Survey:
    """One project's atlas and past. One thread at a time. Pages and past changes are kept in ``cache`` by content."""

    def __init__(
        self,
        repository: Repository,
        objects: Objects,
        cache: ReadingCache | None = None,
        *,
        outlines: Outlines | None = None,
        issue_text: Callable[[str], str] = lambda _: "",
        most_past: int = MOST_PAST,
        clock: Callable[[], float] = time.monotonic,
        budget_s: float = _BUDGET_S,
    ) -> None:
        """``issue_text`` gives the text of a closed issue by its id, as a commit's ``Issue:`` trailer names it."""
        self._repository, self._objects, self._cache = repository, objects, cache
        self._outlines, self._issue_text = outlines, issue_text
        self._most_past, self._clock, self._budget_s = most_past, clock, budget_s
        self.atlas, self.past = Atlas(), PastChanges()
        self.head: Sha | None = None
        self._blobs: dict[str, Sha] = {}
        self._line: list[_Landed] = []  # the past that is not read yet, newest last
        self._read: list[PastChange] = []  # the past that is read, newest first
        self._since: list[PastChange] = []  # what landed after the survey began

    def coverage(self) -> Coverage:
        """What was read until now."""
        return Coverage(len(self.atlas.paths), len(self.past), len(self._line))

    def move_to(self, head: Sha) -> bool:
        """Be at ``head``; the same again reads on in the past, within a budget of time. Whether anything is other now.

        Raises: GitError, where a commit or tree cannot be read; the survey then begins anew at the next call.
        """
        try:
            if self.head is None:
                self._begin(head)
                return True
            if head != self.head:
                self._follow(head)
                return True
            return bool(self._line) and self._read_past()
        except GitError:
            self._forget()
            raise

    def page_of(self, path: str, blob: Sha) -> Page:
        """What a file's content speaks of, by its blob. Raises: GitError where it is not there."""
        return next(page for _, page in self._pages([(path, blob)], {}))

    def _begin(self, head: Sha) -> None:
        tree = self._objects.tree_of(head)
        found = {
            path: entry.sha
            for path, entry in tree_difference(self._objects, None, tree)
            if entry and entry.is_text_file
        }
        self._put_pages({path: blob for path, blob in found.items() if _is_told_of(path)})
        self.head = head
        self._line = list(_landed(read_log(self._repository, [head], limit=self._most_past * 4), head))[
            -self._most_past :
        ]
        self._read_past()

    def _follow(self, head: Sha) -> None:
        assert self.head is not None
        news = read_log(self._repository, [head, f"^{self.head}"])
        line = list(_landed(news, head))
        if not line or self.head not in line[0].commit.parents[:1]:
            self._forget()  # it was rewritten, or landed on by another way: what was on its line is not any more
            self._begin(head)
            return
        for landed in line:
            differences = self._differences(landed.commit)
            change = self._describe(landed, differences)
            self._remember([change])
            self._since.append(change)
            self._add(change)
            for each in differences:
                if each.now is None:
                    self.atlas.drop(each.path)
                    self._blobs.pop(each.path, None)
            self._put_pages({each.path: each.now for each in differences if each.now is not None})
            self.head = landed.commit.sha

    def _forget(self) -> None:
        self.head, self.atlas, self.past = None, Atlas(), PastChanges()
        self._blobs, self._line, self._read, self._since = {}, [], [], []

    def _put_pages(self, files: Mapping[str, Sha]) -> None:
        known = self._outlines(files) if self._outlines is not None and len(files) > 1 else {}
        for path, page in self._pages([(path, blob) for path, blob in files.items()], known):
            self.atlas.put(path, page)
            self._blobs[path] = files[path]

    def _pages(self, places: Sequence[tuple[str, Sha]], known: Mapping[str, Reading]) -> Iterator[tuple[str, Page]]:
        keys = {place: _page_key(*place) for place in places}
        found = self._cache.get_many(keys.values()) if self._cache is not None else {}
        made: dict[ReadingKey, bytes] = {}
        for place, key in keys.items():
            page = _decode(found.get(key), Page)
            if page is None:
                page = self._read_page(*place, known)
                made[key] = msgspec.msgpack.encode(page)
            yield place[0], page
        if self._cache is not None and made:
            self._cache.put_many(made)

    def _read_page(self, path: str, blob: Sha, known: Mapping[str, Reading]) -> Page:
        source = self._objects.read(blob) or b""
        reading, language = known.get(path), find_language(path)
        if reading is None and language is not None and source:
            reading = language.read(source, bodies=False)
        return read_page(source, reading)

    def _read_past(self) -> bool:
        """Read the newest of what is not read yet, until the time is over; then everything in its order."""
        until = self._clock() + self._budget_s
        fresh: list[PastChange] = []
        keys = {each.commit.sha: _past_key(each.commit.sha) for each in self._line}
        known = self._cache.get_many(keys.values()) if self._cache is not None else {}
        while self._line and (self._clock() < until or keys[self._line[-1].commit.sha] in known):
            landed = self._line.pop()
            change = _decode(known.get(keys[landed.commit.sha]), PastChange)
            if change is None:
                change = self._describe(landed, self._differences(landed.commit))
                fresh.append(change)
            self._read.append(change)
        self._remember(fresh)
        self.past = PastChanges()
        for change in (*reversed(self._read), *self._since):
            self._add(change)
        return True

    def _add(self, change: PastChange) -> None:
        text = self._issue_text(change.issue) if change.issue else ""
        if text:
            change = msgspec.structs.replace(change, terms=dict(Counter(change.terms) + terms_of(bounded(text))))
        self.past.add(change)

    def _remember(self, changes: Sequence[PastChange]) -> None:
        if self._cache is not None and changes:
            self._cache.put_many({_past_key(Sha(each.id)): msgspec.msgpack.encode(each) for each in changes})

    def _differences(self, commit: Commit) -> tuple[_Difference, ...]:
        """The files in which a commit differs from the one before it on the line; documentation is left out."""
        before = self._objects.tree_of(commit.parents[0]) if commit.parents else None
        found = []
        for path, entry in tree_difference(self._objects, before, commit.tree):
            if _is_told_of(path) and (entry is None or entry.is_text_file):
                old = self._objects.find_entry(before, path) if before is not None else None
                old_blob = old.sha if old is not None and old.is_text_file else None
                found.append(_Difference(path, old_blob, entry.sha if entry is not None else None))
        return tuple(found)

    def _describe(self, landed: _Landed, differences: Sequence[_Difference]) -> PastChange:
        messages = [self._message(each.sha) for each in (landed.commit, *landed.own[:_MOST_OWN])]
        said = _without_merge(messages[0])
        title = said.strip().partition("\n")[0]
        if _MERGED_BRANCH.match(title):
            # Nobody wrote this, and what is in it may be a year's work: of one commit its own title says more.
            title = messages[1].strip().partition("\n")[0] if len(messages) == 2 else title
            messages = messages if len(landed.own) <= _FEW_OWN else []
        issue = next((found for each in messages if (found := _trailer(each))), "")
        label = f"issue {issue}" if issue else f'"{_cut(title)}" ({landed.commit.sha[:7]})'
        text = "\n".join([said, *(each.partition("\n")[0] for each in messages[1:])]) if messages else ""
        touched = [each for each in differences if each.before is not None]
        return PastChange(
            id=landed.commit.sha,
            label=label,
            terms=dict(terms_of(bounded(text))),
            files=tuple(each.path for each in touched),
            symbols=tuple(self._symbols(touched)) if len(touched) <= MOST_TOUCHED else (),
            issue=issue,
            moved=tuple(_renames(differences)),
        )

    def _symbols(self, touched: Sequence[_Difference]) -> Iterator[SymbolKey]:
        for each in touched:
            if find_language(each.path) is not None and each.before is not None:
                now = self.page_of(each.path, each.now) if each.now is not None else None
                names = written_between(self.page_of(each.path, each.before), now)
                yield from (SymbolKey(each.path, name) for name in names)

    def _message(self, commit: Sha) -> str:
        content = self._objects.read(commit) or b""
        return content.partition(b"\n\n")[2].decode("utf-8", "replace")


def _landed(commits: Sequence[Commit], head: Sha) -> Iterator[_Landed]:
    """The commits of the branch itself, oldest first, each with what it brought; ``commits`` are newest first."""
    known = {each.sha: each for each in commits}
    line: list[Commit] = []
    at: Sha | None = head
    while at is not None and at in known:
        line.append(known[at])
        at = known[at].parents[0] if known[at].parents else None
    taken = {each.sha for each in line}
    for commit in reversed(line):
        own: list[Commit] = []
        waiting = list(commit.parents[1:])
        while waiting:
            sha = waiting.pop()
            if sha in known and sha not in taken:
                taken.add(sha)
                own.append(known[sha])
                waiting.extend(known[sha].parents)
        yield _Landed(commit, tuple(own))


def _renames(differences: Sequence[_Difference]) -> Iterator[tuple[str, str]]:
    """Files that went and came in one change, with one content or one name: one file, moved."""
    gone = [each for each in differences if each.now is None]
    come = [each for each in differences if each.before is None]
    for old in gone:
        same = [each for each in come if each.now == old.before]
        called = [each for each in come if each.path.rpartition("/")[2] == old.path.rpartition("/")[2]]
        found = same or (called if old.path.rpartition("/")[2] != "__init__.py" else [])
        if len(found) == 1:
            yield old.path, found[0].path


def _is_told_of(path: str) -> bool:
    return not is_documentation(path)


def _without_merge(message: str) -> str:
    """A message without the line that git or a host writes by itself, and without its trailers."""
    first, _, rest = message.partition("\n")
    kept = rest if first.startswith(_MERGE) and rest.strip() else message
    return "\n".join(line for line in kept.split("\n") if not _is_trailer(line))


def _is_trailer(line: str) -> bool:
    return line.partition(":")[0] in {
        "Issue",
        "Engagement",
        "Agent",
        "Co-authored-by",
        "Signed-off-by",
        "Co-Authored-By",
    }


def _trailer(message: str) -> str:
    found = [line.partition(":")[2].strip() for line in message.split("\n") if line.startswith("Issue: ")]
    return found[-1][:200] if found else ""


def _cut(title: str) -> str:
    return title if len(title) <= _MOST_LABEL else f"{title[: _MOST_LABEL - 1]}…"


def _page_key(path: str, blob: Sha) -> ReadingKey:
    language = find_language(path)
    name, version = (language.name, language.version) if language is not None else ("", 0)
    return ReadingKey(blob, name, version * 1_000 + VERSION, "page")


def _past_key(commit: Sha) -> ReadingKey:
    return ReadingKey(commit, "", VERSION, "past")


def _decode(data: bytes | None, kind: type[_Value]) -> _Value | None:
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None  # written by another version
