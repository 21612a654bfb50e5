"""Which changes come near each other: an index from what they touch to who touches it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from watchkeeper.conflicts.pair import Party
from watchkeeper.model.footprint import Edit, TouchKind
from watchkeeper.model.ids import ChangeId, SymbolKey
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceTouch

Key = tuple[str, str]
"""A symbol (path, qualname), or a file, folder or resource (path or name, and a kind that no qualname can be)."""

_FILE, _FOLDER, _RESOURCE = "\0file", "\0folder", "\0resource "


class Touched(msgspec.Struct, frozen=True):
    """What a change writes and what it relies on. Two changes that only read the same thing do not meet."""

    writes: frozenset[Key] = frozenset()
    reads: frozenset[Key] = frozenset()


def touched_by(party: Party) -> Touched:
    """Everything by which another change could come to conflict with this one."""
    return Touched(writes=frozenset(_written(party)), reads=frozenset(_relied_on(party)))


class Reach:
    """The index. A renewal costs as many steps as its keys changed, and gives who has to be compared again."""

    def __init__(self) -> None:
        self._touched: dict[ChangeId, Touched] = {}
        self._writers: dict[Key, set[ChangeId]] = {}
        self._readers: dict[Key, set[ChangeId]] = {}

    def place(self, change: ChangeId, touched: Touched) -> frozenset[ChangeId]:
        """Take up a change as it is now; the changes that are near it or were."""
        before = self._touched.get(change, Touched())
        near = self._near(before) | self._near(touched)
        self._touched[change] = touched
        _move(self._writers, change, before.writes, touched.writes)
        _move(self._readers, change, before.reads, touched.reads)
        return frozenset(near - {change})

    def drop(self, change: ChangeId) -> frozenset[ChangeId]:
        """Let go of a change; those that it was near."""
        near = self.place(change, Touched())
        del self._touched[change]
        return near

    def _near(self, touched: Touched) -> set[ChangeId]:
        found: set[ChangeId] = set()
        for key in touched.writes:
            found |= self._writers.get(key, _NOBODY)
            found |= self._readers.get(key, _NOBODY)
        for key in touched.reads:
            found |= self._writers.get(key, _NOBODY)
        return found


_NOBODY: set[ChangeId] = set()


def _written(party: Party) -> Iterator[Key]:
    for write in party.footprint.writes:
        yield write.key
        if write.required and write.edit is Edit.ADDED:  # a new duty of all that derive from its owner
            yield SymbolKey(write.key.path, write.key.qualname.rpartition(".")[0])
    for touch in party.footprint.files:
        yield touch.path, _FILE
        yield touch.now_path, _FILE
        if touch.kind is TouchKind.RENAMED:
            yield _folder(touch.path), _FOLDER
    for each in party.footprint.resources:
        # Two new readers of one environment variable meet too: each may give it a default of its own.
        is_named_by_readers = each.access.resource.kind is ResourceKind.ENVIRONMENT and not each.is_kept
        if each.access.mode is not AccessMode.READ or is_named_by_readers:
            yield _resource(each)


def _relied_on(party: Party) -> Iterator[Key]:
    for read in party.footprint.reads:
        yield read.target
    for touch in party.footprint.files:
        # git may move what is added to a folder along with a rename of the folder.
        if touch.kind in (TouchKind.ADDED, TouchKind.RENAMED):
            yield _folder(touch.now_path), _FOLDER
    for each in party.footprint.resources:
        yield _resource(each)


def _resource(touch: ResourceTouch) -> Key:
    return touch.access.resource.name, _RESOURCE + touch.access.resource.kind.value


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _move(table: dict[Key, set[ChangeId]], change: ChangeId, before: frozenset[Key], now: frozenset[Key]) -> None:
    for key in before - now:
        table[key].discard(change)
        if not table[key]:
            del table[key]
    for key in now - before:
        table.setdefault(key, set()).add(change)
