"""Whose save was it: what agents told that they do, held against what became different. Pure; untrusted events in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from watchkeeper.model.agents import Act, AgentEvent, How, Phase, SessionId
from watchkeeper.model.ids import Millis
from watchkeeper.watch.explaining import Explained, Told, explain

NOBODY = SessionId("")
"""The author of what nobody is known to have done."""

PENDING = SessionId("?")
"""The author of what is not decided yet: an event may come that tells."""

OPEN_MS = 15_000
"""So long after a save an event can still say whose it was: hooks come late."""

GRACE_MS = 1_500
"""So long nobody is named who did not tell of it himself."""

_TOLD_BEFORE_MS = 600_000  # a person may have been asked before the edit was done
_DONE_BEFORE_MS = 30_000  # a save may be seen late
_JOINED_MS = 2_000
_COARSE_MS = 20  # the times of files lag behind the clock; no event is heard before it happened
_WRITING_MS = 2_000
_ANNOUNCED_MS = 2_000  # what an agent only means to do so long after a save is of a later one
_MOST_TOLD = 200
MOST_TOLD_CHARS = 8_000_000
"""So much text of the edits that a session told is kept; of all sessions, ``MOST_TOLD_CHARS_OF_ALL``. Newest first."""

MOST_TOLD_CHARS_OF_ALL = 32_000_000
_MOST_RUNS = 50
_MOST_OPEN = 200
_MOST_JOINED = 4


class Save(msgspec.Struct, frozen=True):
    """A file became another (None: there was or is none). It happened between ``since`` and ``at``."""

    path: str
    before: bytes | None
    after: bytes | None
    at: Millis
    since: Millis
    is_unwatched: bool = False  # seen by a watch that was not there when it was done


class Part(msgspec.Struct, frozen=True):
    """What one author made of a file: ``after`` is the text with his work and that of the parts before it.

    ``how``: his agent told of it, nobody else can have been it, or nobody knows; ``why`` says it in words.
    """

    author: SessionId
    after: bytes | None
    how: How
    why: str
    at: Millis


class Attribution:
    """The sessions of one checkout, what they told, and the saves of the last seconds.

    Saves of a path are decided in order, those that are open anew with each event. A told edit explains one save.
    """

    def __init__(self) -> None:
        self._told: dict[SessionId, list[Told]] = {}
        self._chars: dict[SessionId, int] = {}  # of the edits in ``_told``
        self._runs: dict[SessionId, list[_Run]] = {}
        self._last: dict[SessionId, Millis] = {}
        self._open: dict[str, list[Save]] = {}
        self._settled_at: dict[str, Millis] = {}
        self._spent: set[int] = set()  # the edits that explain saves which are settled
        self._count = 0
        self._unheard: set[SessionId] = set()
        self._heard_at: dict[SessionId, Millis] = {}  # of those that were unheard once

    @property
    def paths(self) -> frozenset[str]:
        """Files with saves that are not settled."""
        return frozenset(self._open)

    @property
    def told_chars(self) -> int:
        """How much text of told edits is kept."""
        return sum(self._chars.values())

    def resume(self, sessions: Iterable[SessionId]) -> None:
        """These were at work before this process was: until they are heard, any of them may be running something."""
        self._unheard |= set(sessions)

    def tell(self, session: SessionId, event: AgentEvent, path: str, at: Millis) -> bool:
        """A session told something; ``path`` is the event's in the checkout. Whether it can say whose a save was."""
        if event.act is Act.WRITE and path:
            self._tell_write(session, event, path, at)
        elif event.act is Act.RUN:
            self._tell_run(session, event, at)
        elif event.act in (Act.IDLE, Act.END):
            self._end_turn(session, at)
        self._last[session] = at
        self._hear(session, at)
        return event.act in (Act.WRITE, Act.RUN)

    def end(self, session: SessionId, at: Millis) -> None:
        """The session is over. What it told of its last saves still counts."""
        self._end_turn(session, at)
        self._last.pop(session, None)
        self._hear(session, at)

    def note(self, save: Save) -> None:
        """A file was saved."""
        self._open.setdefault(save.path, []).append(save)

    def parts(self, path: str, now: Millis) -> tuple[Part, ...]:
        """Who made what of the open saves of a path, in order."""
        return tuple(part for block in self._blocks(path, now) for part in block.parts)

    def settle(self, now: Millis) -> dict[str, tuple[Part, ...]]:
        """Take out what no event can change any more, by path."""
        settled: dict[str, tuple[Part, ...]] = {}
        for path in list(self._open):
            parts = self._settle_path(path, now)
            if parts:
                settled[path] = parts
        self._clean(now)
        return settled

    def _settle_path(self, path: str, now: Millis) -> tuple[Part, ...]:
        saves = self._open[path]
        excess = len(saves) - _MOST_OPEN
        count, found = 0, list[Part]()
        for block in list(self._blocks(path, now)):
            if now - saves[count + block.count - 1].at < OPEN_MS and count >= excess:
                break
            found += [_decided(part) for part in block.parts]
            self._spent |= block.used
            count += block.count
            self._settled_at[path] = saves[count - 1].at
        del saves[:count]
        if not saves:
            del self._open[path]
        return tuple(found)

    def _blocks(self, path: str, now: Millis) -> Iterator[_Block]:
        """The open saves in order, those that are one work together."""
        saves = self._open.get(path, [])
        spent, at, before = frozenset(self._spent), 0, self._settled_at.get(path, Millis(0))
        while at < len(saves):
            count, save, explained = self._explained(saves[at : at + _MOST_JOINED], spent, before)
            before = saves[at + count - 1].at
            used = frozenset(told.number for told in explained.used)
            yield _Block(count, tuple(self._parts(save, explained, now)), used)
            spent, at = spent | used, at + count

    def _explained(self, saves: Sequence[Save], spent: frozenset[int], before: Millis) -> tuple[int, Save, Explained]:
        """The first save, or the first few as one: a file may be seen while it is half written."""
        first = saves[0]
        alone = explain(first.before, first.after, self._candidates(first, spent, before))
        if alone.is_whole:
            return 1, first, alone
        for count in range(2, len(saves) + 1):
            last = saves[count - 1]
            if last.at - first.at > _JOINED_MS:
                break
            joined = msgspec.structs.replace(first, after=last.after, at=last.at)
            whole = explain(joined.before, joined.after, self._candidates(joined, spent, before))
            if whole.is_whole:
                return count, joined, whole
        return 1, first, alone

    def _candidates(self, save: Save, spent: frozenset[int], before: Millis) -> list[Told]:
        """The edits that may have made it, in the order in which they were told.

        What was done ``before`` the last save is in it already.
        """
        done_from = max(before - _COARSE_MS, save.since - _DONE_BEFORE_MS)
        found = [
            told
            for each in self._told.values()
            for told in each
            if told.path == save.path
            and told.edits
            and told.number not in spent
            and save.since - _TOLD_BEFORE_MS <= told.at <= save.at + OPEN_MS
            and (told.done_at is None or told.done_at >= done_from)
            and not (told.is_announced and told.at > save.at + _ANNOUNCED_MS)
        ]
        return sorted(found, key=lambda told: (told.at, told.number))

    def _parts(self, save: Save, explained: Explained, now: Millis) -> Iterator[Part]:
        text = save.before
        for session, text in explained.steps:
            yield Part(session, text, How.DECLARED, "its agent told of this edit", save.at)
        if text == save.after:
            return
        author, how, why = self._infer(save)
        if now - save.at < GRACE_MS:
            author, how, why = PENDING, How.UNKNOWN, f"not decided yet: {why}"
        yield Part(author, save.after, how, why, save.at)

    def _hear(self, session: SessionId, at: Millis) -> None:
        if session in self._unheard:
            self._unheard.discard(session)
            self._heard_at[session] = at

    def _infer(self, save: Save) -> tuple[SessionId, How, str]:
        """Who else it can have been. Two who can have been it are nobody: half of all guesses would be wrong."""
        if save.is_unwatched:
            return NOBODY, How.UNKNOWN, "it was not watched: the watch began after it"
        busy = sorted(self._busy(save))
        dark = (self._unheard | {each for each, at in self._heard_at.items() if save.since < at}) - set(busy)
        if dark and busy:
            why = f"{' and '.join(sorted(dark))} may have been at work too, and was not heard yet by this watch"
            return NOBODY, How.UNKNOWN, why
        if len(busy) == 1:
            return busy[0], How.INFERRED, f"only {busy[0]} was at work on files at that moment"
        if busy:
            return NOBODY, How.UNKNOWN, f"{' and '.join(busy)} were all at work at that moment"
        return NOBODY, How.UNKNOWN, "no session was at work at that moment: a person, or a tool that nobody told of"

    def _busy(self, save: Save) -> Iterator[SessionId]:
        since, at = save.since, save.at + _COARSE_MS
        for session in self._told.keys() | self._runs.keys():
            runs = self._runs.get(session, ())
            told = self._told.get(session, ())
            if any(run.began <= at and (run.ended is None or run.ended >= since) for run in runs) or any(
                each.path == save.path and each.since <= at and (each.done_at is None or each.done_at >= since)
                for each in told
                if each.number not in self._spent
            ):
                yield session

    def _tell_write(self, session: SessionId, event: AgentEvent, path: str, at: Millis) -> None:
        told = self._told.setdefault(session, [])
        known = _find_told(told, event, path)
        if event.phase is Phase.FAILED:
            if known is not None:
                told.remove(known)
                self._bound(session)
            return
        done_at = at if event.phase is Phase.DONE else None
        if known is not None:
            edits = event.edits or known.edits
            done_at = known.done_at if done_at is None else done_at
            told[told.index(known)] = msgspec.structs.replace(known, edits=edits, done_at=done_at)
            self._bound(session)
            return
        self._count += 1
        # Where only the end is told, it began shortly before.
        since = at if done_at is None else max(self._last.get(session, Millis(0)), Millis(at - _WRITING_MS))
        told.append(Told(session, path, event.edits, at, since, done_at, event.call, self._count, done_at is None))
        del told[:-_MOST_TOLD]
        self._bound(session)

    def _bound(self, session: SessionId) -> None:
        """Keep the texts within their bounds: a session's oldest edits go, then those of who told most."""
        self._chars[session] = _forget_oldest(self._told[session], MOST_TOLD_CHARS)
        while (excess := self.told_chars - MOST_TOLD_CHARS_OF_ALL) > 0:
            most = max(self._chars, key=lambda each: self._chars[each])
            self._chars[most] = _forget_oldest(self._told[most], max(0, self._chars[most] - excess))

    def _tell_run(self, session: SessionId, event: AgentEvent, at: Millis) -> None:
        runs = self._runs.setdefault(session, [])
        known = _find_run(runs, event)
        if event.phase is Phase.INTENT:
            if known is None:
                runs.append(_Run(event.call, event.command, at))
                del runs[:-_MOST_RUNS]
        elif known is not None:
            runs[runs.index(known)] = msgspec.structs.replace(known, ended=at)
        else:  # its beginning was not told: some time since the session was last heard of
            began = self._last.get(session, Millis(at - OPEN_MS))
            runs.append(_Run(event.call, event.command, began, at))
            del runs[:-_MOST_RUNS]

    def _end_turn(self, session: SessionId, at: Millis) -> None:
        """Between turns an agent does nothing: what it only meant to do was not done, or is done by now."""
        told, runs = self._told.get(session, []), self._runs.get(session, [])
        told[:] = [each if each.done_at is not None else msgspec.structs.replace(each, done_at=at) for each in told]
        runs[:] = [each if each.ended is not None else msgspec.structs.replace(each, ended=at) for each in runs]

    def _clean(self, now: Millis) -> None:
        """Let go of what can explain nothing any more."""
        oldest = now - _DONE_BEFORE_MS - OPEN_MS
        for session, told in list(self._told.items()):
            told[:] = [
                each
                for each in told
                if now - each.at < _TOLD_BEFORE_MS and (each.done_at is None or each.done_at > oldest)
            ]
            self._chars[session] = sum(map(_size, told))
            if not told:
                del self._told[session], self._chars[session]
        for session, runs in list(self._runs.items()):
            runs[:] = [each for each in runs if each.ended is None or each.ended > oldest]
            if not runs:
                del self._runs[session]
        self._settled_at = {path: at for path, at in self._settled_at.items() if at > oldest}
        self._heard_at = {session: at for session, at in self._heard_at.items() if at > oldest}
        self._spent &= {each.number for told in self._told.values() for each in told}


class _Block(msgspec.Struct, frozen=True):
    """``count`` saves that were decided as one; ``used`` are the edits that explain it."""

    count: int
    parts: tuple[Part, ...]
    used: frozenset[int]


class _Run(msgspec.Struct, frozen=True):
    """A command in a shell, while it ran."""

    call: str
    command: str
    began: Millis
    ended: Millis | None = None


def _find_told(told: Sequence[Told], event: AgentEvent, path: str) -> Told | None:
    """The same write told before: by its call's id, or where there is none by what it is about."""
    for each in reversed(told):
        if each.path != path:
            continue
        if event.call and each.call:
            if each.call == event.call:
                return each
        elif each.done_at is None and (each.edits == event.edits or not each.edits or not event.edits):
            return each
    return None


def _size(told: Told) -> int:
    return sum(len(edit.old or "") + len(edit.new) for edit in told.edits)


def _forget_oldest(told: list[Told], most: int) -> int:
    """Forget the texts of the oldest edits until no more than ``most`` characters are left; how many are left.

    That the write was told is kept: it says who was at work at that moment.
    """
    chars = sum(map(_size, told))
    for index, each in enumerate(told):
        if chars <= most:
            break
        chars -= _size(each)
        told[index] = msgspec.structs.replace(each, edits=())
    return chars


def _find_run(runs: Sequence[_Run], event: AgentEvent) -> _Run | None:
    for each in reversed(runs):
        if event.call and each.call:
            if each.call == event.call:
                return each
        elif each.ended is None and (each.command == event.command or not event.command):
            return each
    return None


def _decided(part: Part) -> Part:
    return msgspec.structs.replace(part, author=NOBODY) if part.author == PENDING else part


def authors_of(parts: Iterable[Part]) -> frozenset[SessionId]:
    """Everybody who is named."""
    return frozenset(part.author for part in parts)
