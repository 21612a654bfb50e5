"""What a change writes and what it relies on."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.confidence import Confidence
from watchkeeper.model.flow import Flow
from watchkeeper.model.ids import ChangeId, SymbolKey
from watchkeeper.model.reading import CallShape, Form, Signature, Span, SymbolKind
from watchkeeper.model.resources import NotAnalysed, ResourceTouch

__all__ = [
    "CONTRACT", "Aspect", "Confidence", "Edit", "FileTouch", "Flow", "Footprint", "Hunk", "Read", "TouchKind", "Write",
]  # fmt: skip


class Edit(StrEnum):
    """What happened to a symbol between base and now."""

    ADDED = "added"
    DELETED = "deleted"
    RENAMED = "renamed"  # or moved: ``Write.successor`` is where it went
    MODIFIED = "modified"


class Aspect(StrEnum):
    """Which part of a modified symbol differs."""

    PARAMETERS = "parameters"
    DEFAULTS = "defaults"
    RETURNS = "returns"
    RAISES = "raises"
    ASYNC = "async"
    BASES = "bases"
    DECORATORS = "decorators"
    KIND = "kind"
    ANNOTATIONS = "annotations"  # nothing else: the behaviour is the same
    VALUE = "value"  # of a variable, field or import binding
    BODY = "body"


CONTRACT = frozenset(Aspect) - {Aspect.BODY}


class Write(msgspec.Struct, frozen=True, gc=False):
    """One symbol that a change adds, alters or deletes.

    ``key`` is in base coordinates (for an added symbol: its new place). ``before`` and ``after`` are the spans in the
    base's and in the change's text, ``hunks`` the changed lines inside ``after`` (in the change's text; for deletions
    in the base's). ``detail`` is a clause for people: ``parameter limit removed``. ``share`` is the part of the
    symbol's lines that was changed, 0 to 1. ``imports`` marks a binding made by an import statement. ``flow`` is there
    where only a function's body differs, in a language that can tell.
    """

    key: SymbolKey
    kind: SymbolKind
    edit: Edit
    name: str  # for people: module:Class.method
    path: str  # where it is now (base path for deletions)
    aspects: frozenset[Aspect] = frozenset()
    before: tuple[Span, ...] = ()
    after: tuple[Span, ...] = ()
    hunks: tuple[Span, ...] = ()
    base_hunks: tuple[Span, ...] = ()
    old_signature: Signature | None = None
    new_signature: Signature | None = None
    successor: SymbolKey | None = None
    detail: str = ""
    line: int = 0
    text: str = ""  # the first changed line, stripped, at most 160 characters
    digest: str = ""  # of the normalised new text: equal digests are the same edit
    share: float = 1.0
    imports: bool = False
    required: bool = False  # an added symbol that others must provide (abstract method, interface member)
    is_test: bool = False
    reachable: bool = False  # renamed or moved, and the old place still offers the old name
    flow: Flow | None = None


class Read(msgspec.Struct, frozen=True, gc=False):
    """One reliance of changed code on a symbol.

    ``by`` is the changed symbol that holds the reference; ``is_new`` says that the base had no such reference there;
    ``distance`` is the number of lines to the nearest changed line (0: on a changed line). ``via`` are unchanged
    symbols that were followed (``__exit__``). ``absent`` marks a look-up that passed through ``target`` without
    finding it there: adding it changes the meaning. ``fan_in`` is how many files of the base name the target.
    """

    target: SymbolKey
    by: SymbolKey
    by_name: str
    path: str
    line: int
    text: str
    form: Form
    confidence: Confidence
    is_new: bool
    distance: int = 0
    call: CallShape | None = None
    via: tuple[SymbolKey, ...] = ()
    absent: bool = False
    fan_in: int = 1
    is_test: bool = False


class TouchKind(StrEnum):
    ADDED = "added"
    DELETED = "deleted"
    MODIFIED = "modified"
    RENAMED = "renamed"


class Hunk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A changed run of lines: first line and count in the base, first line and count now (as in a unified diff)."""

    base_start: int
    base_count: int
    now_start: int
    now_count: int


class FileTouch(msgspec.Struct, frozen=True, gc=False):
    """One file that a change touches. ``path`` in base coordinates (new place for added files), ``now_path`` now."""

    path: str
    now_path: str
    kind: TouchKind
    hunks: tuple[Hunk, ...] = ()
    is_binary: bool = False
    mode_changed: bool = False
    digest: str = ""  # of the new content: equal digests are equal files
    unknown: str = ""  # why its symbols could not be read; "" where they were
    was_unknown: bool = False  # nor could those of the base: an older dialect, a template
    language: str = ""


class Footprint(msgspec.Struct, frozen=True):
    """Everything a change writes, relies on and touches outside the code, at one moment."""

    change: ChangeId
    writes: tuple[Write, ...] = ()
    reads: tuple[Read, ...] = ()
    files: tuple[FileTouch, ...] = ()
    resources: tuple[ResourceTouch, ...] = ()
    not_analysed: tuple[tuple[str, NotAnalysed], ...] = ()  # by path: places that touch what nobody could name
