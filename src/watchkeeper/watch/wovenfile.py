"""One file of a shared checkout: its saves, settled and open, and what each author's work makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from watchkeeper.code.weave import Weave
from watchkeeper.model.agents import SessionId
from watchkeeper.model.ids import Sha
from watchkeeper.repos.loose import object_id
from watchkeeper.repos.trees import FILE, TreeEntry
from watchkeeper.repos.working import NowFile
from watchkeeper.watch.attribution import NOBODY, PENDING
from watchkeeper.watch.kept import KeptFile, KeptWeave, Read, Store, keep_text, keep_weave, read_text, read_weave

Text = Callable[[NowFile | None], bytes | None]
"""Gives the text of a file, read where it is kept."""

Saved = tuple[SessionId, bytes | None]
"""Who saved, and as what; None: deleted."""


class WovenFile:
    """One file: who saved what since the base. Lines are looked at only where two have saved it."""

    def __init__(self, base: NowFile | None, now: NowFile | None) -> None:
        self.base = base
        self.now = now
        self._settled: list[Saved] = []  # at most one, else they are woven
        self._weave: Weave | None = None
        self._open: list[Saved] = []
        self._start: Weave | None = None  # all that is settled, woven
        self._steps: list[Weave] = []  # after each of the open saves, as far as that was asked
        self._origin: WovenFile | None = None
        self._maker: SessionId | None = None
        self._last_kept: tuple[Weave, KeptWeave] | None = None
        self.is_fresh = True  # not kept yet as it is now
        self._stood: dict[tuple[SessionId, TreeEntry | None], bool] = {}
        self.views: dict[frozenset[SessionId], NowFile | None] = {}

    @property
    def authors(self) -> frozenset[SessionId]:
        """Who saved it, or tried, here or at its old place; everybody else sees the base."""
        known = frozenset(author for author, _ in [*self._settled, *self._open])
        known |= frozenset(SessionId(each) for each in (self._weave.authors if self._weave else ()))
        return known | self._origin.authors if self._origin is not None else known

    @property
    def maker(self) -> SessionId | None:
        """Who saved it first at this place."""
        if self._maker is not None:
            return self._maker
        return next((author for author, _ in [*self._settled, *self._open]), None)

    @property
    def root(self) -> NowFile | None:
        """The file in the base, wherever it was."""
        return self._origin.root if self._origin is not None else self.base

    @property
    def is_undecided(self) -> bool:
        """It may yet turn out whose the last saves are."""
        return any(author in (NOBODY, PENDING) for author, _ in self._open)

    def join(self, origin: WovenFile | None) -> None:
        """It is another file, moved; or not any more."""
        self._origin = origin
        self.clear()

    def clear(self) -> None:
        """What it was made of is different."""
        self._start, self._steps = None, []
        self._renew()

    def _renew(self) -> None:
        self.is_fresh = True
        self._stood.clear()
        self.views.clear()

    def set_now(self, now: NowFile | None) -> None:
        """It is like this now."""
        self.now = now
        self._stood.clear()
        self.views.clear()

    def set_open(self, saves: Sequence[Saved]) -> bool:
        """What is not settled; whether that is something else than before."""
        if list(saves) == self._open:
            return False
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(saves, self._open, strict=False)))
        self._open = list(saves)
        del self._steps[same:]
        self._renew()
        return True

    def settle(self, saves: Sequence[Saved], text: Text) -> None:
        """These are decided for good, and come before what is open."""
        self._maker = self._maker or (saves[0][0] if saves else None)
        rest = self._open[len(saves) :]
        if list(saves) == self._open[: len(saves)] and self._is_woven(saves):
            weave, steps = self._woven_to(len(saves), text), self._steps[len(saves) :]
            self.clear()
            self._settled, self._weave = [], weave
            self._open, self._steps = rest, steps
        else:
            self.clear()
            self._settled, self._weave = self._after(saves, text)

    def keep(self, path: str, store: Store, text: Text) -> KeptFile | None:
        """What is to be kept: all that is decided, and what follows it as long as somebody is named; None: nothing."""
        named = list(takewhile(lambda saved: saved[0] not in (NOBODY, PENDING), self._open))
        if self._is_woven(named):
            settled, weave = list[Saved](), self._woven_to(len(named), text)
        else:
            settled, weave = [*self._settled, *named][-1:], None
        self.is_fresh = False
        if not settled and weave is None:
            return None
        author, after = settled[0] if settled else (NOBODY, None)
        return KeptFile(
            path=path,
            mode=self.now.entry.mode if self.now is not None else FILE,
            alone=(author, keep_text(after, store)) if settled else None,
            weave=self._keep_weave(weave, store) if weave is not None else None,
            maker=self._maker or (named[0][0] if named else None),
        )

    def _keep_weave(self, weave: Weave, store: Store) -> KeptWeave:
        if self._last_kept is None or self._last_kept[0] is not weave:
            self._last_kept = weave, keep_weave(weave, store)
        return self._last_kept[1]

    def take(self, kept: KeptFile, read: Read, text: Text, object_format: str) -> None:
        """Be what was kept, over this file's base. Raises LookupError or ValueError where that cannot be had."""
        if kept.weave is not None:
            self._weave = read_weave(kept.weave, text(self.root), read)
            after = self._weave.now
        elif kept.alone is not None:
            author, after = kept.alone[0], read_text(kept.alone[1], read)
            self._settled = [(author, after)]
        else:
            raise ValueError("neither woven nor alone")
        self._maker = kept.maker
        self.set_now(_file_of(after, kept.mode, object_format))

    def _after(self, saves: Sequence[Saved], text: Text) -> tuple[list[Saved], Weave | None]:
        settled, weave = list(self._settled), self._weave
        for author, after in saves:
            if weave is not None:
                weave = weave.saved(after, author)
            elif settled and settled[-1][0] != author:
                weave, settled = _saved(self._begun(text), [*settled, (author, after)]), []
            else:
                settled = [(author, after)]
        return settled, weave

    def weave(self, text: Text) -> Weave:
        """All saves, woven."""
        return self._woven_to(len(self._open), text)

    def _is_woven(self, saves: Sequence[Saved]) -> bool:
        """With these after what is settled it is not one author's alone."""
        return self._weave is not None or len({author for author, _ in [*self._settled, *saves]}) > 1

    def _woven_to(self, count: int, text: Text) -> Weave:
        """With the first ``count`` of the open saves. What was woven before is not woven again."""
        if self._start is None:
            self._start = self._weave if self._weave is not None else _saved(self._begun(text), self._settled)
        while len(self._steps) < count:
            before = self._steps[-1] if self._steps else self._start
            author, after = self._open[len(self._steps)]
            self._steps.append(before.saved(after, author))
        return self._steps[count - 1] if count else self._start

    def stands(self, author: SessionId, committed: NowFile | None, text: Text) -> bool:
        """Whether anything of the author's is in the file as it is now, and not in the committed one."""
        key = author, committed.entry if committed is not None else None
        if key not in self._stood:
            self._stood[key] = self.weave(text).stands(author, text(committed))
        return self._stood[key]

    def _begun(self, text: Text) -> Weave:
        return self._origin.weave(text) if self._origin is not None else Weave.of(text(self.base))

    def view(self, authors: frozenset[SessionId], text: Text) -> bytes | None:
        """What the work of these authors makes of the base."""
        known = self.authors
        if not authors & known:
            return text(self.root)
        if known <= authors:
            return text(self.now)
        return self.weave(text).together(authors)


def _file_of(content: bytes | None, mode: str, object_format: str) -> NowFile | None:
    """The file with this content; one that is no text is known by its name alone."""
    if content is None:
        return None
    if not content.startswith(b"\0"):
        return NowFile(TreeEntry(mode, object_id("blob", content, object_format)), content)
    named_mode, sha, stamp = content[1:].decode("utf-8", "surrogateescape").split(" ", 2)
    return NowFile(TreeEntry(named_mode, Sha(sha)), unknown="it is kept by its name alone", stamp=stamp)


def _saved(weave: Weave, saves: Sequence[Saved]) -> Weave:
    for author, after in saves:
        weave = weave.saved(after, author)
    return weave
