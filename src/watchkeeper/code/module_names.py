"""What a name means in a file, and what a module offers to others: definitions, imports, re-exports, fixtures."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.code.builtin_names import BUILTINS
from watchkeeper.code.index import FileTable, ProjectIndex
from watchkeeper.code.languages import find_language
from watchkeeper.code.resolution import (
    FOUND_NOTHING,
    FOUND_OUTSIDE,
    MAX_DEPTH,
    UNKNOWN,
    Evaluation,
    Outcome,
    Resolution,
    Target,
    Value,
    What,
    is_solid,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CLASS_KINDS, Import, SymbolKind


class ModuleNames:
    """Answers for one view of the tree; what a name is made of it asks ``evaluation``."""

    def __init__(self, index: ProjectIndex, evaluation: Evaluation) -> None:
        self._index = index
        self._evaluation = evaluation

    def name(self, path: str, holder: str, name: str, depth: int) -> Resolution:
        """What a bare name means inside the symbol ``holder``."""
        table = self._index.find_table(path)
        if table is None:
            return FOUND_NOTHING
        local = table.find_import(name, holder)
        if local is not None and local.scope:
            return self._imported(path, local, depth)
        found = self.defined(path, name, depth) or (self._imported(path, local, depth) if local else None)
        found = found or self._starred(path, table, name, depth)
        if found is not None:
            return found
        if name == "exports" and table.reading.whole:
            return Resolution(Outcome.RESOLVED, (), Value(What.MODULE, SymbolKey(path, "")))
        if name in BUILTINS:
            return FOUND_OUTSIDE
        return Resolution(Outcome.UNRESOLVED, (Target(SymbolKey(path, name), Confidence.LIKELY, absent=True),), UNKNOWN)

    def defined(self, path: str, qualname: str, depth: int, receiver: SymbolKey | None = None) -> Resolution | None:
        """What the file itself defines under that name; None where it does not."""
        key = SymbolKey(path, qualname)
        symbol = self._index.find_symbol(key)
        if symbol is None:
            return None
        if symbol.kind in CLASS_KINDS:
            value = Value(What.CLASS, key)
        elif symbol.kind in (SymbolKind.FUNCTION, SymbolKind.METHOD):
            value = Value(What.FUNCTION, key, receiver=receiver)
        elif symbol.kind in (SymbolKind.VARIABLE, SymbolKind.PROPERTY, SymbolKind.FIELD):
            value = self._evaluation.type_of(key, receiver, depth)
            if value.what is What.UNKNOWN and self._index.has_members(key):
                value = Value(What.CLASS, key)  # an object literal or namespace with members of its own
        else:
            value = UNKNOWN
        return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), value)

    def _imported(self, path: str, item: Import, depth: int) -> Resolution:
        binding = Target(SymbolKey(path, item.local), Confidence.SURE)
        module = self.module(path, item.module, item.level)
        if item.name:
            found = self._evaluation.attribute(module.value, item.name, depth + 1)
            if found.outcome is Outcome.UNRESOLVED or (not found.targets and found.value.what is not What.MODULE):
                below = self._submodule(path, item)
                found = below if below.value.what is What.MODULE else found
        elif "." in item.module and item.local == item.module.partition(".")[0]:
            found = self.module(path, item.local, item.level)  # ``import a.b`` binds ``a``
        else:
            found = module
        outcome = Outcome.OUTSIDE if module.outcome is Outcome.OUTSIDE else found.outcome
        return Resolution(outcome, (binding, *found.targets), found.value)

    def _submodule(self, path: str, item: Import) -> Resolution:
        return self.module(path, f"{item.module}.{item.name}" if item.module else item.name, item.level)

    def _starred(self, path: str, table: FileTable, name: str, depth: int) -> Resolution | None:
        if depth > MAX_DEPTH:
            return None
        for star in table.stars:
            module = self.module(path, star.module, star.level).value
            if module.what is What.MODULE and module.key.path != path:
                found = self.offered(module.key.path, name, depth + 1)
                if found is not None:
                    return found
        return None

    def module(self, path: str, module: str, level: int) -> Resolution:
        """The module of that name, seen from ``path``; ``level`` counts the dots of a relative import."""
        language = find_language(path)
        found = language.find_module(path, module, level, self._index) if language else None
        if found is None:
            inside = level > 0 or module.startswith(".")
            return FOUND_NOTHING if inside else FOUND_OUTSIDE
        key = SymbolKey(found, "")
        return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), Value(What.MODULE, key))

    def as_value(self, found: Resolution, depth: int) -> Resolution:
        """A module that is used as a value: CommonJS lets it be a function, a class, anything; all others stay."""
        table = self._index.find_table(found.value.key.path) if found.value.what is What.MODULE else None
        if table is None or not table.reading.whole or depth > MAX_DEPTH:
            return found
        path = found.value.key.path
        whole = self._evaluation.follow(path, "", table.reading.whole, depth + 1)
        if whole.value == found.value:
            return found
        passed = Target(SymbolKey(path, "default"), Confidence.SURE)
        targets = (*found.targets, passed, *whole.targets)
        return self.as_value(Resolution(whole.outcome, targets, whole.value), depth + 1)

    def _of_whole(self, path: str, name: str, depth: int) -> Resolution | None:
        """A member of what a CommonJS module as a whole is; None for a module that is no more than its exports."""
        module = Resolution(Outcome.RESOLVED, (), Value(What.MODULE, SymbolKey(path, "")))
        whole = self.as_value(module, depth)
        if name == "default":
            return whole
        return self._evaluation.attribute(whole.value, name, depth + 1) if whole.value != module.value else None

    def offered(self, path: str, name: str, depth: int) -> Resolution | None:
        """What ``name`` means when taken from the module ``path`` from outside."""
        table = self._index.find_table(path)
        if table is None or depth > MAX_DEPTH:
            return None
        export = table.exports.get(name)
        if export is not None and export.module:
            return self._reexported(path, export.module, export.local, name, depth)
        member = self._of_whole(path, name, depth) if export is None and table.reading.whole else None
        if member is not None and (name == "default" or is_solid(member)):
            return member
        local = export.local if export is not None else name
        found = self.defined(path, local, depth)
        if found is not None and local != name:
            found = found._replace(targets=(Target(SymbolKey(path, name), Confidence.SURE), *found.targets))
        if found is None:
            item = table.find_import(local, "")
            found = self._imported(path, item, depth + 1) if item is not None and not item.scope else None
        found = found or self._starred(path, table, local, depth)
        if found is None:
            for star in table.export_stars:
                found = found or self._reexported(path, star.module, name, "", depth)
        return found or member

    def _reexported(self, path: str, module: str, local: str, public: str, depth: int) -> Resolution | None:
        value = self.module(path, module, 0).value
        if value.what is not What.MODULE:
            return None
        passed = (Target(SymbolKey(path, public), Confidence.SURE),) if public else ()
        if local == "*":
            return Resolution(Outcome.RESOLVED, passed, value)
        found = self.offered(value.key.path, local, depth + 1)
        return found._replace(targets=(*passed, *found.targets)) if found is not None else None

    def dotted(self, path: str, dotted: str, depth: int) -> Resolution:
        """A module and attributes of it, written with dots."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            module = self.module(path, ".".join(parts[:cut]), 0)
            if module.value.what is What.MODULE:
                found = module
                for part in parts[cut:]:
                    found = self._evaluation.attribute(found.value, part, depth + 1)
                return found
        return FOUND_OUTSIDE

    def fixture(self, path: str, name: str) -> Resolution:
        """The pytest fixture that a test of the file gets under that name."""
        for place in _fixture_places(path):
            table = self._index.find_table(place)
            symbol = table.symbols.get(name) if table else None
            if symbol is not None and any(part.rpartition(".")[2] == "fixture" for part in symbol.decorators):
                key = SymbolKey(place, name)
                value = self._evaluation.type_of(key, None, 1)
                value = value.inner or UNKNOWN if value.what is What.OF else value
                return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), value)
        return FOUND_NOTHING


def _fixture_places(path: str) -> Iterator[str]:
    """Where pytest looks for a fixture: the file, then the ``conftest.py`` of its folder and of every one above."""
    yield path
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        yield f"{folder}/conftest.py" if folder else "conftest.py"
