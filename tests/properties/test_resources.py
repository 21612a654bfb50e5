"""What holds for any two changes of files that touch resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.conflicts.of_trees import Edits, conflicts_of_trees
from watchkeeper.model.conflicts import Conflict, Kind

POOL: Mapping[str, tuple[str, ...]] = {
    "requirements.txt": ("click==8.0", "click==9.0", "httpx==1.0", "attrs"),
    "dev-requirements.txt": ("click==8.1", "httpx==1.0"),
    ".env": ("A_URL=1", "A_URL=2", "B_URL=3"),
    "config.yaml": ("a: 1", "a: 2", "b: 3", "c: 4"),
    "settings.py": ("PAGE = 1", "PAGE = 2", "MODE = 'x'"),
    "app.py": ("import os", "import httpx", "A = os.getenv('A_URL', '1')", "B = os.environ['B_URL']"),
    "other.py": ("import os", "import click", "A = os.getenv('A_URL', '2')", "C = os.getenv('B_URL')"),
    "routes.js": ("const app = express();", "app.get('/x/:id', one);", "app.get('/x/:key', two);", "app.listen(80);"),
    "m/migrations/0002_a.sql": ("SELECT 1;", "SELECT 2;"),
    "m/migrations/0002_b.sql": ("SELECT 1;",),
}

Tree = dict[str, tuple[str, ...]]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    paths = draw(st.lists(st.sampled_from(sorted(POOL)), unique=True, max_size=6))
    return {path: tuple(draw(st.lists(st.sampled_from(POOL[path]), max_size=4))) for path in paths}


@st.composite
def edited(draw: st.DrawFn, base: Tree) -> Tree:
    """The tree with a few of its files as in another."""
    other = draw(trees())
    gone = draw(st.sets(st.sampled_from(sorted(base)), max_size=1)) if base else set()
    return {path: lines for path, lines in {**base, **other}.items() if path not in gone}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tree, Tree, Tree]:
    base = draw(trees())
    return base, draw(edited(base)), draw(edited(base))


def text(tree: Tree, between: str = "\n") -> dict[str, bytes]:
    return {path: "".join(line + between for line in lines).encode() for path, lines in tree.items()}


def as_edits(base: Mapping[str, bytes], now: Mapping[str, bytes]) -> Edits:
    gone: dict[str, bytes | None] = {path: None for path in base if path not in now}
    return {**gone, **{path: content for path, content in now.items() if base.get(path) != content}}


def resource_conflicts(base: Tree, one: Mapping[str, bytes], two: Mapping[str, bytes]) -> list[Conflict]:
    tree = text(base)
    found = conflicts_of_trees(tree, {"a": as_edits(tree, one), "b": as_edits(tree, two)})
    return [conflict for conflict in found if conflict.kind is Kind.RESOURCE]


def seen(conflict: Conflict) -> tuple[object, ...]:
    return conflict.rule, conflict.severity, conflict.subjects


@given(pairs())
def test_resources_meet_in_either_order(pair: tuple[Tree, Tree, Tree]) -> None:
    base, one, two = pair

    found = resource_conflicts(base, text(one), text(two))
    swapped = resource_conflicts(base, text(two), text(one))

    assert Counter(map(seen, found)) == Counter(map(seen, swapped))


@given(pairs())
def test_the_same_edit_on_both_sides_meets_in_no_resource(pair: tuple[Tree, Tree, Tree]) -> None:
    base, one, _ = pair

    assert resource_conflicts(base, text(one), text(one)) == []


@given(pairs())
def test_blank_lines_touch_no_resource(pair: tuple[Tree, Tree, Tree]) -> None:
    base, one, _ = pair

    assert resource_conflicts(base, text(one), text(base, between="\n\n")) == []


@given(pairs())
def test_every_resource_conflict_shows_a_line_of_both_sides(pair: tuple[Tree, Tree, Tree]) -> None:
    base, one, two = pair

    for conflict in resource_conflicts(base, text(one), text(two)):
        assert {evidence.change for evidence in conflict.evidence} == {"a", "b"}
        assert conflict.next_step
