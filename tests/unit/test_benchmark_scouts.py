"""What the benchmark of scouts plants: sound syntax, twins that differ from defects in little, the same for a seed."""

from __future__ import annotations

import random
import re
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from scouts_planting import EACH, Plant, fill, parses, plant
from scouts_rival import grep
from scouts_variants import DIMENSIONS, VARIANTS, Variant
from watchkeeper.scouts.rules.registry import RULES

MODULE = '''"""A module."""

from __future__ import annotations

import os


class Shelf{n}:
    def __init__(self, books):
        self.books = books

    def count(self, of):
        found = [each for each in self.books if each == of]
        return len(found)


def first{n}(books, default=None):
    ordered = sorted(books)
    return ordered[0] if ordered else default


def where{n}(name):
    known = os.environ.get(name)
    return known or ""
'''
PAGE = """"use client";
import {{ useState }} from "react";

export function Counter{n}() {{
  const [count, setCount] = useState(0);
  return (
    <div
      className="flex"
    >
      <section>
        <button type="button" onClick={{() => setCount(count + 1)}}>
          {{count}}
        </button>
      </section>
    </div>
  );
}}

export const double{n} = (value: number) => value * 2;

export function half{n}(value: number) {{
  return value / 2;
}}
"""


def texts(variant: Variant) -> tuple[str, str]:
    return tuple(
        fill(variant, random.Random(1), 7, is_defect=is_defect).replace("__ARG__", "given")
        for is_defect in (True, False)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: each.id)
def test_a_variant_and_its_twin_are_sound_and_alike(variant: Variant) -> None:
    bad, good = texts(variant)

    for text in (bad, good):
        assert not re.search(r"__(N|ARG|SECRET)__", text)
        shown = f"<>\n{text}\n</>;" if variant.way == "element" else text
        if variant.language != "sql":
            assert parses("a.py" if variant.language == "python" else "a.tsx", "\n".join([*variant.imports, shown]))
    assert bad != good
    assert SequenceMatcher(None, bad, good, autojunk=False).ratio() >= 0.5, "they are alike"
    assert re.findall(r"\w*07", bad)[0] == re.findall(r"\w*07", good)[0], "they begin with the same name"


def test_no_variant_is_a_sample_of_a_rule() -> None:
    def bare(text: str) -> str:
        return re.sub(r"\W+", "", text)

    samples = [bare(text) for rule in RULES for text in rule.bad.values()]
    assert not [each.id for each in VARIANTS for sample in samples if sample and sample in bare(each.bad)]


def test_every_kind_has_four_variants_in_each_of_its_languages() -> None:
    kinds = {(each.kind, each.language) for each in VARIANTS}
    assert {kind for kind, _ in kinds} == set(DIMENSIONS)
    for kind, language in kinds:
        assert sum((each.kind, each.language) == (kind, language) for each in VARIANTS) >= EACH


def make(folder: Path, language: str) -> list[str]:
    name, text = ("mod{n}.py", MODULE) if language == "python" else ("page{n}.tsx", PAGE)
    paths = [f"app/{name.format(n=number)}" for number in range(24)]
    (folder / "app").mkdir(parents=True)
    for number, path in enumerate(paths):
        (folder / path).write_text(text.format(n=number))
    return paths


@pytest.mark.parametrize("language", ["python", "script"])
def test_what_is_planted_stands_where_it_is_said_and_only_adds_lines(tmp_path: Path, language: str) -> None:
    paths = make(tmp_path, language)
    before = {path: (tmp_path / path).read_text().split("\n") for path in paths}

    plants = plant(tmp_path, paths, language, "1")

    defects = [each for each in plants if each.is_defect]
    kinds = {each.kind for each in plants}
    assert len(defects) * 2 == len(plants) == len(kinds) * EACH * 2
    assert len(kinds) == (6 if language == "python" else 7)
    variants = {each.id: each for each in VARIANTS}
    for each in plants:
        lines = (tmp_path / each.path).read_text().split("\n")[each.first - 1 : each.last]
        variant = variants[each.variant]
        text = (variant.bad if each.is_defect else variant.good).split("\n")
        assert len(lines) == len(text)
        begin = re.split(r"__(?:N|ARG|SECRET)__", text[0])[0]
        assert lines[0].strip().startswith(begin.strip())
    for path, lines in before.items():
        rest = iter((tmp_path / path).read_text().split("\n"))
        assert all(line in rest for line in lines), "the program's own lines are all there, in their order"
    sides = {each.path: {one.is_defect for one in plants if one.path == each.path} for each in plants}
    assert all(len(each) == 1 for each in sides.values()), "a defect and a twin never share a file"


def test_equal_seeds_plant_equally_and_others_do_not(tmp_path: Path) -> None:
    def planted(name: str, seed: str) -> tuple[list[Plant], str]:
        folder = tmp_path / name
        paths = make(folder, "python")
        return plant(folder, paths, "python", seed), "".join((folder / path).read_text() for path in paths)

    one, other, third = planted("a", "1"), planted("b", "1"), planted("c", "2")
    assert one == other
    assert one != third


def test_the_rival_sees_lines_and_not_what_stands_below() -> None:
    text = "requests.get(\n    url,\n    timeout=5,\n)\nrequests.get(url, timeout=5)\n"
    assert list(grep("a.py", text)) == [("missing-timeout", 1)]
