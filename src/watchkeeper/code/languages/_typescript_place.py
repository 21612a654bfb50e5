"""Where the outline is at the moment: in the module or in a namespace."""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from watchkeeper.code.languages._typescript_draft import Draft, Outline
from watchkeeper.code.languages._typescript_source import first_line, last_line
from watchkeeper.code.languages._typescript_types import UNKNOWN
from watchkeeper.model.reading import Chain


class Place:
    """Collects drafts under a prefix of qualnames; ``frame`` are the names that the namespaces around bind."""

    def __init__(self, outline: Outline, prefix: str = "", frame: Mapping[str, Chain] | None = None) -> None:
        self.outline = outline
        self.prefix = prefix
        self.frame: Mapping[str, Chain] = frame or {}
        self.owner: Draft | None = None

    def inside(self, name: str, frame: Mapping[str, Chain]) -> Place:
        """The place within the namespace ``name``."""
        return Place(self.outline, f"{self.prefix}{name}.", frame)

    def qualify(self, name: str) -> str:
        """The qualname of a name defined here."""
        return f"{self.prefix}{name}"

    def hiding_parameters(self, node: Node) -> Place:
        """The same place inside a generic definition, whose type parameters stand for nothing known."""
        parameters = node.child_by_field_name("type_parameters")
        if parameters is None:
            return self
        source = self.outline.source
        hidden = {source.field_text(part, "name"): UNKNOWN for part in parameters.named_children}
        return Place(self.outline, self.prefix, {**self.frame, **hidden})

    def look_up(self, name: str) -> Chain:
        """What a name means here: itself, unless a namespace binds it; ``()`` for a type parameter."""
        chain = self.frame.get(name)
        if chain is None:
            return (name,) if name != "this" else ()
        return chain if chain != UNKNOWN else ()

    def add(self, draft: Draft) -> Draft:
        self.outline.drafts.append(draft)
        return draft

    def break_off(self, node: Node) -> None:
        """The node cannot be read."""
        self.outline.broken.append((first_line(node), last_line(node)))

    def own_statement(self, node: Node) -> None:
        """A statement that defines nothing belongs to the module; in a namespace to the namespace, as all its text."""
        if self.owner is None:
            self.outline.statements.append(node)
