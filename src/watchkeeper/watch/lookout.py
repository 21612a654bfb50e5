"""All that is followed, kept current: hints in, events out. Blocks; one thread owns it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from watchkeeper.conflicts.pair import Party
from watchkeeper.conflicts.standing import State
from watchkeeper.conflicts.succession import name_heirs
from watchkeeper.model.agents import AgentEvent, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.model.events import Event
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.model.reading import Reading
from watchkeeper.repos.checkout import Checkout
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Worktree
from watchkeeper.repos.target import Target
from watchkeeper.repos.working import read_branch_files
from watchkeeper.watch.analyst import Analyst
from watchkeeper.watch.attribution import Part
from watchkeeper.watch.board import Board
from watchkeeper.watch.discovery import Found, Survey, Surveyor, is_git_at_work
from watchkeeper.watch.followed import Followed
from watchkeeper.watch.keeper import Keeper
from watchkeeper.watch.landings import Landings
from watchkeeper.watch.proving import Prover
from watchkeeper.watch.sharing import Sharing
from watchkeeper.watch.sides import Sides
from watchkeeper.watch.suspects import Suspects

_SCANNERS = 2


class Step(msgspec.Struct, frozen=True):
    """What looking gave: events to record, and what has to be looked at again once it is quiet."""

    events: tuple[Event, ...] = ()
    touched: bool = False  # some file differs from what was known
    needs_scan: bool = False
    needs_survey: bool = False
    unsettled: tuple[Path, ...] = ()  # worktrees that git was changing


class Lookout:
    """Keeps the footprints of all changes current. Every step gives the events that follow from what it saw.

    Steps that look at a worktree raise WatchkeeperError where git or the disk fails; nothing is closed then, and
    looking again mends it.
    """

    def __init__(
        self,
        surveyor: Surveyor,
        objects: Objects,
        analyst: Analyst,
        state: Callable[[], State],
        *,
        clock: Callable[[], Millis],
        ignore: Sequence[str] = (),
        prover: Prover | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        """``keeper`` is what shared checkouts are kept with over a restart; None: they are not."""
        self._surveyor = surveyor
        self._objects = objects
        self._clock = clock
        self._sharing = Sharing(surveyor, objects, keeper)
        self._board = Board(analyst, self._compare, state, clock=clock, ignore=ignore)
        self._pairs = self._board.pairs
        self._landings = Landings(surveyor, self._board, clock)
        self._sides = Sides(surveyor, objects, self._board, self._landings, self._sharing)
        self._state = state
        self._suspects = Suspects(prover, self._board, self._sharing, state)
        known = state().changes.values()
        self._names = {each.path: str(each.id) for each in known if each.path and each.source is not Source.SESSION}
        self._branches: dict[str, Found] = {}
        self._troubles: dict[str, str] = {}
        self._left_out: tuple[str, ...] = ()
        self.followed: dict[Path, Followed] = {}
        self.is_complete = False

    @property
    def target(self) -> Target | None:
        """The target branch, and where it is."""
        return self._landings.target

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is not looked at, in sentences."""
        return (*self._left_out, *self._landings.left_out)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The live changes, and those that landed lately."""
        return tuple(party.change for party in self._board.parties.values())

    def read(self, path: str, content: bytes) -> Reading | None:
        """What a file says; None where no language reads it."""
        return self._board.analyst.read(path, content)

    @property
    def parties(self) -> tuple[Party, ...]:
        """The changes with their footprints."""
        return tuple(self._board.parties.values())

    @property
    def has_more(self) -> bool:
        """Something waits that is not urgent."""
        return self._landings.has_more or not self.is_complete

    @property
    def has_suspicions(self) -> bool:
        """Some pairs were compared anew, and the merges of those have to be run."""
        return self._suspects.has_more

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be looked at or compared, in sentences."""
        return tuple(dict.fromkeys(filter(None, [*self._troubles.values(), self._pairs.problem])))

    def count_files(self, change: ChangeId) -> int:
        """How many files the change touches."""
        return len(self._board.files.get(change, ()))

    def note(self, place: str, trouble: str) -> None:
        """A step failed; the next that succeeds at the same place takes it back."""
        self._troubles[place] = trouble

    def survey(self, moved: Iterable[Path] = ()) -> Step:
        """Find what came, went or moved, and look at that; at the worktrees ``moved`` in any case."""
        survey = self._surveyor.survey(self._names)
        self._landings.set_target(survey.target)
        self._left_out = survey.left_out
        self._let_go(survey)
        self._names = {found.place: found.change.id for found in survey.found}
        self._look_at_worktrees(survey, set(moved))
        self._look_at_branches(survey)
        self._landings.renew_if_moved()
        self._troubles.pop("survey", None)
        return self._done()

    def touch(self, root: Path, paths: Iterable[str]) -> Step:
        """Look at these paths of a worktree again."""
        followed = self.followed.get(root)
        if followed is None or not followed.is_scanned:
            return Step(needs_scan=followed is not None)
        if not followed.worktree.path.is_dir():
            return Step(needs_survey=True)
        state = followed.checkout.update(paths)
        # Asked afterwards: had git begun before we read, what we read may be half of something.
        if state is None or is_git_at_work(followed.worktree) or followed.is_going():
            return Step(needs_scan=True)
        if state.files == followed.files:
            return Step()
        followed.active_at = time.monotonic()
        self._renew_worktree(followed)
        return self._done(touched=True)

    def scan(self, root: Path) -> Step:
        """Look at a whole worktree again, also at where its HEAD is."""
        followed = self.followed.get(root)
        worktree = self._surveyor.find_worktree(followed.found) if followed is not None else None
        if followed is None or worktree is None or worktree.branch != followed.worktree.branch:
            return Step(needs_survey=True)
        if worktree.head != followed.found.change.head and self._is_of_target(worktree):
            # What it has now has landed: looked at by itself it would be a change of its own for a moment.
            return msgspec.structs.replace(self.survey((root,)), touched=True)
        before = followed.found.change.head, followed.files
        if not self._scan(followed, worktree):
            return Step(needs_scan=True)
        self._renew_worktree(followed)
        return self._done(touched=before != (followed.found.change.head, followed.files))

    def set_sessions(self, root: Path, sessions: Sequence[Session]) -> Step:
        """These sessions are at work in a worktree (one of ``followed``, or soon to be) now.

        From two on, each has a change of its own.
        """
        if not self._sharing.set_sessions(root, sessions, self._clock()) or root not in self.followed:
            return Step()
        self._landings.place_again()
        return msgspec.structs.replace(self.scan(root), touched=True)

    def tell(self, root: Path, session: SessionId, event: AgentEvent, at: Millis) -> Step:
        """A session says what it does: it may tell whose a save was, also one that was seen before."""
        followed = self.followed.get(root)
        if not self._sharing.tell(root, session, event, at) or followed is None or not followed.is_scanned:
            return Step()
        self._renew_worktree(followed)
        return self._done(touched=bool(followed.parts))

    @property
    def seated(self) -> dict[Path, tuple[Session, ...]]:
        """Who works where, as it was said last, also to an earlier process."""
        return self._sharing.seated

    def who_wrote(self, root: Path, path: str) -> tuple[Part, ...]:
        """Who made what of a file of a worktree in the last seconds, how that is known, and why."""
        return self._sharing.who_wrote(root, path, self._clock())

    def go_on(self) -> Step:
        """One piece of what is not urgent: a landed change, or the end of the first look."""
        if self._landings.has_more:
            self._landings.take_next()
        elif not self.is_complete:
            self.is_complete = True
            self._sharing.forget_others(self.followed.keys())
            self._troubles["hub"] = self._sharing.hold()
            self._pairs.close_inherited()
        return Step(self._pairs.events())

    def prove_next(self) -> Step:
        """Run the merge of one suspected pair, as far as that is quick."""
        return Step(self._suspects.prove_next())

    def prepare_proofs(self) -> Step:
        """Have what every proof needs got ready: the first suspicion should not have to wait for it."""
        self._suspects.prepare()
        return Step()

    def unite(self) -> Step:
        """Have all live changes looked at together, where that is worth it."""
        self._suspects.unite()
        return Step()

    def take_proofs(self) -> Step:
        """What came of the merges that ran in the background."""
        return Step(name_heirs(self._suspects.take_finished(), self._state(), self._clock()), touched=True)

    @property
    def awaits_proofs(self) -> bool:
        """The merges of some pairs are being run."""
        return self._suspects.is_awaiting

    @property
    def proved(self) -> tuple[int, int]:
        """How many pairs were run, and how often all changes together."""
        return self._suspects.proved

    def judge_again(self) -> Step:
        """Compare the pairs whose comparison failed, and look at what time has decided."""
        due = [followed for root in self._sharing.due(self._clock()) if (followed := self.followed.get(root))]
        for followed in due:
            self._renew_worktree(followed)
        return self._done(touched=bool(due)) if due or self._pairs.has_unjudged else Step()

    def expire_landed(self) -> Step:
        """Let go of what landed too long ago, and hold on to what is needed still."""
        self._troubles["hub"] = self._sharing.hold()
        self._landings.renew()
        return Step(self._pairs.events())

    def reconcile(self) -> Step:
        """Say all that is seen against a state that others wrote meanwhile."""
        self._pairs.reconcile()
        for root in self._sharing.reload():
            if root in self.followed:  # until it is looked at again nobody knows what its parts are
                self.followed[root].is_scanned = False
        return self._done()

    def close(self) -> None:
        """End all processes."""
        self._suspects.close()
        for followed in self.followed.values():
            followed.checkout.close()

    def _is_of_target(self, worktree: Worktree) -> bool:
        return self.target is not None and bool(worktree.branch) and self.target.ref.endswith(f"/{worktree.branch}")

    def _done(self, *, touched: bool = False) -> Step:
        """All that follows from what was looked at, and what could not be because git was at work."""
        unsettled = tuple(root for root, followed in self.followed.items() if not followed.is_scanned)
        return Step(self._pairs.events(), touched=touched, unsettled=unsettled)

    def _compare(self, one: Party, two: Party) -> tuple[Conflict, ...]:
        return self._sides.compare(one, two)

    def _let_go(self, survey: Survey) -> None:
        """Changes that are no longer there, or go by another name now."""
        now = {found.place: found.change.id for found in survey.found}
        for place, name in self._names.items():
            if now.get(place) != name and Path(place) in self.followed:
                self._drop_parts(self.followed[Path(place)], "its worktree is gone, or another branch's")
            if place not in now:
                self._board.drop(
                    ChangeId(name), "its branch is gone" if place in self._branches else "its worktree is gone"
                )
            elif now[place] != name:
                self._board.drop(ChangeId(name), f"its worktree is on {now[place]} now")
        for place in self._branches.keys() - now.keys():
            del self._branches[place]
        for root in [root for root in self.followed if str(root) not in now]:
            self.followed.pop(root).checkout.close()
            self._sharing.forget(root)
            self._troubles.pop(f"{root} lost", None)
            self._troubles.pop(f"{root} kept", None)
            self._troubles.pop(str(root), None)

    def _look_at_worktrees(self, survey: Survey, moved: set[Path]) -> None:
        due: list[tuple[Followed, Worktree]] = []
        for found in survey.found:
            worktree = found.worktree
            if worktree is None:
                continue
            followed = self.followed.get(worktree.path)
            if followed is None:
                checkout = Checkout(self._surveyor.history, worktree, self._objects)
                followed = self.followed[worktree.path] = Followed(found, worktree, checkout)
            is_same = _standing(followed.found.change) == _standing(found.change)
            followed.found = found
            if not is_same or not followed.is_scanned or worktree.path in moved:
                due.append((followed, worktree))
        for followed in self._scan_all(due):
            self._renew_worktree(followed)

    def _scan_all(self, due: Sequence[tuple[Followed, Worktree]]) -> list[Followed]:
        """Those that could be scanned. Several at once: most of it is waiting for git."""

        def scan(item: tuple[Followed, Worktree]) -> Followed | None:
            followed, worktree = item
            try:
                return followed if self._scan(followed, worktree) else None
            except WatchkeeperError as error:
                if not isinstance(error, NotARepositoryError):
                    self._troubles[str(worktree.path)] = error.message
                return None

        if len(due) < 2:
            return [done for item in due if (done := scan(item)) is not None]
        with ThreadPoolExecutor(_SCANNERS, thread_name_prefix="scan") as threads:
            return [done for done in threads.map(scan, due) if done is not None]

    def _scan(self, followed: Followed, worktree: Worktree) -> bool:
        """False where git was at work: what was read may be half of something, and does not count."""
        followed.is_scanned = False
        if is_git_at_work(worktree) or followed.is_going():
            return False
        followed.worktree = followed.checkout.worktree = worktree
        head = worktree.head
        base = self._surveyor.merge_base(head, self.target.commit) if head is not None and self.target else None
        lost = self._sharing.begin(worktree, self._clock())
        state = followed.checkout.scan(self._sharing.base_of(worktree.path) or base)
        if state.head != head or is_git_at_work(worktree) or followed.is_going():
            return False
        change = msgspec.structs.replace(followed.found.change, head=head, base=base, branch=worktree.branch)
        followed.found = msgspec.structs.replace(followed.found, change=change, worktree=worktree)
        followed.is_scanned = True
        self._troubles.pop(str(worktree.path), None)
        self._troubles[f"{worktree.path} lost"] = lost
        return True

    def _look_at_branches(self, survey: Survey) -> None:
        for found in survey.found:
            known = self._branches.get(found.place)
            if found.worktree is not None or (known is not None and known.change == found.change):
                continue
            change = found.change
            assert change.head is not None
            # Without a base there is no target: nothing that the branch could differ from.
            files = read_branch_files(self._surveyor.history, change.base, change.head) if change.base else ()
            self._branches[found.place] = found
            self._board.renew(change, files, "its work is in the target branch")

    def _renew_worktree(self, followed: Followed) -> None:
        root, change = followed.worktree.path, followed.found.change
        base = self._sharing.base_of(root)
        if self._sharing.look(root, followed.checkout.state, self._clock()):
            self._landings.place_again()
        if self._sharing.base_of(root) != base and not self._scan(followed, followed.worktree):
            return  # it is one change again, from another base, and looked at once git is done
        self._troubles[f"{root} kept"] = self._sharing.keep(root)
        state, parts = followed.checkout.state, self._sharing.parts(root, change)
        if parts is None:
            self._drop_parts(followed, "nothing stands in its checkout of others who were at work at the same time")
            self._board.renew(change, state.files, "nothing differs from its base any more")
        else:
            ground = self._sharing.ground(root, change, self.target.commit if self.target else None)
            self._board.renew_part(*ground, "several sessions work in it: each has a change of its own")
            self._drop_parts(followed, "nothing of it stands in the checkout any more", {part.id for part, _ in parts})
            followed.parts = frozenset(part.id for part, _ in parts)
            for part, files in parts:
                self._board.renew_part(part, files)
        followed.files = state.files

    def _drop_parts(self, followed: Followed, reason: str, but: Iterable[ChangeId] = ()) -> None:
        for identity in followed.parts - set(but):
            self._board.drop(identity, reason)
        followed.parts &= set(but)


def _standing(change: Change) -> tuple[object, ...]:
    return change.head, change.base, change.id
