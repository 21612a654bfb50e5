"""The demo's application and what its two editors type."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import watchkeeper.cli
from golden.casefile import Case, analyse
from golden.test_cases import render

DATA = Path(watchkeeper.cli.__file__).parent / "demo_data"


def test_the_demo_shows_a_major_conflict_that_git_does_not_see() -> None:
    base = _application()
    sides = {side: _typed(base, number) for number, side in enumerate("AB")}

    found = render(analyse(Case("demo", base, sides, ())))

    assert found[0] == "major write-write engine.stages:update_stage_field"
    assert not any(" text " in line for line in found)


def test_each_insertion_has_exactly_one_place_and_leaves_valid_python() -> None:
    base = _application()
    for number in range(2):
        for text in _typed(base, number).values():
            assert text is not None
            ast.parse(text)


def _application() -> dict[str, str]:
    folder = DATA / "app"
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in {".py", ".md"})
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def _typed(base: dict[str, str], number: int) -> dict[str, str | None]:
    now: dict[str, str | None] = {}
    for insertion in tomllib.loads((DATA / "edits.toml").read_text(encoding="utf-8"))["editors"][number]["insertions"]:
        path, after = insertion["path"], insertion.get("after")
        if after is None:
            assert path not in base
            now[path] = insertion["text"]
            continue
        text = now.get(path) or base[path]
        assert text.count(f"\n{after}\n") == 1, after
        now[path] = text.replace(f"\n{after}\n", f"\n{after}\n{insertion['text']}")
    return now
