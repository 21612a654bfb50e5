"""Which test files a project's runner finds, before a change and after it: what it finds no more says nothing.

Of pytest, as far as it can be told without running it: its configuration (``testpaths``, ``norecursedirs``,
``python_files``, ``addopts``) and what a ``conftest.py`` leaves out. Which paths the test command names nobody knows.
"""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

import msgspec

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.python_values import dotted, text_of
from watchkeeper.code.tree import SourceTree
from watchkeeper.risk.facts import Place, Weakened
from watchkeeper.risk.points import PointKind

CONFIGURATIONS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""In the order in which pytest takes the first of them that speaks of it."""

_NO_FOLDERS = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
_FILES = ("test_*.py", "*_test.py")
_MOST_NAMED = 2
_HOOKS = ("pytest_ignore_collect", "pytest_collection_modifyitems")
_LEAVES_OUT = re.compile(r"\bskip|xfail|deselect|\bitems\s*\[\s*:\s*\]|\.(remove|pop|clear)\(")

Source = Callable[[str], "bytes | None"]


class Settings(msgspec.Struct, frozen=True):
    """What a configuration says of what is collected. ``is_readable``: False where it does not parse."""

    paths: tuple[str, ...] = ()
    no_folders: tuple[str, ...] = _NO_FOLDERS
    files: tuple[str, ...] = _FILES
    ignored: tuple[str, ...] = ()
    ignored_globs: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    is_readable: bool = True


def find_left_out(files: Sequence[ChangedFile], base: SourceTree) -> Iterator[Weakened]:
    """Where tests that stood and still stand are not found any more, or a hook decides anew which are."""
    changed = {path: file for file in files for path in (file.base_path, file.now_path) if path is not None}

    def now(path: str) -> bytes | None:
        file = changed.get(path)
        if file is None:
            return base.source(path)
        return file.now if file.now_path == path else None

    for folder in sorted({_folder(path) for path in changed if _name(path) in CONFIGURATIONS}):
        yield from _configured(folder, changed, base, now)
    for path in sorted(each for each in changed if _name(each) == "conftest.py"):
        yield from _excluded(path, base, now)
    yield from _renamed(files, base, now)


def options_of(path: str, source: bytes) -> tuple[str, ...]:
    """The options that a configuration gives pytest; what they leave out is told by the files that are left out."""
    if _name(path) not in CONFIGURATIONS:
        return ()
    added = _added(path, source)
    chosen = (*_values(added, "-k"), *_values(added, "-m"))
    return (*(each for each in added if each.startswith("--")), *filter(None, chosen))


# -- configuration -------------------------------------------------------------------------------------------------


def _configured(folder: str, changed: Mapping[str, ChangedFile], base: SourceTree, now: Source) -> Iterator[Weakened]:
    before, after = _settings_in(folder, base.source), _settings_in(folder, now)
    told = next(path for path in (f"{folder}{name}" for name in CONFIGURATIONS) if path in changed)
    path = _speaking(folder, now) or told
    if not (before.is_readable and after.is_readable) or before == after:
        return
    tests = [each for each in base.index.paths if each.startswith(folder) and now(each) is not None]
    lost = [each for each in tests if _finds(before, each, folder) and not _finds(after, each, folder)]
    place = Place(path, _line_of(now(path)))
    if lost:
        yield Weakened(PointKind.TEST_SKIPPED, place, f"{path} now leaves out {_list(lost)}", len(lost))
    by_name = ("deselects", before.deselected, after.deselected)
    for kind, old, new in (by_name, ("runs only", before.chosen, after.chosen)):
        for each in (each for each in new if each not in old):
            yield Weakened(PointKind.TEST_SKIPPED, place, f"{path} now {kind} {each}")


def _settings_in(folder: str, source: Source) -> Settings:
    path = _speaking(folder, source)
    return read_settings(path, source(path) or b"") if path is not None else Settings()


def _speaking(folder: str, source: Source) -> str | None:
    """The file that pytest takes, where one speaks of it."""
    for name in CONFIGURATIONS:
        content = source(f"{folder}{name}")
        if content is not None and (name.endswith("pytest.ini") or _MARK[name] in content):
            return f"{folder}{name}"
    return None


_MARK = {"pyproject.toml": b"[tool.pytest", "tox.ini": b"[pytest]", "setup.cfg": b"[tool:pytest]"}


def read_settings(path: str, source: bytes) -> Settings:
    """What a configuration says; its defaults where it says nothing."""
    try:
        return _settings(_options(path, source.decode("utf-8", "replace")))
    except (configparser.Error, RecursionError, ValueError):
        return Settings(is_readable=False)


def _settings(options: Mapping[str, object]) -> Settings:
    added = _words(options.get("addopts"))
    return Settings(
        paths=tuple(map(_plain, _words(options.get("testpaths")))),
        no_folders=_words(options.get("norecursedirs")) or _NO_FOLDERS,
        files=_words(options.get("python_files")) or _FILES,
        ignored=tuple(map(_plain, _values(added, "--ignore"))),
        ignored_globs=_values(added, "--ignore-glob"),
        deselected=_values(added, "--deselect"),
        chosen=tuple(f"what matches {kind} {each}" for kind in ("-k", "-m") for each in _values(added, kind)),
    )


def _added(path: str, source: bytes) -> tuple[str, ...]:
    try:
        return _words(_options(path, source.decode("utf-8", "replace")).get("addopts"))
    except (configparser.Error, RecursionError, ValueError):
        return ()


def _options(path: str, text: str) -> Mapping[str, object]:
    if path.endswith(".toml"):
        tool = tomllib.loads(text).get("tool", {})
        found = tool.get("pytest", {}) if isinstance(tool, dict) else {}
        options = {**found, **found.get("ini_options", {})} if isinstance(found, dict) else {}
        return {str(key): value for key, value in options.items()}
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    section = "tool:pytest" if path.endswith("setup.cfg") else "pytest"
    return dict(parser[section]) if parser.has_section(section) else {}


def _words(value: object) -> tuple[str, ...]:
    """A list as TOML has it, or a line as the others have it."""
    if isinstance(value, list | tuple):
        return tuple(str(each) for each in value)
    return tuple(shlex.split(value, comments=False)) if isinstance(value, str) else ()


def _values(words: Sequence[str], option: str) -> tuple[str, ...]:
    found = [each.removeprefix(f"{option}=") for each in words if each.startswith(f"{option}=")]
    found += [after for each, after in pairwise(words) if each == option]
    return tuple(found)


def _finds(settings: Settings, path: str, folder: str) -> bool:
    """Whether pytest, started in ``folder`` without paths, takes the file for one of tests."""
    inside = path.removeprefix(folder)
    steps = inside.split("/")
    if not any(fnmatchcase(steps[-1], each) or fnmatchcase(inside, each) for each in settings.files):
        return False
    roots = [each for each in settings.paths if each]
    below = inside
    if roots:
        root = next((each for each in roots if _is_in(inside, each)), None)
        if root is None:
            return False
        below = inside.removeprefix(root).lstrip("/") if "*" not in root else inside
    if any(_is_in(inside, each) for each in settings.ignored):
        return False
    if any(fnmatchcase(inside, each) or fnmatchcase(f"/{inside}", each) for each in settings.ignored_globs):
        return False
    return not any(fnmatchcase(step, each) for step in below.split("/")[:-1] for each in settings.no_folders)


def _is_in(path: str, root: str) -> bool:
    if root in (".", ""):
        return True
    if "*" in root or "?" in root or "[" in root:
        steps = path.split("/")
        return any(fnmatchcase("/".join(steps[:end]), root) for end in range(1, len(steps) + 1))
    return path == root or path.startswith(f"{root}/")


# -- conftest.py ---------------------------------------------------------------------------------------------------


class _Conftest(msgspec.Struct, frozen=True):
    """What one leaves out: names and globs with their lines, what nobody can read of it, and its hooks as text."""

    names: tuple[tuple[str, int], ...] = ()
    unread: tuple[tuple[str, int], ...] = ()
    hooks: Mapping[str, tuple[str, int]] = {}


def _excluded(path: str, base: SourceTree, now: Source) -> Iterator[Weakened]:
    before, after, folder = _read(base.source(path)), _read(now(path)), _folder(path)
    tests = [each for each in base.index.paths if each.startswith(folder) and now(each) is not None]
    old = {name for name, _ in before.names}
    for name, line in (each for each in after.names if each[0] not in old):
        if lost := [each for each in tests if _is_test(each) and _is_in(each.removeprefix(folder), _plain(name))]:
            what = f"{path} now leaves out {_list(lost)}"
            yield Weakened(PointKind.TEST_SKIPPED, Place(path, line), what, len(lost))
    known = {text for text, _ in before.unread}
    for text, line in (each for each in after.unread if each[0] not in known):
        what = f"{path} now leaves out files that cannot be told from its text: {text[:80]}"
        yield Weakened(PointKind.TEST_SKIPPED, Place(path, line), what, is_mild=True)
    for name, (text, line) in after.hooks.items():
        if before.hooks.get(name, ("", 0))[0] != text and (name == _HOOKS[0] or _LEAVES_OUT.search(text)):
            verb = "decides otherwise" if name in before.hooks else "decides"
            what = f"{path} now {verb} by {name} which tests are run"
            yield Weakened(PointKind.TEST_SKIPPED, Place(path, line), what, is_mild=name in before.hooks)


def _plain(name: str) -> str:
    return name.removeprefix("./").rstrip("/")


def _is_test(path: str) -> bool:
    return any(fnmatchcase(_name(path), each) for each in _FILES)


def _read(source: bytes | None) -> _Conftest:
    tree = parse_source(source).tree if source is not None else None
    if tree is None:
        return _Conftest()
    names: list[tuple[str, int]] = []
    unread: list[tuple[str, int]] = []
    hooks: dict[str, tuple[str, int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in _HOOKS:
            hooks[node.name] = (ast.unparse(node), node.lineno)
        for name, value in _given(node):
            for each in value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else [value]:
                if (text := text_of(each)) is not None:
                    names.append((text, each.lineno))
                else:
                    unread.append((f"{name}: {ast.unparse(each)}", each.lineno))
    return _Conftest(tuple(names), tuple(unread), hooks)


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is put into ``collect_ignore`` or ``collect_ignore_glob``: assigned, added, appended."""
    targets: list[ast.expr] = []
    value: ast.expr | None = None
    match node:
        case ast.Assign():
            targets, value = node.targets, node.value
        case ast.AnnAssign() | ast.AugAssign():
            targets, value = [node.target], node.value
        case ast.Call(func=ast.Attribute(attr="append" | "extend" | "insert")) if node.args:
            assert isinstance(node.func, ast.Attribute)
            targets, value = [node.func.value], node.args[-1]
        case _:
            pass
    for target in targets:
        if value is not None and (name := dotted(target)) in ("collect_ignore", "collect_ignore_glob"):
            yield name, value


# -- names ---------------------------------------------------------------------------------------------------------


def _renamed(files: Sequence[ChangedFile], base: SourceTree, now: Source) -> Iterator[Weakened]:
    """A file of tests that is called otherwise now, so that nobody takes it for one."""
    for file in files:
        old, new = file.base_path, file.now_path
        if old is None or new is None or old == new or not new.endswith(".py"):
            continue
        was = any(_finds(_settings_in(folder, base.source), old, folder) for folder in _roots(old, base.source))
        if was and not any(_finds(_settings_in(folder, now), new, folder) for folder in _roots(new, now)):
            yield Weakened(PointKind.TEST_SKIPPED, Place(new), f"{old} is {new} now, where no test is looked for")


def _roots(path: str, source: Source) -> list[str]:
    """The folders around a file that speak of pytest; the whole repository where none does."""
    steps = path.split("/")[:-1]
    folders = ["".join(f"{step}/" for step in steps[:end]) for end in range(len(steps), -1, -1)]
    return [each for each in folders if _speaking(each, source) is not None][:1] or [""]


def _list(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{', '.join(sorted(paths)[:_MOST_NAMED])}{more}"


def _line_of(source: bytes | None) -> int:
    """Where a configuration begins to speak of pytest."""
    lines = (source or b"").splitlines()
    return next((at for at, line in enumerate(lines, 1) if b"pytest" in line), 0)


def _folder(path: str) -> str:
    """With its slash; ``""`` for the top."""
    return path[: path.rfind("/") + 1]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
