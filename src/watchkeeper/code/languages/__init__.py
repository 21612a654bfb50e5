"""The table of languages: every module of this package that has a ``LANGUAGE``, or several ``LANGUAGES``, is a row.

Adding a language is adding one file here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from watchkeeper.code.language import Language


@cache
def languages() -> Mapping[str, Language]:
    """All languages by the suffixes they read (``.py`` -> Python). Imports the parsers on first use."""
    table: dict[str, Language] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        single = getattr(module, "LANGUAGE", None)
        rows: tuple[Language, ...] = getattr(module, "LANGUAGES", () if single is None else (single,))
        for language in rows:
            for suffix in language.suffixes:
                table[suffix] = language
    return table


def find_language(path: str) -> Language | None:
    """The language that reads ``path``, by its suffix; None for other text."""
    return languages().get(_suffix(path))


def _suffix(path: str) -> str:
    """As ``PurePosixPath.suffix``, which takes ten times as long: a warm start asks this for every file of a tree."""
    name = path[path.rfind("/") + 1 :]
    at = name.rfind(".")
    return name[at:] if 0 < at < len(name) - 1 else ""
