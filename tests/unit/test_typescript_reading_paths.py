"""Which file a specifier means, and what configuration files say about it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from watchkeeper.code.language import Language
from watchkeeper.code.languages import find_language


class Files(msgspec.Struct, frozen=True):
    """A tree of nothing but paths."""

    paths: frozenset[str]
    modules: Mapping[str, tuple[str, ...]] = {}
    aliases: Mapping[str, tuple[str, ...]] = {}


def typescript() -> Language:
    language = find_language("a.ts")
    assert language is not None
    return language


def find(module: str, *paths: str, importer: str = "src/a.ts", **aliases: tuple[str, ...]) -> str | None:
    return typescript().find_module(importer, module, 0, Files(frozenset(paths), aliases=aliases))


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("./b", "src/b.ts"),
        ("./b", "src/b.tsx"),
        ("./b", "src/b.d.ts"),
        ("./b", "src/b.mjs"),
        ("./b.js", "src/b.js"),
        ("./b.js", "src/b.ts"),
        ("./b.jsx", "src/b.tsx"),
        ("./b.mjs", "src/b.mts"),
        ("./b.css", "src/b.css"),
        ("./b", "src/b/index.ts"),
        ("./b.test", "src/b.test.ts"),
        ("../b", "b.ts"),
        (".", "src/index.ts"),
        ("..", "index.js"),
        ("./b?raw", "src/b.ts"),
    ],
)
def test_a_relative_specifier_means_the_file_it_leads_to(module: str, path: str) -> None:
    assert find(module, path) == path


@pytest.mark.parametrize("module", ["./c", "../../b", "b", "", "/b", "./b.py"])
def test_a_specifier_that_leads_nowhere_means_nothing(module: str) -> None:
    assert find(module, "src/b.ts") is None


def test_the_file_as_written_wins_over_its_source() -> None:
    assert find("./b.js", "src/b.js", "src/b.ts") == "src/b.js"


def test_a_file_wins_over_a_folder() -> None:
    assert find("./b", "src/b.ts", "src/b/index.ts") == "src/b.ts"


def test_an_alias_with_a_star_takes_the_rest() -> None:
    assert find("@/b/c", "web/src/b/c.ts", **{"@/*": ("web/src/",)}) == "web/src/b/c.ts"


def test_the_longer_alias_wins() -> None:
    assert find("@/b/c", "one/b/c.ts", "two/c.ts", **{"@/*": ("one/",), "@/b/*": ("two/",)}) == "two/c.ts"


def test_of_two_projects_aliases_the_importers_own_wins() -> None:
    aliases = {"@/*": ("apps/one/src/", "apps/two/src/")}
    paths = ("apps/one/src/x.ts", "apps/two/src/x.ts")
    assert find("@/x", *paths, importer="apps/two/src/a.ts", **aliases) == "apps/two/src/x.ts"


def test_a_projects_paths_and_base_are_aliases() -> None:
    source = b"""{
      // where things are
      "compilerOptions": { "baseUrl": "./src", "paths": { "@/*": ["*"], "exact": ["lib/exact.ts",], }, },
    }"""
    assert typescript().read_aliases("web/tsconfig.json", source) == {
        "@/*": ("web/src/",),
        "exact": ("web/src/lib/exact.ts",),
        "*": ("web/src/",),
    }


def test_a_comment_mark_inside_a_string_is_no_comment() -> None:
    source = b'{"compilerOptions": {"paths": {"@/*": ["./src/*"], "http://x": ["./y"]}}}'
    assert typescript().read_aliases("tsconfig.json", source) == {"@/*": ("src/",), "http://x": ("y",)}


def test_a_package_can_be_imported_by_its_name() -> None:
    source = b'{"name": "@org/ui", "main": "./dist/index.js"}'
    aliases = typescript().read_aliases("packages/ui/package.json", source)
    paths = ("packages/ui/src/index.ts", "packages/ui/src/button.tsx")
    assert find("@org/ui", *paths, **aliases) == "packages/ui/src/index.ts"
    assert find("@org/ui/button", *paths, **aliases) == "packages/ui/src/button.tsx"
    assert find("@org/uix", *paths, **aliases) is None


def test_a_packages_exports_lead_to_their_sources() -> None:
    source = b'{"name": "p", "exports": {".": {"import": "./dist/main.mjs"}, "./sub": "./src/inner/sub.ts"}}'
    aliases = typescript().read_aliases("p/package.json", source)
    paths = ("p/src/main.ts", "p/src/inner/sub.ts")
    assert find("p", *paths, **aliases) == "p/src/main.ts"
    assert find("p/sub", *paths, **aliases) == "p/src/inner/sub.ts"


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"compilerOptions": 3}',
        b'{"compilerOptions": {"paths": []}}',
        b'{"compilerOptions": {"paths": {"@/*": "x", "b": [1]}}}',
        b'{"name": {}, "exports": 1}',
    ],
)
def test_garbage_defines_no_aliases(source: bytes) -> None:
    assert typescript().read_aliases("tsconfig.json", source) == {}
    assert typescript().read_aliases("package.json", source) == {}


def test_a_path_outside_the_repository_is_no_alias() -> None:
    source = b'{"compilerOptions": {"paths": {"@/*": ["../../other/*"]}}}'
    assert typescript().read_aliases("web/tsconfig.json", source) == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/app.ts", "src/app"),
        ("src/app/index.tsx", "src/app"),
        ("types.d.ts", "types"),
        ("a.test.ts", "a.test"),
        ("index.js", "index"),
    ],
)
def test_a_module_is_named_by_its_path(path: str, name: str) -> None:
    assert typescript().module_name(path, frozenset()) == name
