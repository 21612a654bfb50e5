"""Reads ``.scout.toml``, writes one from what a project looks like, and says what in it is not so any more."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

import msgspec

from watchkeeper.code.globs import matches
from watchkeeper.model.errors import UsageError
from watchkeeper.scouts.config import SCOUT_FILE, DimensionConfig, Production, ScoutConfig

_MOST = 1 << 20
_VISIONS = (
    "PRODUCT.md",
    "VISION.md",
    "docs/PRODUCT.md",
    "docs/VISION.md",
    "docs/product.md",
    "docs/vision.md",
    "README.md",
)
_GENERATED = (
    ("node_modules/", "node_modules/"), ("vendor/", "vendor/"), ("third_party/", "third_party/"), ("dist/", "dist/"),
    (".min.js", "*.min.js"), (".generated.ts", "*.generated.ts"), ("_pb2.py", "*_pb2.py"), (".snap", "*.snap"),
)  # fmt: skip
_ENTRIES = (
    "manage.py", "main.py", "app.py", "wsgi.py", "asgi.py", "__main__.py", "cli.py", "server.py", "index.ts",
    "index.tsx", "index.js", "server.ts", "main.ts", "main.tsx", "page.tsx", "layout.tsx", "route.ts",
)  # fmt: skip
_MOST_ENTRIES = 12


def parse_config(text: str, dimensions: Iterable[str], origin: str = SCOUT_FILE) -> ScoutConfig:
    """What the file says. Raises UsageError (``scout-config``): which key, what is allowed."""
    if len(text) > _MOST:
        raise _wrong(origin, f"it has {len(text):,} characters")
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(origin, f"it is no TOML: {error}") from error
    _require_known(told, ScoutConfig, origin, "")
    for name, table in (told.get("dimensions") or {}).items() if isinstance(told.get("dimensions"), dict) else ():
        if name not in set(dimensions):
            raise _wrong(origin, f"there is no dimension {name!r}{_near(name, dimensions)}")
        _require_known(table if isinstance(table, dict) else {}, DimensionConfig, origin, f"dimensions.{name}.")
    if isinstance(told.get("production"), dict):
        _require_known(told["production"], Production, origin, "production.")
    try:
        config = msgspec.convert(told, ScoutConfig, strict=True)
    except msgspec.ValidationError as error:
        raise _wrong(origin, str(error)) from error
    _require_bounds(config, origin)
    return config


def render_config(files: Iterable[str], read: Mapping[str, str], test: str = "") -> str:
    """A file for a project with these paths: what can be seen is filled in, everything else says how it would be.

    ``read`` has the text of ``pyproject.toml`` and ``package.json``, where they are there; ``test`` is what the project
    says elsewhere of how it is tested.
    """
    paths = sorted(files)
    have = set(paths)
    entries = list(_find_entries(paths, read))[:_MOST_ENTRIES]
    vision = next((each for each in _VISIONS if each in have), "")
    ignore = [glob for part, glob in _GENERATED if any(_is_generated(part, path) for path in paths)]
    found = test or _find_test(have, read)
    return "\n".join(
        [
            "# What scouts are told of this project. Checked at each look: what is not so any more is said.",
            f"entry_points = {json.dumps(entries)}  # files from which everything else is reached",
            f"test = {json.dumps(found)}  # how it is tested",
            f"vision = {json.dumps(vision)}  # the document that says what it is to be",
            f"ignore = {json.dumps(ignore)}  # globs that nobody looks at: generated, vendored",
            'coverage = ""  # a report of coverage.py as JSON, or lcov, that the tests leave',
            'measure = ""  # what runs the tests so that they leave it: "python -m pytest --cov --cov-report=json"',
            "most = 5  # issues that one look files at most",
            "tools = []  # further programs that have to be there: semgrep, jscpd",
            'refuter = ""  # the agent of fleet.toml that tries what code cannot decide',
            "",
            "# [dimensions.performance]",
            "# enabled = true",
            "# cadence_hours = 24",
            '# agent = "codex"  # an agent of fleet.toml that looks too',
            "",
        ]
    )


def find_stale(config: ScoutConfig, files: Iterable[str]) -> tuple[str, ...]:
    """What the file says that is not so (any more), in words, each with what to do. Empty: all of it holds."""
    have = set(files)
    found = []
    for key, paths in (("entry_points", config.entry_points), ("vision", (config.vision,) if config.vision else ())):
        for path in paths:
            if path not in have:
                near = difflib.get_close_matches(path, have, n=1)
                moved = next(
                    (each for each in sorted(have) if PurePosixPath(each).name == PurePosixPath(path).name), ""
                )
                meant = moved or (near[0] if near else "")
                hint = f"; {meant} is" if meant else ""
                found.append(f"{key}: {path} is not there{hint}")
    found += [
        f"ignore: {glob} means no file" for glob in config.ignore if not any(matches(glob, each) for each in have)
    ]
    return tuple(found)


def kept(files: Iterable[str], ignore: Iterable[str]) -> tuple[str, ...]:
    """The paths that are looked at, sorted."""
    globs = tuple(ignore)
    return tuple(sorted(path for path in files if not any(matches(glob, path) for glob in globs)))


def _find_entries(paths: list[str], read: Mapping[str, str]) -> Iterator[str]:
    have = set(paths)
    declared = [*_python_scripts(read.get("pyproject.toml", "")), *_package_entries(read.get("package.json", ""))]
    named = [each for path in declared for each in (path, f"src/{path}") if each in have]
    yield from dict.fromkeys(named)
    seen = set(named)
    ordered = sorted(paths, key=lambda path: (path.count("/"), path))
    for path in ordered:
        if (
            PurePosixPath(path).name in _ENTRIES
            and path not in seen
            and not re.search(r"(^|/)(tests?|examples?|docs)/", path)
        ):
            yield path


def _python_scripts(text: str) -> Iterator[str]:
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    project = told.get("project")
    scripts = project.get("scripts") if isinstance(project, dict) else None
    for target in scripts.values() if isinstance(scripts, dict) else ():
        if isinstance(target, str):
            module = target.partition(":")[0].replace(".", "/")
            yield f"{module}.py"
            yield f"{module}/__init__.py"


def _package_entries(text: str) -> Iterator[str]:
    for key in ("main", "module", "bin"):
        value = _package(text).get(key)
        for path in value.values() if isinstance(value, dict) else [value]:
            if isinstance(path, str):
                yield path.removeprefix("./")


def _find_test(have: set[str], read: Mapping[str, str]) -> str:
    scripts = _package(read.get("package.json", "")).get("scripts")
    if (
        isinstance(scripts, dict)
        and isinstance(scripts.get("test"), str)
        and "no test specified" not in scripts["test"]
    ):
        return "npm test"
    pyproject = read.get("pyproject.toml", "")
    if "pytest" in pyproject or "pytest.ini" in have or any(re.search(r"(^|/)test_[^/]*\.py$", path) for path in have):
        return "python -m pytest -q"
    return "python manage.py test" if "manage.py" in have else ""


def _package(text: str) -> dict[str, object]:
    try:
        told = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_generated(part: str, path: str) -> bool:
    return f"/{part}" in f"/{path}" if part.endswith("/") else path.endswith(part)


def _require_known(told: Mapping[str, object], kind: type[msgspec.Struct], origin: str, prefix: str) -> None:
    known = kind.__struct_fields__
    for key in told:
        if key not in known:
            raise _wrong(origin, f"there is no key {prefix}{key}{_near(key, known)}")


def _require_bounds(config: ScoutConfig, origin: str) -> None:
    if not 0 <= config.most <= 50:
        raise _wrong(origin, f"most is 0 to 50, not {config.most}")
    for name, each in config.dimensions.items():
        if not 1 <= each.cadence_hours <= 24 * 90:
            raise _wrong(origin, f"dimensions.{name}.cadence_hours is 1 to 2160, not {each.cadence_hours:g}")
        if not 0 <= each.most <= 50:
            raise _wrong(origin, f"dimensions.{name}.most is 0 to 50, not {each.most}")
    for path in (*config.entry_points, config.vision, config.coverage):
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise _wrong(origin, f"{path!r} leads out of the project")


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def _wrong(origin: str, what: str) -> UsageError:
    return UsageError(
        f"{origin} cannot be used: {what}",
        slug="scout-config",
        hint="watchkeeper scout --init prints one that fits the project",
        facts={"file": origin},
    )
