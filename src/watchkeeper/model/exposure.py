"""Which changed lines of a change tests have to execute, and which of them a run did not. Values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.model.reading import Span


class Exposure(msgspec.Struct, frozen=True):
    """What a run has to add to the risk of a change, and what is needed to add it.

    ``weights`` are those of its risk's points, by kind. ``lines`` are the changed lines that tests can be seen to
    execute, by path, in the change's text. ``unseen`` says of which changed lines nobody can tell.
    """

    weights: Mapping[str, tuple[int, ...]] = {}
    lines: Mapping[str, tuple[Span, ...]] = {}
    unseen: tuple[str, ...] = ()


class Measured(msgspec.Struct, frozen=True):
    """What one run of all tests said of an exposure: ``missed`` of the ``of`` lines that could be followed into the
    tree that was run, by path. ``unseen``: what was not measured, and why; that is never taken for executed.
    ``is_plain``: nobody looked, since whatever was executed would have decided nothing.
    """

    missed: Mapping[str, tuple[Span, ...]] = {}
    of: Mapping[str, int] = {}
    unseen: tuple[str, ...] = ()
    is_plain: bool = False


def tells_more(said: Measured, before: Measured | None) -> bool:
    """Whether what a later run says takes the place of what was said before: that it did not look undoes nothing."""
    if before is None or said.of:
        return True
    return before.is_plain and not said.is_plain


def spans_of(lines: Iterable[int]) -> tuple[Span, ...]:
    """Lines as runs of lines."""
    runs: list[list[int]] = []
    for line in sorted(lines):
        if runs and line <= runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return tuple((first, last) for first, last in runs)


def lines_of(spans: Sequence[Span]) -> tuple[int, ...]:
    """Runs of lines as lines."""
    return tuple(line for first, last in spans for line in range(first, last + 1))
