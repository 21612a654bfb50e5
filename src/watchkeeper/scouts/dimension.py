"""A dimension: one markdown file that says what to look for and how to disprove it, to programs and to agents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from watchkeeper.model.errors import UsageError

FOLDER = ".scout/dimensions"
"""Where a project has further ones, or its own words for ours: read from the commit that is looked at."""

MOST = 15_000
"""Characters of one file: an agent reads it whole."""

_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
_KEYS = ("title", "checks", "agent")
_LOOK, _DISPROVE = "what to look for", "how to disprove"


class Dimension(msgspec.Struct, frozen=True):
    """``checks`` look without a model; ``agent``: what they cannot see is worth an agent's time.

    ``look`` and ``disprove`` are markdown. ``origin`` is the file.
    """

    id: str
    title: str
    checks: tuple[str, ...] = ()
    agent: bool = True
    look: str = ""
    disprove: str = ""
    origin: str = ""


def parse_dimension(name: str, text: str, origin: str) -> Dimension:
    """The file ``<name>.md``. Raises UsageError (``dimension-file``) that names what is wrong, and where."""
    if not _ID.fullmatch(name):
        raise _wrong(origin, f"{name!r} is no name of a dimension: small letters, digits and hyphens")
    if len(text) > MOST:
        raise _wrong(origin, f"it has {len(text):,} characters, of at most {MOST:,}")
    head, body = _split(text, origin)
    told = dict(_read_head(head, origin))
    sections = dict(_sections(body))
    for section in (_LOOK, _DISPROVE):
        if not sections.get(section):
            raise _wrong(origin, f'it needs a section "## {section.capitalize()}" that says something')
    title = told.get("title", "")
    if not title:
        raise _wrong(origin, "its head needs a title")
    checks = tuple(each.strip() for each in told.get("checks", "").split(",") if each.strip())
    agent = told.get("agent", "yes")
    if agent not in ("yes", "no"):
        raise _wrong(origin, f"agent is yes or no, not {agent!r}")
    return Dimension(name, title, checks, agent == "yes", sections[_LOOK], sections[_DISPROVE], origin)


def builtin_dimensions() -> dict[str, Dimension]:
    """Those that come with Watchkeeper, by id, in the order of their names."""
    folder = resources.files("watchkeeper.scouts") / "dimensions"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".md")), key=lambda each: each.name)
    parsed = (parse_dimension(each.name[:-3], each.read_text("utf-8"), each.name) for each in files)
    return {each.id: each for each in parsed}


def all_dimensions(own: Mapping[str, str]) -> dict[str, Dimension]:
    """Ours, and a project's: ``own`` has the text of each path. A file of the same name replaces ours.

    Raises UsageError (``dimension-file``).
    """
    found = builtin_dimensions()
    for path, text in sorted(own.items()):
        name = Path(path).stem
        found[name] = parse_dimension(name, text, path)
    return found


def render_dimension(dimension: Dimension) -> str:
    """The file of a dimension, as it is parsed again."""
    head = {
        "title": dimension.title,
        "checks": ", ".join(dimension.checks),
        "agent": "yes" if dimension.agent else "no",
    }
    lines = ["---", *(f"{key}: {value}" for key, value in head.items()), "---", ""]
    lines += [
        f"## {_LOOK.capitalize()}",
        "",
        dimension.look,
        "",
        f"## {_DISPROVE.capitalize()}",
        "",
        dimension.disprove,
    ]
    return "\n".join(lines) + "\n"


def _split(text: str, origin: str) -> tuple[str, str]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        raise _wrong(origin, "it begins with a head between two lines of ---")
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise _wrong(origin, "its head does not end: a line of --- is missing")


def _read_head(head: str, origin: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(head.splitlines(), 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in _KEYS:
            raise _wrong(origin, f"line {number}: {line.strip()[:60]!r} is none of {', '.join(_KEYS)}")
        yield key.strip(), value.strip()


def _sections(body: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"(?m)^## +", body)[1:]:
        title, _, text = part.partition("\n")
        yield title.strip().lower(), text.strip()


def _wrong(origin: str, what: str) -> UsageError:
    return UsageError(
        f"{origin} is no dimension: {what}",
        slug="dimension-file",
        hint="watchkeeper scout --show errors prints one that is right",
        facts={"file": origin},
    )
