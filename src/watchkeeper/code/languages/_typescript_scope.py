"""Local names of a function body and what each stands for."""

from __future__ import annotations

from watchkeeper.model.reading import Chain


class Scope:
    """A block's names. Each stands for the chain of its last assignment so far; a module's scope binds nothing."""

    __slots__ = ("function", "names", "parent")

    def __init__(self, parent: Scope | None, *, function: bool = False) -> None:
        self.parent = parent
        self.names: dict[str, Chain] = {}
        self.function: Scope = self if function or parent is None else parent.function

    @property
    def is_module(self) -> bool:
        return self.parent is None

    def find(self, name: str) -> Chain | None:
        """What a local name stands for; None for a name of the module."""
        scope: Scope | None = self
        while scope is not None:
            chain = scope.names.get(name)
            if chain is not None:
                return chain
            scope = scope.parent
        return None

    def bind(self, name: str, chain: Chain) -> None:
        """Declares a name here."""
        if self.parent is not None:
            self.names[name] = chain

    def assign(self, name: str, chain: Chain) -> bool:
        """Gives a local name another value; False where the name is not local."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                scope.names[name] = chain
                return True
            scope = scope.parent
        return False
