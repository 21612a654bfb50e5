"""Classes, interfaces, object types and enums -> drafts of them and of their members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tree_sitter import Node

from watchkeeper.code.languages._typescript_draft import Draft
from watchkeeper.code.languages._typescript_place import Place
from watchkeeper.code.languages._typescript_signature import (
    FUNCTIONS,
    has_token,
    parameter_nodes,
    parameter_pattern,
    read_signature,
    return_type,
)
from watchkeeper.code.languages._typescript_source import Source, named_children
from watchkeeper.code.languages._typescript_types import Names, dotted_chain, type_chain, value_chain
from watchkeeper.model.reading import Chain, SymbolKind


def draft_class(place: Place, node: Node, whole: Node, name: str) -> list[str]:
    """A class declaration, or a class expression that a constant names."""
    source = place.outline.source
    place = place.hiding_parameters(node)
    qualname = place.qualify(name)
    names = _names_in(place, qualname, static=False)
    draft = place.add(
        Draft(
            qualname,
            SymbolKind.CLASS,
            [whole],
            bases=tuple(_bases(source, node, names)),
            decorators=tuple(_decorators(source, [node] if whole is node else [whole, node])),
            frame=place.frame,
            owner=qualname,
            this=(f"%%{qualname}",),
        )
    )
    if has_token(node, "abstract"):
        draft.decorators = (*draft.decorators, "abstract")
    body = node.child_by_field_name("body")
    if body is not None:
        _members(place, draft, body)
    return [name]


def draft_interface(place: Place, node: Node, whole: Node) -> list[str]:
    """An interface with its members."""
    place = place.hiding_parameters(node)
    source = place.outline.source
    name = source.field_text(node, "name")
    clauses = [child for child in node.named_children if child.type == "extends_type_clause"]
    bases = [_heritage(source, base, place.look_up) for clause in clauses for base in named_children(clause)]
    draft = place.add(
        Draft(
            place.qualify(name),
            SymbolKind.INTERFACE,
            [whole],
            bases=tuple(base for base in bases if base),
            frame=place.frame,
        )
    )
    body = node.child_by_field_name("body")
    if body is not None:
        _signatures(place, draft, body)
    return [name]


def draft_type(place: Place, node: Node, whole: Node) -> list[str]:
    """A type alias; the members of its object types are fields, the types that it joins are its bases."""
    place = place.hiding_parameters(node)
    source = place.outline.source
    name = source.field_text(node, "name")
    value = node.child_by_field_name("value")
    draft = place.add(Draft(place.qualify(name), SymbolKind.TYPE, [whole], frame=place.frame))
    draft.type = type_chain(source, value, place.look_up)
    bases: list[Chain] = []
    for part in _joined(value):
        if part.type == "object_type":
            _signatures(place, draft, part)
        elif part.type in ("type_identifier", "generic_type", "nested_type_identifier") and not _is_choice(value):
            bases.append(_heritage(source, part, place.look_up))
    draft.bases = tuple(base for base in bases if base)
    return [name]


def draft_enum(place: Place, node: Node, whole: Node) -> list[str]:
    """An enum; its members are fields."""
    source = place.outline.source
    name = source.field_text(node, "name")
    draft = place.add(Draft(place.qualify(name), SymbolKind.ENUM, [whole], frame=place.frame))
    body = node.child_by_field_name("body")
    members = list(named_children(body)) if body is not None else []
    first, *rest = draft.qualname.split(".")
    head = (first, *(f".{part}" for part in rest))
    written = [source.text(part) for part in members if part.type != "enum_assignment"]
    written += [source.field_text(part, "name") for part in members if part.type == "enum_assignment"]
    draft.frame = {**place.frame, **{part: (*head, f".{part}") for part in written}}
    for member in members:
        key = member.child_by_field_name("name") if member.type == "enum_assignment" else member
        named = member_name(source, key)
        if named:
            _member(place, draft, Draft(named, SymbolKind.FIELD, [member], static=True))
    return [name]


def member_name(source: Source, key: Node | None) -> str:
    """The name of a member; ``""`` for a computed one, which stays part of its owner's own text.

    A well-known symbol keeps the name that the language's specification gives it: ``@@iterator``.
    """
    if key is None:
        return ""
    text = source.text(key)
    if key.type == "string":
        text = text[1:-1]
    elif key.type == "computed_property_name":
        inner = text[1:-1].strip()
        text = f"@@{inner[7:]}" if inner.startswith("Symbol.") else inner.strip("\"'") if inner[:1] in "\"'" else ""
    return text if text and "." not in text and len(text) < 80 and not any(c.isspace() for c in text) else ""


def method_draft(
    place: Place, owner: str, name: str, function: Node, own: list[Node], *, this: Chain, static: bool = False
) -> Draft:
    """The draft of a function that is a member of ``owner``."""
    place = place.hiding_parameters(function)
    source = place.outline.source
    is_property = function.type == "method_definition" and (has_token(function, "get") or has_token(function, "set"))

    def names(written: str) -> Chain:
        return this if written == "this" else place.look_up(written)

    setter = is_property and has_token(function, "set")
    return Draft(
        name,
        SymbolKind.PROPERTY if is_property else SymbolKind.METHOD,
        own,
        signature=None if setter else read_signature(source, function),
        type=() if setter else return_type(source, function, names),
        static=static,
        this=this,
        owner=owner,
        function=function,
    )


def constructed_fields(place: Place, owner: Draft, constructor: Node, names: Names) -> None:
    """Fields that a constructor makes: parameters with a modifier, and ``this.x = ...`` without a declaration."""
    source = place.outline.source
    for parameter in parameter_nodes(constructor):
        pattern = parameter_pattern(parameter)
        marked = any(
            child.type in ("accessibility_modifier", "readonly", "override_modifier") for child in parameter.children
        )
        if marked and pattern.type == "identifier":
            chain = type_chain(source, parameter.child_by_field_name("type"), names)
            field = Draft(source.text(pattern), SymbolKind.FIELD, [parameter], type=chain, walked=False)
            _member(place, owner, field)
    body = constructor.child_by_field_name("body")
    if body is None or "this." not in source.latin[body.start_byte : body.end_byte]:
        return
    declared = _declared(source, owner)
    for target, value, statement in _assigned(source, body):
        if target not in declared:
            declared.add(target)
            chain = value_chain(source, value, _parameter_names(source, constructor, names))
            _member(place, owner, Draft(target, SymbolKind.FIELD, [statement], type=chain, walked=False))


_FIELDS = frozenset({"public_field_definition", "field_definition"})
_METHODS = frozenset({"method_definition", "method_signature", "abstract_method_signature"})
_BLOCKS = frozenset({"statement_block", "if_statement", "else_clause", "try_statement", "finally_clause"})


def _names_in(place: Place, qualname: str, *, static: bool) -> Names:
    this: Chain = (f"%%{qualname}",) if static else (f"%{qualname}",)
    return lambda name: this if name == "this" else place.look_up(name)


def _member(place: Place, owner: Draft, draft: Draft) -> None:
    """Adds a member under its owner's name and takes its text out of the owner's."""
    draft.qualname = f"{owner.qualname}.{draft.qualname}"
    draft.frame = owner.frame
    draft.owner = draft.owner or owner.owner
    place.add(draft)
    if draft.walked:
        owner.holes.extend(draft.own)


def _bases(source: Source, node: Node, names: Names) -> Iterator[Chain]:
    heritage = next((child for child in node.children if child.type == "class_heritage"), None)
    for clause in named_children(heritage) if heritage is not None else ():
        if clause.type == "extends_clause":
            yield value_chain(source, clause.child_by_field_name("value"), names) or ("?",)
        elif clause.type == "implements_clause":
            yield from (_heritage(source, base, names) for base in named_children(clause))
        else:  # JavaScript has no clauses
            yield value_chain(source, clause, names) or ("?",)


def _heritage(source: Source, node: Node, names: Names) -> Chain:
    if node.type == "generic_type":
        name = node.child_by_field_name("name")
        return dotted_chain(source, name, names) if name is not None else ()
    if node.type in ("type_identifier", "nested_type_identifier", "identifier", "member_expression"):
        return dotted_chain(source, node, names)
    return ()


def _decorators(source: Source, holders: Iterable[Node]) -> Iterator[str]:
    for holder in holders:
        nodes = [holder] if holder.type == "decorator" else holder.children
        for node in nodes:
            if node.type == "decorator":
                yield source.text(node)[1:].partition("(")[0].strip()
            elif node.type in ("class_body", "statement_block"):
                break


def _members(place: Place, owner: Draft, body: Node) -> None:
    pending: list[Node] = []
    for node in body.children:
        kind = node.type
        if kind == "decorator":
            pending.append(node)
            continue
        if kind in ("comment", "{", "}", ";", ",") or not kind:
            continue
        if node.has_error or any(part.has_error for part in pending):
            place.break_off(node)
            owner.holes.append(node)
        elif kind in _METHODS or kind in _FIELDS:
            _class_member(place, owner, node, pending)
        pending = []


def _class_member(place: Place, owner: Draft, node: Node, pending: list[Node]) -> None:
    source = place.outline.source
    key = node.child_by_field_name("property" if node.type == "field_definition" else "name")
    name = member_name(source, key)
    if not name:
        return
    static = has_token(node, "static")
    names = _names_in(place, owner.qualname, static=static)
    own = [*pending, node]
    value = node.child_by_field_name("value") if node.type in _FIELDS else None
    if node.type in _METHODS or (value is not None and value.type in FUNCTIONS):
        function = node if value is None else value
        draft = method_draft(place, owner.qualname, name, function, own, this=names("this"), static=static)
    else:
        draft = Draft(name, SymbolKind.FIELD, own, static=static, this=names("this"))
        draft.type = type_chain(source, node.child_by_field_name("type"), names) or value_chain(source, value, names)
    draft.decorators = (*_decorators(source, [*pending, node]), *_marks(node))
    _member(place, owner, draft)
    if name == "constructor" and not static:
        constructed_fields(place, owner, node, names)


def _marks(node: Node) -> Iterator[str]:
    """``abstract`` and ``optional`` members say so among their decorators: implementers must or need not have them."""
    if node.type == "abstract_method_signature" or has_token(node, "abstract"):
        yield "abstract"
    if has_token(node, "?"):
        yield "optional"


def _declared(source: Source, owner: Draft) -> set[str]:
    """The names of all members that the class body declares."""
    node = next((hole.parent for hole in owner.holes if hole.parent is not None), None)
    names: set[str] = set()
    for child in node.named_children if node is not None else ():
        names.add(member_name(source, child.child_by_field_name("name") or child.child_by_field_name("property")))
        if child.type == "method_definition":
            names.update(
                source.text(parameter_pattern(part))
                for part in parameter_nodes(child)
                if any(mark.type in ("accessibility_modifier", "readonly") for mark in part.children)
            )
    return names


def _assigned(source: Source, block: Node) -> Iterator[tuple[str, Node | None, Node]]:
    for child in block.named_children:
        if child.type in _BLOCKS:
            yield from _assigned(source, child)
        inner = next(named_children(child), None) if child.type == "expression_statement" else None
        left = (
            inner.child_by_field_name("left") if inner is not None and inner.type == "assignment_expression" else None
        )
        if inner is None or left is None or left.type != "member_expression":
            continue
        target = left.child_by_field_name("object")
        if target is not None and target.type == "this":
            yield source.field_text(left, "property"), inner.child_by_field_name("right"), child


def _parameter_names(source: Source, function: Node, names: Names) -> Names:
    parameters = {source.text(parameter_pattern(node)): node for node in parameter_nodes(function)}

    def look_up(name: str) -> Chain:
        node = parameters.get(name)
        return names(name) if node is None else type_chain(source, node.child_by_field_name("type"), names)

    return look_up


def _is_choice(value: Node | None) -> bool:
    return value is not None and value.type == "union_type"


def _joined(value: Node | None) -> Iterator[Node]:
    """The parts of an intersection or union, or the type itself."""
    if value is None:
        return
    if value.type in ("intersection_type", "union_type", "parenthesized_type"):
        for part in named_children(value):
            yield from _joined(part)
    else:
        yield value


def _signatures(place: Place, owner: Draft, body: Node) -> None:
    """The members of an interface or object type."""
    source = place.outline.source
    for node in named_children(body):
        if node.has_error:
            place.break_off(node)
            continue
        name = member_name(source, node.child_by_field_name("name"))
        if not name or node.type not in ("property_signature", "method_signature"):
            continue
        names = _names_in(place, owner.qualname, static=False)
        if node.type == "method_signature":
            draft = method_draft(place, "", name, node, [node], this=names("this"))
        else:
            chain = type_chain(source, node.child_by_field_name("type"), names)
            draft = Draft(name, SymbolKind.FIELD, [node], type=chain)
        draft.decorators = tuple(_marks(node))
        _member(place, owner, draft)
