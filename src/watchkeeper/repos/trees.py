"""Trees and their differences as values; parsing and building of what git stores. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import decode_path, encode_path, show_path

FILE, EXECUTABLE, SYMLINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "40000"
"""The modes that git knows, as it writes them."""


class TreeEntry(msgspec.Struct, frozen=True, array_like=True):
    """One file of a tree: its mode and the id of its content (for a submodule: of its commit)."""

    mode: str
    sha: Sha

    @property
    def is_text_file(self) -> bool:
        """A plain or executable file: not a link, not a submodule."""
        return self.mode in {FILE, EXECUTABLE}


class PathChange(msgspec.Struct, frozen=True):
    """One file that differs between two trees. The side that does not exist is None; both paths differ for a rename."""

    kind: TouchKind
    old_path: str | None
    new_path: str | None
    old: TreeEntry | None
    new: TreeEntry | None
    similarity: int = 100


def parse_raw_diff(output: bytes) -> tuple[PathChange, ...]:
    """The values of ``git diff-tree -r -z --raw --no-abbrev``, with or without rename detection."""
    fields = iter(output.split(b"\0")[:-1])
    changes = []
    for header in fields:
        old_mode, new_mode, old_sha, new_sha, status = header[1:].decode("ascii").split(" ")
        path = decode_path(next(fields))
        other = decode_path(next(fields)) if status[0] in "RC" else path
        old = None if status[0] in "AC" else TreeEntry(old_mode, Sha(old_sha))
        new = None if status[0] == "D" else TreeEntry(new_mode, Sha(new_sha))
        changes.append(
            PathChange(
                kind=_KINDS.get(status[0], TouchKind.MODIFIED),
                old_path=path if old else None,
                new_path=other if new else None,
                old=old,
                new=new,
                similarity=int(status[1:] or 100),
            )
        )
    return tuple(changes)


def parse_tree_listing(output: bytes) -> dict[str, TreeEntry]:
    """The values of ``git ls-tree -r -z``: all files by path."""
    files = {}
    for record in output.split(b"\0")[:-1]:
        meta, path = record.split(b"\t", 1)
        mode, _, sha = meta.decode("ascii").split(" ")
        files[decode_path(path)] = TreeEntry(mode, Sha(sha))
    return files


def parse_tree(content: bytes, id_bytes: int) -> dict[bytes, TreeEntry]:
    """The entries of one tree object by name; ``id_bytes`` is 20, or 32 in a SHA-256 repository."""
    entries, place = {}, 0
    while place < len(content):
        space = content.index(b" ", place)
        end = content.index(b"\0", space)
        stop = end + 1 + id_bytes
        entries[content[space + 1 : end]] = TreeEntry(
            content[place:space].decode("ascii"), Sha(content[end + 1 : stop].hex())
        )
        place = stop
    return entries


def render_tree(entries: Mapping[bytes, TreeEntry]) -> bytes:
    """The content of a tree object. Folders sort as if their name ended in ``/``, as git demands."""
    ordered = sorted(entries.items(), key=lambda item: item[0] + b"/" if item[1].mode == FOLDER else item[0])
    return b"".join(
        entry.mode.encode("ascii") + b" " + name + b"\0" + bytes.fromhex(entry.sha) for name, entry in ordered
    )


class FolderEdit(msgspec.Struct):
    """What changes in one folder: files by name (None: gone) and folders inside."""

    files: dict[bytes, TreeEntry | None] = msgspec.field(default_factory=dict)
    folders: dict[bytes, FolderEdit] = msgspec.field(default_factory=dict)


def plan_folders(entries: Mapping[str, TreeEntry | None]) -> FolderEdit:
    """Changed files sorted into their folders. Raises: GitError for a path that no tree may hold (``../x``)."""
    root = FolderEdit()
    for path, entry in entries.items():
        *folders, name = _steps(path)
        folder = root
        for step in folders:
            folder = folder.folders.setdefault(step, FolderEdit())
        folder.files[name] = entry
    return root


def folders_of(paths: Iterable[str]) -> frozenset[str]:
    """All folders that hold these files, the root ``""`` included."""
    found = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(found)


_KINDS = {"A": TouchKind.ADDED, "C": TouchKind.ADDED, "D": TouchKind.DELETED, "R": TouchKind.RENAMED}


def _steps(path: str) -> list[bytes]:
    steps = encode_path(path).split(b"/")
    if any(step in {b"", b".", b".."} or b"\0" in step or step.lower() == b".git" for step in steps):
        raise GitError(f"{show_path(path)!r} cannot be in a tree", slug="bad-path", hint="rename the file")
    return steps
