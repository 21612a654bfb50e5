"""From a reference to the symbols that it means: a small abstract evaluation of chains.

A chain (``model.reading.Chain``) is followed step by step; each step turns a value (a module, a class, an instance of a
class, a function, a container of something) into the next. What is passed on the way is remembered: the import that
bound a name, the re-exports it went through, the classes in which an attribute was looked for in vain.

No types are checked and nothing is executed: where the receiver is unknown, an attribute is matched by name, and counts
the less the more definitions bear that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.code.builtin_names import FALLBACK_PROTOCOLS
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.members import Members, constructor_of
from watchkeeper.code.module_names import ModuleNames
from watchkeeper.code.resolution import (
    FOUND_NOTHING,
    FOUND_OUTSIDE,
    MAX_DEPTH,
    OUTSIDE,
    UNKNOWN,
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
from watchkeeper.model.reading import Chain, Form, SymbolKind


class Resolver:
    """Answers for one view of the tree. Remembers what it found: make a new one when the view changes.

    Without ``guess`` the attributes of unknown receivers stay unknown, whoever else defines such a name.
    """

    def __init__(self, index: ProjectIndex, *, guess: bool = True) -> None:
        self._index = index
        self._chains = _Chains(index, guess=guess)

    def resolve(self, path: str, holder: str, chain: Chain, form: Form = Form.LOAD) -> Resolution:
        """What ``chain`` means inside the symbol ``holder`` of the file ``path``."""
        found = self._chains.follow(path, holder, chain, 0)
        if form is Form.PROTOCOL and not is_solid(found):
            others = (
                self._chains.follow(path, holder, (*chain[:-1], f".{other}"), 0)
                for other in FALLBACK_PROTOCOLS.get(chain[-1][1:], ())
            )
            found = next((other for other in others if is_solid(other)), found)
        if form is not Form.IMPORT:
            found = self._chains.names.as_value(found, 0)
        if form is Form.CALL:
            found = found._replace(targets=(*found.targets, *self._reached_by_call(found.value)))
        if form is Form.PROTOCOL:  # nobody means every class that lacks an operator
            found = found._replace(targets=tuple(solid(found)))
        return found

    def _reached_by_call(self, value: Value) -> Iterator[Target]:
        """What calling a class or an instance runs; a class's constructor also where it has none, or an inherited
        one: to give it one of its own changes what the call means."""
        if value.what is What.INSTANCE:
            yield from solid(self._chains.members.member(value, "__call__", Confidence.SURE))
        elif value.what is What.CLASS:
            made = self._chains.members.member(value, constructor_of(value.key.path), Confidence.SURE)
            symbol = self._index.find_symbol(value.key)
            is_class = symbol is not None and symbol.kind is SymbolKind.CLASS
            yield from made.targets if is_class else solid(made)

    def class_order(self, key: SymbolKey) -> ClassOrder:
        """The class and its bases in look-up order (breadth of C3 without its proofs)."""
        return self._chains.members.class_order(key)

    def overridden(self, path: str, qualname: str) -> Iterator[SymbolKey]:
        """The same-named members of the bases of ``qualname``'s class, nearest first."""
        owner, _, name = qualname.rpartition(".")
        if not owner:
            return
        for base in self.class_order(SymbolKey(path, owner)).keys[1:]:
            key = SymbolKey(base.path, f"{base.qualname}.{name}")
            if self._index.find_symbol(key) is not None:
                yield key


class _Chains:
    """Follows chains step by step, each in one place only once."""

    def __init__(self, index: ProjectIndex, *, guess: bool) -> None:
        self._index = index
        self._known: dict[tuple[str, str, Chain], Resolution] = {}
        self.names = ModuleNames(index, self)
        self.members = Members(index, self.names, self, guess=guess)

    def attribute(self, value: Value, name: str, depth: int) -> Resolution:
        """See ``Evaluation``."""
        return self.members.attribute(value, name, depth)

    def follow(self, path: str, holder: str, chain: Chain, depth: int) -> Resolution:
        """See ``Evaluation``."""
        if not chain or depth > MAX_DEPTH:
            return FOUND_NOTHING
        place = (path, holder, chain)
        known = self._known.get(place)
        if known is not None:
            return known
        self._known[place] = FOUND_NOTHING  # a chain that leads back to itself ends here
        if len(chain) == 1:
            found = self._first(path, holder, chain[0], depth)
        else:
            before = self.follow(path, holder, chain[:-1], depth)
            found = self._step(before, chain[-1], depth)
        self._known[place] = found
        return found

    def _first(self, path: str, holder: str, step: str, depth: int) -> Resolution:
        if not step.startswith("%"):
            return FOUND_NOTHING if step == "?" else self.names.name(path, holder, step, depth)
        head, _, rest = step[1:].partition(":")
        if head == "import":
            level, _, module = rest.partition(":")
            return self.names.module(path, module, int(level or 0))
        if head == "super":
            return Resolution(Outcome.RESOLVED, (), Value(What.SUPER, SymbolKey(path, rest)))
        if head == "fixture":
            return self.names.fixture(path, rest)
        if head == "path":
            return self.names.dotted(path, rest, depth)
        if head.startswith("%"):
            return Resolution(Outcome.RESOLVED, (), Value(What.CLASS, SymbolKey(path, head[1:])))
        if self._index.find_symbol(SymbolKey(path, head)) is not None:
            return Resolution(Outcome.RESOLVED, (), Value(What.INSTANCE, SymbolKey(path, head)))
        return FOUND_OUTSIDE

    def _step(self, before: Resolution, step: str, depth: int) -> Resolution:
        if step.startswith("."):
            return self.members.attribute(before.value, step[1:], depth)
        value = self.names.as_value(before, depth).value
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
            return self.type_of(value.key, value.receiver, depth)
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
        found = self.members.member(value, method, Confidence.SURE, depth).value
        return self.type_of(found.key, value.key, depth) if found.what is What.FUNCTION else UNKNOWN

    def type_of(self, key: SymbolKey, receiver: SymbolKey | None, depth: int) -> Value:
        """See ``Evaluation``."""
        symbol = self._index.find_symbol(key)
        if symbol is None or not symbol.type or depth > MAX_DEPTH:  # fields may be made of each other
            return UNKNOWN
        owner = key.qualname.rpartition(".")[0]
        if symbol.type[0] == f"%{owner}" and receiver is not None:  # "returns self": of the class it was called on
            value = Value(What.INSTANCE, receiver)
            for step in symbol.type[1:]:
                value = self._step(Resolution(Outcome.RESOLVED, (), value), step, depth + 1).value
            return value
        return self.follow(key.path, key.qualname, symbol.type, depth + 1).value
