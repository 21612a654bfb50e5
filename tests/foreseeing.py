"""Small projects in memory, of which is asked what an issue will touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.code.languages import find_language
from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.pages import Page, read_page
from watchkeeper.fleet.past_changes import PastChange, PastChanges
from watchkeeper.fleet.terms import terms_of
from watchkeeper.model.fleet import Issue, IssueId
from watchkeeper.model.ids import SymbolKey


def page(path: str, text: str | bytes) -> Page:
    """The page of a text at a path."""
    source = text if isinstance(text, bytes) else text.encode()
    language = find_language(path)
    return read_page(source, language.read(source, bodies=False) if language is not None else None)


def atlas_of(files: Mapping[str, str]) -> Atlas:
    """The atlas of a tree."""
    atlas = Atlas()
    for path, text in files.items():
        atlas.put(path, page(path, text))
    return atlas


def past_of(*changes: tuple[str, Sequence[str]]) -> PastChanges:
    """Past changes, oldest first: what was said, and the ``path`` or ``path:qualname`` of all that was touched."""
    return PastChanges(_change(number, said, touched) for number, (said, touched) in enumerate(changes, 1))


def issue(title: str, body: str = "") -> Issue:
    """An issue with nothing but a text."""
    return Issue(IssueId("p#99"), title, body)


def _change(number: int, said: str, touched: Sequence[str]) -> PastChange:
    keys = [SymbolKey(*each.split(":")) for each in touched if ":" in each]
    files = dict.fromkeys([*(key.path for key in keys), *(each for each in touched if ":" not in each)])
    return PastChange(f"c{number}", f"issue p#{number}", dict(terms_of(said)), tuple(files), tuple(keys))
