"""The checkouts that sessions work in: whose is what there, and from which commit on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from watchkeeper.conflicts.pair import TextClash
from watchkeeper.model.agents import AgentEvent, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.checkout import CheckoutState
from watchkeeper.repos.git import local_path
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.reflog import read_head_moves
from watchkeeper.repos.repository import Worktree
from watchkeeper.repos.target import Target
from watchkeeper.repos.trees import FOLDER
from watchkeeper.repos.working import NowFile, WorkingFile, read_branch_files
from watchkeeper.watch.attribution import Part
from watchkeeper.watch.discovery import Surveyor
from watchkeeper.watch.keeper import Keeper
from watchkeeper.watch.localpath import local_path_of
from watchkeeper.watch.shared import Shared

_OWN_MOVES = frozenset({"commit", "commit (amend)", "commit (initial)", "cherry-pick", "revert", "reset", "am"})
"""Moves of HEAD by which no work of others comes in: what differs on disk afterwards was done in this checkout."""

Parts = tuple[tuple[Change, tuple[WorkingFile, ...]], ...]


class Sharing:
    """All checkouts in which a session is at work, or has left something. Each is followed from its first session on.

    Its base is where HEAD stood then. Commits made in it move nothing; where HEAD goes to other work (a switch, a
    rebase, a pull) it begins anew there, and of files that are others there nobody knows any more who wrote what.
    """

    def __init__(self, surveyor: Surveyor, objects: Objects, keeper: Keeper | None = None) -> None:
        """With a ``keeper`` what an earlier process knew is taken up again."""
        self._surveyor = surveyor
        self._objects = objects
        self._keeper = keeper
        self._kept = keeper.read() if keeper is not None else {}
        self._sessions: dict[Path, tuple[Session, ...]] = {}
        self._rooms: dict[Path, Shared] = {}
        self._heads: dict[Path, tuple[Sha | None, str]] = {}
        self._looked: dict[Path, Sha | None] = {}
        self._held: dict[Path, frozenset[Sha]] = {}
        self._grounds: dict[Path, tuple[Sha | None, Sha | None, tuple[WorkingFile, ...]]] = {}
        self._between: dict[tuple[Sha, Sha], tuple[str, ...]] = {}

    @property
    def seated(self) -> dict[Path, tuple[Session, ...]]:
        """Who works in each of the checkouts, as it was said last; also before this process was."""
        kept = {root: room.sessions for root, (room, _) in self._kept.items()}
        return {root: sessions for root, sessions in {**kept, **self._sessions}.items() if sessions}

    def set_sessions(self, root: Path, sessions: Sequence[Session], at: Millis) -> bool:
        """These sessions work in the checkout now; whether that is news."""
        if self.seated.get(root, ()) == tuple(sessions):
            return False
        self._sessions[root] = tuple(sessions)
        room = self._rooms.get(root)
        if room is not None:
            room.set_sessions(sessions, at)
        if not sessions and root not in self._kept and (room is None or room.is_over):
            self.forget(root)
        return True

    def forget(self, root: Path) -> None:
        """The checkout is gone, or nothing of anybody's is there any more."""
        room = self._rooms.get(root)
        for table in (self._sessions, self._rooms, self._heads, self._looked, self._held, self._grounds):
            table.pop(root, None)
        kept = self._kept.pop(root, None)
        if self._keeper is not None and (room is not None or kept is not None):
            self._keeper.drop(root, room.kept_paths if room is not None else kept[1] if kept is not None else ())

    def forget_others(self, roots: Collection[Path]) -> None:
        """All checkouts were looked at: what is kept of others is of the past."""
        for root in self._kept.keys() - set(roots):
            self.forget(root)

    def reload(self) -> tuple[Path, ...]:
        """Another process has kept what counts until now: take it up; these checkouts have to be looked at again."""
        roots = tuple(self._rooms)
        for table in (self._sessions, self._rooms, self._heads, self._looked, self._held, self._grounds):
            table.clear()
        self._kept = self._keeper.read() if self._keeper is not None else {}
        return (*roots, *(self._kept.keys() - set(roots)))

    def keep(self, root: Path) -> str:
        """Keep what is known of the checkout by now; why it could not be kept, in a sentence."""
        room, keeper = self._rooms.get(root), self._keeper
        if room is None or keeper is None or not keeper.keeps:
            return ""
        try:
            values = room.keep(str(root), self._heads[root][1], keeper.store)
            if values:
                keeper.put(root, values)
                room.note_kept(values)
        except WatchkeeperError as error:
            return f"who wrote what in {root} would not outlive a restart: {error.message}"
        return ""

    def tell(self, root: Path, session: SessionId, event: AgentEvent, at: Millis) -> bool:
        """A session told something; whether that changed whose something is."""
        room = self._rooms.get(root)
        return room is not None and room.tell(session, event, local_path_of(str(root), event), at)

    def begin(self, worktree: Worktree, now: Millis) -> str:
        """The checkout is about to be looked at, with HEAD where it is; what is lost by HEAD's move, in a sentence."""
        root, at = worktree.path, (worktree.head, worktree.branch)
        sessions, room = self._sessions.get(root), self._rooms.get(root)
        if not sessions and room is None and root not in self._kept:
            return ""
        if room is None and (taken := self._take_up(root, now)) is not None:
            room, sessions = taken, self._sessions.get(root)
        before = self._heads.get(root)
        if room is None:
            room = self._rooms[root] = Shared(worktree.head, self._objects, self._surveyor.history.object_format)
            room.set_sessions(sessions or (), now)
        elif before is not None and before != at and not self._is_own_move(worktree, room, before):
            room.move(worktree.head, now)
        self._heads[root] = at
        return _said_lost(worktree, room)

    def hold(self) -> str:
        """Have the hub keep the texts of what is kept; why it could not, in a sentence."""
        keeper = self._keeper
        if keeper is None or not keeper.keeps:
            return ""
        try:
            for root, room in self._rooms.items():
                if self._held.get(root) != room.texts:
                    keeper.hold(root, room.texts)
                    self._held[root] = room.texts
        except WatchkeeperError as error:
            return f"the lines of shared checkouts cannot be held: {error.message}"
        return ""

    def _take_up(self, root: Path, now: Millis) -> Shared | None:
        """The checkout as it was kept; None where nothing is, or its base is gone."""
        kept = self._kept.pop(root, None)
        if kept is None or self._keeper is None:
            return None
        seen, files = kept
        if seen.base is not None and self._objects.find_info(seen.base) is None:
            self._keeper.drop(root, files)
            return None
        room = self._rooms[root] = Shared(seen.base, self._objects, self._surveyor.history.object_format)
        room.take(seen, files.values(), self._keeper.find)
        self._heads[root] = seen.head, seen.branch
        self._looked[root] = seen.head
        if root in self._sessions:
            room.set_sessions(self._sessions[root], now)
        else:
            self._sessions[root] = seen.sessions
        return room

    def base_of(self, root: Path) -> Sha | None:
        """From where a checkout that is split is looked at; None for all others."""
        room = self._rooms.get(root)
        return room.base if room is not None and room.is_split else None

    def look(self, root: Path, state: CheckoutState, now: Millis) -> bool:
        """The checkout is like this now; whether the parts of those that have ended, or the split, are others."""
        room = self._rooms.get(root)
        if room is None:
            return False
        seen = _seen(state.files)
        paths = set(room.paths)
        if self._looked.get(root) != state.head:  # a commit: what it has may have been saved since the last look
            paths |= set(self._paths_between(room.base, state.base))
        for path in paths - seen.keys():
            entry = self._objects.find_entry(state.base, path) if state.base is not None else None
            seen[path] = NowFile(entry) if entry is not None and entry.mode != FOLDER else None
        renamed = {
            file.now_path: file.base_path
            for file in state.files
            if file.kind is TouchKind.RENAMED and file.now_path and file.base_path
        }
        room.look(seen, renamed, lambda path: _touched(root, path), now)
        self._looked[root] = state.head
        is_news = room.renew_standing(state.head)
        if room.is_over:
            self.forget(root)
        return is_news

    def parts(self, root: Path, whole: Change) -> Parts | None:
        """The changes that a checkout is split into; None where it is one change."""
        room = self._rooms.get(root)
        return room.changes(whole) if room is not None and room.is_split else None

    def ground(self, root: Path, whole: Change, target: Sha | None) -> tuple[Change, tuple[WorkingFile, ...]]:
        """What of a split checkout's change was committed before its first session began: nobody's part holds it.

        Without files where the target branch has all of it.
        """
        head = self._rooms[root].base
        base = self._surveyor.merge_base(head, target) if head is not None and target is not None else head
        if self._grounds.get(root, ())[:2] != (base, head):
            files = read_branch_files(self._surveyor.history, base, head) if base and head and base != head else ()
            self._grounds[root] = (base, head, files)
        return msgspec.structs.replace(whole, head=head, base=base), self._grounds[root][2]

    def due(self, now: Millis) -> tuple[Path, ...]:
        """Checkouts where time has decided something."""
        return tuple(root for root, room in self._rooms.items() if room.is_due(now))

    def who_wrote(self, root: Path, path: str, now: Millis) -> tuple[Part, ...]:
        """Who made what of a file in the last seconds, how that is known, and why."""
        room = self._rooms.get(root)
        return room.parts(path, now) if room is not None else ()

    def clashes(self, one: Change, two: Change) -> tuple[TextClash, ...] | None:
        """Where two parts of one checkout wrote over each other; None for changes that are not that."""
        room = self._room_of(one)
        if room is None or two.source is not Source.SESSION or one.path != two.path:
            return None
        return room.clashes(one.id, two.id)

    def together(self, one: Change, two: Change) -> tuple[WorkingFile, ...] | None:
        """What two parts of one checkout are together; None for changes that are not that."""
        room = self._room_of(one)
        if room is None or two.source is not Source.SESSION or one.path != two.path or one.base != two.base:
            return None
        return room.together(one.id, two.id)

    def part(self, change: Change) -> tuple[WorkingFile, ...] | None:
        """A part of a checkout as it is at this moment, which nobody may have looked at yet; None for other changes."""
        room = self._room_of(change)
        return room.part(change.id) if room is not None else None

    def is_covered(self, commit: Sha, paths: Collection[str], target: Target, other: Change) -> bool:
        """Whether this commit of the target branch was made in a split checkout: there it is some part's already.

        For the checkout's own parts always; for any ``other`` change as long as those parts are not over.
        """
        since = self._surveyor.landed_since
        return any(
            commit in since(room.base, target)
            and commit not in since(self._heads[root][0], target)
            and (self._room_of(other) is room or room.covers(paths))
            for root, room in self._rooms.items()
            if room.is_split
        )

    def were_apart(self, one: Change, two: Change) -> bool:
        """Two sessions of one checkout, of which one began after the other had ended."""
        room = self._room_of(one)
        return room is not None and room is self._room_of(two) and room.were_apart(one.id, two.id)

    def beyond(self, part: Change, other: Change) -> tuple[WorkingFile, ...] | None:
        """What of a part the other change does not have yet, where it is built on the checkout's later commits.

        None where it has nothing of it.
        """
        room = self._room_of(part)
        if room is None or room.base is None or other.base is None or other.base == room.base:
            return None
        if self._surveyor.merge_base(room.base, other.base) != room.base:
            return None
        return room.beyond(part.id, other.base)

    def _room_of(self, change: Change) -> Shared | None:
        return self._rooms.get(Path(change.path)) if change.source is Source.SESSION else None

    def _is_own_move(self, worktree: Worktree, room: Shared, before: tuple[Sha | None, str]) -> bool:
        head, branch = before
        if worktree.head is None or branch != worktree.branch:
            return False
        if room.base is None or head is None:
            return head is None  # its first commit
        if self._surveyor.merge_base(room.base, worktree.head) != room.base:
            return False
        moves = read_head_moves(worktree.git_dir, head)
        return moves is None or all(move in _OWN_MOVES for move in moves)

    def _paths_between(self, one: Sha | None, two: Sha | None) -> tuple[str, ...]:
        """The files that differ between two commits: what was saved and committed between two looks is among them."""
        if one is None or two is None or one == two:
            return ()
        if (one, two) not in self._between:
            self._between.clear()
            changes = self._surveyor.history.diff(one, two, renames=False)
            self._between[one, two] = tuple(each.new_path or each.old_path or "" for each in changes)
        return self._between[one, two]


def _seen(files: Iterable[WorkingFile]) -> dict[str, NowFile | None]:
    """Every path that differs, as it is now."""
    seen: dict[str, NowFile | None] = {file.base_path: None for file in files if file.base_path is not None}
    seen.update({file.now_path: file.now for file in files if file.now_path is not None})
    return seen


def _touched(root: Path, path: str) -> Millis | None:
    """The time that no program can set; for what is gone, when anything last came to or went from where it was."""
    place = local_path(root, path)
    for each in (place, *place.parents):
        try:
            return Millis(each.lstat().st_ctime_ns // 1_000_000)
        except OSError:
            if each == root:
                break
    return None


def _said_lost(worktree: Worktree, room: Shared) -> str:
    if not room.lost:
        return ""
    shown = ", ".join(room.lost[:3]) + (f" and {len(room.lost) - 3} more" if len(room.lost) > 3 else "")
    return f"{worktree.path} went to other commits: who wrote what in {shown} until then is not known any more"
