"""Which told edits make one text out of another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from watchkeeper.code.linediff import line_hunks, split_lines
from watchkeeper.model.agents import SessionId, TextEdit
from watchkeeper.model.ids import Millis

_MOST_PLACES = 12
_MOST_LINES = 2_000_000
_MOST_CANDIDATES = 24


class Told(msgspec.Struct, frozen=True):
    """A write that a session told of: ``at`` when it was first heard of, under way from ``since`` to ``done_at``.

    ``number`` is its own; ``call`` the id of the agent's tool call. ``is_announced``: it was told before it was done.
    """

    session: SessionId
    path: str
    edits: tuple[TextEdit, ...]
    at: Millis
    since: Millis
    done_at: Millis | None = None
    call: str = ""
    number: int = 0
    is_announced: bool = False


class Explained(msgspec.Struct, frozen=True):
    """The sessions whose edits lead from a text towards another, each with the text after its own.

    ``is_whole``: they lead all the way.
    """

    steps: tuple[tuple[SessionId, bytes | None], ...] = ()
    used: tuple[Told, ...] = ()
    is_whole: bool = False


def explain(before: bytes | None, after: bytes | None, told: Sequence[Told]) -> Explained:
    """The told edits that made ``after`` of ``before``: all that were done, one, a session's, or those that lead near.

    Edits are tried in the order in which they were told, single ones the newest first. A whole file explains
    everything, and so comes late: what others told before may stand in it.
    """
    told = told[-_MOST_CANDIDATES:]
    if before == after or not told:
        return Explained()
    edits, files = [t for t in told if not _is_file(t)], [t for t in told if _is_file(t)]
    sets = [[t for t in told if t.done_at is not None], *([each] for each in reversed(edits))]
    sets += [own for session in _sessions(told) if len(own := [t for t in edits if t.session == session]) > 1]
    for each in [*sets, edits]:
        found = _in_order(before, after, each)
        if found is not None:
            return found
    for last in reversed(files):
        found = _in_order(before, after, [last])
        if found is not None:
            return _behind(_nearer(before, after, told[: told.index(last)]), last, after)
    return _in_order(before, after, told) or _nearer(before, after, told)


def _is_file(told: Told) -> bool:
    return any(edit.old is None for edit in told.edits)


def _behind(others: Explained, last: Told, after: bytes | None) -> Explained:
    """The whole file, on top of what the edits of others made of it before."""
    if others.is_whole:
        return others
    return Explained((*others.steps, (last.session, after)), (*others.used, last), is_whole=True)


def _sessions(told: Sequence[Told]) -> list[SessionId]:
    return list(dict.fromkeys(each.session for each in reversed(told)))


def _in_order(before: bytes | None, after: bytes | None, told: Sequence[Told]) -> Explained | None:
    """These, one after the other, as far as they apply and until they give ``after``; None where they never do."""
    steps, used = list[tuple[SessionId, bytes | None]](), list[Told]()
    text = before
    for each in told:
        now = _applied(text, after, each.edits)
        if now is None or now == text:
            continue
        # Who takes out all of a file may mean the file.
        text = None if now == b"" and after is None else now
        used.append(each)
        _step(steps, each.session, text)
        if text == after:  # what was told later belongs to later saves
            return Explained(tuple(steps), tuple(used), is_whole=True)
    return None


def _step(steps: list[tuple[SessionId, bytes | None]], session: SessionId, text: bytes | None) -> None:
    if steps and steps[-1][0] == session:
        steps[-1] = (session, text)
    else:
        steps.append((session, text))


def _applied(text: bytes | None, after: bytes | None, edits: Sequence[TextEdit]) -> bytes | None:
    """The text with all edits done where that is possible; None where one does not apply."""
    for edit in edits:
        places = list(_results(text, after, edit))
        if not places:
            return None
        text = next((place for place in places if place == after), places[0])
    return text


def _results(text: bytes | None, after: bytes | None, edit: TextEdit) -> Iterator[bytes]:
    """What the edit can make of the text: at each place where its old text stands, and at all of them."""
    for old, new in _as_bytes(text, after, edit):
        if not old:
            yield from _whole(text, after, new, is_file=edit.old is None)
            continue
        if text is None or old not in text:
            continue
        at = text.find(old)
        for _ in range(_MOST_PLACES):
            yield text[:at] + new + text[at + len(old) :]
            at = text.find(old, at + 1)
            if at < 0:
                break
        if text.count(old) > 1:
            yield text.replace(old, new)
        return


def _as_bytes(text: bytes | None, after: bytes | None, edit: TextEdit) -> Iterator[tuple[bytes, bytes]]:
    """As told, and with the line ends of the file: agents say a line end as they see it."""
    old, new = _encoded(edit.old or ""), _encoded(edit.new)
    yield old, new
    if b"\r\n" in (text or b"") or b"\r\n" in (after or b""):
        yield old.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), new.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _whole(text: bytes | None, after: bytes | None, new: bytes, *, is_file: bool) -> Iterator[bytes]:
    """A whole file, give or take its last line end; else an insertion whose place was not told."""
    if after is not None and new.rstrip(b"\r\n") == after.rstrip(b"\r\n"):
        yield after
    elif after is not None and text and new.strip():
        yield from _inserted(text, after, new)
    if is_file or not text:
        yield new


def _inserted(text: bytes, after: bytes, new: bytes) -> Iterator[bytes]:
    """The insertions that really are in ``after`` and say exactly this."""
    old_lines, now_lines = split_lines(text), split_lines(after)
    for hunk in line_hunks(old_lines, now_lines):
        first = hunk.now_start - 1
        put_in = now_lines[first : first + hunk.now_count]
        if hunk.base_count == 0 and b"".join(put_in).strip(b"\r\n") == new.strip(b"\r\n"):
            yield b"".join([*old_lines[: hunk.base_start], *put_in, *old_lines[hunk.base_start :]])


def _nearer(before: bytes | None, after: bytes | None, told: Sequence[Told]) -> Explained:
    """Those edits each of which leaves fewer lines to be explained."""
    size = (before or b"").count(b"\n") + (after or b"").count(b"\n")
    if after is None or size * len(told) > _MOST_LINES:
        return Explained()
    steps, used = list[tuple[SessionId, bytes | None]](), list[Told]()
    text, left = before, _distance(before, after)
    for each in [*told, *told]:  # twice: an edit may build on one that was told later
        if each in used:
            continue
        now, far = text, left
        for edit in each.edits:
            options = [(_distance(place, after), place) for place in _results(now, after, edit)]
            nearest = min(options, default=(far, now), key=lambda option: option[0])
            if nearest[0] < far:
                far, now = nearest
        if far < left:
            text, left = now, far
            used.append(each)
            _step(steps, each.session, text)
    return Explained(tuple(steps), tuple(used), is_whole=text == after)


def _distance(one: bytes | None, other: bytes) -> int:
    """How many lines differ, and whether there is a file at all."""
    if one is None:
        return 1 + len(split_lines(other))
    return sum(hunk.base_count + hunk.now_count for hunk in line_hunks(split_lines(one), split_lines(other)))
