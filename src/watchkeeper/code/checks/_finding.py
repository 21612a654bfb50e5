"""How the checks make a finding."""

from __future__ import annotations

from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey

_LONGEST = 160


def make_finding(
    tree: SourceTree, key: FindingKey, message: str, line: int, involved: tuple[SymbolKey, ...] = ()
) -> Finding:
    """A finding with the text of its line."""
    lines = (tree.source(key.path) or b"").splitlines()
    text = lines[line - 1].decode("utf-8", "replace").strip()[:_LONGEST] if 0 < line <= len(lines) else ""
    return Finding(key.check, key.rule, key.path, key.subject, message, line, text, involved)
