"""The ``names`` check: names, imports and attributes that are used and do not exist."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from functools import partial

from watchkeeper.code.checks._attributes import find_missing_attributes
from watchkeeper.code.checks._exports import find_unexported
from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.checks._imports import find_missing_exports, find_missing_imports
from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.checks._scopes import Bound, PythonModule, Scope, ScopeKind, Use
from watchkeeper.code.memory import recall
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey

_ALWAYS = frozenset(dir(builtins)) | frozenset(
    "__file__ __path__ __builtins__ __annotations__ __class__ __cached__ _ WindowsError PythonFinalizationError "
    "reveal_type reveal_locals".split()
)
_IN_CLASSES = frozenset({"__module__", "__qualname__"})


class Names:
    """What is used and nowhere defined, as far as that is certain."""

    name = "names"

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterator[Finding]:
        for path in roots:
            yield from recall(tree, (self.name, path), partial(_find_in, path), len)


CHECK = Names()


def _find_in(path: str, tree: SourceTree) -> tuple[Finding, ...]:
    modules = Modules(tree)
    module = modules.read(path)
    found = [*find_unexported(tree, path)]
    if module is not None:
        found += _undefined(tree, modules, path, module)
        found += find_missing_imports(tree, modules, path, module)
        found += find_missing_exports(tree, modules, path, module)
        found += find_missing_attributes(tree, modules, path, module)
    return tuple(found)


def _undefined(tree: SourceTree, modules: Modules, path: str, module: PythonModule) -> Iterator[Finding]:
    starred: set[str] | None = None
    is_open = any(True for _ in module.stars) or module.writes_globals
    for scope in module.scopes:
        for use in scope.uses:
            owner = scope.find(use.name)
            early = owner is not None and _is_early(module, scope, owner, use)
            if (owner is not None and not early) or use.name in _ALWAYS or module.guards.expects(use.line, "NameError"):
                continue
            if scope.kind is ScopeKind.CLASS and use.name in _IN_CLASSES:
                continue
            if is_open and starred is None:
                starred = set() if modules.is_open(path) else _starred(modules, path, module)
            if is_open and (modules.is_open(path) or use.name in (starred or ())):
                continue
            yield _finding(tree, path, scope, use, early=early)


def _starred(modules: Modules, path: str, module: PythonModule) -> set[str]:
    return {name for node in module.stars for name in modules.star_names(path, node)}


def _finding(tree: SourceTree, path: str, scope: Scope, use: Use, *, early: bool) -> Finding:
    place = f"{path}, in {scope.qualname}" if scope.qualname else path
    if early:
        rule, message = "used-before-definition", f"{use.name} is used before it is defined in {place}"
    elif use.lazy:
        rule, message = "undefined-annotation", f"{use.name} is used in an annotation but not defined in {place}"
    else:
        rule, message = "undefined-name", f"{use.name} is used but not defined in {place}"
    involved = (SymbolKey(path, scope.qualname), SymbolKey(path, use.name))
    return make_finding(tree, FindingKey("names", rule, path, use.name), message, use.line, involved)


def _is_early(module: PythonModule, scope: Scope, owner: Scope, use: Use) -> bool:
    """The use surely runs before anything binds the name: both stand in the module's own statements."""
    if owner is not module.module or use.lazy or use.looped:
        return False
    at: Scope | None = scope
    while at is not None and at.kind is ScopeKind.CLASS:
        at = at.parent
    if at is not module.module or use.name in _ALWAYS:
        return False
    bindings = owner.bindings[use.name]
    if any(item.line <= use.line for item in bindings):
        gone = owner.deleted.get(use.name)
        return gone is not None and gone < use.line and all(0 < item.line <= gone for item in bindings)
    return all(item.how in (Bound.FUNCTION, Bound.CLASS, Bound.IMPORT, Bound.ASSIGNED) for item in bindings)
