"""The rule ``untested-module``: code that no test of the project knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from watchkeeper.scouts.rules.project import PYTHON, SCRIPTS, Project, place_of
from watchkeeper.scouts.rules.rule import Hit, Rule

_FEWEST_LINES = 40
_FEWEST_PUBLIC = 2
_FEWEST_TESTS = 3
_STARTS = re.compile(r"(^|/)urls/|(^|/)(urls|main|app|api|conftest|wsgi|asgi|server|__init__)\.(py|[jt]s)$")
_NO_LOGIC = re.compile(
    r"(^|/)(migrations|alembic|versions|settings|management|scripts?|bin|tools|config|locale|types|constants|templates|assets"
    r"|public|static|locales?|i18n|lang|data|themes?|stubs|typings|node_modules)/|(^|/)(__init__|__main__|setup|settings|config|urls|wsgi|asgi|admin|apps|manage"
    r"|constants|types|enums|exceptions|version|translations|messages|routes|metadata|registry|schema|models|noxfile|tasks|index|fabfile)\.\w+$|\.d\.ts$|\.config\.|\.tsx$|\.jsx$|(^|/)\."
)


def find_untested(project: Project) -> Iterator[Hit]:
    """Modules with public functions that no test names, and that nothing leads to that a test imports."""
    tests = [path for path in project.facts if place_of(path) == "tests"]
    for family in (PYTHON, (".ts", ".mts", ".js", ".mjs")):
        own = [path for path in tests if path.endswith((*family, ".tsx"))]
        if len(own) < _FEWEST_TESTS:
            continue
        named = {word for path in own for word in project.facts[path].words}
        named |= {part for path in own for part in re.split(r"[/._-]", path)}
        reached = _reached(project, own)
        for path in sorted(project.facts.keys() - reached):
            facts, stem = project.facts[path], PurePosixPath(path).stem
            if not path.endswith(family) or place_of(path) != "code" or _NO_LOGIC.search(path):
                continue
            if facts.lines < _FEWEST_LINES or len(facts.public) < _FEWEST_PUBLIC:
                continue
            if not named & {stem, *facts.public, *re.split(r"[-.]", stem)}:
                yield Hit(0, "", words=(path, ", ".join(facts.public[:3])), path=path, anchor=path)


def _reached(project: Project, tests: list[str]) -> frozenset[str]:
    """What tests import, and what that imports; what starts the program is taken to be run by tests, too."""
    places: dict[str, list[str]] = {}
    for path in project.facts:
        bare = re.sub(r"(/(index|__init__))?(\.d)?\.\w+$", "", path)
        places.setdefault(bare.rpartition("/")[2], []).append(path)
    waiting = [*tests, *(path for path in project.facts if _STARTS.search(path))]
    known = set(waiting)
    for path in waiting:
        for lead in project.facts[path].leads:
            named = project.facts if lead.endswith("/*") else places.get(lead.rpartition("/")[2], ())
            for found in named:
                if found not in known and _is_at(found, lead):
                    known.add(found)
                    waiting.append(found)
    return frozenset(known)


def _is_at(path: str, lead: str) -> bool:
    bare = re.sub(r"(/(index|__init__))?(\.d)?\.\w+$", "", path)
    if lead.endswith("/*"):
        folder = bare.rpartition("/")[0]
        return folder == lead[:-2] or folder.endswith(f"/{lead[:-2]}")
    return bare == lead or bare.endswith(f"/{lead}")


_CODE = "def charge(a):\n    return a\n\n\ndef refund(a):\n    return a\n" + "\n" * 40


def _with_tests(first: str) -> dict[str, str]:
    tests = {f"tests/test_{name}.py": f"{first}\n\n\ndef test_it():\n    assert 1 + 1 == 2\n" for name in "xyz"}
    return {**tests, "app/billing.py": _CODE}


RULES = (
    Rule(
        "untested-module", "tests", "missing-tests", 2, 0.7,
        "no test imports {0} or names anything in it ({1})",
        "Show a test that runs it, by whatever way.",
        _with_tests("from app.users import join"), _with_tests("from app.billing import charge"),
        project=find_untested, reads=(*PYTHON, *SCRIPTS),
    ),
)  # fmt: skip
