"""Which files are for people alone."""

from __future__ import annotations

from pathlib import PurePosixPath

_PROSE = frozenset({".md", ".markdown", ".rst", ".adoc"})
_PLACES_OF_PROSE = frozenset(
    {"doc", "docs", "documentation", "changelog", "changelog.d", "changes", "news", "newsfragments", ".github"}
)
_NAMES_OF_PROSE = frozenset(
    {"readme", "license", "licence", "copying", "notice", "authors", "contributors", "contributing", "maintainers",
     "changelog", "changes", "history", "news", "security", "code_of_conduct", "codeowners", "citation", "todo"}
)  # fmt: skip


def is_documentation(path: str) -> bool:
    """Whether a file is for people alone: no program behaves otherwise for it.

    Prose among the code is none: programs read prompts, templates and fixtures.
    """
    place = PurePosixPath(path)
    name, suffix = place.name.lower(), place.suffix.lower()
    stem = name.removesuffix(suffix)
    if suffix in _PROSE:
        folders = {folder.lower() for folder in place.parts[:-1]}
        return not folders or bool(folders & _PLACES_OF_PROSE) or stem.split("-")[0] in _NAMES_OF_PROSE
    return suffix in {"", ".txt"} and stem.split("-")[0] in _NAMES_OF_PROSE
