"""What is left out of, or kept beside, the conflicts that a comparison finds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import ChangeId, ConflictId

_OF_TEXT = frozenset({"text", "unread"})


def is_ignored(conflict: Conflict, globs: Sequence[str]) -> bool:
    """Whether all that it shows lies in paths that the user does not want to hear of."""
    paths = {each.path for each in conflict.evidence}
    return bool(globs) and bool(paths) and all(any(fnmatchcase(path, glob) for glob in globs) for path in paths)


def unread_of(footprint: Footprint) -> dict[str, str]:
    """The files whose symbols are unknown, with the reason."""
    return {touch.now_path or touch.path: touch.unknown for touch in footprint.files if touch.unknown}


def kept_open(
    known: Iterable[ConflictState], found: Iterable[Conflict], unread: Mapping[ChangeId, Mapping[str, str]]
) -> frozenset[ConflictId]:
    """Known conflicts that are not seen any more only because a file of theirs cannot be read at the moment.

    What git says of the text does not depend on that.
    """
    seen = {conflict.id for conflict in found}
    return frozenset(
        state.conflict.id
        for state in known
        if state.status is not Status.CLOSED
        and state.conflict.id not in seen
        and state.conflict.rule not in _OF_TEXT
        and any(
            each.path in unread.get(change, ())
            for each in state.conflict.evidence
            for change in ([each.change] if each.change else state.conflict.changes)
        )
    )
