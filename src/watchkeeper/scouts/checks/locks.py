"""The check ``nested-locks``: one change alone can hang on itself; the proofs' own rules, over the whole tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from watchkeeper.code.checks import locks, migrations
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.findings import Finding
from watchkeeper.model.scouting import KindId
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable

_READ = (".py", ".ts", ".tsx", ".js", ".jsx", ".sql")
_MOST_BYTES = 64 << 20
_DISPROVE = (
    "Are both statements on one connection, or does the first one commit before the second begins? Then nothing waits."
)
_CANARY: Mapping[str, bytes] = {
    "canary/stages.py": b"""
def update_stage_field(session, mirror, content_id, value):
    session.execute("UPDATE content SET stage = 1 WHERE id = 2")
    mirror.execute("UPDATE content SET status = 1 WHERE id = 2")
    session.commit()
""",
}


class NestedLocks:
    """Functions that wait for their own transaction, pairs that lock crosswise, and forks of migrations."""

    name = "nested-locks"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 nothing is run
        """Reads all files that can speak to a database."""
        files = ground.having(*_READ)
        if not files:
            return not_applicable(self.name, "no file here could speak to a database")
        contents = {path: ground.read(path) for path in files}
        size = sum(map(len, contents.values()))
        if size > _MOST_BYTES:
            return could_not_look(self.name, f"{size >> 20} MB of source are more than is read at once: see ignore")
        if not self._finds_its_own:
            return could_not_look(self.name, "its own example of a nested lock is not found by it")
        found = [*_find(contents)]
        what = f"{len(files)} files, locks and migrations"
        return looked(self.name, found, what=what, proof="it finds its own example of a nested lock")

    @cached_property
    def _finds_its_own(self) -> bool:
        return any(True for _ in _find(_CANARY))


CHECK = NestedLocks()


def _find(contents: Mapping[str, bytes]) -> Iterator[Raw]:
    tree = MemoryTree(contents)
    for check in (locks.CHECK, migrations.CHECK):
        for finding in check.find(tree, sorted(contents)):
            yield _raw(finding)


def _raw(finding: Finding) -> Raw:
    symbol = finding.involved[0].qualname if finding.involved else ""
    return Raw(
        finding.rule, finding.path, finding.message, finding.line, finding.text, symbol,
        evidence=f"{finding.check}: {finding.subject}", disprove=_DISPROVE, severity=4, confidence=0.7,
        kind=KindId("nested-lock") if finding.check == locks.NAME else KindId("unsafe-migration"),
        anchor=finding.subject,
    )  # fmt: skip
