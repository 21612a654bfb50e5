"""The walk over one definition's own text, which notes every use of a name or member.

One pass. Each handler returns the chain of the expression it was given, so that ``a.b().c`` is built while it is
walked; local names are replaced by what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tree_sitter import Node

from watchkeeper.code.languages._typescript_draft import Draft
from watchkeeper.code.languages._typescript_globals import BUILTIN
from watchkeeper.code.languages._typescript_scope import Scope
from watchkeeper.code.languages._typescript_source import Source
from watchkeeper.code.languages._typescript_types import UNKNOWN, Names
from watchkeeper.model.reading import CallShape, Chain, Form, Reference

Handler = Callable[["Walker", Node, Scope], Chain]


class Walker:
    """Walks with ``handlers`` by node type; what has none is walked child by child. ``outer`` are the globals."""

    def __init__(
        self, source: Source, draft: Draft, handlers: Mapping[str, Handler], outer: Mapping[str, Chain]
    ) -> None:
        self.source = source
        self.frame: Mapping[str, Chain] = {**outer, **draft.frame} if draft.frame else outer
        self.owner = draft.owner
        self.own_this: Chain = draft.this or UNKNOWN
        self.this: Chain = UNKNOWN if draft.function is not None else self.own_this
        self.function_id = draft.function.id if draft.function is not None else 0
        self.found: list[Reference] = []
        self._holes = frozenset(node.id for node in draft.holes)
        self._handlers = handlers

    def visit(self, node: Node, scope: Scope) -> Chain:
        """Walks any node; the chain of its value, ``("?",)`` where it has none."""
        if self._holes and node.id in self._holes:
            return UNKNOWN
        handler = self._handlers.get(node.type)
        if handler is not None:
            return handler(self, node, scope)
        for child in node.named_children:
            self.visit(child, scope)
        return UNKNOWN

    def visit_all(self, nodes: Iterable[Node], scope: Scope) -> None:
        """Walks several nodes."""
        for node in nodes:
            self.visit(node, scope)

    def visit_field(self, node: Node, field: str, scope: Scope) -> Chain:
        """Walks a child by its field name."""
        child = node.child_by_field_name(field)
        return self.visit(child, scope) if child is not None else UNKNOWN

    def name_chain(self, name: str, scope: Scope) -> Chain:
        """What a name stands for: a local's value, or the name itself for the module to look up."""
        local = scope.find(name)
        if local is not None:
            return local
        return self.frame.get(name) or (name,)

    def names(self, scope: Scope) -> Names:
        """The same for types: ``()`` where nothing is known."""

        def look_up(name: str) -> Chain:
            chain = self.this if name == "this" else self.name_chain(name, scope)
            return () if chain[0] == "?" else chain

        return look_up

    def emit(self, node: Node, chain: Chain, form: Form, call: CallShape | None = None) -> None:
        """Notes a use, unless nothing is known about it or it belongs to the language."""
        head = chain[0]
        if head == "?":
            if chain[-1][0] != ".":
                return
        elif head in _BUILTIN:
            return
        self.found.append(Reference(node.start_point[0] + 1, chain, form, call))


_BUILTIN = frozenset({BUILTIN, "%str", "%int", "%bool", "%list", "%dict", "%re", "%symbol"})
