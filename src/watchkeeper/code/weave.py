"""The weave of a file: every line knows who put it in and who took it out (Marc J. Rochkind, SCCS, 1975).

Several parties save one file in turn. Each one's view is the base with that party's own lines and deletions only: what
the file would be had nobody else worked on it. Nothing is guessed here: who saved is told from outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from watchkeeper.code.linediff import line_hunks, line_range, split_lines

_MOST_PAIRED = 2_500
_LONGEST_CHAIN = 16
_ALIKE = 0.4

Author = str
"""Who saved; ``""`` is a party like any other: the one of work that nobody is known to have done."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """``by`` None: it is the base's. ``out`` are those who took it out, each with the save in which they did.

    ``over`` are the lines that it stands for, itself having taken their place: who takes it out takes those out too.
    """

    id: int
    text: bytes
    by: Author | None = None
    out: tuple[tuple[Author, int], ...] = ()
    alive: bool = True
    over: tuple[int, ...] = ()

    def is_out(self, author: Author) -> bool:
        return any(who == author for who, _ in self.out)

    def is_seen(self, author: Author) -> bool:
        """Whether it is in the author's view."""
        return (self.by is None or self.by == author) and not self.is_out(author)

    def is_seen_by_all(self, authors: Collection[Author]) -> bool:
        """Whether it is in what these made together: one takes out what another put in, or puts it back."""
        if self.by is not None and self.by not in authors:
            return False
        return self.alive or not any(who in authors for who, _ in self.out)

    @property
    def is_lost(self) -> bool:
        """Nobody sees it, now or ever."""
        return not self.alive and self.by is not None and self.is_out(self.by)


class Weave(msgspec.Struct, frozen=True):
    """A file since its base, as a value. ``now`` is its content (None: there is no file), always the last saved.

    A binary file is not woven (``is_woven``): it belongs as a whole to its last ``writer``, and all others see the
    base. So does a file that was binary once.
    """

    base: bytes | None
    now: bytes | None
    authors: tuple[Author, ...] = ()
    writer: Author = ""
    is_woven: bool = True
    saves: int = 0
    lines: tuple[Line, ...] = ()
    there: tuple[tuple[Author, bool], ...] = ()  # who made the file or deleted it, against the base
    made: int = 0

    @classmethod
    def of(cls, base: bytes | None) -> Weave:
        """Nobody has written yet. ``base`` None: there was no such file."""
        if base is not None and _is_binary(base):
            return cls(base, base, is_woven=False)
        lines = tuple(Line(number, text) for number, text in enumerate(split_lines(base or b""), 1))
        return cls(base, base, lines=lines, made=len(lines))

    def saved(self, now: bytes | None, author: Author) -> Weave:
        """The author saved the file as ``now``, or deleted it (None): the difference is his work."""
        if now == self.now:
            return self
        authors = self.authors if author in self.authors else (*self.authors, author)
        woven = self.is_woven and not (now is not None and _is_binary(now))
        after = msgspec.structs.replace(
            self, now=now, authors=authors, writer=author, is_woven=woven, saves=self.saves + 1
        )
        if not woven:
            return msgspec.structs.replace(after, lines=(), there=())
        return _Loom(self, author).save(now, after)

    def view(self, author: Author) -> bytes | None:
        """The base with the author's own work alone; None where there is no such file for him.

        Where he wrote into a file that another one made, his own lines are all of it.
        """
        if not self.is_woven:
            return self.now if author == self.writer else self.base
        seen = [line for line in self.lines if line.is_seen(author)]
        is_there = dict(self.there).get(author)
        if is_there is None:
            is_there = self.base is not None or any(line.by is not None for line in seen)
        return _joined([line.text for line in seen]) if is_there else None

    def together(self, authors: Collection[Author]) -> bytes | None:
        """The base with the work of all of these; ``now`` for all that ever saved."""
        if len(authors) == 1:
            return self.view(*authors)
        if not self.is_woven:
            return self.now if self.writer in authors else self.base
        if set(authors) >= set(self.authors):
            return self.now
        there = [is_there for author, is_there in self.there if author in authors]
        seen = [line for line in self.lines if line.is_seen_by_all(authors)]
        is_there = there[-1] if there else self.base is not None or any(line.by is not None for line in seen)
        return _joined([line.text for line in seen]) if is_there else None

    def overwritten(self, author: Author, other: Author) -> tuple[tuple[int, bytes], ...]:
        """What ``author`` put in and stands by, and ``other`` took out: each line with its number in author's view."""
        seen = [line for line in self.lines if line.is_seen(author)]
        return tuple(
            (number, line.text)
            for number, line in enumerate(seen, 1)
            if line.by == author and not line.alive and line.is_out(other)
        )

    def stands(self, author: Author, committed: bytes | None) -> bool:
        """Whether anything of the author's is in the file as it is now that is not in ``committed``.

        A line that he took out stands as taken out while ``committed`` has it.
        """
        if self.now == committed or author not in self.authors:
            return False
        if not self.is_woven or (committed is not None and _is_binary(committed)):
            return author == self.writer
        if self.now is None or (committed is None and not self.now):
            return author == self.writer
        if committed is None and author == self.writer:
            return True
        alive = [index for index, line in enumerate(self.lines) if line.alive]
        for hunk in line_hunks(split_lines(committed or b""), [self.lines[index].text for index in alive]):
            first, last = line_range(hunk.now_start, hunk.now_count)
            low = alive[first - 1] + 1 if first else 0
            high = alive[last] if last < len(alive) else len(self.lines)
            gone = split_lines(committed or b"")[slice(*line_range(hunk.base_start, hunk.base_count))]
            if any(line.by == author if line.alive else _is_gone(line, author, gone) for line in self.lines[low:high]):
                return True
        return False


def _is_gone(line: Line, author: Author, texts: Collection[bytes]) -> bool:
    return line.is_out(author) and line.text in texts


class _Loom:
    """One save being woven in."""

    def __init__(self, weave: Weave, author: Author) -> None:
        self._weave = weave
        self._author = author
        self._save = weave.saves + 1
        self._made = weave.made
        self._taken: set[int] = set()  # lines that the lines taken out in this save stood for
        self._given: dict[int, int] = {}  # lines to be put back with those put back, by the save that took them out

    def save(self, now: bytes | None, after: Weave) -> Weave:
        """Everything of ``after`` that depends on lines."""
        lines = list(self._weave.lines)
        present = [index for index, line in enumerate(lines) if line.alive]
        new = split_lines(now or b"")
        # From the end on: what stands before a hunk keeps its place.
        for hunk in reversed(line_hunks([lines[index].text for index in present], new)):
            start, end = line_range(hunk.base_start, hunk.base_count)
            first, last = line_range(hunk.now_start, hunk.now_count)
            low = present[start - 1] + 1 if start else 0
            high = present[end] if end < len(present) else len(lines)
            lines[low:high] = self._stretch(lines[low:high], new[first:last])
        lines = self._settled(lines, now)
        return msgspec.structs.replace(after, lines=tuple(lines), there=self._there(now), made=self._made)

    def _there(self, now: bytes | None) -> tuple[tuple[Author, bool], ...]:
        """A file comes or goes by the author's hand; what is as the base has it is nobody's doing."""
        weave = self._weave
        others = tuple(item for item in weave.there if item[0] != self._author)
        if (weave.now is None) == (now is None):
            return weave.there if (self._author, False) not in weave.there else others
        is_news = (now is None) == (weave.base is not None)
        return (*others, (self._author, now is not None)) if is_news else others

    def _stretch(self, old: Sequence[Line], new: Sequence[bytes]) -> list[Line]:
        """``new`` in the place of the live lines among ``old``; what was there before is put back, not made again."""
        kept = self._kept(old, new)
        woven: list[Line] = []
        edge, done = 0, 0
        for index, match in [*kept.items(), (len(old), len(new))]:
            woven += self._segment(old[edge:index], new[done:match])
            if index < len(old):
                woven.append(old[index] if old[index].alive else self._put_back(old[index]))
            edge, done = index + 1, match + 1
        return woven

    def _kept(self, old: Sequence[Line], new: Sequence[bytes]) -> dict[int, int]:
        """Which new line is which old one. What others took out is put back whole, or written anew.

        A few of its lines may only look like the new ones, and would drag the author's text apart in his view.
        """
        kept = _matched(old, [line.alive or self._may_put_back(line) for line in old], new)
        if len(kept) < len(new) and any(who != self._author for index in kept for who, _ in old[index].out):
            kept = _matched(old, [line.alive or self._was_taken_here(line) for line in old], new)
        return kept

    def _segment(self, old: Sequence[Line], new: Sequence[bytes]) -> list[Line]:
        """Nothing of ``old`` is kept. A new line stands behind the one whose place it takes."""
        leaving = [index for index, line in enumerate(old) if line.alive]
        pairs = {leaving[mine]: theirs for mine, theirs in _pairs([old[index].text for index in leaving], new)}
        # Without a pair they stand where lines were taken out, else before all that is out already.
        last = max(pairs, default=leaving[-1] if leaving else -1)
        woven, done = list[Line](), 0
        if last < 0:
            woven, done = [self._put_in(text) for text in new], len(new)
        for index, line in enumerate(old):
            match = pairs.get(index)
            if match is not None:
                woven += [self._put_in(text) for text in new[done:match]]
                done = match + 1
            woven.append(self._take_out(line) if line.alive else line)
            if match is not None:
                woven.append(self._put_in(new[match], line))
            if index == last:
                woven += [self._put_in(text) for text in new[done:]]
                done = len(new)
        return woven

    def _may_put_back(self, line: Line) -> bool:
        """Whether putting it back is all that it takes for the author to have it."""
        others = [who for who, _ in line.out if who != self._author]
        return line.by is None or line.by == self._author or not others

    def _was_taken_here(self, line: Line) -> bool:
        return line.is_out(self._author) and all(who == self._author for who, _ in line.out)

    def _put_back(self, line: Line) -> Line:
        own = dict(line.out).get(self._author)
        if own is not None:
            self._given |= dict.fromkeys(line.over, own)
        out = tuple(item for item in line.out if item[0] != self._author)
        return msgspec.structs.replace(line, out=out, alive=True)

    def _take_out(self, line: Line) -> Line:
        self._taken.update(line.over)
        out = line.out if line.is_out(self._author) else (*line.out, (self._author, self._save))
        return msgspec.structs.replace(line, out=out, alive=False)

    def _put_in(self, text: bytes, instead: Line | None = None) -> Line:
        self._made += 1
        over = (instead.id, *instead.over)[:_LONGEST_CHAIN] if instead is not None else ()
        return Line(self._made, text, self._author, over=over)

    def _settled(self, lines: list[Line], now: bytes | None) -> list[Line]:
        """What follows for lines elsewhere, and without those that nobody can see any more."""
        if now is not None and dict(self._weave.there).get(self._author) is False:
            lines = [self._accepted(line) for line in lines]  # he had deleted it, and works on it again
        if self._weave.now is None:  # the file was gone: what its new writer did not put back is out for him
            lines = [self._out_too(line) if line.is_seen(self._author) else line for line in lines]
        if self._taken:
            lines = [self._out_too(line) if line.id in self._taken else line for line in lines]
        if self._given:
            lines = [self._back_too(line) if line.id in self._given else line for line in lines]
        lost = {line.id for line in lines if not line.alive and line.is_lost}
        if not lost:
            return lines
        return [_without(line, lost) for line in lines if line.id not in lost]

    def _accepted(self, line: Line) -> Line:
        own = tuple(item for item in line.out if item[0] != self._author)
        return msgspec.structs.replace(line, out=own) if line.alive and own != line.out else line

    def _out_too(self, line: Line) -> Line:
        if line.alive or line.is_out(self._author):
            return line
        return msgspec.structs.replace(line, out=(*line.out, (self._author, self._save)))

    def _back_too(self, line: Line) -> Line:
        mark = (self._author, self._given[line.id])
        return msgspec.structs.replace(line, out=tuple(item for item in line.out if item != mark))


def _without(line: Line, lost: set[int]) -> Line:
    if not any(each in lost for each in line.over):
        return line
    return msgspec.structs.replace(line, over=tuple(each for each in line.over if each not in lost))


def _matched(old: Sequence[Line], usable: Sequence[bool], new: Sequence[bytes]) -> dict[int, int]:
    places = [index for index, use in enumerate(usable) if use]
    return {places[mine]: theirs for mine, theirs in _matches([old[index].text for index in places], new)}


def _matches(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """The equal lines of both, rising on both sides."""
    at, to = 0, 0
    for hunk in line_hunks(old, new):
        start, end = line_range(hunk.base_start, hunk.base_count)
        first, last = line_range(hunk.now_start, hunk.now_count)
        yield from zip(range(at, start), range(to, first), strict=True)
        at, to = end, last
    yield from zip(range(at, len(old)), range(to, len(new)), strict=True)


def _pairs(old: Sequence[bytes], new: Sequence[bytes]) -> Iterable[tuple[int, int]]:
    """Which new line takes the place of which old one, rising on both sides; none where that cannot be told."""
    if len(old) == len(new):
        return [(index, index) for index in range(len(old))]
    if len(old) * len(new) > _MOST_PAIRED:
        return []
    return _alike_pairs(old, new)


def _alike_pairs(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int]]:
    """The pairs that are alike most in sum (a longest common subsequence by likeness)."""
    likes = [[_likeness(one, two) for two in new] for one in old]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], likes[i][j] + best[i + 1][j + 1])
    found, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if likes[i][j] and best[i][j] == likes[i][j] + best[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _likeness(one: bytes, two: bytes) -> float:
    """What both begin and end with, as a share; 0 where that is too little to call them alike."""
    one, two = one.strip(), two.strip()
    most = min(len(one), len(two))
    head = next((index for index in range(most) if one[index] != two[index]), most)
    tail = next((index for index in range(most - head) if one[-1 - index] != two[-1 - index]), most - head)
    share = (head + tail) / max(len(one), len(two), 1)
    return share if share >= _ALIKE else 0.0


def _joined(lines: Sequence[bytes]) -> bytes:
    """As one text. The last line of one text may stand amid another: it gets the end that it did without."""
    end = b"\r\n" if any(line.endswith(b"\r\n") for line in lines[:3]) else b"\n"
    whole = [line if line.endswith(b"\n") else line + end for line in lines[:-1]]
    return b"".join([*whole, *lines[-1:]])


def _is_binary(content: bytes) -> bool:
    """A zero byte among the first 8,000: git's own test."""
    return b"\0" in content[:8000]
