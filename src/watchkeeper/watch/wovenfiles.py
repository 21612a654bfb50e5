"""The files of a shared checkout that were different at some time, and what each author's work makes of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from watchkeeper.conflicts.pair import OVERWRITTEN, TextClash
from watchkeeper.model.agents import SessionId
from watchkeeper.model.ids import Sha
from watchkeeper.repos.loose import object_id
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.trees import EXECUTABLE, FILE, FOLDER, TreeEntry
from watchkeeper.repos.working import NowFile, WorkingFile, combine, is_binary
from watchkeeper.watch.attribution import NOBODY
from watchkeeper.watch.kept import KeptFile, Read
from watchkeeper.watch.wovenfile import WovenFile

_MOST_WOVEN = 2_000_000

Counts = Callable[[str, WovenFile], bool]
"""Whether a file is to be looked at."""


class WovenFiles:
    """Against the commit ``base``. ``origins`` are the paths of files that were moved, by their new ones."""

    def __init__(self, base: Sha | None, objects: Objects, object_format: str = "sha1") -> None:
        self.base = base
        self.files: dict[str, WovenFile] = {}
        self.origins: dict[str, str] = {}
        self._objects = objects
        self.object_format = object_format

    def get(self, path: str) -> WovenFile:
        """The file at a path, followed from now on."""
        if path not in self.files:
            self.files[path] = WovenFile(self.at_base(path), self.at_base(path))
        return self.files[path]

    def authors(self) -> frozenset[SessionId]:
        """Everybody who has written anything."""
        return frozenset[SessionId]().union(*(file.authors for file in self.files.values()))

    def restore(self, files: Iterable[KeptFile], origins: Mapping[str, str], read: Read) -> tuple[str, ...]:
        """Be what was kept; the paths of those whose texts are gone."""
        lost = []
        for each in sorted(files, key=lambda file: file.path in origins):
            file = self.get(each.path)
            old = origins.get(each.path)
            if old is not None and old in self.files:
                file.join(self.files[old])
                self.origins[each.path] = old
            try:
                file.take(each, read, self.text, self.object_format)
            except (LookupError, ValueError):
                lost.append(each.path)
                self.origins.pop(each.path, None)
                del self.files[each.path]
                self.get(each.path)
        return tuple(lost)

    def move(self, base: Sha | None) -> tuple[str, ...]:
        """Begin anew at another commit, with what is the same there; the paths of those that are not."""
        kept: dict[str, WovenFile] = {}
        lost: list[str] = []
        for path, file in self.files.items():
            there = self.entry(base, path)
            if entry_of(file.base) == there:
                kept[path] = file
            elif entry_of(file.now) != there:
                kept[path] = WovenFile(NowFile(there) if there is not None else None, file.now)
                kept[path].settle([(NOBODY, self.text(file.now))], self.text)
                lost.append(path)
        self.base, self.files = base, kept
        for path, old in list(self.origins.items()):
            if not {path, old} <= kept.keys():
                self._part(path)
        return tuple(lost)

    def join(self, moved: Mapping[str, str]) -> None:
        """A moved file is the same file: who works on it has done so at its old place, unless he moved it."""
        for path, old in moved.items():
            file, origin = self.files.get(path), self.files.get(old)
            if path in self.origins or file is None or origin is None or file.base is not None or origin.base is None:
                continue
            before = [new for new, its in self.origins.items() if its == old]
            file.join(self.files[before[-1]] if before else origin)
            self.origins[path] = old
        for path, old in list(self.origins.items()):
            if self.files[old].now is not None or (self.files[path].now is None and path not in moved):
                self._part(path)

    def overwritten(self, one: str, other: str) -> Iterator[TextClash]:
        """Where one of two took out what the other put in."""
        moved = set(self.origins.values())
        for path, file in self.files.items():
            if path in moved or not {one, other} & file.authors:
                continue
            weave = file.weave(self.text)
            ours, theirs = weave.overwritten(one, other), weave.overwritten(other, one)
            if ours or theirs:
                yield TextClash(
                    path=self.origins.get(path, path),
                    kind=OVERWRITTEN,
                    ours=tuple((number, number) for number, _ in ours),
                    theirs=tuple((number, number) for number, _ in theirs),
                    our_text=_first_said(ours),
                    their_text=_first_said(theirs),
                )

    def stands(self, author: SessionId, path: str, head: Sha | None) -> bool:
        """Whether any line of the author's is in the file as it is now, and not in that of ``head``."""
        file = self.files[path]
        if author not in file.authors or path in self.origins.values():
            return False
        there = self.entry(head, path)
        if there is None and path in self.origins:
            if author == file.maker:
                return True  # that it was moved is work that is not committed
            there = self.entry(head, self.origins[path])
        if there == entry_of(file.now):
            return False
        return file.stands(author, NowFile(there) if there is not None else None, self.text)

    def files_of(self, author: SessionId, counts: Counts | None = None) -> tuple[WorkingFile, ...]:
        """One author's part, in the files that count."""
        return self.together({author: counts})

    def together(self, authors: Mapping[SessionId, Counts | None]) -> tuple[WorkingFile, ...]:
        """What these are together, each in the files that count for him (None: in all)."""
        moved = set(self.origins.values())
        views: dict[str, NowFile | None] = {}
        for path, file in self.files.items():
            here = _at_work(path, file, authors) if path not in moved else frozenset()
            if not here:
                continue
            place = path
            if path in self.origins:
                views[self.origins[path]] = None
                place = path if file.maker in here else self.origins[path]
            views[place] = self._view(file, here)
        return self._combined(views)

    def now(self, path: str) -> NowFile | None:
        """The file as it was seen last."""
        file = self.files.get(path)
        return file.now if file is not None else self.at_base(path)

    def at_base(self, path: str) -> NowFile | None:
        """The file as the base has it."""
        entry = self.entry(self.base, path)
        return NowFile(entry) if entry is not None else None

    def entry(self, revision: Sha | None, path: str) -> TreeEntry | None:
        """The file as a commit has it."""
        entry = self._objects.find_entry(revision, path) if revision is not None else None
        return entry if entry is not None and entry.mode != FOLDER else None

    def text(self, file: NowFile | None) -> bytes | None:
        """The text to weave. What is none (a link, a binary, too large, unknown) is one piece that names it."""
        if file is None:
            return None
        if _is_text(file):
            content = file.content if file.content is not None else self._objects.read(file.entry.sha)
            if content is not None and len(content) <= _MOST_WOVEN and not is_binary(content):
                return content
        return f"\0{file.entry.mode} {file.entry.sha} {file.stamp}".encode("utf-8", "surrogateescape")

    def drop_idle(self, busy: Collection[str]) -> None:
        """Let go of what is as in the base for everybody, but for the ``busy`` paths."""
        for path in [path for path, file in self.files.items() if path not in busy and self._is_idle(path, file)]:
            del self.files[path]

    def _is_idle(self, path: str, file: WovenFile) -> bool:
        if path in {*self.origins, *self.origins.values()}:
            return False
        if entry_of(file.now) != entry_of(file.base):
            return False
        return all(identity_of(self._view(file, frozenset({each}))) == identity_of(file.base) for each in file.authors)

    def _part(self, path: str) -> None:
        del self.origins[path]
        if path in self.files:
            self.files[path].join(None)

    def _combined(self, views: Mapping[str, NowFile | None]) -> tuple[WorkingFile, ...]:
        changed = {
            path: view for path, view in views.items() if identity_of(view) != identity_of(self.files[path].base)
        }
        return combine((), changed, lambda path: self.entry(self.base, path), self._objects.read)

    def _view(self, file: WovenFile, authors: frozenset[SessionId]) -> NowFile | None:
        """The file as it would be had nobody else worked on it."""
        if authors not in file.views:
            file.views[authors] = self._make_view(file, authors)
        return file.views[authors]

    def _make_view(self, file: WovenFile, authors: frozenset[SessionId]) -> NowFile | None:
        text = file.view(authors, self.text)
        if text == self.text(file.now):
            return file.now
        if text == self.text(file.root):
            return file.root
        if text is None:
            return None
        mode = next((it.entry.mode for it in (file.root, file.now) if it is not None and _is_text(it)), FILE)
        return NowFile(TreeEntry(mode, object_id("blob", text, self.object_format)), text)


def identity_of(file: NowFile | None) -> tuple[str, ...] | None:
    """What tells one content of a file from another."""
    return (file.entry.mode, file.entry.sha, file.stamp) if file is not None else None


def entry_of(file: NowFile | None) -> TreeEntry | None:
    """How a tree would name it."""
    return file.entry if file is not None else None


def _at_work(path: str, file: WovenFile, authors: Mapping[SessionId, Counts | None]) -> frozenset[SessionId]:
    """Those of the authors who saved this file, and for whom it counts."""
    known = file.authors
    return frozenset(
        author for author, counts in authors.items() if author in known and (counts is None or counts(path, file))
    )


def _is_text(file: NowFile) -> bool:
    return not file.unknown and file.entry.mode in (FILE, EXECUTABLE)


def _first_said(lines: Sequence[tuple[int, bytes]]) -> str:
    said = next((text for _, text in lines if text.strip()), b"")
    return said.decode("utf-8", "replace").strip()[:160]
