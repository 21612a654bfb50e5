"""A change is held to what it adds, and to nothing that was there before."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from scout_values import NOW, standing
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import ExemptionGranted, StandardState
from watchkeeper.model.scouting_state import Exemption, StandardStanding
from watchkeeper.scouts.standards.checking import Said
from watchkeeper.scouts.standards.new_code import Change, Judgement, judge_change

P = ProjectId("p")
OLD = "import os\neval(x)\n"


def no_rules(rule: str, path: str, text: str) -> Iterable[Said]:
    return ()


def judged(
    base: dict[str, str], new: dict[str, str], renames: dict[str, str] | None = None, by: StandardStanding | None = None
) -> Judgement:
    change = Change(base, new, renames or {})
    return judge_change(change, P, [by or standing()], no_rules, lambda: 0.0, now=NOW)


def refused(base: dict[str, str], new: dict[str, str], renames: dict[str, str] | None = None) -> list[tuple[str, int]]:
    return [(each.violation.path, each.violation.line) for each in judged(base, new, renames).refused]


def test_an_added_place_is_refused_with_its_standard() -> None:
    found = judged({"a.py": "import os\n"}, {"a.py": OLD})

    assert [(each.standard.id, each.violation.line) for each in found.refused] == [("std-eval", 2)]


@pytest.mark.parametrize(
    ("base", "new", "renames"),
    [
        ({"a.py": OLD}, {"a.py": OLD + "y = 1\n"}, {}),  # untouched
        ({"a.py": OLD}, {"a.py": "# a\n# b\n" + OLD}, {}),  # moved down
        ({"a.py": OLD}, {"a.py": "import os\nif y:\n    eval( x )\n"}, {}),  # indented
        ({"a.py": OLD}, {"b.py": OLD}, {"b.py": "a.py"}),  # renamed
        ({"a.py": OLD}, {"b.py": OLD}, {}),  # renamed, and nobody says so
        ({"a.py": OLD}, {"a.py": "import os\n", "b.py": "eval(x)\n"}, {}),  # moved to another file
        ({"a.py": OLD}, {"a.py": "import os\n"}, {}),  # mended
        ({"a.py": OLD}, {}, {}),  # deleted
        ({}, {"a.py": "import os\n"}, {}),
        ({}, {"a.md": "eval(x)\n"}, {}),
    ],
)
def test_what_was_there_before_is_not_new(base: dict[str, str], new: dict[str, str], renames: dict[str, str]) -> None:
    assert refused(base, new, renames) == []


@pytest.mark.parametrize(
    ("base", "new", "places"),
    [
        ({"a.py": OLD}, {"a.py": "import os\neval(x + 1)\n"}, [("a.py", 2)]),  # altered
        ({"a.py": OLD}, {"a.py": "eval(x)\n" + OLD}, [("a.py", 1)]),  # an equal one above
        ({"a.py": OLD}, {"a.py": OLD + "eval(x)\n"}, [("a.py", 3)]),  # an equal one below
        ({"a.py": OLD}, {"a.py": OLD, "b.py": "eval(x)\n"}, [("b.py", 1)]),  # copied
        ({"a.py": "eval(x)\n"}, {"a.py": "eval(x); eval(x)\n"}, [("a.py", 1)]),  # two on a line, one of them new
    ],
)
def test_what_is_altered_or_is_there_once_more_is_new(
    base: dict[str, str], new: dict[str, str], places: list[tuple[str, int]]
) -> None:
    assert refused(base, new) == places


@pytest.mark.parametrize("state", [each for each in StandardState if each is not StandardState.ENFORCED])
def test_only_what_is_enforced_refuses(state: StandardState) -> None:
    assert judged({}, {"a.py": OLD}, by=standing(state=state)) == Judgement(())


@pytest.mark.parametrize(
    ("path", "until", "lets"), [("a.py", 1, True), ("", 1, True), ("b.py", 1, False), ("a.py", 0, False)]
)
def test_an_exemption_lets_its_place_be_until_it_ends(path: str, until: int, *, lets: bool) -> None:
    each = standing()
    granted = ExemptionGranted(each.standard.id, P, path, "later", Millis(NOW + until))
    each = msgspec.structs.replace(each, exemptions=(Exemption(granted, Millis(0)),))

    found = judged({}, {"a.py": OLD}, by=each)

    assert (len(found.refused), len(found.exempt)) == ((0, 1) if lets else (1, 0))


def test_what_could_not_be_looked_at_is_said_and_not_refused() -> None:
    large = "#" * 1_000_001

    found = judged({"a.py": large}, {"a.py": "eval(x)\n"})

    assert found.refused == ()
    assert [each.startswith("std-eval: a.py: it has") for each in found.unlooked] == [True]
