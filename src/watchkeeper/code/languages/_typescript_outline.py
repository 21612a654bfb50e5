"""The top level of a file -> drafts of everything it defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tree_sitter import Node

from watchkeeper.code.languages import _typescript_classes as classes
from watchkeeper.code.languages import _typescript_commonjs as commonjs
from watchkeeper.code.languages import _typescript_values as values
from watchkeeper.code.languages._typescript_draft import Draft, Outline
from watchkeeper.code.languages._typescript_modules import (
    export_name,
    read_export_list,
    read_import,
    read_reexport,
    read_required,
)
from watchkeeper.code.languages._typescript_place import Place
from watchkeeper.code.languages._typescript_source import Source, first_line, last_line, named_children
from watchkeeper.model.reading import Chain, Export, SymbolKind


def read_outline(source: Source) -> Outline:
    """All definitions of the file whose text is sound; what is not is listed as broken."""
    outline = Outline(source)
    place = Place(outline)
    root = source.root
    if root.type == "ERROR":  # beyond the first loose token nobody knows what is nested in what
        for child in root.children:
            if child.type not in STATEMENTS and child.type not in _PLAIN_STATEMENTS:
                outline.broken.append((first_line(child), last_line(root)))
                break
            read_statement(place, child)
    else:
        for child in root.children:
            read_statement(place, child)
    return outline


def read_statement(place: Place, node: Node) -> None:
    """One statement of the module or of a namespace."""
    kind = node.type
    if kind in _NO_STATEMENTS:
        return
    if node.has_error and not (kind in _DIVISIBLE and _is_divisible(node)):
        place.break_off(node)
        return
    try:
        names = declare(place, node, node)
    except RecursionError:
        place.break_off(node)
        return
    if names is None:
        place.own_statement(node)


def declare(place: Place, node: Node, whole: Node) -> list[str] | None:
    """Drafts what the statement defines and names it; None where it defines nothing. ``whole`` holds it."""
    read = STATEMENTS.get(node.type)
    return read(place, node, whole) if read is not None else None


_NO_STATEMENTS = frozenset({"comment", "empty_statement", "hash_bang_line", "html_comment", "{", "}"})
_PLAIN_STATEMENTS = frozenset(
    "comment empty_statement hash_bang_line if_statement for_statement for_in_statement while_statement do_statement "
    "try_statement switch_statement labeled_statement statement_block throw_statement debugger_statement".split()
)
_DIVISIBLE = frozenset(
    "class_declaration abstract_class_declaration interface_declaration export_statement expression_statement "
    "ambient_declaration internal_module module".split()
)


def _is_divisible(node: Node) -> bool:
    """Whether all errors lie in members, so that the others can be read."""
    for child in node.children:
        if not child.has_error:
            continue
        if child.type in ("class_body", "interface_body") or (
            child.type == "statement_block" and node.type in ("internal_module", "module", "ambient_declaration")
        ):
            if any(part.is_missing for part in child.children):
                return False
            continue
        if child.type not in _DIVISIBLE or not _is_divisible(child):
            return False
    return True


def _function(place: Place, node: Node, whole: Node) -> list[str] | None:
    return values.draft_function(place, node, whole, place.outline.source.field_text(node, "name"))


def _class(place: Place, node: Node, whole: Node) -> list[str] | None:
    return classes.draft_class(place, node, whole, place.outline.source.field_text(node, "name"))


def _variables(place: Place, node: Node, whole: Node) -> list[str] | None:
    declarators = [child for child in node.named_children if child.type == "variable_declarator"]
    names: list[str] = []
    for declarator in declarators:
        if not place.prefix and read_required(place.outline, declarator):
            names.append("")
            continue
        names.extend(values.draft_variable(place, declarator, whole if len(declarators) == 1 else declarator))
    return [name for name in names if name] if names else None


def _namespace(place: Place, node: Node, whole: Node) -> list[str] | None:
    name = node.child_by_field_name("name")
    body = node.child_by_field_name("body")
    if name is None:
        return None
    written = "".join(place.outline.source.text(name).split())
    inner = place.inside(written, frame_of(place, written, body))
    draft = place.add(Draft(place.qualify(written), SymbolKind.VARIABLE, [whole], frame=place.frame))
    _nested(inner, draft, body)
    return [written] if name.type == "identifier" else [] if name.type == "string" else [written.partition(".")[0]]


def _nested(inner: Place, draft: Draft, body: Node | None) -> None:
    before = len(inner.outline.drafts)
    inner.owner = draft
    for child in body.children if body is not None else ():
        read_statement(inner, child)
    draft.holes = [node for other in inner.outline.drafts[before:] for node in other.own if other.walked]


def frame_of(place: Place, name: str, body: Node | None) -> Mapping[str, Chain]:
    """The names that a namespace binds for the code inside it."""
    first, *rest = place.qualify(name).split(".")
    head = (first, *(f".{part}" for part in rest))
    frame = dict(place.frame)
    for child in body.named_children if body is not None else ():
        inner = child.child_by_field_name("declaration") or child
        for part in inner.named_children if inner.type.endswith("able_declaration") else [inner]:
            declared = part.child_by_field_name("name")
            if declared is not None and declared.type in ("identifier", "type_identifier"):
                frame[place.outline.source.text(declared)] = (*head, f".{place.outline.source.text(declared)}")
    return frame


def _ambient(place: Place, node: Node, whole: Node) -> list[str] | None:
    names: list[str] = []
    for child in node.named_children:
        if child.type == "statement_block":  # declare global { ... }
            inner = place.inside("global", place.frame)
            draft = place.add(Draft("global", SymbolKind.VARIABLE, [whole]))
            _nested(inner, draft, child)
            return []
        names.extend(declare(place, child, whole) or [])
    return names


def _expression(place: Place, node: Node, whole: Node) -> list[str] | None:
    inner = next(named_children(node), None)
    if inner is None:
        return None
    if inner.type in ("internal_module", "module"):
        return _namespace(place, inner, whole)
    if inner.type == "assignment_expression" and not place.prefix:
        return commonjs.draft_assignment(place, inner, whole)
    if inner.type == "call_expression" and not place.prefix:
        return commonjs.draft_merged(place, inner)
    return None


def _import(place: Place, node: Node, _whole: Node) -> list[str] | None:
    read_import(place.outline, node)
    return []


def _import_alias(place: Place, node: Node, whole: Node) -> list[str] | None:
    parts = list(named_children(node))
    if len(parts) != 2:
        return None
    source = place.outline.source
    name = source.text(parts[0])
    first, *rest = source.text(parts[1]).split(".")
    chain = (*place.look_up(first.strip()), *(f".{part.strip()}" for part in rest))
    place.add(Draft(place.qualify(name), SymbolKind.VARIABLE, [whole], type=chain, frame=place.frame))
    return [name]


def _export(place: Place, node: Node, whole: Node) -> list[str] | None:
    outline = place.outline
    origin = node.child_by_field_name("source")
    if origin is not None:
        read_reexport(outline, node, origin)
        return []
    declaration = node.child_by_field_name("declaration")
    default = any(child.type in ("default", "=") for child in node.children)
    if declaration is not None:
        names = declare(place, declaration, whole)
        if not place.prefix:
            for name in names or ():
                public = "default" if default else name
                outline.exports.append(Export(public, name, "", first_line(node)))
        return names
    for child in node.named_children:
        if child.type == "export_clause":
            read_export_list(outline, child)
            return []
    return _export_value(place, node) if default else None


def _export_value(place: Place, node: Node) -> list[str] | None:
    value = node.child_by_field_name("value")
    if value is None:
        value = next((child for child in named_children(node) if child.type != "decorator"), None)
    if value is None:
        return None
    is_whole = any(child.type == "=" for child in node.children)  # ``export = f``
    if value.type == "identifier":
        export_name(place.outline, place.outline.source.text(value), "default", value)
        place.outline.whole = (place.outline.source.text(value),) if is_whole else place.outline.whole
        return []
    name = values.own_name(place, value) or "default"
    values.draft_value(place, name, value, node)
    place.outline.whole = (name,) if is_whole else place.outline.whole
    place.outline.exports.append(Export("default", name, "", first_line(node)))
    return [name]


STATEMENTS: Mapping[str, Callable[[Place, Node, Node], list[str] | None]] = {
    "function_declaration": _function,
    "generator_function_declaration": _function,
    "function_signature": _function,
    "class_declaration": _class,
    "abstract_class_declaration": _class,
    "lexical_declaration": _variables,
    "variable_declaration": _variables,
    "interface_declaration": classes.draft_interface,
    "type_alias_declaration": classes.draft_type,
    "enum_declaration": classes.draft_enum,
    "internal_module": _namespace,
    "module": _namespace,
    "ambient_declaration": _ambient,
    "expression_statement": _expression,
    "import_statement": _import,
    "import_alias": _import_alias,
    "export_statement": _export,
}
