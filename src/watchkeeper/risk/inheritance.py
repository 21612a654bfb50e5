"""Whether a member that a class loses is still offered by what the class inherits from."""

from __future__ import annotations

from watchkeeper.code.resolution import Beyond
from watchkeeper.code.resolve import Resolver
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.ids import SymbolKey


class Inheritance:
    """The classes of one tree and their bases."""

    def __init__(self, tree: SourceTree) -> None:
        self._resolver = Resolver(tree.index)

    def offers(self, key: SymbolKey) -> bool | None:
        """Whether a base class has the member too; None where some base cannot be read, and might."""
        owner = key.qualname.rpartition(".")[0]
        if not owner:
            return False
        if any(True for _ in self._resolver.overridden(key.path, key.qualname)):
            return True
        order = self._resolver.class_order(SymbolKey(key.path, owner))
        return False if order.beyond is Beyond.NOTHING else None
