"""What making an instance of a class takes."""

from __future__ import annotations

import ast
from typing import NamedTuple

from watchkeeper.code.call_fit import find_misfit
from watchkeeper.code.checks._classes import ENUMS, Classes
from watchkeeper.code.checks._receivers import TRANSPARENT, Receivers
from watchkeeper.code.python_source.annotations import last_name
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CallShape, Parameter, ParameterKind, Signature, Symbol, SymbolKind

_DATA_DECORATORS = frozenset({"dataclass", "define", "frozen"})
_DATA_BASES = frozenset({"NamedTuple", "Struct"})
_ABSTRACT = frozenset({"abstractmethod", "abc.abstractmethod", "abstractproperty", "abc.abstractproperty"})
_BARE = frozenset({"object", "ABC", "Generic", "Protocol"})


class Constructor(NamedTuple):
    """The signature, and the symbol that makes it: ``__init__``, or the class whose fields are its parameters."""

    key: SymbolKey
    signature: Signature


def find_constructor(classes: Classes, receivers: Receivers, key: SymbolKey) -> Constructor | None:
    """What a call of the class takes; None where that is not certain."""
    if not classes.is_closed(key):
        return None
    order = classes.order(key)
    for place, owner in enumerate(order):
        made = receivers.symbol(SymbolKey(owner.path, f"{owner.qualname}.__init__"))
        if made is not None:
            return _initialiser(owner, made)
        if _is_data(classes, owner):
            return _of_fields(classes, receivers, owner, order[place:])
    outside = {name for owner in order for name in classes.outside_bases(owner)}
    return Constructor(key, Signature()) if outside <= _BARE - {"Protocol"} else None


def surely_fits(classes: Classes, receivers: Receivers, key: SymbolKey, shape: CallShape) -> bool:
    """The nearest ``__init__`` takes the call, by the outlines alone: no file has to be parsed to know it."""
    for owner in classes.order(key):
        made = receivers.symbol(SymbolKey(owner.path, f"{owner.qualname}.__init__"))
        if made is not None:
            return made.signature is None or not find_misfit(shape, made.signature)
        symbol = receivers.symbol(owner)
        if symbol is None or symbol.signature is not None or symbol.decorators:
            return False
    return False


def find_abstract(classes: Classes, receivers: Receivers, key: SymbolKey) -> tuple[str, ...]:
    """The methods that keep the class from being made; empty where there are none, or that is not certain."""
    order = classes.order(key)
    if not any(classes.says_abstract(owner) for owner in order):
        return ()
    first: dict[str, Symbol] = {}
    for owner in order:
        for name in receivers.members(owner):
            symbol = receivers.symbol(SymbolKey(owner.path, f"{owner.qualname}.{name}"))
            if symbol is not None:
                first.setdefault(name, symbol)
    missing = tuple(sorted(name for name, symbol in first.items() if not _ABSTRACT.isdisjoint(symbol.decorators)))
    is_sure = missing and classes.is_closed(key) and any(_is_abc(classes, owner) for owner in order)
    return missing if is_sure else ()


def _initialiser(owner: SymbolKey, made: Symbol) -> Constructor | None:
    is_plain = made.kind is SymbolKind.METHOD and len(made.spans) == 1 and set(made.decorators) <= TRANSPARENT
    if not is_plain or made.signature is None:
        return None
    return Constructor(SymbolKey(owner.path, made.qualname), made.signature)


def _is_data(classes: Classes, key: SymbolKey) -> bool:
    node = classes.node(key)
    if node is None:
        return False
    decorated = any(last_name(item) in _DATA_DECORATORS for item in node.decorator_list)
    return decorated or any(_DATA_BASES & classes.outside_bases(owner) for owner in classes.order(key))


def _of_fields(
    classes: Classes, receivers: Receivers, key: SymbolKey, order: tuple[SymbolKey, ...]
) -> Constructor | None:
    """The fields of all data classes of the order, the farthest base's first; a field again keeps its place."""
    found: dict[str, Parameter] = {}
    for owner in reversed(order):
        node, symbol = classes.node(owner), receivers.symbol(owner)
        if node is None or symbol is None or _says_init(node.decorator_list):
            return None
        if not _is_data(classes, owner):
            continue
        if symbol.signature is None:  # the fields of a plain subclass of Struct or NamedTuple
            return None
        found.update({item.name: item for item in symbol.signature.parameters})
    parameters = sorted(found.values(), key=lambda item: item.kind is ParameterKind.KEYWORD_ONLY)
    return Constructor(key, Signature(tuple(parameters)))


def _says_init(decorators: list[ast.expr]) -> bool:
    """``@dataclass(init=False)`` makes no constructor; what ``**options`` say nobody knows."""
    calls = [item for item in decorators if isinstance(item, ast.Call)]
    return any(keyword.arg in ("init", "these", None) for call in calls for keyword in call.keywords)


def _is_abc(classes: Classes, key: SymbolKey) -> bool:
    node = classes.node(key)
    if node is None:
        return False
    by_keyword = any(item.arg == "metaclass" and last_name(item.value) == "ABCMeta" for item in node.keywords)
    return by_keyword or ("ABC" in classes.outside_bases(key) and not ENUMS & classes.outside_bases(key))
