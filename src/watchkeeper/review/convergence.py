"""What two projects have written alike: digests of added code that do not depend on what its author called things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.likeness import digest_of
from watchkeeper.model.footprint import Edit, Footprint, Write
from watchkeeper.model.reading import CALLABLES

MOST_DIGESTS = 100


def find_digests(files: tuple[ChangedFile, ...], footprint: Footprint) -> tuple[str, ...]:
    """One digest for each function or method that the change adds or alters, sorted, at most 100; tests have none."""
    texts = {file.place: file.now for file in files if file.now is not None and not file.is_binary}
    found = {digest for write in footprint.writes for digest in _digests(write, texts)}
    return tuple(sorted(found))[:MOST_DIGESTS]


def _digests(write: Write, texts: Mapping[str, bytes]) -> Iterator[str]:
    if write.is_test or write.imports or write.kind not in CALLABLES or write.edit not in (Edit.ADDED, Edit.MODIFIED):
        return
    content = texts.get(write.path)
    if content is None:
        return
    lines = content.decode("utf-8", "replace").splitlines()
    spans = write.after if write.edit is Edit.ADDED else write.hunks
    text = "\n".join("\n".join(lines[first - 1 : last]) for first, last in spans)
    digest = digest_of(text)
    if digest is not None:
        yield digest
