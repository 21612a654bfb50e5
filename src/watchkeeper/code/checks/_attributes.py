"""Attributes of modules that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding


def find_missing_attributes(tree: SourceTree, modules: Modules, roots: Sequence[str]) -> Iterator[Finding]:  # noqa: ARG001
    """Attributes that the module or class surely lacks."""
    yield from ()
