"""A checkout that sessions work in: which of what differs there is whose."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.conflicts.pair import OVERWRITTEN, TextClash
from watchkeeper.model.agents import AgentEvent, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.record.messages import encode_message
from watchkeeper.repos.loose import object_id
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.trees import EXECUTABLE, FILE, FOLDER, TreeEntry
from watchkeeper.repos.working import NowFile, WorkingFile, combine, is_binary
from watchkeeper.watch.attribution import NOBODY, Attribution, Part, Save
from watchkeeper.watch.kept import KeptFile, KeptRoom, Past, Read, Store, texts_of
from watchkeeper.watch.wovenfile import WovenFile

UNATTRIBUTED = "unattributed"
"""How the change is called of what nobody is known to have done."""

_MOST_WOVEN = 2_000_000
_UNSEEN_MS = 2_000  # a file that is gone may have gone some time before that was seen

Counts = Callable[[str, WovenFile], bool]
"""Whether a file is to be looked at."""

When = Callable[[str], Millis | None]
"""When a path of the checkout was last touched, as the file system says; None where there is nothing."""


class Shared:
    """One checkout since the first of its sessions began, at the commit ``base``.

    What was different then already, or is not known to be anybody's, is ``unattributed``. Not thread-safe.
    """

    def __init__(self, base: Sha | None, objects: Objects, object_format: str = "sha1") -> None:
        self.base = base
        self.lost: tuple[str, ...] = ()
        self._objects = objects
        self._format = object_format
        self._attribution = Attribution()
        self._files: dict[str, WovenFile] = {}
        self._origins: dict[str, str] = {}  # the paths of files that were moved, by their new ones
        self._sessions: dict[SessionId, Session] = {}
        self._past: dict[SessionId, Past] = {}
        self._standing: frozenset[SessionId] = frozenset()
        self._head = base
        self._is_split = False
        self._seen: dict[str, tuple[str, ...] | None] = {}
        self._is_begun = False
        self._is_resumed = False
        self._kept: dict[str, bytes] = {}
        self._texts: dict[str, frozenset[Sha]] = {}

    @property
    def is_split(self) -> bool:
        """Two or more sessions were at work at the same time, and a part of one that ended, or both, are here still.

        Each has a change of its own.
        """
        return self._is_split

    @property
    def is_over(self) -> bool:
        """Nobody is at work, and nothing stands of those who were."""
        return not (self._sessions or self._standing or self._is_undecided)

    @property
    def standing(self) -> frozenset[SessionId]:
        """Those that have ended, and have work here that is not committed."""
        return self._standing

    @property
    def _is_undecided(self) -> bool:
        return any(file.is_undecided for file in self._files.values())

    @property
    def paths(self) -> frozenset[str]:
        """All files that were different from the base at some time."""
        return frozenset(self._files)

    def set_sessions(self, sessions: Iterable[Session], at: Millis) -> None:
        """These are at work now. One that ended keeps what it has not committed."""
        now = {session.id: session for session in sessions}
        for identity in self._sessions.keys() - now.keys():
            self._attribution.end(identity, at)
            self._past[identity] = Past(self._sessions[identity], at)
        self._sessions = now
        self._is_split |= len(now) > 1
        self._past = {each: past for each, past in self._past.items() if each not in now}
        if not self._attribution.paths:  # else more may turn out to be theirs
            known = frozenset[SessionId]().union(*(file.authors for file in self._files.values()))
            self._past = {each: past for each, past in self._past.items() if each in known}
        self.renew_standing(self._head)

    def renew_standing(self, head: Sha | None) -> bool:
        """HEAD is there: whose work stands, of those that have ended; whether that is news.

        It does as long as any of its lines is in the checkout, and not in ``head``.
        """
        before, self._head = (self._standing, self._is_split), head
        self._standing = frozenset(
            each for each in self._past if any(self._stands(each, path, file) for path, file in self._files.items())
        )
        # While it is not decided whose the last saves are, they may be theirs.
        is_held = self._is_split and bool(self._standing or (self._past and self._is_undecided))
        self._is_split = len(self._sessions) > 1 or is_held
        return (self._standing, self._is_split) != before

    def take(self, kept: KeptRoom, files: Iterable[KeptFile], read: Read) -> None:
        """Be what was kept of this checkout. Files whose texts are gone are ``lost``: nobody knows whose they are."""
        lost, origins = [], dict(kept.origins)
        for each in sorted(files, key=lambda file: file.path in origins):
            self._kept[each.path] = b""
            file = WovenFile(self._at_base(each.path), self._at_base(each.path))
            old = origins.get(each.path)
            if old is not None and old in self._files:
                file.join(self._files[old])
                self._origins[each.path] = old
            try:
                file.take(each, read, self._text, self._format)
            except (LookupError, ValueError):
                lost.append(each.path)
                file = WovenFile(self._at_base(each.path), self._at_base(each.path))
            self._files[each.path] = file
        self.lost = tuple(lost)
        self._sessions = {session.id: session for session in kept.sessions}
        self._past = {past.session.id: past for past in kept.past}
        self._attribution.resume(self._sessions)
        self._is_split, self._head = kept.is_split, kept.head
        self._is_begun = self._is_resumed = True

    def keep(self, root: str, branch: str, store: Store) -> dict[str, bytes | None]:
        """What is to be kept of it that was not yet, by path; ``""`` is the checkout itself."""
        found: dict[str, bytes | None] = dict.fromkeys(self._kept.keys() - self._files.keys() - {""})
        for path, file in self._files.items():
            if file.is_fresh:
                kept = file.keep(path, store, self._text)
                found[path] = encode_message(kept) if kept is not None else None
                self._texts[path] = frozenset(texts_of(kept)) if kept is not None else frozenset()
        room = KeptRoom(
            root=root,
            base=self.base,
            head=self._head,
            branch=branch,
            sessions=tuple(self._sessions.values()),
            past=tuple(self._past.values()),
            is_split=self._is_split,
            origins=tuple(self._origins.items()),
        )
        found[""] = encode_message(room)
        return {path: value for path, value in found.items() if value != self._kept.get(path)}

    def note_kept(self, values: Mapping[str, bytes | None]) -> None:
        """These are kept now."""
        for path, value in values.items():
            if value is not None:
                self._kept[path] = value
            else:
                self._kept.pop(path, None)
                self._texts.pop(path, None)

    @property
    def kept_paths(self) -> frozenset[str]:
        """The files of which something is kept."""
        return frozenset(path for path in self._kept if path)

    @property
    def texts(self) -> frozenset[Sha]:
        """The texts that what is kept needs."""
        return frozenset[Sha]().union(*self._texts.values())

    def tell(self, session: SessionId, event: AgentEvent, path: str, at: Millis) -> bool:
        """A session of this checkout told something; whether that changed whose something is."""
        if session not in self._sessions or not self._attribution.tell(session, event, path, at):
            return False
        return self._decide(at)

    def look(self, seen: Mapping[str, NowFile | None], moved: Mapping[str, str], when: When, now: Millis) -> bool:
        """The files are like this now (None: there is none); whether anything is different from the last look.

        ``moved`` are those that have another path than in the base, with that path. What the first look finds was
        there before: nobody's.
        """
        changed = [path for path, file in seen.items() if self._is_news(path, file)]
        if self._is_resumed:  # what is kept knows the file by what matters; the disk has all of it
            for path in self._files.keys() & seen.keys() - set(changed):
                self._files[path].set_now(seen[path])
        for path in changed:
            self._take(path, seen[path], when(path), now)
            self._seen[path] = _identity(seen[path])  # only now: where git fails, it is looked at again
        if changed:
            self._join(moved)
        self._is_begun, self._is_resumed = True, False
        return self._decide(now) or bool(changed)

    def is_due(self, now: Millis) -> bool:
        """Time passed, and so it is decided whose some file is, or nothing can change it any more."""
        if not self._attribution.paths:
            return False
        is_news = self._decide(now)
        return is_news or (bool(self._past) and not self._attribution.paths)

    def move(self, base: Sha | None, now: Millis) -> None:
        """Begin anew at another commit; ``lost`` are the files of which nobody knows any more who wrote what.

        Files that are the same in both commits stay as they are.
        """
        self._settle(Millis(now + 10**9))
        kept: dict[str, WovenFile] = {}
        lost: list[str] = []
        for path, file in self._files.items():
            there = self._entry(base, path)
            if _entry_of(file.base) == there:
                kept[path] = file
            elif _entry_of(file.now) != there:
                kept[path] = WovenFile(NowFile(there) if there is not None else None, file.now)
                kept[path].settle([(NOBODY, self._text(file.now))], self._text)
                lost.append(path)
        self.base, self._files, self.lost = base, kept, tuple(lost)
        for path, old in list(self._origins.items()):
            if not {path, old} <= kept.keys():
                self._part(path)
        self._seen, self._is_begun = {}, False

    def beyond(self, change: ChangeId, commit: Sha | None) -> tuple[WorkingFile, ...]:
        """A part's files that are not as in ``commit``: what somebody who has that commit does not have of it."""
        return self._files_of(
            frozenset({_author_of(change)}), lambda path, file: _entry_of(file.now) != self._entry(commit, path)
        )

    def changes(self, whole: Change) -> tuple[tuple[Change, tuple[WorkingFile, ...]], ...]:
        """Each session's part of the checkout's change, and what is unattributed; those without any are left out.

        A session that ended has the files in which any of its work stands uncommitted.
        """
        past = {identity: self._past[identity].session for identity in self._past if identity in self._standing}
        found = []
        for identity, session in {**past, **self._sessions, NOBODY: None}.items():
            files = self._files_of(frozenset({identity}), self._standing_of(identity) if identity in past else None)
            if files:
                found.append((_change(whole, identity, session, self.base), files))
        return tuple(found)

    def covers(self, paths: Iterable[str]) -> bool:
        """Whether all work in these files is some part's still: of nobody who has ended it is committed."""
        known = [(path, self._files[path]) for path in paths if path in self._files]
        return all(self._stands(each, path, file) for path, file in known for each in file.authors & self._past.keys())

    def were_apart(self, one: ChangeId, other: ChangeId) -> bool:
        """One of two sessions had ended before the other began, which so has found its lines there."""
        first, second = _author_of(one), _author_of(other)
        return self._has_found(first, second) or self._has_found(second, first)

    def _has_found(self, late: SessionId, early: SessionId) -> bool:
        past, ended = self._past.get(early), self._past.get(late)
        session = ended.session if ended is not None else self._sessions.get(late)
        return past is not None and session is not None and session.since >= past.ended_at

    def _standing_of(self, author: SessionId) -> Counts:
        return lambda path, file: self._stands(author, path, file)

    def _stands(self, author: SessionId, path: str, file: WovenFile) -> bool:
        if author not in file.authors or path in self._origins.values():
            return False
        there = self._entry(self._head, path)
        if there == _entry_of(file.now):
            return False
        return file.stands(author, NowFile(there) if there is not None else None, self._text)

    def together(self, one: ChangeId, other: ChangeId) -> tuple[WorkingFile, ...]:
        """What two parts are in one tree: nobody has to merge them, for they were written into the same files."""
        return self._files_of(frozenset({_author_of(one), _author_of(other)}))

    def parts(self, path: str, now: Millis) -> tuple[Part, ...]:
        """Who made what of the last saves of a file, how it is known, and why."""
        return self._attribution.parts(path, now)

    def clashes(self, one: ChangeId, other: ChangeId) -> tuple[TextClash, ...]:
        """Where one of two took out what the other put in. That git could not merge them does not matter here."""
        return tuple(self._overwritten(_author_of(one), _author_of(other)))

    def _overwritten(self, one: str, other: str) -> Iterator[TextClash]:
        moved = set(self._origins.values())
        for path, file in self._files.items():
            if path in moved or not {one, other} & file.authors:
                continue
            weave = file.weave(self._text)
            ours, theirs = weave.overwritten(one, other), weave.overwritten(other, one)
            if ours or theirs:
                yield TextClash(
                    path=self._origins.get(path, path),
                    kind=OVERWRITTEN,
                    ours=tuple((number, number) for number, _ in ours),
                    theirs=tuple((number, number) for number, _ in theirs),
                    our_text=_first_said(ours),
                    their_text=_first_said(theirs),
                )

    def _is_news(self, path: str, file: NowFile | None) -> bool:
        if path not in self._seen:
            self._seen[path] = _identity(self._now(path))
        return self._seen[path] != _identity(file)

    def _take(self, path: str, now: NowFile | None, touched: Millis | None, seen_at: Millis) -> None:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = WovenFile(self._at_base(path), self._at_base(path))
        before, after = self._text(file.now), self._text(now)
        file.set_now(now)
        if not self._is_begun or (before == after and not file.authors):
            file.settle([(NOBODY, after)], self._text)  # also where only its mode is another
        elif before != after:
            at = Millis(min(touched, seen_at)) if touched is not None else seen_at
            since = at if touched else Millis(seen_at - _UNSEEN_MS)
            self._attribution.note(Save(path, before, after, at, since, self._is_resumed))

    def _decide(self, now: Millis) -> bool:
        """Hold the open saves against what was told by now; whether that gave something else than before."""
        is_news = self._settle(now)
        for path in self._attribution.paths:
            parts = [(part.author, part.after) for part in self._attribution.parts(path, now)]
            is_news |= self._files[path].set_open(parts)
        for path in [path for path, file in self._files.items() if self._is_idle(path, file)]:
            del self._files[path]
        for path in self._origins if is_news else ():
            self._files[path].clear()
        return is_news

    def _settle(self, now: Millis) -> bool:
        is_news = False
        for path, parts in self._attribution.settle(now).items():
            rest = [(part.author, part.after) for part in self._attribution.parts(path, now)]
            settled = [(part.author, part.after) for part in parts]
            file = self._files[path]
            is_news |= file.set_open([*settled, *rest])
            file.settle(settled, self._text)
            file.set_open(rest)
        return is_news

    def _is_idle(self, path: str, file: WovenFile) -> bool:
        """It is as in the base, for everybody."""
        if path in self._attribution.paths or path in {*self._origins, *self._origins.values()}:
            return False
        if _entry_of(file.now) != _entry_of(file.base):
            return False
        return all(_identity(self._view(file, frozenset({each}))) == _identity(file.base) for each in file.authors)

    def _join(self, moved: Mapping[str, str]) -> None:
        """A moved file is the same file: who works on it has done so at its old place, unless he moved it."""
        for path, old in moved.items():
            file, origin = self._files.get(path), self._files.get(old)
            if path in self._origins or file is None or origin is None or file.base is not None or origin.base is None:
                continue
            before = [new for new, its in self._origins.items() if its == old]
            file.join(self._files[before[-1]] if before else origin)
            self._origins[path] = old
        for path, old in list(self._origins.items()):
            if self._files[old].now is not None or (self._files[path].now is None and path not in moved):
                self._part(path)

    def _part(self, path: str) -> None:
        del self._origins[path]
        if path in self._files:
            self._files[path].join(None)

    def _files_of(self, authors: frozenset[SessionId], counts: Counts | None = None) -> tuple[WorkingFile, ...]:
        """The part of these, in the files that count."""
        moved = set(self._origins.values())
        views: dict[str, NowFile | None] = {}
        for path, file in self._files.items():
            if path in moved or not authors & file.authors:
                continue
            if counts is not None and not counts(path, file):
                continue
            place = path
            if path in self._origins:
                views[self._origins[path]] = None
                place = path if file.maker in authors else self._origins[path]
            views[place] = self._view(file, authors)
        return self._combined(views)

    def _combined(self, views: Mapping[str, NowFile | None]) -> tuple[WorkingFile, ...]:
        changed = {path: view for path, view in views.items() if _identity(view) != _identity(self._files[path].base)}
        return combine((), changed, lambda path: self._entry(self.base, path), self._objects.read)

    def _view(self, file: WovenFile, authors: frozenset[SessionId]) -> NowFile | None:
        """The file as it would be had nobody else worked on it."""
        if authors not in file.views:
            file.views[authors] = self._make_view(file, authors)
        return file.views[authors]

    def _make_view(self, file: WovenFile, authors: frozenset[SessionId]) -> NowFile | None:
        text = file.view(authors, self._text)
        if text == self._text(file.now):
            return file.now
        if text == self._text(file.root):
            return file.root
        if text is None:
            return None
        mode = next((it.entry.mode for it in (file.root, file.now) if it is not None and _is_text(it)), FILE)
        return NowFile(TreeEntry(mode, object_id("blob", text, self._format)), text)

    def _now(self, path: str) -> NowFile | None:
        file = self._files.get(path)
        return file.now if file is not None else self._at_base(path)

    def _at_base(self, path: str) -> NowFile | None:
        entry = self._entry(self.base, path)
        return NowFile(entry) if entry is not None else None

    def _entry(self, revision: Sha | None, path: str) -> TreeEntry | None:
        entry = self._objects.find_entry(revision, path) if revision is not None else None
        return entry if entry is not None and entry.mode != FOLDER else None

    def _text(self, file: NowFile | None) -> bytes | None:
        """The text to weave. What is none (a link, a binary, too large, unknown) is one piece that names it."""
        if file is None:
            return None
        if _is_text(file):
            content = file.content if file.content is not None else self._objects.read(file.entry.sha)
            if content is not None and len(content) <= _MOST_WOVEN and not is_binary(content):
                return content
        return f"\0{file.entry.mode} {file.entry.sha} {file.stamp}".encode("utf-8", "surrogateescape")


def _is_text(file: NowFile) -> bool:
    return not file.unknown and file.entry.mode in (FILE, EXECUTABLE)


def _identity(file: NowFile | None) -> tuple[str, ...] | None:
    return (file.entry.mode, file.entry.sha, file.stamp) if file is not None else None


def _entry_of(file: NowFile | None) -> TreeEntry | None:
    return file.entry if file is not None else None


def part_id(whole: ChangeId, author: SessionId) -> ChangeId:
    """How a session's part of a checkout's change is called."""
    return ChangeId(f"{whole}@{author or UNATTRIBUTED}")


def _author_of(change: ChangeId) -> SessionId:
    name = change.rpartition("@")[2]
    return NOBODY if name == UNATTRIBUTED else SessionId(name)


def _change(whole: Change, author: SessionId, session: Session | None, base: Sha | None) -> Change:
    """Its head is its base: whose commits are whose is not known, whose lines are."""
    return msgspec.structs.replace(
        whole,
        id=part_id(whole.id, author),
        source=Source.SESSION,
        label=f"{author or UNATTRIBUTED} in {whole.label}",
        head=base,
        base=base,
        author=session.agent if session is not None else "",
        since=session.since if session is not None else whole.since,
    )


def _first_said(lines: Sequence[tuple[int, bytes]]) -> str:
    said = next((text for _, text in lines if text.strip()), b"")
    return said.decode("utf-8", "replace").strip()[:160]


def local_path_of(root: str, event: AgentEvent) -> str:
    """The event's path in the checkout; ``""`` for one outside, or none. What is told is not trusted."""
    if not event.path or "\0" in event.path:
        return ""
    place = os.path.join(event.cwd or root, event.path)  # noqa: PTH118 a text of anything
    for top, there in ((root, os.path.normpath(place)), (os.path.realpath(root), _real(place))):
        if there.startswith(top.rstrip("/") + "/"):
            return there[len(top.rstrip("/")) + 1 :]
    return ""


def _real(place: str) -> str:
    """Without links in its folders; the file itself may be one."""
    folder, _, name = place.rpartition("/")
    try:
        return f"{os.path.realpath(folder)}/{name}"
    except (OSError, ValueError):
        return place
