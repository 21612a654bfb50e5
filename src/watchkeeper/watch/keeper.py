"""Keeps shared checkouts over a restart: their texts in the hub, who owns what of them on a shelf of the record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.trees import FILE, TreeEntry
from watchkeeper.watch.kept import KeptFile, KeptRoom, decode_kept
from watchkeeper.watch.ledger import Ledger

SHELF = "parts"

Kept = tuple[KeptRoom, dict[str, KeptFile]]
"""A checkout, and its files by path."""


class Keeper:
    """Not thread-safe. Nothing is kept while another process is the one that records: what that one keeps counts."""

    def __init__(self, hub: Hub, ledger: Ledger) -> None:
        self._hub = hub
        self._ledger = ledger

    @property
    def keeps(self) -> bool:
        """This process is the one that records."""
        return self._ledger.recorder == 0

    def read(self) -> dict[Path, Kept]:
        """All checkouts that are kept. What cannot be read is left out."""
        found = dict(decode_kept(self._ledger.kept(SHELF)))
        rooms: dict[Path, Kept] = {}
        for name, room in found.items():
            if isinstance(room, KeptRoom):
                files = [file for at, file in found.items() if isinstance(file, KeptFile) and at.startswith(f"{name}/")]
                rooms[Path(room.root)] = room, {file.path: file for file in files}
        return rooms

    def store(self, content: bytes) -> Sha:
        """Put a text into the hub. Raises WatchkeeperError where the disk is full."""
        return self._hub.store(content)

    def find(self, sha: Sha) -> bytes | None:
        """A text of the hub; None where it is gone."""
        return self._hub.objects.read(sha) if self._hub.objects.find_info(sha) is not None else None

    def put(self, root: Path, values: Mapping[str, bytes | None]) -> None:
        """Keep what is new of a checkout, by path, ``""`` for the checkout itself; its texts are stored already.

        A kill between the two leaves what was kept before, whole.
        """
        room = _name(str(root))
        self._ledger.keep(SHELF, {_row(room, path): value for path, value in values.items()})

    def hold(self, root: Path, texts: Iterable[Sha]) -> None:
        """Have the hub keep these texts of a checkout for as long as it is kept; others of it may go.

        Not with each save: it costs three files, and what is younger than days is not tidied away in any case.
        """
        room = _name(str(root))
        entries: dict[str, TreeEntry | None] = {sha: TreeEntry(FILE, sha) for sha in texts}
        self._hub.pin(f"{SHELF}/{room}", self._hub.commit(self._hub.write_tree(None, entries)))

    def drop(self, root: Path, paths: Iterable[str]) -> None:
        """The checkout, and these files of it, are kept no longer."""
        if not self.keeps:
            return
        room = _name(str(root))
        self._ledger.keep(SHELF, dict.fromkeys(_row(room, path) for path in ("", *paths)))
        self._hub.unpin(f"{SHELF}/{room}")


def _row(room: str, path: str) -> str:
    return f"{room}/{_name(path)}" if path else room


def _name(text: str) -> str:
    """A name that every engine and file system takes, whatever the path is."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
