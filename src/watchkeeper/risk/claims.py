"""What the tests of a file claim, whatever the language: the values that ``weakened`` compares."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Strength(IntEnum):
    """How much an assertion excludes: a weaker one holds of more results."""

    NOTHING = 0
    SOME = 1  # it is there, it is true, it is of a type
    PART = 2  # it holds this, it is greater, it is another
    NEARLY = 3  # equal within a tolerance
    EXACT = 4


class Claim(msgspec.Struct, frozen=True):
    """One assertion: of what, in which way, against what. ``masked`` is the subject without the names of locals.

    ``sense`` tells claims apart that are as strong: ``==`` and ``!=``. ``text`` is its line, for people.
    """

    subject: str
    masked: str
    sense: str
    expected: str
    strength: Strength
    line: int
    text: str

    @property
    def head(self) -> str:
        """What is asked, without with what: the subject up to its first bracket."""
        return self.masked.partition("(")[0].partition("[")[0]


class TestCase(msgspec.Struct, frozen=True):
    """One test, or a function of a test file that asserts something for others.

    ``skips`` are marks and calls that keep it from being run, or from failing; ``swallows`` the lines of handlers that
    let an error pass; ``mocks`` the names that it replaces; ``tolerances`` by what they are of; ``cases`` the rows that
    it is run with; ``names`` all names that it uses; ``body`` its statements without the names of locals.
    """

    __test__ = False

    name: str
    path: str
    line: int
    is_test: bool = True
    claims: tuple[Claim, ...] = ()
    skips: tuple[tuple[str, int], ...] = ()
    swallows: tuple[int, ...] = ()
    mocks: tuple[tuple[str, int], ...] = ()
    tolerances: tuple[tuple[str, float, int], ...] = ()
    cases: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    body: tuple[str, ...] = ()


class TestFile(msgspec.Struct, frozen=True):
    """The tests of one version of one file; ``skips`` hold for all of them."""

    __test__ = False

    cases: tuple[TestCase, ...] = ()
    skips: tuple[tuple[str, int], ...] = ()
