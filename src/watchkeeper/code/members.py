"""What an attribute of a value means: of a module, of a class and its bases, or of nobody knows what."""

from __future__ import annotations

from watchkeeper.code.builtin_names import BUILTIN_MEMBERS, CLASS_MEMBERS
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language
from watchkeeper.code.module_names import ModuleNames
from watchkeeper.code.resolution import (
    FOUND_NOTHING,
    FOUND_OUTSIDE,
    OUTSIDE,
    UNKNOWN,
    Beyond,
    ClassOrder,
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
from watchkeeper.model.reading import Symbol, SymbolKind

_MOST_CANDIDATES = 3
_BARE_BASES = (("object",), ("Generic",), ("Protocol",), ("ABC",))


class Members:
    """Answers for one view of the tree. Without ``guess`` an unknown receiver's attributes stay unknown."""

    def __init__(self, index: ProjectIndex, names: ModuleNames, evaluation: Evaluation, *, guess: bool) -> None:
        self._index = index
        self._names = names
        self._evaluation = evaluation
        self._guess_names = guess
        self._orders: dict[SymbolKey, ClassOrder] = {}

    def attribute(self, value: Value, name: str, depth: int) -> Resolution:
        """See ``Evaluation``."""
        if value.what is What.MODULE:
            return self._of_module(value.key.path, name, depth)
        if value.what is What.CLASS:
            return self._of_class(value, name, depth)
        if value.what is What.INSTANCE and name == "constructor" == constructor_of(value.key.path):
            return Resolution(Outcome.RESOLVED, (), Value(What.CLASS, value.key))  # an object's own class
        if value.what in (What.INSTANCE, What.SUPER):
            return self.member(value, name, Confidence.SURE, depth)
        if value.what is What.FUNCTION:
            return self._names.defined(value.key.path, f"{value.key.qualname}.{name}", depth + 1) or FOUND_OUTSIDE
        if value.what is What.UNKNOWN:
            return self._by_name(name)
        return FOUND_OUTSIDE

    def _of_class(self, value: Value, name: str, depth: int) -> Resolution:
        symbol = self._index.find_symbol(value.key)
        if symbol is not None and symbol.kind is SymbolKind.INTERFACE and symbol.type:
            return self.attribute(
                self._evaluation.type_of(value.key, None, depth), name, depth + 1
            )  # a value of the same name
        found = self.member(value, name, Confidence.SURE, depth)
        if name == "prototype" and not is_solid(found):
            return Resolution(Outcome.RESOLVED, (), Value(What.INSTANCE, value.key))
        return found

    def _of_module(self, path: str, name: str, depth: int) -> Resolution:
        found = self._names.offered(path, name, depth)
        if found is not None:
            return found
        language = find_language(path)
        below = language.find_module(path, name, 1, self._index) if language and "__init__" in path else None
        if below is not None:
            key = SymbolKey(below, "")
            return Resolution(Outcome.RESOLVED, (Target(key, Confidence.SURE),), Value(What.MODULE, key))
        return Resolution(Outcome.UNRESOLVED, (Target(SymbolKey(path, name), Confidence.SURE, absent=True),), UNKNOWN)

    def member(self, value: Value, name: str, confidence: Confidence, depth: int = 0) -> Resolution:
        """What ``name`` means on a class or an instance: in it, or in the nearest base that has it."""
        order, beyond = self.class_order(value.key)
        missed: list[Target] = []
        for owner in order[1:] if value.what is What.SUPER else order:
            found = self._names.defined(owner.path, f"{owner.qualname}.{name}", depth + 1, receiver=value.key)
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
        symbol = self._index.find_symbol(key)
        return Value(What.FUNCTION, key) if symbol and symbol.kind is SymbolKind.METHOD else UNKNOWN

    def class_order(self, key: SymbolKey) -> ClassOrder:
        """The class and its bases in look-up order (breadth of C3 without its proofs)."""
        known = self._orders.get(key)
        if known is None:
            self._orders[key] = ClassOrder((key,), Beyond.UNKNOWN)  # a class that inherits from itself ends here
            known = self._orders[key] = self._walk_bases(key)
        return known

    def _walk_bases(self, key: SymbolKey) -> ClassOrder:
        symbol = self._index.find_symbol(key)
        if symbol is None:
            return ClassOrder((key,), Beyond.UNKNOWN)
        order: list[SymbolKey] = [key]
        beyond = Beyond.NOTHING
        if self._passes_on(key, symbol):
            beyond = Beyond.ANYTHING
        for base in symbol.bases:
            value = self._names.as_value(self._evaluation.follow(key.path, key.qualname, base, 1), 1).value
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
        if self._index.find_symbol(SymbolKey(key.path, f"{key.qualname}.__getattr__")) is not None:
            return True
        is_alias = symbol.kind is SymbolKind.TYPE and not symbol.bases
        return is_alias and not self._index.has_members(key)


def constructor_of(path: str) -> str:
    """What the language of that file calls a class's constructor."""
    language = find_language(path)
    return language.constructor if language is not None else ""
