"""Watchkeeper's own bare repository beside each of the user's: snapshots and virtual merges live here.

It borrows the user's objects (``objects/info/alternates``), so nothing is copied and nothing of his is written.
Snapshots are trees and commits written as loose objects, without an index and so without locks: two processes on one
hub, or a kill at any point, leave at worst a draft that ``tidy`` sweeps up.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import platformdirs

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.repos.git import decode_path, run_git
from watchkeeper.repos.loose import explain_write, write_file, write_object
from watchkeeper.repos.merging import ClashLines, MergeOutcome, clash_lines, parse_outcome
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.trees import FOLDER, FolderEdit, TreeEntry, plan_folders, render_tree

HUB = "hub.git"
"""The name of each hub's folder, in the folder of its project."""

IDENTITY = "Watchkeeper <watchkeeper@localhost>"
"""Fixed, as is the date, so that equal snapshots are equal commits."""


def state_folder() -> Path:
    """Where Watchkeeper keeps its state: ``$WATCHKEEPER_HOME``, else the platform's place for state."""
    chosen = os.environ.get("WATCHKEEPER_HOME")
    return Path(chosen) if chosen else platformdirs.user_state_path("watchkeeper")


def project_folder(project: ProjectId) -> Path:
    """Where Watchkeeper keeps what belongs to one project."""
    return state_folder() / "projects" / project


class Hub:
    """Opened with ``open_hub``. Thread-safe; ``close`` ends its processes."""

    def __init__(self, folder: Path, object_format: str) -> None:
        self.folder = folder
        self.objects = Objects(folder, isolated=True)
        self._format = object_format

    @property
    def repository(self) -> Repository:
        """The hub as a repository: compares commits of all repositories that it borrows from."""
        return Repository(ProjectId(self.folder.parent.name), self.folder, self._format, is_bare=True)

    def borrow(self, repository: Repository) -> None:
        """Read another clone's objects too. Raises: WatchkeeperError where the hub is not writable."""
        _borrow(self.folder, repository.common_dir / "objects")
        self.objects.close()  # a running reader knows only the places that it started with

    def store(self, content: bytes) -> Sha:
        """Keep a file's content; gives its blob id."""
        return self._write("blob", content)

    def write_tree(self, base: Sha | None, entries: Mapping[str, TreeEntry | None]) -> Sha:
        """The tree of ``base`` (a commit or tree; None: empty) with ``entries`` laid over it; None deletes.

        A file may take the place of a folder and the other way round. Costs a few small objects for each changed
        folder, whatever the size of the tree. Raises: GitError (a missing object, a path that no tree may hold).
        """
        root = self._root(base) if base is not None else None
        written = self._write_folder(root, plan_folders(entries))
        return written if written is not None else self._write("tree", b"")

    def commit(self, tree: Sha, parents: Sequence[Sha] = (), message: str = "snapshot", at_s: int = 0) -> Sha:
        """A commit of a tree with a fixed identity and date: equal arguments give the equal id."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        who = f"{IDENTITY} {at_s} +0000"
        text = "\n".join([*lines, f"author {who}", f"committer {who}", "", message, ""])
        return self.write_commit(text.encode("utf-8", "surrogateescape"))

    def write_commit(self, content: bytes) -> Sha:
        """Keep a commit as git stores it, headers and message; gives its id."""
        return self._write("commit", content)

    def merge(self, base: Sha | None, ours: Sha, theirs: Sha) -> MergeOutcome:
        """What ``git merge`` would make of two trees (or commits) that both come from ``base``; about 10 ms.

        ``base`` None: both began with nothing. An outcome that git could not give says so in ``failed``.
        """
        return self.merge_many([(base, ours, theirs)])[0]

    def merge_histories(self, ours: Sequence[Sha], theirs: Sha) -> tuple[MergeOutcome, ...]:
        """What ``git merge theirs`` would make of each of these commits: git finds the merge bases, several as well.

        Unrelated histories are an outcome that ``failed``. Raises: GitError (a missing or damaged object).
        """
        tree = self._root(theirs)
        plans = [_Plan(each, theirs, self._attribute_file(self._root(each))) for each in ours if each != theirs]
        try:
            found: dict[Sha, MergeOutcome] = {}
            for attributes in {plan.attributes for plan in plans}:
                batch = [plan for plan in plans if plan.attributes == attributes]
                found.update(zip((plan.ours for plan in batch), self._merge(attributes, batch), strict=True))
        except GitError as error:
            if "unrelated histories" not in error.message:
                raise
            return tuple(MergeOutcome(clean=False, tree=Sha(""), failed="unrelated histories") for _ in ours)
        return tuple(found.get(each) or MergeOutcome(clean=True, tree=tree) for each in ours)

    def merge_many(self, merges: Iterable[tuple[Sha | None, Sha, Sha]]) -> tuple[MergeOutcome, ...]:
        """Several merges (base, ours, theirs), in order, in one process for each set of merge attributes.

        One process for the batch, not one that stays: git flushes a clean answer only when it ends.
        """
        plans = [self._plan_or_fail(*merge) for merge in merges]
        done: dict[_Plan, MergeOutcome] = {plan: plan.known for plan in plans if plan.known is not None}
        waiting = {plan for plan in plans if plan.known is None}
        for attributes in {plan.attributes for plan in waiting}:
            batch = [plan for plan in waiting if plan.attributes == attributes]
            try:
                outcomes = self._merge(attributes, batch)
            except GitError:
                outcomes = self._merge_each(attributes, batch)
            done.update(zip(batch, outcomes, strict=True))
        return tuple(done[plan] for plan in plans)

    def conflict_lines(self, outcome: MergeOutcome, path: str) -> tuple[ClashLines, ...]:
        """Which lines of base, ours and theirs clash at ``path``; empty where the clash is not one of lines."""
        clash = next((clash for clash in outcome.clashes if clash.path == path and clash.ours and clash.theirs), None)
        if clash is None:
            return ()
        sides = (clash.base, clash.ours, clash.theirs)
        if not all(entry is None or entry.is_text_file for entry in sides):
            return ()
        texts = [b"" if entry is None else self.objects.read(entry.sha) for entry in sides]
        base, ours, theirs = texts
        if base is None or ours is None or theirs is None or any(b"\0" in text for text in (base, ours, theirs)):
            return ()
        return clash_lines(base, ours, theirs)

    def pin(self, name: str, commit: Sha) -> None:
        """Keep a commit of the hub: ``refs/watchkeeper/<name>`` points to it. Atomic; the last writer wins."""
        write_file(self._ref(name), f"{commit}\n".encode())

    def unpin(self, name: str) -> None:
        """Let go of a commit; nothing happens where the name is not pinned."""
        self._ref(name).unlink(missing_ok=True)
        if name in self._packed():
            run_git(self.folder, "--git-dir=.", "update-ref", "-d", f"refs/watchkeeper/{name}", isolated=True)

    def pins(self, folder: str = "") -> dict[str, Sha]:
        """What is pinned, by name; only what is in a folder of names, where one is given."""
        root = self.folder / "refs" / "watchkeeper"
        loose = {}
        for file in (root / folder).rglob("*"):
            if file.name.startswith("tmp_obj_") or file.name.endswith(".lock"):
                continue  # git, or we, are about to write a pin
            with suppress(FileNotFoundError, IsADirectoryError):  # unpinned meanwhile
                loose[decode_path(os.fsencode(file.relative_to(root)))] = Sha(file.read_text().strip())
        packed = {name: sha for name, sha in self._packed().items() if not folder or name.startswith(f"{folder}/")}
        return {**packed, **loose}

    def tidy(self, keep_days: int = 3) -> None:
        """Delete snapshots that nobody pinned and nobody used for ``keep_days``. Safe while others write."""
        run_git(self.folder, "--git-dir=.", "prune", f"--expire={keep_days}.days.ago", isolated=True, timeout_s=600.0)

    def close(self) -> None:
        """End the reading process; the next call starts it again."""
        self.objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _packed(self) -> dict[str, Sha]:
        """Pins in git's own file for many: agents work in worktrees of the hub, and may tidy up there."""
        try:
            lines = (self.folder / "packed-refs").read_bytes().splitlines()
        except OSError:
            return {}
        fields = (line.partition(b" refs/watchkeeper/") for line in lines)
        return {decode_path(name): Sha(sha.decode("ascii", "replace")) for sha, found, name in fields if found}

    def _write(self, kind: str, content: bytes) -> Sha:
        return write_object(self.folder / "objects", kind, content, self._format)

    def _root(self, revision: Sha) -> Sha:
        return self.objects.tree_of(revision)

    def _entries(self, tree: Sha) -> dict[bytes, TreeEntry]:
        return self.objects.tree_entries(tree)

    def _write_folder(self, tree: Sha | None, edit: FolderEdit) -> Sha | None:
        """The folder with the edit applied; None where nothing is left in it."""
        entries = self._entries(tree) if tree is not None else {}
        # Deletions first: where a file becomes a folder, its old entry goes and the folder comes.
        for name, entry in edit.files.items():
            if entry is not None:
                entries[name] = entry
            elif name in entries and entries[name].mode != FOLDER:
                del entries[name]
        for name, folder in edit.folders.items():
            old = entries.get(name)
            if edit.files.get(name) is not None and not _adds(folder):
                continue  # the folder's files went, and a file took its place
            written = self._write_folder(old.sha if old is not None and old.mode == FOLDER else None, folder)
            if written is not None:
                entries[name] = TreeEntry(FOLDER, written)
            elif old is not None and old.mode == FOLDER:
                del entries[name]
        return self._write("tree", render_tree(entries)) if entries else None

    def _plan(self, base: Sha | None, ours: Sha, theirs: Sha) -> _Plan:
        """The commits to merge, or the outcome where only one side changed anything."""
        base_tree = self._root(base) if base is not None else self._write("tree", b"")
        our_tree, their_tree = self._root(ours), self._root(theirs)
        if their_tree in {our_tree, base_tree} or our_tree == base_tree:
            tree = their_tree if our_tree == base_tree else our_tree
            return _Plan(our_tree, their_tree, known=MergeOutcome(clean=True, tree=tree))
        root = self.commit(base_tree)
        one, other = self.commit(our_tree, [root], "ours"), self.commit(their_tree, [root], "theirs")
        return _Plan(one, other, attributes=self._attribute_file(base_tree))

    def _plan_or_fail(self, base: Sha | None, ours: Sha, theirs: Sha) -> _Plan:
        try:
            return self._plan(base, ours, theirs)
        except GitError as error:  # a tree that is not there
            if error.slug != "object-missing":
                raise
            return _Plan(ours, theirs, known=MergeOutcome(clean=False, tree=Sha(""), failed=error.message))

    def _merge(self, attributes: str, plans: Sequence[_Plan]) -> list[MergeOutcome]:
        config = {"core.attributesFile": attributes, "merge.conflictStyle": "merge", "merge.renameLimit": "7000"}
        lines = "".join(f"{plan.ours} {plan.theirs}\n" for plan in plans)
        output = run_git(
            self.folder, "--git-dir=.", "merge-tree", "--write-tree", "--stdin", "-z",
            config=config, isolated=True, stdin=lines.encode(), timeout_s=60.0 + len(plans),
        ).output  # fmt: skip
        fields = iter(output.split(b"\0"))
        return [_read_outcome(fields, {plan.ours: "ours", plan.theirs: "theirs"}) for plan in plans]

    def _merge_each(self, attributes: str, plans: Sequence[_Plan]) -> list[MergeOutcome]:
        """One by one after a failed batch, so that one damaged tree does not hide the others' outcomes."""
        outcomes = []
        for plan in plans:
            try:
                outcomes += self._merge(attributes, [plan])
            except GitError as error:
                outcomes.append(MergeOutcome(clean=False, tree=Sha(""), failed=error.message))
        return outcomes

    def _attribute_file(self, tree: Sha) -> str:
        """A file with the merge attributes (``merge=union``, ``-merge``, ``binary``) of a tree's top folder.

        In a bare repository git does not look into trees for them, so a merge would clash where the user's does not.
        Drivers that are programs of his stay unknown here, and git then merges their files as text.
        """
        entry = self._entries(tree).get(b".gitattributes")
        content = self.objects.read(entry.sha) if entry is not None and entry.is_text_file else None
        if not content or not (b"merge" in content or b"binary" in content):
            return os.devnull
        assert entry is not None
        place = self.folder / "attributes" / entry.sha
        if not place.exists():
            write_file(place, content)
        return str(place)

    def _ref(self, name: str) -> Path:
        parts = name.split("/")
        if not all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts):
            raise GitError(f"{name!r} is no name to pin by", slug="bad-name", hint="use letters, digits, - and /")
        return self.folder.joinpath("refs", "watchkeeper", *parts)


def open_hub(repository: Repository, folder: Path | None = None) -> Hub:
    """The hub of a repository, created on first use, in ``folder`` or the project's state folder.

    Safe when several processes open it at once. Raises: WatchkeeperError where the folder is not writable.
    """
    place = (folder or project_folder(repository.project)) / HUB
    open_borrowing(place, repository, {})
    return Hub(place, repository.object_format)


def open_borrowing(place: Path, repository: Repository, settings: Mapping[str, str]) -> None:
    """A bare repository that reads the objects of another too; made on first use.

    Raises: GitError, WatchkeeperError.
    """
    try:
        if not (place / "HEAD").exists():
            _create(place, repository.object_format, settings)
        _borrow(place, repository.common_dir / "objects")
    except OSError as error:
        raise explain_write(place, error) from error


def find_borrowed(hub: Path) -> tuple[Path, ...]:
    """The object folders that a hub reads, the user's own first. Of a damaged list only what can be read."""
    try:
        lines = (hub / "objects" / "info" / "alternates").read_bytes().splitlines()
    except OSError:
        return ()
    quoted = [line[1:-1] for line in lines if len(line) > 1 and line[:1] == line[-1:] == b'"']
    return tuple(Path(os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), each))) for each in quoted)


class _Plan(msgspec.Struct, frozen=True):
    """Two commits to merge; ``known`` is the outcome where it needs no merge."""

    ours: Sha
    theirs: Sha
    attributes: str = ""
    known: MergeOutcome | None = None


def _adds(folder: FolderEdit) -> bool:
    return any(folder.files.values()) or any(_adds(inner) for inner in folder.folders.values())


def _create(place: Path, object_format: str, settings: Mapping[str, str]) -> None:
    """Prepared beside its place and moved there, so that nobody ever sees half a hub."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep_drafts(place.parent)
    draft = place.with_name(f"hub-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        run_git(
            place.parent, "init", "-q", "--bare", "--template=", f"--object-format={object_format}",
            "--initial-branch=main", str(draft), isolated=True,
        )  # fmt: skip
        for key, value in {**_HUB_CONFIG, **settings}.items():
            run_git(draft, "--git-dir=.", "config", key, value, isolated=True)
        (draft / "objects" / "info").mkdir(exist_ok=True)
        draft.rename(place)
    except OSError:
        if not (place / "HEAD").exists():  # else another process was first
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sweep_drafts(folder: Path) -> None:
    """Remove the halves of hubs whose makers were killed."""
    for draft in folder.glob("hub-*.tmp"):
        maker = draft.name.split("-")[1]
        if not (maker.isdigit() and _is_alive(int(maker))):
            shutil.rmtree(draft, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_HUB_CONFIG = {"gc.auto": "0", "core.logAllRefUpdates": "false", "core.hooksPath": os.devnull}


def _borrow(place: Path, objects_dir: Path) -> None:
    """Let the hub read the objects in a folder. git reads a line that starts with a quote as C does."""
    path = os.fsencode(objects_dir)
    line = b'"' + b"".join(b"\\%03o" % byte if byte in b'\n\r\t"\\' else bytes([byte]) for byte in path) + b'"\n'
    alternates = place / "objects" / "info" / "alternates"
    known = alternates.read_bytes() if alternates.exists() else b""
    if line not in known.splitlines(keepends=True):
        write_file(alternates, known + line)


def _read_outcome(fields: Iterator[bytes], names: Mapping[Sha, str]) -> MergeOutcome:
    """One answer: status, tree, the stages up to an empty field, and for a conflict the messages up to another."""
    clean = next(fields).strip() == b"1"
    tree = Sha(next(fields).decode("ascii"))
    stages = list(iter(lambda: next(fields), b""))
    messages: list[list[str]] = []
    while not clean and (count := next(fields).strip()):
        messages.append([_renamed(decode_path(next(fields)), names) for _ in range(int(count) + 2)])
    return parse_outcome(tree, clean, stages, messages)


def _renamed(text: str, names: Mapping[Sha, str]) -> str:
    """Our synthetic commits' ids as words for people."""
    for sha, name in names.items():
        text = text.replace(sha, name)
    return text
