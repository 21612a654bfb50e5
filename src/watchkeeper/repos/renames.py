"""Which deleted file became which new one: equal content first, then at least half of the lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from watchkeeper.model.ids import Sha
from watchkeeper.repos.trees import TreeEntry

Contents = Callable[[str], bytes | None]
"""A file's content by path; None where it is unknown."""

LEAST_SIMILARITY = 0.5
"""git's own threshold."""

_MOST_PAIRS = 4_000


def find_renames(
    gone: Mapping[str, TreeEntry], new: Mapping[str, TreeEntry], old_content: Contents, new_content: Contents
) -> dict[str, str]:
    """Old path by new path. Each path is used once; beyond a bound on pairs only equal contents are found."""
    found = _exact(gone, new)
    rest_old = {path for path in gone if path not in set(found.values()) and gone[path].is_text_file}
    rest_new = {path for path in new if path not in found and new[path].is_text_file}
    if rest_old and rest_new and len(rest_old) * len(rest_new) <= _MOST_PAIRS:
        old_lines = {path: _lines(old_content(path)) for path in rest_old}
        new_lines = {path: _lines(new_content(path)) for path in rest_new}
        scored = [
            (-similarity(old, lines), old_path.rpartition("/")[2] != path.rpartition("/")[2], old_path, path)
            for old_path, old in old_lines.items()
            for path, lines in new_lines.items()
        ]
        _take_best(found, [score for score in scored if -score[0] >= LEAST_SIMILARITY])
    return found


def similarity(old: Counter[bytes], new: Counter[bytes]) -> float:
    """The share of the larger text, in bytes, that stands in lines which both have."""
    size = max(_size(old), _size(new))
    return _size(old & new) / size if size else 0.0


def _exact(gone: Mapping[str, TreeEntry], new: Mapping[str, TreeEntry]) -> dict[str, str]:
    """Equal contents; among several the one with the same file name. Empty files say nothing about each other."""
    by_sha: dict[Sha, list[str]] = {}
    for path, entry in gone.items():
        by_sha.setdefault(entry.sha, []).append(path)
    found = {}
    for path, entry in sorted(new.items()):
        candidates = by_sha.get(entry.sha, []) if entry.sha and entry.sha not in _EMPTY else []
        if candidates:
            name = path.rpartition("/")[2]
            chosen = min(candidates, key=lambda old: (old.rpartition("/")[2] != name, old))
            candidates.remove(chosen)
            found[path] = chosen
    return found


def _take_best(found: dict[str, str], scored: list[tuple[float, bool, str, str]]) -> None:
    used = set(found.values())
    for _, _, old_path, path in sorted(scored):
        if old_path not in used and path not in found:
            found[path] = old_path
            used.add(old_path)


def _lines(content: bytes | None) -> Counter[bytes]:
    return Counter() if content is None or b"\0" in content[:8000] else Counter(content.splitlines(keepends=True))


def _size(lines: Counter[bytes]) -> int:
    return sum(len(line) * count for line, count in lines.items())


_EMPTY = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
