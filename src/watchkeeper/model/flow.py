"""How an edit inside a function hangs together with the rest of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from watchkeeper.model.reading import Span


class Flow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one edit takes from the rest of its function, and what the rest gets from it, before and after the edit.

    Names are dotted: ``session``, ``self.path``. ``takes`` are those whose values the edited statements use, or on
    which it depends whether they run; ``gives`` those that they set or alter; ``reaches`` these, and all that other
    assignments of the function make of them.
    ``governs`` are the base's lines that run, or run otherwise, because of the edit: what stands in an edited ``if``,
    loop or ``with``, what follows a new ``return``. ``shares`` is what it works on together with whoever works on it
    too: ``with`` blocks that it stands in, objects that it calls methods of. ``acts``: it does something beyond the
    function's own names, as a call for its effect does.
    """

    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()
    governs: tuple[Span, ...] = ()
    shares: tuple[str, ...] = ()
    acts: bool = False


def names_meet(one: Iterable[str], two: Iterable[str]) -> bool:
    """Whether a name of either side means the same as one of the other, or a part of it: ``self`` and ``self.path``."""
    others: dict[str, list[str]] = {}
    for name in two:
        others.setdefault(root_of(name), []).append(name)
    return any(names_overlap(name, other) for name in one for other in others.get(root_of(name), ()))


def root_of(name: str) -> str:
    """``session`` of ``session.bind.url``."""
    return name.partition(".")[0]


def names_overlap(one: str, two: str) -> bool:
    """Whether two names mean one thing, or one of them a part of the other."""
    return one == two or one.startswith(f"{two}.") or two.startswith(f"{one}.")
