"""From what a person types to the conflict that he means."""

from __future__ import annotations

import difflib

from watchkeeper.conflicts.standing import ConflictState, State, Status, find_living
from watchkeeper.model.errors import UsageError


def find_conflict(state: State, text: str) -> ConflictState:
    """The conflict whose id is ``text`` or begins with it, with or without ``c-``; an open one before a closed one.

    One that goes on by another name is that one: notices and messages still name it as it was.

    Raises UsageError: ``unknown-conflict``, with near ids, or ``ambiguous-conflict``, with those that it may mean.
    """
    wanted = text.strip().lower()
    by_id = {str(each.conflict.id): each for each in state.conflicts.values()}
    if wanted in by_id:
        return _living(state, by_id[wanted])
    prefix = wanted if wanted.startswith("c-") else f"c-{wanted}"
    meant = [each for name, each in by_id.items() if prefix not in ("c-", "") and name.startswith(prefix)]
    live = [each for each in meant if each.status is not Status.CLOSED] or meant
    if len(live) == 1:
        return _living(state, live[0])
    if live:
        raise _ambiguous(text, sorted(str(each.conflict.id) for each in live))
    raise _unknown(text, difflib.get_close_matches(prefix, list(by_id), n=3, cutoff=0.6))


def _living(state: State, found: ConflictState) -> ConflictState:
    return find_living(state.conflicts, found.conflict.id) or found


def _ambiguous(text: str, meant: list[str]) -> UsageError:
    return UsageError(
        f"{text!r} may mean {len(meant)} conflicts: {', '.join(meant[:8])}",
        slug="ambiguous-conflict",
        hint="give more of the id",
        facts={"given": text, "candidates": " ".join(meant)},
    )


def _unknown(text: str, near: list[str]) -> UsageError:
    return UsageError(
        f"There is no conflict {text!r} in this repository" + (f"; did you mean {', '.join(near)}?" if near else ""),
        slug="unknown-conflict",
        hint=f"watchkeeper conflicts {near[0]}" if near else "watchkeeper conflicts --all",
        facts={"given": text, "suggestions": " ".join(near)},
    )
