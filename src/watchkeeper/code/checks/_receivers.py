"""From an expression to what it certainly is: a module, a class, an instance of a class, a function.

Expressions become chains only where every name in them is bound once; the chains are followed by the project's
resolver, without guesses, and every step is looked at: what may be one of several things is nothing.
"""

from __future__ import annotations

import ast
import re

from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.checks._scopes import Binding, Bound, Scope, ScopeKind
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.python_source.annotations import annotation_chain
from watchkeeper.code.python_source.chains import LONGEST
from watchkeeper.code.python_source.outline import receiver_chain, receiver_of
from watchkeeper.code.resolution import Outcome, Resolution, Value, What
from watchkeeper.code.resolve import Resolver
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Chain, Symbol, SymbolKind

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PLAIN_TYPE = re.compile(r"[\"']?[A-Za-z_][\w.]*[\"']?")
_HOLDERS = frozenset({SymbolKind.FIELD, SymbolKind.VARIABLE})
# Decorators that leave what a caller sees as it is written.
TRANSPARENT = frozenset(
    "staticmethod classmethod abstractmethod cache lru_cache final override no_type_check typing.final "
    "typing.override abc.abstractmethod functools.cache functools.lru_cache typing_extensions.override".split()
)


class Receivers:
    """Answers for one tree."""

    def __init__(self, index: ProjectIndex, modules: Modules) -> None:
        self._index = index
        self._modules = modules
        self.resolver = Resolver(index, guess=False)

    def value(self, path: str, node: ast.expr, scope: Scope) -> Value | None:
        """What the expression surely is; None where that is not sure."""
        chain = self.chain(path, node, scope)
        return self.follow(path, chain) if chain else None

    def follow(self, path: str, chain: Chain) -> Value | None:
        """What the chain surely gives."""
        value: Value | None = None
        for end in range(1, len(chain) + 1):
            found = self.resolver.resolve(path, "", chain[:end])
            if found.outcome is not Outcome.RESOLVED or not self._is_sure_step(found, value, chain[end - 1]):
                return None
            value = found.value
        return value

    def symbol(self, key: SymbolKey) -> Symbol | None:
        """The symbol in the tree's outlines."""
        table = self._index.find_table(key.path)
        return table.symbols.get(key.qualname) if table is not None else None

    def members(self, key: SymbolKey) -> tuple[str, ...]:
        """The names that the class itself defines."""
        table = self._index.find_table(key.path)
        prefix = f"{key.qualname}."
        names = (name for name in table.symbols if name.startswith(prefix)) if table is not None else ()
        return tuple(name[len(prefix) :] for name in names if "." not in name[len(prefix) :])

    def chain(self, path: str, node: ast.expr, scope: Scope) -> Chain:
        """The expression as a chain whose names are each bound once; ``()`` for anything else."""
        if isinstance(node, ast.Name):
            return self._name(path, node.id, scope)
        if isinstance(node, ast.Attribute):
            base = self.chain(path, node.value, scope)
            return (*base, f".{node.attr}") if base and len(base) < LONGEST else ()
        if isinstance(node, ast.Call):
            if _is_super(node):
                owner = _method_owner(scope)
                return (f"%super:{owner}",) if owner else ()
            base = self.chain(path, node.func, scope)
            return (*base, "()") if base and len(base) < LONGEST else ()
        if isinstance(node, ast.Await):
            base = self.chain(path, node.value, scope)
            return (*base, "await") if base else ()
        return ()

    def _name(self, path: str, name: str, scope: Scope) -> Chain:
        owner = scope.find(name)
        bindings = owner.bindings[name] if owner is not None else []
        if owner is None or len(bindings) != 1:
            return ()
        binding = bindings[0]
        if binding.how is Bound.IMPORT:
            return self._imported(path, name, binding.node)
        if owner.kind is ScopeKind.MODULE:
            return (name,) if binding.how in (Bound.FUNCTION, Bound.CLASS) else ()
        if owner.kind is not ScopeKind.FUNCTION:
            return ()
        if binding.how is Bound.PARAMETER:
            return self._parameter(path, name, owner, binding)
        return self._assigned(path, owner, binding) if binding.how is Bound.ASSIGNED else ()

    def _imported(self, path: str, name: str, node: ast.AST | None) -> Chain:
        """An import as a chain that means the same in the whole file, where its module is surely the project's."""
        if isinstance(node, ast.ImportFrom):
            alias = next((item for item in node.names if (item.asname or item.name) == name), None)
            known = self._modules.find(path, node.module or "", node.level)
            if alias is None or known is None or self._index.find_table(known) is None:
                return ()
            return (f"%import:{node.level}:{node.module or ''}", f".{alias.name}")
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    dotted = alias.name if alias.asname else name
                    return (f"%import:0:{dotted}",) if self._modules.find(path, dotted, 0) else ()
        return ()

    def _parameter(self, path: str, name: str, owner: Scope, binding: Binding) -> Chain:
        node = owner.node
        around = owner.parent
        if not isinstance(node, _FUNCTIONS) or not isinstance(binding.node, ast.arg) or around is None:
            return ()
        if around.kind is ScopeKind.CLASS and receiver_of(node) == name:
            return receiver_chain(node, around.qualname) if around.is_symbol and owner.is_symbol else ()
        if binding.node in (node.args.vararg, node.args.kwarg):
            return ()
        return self._annotated(path, binding.node.annotation, around)

    def _annotated(self, path: str, annotation: ast.expr | None, scope: Scope) -> Chain:
        if isinstance(annotation, (ast.Name, ast.Attribute)):
            base = self.chain(path, annotation, scope)
            return (*base, "@") if base and annotation_chain(annotation) else ()
        return ()

    def _assigned(self, path: str, owner: Scope, binding: Binding) -> Chain:
        node = binding.node
        if isinstance(node, ast.AnnAssign):
            return self._annotated(path, node.annotation, owner)
        if isinstance(node, (ast.Assign, ast.NamedExpr)) and isinstance(node.value, (ast.Call, ast.Await)):
            return () if _is_super_call(node.value) else self.chain(path, node.value, owner)
        return ()

    def _is_sure_step(self, found: Resolution, before: Value | None, step: str) -> bool:
        targets = [target.key for target in found.targets if not target.absent]
        if not all(self._is_single(key) for key in targets):
            return False
        if any(symbol.kind in _HOLDERS for key in targets if (symbol := self.symbol(key)) is not None):
            return False  # it holds what was assigned last
        if found.value.what in (What.UNKNOWN, What.OUTSIDE, What.OF):
            return found.value.what is What.OF and step == "()" and self._says_what_it_gives(before)
        if step == "()" and before is not None and before.what is not What.CLASS:
            return before.what is What.FUNCTION and self._says_what_it_gives(before)
        if step.startswith(".") and found.value.what in (What.INSTANCE, What.SUPER):
            symbol = self.symbol(targets[0]) if targets else None
            return symbol is not None and symbol.kind is SymbolKind.PROPERTY and _names_a_type(symbol)
        return step.startswith((".", "%")) or step in ("()", "@", "await") or before is None

    def _says_what_it_gives(self, value: Value | None) -> bool:
        symbol = self.symbol(value.key) if value is not None else None
        return symbol is not None and set(symbol.decorators) <= TRANSPARENT and _names_a_type(symbol)

    def _is_single(self, key: SymbolKey) -> bool:
        """Exactly one statement of the file binds the name."""
        table = self._index.find_table(key.path)
        if table is None:
            return False
        symbol = table.symbols.get(key.qualname)
        imports = [item for item in table.imports.get(key.qualname, ()) if not item.scope]
        if any(item.guarded for item in imports) or len(imports) + (symbol is not None) > 1:
            return False
        return symbol is None or symbol.kind in (SymbolKind.PROPERTY, SymbolKind.MODULE) or len(symbol.spans) == 1


def _names_a_type(symbol: Symbol) -> bool:
    return symbol.signature is not None and _PLAIN_TYPE.fullmatch(symbol.signature.returns) is not None


def _is_super(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args


def _is_super_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _is_super(node)


def _method_owner(scope: Scope) -> str:
    """The class in whose method the scope is; ``""`` where it is none, or no symbol."""
    at: Scope | None = scope
    while at is not None and at.kind is not ScopeKind.CLASS:
        if at.parent is not None and at.parent.kind is ScopeKind.CLASS:
            return at.parent.qualname if at.parent.is_symbol and isinstance(at.node, _FUNCTIONS) else ""
        at = at.parent
    return ""
