"""Names of one Python file, followed through imports to what other files of the tree say of them."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import msgspec

from watchkeeper.code.database.python_models import Maker, Model, ModuleFacts, may_map, read_module
from watchkeeper.code.index import display_name
from watchkeeper.code.resolve import Resolver
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Chain, Symbol, SymbolKind


class Function(NamedTuple):
    """A function of the project: its key, and its parameters by position."""

    key: SymbolKey
    parameters: tuple[str, ...]


class Scope:
    """Answers for one file of one tree."""

    def __init__(self, path: str, source: bytes, tree: SourceTree) -> None:
        self.path = path
        self.facts = read_module(source)
        self._tree = tree
        self._resolver = Resolver(tree.index)
        self._found: dict[tuple[str, str], Model | Maker | str | None] = {}

    def find(self, name: str, holder: str = "") -> Model | Maker | str | None:
        """What a dotted name stands for: a model, a maker, a text of SQL; None for anything else."""
        place = (name, holder)
        if place not in self._found:
            self._found[place] = self._find(name, holder)
        return self._found[place]

    def _find(self, name: str, holder: str) -> Model | Maker | str | None:
        key = self._key(name, holder)
        if key is None or not self._may_be_told(key):
            return None
        facts = self._facts(key.path)
        model = facts.models.get(key.qualname)
        if model is not None:
            return self._placed(model, key.path)
        return facts.makers.get(key.qualname) or facts.texts.get(key.qualname)

    def find_function(self, chain: Chain, holder: str) -> Function | None:
        """The one function of the project that a call means."""
        key = self._target(chain, holder)
        symbol = self._symbol(key) if key else None
        if key is None or symbol is None or symbol.kind not in (SymbolKind.FUNCTION, SymbolKind.METHOD):
            return None
        parameters = symbol.signature.parameters if symbol.signature else ()
        return Function(key, tuple(parameter.name for parameter in parameters))

    def returned(self, function: SymbolKey) -> Model | None:
        """The model that a function says it returns."""
        name = self._facts(function.path).returns.get(function.qualname, "")
        if not name:
            return None
        key = self._target((name,), "", function.path)
        model = self._facts(key.path).models.get(key.qualname) if key else None
        return self._placed(model, key.path) if model is not None and key is not None else None

    def by_table(self, table: str) -> Model | None:
        """The model of a table, among those of this file and of the modules it imports from."""
        return self._tables.get(table)

    @cached_property
    def _tables(self) -> dict[str, Model]:
        reading = self._tree.index.find_table(self.path)
        names = sorted(reading.imports) if reading is not None else []
        paths = dict.fromkeys([self.path, *(key.path for name in names if (key := self._key(name, "")))])
        found: dict[str, Model] = {}
        for path in paths:
            for model in self._facts(path).models.values():
                placed = self._placed(model, path)
                found.setdefault(placed.table, placed)
        return found

    def shown(self, key: SymbolKey) -> str:
        """The function's name for people."""
        return display_name(key, self._tree.index.paths).rpartition(":")[2]

    def _key(self, name: str, holder: str) -> SymbolKey | None:
        first, *rest = name.split(".")
        return self._target((first, *(f".{step}" for step in rest)), holder)

    def _target(self, chain: Chain, holder: str, path: str = "") -> SymbolKey | None:
        solid = [t for t in self._resolver.resolve(path or self.path, holder, chain).targets if not t.absent]
        keys = {target.key for target in solid[-1:]}
        return keys.pop() if len(keys) == 1 else None

    def _facts(self, path: str) -> ModuleFacts:
        if path == self.path:
            return self.facts
        source = self._tree.source(path)
        return read_module(source) if source is not None and path.endswith(".py") else ModuleFacts()

    def _may_be_told(self, key: SymbolKey) -> bool:
        """The file may have to say something of it. Most names are functions and plain classes: no need to parse."""
        symbol = self._symbol(key)
        if symbol is None or not key.qualname:
            return bool(key.qualname)
        if symbol.kind in (SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.PROPERTY):
            return False
        return symbol.kind is not SymbolKind.CLASS or may_map(self._tree.source(key.path) or b"")

    def _symbol(self, key: SymbolKey) -> Symbol | None:
        table = self._tree.index.find_table(key.path)
        return table.symbols.get(key.qualname) if table is not None else None

    def _placed(self, model: Model, path: str) -> Model:
        """With the tables' names where they depend on the folder, and parents named by their tables."""
        if not model.django:
            return model
        label = application_of(path)
        parents = {column: self._parent_table(parent, model, label, path) for column, parent in model.parents.items()}
        return msgspec.structs.replace(model, table=model.table.replace("*", f"{label}_"), parents=parents)

    def _parent_table(self, parent: str, model: Model, label: str, path: str) -> str:
        app, _, name = parent.rpartition(".")
        if parent == "self":
            return f"{model.table.replace('*', f'{label}_')}.id"
        key = self._target((name,), "", path) if not app else None
        facts = self._facts(key.path) if key else self._facts(path)
        found = facts.models.get(name)
        place = application_of(key.path) if key else app or label
        return f"{found.table.replace('*', f'{place}_')}.{found.key}" if found else f"{place}_{name.lower()}.id"


def application_of(path: str) -> str:
    """The label of the Django application whose models a file holds."""
    parts = path.split("/")[:-1]
    while parts and parts[-1] in ("models", "migrations"):
        parts.pop()
    return parts[-1] if parts else "app"
