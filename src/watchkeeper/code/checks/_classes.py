"""What a class of the project certainly has, and has not."""

from __future__ import annotations

import ast
import builtins
import enum
import re
from collections.abc import Iterator

from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.checks._receivers import Receivers
from watchkeeper.code.checks._scopes import Scope
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.python_source.annotations import dotted_chain, last_name
from watchkeeper.code.resolution import What
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.ids import SymbolKey

ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
_DECORATORS = frozenset(
    "dataclass final total_ordering runtime_checkable define frozen attrs skip skipIf skipUnless tag unique".split()
)
_METACLASSES = frozenset({"ABCMeta", "EnumMeta", "EnumType", "type"})
_KEYWORDS = frozenset({"frozen", "kw_only", "tag", "order", "eq", "array_like", "gc", "total", "omit_defaults"})
_TRICKS = (
    "setattr(", "__dict__", "__getattr", "exec(", "locals()", "vars(", "__new__", "__slots__", "__class__ =",
)  # fmt: skip
_COMPUTED = re.compile(rb"\bsetattr\s*\([^,\n]+,\s*[^\"'\s]")
_PLAIN_OBJECT = frozenset(dir(object))
_ENUM = frozenset((*dir(enum.Enum), *dir(int), *dir(str), "name", "value", "_value_", "_name_", "_missing_"))
_OUTSIDE_BASES = {
    **dict.fromkeys(("object", "ABC", "Generic", "Protocol", "Struct"), _PLAIN_OBJECT),
    **dict.fromkeys(ENUMS, _ENUM),
    "NamedTuple": frozenset((*dir(tuple), "_fields", "_replace", "_asdict", "_make", "_field_defaults")),
}


class Classes:
    """Answers for one tree."""

    def __init__(self, tree: SourceTree, modules: Modules, receivers: Receivers) -> None:
        self._tree = tree
        self._index: ProjectIndex = tree.index
        self._modules = modules
        self._receivers = receivers
        self._members: dict[SymbolKey, frozenset[str] | None] = {}

    def order(self, key: SymbolKey) -> tuple[SymbolKey, ...]:
        """The class and its bases of the project, in look-up order."""
        return self._receivers.resolver.class_order(key).keys

    def lacks(self, key: SymbolKey, name: str, *, exact: bool, above: bool = False) -> bool:
        """No instance of the class surely has the attribute.

        Not ``exact``: it may be an instance of a subclass. ``above``: only the bases are looked at (``super()``).
        """
        order = self.order(key)
        if name in _PLAIN_OBJECT or any(self._is_outlined(owner, name) for owner in (order[1:] if above else order)):
            return False
        if not self.is_closed(key):
            return False
        members = (self._own_members(owner) or frozenset() for owner in (order[1:] if above else order))
        outside = _from_outside(self.outside_bases(key)) or frozenset()
        if name in outside or any(name in some for some in members):
            return False
        if any(self._is_stored(owner, name) for owner in order):
            return False
        if not exact and ("mixin" in key.qualname.lower() or name.startswith("assert")):
            return False  # made to be joined with classes that nobody here may see
        return exact or not any(self._may_have(heir, name) for heir in self.heirs(key))

    def heirs(self, key: SymbolKey) -> Iterator[SymbolKey]:
        """All classes of the tree that inherit from the class, however far."""
        seen = {key}
        stack = [key]
        while stack:
            above = stack.pop()
            for below in self._index.derivers(above.qualname.rpartition(".")[2]):
                if below not in seen and above in self.order(below):
                    seen.add(below)
                    stack.append(below)
                    yield below

    def is_closed(self, key: SymbolKey) -> bool:
        """The class and its bases are known completely: no metaclass, no decorator, no base that hides something."""
        return all(self._own_members(owner) is not None for owner in self.order(key))

    def node(self, key: SymbolKey) -> ast.ClassDef | None:
        """The one definition of the class."""
        scope = self._scope(key)
        return scope.node if scope is not None and isinstance(scope.node, ast.ClassDef) else None

    def says_abstract(self, key: SymbolKey) -> bool:
        """The class's file has the word: only then a method of it may be abstract."""
        return b"abstract" in (self._tree.source(key.path) or b"")

    def outside_bases(self, key: SymbolKey) -> set[str]:
        """The last names of the bases that are not of this project."""
        node = self.node(key)
        found = set()
        for base in node.bases if node is not None else ():
            value = self._receivers.resolver.resolve(key.path, key.qualname, dotted_chain(base) or ("?",)).value
            if value.what is not What.CLASS:
                found.add(last_name(base))
        return found

    def _is_outlined(self, owner: SymbolKey, name: str) -> bool:
        """The class's outline has the member, so that its file need not be parsed."""
        return self._receivers.symbol(SymbolKey(owner.path, f"{owner.qualname}.{name}")) is not None

    def _own_members(self, key: SymbolKey) -> frozenset[str] | None:
        if key not in self._members:
            self._members[key] = None
            self._members[key] = self._read(key)
        return self._members[key]

    def _read(self, key: SymbolKey) -> frozenset[str] | None:
        scope, node, table = self._scope(key), self.node(key), self._index.find_table(key.path)
        if scope is None or node is None or table is None or not self._is_plain(key, node):
            return None
        outside = _from_outside(self.outside_bases(key))
        if outside is None:
            return None
        prefix = f"{key.qualname}."
        own = {name[len(prefix) :] for name in table.symbols if name.startswith(prefix)}
        return frozenset(own) | scope.bindings.keys() | outside

    def _is_plain(self, key: SymbolKey, node: ast.ClassDef) -> bool:
        if any(last_name(item) not in _DECORATORS for item in node.decorator_list):
            return False
        for item in node.keywords:
            if item.arg == "metaclass":
                if last_name(item.value) not in _METACLASSES:
                    return False
            elif item.arg not in _KEYWORDS:
                return False
        source = (self._tree.source(key.path) or b"").decode("utf-8", "replace").splitlines()
        text = "\n".join(source[node.lineno - 1 : node.end_lineno])
        return not any(trick in text for trick in _TRICKS)

    def _scope(self, key: SymbolKey) -> Scope | None:
        module = self._modules.read(key.path)
        scopes = module.classes.get(key.qualname, []) if module is not None else []
        return scopes[0] if len(scopes) == 1 else None

    def _is_stored(self, key: SymbolKey, name: str) -> bool:
        return is_stored(self._tree.source(key.path) or b"", name)

    def _may_have(self, heir: SymbolKey, name: str) -> bool:
        order = self.order(heir)
        if any(self._is_outlined(key, name) for key in order):
            return True
        for key in order:
            members = self._own_members(key)
            if members is None or name in members or self._is_stored(key, name):
                return True
        return False


def is_stored(source: bytes, name: str) -> bool:
    """Somewhere in the text ``.name`` may be assigned: plainly, or in quotes or computed, as ``setattr`` takes it."""
    encoded = re.escape(name.encode())
    pattern = rb"\." + encoded + rb"\b[^=\n(]*=(?!=)|([\"'])" + encoded + rb"\1"
    return re.search(pattern, source) is not None or _COMPUTED.search(source) is not None


def _from_outside(names: set[str]) -> frozenset[str] | None:
    """The members of classes of other packages; None where some class is not known here."""
    found: set[str] = set()
    for name in names:
        builtin = getattr(builtins, name, None) if name else None
        if name in _OUTSIDE_BASES:
            found |= _OUTSIDE_BASES[name]
        elif isinstance(builtin, type):
            found |= set(dir(builtin))
        else:
            return None
    return frozenset(found)
