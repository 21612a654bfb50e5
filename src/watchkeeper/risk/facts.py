"""What is known of one change before it is weighed. Made by ``risk.of_change``, weighed by ``risk.assess``."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.footprint import TouchKind
from watchkeeper.risk.points import PointKind


class Role(StrEnum):
    """What a file is for: how much a changed line of it weighs."""

    CODE = "code"
    TEST = "test"
    DATA = "data"  # configuration, templates, styles: read by programs
    PROSE = "prose"  # for people alone
    GENERATED = "generated"  # by a tool, lock files among them


class FileFacts(msgspec.Struct, frozen=True):
    """One changed file. ``changed`` counts lines, added and removed, that say something and did not merely move.

    ``share`` is the part of the base's telling lines that went, ``base_lines`` how many there were. ``functions`` is
    how many functions the base's text has, where a language reads it.
    """

    path: str
    kind: TouchKind
    role: Role
    changed: int = 0
    share: float = 0.0
    base_lines: int = 0
    is_moved: bool = False
    functions: int = 0


class Grade(StrEnum):
    """What a change of contract means for those who call."""

    BREAKING = "breaking"  # calls that were right may fail
    BEHAVIOUR = "behaviour"  # the same call gives something else
    STRICTER = "stricter"  # it may raise what it did not, or raises no more what callers may wait for
    SHAPE = "shape"  # it is made otherwise, or says otherwise what it gives
    WIDER = "wider"  # all that was right is right


class Place(msgspec.Struct, frozen=True, order=True):
    """A line of a file."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class AlteredSymbol(msgspec.Struct, frozen=True):
    """A symbol of the base that is not what it was, and who relies on it. Tests are counted apart.

    ``callers`` are the symbols that refer to it; ``unchanged`` those among them that the change left as they were, as
    places, and ``misfit`` says why one of their calls fails now; ``fits``: all of them still fit the new parameters.
    ``grade`` is None where the contract is the same. ``is_gone``: deleted, or no longer at its old name.
    ``is_untried``: tests there are, and none refers to it, nor to what calls it, two steps far.
    """

    name: str
    place: Place
    callers: int = 0
    files: int = 0
    tests: int = 0
    unchanged: tuple[Place, ...] = ()
    misfit: str = ""
    fits: bool = False
    grade: Grade | None = None
    detail: str = ""
    is_public: bool = True
    is_gone: bool = False
    is_untried: bool = False


class Untested(msgspec.Struct, frozen=True):
    """The changed lines of a file that no test executed, of ``of`` that could be."""

    path: str
    lines: tuple[int, ...]
    of: int


class Touched(msgspec.Struct, frozen=True):
    """A sensitive area that one file of the change touches. ``what`` is a clause: ``it names password``.

    ``grade`` 1: by where it lies; 2: by what changed lines name; 3: by the name of a symbol that is altered; 4: by what
    the change does, or undoes.
    """

    kind: PointKind
    place: Place
    what: str
    grade: int = 1


class Weakened(msgspec.Struct, frozen=True):
    """A test that says less than it did. ``what`` is a whole sentence."""

    kind: PointKind
    place: Place
    what: str
    count: int = 1
    is_mild: bool = False  # what it tested is gone as well, or it was merely written anew


class SurfaceChange(msgspec.Struct, frozen=True):
    """A thing that others may use, which is new or gone."""

    kind: PointKind
    name: str
    place: Place
    is_sure: bool = True  # False: a base class that nobody can read may still offer it


class RiskFacts(msgspec.Struct, frozen=True):
    """All that is known of one change. ``untested`` is None where nobody knows which lines tests execute.

    ``intent`` is what the change was asked to do; a thing that it names weighs half.
    """

    files: tuple[FileFacts, ...] = ()
    altered: tuple[AlteredSymbol, ...] = ()
    untested: tuple[Untested, ...] | None = None
    touched: tuple[Touched, ...] = ()
    weakened: tuple[Weakened, ...] = ()
    surface: tuple[SurfaceChange, ...] = ()
    intent: str = ""
    could_not: tuple[str, ...] = ()
