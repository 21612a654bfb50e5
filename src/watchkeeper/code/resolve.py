"""From a reference to the symbols that it means: a small abstract evaluation of chains.

A chain (``model.reading.Chain``) is followed step by step; each step turns a value (a module, a class, an instance of a
class, a function, a container of something) into the next. What is passed on the way is remembered: the import that
bound a name, the re-exports it went through, the classes in which an attribute was looked for in vain.

No types are checked and nothing is executed: where the receiver is unknown, an attribute is matched by name, and counts
the less the more definitions bear that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.code.builtin_names import BUILTIN_MEMBERS, BUILTINS, CLASS_MEMBERS, FALLBACK_PROTOCOLS
from watchkeeper.code.index import CLASS_KINDS, FileTable, ProjectIndex
from watchkeeper.code.languages import find_language
from watchkeeper.code.resolution import (
    FOUND_NOTHING,
    FOUND_OUTSIDE,
    OUTSIDE,
    UNKNOWN,
    Beyond,
    ClassOrder,
    Outcome,
    Resolution,
    Target,
    Value,
    What,
    is_solid,
    solid,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Chain, Form, Import, Symbol, SymbolKind

_DEPTH = 14
_MOST_CANDIDATES = 3


_BARE_BASES = (("object",), ("Generic",), ("Protocol",), ("ABC",))


class Resolver:
    """Answers for one view of the tree. Remembers what it found: make a new one when the view changes.

    Without ``guess`` the attributes of unknown receivers stay unknown, whoever else defines such a name.
    """

    def __init__(self, index: ProjectIndex, *, guess: bool = True) -> None:
        self._index = index
        self._guess_names = guess
        self._chains: dict[tuple[str, str, Chain], Resolution] = {}
        self._orders: dict[SymbolKey, ClassOrder] = {}

    def resolve(self, path: str, holder: str, chain: Chain, form: Form = Form.LOAD) -> Resolution:
        """What ``chain`` means inside the symbol ``holder`` of the file ``path``."""
        found = self._follow(path, holder, chain, 0)
        if form is Form.PROTOCOL and not is_solid(found):
            others = (
                self._follow(path, holder, (*chain[:-1], f".{other}"), 0)
                for other in FALLBACK_PROTOCOLS.get(chain[-1][1:], ())
            )
            found = next((other for other in others if is_solid(other)), found)
        if form is not Form.IMPORT:
            found = self._as_value(found, 0)
        if form is Form.CALL:
            found = found._replace(targets=(*found.targets, *self._reached_by_call(found.value)))
        if form is Form.PROTOCOL:  # nobody means every class that lacks an operator
            found = found._replace(targets=tuple(solid(found)))
        return found

    def _reached_by_call(self, value: Value) -> Iterator[Target]:
        """What calling a class or an instance runs; a class's constructor also where it has none, or an inherited
        one: to give it one of its own changes what the call means."""
        if value.what is What.INSTANCE:
            yield from solid(self._member(value, "__call__", Confidence.SURE))
        elif value.what is What.CLASS:
            made = self._member(value, self._constructor(value.key.path), Confidence.SURE)
            symbol = self._symbol(value.key)
            is_class = symbol is not None and symbol.kind is SymbolKind.CLASS
            yield from made.targets if is_class else solid(made)

    def _constructor(self, path: str) -> str:
        language = find_language(path)
        return language.constructor if language is not None else ""

    def class_order(self, key: SymbolKey) -> ClassOrder:
        """The class and its bases in look-up order (breadth of C3 without its proofs)."""
        known = self._orders.get(key)
        if known is None:
            self._orders[key] = ClassOrder((key,), Beyond.UNKNOWN)  # a class that inherits from itself ends here
            known = self._orders[key] = self._walk_bases(key)
        return known

    def overridden(self, path: str, qualname: str) -> Iterator[SymbolKey]:
        """The same-named members of the bases of ``qualname``'s class, nearest first."""
        owner, _, name = qualname.rpartition(".")
        if not owner:
            return
        for base in self.class_order(SymbolKey(path, owner)).keys[1:]:
            key = SymbolKey(base.path, f"{base.qualname}.{name}")
            if self._symbol(key) is not None:
                yield key

    def _walk_bases(self, key: SymbolKey) -> ClassOrder:
        symbol = self._symbol(key)
        if symbol is None:
            return ClassOrder((key,), Beyond.UNKNOWN)
        order: list[SymbolKey] = [key]
        beyond = Beyond.NOTHING
        if self._passes_on(key, symbol):
            beyond = Beyond.ANYTHING
        for base in symbol.bases:
            value = self._as_value(self._follow(key.path, key.qualname, base, 1), 1).value
            if value.what in (What.CLASS, What.FUNCTION):
                above = self.class_order(value.key)
                order = [item for item in order if item not in above.keys] + list(above.keys)
                beyond = max(beyond, above.beyond)
            elif symbol.kind is SymbolKind.TYPE:
                beyond = Beyond.ANYTHING
            elif base not in _BARE_BASES:
                beyond = max(beyond, Beyond.OUTSIDE if value.what is What.OUTSIDE else Beyond.UNKNOWN)
        return ClassOrder(tuple(order), beyond)

    def _passes_on(self, key: SymbolKey, symbol: Symbol) -> bool:
        if self._symbol(SymbolKey(key.path, f"{key.qualname}.__getattr__")) is not None:
            return True
        is_alias = symbol.kind is SymbolKind.TYPE and not symbol.bases
        return is_alias and f"{key.qualname}." not in self._prefixes(key.path)

    # -- chains ------------------------------------------------------------------------------------------------------

    def _follow(self, path: str, holder: str, chain: Chain, depth: int) -> Resolution:
        if not chain or depth > _DEPTH:
            return FOUND_NOTHING
        place = (path, holder, chain)
        known = self._chains.get(place)
        if known is not None:
            return known
        self._chains[place] = FOUND_NOTHING  # a chain that leads back to itself ends here
        if len(chain) == 1:
            found = self._first(path, holder, chain[0], depth)
        else:
            before = self._follow(path, holder, chain[:-1], depth)
            found = self._step(before, chain[-1], depth)
        self._chains[place] = found
        return found

    def _first(self, path: str, holder: str, step: str, depth: int) -> Resolution:
        if not step.startswith("%"):
            return FOUND_NOTHING if step == "?" else self._name(path, holder, step, depth)
        head, _, rest = step[1:].partition(":")
        if head == "import":
            level, _, module = rest.partition(":")
            return self._module(path, module, int(level or 0))
        if head == "super":
            return Resolution(Outcome.RESOLVED, (), Value(What.SUPER, SymbolKey(path, rest)))
        if head == "fixture":
            return self._fixture(path, rest)
        if head == "path":
            return self._dotted(path, rest, depth)
        if head.startswith("%"):
            return Resolution(Outcome.RESOLVED, (), Value(What.CLASS, SymbolKey(path, head[1:])))
        if self._symbol(SymbolKey(path, head)) is not None:
            return Resolution(Outcome.RESOLVED, (), Value(What.INSTANCE, SymbolKey(path, head)))
        return FOUND_OUTSIDE

    def _step(self, before: Resolution, step: str, depth: int) -> Resolution:
        if step.startswith("."):
            return self._attribute(before.value, step[1:], depth)
        value = self._as_value(before, depth).value
        if step == "@":  # a function's name as a type: the interface that shares the name
            result = Value(What.INSTANCE, value.key) if value.what in (What.CLASS, What.FUNCTION) else value
        elif step == "[of]":
            result = Value(What.OF, inner=value)
        elif step == "await":
            result = (value.inner or UNKNOWN) if value.what is What.OF else value
        elif step == "()":
            result = self._called(value, depth)
        elif step == "with":
            result = self._entered(value, depth)
        elif step in ("*", "[]"):
            result = self._element(value, "__iter__" if step == "*" else "__getitem__", depth)
        else:
            result = UNKNOWN
        return Resolution(Outcome.RESOLVED, (), result)

    def _called(self, value: Value, depth: int) -> Value:
        if value.what is What.CLASS:
            return Value(What.INSTANCE, value.key)
        if value.what is What.FUNCTION:
            return self._type_of(value.key, value.receiver, depth)
        if value.what is What.INSTANCE:
            return self._result_of(value, "__call__", depth)
        return OUTSIDE if value.what is What.OUTSIDE else UNKNOWN

    def _entered(self, value: Value, depth: int) -> Value:
        if value.what is What.OF:
            return value.inner or UNKNOWN
        if value.what is What.INSTANCE:
            entered = self._result_of(value, "__enter__", depth)
            return value if entered.what is What.UNKNOWN else entered  # nearly every __enter__ returns self
        return value if value.what is What.OUTSIDE else UNKNOWN

    def _element(self, value: Value, method: str, depth: int) -> Value:
        if value.what is What.OF:
            return value.inner or UNKNOWN
        if value.what is What.INSTANCE:
            given = self._result_of(value, method, depth)
            return (given.inner or UNKNOWN) if given.what is What.OF and method == "__iter__" else given
        return value if value.what in (What.OUTSIDE, What.CLASS) else UNKNOWN

    def _result_of(self, value: Value, method: str, depth: int) -> Value:
        found = self._member(value, method, Confidence.SURE, depth).value
        return self._type_of(found.key, value.key, depth) if found.what is What.FUNCTION else UNKNOWN

    def _type_of(self, key: SymbolKey, receiver: SymbolKey | None, depth: int) -> Value:
        symbol = self._symbol(key)
        if symbol is None or not symbol.type or depth > _DEPTH:  # fields may be made of each other
            return UNKNOWN
        owner = key.qualname.rpartition(".")[0]
        if symbol.type[0] == f"%{owner}" and receiver is not None:  # "returns self": of the class it was called on
            value = Value(What.INSTANCE, receiver)
            for step in symbol.type[1:]:
                value = self._step(Resolution(Outcome.RESOLVED, (), value), step, depth + 1).value
            return value
        return self._follow(key.path, key.qualname, symbol.type, depth + 1).value

    # -- names and modules -------------------------------------------------------------------------------------------

    def _name(self, path: str, holder: str, name: str, depth: int) -> Resolution:
        table = self._index.find_table(path)
        if table is None:
            return FOUND_NOTHING
        local = table.find_import(name, holder)
        if local is not None and local.scope:
            return self._imported(path, local, depth)
        found = self._defined(path, name, depth) or (self._imported(path, local, depth) if local else None)
        found = found or self._starred(path, table, name, depth)
        if found is not None:
            return found
        if name == "exports" and table.reading.whole:
            return Resolution(Outcome.RESOLVED, (), Value(What.MODULE, SymbolKey(path, "")))
        if name in BUILTINS:
            return FOUND_OUTSIDE
        return Resolution(Outcome.UNRESOLVED, (Target(SymbolKey(path, name), Confidence.LIKELY, absent=True),), UNKNOWN)

    def _defined(self, path: str, qualname: str, depth: int, receiver: SymbolKey | None = None) -> Resolution | None:
        key = SymbolKey(path, qualname)
        symbol = self._symbol(key)
        if symbol is None:
            return None
        if symbol.kind in CLASS_KINDS:
            value = Value(What.CLASS, key)
        elif symbol.kind in (SymbolKind.FUNCTION, SymbolKind.METHOD):
            value = Value(What.FUNCTION, key, receiver=receiver)
        elif symbol.kind in (SymbolKind.VARIABLE, SymbolKind.PROPERTY, SymbolKind.FIELD):
            value = self._type_of(key, receiver, depth)
            if value.what is What.UNKNOWN and f"{qualname}." in self._prefixes(path):
                value = Value(What.CLASS, key)  # an object literal or namespace with members of its own
        else:
            value = UNKNOWN
        return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), value)

    def _prefixes(self, path: str) -> frozenset[str]:
        table = self._index.find_table(path)
        return table.prefixes if table is not None else frozenset()

    def _imported(self, path: str, item: Import, depth: int) -> Resolution:
        binding = Target(SymbolKey(path, item.local), Confidence.SURE)
        module = self._module(path, item.module, item.level)
        if item.name:
            found = self._attribute(module.value, item.name, depth + 1)
            if found.outcome is Outcome.UNRESOLVED or (not found.targets and found.value.what is not What.MODULE):
                below = self._submodule(path, item)
                found = below if below.value.what is What.MODULE else found
        elif "." in item.module and item.local == item.module.partition(".")[0]:
            found = self._module(path, item.local, item.level)  # ``import a.b`` binds ``a``
        else:
            found = module
        outcome = Outcome.OUTSIDE if module.outcome is Outcome.OUTSIDE else found.outcome
        return Resolution(outcome, (binding, *found.targets), found.value)

    def _submodule(self, path: str, item: Import) -> Resolution:
        return self._module(path, f"{item.module}.{item.name}" if item.module else item.name, item.level)

    def _starred(self, path: str, table: FileTable, name: str, depth: int) -> Resolution | None:
        if depth > _DEPTH:
            return None
        for star in table.stars:
            module = self._module(path, star.module, star.level).value
            if module.what is What.MODULE and module.key.path != path:
                found = self._offered(module.key.path, name, depth + 1)
                if found is not None:
                    return found
        return None

    def _module(self, path: str, module: str, level: int) -> Resolution:
        language = find_language(path)
        found = language.find_module(path, module, level, self._index) if language else None
        if found is None:
            inside = level > 0 or module.startswith(".")
            return FOUND_NOTHING if inside else FOUND_OUTSIDE
        key = SymbolKey(found, "")
        return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), Value(What.MODULE, key))

    def _as_value(self, found: Resolution, depth: int) -> Resolution:
        """A module that is used as a value: CommonJS lets it be a function, a class, anything; all others stay."""
        table = self._index.find_table(found.value.key.path) if found.value.what is What.MODULE else None
        if table is None or not table.reading.whole or depth > _DEPTH:
            return found
        path = found.value.key.path
        whole = self._follow(path, "", table.reading.whole, depth + 1)
        if whole.value == found.value:
            return found
        passed = Target(SymbolKey(path, "default"), Confidence.SURE)
        targets = (*found.targets, passed, *whole.targets)
        return self._as_value(Resolution(whole.outcome, targets, whole.value), depth + 1)

    def _of_whole(self, path: str, name: str, depth: int) -> Resolution | None:
        """A member of what a CommonJS module as a whole is; None for a module that is no more than its exports."""
        module = Resolution(Outcome.RESOLVED, (), Value(What.MODULE, SymbolKey(path, "")))
        whole = self._as_value(module, depth)
        if name == "default":
            return whole
        return self._attribute(whole.value, name, depth + 1) if whole.value != module.value else None

    def _offered(self, path: str, name: str, depth: int) -> Resolution | None:
        """What ``name`` means when taken from the module ``path`` from outside."""
        table = self._index.find_table(path)
        if table is None or depth > _DEPTH:
            return None
        export = table.exports.get(name)
        if export is not None and export.module:
            return self._reexported(path, export.module, export.local, name, depth)
        member = self._of_whole(path, name, depth) if export is None and table.reading.whole else None
        if member is not None and (name == "default" or is_solid(member)):
            return member
        local = export.local if export is not None else name
        found = self._defined(path, local, depth)
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
        value = self._module(path, module, 0).value
        if value.what is not What.MODULE:
            return None
        passed = (Target(SymbolKey(path, public), Confidence.SURE),) if public else ()
        if local == "*":
            return Resolution(Outcome.RESOLVED, passed, value)
        found = self._offered(value.key.path, local, depth + 1)
        return found._replace(targets=(*passed, *found.targets)) if found is not None else None

    def _dotted(self, path: str, dotted: str, depth: int) -> Resolution:
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            module = self._module(path, ".".join(parts[:cut]), 0)
            if module.value.what is What.MODULE:
                found = module
                for part in parts[cut:]:
                    found = self._attribute(found.value, part, depth + 1)
                return found
        return FOUND_OUTSIDE

    def _fixture(self, path: str, name: str) -> Resolution:
        for place in _fixture_places(path):
            table = self._index.find_table(place)
            symbol = table.symbols.get(name) if table else None
            if symbol is not None and any(part.rpartition(".")[2] == "fixture" for part in symbol.decorators):
                key = SymbolKey(place, name)
                value = self._type_of(key, None, 1)
                value = value.inner or UNKNOWN if value.what is What.OF else value
                return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), value)
        return FOUND_NOTHING

    # -- attributes --------------------------------------------------------------------------------------------------

    def _attribute(self, value: Value, name: str, depth: int) -> Resolution:
        if value.what is What.MODULE:
            return self._of_module(value.key.path, name, depth)
        if value.what is What.CLASS:
            return self._of_class(value, name, depth)
        if value.what is What.INSTANCE and name == "constructor" == self._constructor(value.key.path):
            return Resolution(Outcome.RESOLVED, (), Value(What.CLASS, value.key))  # an object's own class
        if value.what in (What.INSTANCE, What.SUPER):
            return self._member(value, name, Confidence.SURE, depth)
        if value.what is What.FUNCTION:
            return self._defined(value.key.path, f"{value.key.qualname}.{name}", depth + 1) or FOUND_OUTSIDE
        if value.what is What.UNKNOWN:
            return self._by_name(name)
        return FOUND_OUTSIDE

    def _of_class(self, value: Value, name: str, depth: int) -> Resolution:
        symbol = self._symbol(value.key)
        if symbol is not None and symbol.kind is SymbolKind.INTERFACE and symbol.type:
            return self._attribute(self._type_of(value.key, None, depth), name, depth + 1)  # a value of the same name
        found = self._member(value, name, Confidence.SURE, depth)
        if name == "prototype" and not is_solid(found):
            return Resolution(Outcome.RESOLVED, (), Value(What.INSTANCE, value.key))
        return found

    def _of_module(self, path: str, name: str, depth: int) -> Resolution:
        found = self._offered(path, name, depth)
        if found is not None:
            return found
        language = find_language(path)
        below = language.find_module(path, name, 1, self._index) if language and "__init__" in path else None
        if below is not None:
            key = SymbolKey(below, "")
            return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), Value(What.MODULE, key))
        return Resolution(Outcome.UNRESOLVED, (Target(SymbolKey(path, name), Confidence.SURE, absent=True),), UNKNOWN)

    def _member(self, value: Value, name: str, confidence: Confidence, depth: int = 0) -> Resolution:
        order, beyond = self.class_order(value.key)
        missed: list[Target] = []
        for owner in order[1:] if value.what is What.SUPER else order:
            found = self._defined(owner.path, f"{owner.qualname}.{name}", depth + 1, receiver=value.key)
            if found is not None:
                return found._replace(targets=(*found.targets, *missed))
            missed.append(Target(SymbolKey(owner.path, f"{owner.qualname}.{name}"), confidence, absent=True))
        if beyond is Beyond.ANYTHING:
            guess = self._by_name(name)
            return guess._replace(targets=(*guess.targets, *missed))
        if beyond is Beyond.OUTSIDE or name in CLASS_MEMBERS:
            return Resolution(Outcome.OUTSIDE, tuple(missed), OUTSIDE)
        outcome = Outcome.OUTSIDE if beyond is Beyond.UNKNOWN else Outcome.UNRESOLVED
        return Resolution(outcome, tuple(missed), UNKNOWN)

    def _by_name(self, name: str) -> Resolution:
        if not self._guess_names or name in BUILTIN_MEMBERS or name.startswith("__"):
            return FOUND_NOTHING
        keys = self._index.definers(name)
        if not keys:
            return FOUND_NOTHING
        if len(keys) == 1:
            return Resolution(Outcome.RESOLVED, (Target(keys[0], Confidence.LIKELY),), self._guess(keys[0]))
        if len(keys) > _MOST_CANDIDATES:
            return Resolution(Outcome.AMBIGUOUS, (), UNKNOWN)
        return Resolution(Outcome.AMBIGUOUS, tuple(Target(key, Confidence.POSSIBLE) for key in keys), UNKNOWN)

    def _guess(self, key: SymbolKey) -> Value:
        symbol = self._symbol(key)
        return Value(What.FUNCTION, key) if symbol and symbol.kind is SymbolKind.METHOD else UNKNOWN

    def _symbol(self, key: SymbolKey) -> Symbol | None:
        table = self._index.find_table(key.path)
        return table.symbols.get(key.qualname) if table is not None else None


def _fixture_places(path: str) -> Iterator[str]:
    """Where pytest looks for a fixture: the file, then the ``conftest.py`` of its folder and of every one above."""
    yield path
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        yield f"{folder}/conftest.py" if folder else "conftest.py"
