"""Import and export statements -> what they bind, offer and mention."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from watchkeeper.code.languages._typescript_draft import Outline
from watchkeeper.code.languages._typescript_signature import pattern_parts
from watchkeeper.code.languages._typescript_source import Source, first_line, named_children, string_value
from watchkeeper.code.languages._typescript_types import required_module
from watchkeeper.model.reading import Export, Form, Import, Reference


def read_import(outline: Outline, node: Node) -> None:
    """``import`` in all its forms."""
    source = outline.source
    origin = node.child_by_field_name("source")
    clauses = list(named_children(node))
    if origin is None and clauses and clauses[0].type == "import_require_clause":
        inner = clauses[0]
        origin = inner.child_by_field_name("source")
        if origin is not None:
            names = [(source.text(part), "", part) for part in inner.named_children if part.type == "identifier"]
            _bind(outline, names, string_value(source, origin))
        return
    if origin is None:
        return
    module = string_value(source, origin)
    clause = next((part for part in clauses if part.type == "import_clause"), None)
    if clause is None:
        mention(outline, module, "", origin)
        return
    _bind(outline, list(_clause_names(source, clause)), module)


def read_required(outline: Outline, declarator: Node) -> bool:
    """``const x = require("m")``, ``const {a} = require("m")``, ``const b = require("m").b``: whether it is one."""
    source = outline.source
    name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
    taken = ""
    if value is not None and value.type == "member_expression":
        taken = source.field_text(value, "property")
        value = value.child_by_field_name("object")
    if name is None or value is None or value.type != "call_expression":
        return False
    function = value.child_by_field_name("function")
    module = required_module(source, value)
    if module is None or function is None or function.type == "import":
        return False
    if name.type == "identifier":
        _bind(outline, [(source.text(name), taken, name)], module)
        return True
    if name.type != "object_pattern" or taken:
        return False
    parts = list(pattern_parts(source, name))
    if any(not key or bound.type not in _PLAIN for key, bound, _ in parts):
        return False
    _bind(outline, [(source.text(bound), key, bound) for key, bound, _ in parts], module)
    return True


def read_reexport(outline: Outline, node: Node, origin: Node) -> None:
    """``export ... from "m"``."""
    source = outline.source
    module = string_value(source, origin)
    line = first_line(node)
    for child in node.children:
        if child.type == "*":
            outline.exports.append(Export("*", "*", module, line))
            mention(outline, module, "", origin)
        elif child.type == "namespace_export":
            public = next(named_children(child), None)
            if public is not None:
                outline.exports.append(Export(source.text(public).strip("\"'"), "*", module, line))
                mention(outline, module, "", origin)
        elif child.type == "export_clause":
            for local, named, part in _specifiers(source, child):
                outline.exports.append(Export(named, local, module, first_line(part)))
                mention(outline, module, local, part)


def read_export_list(outline: Outline, clause: Node) -> None:
    """``export { a, b as c }``."""
    for local, public, part in _specifiers(outline.source, clause):
        export_name(outline, local, public, part)


def export_name(outline: Outline, local: str, public: str, node: Node) -> None:
    """Offers a name of this file, which the module thereby refers to."""
    outline.exports.append(Export(public, local, "", first_line(node)))
    outline.mentions.append(Reference(first_line(node), (local,), Form.LOAD))


def mention(outline: Outline, module: str, name: str, node: Node) -> None:
    """Notes that an import names ``name`` of ``module`` (``""``: the module itself)."""
    head = f"%import:0:{module}"
    chain = (head, f".{name}") if name else (head,)
    outline.mentions.append(Reference(first_line(node), chain, Form.IMPORT))


_PLAIN = frozenset({"identifier", "shorthand_property_identifier_pattern"})


def _bind(outline: Outline, names: list[tuple[str, str, Node]], module: str) -> None:
    if not names:  # ``import {} from "m"`` still runs the module
        outline.mentions.append(Reference(1, (f"%import:0:{module}",), Form.IMPORT))
    for local, taken, node in names:
        outline.imports.append(Import(local=local, module=module, level=0, name=taken, line=first_line(node)))
        mention(outline, module, taken, node)


def _clause_names(source: Source, clause: Node) -> Iterator[tuple[str, str, Node]]:
    for part in named_children(clause):
        if part.type == "identifier":
            yield source.text(part), "default", part
        elif part.type == "namespace_import":
            yield from ((source.text(name), "", name) for name in named_children(part))
        elif part.type == "named_imports":
            for taken, local, item in _specifiers(source, part):
                yield local, taken, item


def _specifiers(source: Source, clause: Node) -> Iterator[tuple[str, str, Node]]:
    """``a as b`` -> ``("a", "b", node)``, the same name twice without ``as``."""
    for part in named_children(clause):
        name = source.field_text(part, "name").strip("\"'")
        if name:
            yield name, source.field_text(part, "alias").strip("\"'") or name, part
