"""migrations: a sequence of Alembic or Django migrations with more than one head does not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from watchkeeper.code.resources.migrations import Migration, find_migration
from watchkeeper.code.resources.sequences import find_heads
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import SymbolKey

_RULE = "two-heads"


class MigrationCheck(msgspec.Struct, frozen=True):
    """Looks at the folders in which ``roots`` have migrations. Alembic: per folder; Django: per application."""

    name: str = "migrations"

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterable[Finding]:
        """One finding for each sequence with several heads."""
        folders = {_folder(path) for path in roots if _migration(tree, path) is not None}
        if not folders:
            return
        places = {
            (found.sequence, found.id): (path, found)
            for path in sorted(tree.index.paths)
            if path.endswith(".py") and _folder(path) in folders and (found := _migration(tree, path)) is not None
        }
        for sequence, heads in sorted(find_heads(found for _, found in places.values()).items()):
            if len(heads) > 1:
                yield from self._several(tree, [places[sequence, head] for head in heads])

    def _several(self, tree: SourceTree, heads: Sequence[tuple[str, Migration]]) -> Iterator[Finding]:
        path, last = heads[-1]
        names = " and ".join(migration.id for _, migration in heads)
        lines = (tree.source(path) or b"").splitlines()
        yield Finding(
            check=self.name,
            rule=_RULE,
            path=path,
            subject=f"{last.sequence}: {names}",
            message=f"{last.sequence} has {len(heads)} heads, {names}: give one the other as its parent",
            line=last.parent_line,
            text=lines[last.parent_line - 1].decode("utf-8", "replace").strip()[:160] if lines else "",
            involved=tuple(SymbolKey(each, "") for each, _ in heads),
        )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _migration(tree: SourceTree, path: str) -> Migration | None:
    source = tree.source(path) if path.endswith(".py") else None
    found = find_migration(path, source) if source is not None else None
    return found if isinstance(found, Migration) else None


CHECK = MigrationCheck()
