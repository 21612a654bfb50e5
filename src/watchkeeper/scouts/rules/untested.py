"""The rule ``untested-module``: code that no test of the project knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from watchkeeper.scouts.rules.project import PYTHON, Project, place_of
from watchkeeper.scouts.rules.rule import Hit, Rule

_FEWEST_LINES = 40
_FEWEST_PUBLIC = 2
_FEWEST_TESTS = 3
_NO_LOGIC = re.compile(
    r"(^|/)(migrations|alembic|versions|settings|management|scripts?|bin|tools|config|locale|types|constants|templates|assets"
    r"|public|static|stubs|typings|node_modules)/|(^|/)(__init__|__main__|setup|settings|config|urls|wsgi|asgi|admin|apps|manage"
    r"|constants|types|enums|exceptions|version|schema|models|noxfile|tasks|index|fabfile)\.\w+$|\.d\.ts$|\.config\.|\.tsx$|\.jsx$|(^|/)\."
)


def find_untested(project: Project) -> Iterator[Hit]:
    """Modules with public functions, none of which any test names, and that no test imports."""
    tests = [path for path in project.facts if place_of(path) == "tests"]
    for family in (PYTHON, (".ts", ".mts", ".js", ".mjs")):
        own = [path for path in tests if path.endswith((*family, ".tsx"))]
        if len(own) < _FEWEST_TESTS:
            continue
        named = {word for path in own for word in project.facts[path].words}
        named |= {part for path in own for part in re.split(r"[/._-]", path)}
        for path in sorted(project.facts):
            facts = project.facts[path]
            if not path.endswith(family) or place_of(path) != "code" or _NO_LOGIC.search(path):
                continue
            stem = PurePosixPath(path).stem
            if facts.lines < _FEWEST_LINES or len(facts.public) < _FEWEST_PUBLIC:
                continue
            if stem not in named and not named & set(facts.public) and not named & set(re.split(r"[-.]", stem)):
                yield Hit(0, "", words=(path, ", ".join(facts.public[:3])), path=path, anchor=path)


RULES = (
    Rule(
        "untested-module", "tests", "missing-tests", 2, 0.7,
        "no test imports {0} or names anything in it ({1})",
        "Show a test that runs it, by whatever way.",
        {
            **{f"tests/test_{n}.py": "from a import f\n\n\ndef test_f():\n    assert f() == 1\n" for n in "xyz"},
            "app/billing.py": "def charge(a):\n    return a\n\n\ndef refund(a):\n    return a\n" + "\n" * 40,
        },
        {
            **{f"tests/test_{n}.py": "from app.billing import charge\n\n\ndef test_f():\n    assert charge(1)\n" for n in "xyz"},
            "app/billing.py": "def charge(a):\n    return a\n\n\ndef refund(a):\n    return a\n" + "\n" * 40,
        },
        project=find_untested,
    ),
)  # fmt: skip
