"""Read a worktree's files as git would store them, each content once for as long as it stays the same."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import local_path
from watchkeeper.repos.judges import AttributeJudge, Attributes, Conversion, convert_to_git
from watchkeeper.repos.loose import object_id
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.trees import FILE, TreeEntry
from watchkeeper.repos.working import NowFile, is_binary, read_working_path

MOST_BYTES = 256 * 1024 * 1024
"""Uncommitted content of one worktree that is held at a time. What is beyond is unknown, and said to be."""

_SETTLED_NS = 2_000_000_000
"""A file changed more recently than this may change again without its time showing it (coarse clocks)."""

Stamp = tuple[int, int, int, int, int]


class DiskFiles:
    """The files of one worktree. Not thread-safe."""

    def __init__(self, root: Path, objects: Objects, object_format: str) -> None:
        self._root = root
        self._objects = objects
        self._format = object_format
        self._judge = AttributeJudge(root)
        self._conversion = Conversion()
        self._has_attributes = False
        self._kept: dict[str, tuple[Stamp, TreeEntry | None, NowFile]] = {}
        self._bytes = 0

    def configure(self, conversion: Conversion, *, has_attributes: bool) -> None:
        """From now on read under this configuration."""
        if (conversion, has_attributes) != (self._conversion, self._has_attributes):
            self._conversion, self._has_attributes = conversion, has_attributes
            self.forget()

    def forget(self) -> None:
        """Read everything afresh: what decides about conversion changed. Ends the standing process too."""
        self._judge.close()
        self._kept.clear()
        self._bytes = 0

    def keep_only(self, paths: Collection[str]) -> None:
        """Let go of contents of other paths than these."""
        for path in self._kept.keys() - set(paths):
            self._drop(path)

    def read(self, path: str, known: TreeEntry | None) -> NowFile | None:
        """The file at ``path``; None where there is none. ``known`` is what git has stored under the path."""
        stamp = _stamp(local_path(self._root, path))
        kept = self._kept.get(path)
        if kept is not None and stamp is not None and kept[:2] == (stamp, known):
            return kept[2]
        self._drop(path)
        now = self._read(path, known)
        if now is None or stamp is None or now.content is None:
            return now
        if self._bytes + len(now.content) > MOST_BYTES:
            entry = TreeEntry(now.entry.mode, Sha(""))
            return NowFile(entry, unknown="is beyond the 256 MB that are read", stamp=str(now.entry.sha))
        if time.time_ns() - max(stamp[:2]) > _SETTLED_NS:
            self._kept[path] = (stamp, known, now)
            self._bytes += len(now.content)
        return now

    def _drop(self, path: str) -> None:
        kept = self._kept.pop(path, None)
        if kept is not None:
            self._bytes -= len(kept[2].content or b"")

    def _read(self, path: str, known: TreeEntry | None) -> NowFile | None:
        now = read_working_path(self._root, path, object_format=self._format)
        if now is None or now.content is None or not now.entry.is_text_file:
            return now
        if not self._conversion.file_mode:
            mode = known.mode if known is not None and known.is_text_file else FILE
            now = msgspec.structs.replace(now, entry=TreeEntry(mode, now.entry.sha))
        return self._stored(now, self._judge.attributes(path) if self._has_attributes else Attributes(), known)

    def _stored(self, now: NowFile, attributes: Attributes, known: TreeEntry | None) -> NowFile:
        assert now.content is not None
        before = None
        if b"\r\n" in now.content and known is not None and known.is_text_file and known.sha.strip("0"):
            before = self._objects.read(known.sha)
        content = convert_to_git(now.content, attributes, autocrlf=self._conversion.autocrlf, known=before)
        if content is None:
            filtered = f"is stored through the filter {attributes.filter}"
            reason = filtered if attributes.filter else f"is not in the encoding {attributes.encoding}"
            return NowFile(TreeEntry(now.entry.mode, Sha("")), unknown=reason, stamp=str(now.entry.sha))
        if content is now.content:
            return now
        sha = object_id("blob", content, self._format)
        return NowFile(TreeEntry(now.entry.mode, sha), content, is_binary=is_binary(content))


def _stamp(place: Path) -> Stamp | None:
    try:
        info = place.lstat()
    except OSError:
        return None
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_mode
