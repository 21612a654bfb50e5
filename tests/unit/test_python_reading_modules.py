"""Between paths and module names."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from watchkeeper.code.languages.python import LANGUAGE


class Files:
    def __init__(self, *paths: str) -> None:
        self.paths = frozenset(paths)
        self.aliases: Mapping[str, tuple[str, ...]] = {}

    @property
    def modules(self) -> Mapping[str, tuple[str, ...]]:
        table: dict[str, tuple[str, ...]] = {}
        for path in sorted(self.paths):
            name = LANGUAGE.module_name(path, self.paths)
            table[name] = (*table.get(name, ()), path)
        return table


@pytest.mark.parametrize(
    ("path", "others", "name"),
    [
        ("src/click/core.py", ["src/click/__init__.py"], "click.core"),
        ("src/click/__init__.py", [], "click"),
        ("click/core.py", ["click/__init__.py"], "click.core"),
        ("packages/foo/src/foo/bar.py", ["packages/foo/src/foo/__init__.py"], "foo.bar"),
        ("packages/foo/src/ns/foo/bar.py", ["packages/foo/src/ns/foo/__init__.py"], "ns.foo.bar"),
        ("packages/foo/src/ns/bar.py", [], "ns.bar"),
        ("tests/x/test_a.py", [], "tests.x.test_a"),
        ("lib/a/b.py", [], "a.b"),
        ("setup.py", [], "setup"),
        ("backend/app/models.py", ["backend/app/__init__.py"], "app.models"),
        ("a/b.pyi", ["a/__init__.pyi"], "a.b"),
        ("src/a/b.py", ["src/__init__.py", "src/a/__init__.py"], "src.a.b"),
    ],
)
def test_a_module_is_named_from_its_outermost_package_or_the_root_of_the_sources(
    path: str, others: list[str], name: str
) -> None:
    assert LANGUAGE.module_name(path, {path, *others}) == name


@pytest.mark.parametrize(
    ("module", "level", "found"),
    [
        ("utils", 1, "pkg/sub/utils.py"),
        ("", 1, "pkg/sub/__init__.py"),
        ("", 2, "pkg/__init__.py"),
        ("core", 2, "pkg/core.py"),
        ("other", 2, "pkg/other/__init__.py"),
        ("missing", 1, None),
        ("core", 9, None),
    ],
)
def test_a_relative_import_goes_by_folders(module: str, level: int, found: str | None) -> None:
    files = ("__init__.py", "core.py", "sub/__init__.py", "sub/utils.py", "sub/a.py", "other/__init__.py")
    tree = Files(*(f"pkg/{file}" for file in files))

    assert LANGUAGE.find_module("pkg/sub/a.py", module, level, tree) == found


def test_an_absolute_import_finds_modules_and_packages() -> None:
    tree = Files("src/click/__init__.py", "src/click/core.py", "tests/test_a.py")

    assert LANGUAGE.find_module("tests/test_a.py", "click.core", 0, tree) == "src/click/core.py"
    assert LANGUAGE.find_module("tests/test_a.py", "click", 0, tree) == "src/click/__init__.py"
    assert LANGUAGE.find_module("tests/test_a.py", "json", 0, tree) is None


def test_of_two_modules_of_one_name_the_nearer_is_meant() -> None:
    tree = Files("a/src/lib/__init__.py", "a/tests/test_a.py", "b/src/lib/__init__.py", "b/tests/test_b.py")

    assert LANGUAGE.find_module("b/tests/test_b.py", "lib", 0, tree) == "b/src/lib/__init__.py"


def test_a_script_sees_the_files_beside_it_and_a_package_does_not() -> None:
    tree = Files("tests/tools.py", "tests/test_a.py", "pkg/__init__.py", "pkg/json.py", "pkg/a.py")

    assert LANGUAGE.find_module("tests/test_a.py", "tools", 0, tree) == "tests/tools.py"
    assert LANGUAGE.find_module("pkg/a.py", "json", 0, tree) is None


def test_source_is_preferred_to_stubs() -> None:
    assert LANGUAGE.find_module("a.py", "m", 0, Files("a.py", "m.py", "m.pyi")) == "m.py"


def test_python_has_no_alias_files() -> None:
    assert LANGUAGE.alias_files == frozenset()
    assert LANGUAGE.read_aliases("tsconfig.json", b"{}") == {}
