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
from watchkeeper.watch.kept import KeptFile, Read, Store, keep_text, keep_weave, read_text, read_weave

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
        self._woven: Weave | None = None
        self._origin: WovenFile | None = None
        self._maker: SessionId | None = None
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
        self.is_fresh = True
        self._woven = None
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
        self._open = list(saves)
        self.clear()
        return True

    def settle(self, saves: Sequence[Saved], text: Text) -> None:
        """These are decided for good, and come before what is open."""
        self.clear()
        self._maker = self._maker or (saves[0][0] if saves else None)
        self._settled, self._weave = self._after(saves, text)

    def keep(self, path: str, store: Store, text: Text) -> KeptFile | None:
        """What is to be kept: all that is decided, and what follows it as long as somebody is named; None: nothing."""
        named = list(takewhile(lambda saved: saved[0] not in (NOBODY, PENDING), self._open))
        settled, weave = self._after(named, text)
        self.is_fresh = False
        if not settled and weave is None:
            return None
        author, after = settled[0] if settled else (NOBODY, None)
        return KeptFile(
            path=path,
            mode=self.now.entry.mode if self.now is not None else FILE,
            alone=(author, keep_text(after, store)) if settled else None,
            weave=keep_weave(weave, store) if weave is not None else None,
            maker=self._maker or (named[0][0] if named else None),
        )

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
        if self._woven is None:
            begun = self._weave if self._weave is not None else _saved(self._begun(text), self._settled)
            self._woven = _saved(begun, self._open)
        return self._woven

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
