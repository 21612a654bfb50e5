"""A project's code at any of its revisions, for attribution: ids, paths, and what each function does with databases."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec

from watchkeeper.app import Analysis
from watchkeeper.database.codeindex import FORMAT, CodeIndex
from watchkeeper.model.ids import Sha

_REVISION = re.compile(r"[0-9a-f]{7,64}")
_MOST_INDEXES = 4
_MOST_FILES = 20
_PATIENCE_S = 0.3
_DECODER = msgspec.msgpack.Decoder(CodeIndex)


class ProjectCode:
    """``database.sources.Code`` over the hub. Indexes are kept in ``folder``: they follow from the revision alone."""

    def __init__(self, analysis: Analysis, folder: Path, read: Callable[[Sha], CodeIndex | None]) -> None:
        """``read`` reads a revision's code, however long that takes."""
        self._analysis, self._folder, self._make = analysis, folder, read
        self._indexes: OrderedDict[Sha, CodeIndex | None] = OrderedDict()
        self._paths: tuple[Sha, tuple[str, ...]] | None = None
        self._reading: dict[Sha, threading.Event] = {}
        self._guard = threading.Lock()

    def resolve(self, revision: str) -> Sha | None:
        """The commit that an id, whole or shortened, names; None where there is none, or several."""
        return self._analysis.hub.repository.find_commit(revision) if _REVISION.fullmatch(revision) else None

    def find_path(self, revision: Sha, path: str) -> str | None:
        """Where a program's path is in the repository: as it says, or the one file that ends so."""
        entry = self._analysis.objects.find_entry(revision, path) if path else None
        if entry is not None:
            return path
        with self._guard:
            if self._paths is None or self._paths[0] != revision:
                self._paths = revision, tuple(self._analysis.hub.repository.tree_files(revision))
        found = [each for each in self._paths[1] if path and each.endswith(f"/{path}")]
        return found[0] if len(found) == 1 else None

    def index(self, revision: Sha) -> CodeIndex | None:
        """What the revision does with databases; None where its code cannot be read, or not in a moment.

        What takes longer is read on meanwhile, and is there when it is asked for again.
        """
        with self._guard:
            if revision in self._indexes:
                self._indexes.move_to_end(revision)
                return self._indexes[revision]
            done = self._reading.get(revision)
            if done is None:
                done = self._reading[revision] = threading.Event()
                threading.Thread(target=self._read, args=(revision, done), daemon=True).start()
        done.wait(_PATIENCE_S)
        return self._indexes.get(revision)

    def _read(self, revision: Sha, done: threading.Event) -> None:
        try:
            found = self._find_index(revision)
        except Exception:  # noqa: BLE001 - a thread of its own: what cannot be read is None, whatever the reason
            found = None
        with self._guard:
            self._indexes[revision] = found
            while len(self._indexes) > _MOST_INDEXES:
                self._indexes.popitem(last=False)
            del self._reading[revision]
        done.set()

    def _find_index(self, revision: Sha) -> CodeIndex | None:
        path = self._folder / f"{revision}-{FORMAT}.msgpack"
        try:
            return _DECODER.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            pass
        made = self._make(revision)
        if made is not None:
            self._keep(path, made)
        return made

    def _keep(self, path: Path, made: CodeIndex) -> None:
        """What cannot be kept is made again."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            written = path.with_suffix(".new")
            written.write_bytes(msgspec.msgpack.encode(made))
            written.replace(path)
            old = sorted(self._folder.glob("*.msgpack"), key=lambda each: each.stat().st_mtime)
            for each in old[:-_MOST_FILES]:
                each.unlink(missing_ok=True)
        except OSError:
            return
