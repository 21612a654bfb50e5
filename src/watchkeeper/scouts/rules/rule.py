"""What a rule is: what it says, how sure it is, the code in which it has to find something, and its innocent twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from watchkeeper.scouts.rules.project import Project
    from watchkeeper.scouts.rules.pythonfile import PythonFile
    from watchkeeper.scouts.rules.scriptfile import ScriptFile

Files = Mapping[str, str]
"""A tiny project: path -> text."""


class Hit(NamedTuple):
    """One place that a rule means. ``words`` fill the holes of the rule's claim, in order.

    ``confidence`` is another than the rule's where this place is plainer, or less plain, than most. ``path`` is said
    by rules that look at more than one file; ``anchor`` as in ``Raw``.
    """

    line: int
    quote: str
    symbol: str = ""
    words: tuple[str, ...] = ()
    confidence: float | None = None
    path: str = ""
    anchor: str = ""


class Rule(NamedTuple):
    """One thing that a syntax tree can show to be wrong.

    ``places`` says in which files it looks: ``code`` (neither tests nor examples), ``tests`` or ``all``. ``bad`` must
    be found and ``good`` must not: both are looked at before the rule is believed.
    """

    id: str
    dimension: str
    kind: str
    severity: int
    confidence: float
    claim: str
    disprove: str
    bad: Files
    good: Files
    python: Callable[[PythonFile], Iterator[Hit]] | None = None
    script: Callable[[ScriptFile], Iterator[Hit]] | None = None
    page: Callable[[str, str], Iterator[Hit]] | None = None
    project: Callable[[Project], Iterator[Hit]] | None = None
    places: str = "code"
    reads: tuple[str, ...] = ()  # how the names of files end that ``project`` looks at; the others say it themselves
