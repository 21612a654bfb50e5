"""What landing asks of the gate and of git, and what these say. Values; the ports themselves are landing's own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.model.exposure import Measured
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Candidate, Entry, EntryId, Verdict


class Question(msgspec.Struct, frozen=True):
    """What the gate is asked: whether ``tree``, which is ``entries`` on the commit ``onto``, holds.

    ``tests`` empty: everything. ``attempt`` tells questions of the same apart: an earlier answer that somebody
    remembers counts only where it is 0. ``must_exist``: the tests were run on this very tree before; one that is not
    there any more did not pass. ``is_measured``: it is wanted which changed lines of the entries tests execute;
    ``is_plain``: that would decide nothing.
    """

    onto: Sha
    entries: tuple[Entry, ...]
    tree: Sha
    tests: tuple[str, ...] = ()
    attempt: int = 0
    must_exist: bool = False
    is_measured: bool = False
    is_plain: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What it said; ``reason`` where it could not run, ``details`` what each failing test said, in a sentence.

    ``is_cut``: everything was asked, and what failed before the tests was enough.
    """

    verdict: Verdict
    failing: tuple[str, ...] = ()
    reason: str = ""
    details: Mapping[str, str] = {}
    is_cut: bool = False
    measured: Mapping[EntryId, Measured] = {}


class Built(msgspec.Struct, frozen=True):
    """The tree of a candidate."""

    tree: Sha


class Clashed(msgspec.Struct, frozen=True):
    """git cannot merge the last entry of ``candidate``, which is a beginning of the one that was asked for."""

    candidate: Candidate
    paths: tuple[str, ...]
    reason: str = ""


class Moved(msgspec.Struct, frozen=True):
    """The branch was seen to be where it was moved to."""

    commit: Sha


class NotMoved(msgspec.Struct, frozen=True):
    """It was not moved. ``is_lost``: somebody else moved it first; else ``reason`` says what stands in the way."""

    reason: str
    is_lost: bool = False


class Tip(msgspec.Struct, frozen=True):
    """The target branch as it is now."""

    commit: Sha
    tree: Sha
