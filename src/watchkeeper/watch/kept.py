"""A shared checkout as it is kept over a restart: who owns which lines, without the lines.

The lines of a file, also those taken out, are one text in the hub; what is kept names them by their place in it.
Untrusted when it comes back: another version may have written it, and its text may be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.code.linediff import split_lines
from watchkeeper.code.weave import Author, Line, Weave
from watchkeeper.model.agents import Session, SessionId
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.record.messages import decode_message

FORMAT = 1

Store = Callable[[bytes], Sha]
"""Keeps a text and gives its id."""

Read = Callable[[Sha], bytes | None]
"""The text of an id; None where it cannot be had."""


class Past(msgspec.Struct, frozen=True):
    """A session that has ended, and when."""

    session: Session
    ended_at: Millis


class KeptRoom(msgspec.Struct, frozen=True):
    """A checkout without its files. ``head`` and ``branch`` are where HEAD stood when it was looked at last."""

    root: str
    base: Sha | None
    head: Sha | None
    branch: str
    sessions: tuple[Session, ...]
    past: tuple[Past, ...]
    is_split: bool
    origins: tuple[tuple[str, str], ...]
    format: int = FORMAT


class Text(msgspec.Struct, frozen=True, array_like=True):
    """A content: in the hub as ``sha``, or, where it is no text, the short piece that names it; neither: no file."""

    sha: Sha | None = None
    piece: bytes | None = None


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Lines one after the other with the same history; their ids rise by one."""

    count: int
    first: int
    by: Author | None
    out: tuple[tuple[Author, int], ...]
    alive: bool
    over: tuple[int, ...]


class KeptWeave(msgspec.Struct, frozen=True, array_like=True):
    """A weave; ``text`` holds all its lines, ``endless`` says which of them have no end of line of their own."""

    now: Text
    text: Text
    runs: tuple[Run, ...]
    endless: tuple[int, ...]
    authors: tuple[Author, ...]
    writer: Author
    is_woven: bool
    saves: int
    there: tuple[tuple[Author, bool], ...]
    made: int


class KeptFile(msgspec.Struct, frozen=True):
    """One file: saved by one alone, as ``alone``, or woven. ``mode`` is that of the file as it was then."""

    path: str
    mode: str
    alone: tuple[SessionId, Text] | None
    weave: KeptWeave | None
    maker: SessionId | None
    format: int = FORMAT


def keep_text(content: bytes | None, store: Store) -> Text:
    """Put a content into the hub, or name it where it is no text."""
    if content is None:
        return Text()
    return Text(piece=content) if content.startswith(b"\0") else Text(sha=store(content))


def read_text(kept: Text, read: Read) -> bytes | None:
    """The content. Raises LookupError where it is gone."""
    if kept.sha is None:
        return kept.piece
    content = read(kept.sha)
    if content is None:
        raise LookupError(kept.sha)
    return content


def keep_weave(weave: Weave, store: Store) -> KeptWeave:
    """A weave, its texts in the hub."""
    texts = [line.text for line in weave.lines]
    endless = tuple(index for index, text in enumerate(texts) if text[-1:] != b"\n")
    for index in endless:
        texts[index] += b"\n"
    whole = b"".join(texts)
    is_plain = weave.is_woven and weave.now is not None
    return KeptWeave(
        now=Text(piece=b"") if is_plain else keep_text(weave.now, store),
        text=Text(sha=store(whole)) if texts else Text(),
        runs=tuple(_runs(weave.lines)),
        endless=endless,
        authors=weave.authors,
        writer=weave.writer,
        is_woven=weave.is_woven,
        saves=weave.saves,
        there=weave.there,
        made=weave.made,
    )


def read_weave(kept: KeptWeave, base: bytes | None, read: Read) -> Weave:
    """The weave again, over the same ``base``. Raises LookupError where a text is gone, ValueError for nonsense."""
    texts = split_lines(read_text(kept.text, read) or b"")
    for index in kept.endless:
        texts[index] = texts[index].removesuffix(b"\n")
    lines = tuple(_lines(kept.runs, texts))
    if len(lines) != len(texts):
        raise ValueError("the runs do not cover the text")
    is_plain = kept.is_woven and kept.now.piece is not None
    now = b"".join(line.text for line in lines if line.alive) if is_plain else read_text(kept.now, read)
    return Weave(
        base=base, now=now, authors=kept.authors, writer=kept.writer, is_woven=kept.is_woven, saves=kept.saves,
        lines=lines, there=kept.there, made=kept.made,
    )  # fmt: skip


def texts_of(kept: KeptFile) -> Iterator[Sha]:
    """The texts in the hub that a file needs."""
    found = [kept.alone[1]] if kept.alone is not None else []
    found += [kept.weave.now, kept.weave.text] if kept.weave is not None else []
    return (text.sha for text in found if text.sha is not None)


def decode_kept(values: Mapping[str, bytes]) -> Iterator[tuple[str, KeptRoom | KeptFile]]:
    """What can be read of these, by name (a file's has a slash in it); what another version wrote is left out."""
    for name, value in values.items():
        shape: type[KeptRoom | KeptFile] = KeptFile if "/" in name else KeptRoom
        try:
            found = decode_message(value, shape)
        except (ValueError, RecursionError):
            continue
        if found.format == FORMAT:
            yield name, found


def _runs(lines: Sequence[Line]) -> Iterator[Run]:
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or not _goes_on(lines[index - 1], lines[index]):
            first = lines[start]
            yield Run(index - start, first.id, first.by, first.out, first.alive, first.over)
            start = index


def _goes_on(line: Line, following: Line) -> bool:
    return (
        following.id == line.id + 1
        and following.by == line.by
        and following.alive is line.alive
        and following.out == line.out
        and not (line.over or following.over)
    )


def _lines(runs: Iterable[Run], texts: Sequence[bytes]) -> Iterator[Line]:
    at = 0
    for run in runs:
        for number, text in enumerate(texts[at : at + run.count]):
            yield Line(run.first + number, text, run.by, run.out, run.alive, run.over)
        at += run.count
