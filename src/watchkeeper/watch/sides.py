"""Two changes, and what of each is news for the other: what both have, or one is built on, is no conflict."""

from __future__ import annotations

import msgspec

from watchkeeper.conflicts.pair import Party
from watchkeeper.model.changes import Source
from watchkeeper.model.conflicts import Conflict
from watchkeeper.repos.objects import Objects
from watchkeeper.watch.board import Board
from watchkeeper.watch.discovery import Surveyor
from watchkeeper.watch.kinship import onto_fork
from watchkeeper.watch.landings import Landings
from watchkeeper.watch.sharing import Sharing


class Sides:
    """Not thread-safe."""

    def __init__(
        self, surveyor: Surveyor, objects: Objects, board: Board, landings: Landings, sharing: Sharing
    ) -> None:
        self._surveyor = surveyor
        self._objects = objects
        self._board = board
        self._analyst = board.analyst
        self._landings = landings
        self._sharing = sharing

    def compare(self, one: Party, two: Party) -> tuple[Conflict, ...]:
        """Their conflicts. Raises WatchkeeperError where git could not be asked."""
        if one.is_landed or two.is_landed:
            return self._analyst.compare(one, two) if self._could_meet(one, two) else ()
        if self._sharing.were_apart(one.change, two.change):
            return ()
        if one.change.path == two.change.path and (one.change.source is Source.SESSION) is not (
            two.change.source is Source.SESSION
        ):
            return ()  # a session's part stands on what was committed in its checkout before
        clashes = self._sharing.clashes(one.change, two.change)
        if clashes is not None:
            return self._analyst.compare(one, two, clashes=clashes)
        related = self._since_they_parted(one, two)
        return self._analyst.compare(*related) if related is not None else ()

    def _could_meet(self, one: Party, two: Party) -> bool:
        """Landed changes meet those that do not have them, and each other where they were open together."""
        if one.is_landed and two.is_landed:
            return self._landings.were_open_together(one.id, two.id)
        landed, live = (one.change, two.change) if one.is_landed else (two.change, one.change)
        target = self._landings.target
        if target is None or landed.head is None:
            return False
        paths = {path for file in self._board.files[landed.id] for path in (file.base_path, file.now_path) if path}
        if self._sharing.is_covered(landed.head, paths, target, live):
            return False
        return landed.head in self._surveyor.landed_since(live.base, target)

    def _since_they_parted(self, one: Party, two: Party) -> tuple[Party, Party] | None:
        """Where one is built on the other it has the other's commits: they are no conflict.

        None where one side has nothing that the other does not have.
        """
        first, second = one.change, two.change
        if Source.SESSION in (first.source, second.source):
            return self._beyond(one, two)
        if first.head is None or second.head is None or first.head == first.base or second.head == second.base:
            return one, two
        fork = self._surveyor.merge_base(first.head, second.head)
        if fork is None or fork in (first.base, second.base) or self._landings.is_in_target(fork):
            return one, two
        sides = []
        for change in (first, second):
            files = onto_fork(self._board.files[change.id], fork, self._objects)
            if not files:
                return None
            based = msgspec.structs.replace(change, base=fork)
            sides.append(Party(based, self._analyst.footprint(based, files)))
        return sides[0], sides[1]

    def _beyond(self, one: Party, two: Party) -> tuple[Party, Party] | None:
        """Without what of a session's committed work the other side is built on."""
        sides = []
        for party, other in ((one, two), (two, one)):
            files = self._sharing.beyond(party.change, other.change)
            if files == ():
                return None
            footprint = self._analyst.footprint(party.change, files) if files is not None else party.footprint
            sides.append(Party(party.change, footprint))
        return sides[0], sides[1]
