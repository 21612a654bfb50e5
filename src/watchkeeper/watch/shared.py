"""A checkout that sessions work in: which of what differs there is whose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from watchkeeper.conflicts.pair import TextClash
from watchkeeper.model.agents import UNATTRIBUTED, AgentEvent, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.record.messages import encode_message
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.working import NowFile, WorkingFile
from watchkeeper.watch.attribution import NOBODY, Attribution, Part, Save
from watchkeeper.watch.kept import KeptFile, KeptRoom, Past, Read, Store, texts_of
from watchkeeper.watch.wovenfiles import Counts, WovenFiles, entry_of, identity_of

_UNSEEN_MS = 2_000  # a file that is gone may have gone some time before that was seen

When = Callable[[str], Millis | None]
"""When a path of the checkout was last touched, as the file system says; of one that is gone its folder; None: unknown.
"""


class Shared:
    """One checkout since the first of its sessions began, at the commit ``base``.

    What was different then already, or is not known to be anybody's, is ``unattributed``. Not thread-safe.
    """

    def __init__(self, base: Sha | None, objects: Objects, object_format: str = "sha1") -> None:
        self.lost: tuple[str, ...] = ()
        self._woven = WovenFiles(base, objects, object_format)
        self._attribution = Attribution()
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
    def base(self) -> Sha | None:
        """The commit that all parts are held against."""
        return self._woven.base

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
        return any(file.is_undecided for file in self._woven.files.values())

    @property
    def paths(self) -> frozenset[str]:
        """All files that were different from the base at some time."""
        return frozenset(self._woven.files)

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
            known = self._woven.authors()
            self._past = {each: past for each, past in self._past.items() if each in known}
        self.renew_standing(self._head)

    def renew_standing(self, head: Sha | None) -> bool:
        """HEAD is there: whose work stands, of those that have ended; whether that is news.

        It does as long as any of its lines is in the checkout, and not in ``head``.
        """
        before, self._head = (self._standing, self._is_split), head
        self._standing = frozenset(
            each for each in self._past if any(self._woven.stands(each, path, head) for path in self._woven.files)
        )
        # While it is not decided whose the last saves are, they may be theirs.
        is_held = self._is_split and bool(self._standing or (self._past and self._is_undecided))
        self._is_split = len(self._sessions) > 1 or is_held
        return (self._standing, self._is_split) != before

    def take(self, kept: KeptRoom, files: Iterable[KeptFile], read: Read) -> None:
        """Be what was kept of this checkout. Files whose texts are gone are ``lost``: nobody knows whose they are."""
        files = list(files)
        self._kept = {file.path: b"" for file in files}
        self.lost = self._woven.restore(files, dict(kept.origins), read)
        self._sessions = {session.id: session for session in kept.sessions}
        self._past = {past.session.id: past for past in kept.past}
        self._attribution.resume(self._sessions)
        self._is_split, self._head = kept.is_split, kept.head
        self._is_begun = self._is_resumed = True

    def keep(self, root: str, branch: str, store: Store) -> dict[str, bytes | None]:
        """What is to be kept of it that was not yet, by path; ``""`` is the checkout itself."""
        found: dict[str, bytes | None] = dict.fromkeys(self._kept.keys() - self._woven.files.keys() - {""})
        for path, file in self._woven.files.items():
            if file.is_fresh:
                kept = file.keep(path, store, self._woven.text)
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
            origins=tuple(self._woven.origins.items()),
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
            for path in self._woven.files.keys() & seen.keys() - set(changed):
                self._woven.files[path].set_now(seen[path])
        moving = Counter(_folder(path) for path in changed if seen[path] is None or self._seen[path] is None)
        for path in changed:
            self._take(path, seen[path], when(path), now, is_exact=seen[path] is not None or moving[_folder(path)] == 1)
            self._seen[path] = identity_of(seen[path])  # only now: where git fails, it is looked at again
        if changed:
            self._woven.join(moved)
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
        self.lost = self._woven.move(base)
        self._seen, self._is_begun = {}, False

    def beyond(self, change: ChangeId, commit: Sha | None) -> tuple[WorkingFile, ...]:
        """A part's files that are not as in ``commit``: what somebody who has that commit does not have of it."""
        return self._woven.files_of(
            _author_of(change), lambda path, file: entry_of(file.now) != self._woven.entry(commit, path)
        )

    def changes(self, whole: Change) -> tuple[tuple[Change, tuple[WorkingFile, ...]], ...]:
        """Each session's part of the checkout's change, and what is unattributed; those without any are left out.

        A session that ended has the files in which any of its work stands uncommitted.
        """
        past = {identity: self._past[identity].session for identity in self._past if identity in self._standing}
        found = []
        for identity, session in {**past, **self._sessions, NOBODY: None}.items():
            files = self.part(part_id(whole.id, identity))
            if files:
                found.append((_change(whole, identity, session, self.base), files))
        return tuple(found)

    def covers(self, paths: Iterable[str]) -> bool:
        """Whether all work in these files is some part's still: of nobody who has ended it is committed."""
        known = [(path, self._woven.files[path]) for path in paths if path in self._woven.files]
        past = self._past.keys()
        return all(self._woven.stands(each, path, self._head) for path, file in known for each in file.authors & past)

    def were_apart(self, one: ChangeId, other: ChangeId) -> bool:
        """One of two sessions had ended before the other began, which so has found its lines there."""
        first, second = _author_of(one), _author_of(other)
        return self._has_found(first, second) or self._has_found(second, first)

    def _has_found(self, late: SessionId, early: SessionId) -> bool:
        past, ended = self._past.get(early), self._past.get(late)
        session = ended.session if ended is not None else self._sessions.get(late)
        return past is not None and session is not None and session.since >= past.ended_at

    def _counts_of(self, author: SessionId) -> Counts | None:
        """Of a session that ended, only the files in which any of its work stands."""
        if author not in self._past:
            return None
        return lambda path, _: self._woven.stands(author, path, self._head)

    def part(self, change: ChangeId) -> tuple[WorkingFile, ...]:
        """A session's part as it is now, or what is unattributed."""
        return self._woven.files_of(_author_of(change), self._counts_of(_author_of(change)))

    def together(self, one: ChangeId, other: ChangeId) -> tuple[WorkingFile, ...]:
        """What two parts are in one tree: nobody has to merge them, for they were written into the same files.

        A file is in it by those in whose part it is: else the two had together what neither has.
        """
        return self._woven.together({each: self._counts_of(each) for each in (_author_of(one), _author_of(other))})

    def parts(self, path: str, now: Millis) -> tuple[Part, ...]:
        """Who made what of the last saves of a file, how it is known, and why."""
        return self._attribution.parts(path, now)

    def clashes(self, one: ChangeId, other: ChangeId) -> tuple[TextClash, ...]:
        """Where one of two took out what the other put in. That git could not merge them does not matter here."""
        return tuple(self._woven.overwritten(_author_of(one), _author_of(other)))

    def _is_news(self, path: str, file: NowFile | None) -> bool:
        if path not in self._seen:
            self._seen[path] = identity_of(self._woven.now(path))
        return self._seen[path] != identity_of(file)

    def _take(self, path: str, now: NowFile | None, touched: Millis | None, seen_at: Millis, *, is_exact: bool) -> None:
        """``is_exact``: nothing else that is known of explains when its place was ``touched``."""
        file = self._woven.get(path)
        before, after = self._woven.text(file.now), self._woven.text(now)
        file.set_now(now)
        if not self._is_begun or (before == after and not file.authors):
            file.settle([(NOBODY, after)], self._woven.text)  # also where only its mode is another
        elif before != after:
            at = Millis(min(touched, seen_at)) if touched is not None else seen_at
            since = at if touched is not None and is_exact else Millis(at - _UNSEEN_MS)
            self._attribution.note(Save(path, before, after, at, since, self._is_resumed))

    def _decide(self, now: Millis) -> bool:
        """Hold the open saves against what was told by now; whether that gave something else than before."""
        is_news = self._settle(now)
        for path in self._attribution.paths:
            parts = [(part.author, part.after) for part in self._attribution.parts(path, now)]
            is_news |= self._woven.files[path].set_open(parts)
        self._woven.drop_idle(self._attribution.paths)
        for path in self._woven.origins if is_news else ():
            self._woven.files[path].clear()
        return is_news

    def _settle(self, now: Millis) -> bool:
        is_news = False
        for path, parts in self._attribution.settle(now).items():
            rest = [(part.author, part.after) for part in self._attribution.parts(path, now)]
            settled = [(part.author, part.after) for part in parts]
            file = self._woven.files[path]
            is_news |= file.set_open([*settled, *rest])
            file.settle(settled, self._woven.text)
            file.set_open(rest)
        return is_news


def part_id(whole: ChangeId, author: SessionId) -> ChangeId:
    """How a session's part of a checkout's change is called."""
    return ChangeId(f"{whole}@{author or UNATTRIBUTED}")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


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
