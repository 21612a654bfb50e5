"""A change is held to what it adds, and to nothing that was there before."""

from __future__ import annotations

import msgspec
import pytest

from scout_values import NOW, FileRules, standing
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import ExemptionGranted, StandardState
from watchkeeper.model.scouting_state import Exemption, StandardStanding
from watchkeeper.scouts.standards.new_code import Change, Judgement, judge_change

P = ProjectId("p")
OLD = "import os\neval(x)\n"


def judged(
    base: dict[str, str], new: dict[str, str], renames: dict[str, str] | None = None, by: StandardStanding | None = None
) -> Judgement:
    change = Change(base, new, renames or {})
    return judge_change(change, P, [by or standing()], FileRules(lambda *_: ()), lambda: 0.0, now=NOW)


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


LARGE = "#" * 1_000_001 + "\n"


def test_what_could_not_be_looked_at_is_said() -> None:
    found = judged({"a.py": "x = 1\n"}, {"a.py": LARGE + "eval(x)\n"})

    assert found.refused == ()
    assert [(each.standard.id, each.path) for each in found.unlooked] == [("std-eval", "a.py")]
    assert found.unlooked[0].why.startswith("it has 1,000,010 characters")


@pytest.mark.parametrize("path", ["a.py", ""])
def test_a_person_can_let_be_what_could_not_be_looked_at(path: str) -> None:
    each = standing()
    granted = ExemptionGranted(each.standard.id, P, path, "generated", Millis(NOW + 1))
    each = msgspec.structs.replace(each, exemptions=(Exemption(granted, Millis(0)),))

    assert judged({}, {"a.py": LARGE}, by=each) == Judgement(())
    assert len(judged({}, {"a.py": LARGE, "b.py": LARGE}, by=each).unlooked) == (0 if path == "" else 1)


@pytest.mark.parametrize(
    ("new", "places"),
    [
        ({}, []),  # deleted: nobody has to look at it any more
        ({"a.py": "x = 1\n"}, []),  # made small again
        ({"a.py": LARGE + "y = 1\n"}, None),  # as it was: still too large
        ({"a.py": "eval(x)\n"}, []),  # it stood there, where nobody could see it
        ({"a.py": "eval(x)\neval(y)\n"}, [("a.py", 2)]),  # and this did not
    ],
)
def test_a_file_that_nobody_could_look_at_before_is_held_to_what_is_added(
    new: dict[str, str], places: list[tuple[str, int]] | None
) -> None:
    found = judged({"a.py": LARGE + "eval(x)\n"}, new)

    assert [(each.violation.path, each.violation.line) for each in found.refused] == (places or [])
    assert [each.path for each in found.unlooked] == (["a.py"] if places is None else [])
