"""Functions, variables and object literals -> drafts."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from watchkeeper.code.languages import _typescript_classes as classes
from watchkeeper.code.languages._typescript_draft import Draft
from watchkeeper.code.languages._typescript_place import Place
from watchkeeper.code.languages._typescript_signature import (
    FUNCTIONS,
    is_component,
    parameter_nodes,
    pattern_parts,
    read_signature,
    return_type,
)
from watchkeeper.code.languages._typescript_source import Source, first_line, last_line, named_children
from watchkeeper.code.languages._typescript_types import required_module, type_chain, value_chain
from watchkeeper.model.reading import Chain, Export, Form, Reference, SymbolKind


def draft_function(place: Place, function: Node, whole: Node, name: str) -> list[str]:
    """A function under a name."""
    place = place.hiding_parameters(function)
    source = place.outline.source
    draft = Draft(
        place.qualify(name),
        SymbolKind.FUNCTION,
        [whole],
        signature=read_signature(source, function, name),
        type=return_type(source, function, place.look_up),
        frame=place.frame,
        function=function,
    )
    draft.properties = _properties_type(source, function, name)
    place.add(draft)
    if name[:1].isupper() and function.type in _CONSTRUCTORS and not is_component(source, function, name):
        this: Chain = (f"%{draft.qualname}",)
        draft.this = this
        classes.constructed_fields(place, draft, function, lambda word: this if word == "this" else place.look_up(word))
    return [name]


def draft_variable(place: Place, declarator: Node, whole: Node) -> list[str]:
    """What one declarator defines: one name, or those of a pattern."""
    source = place.outline.source
    name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
    if name is None:
        return []
    if name.type != "identifier":
        return list(_destructured(place, declarator, name, value))
    while value is not None and value.type == "assignment_expression":  # const app = module.exports = {}
        if "".join(source.field_text(value, "left").split()) == "module.exports":
            place.outline.exports.append(Export("default", source.text(name), "", first_line(declarator)))
            place.outline.whole = (source.text(name),)
        value = value.child_by_field_name("right")
    annotation = declarator.child_by_field_name("type")
    draft_value(place, source.text(name), value, whole, type_chain(source, annotation, place.look_up))
    return [source.text(name)]


def draft_value(place: Place, name: str, value: Node | None, whole: Node, annotated: Chain = ()) -> None:
    """A name for a value: a function, a class, an object with members, or anything else."""
    source = place.outline.source
    plain = _plain(source, value)
    wrapped = _wrapped(plain, name) if plain is not None else None
    if plain is not None and plain.type in FUNCTIONS:
        draft_function(place, plain, whole, name)
    elif plain is not None and plain.type == "class":
        classes.draft_class(place, plain, whole, name)
    elif wrapped is not None:
        draft_function(place, wrapped, whole, name)
        place.outline.drafts[-1].type = ()
    else:
        lazy = _lazy(source, plain) if plain is not None and plain.type == "call_expression" else ()
        chain = annotated or lazy or value_chain(source, value, place.look_up)
        draft = Draft(place.qualify(name), SymbolKind.VARIABLE, [whole], type=chain, frame=place.frame)
        draft.type = chain if chain != ("%dict",) else ()
        place.add(draft)
        if plain is not None and plain.type == "object":
            _object_members(place, draft, plain)


def own_name(place: Place, value: Node) -> str:
    """The name that a function or class expression gives itself."""
    return place.outline.source.field_text(value, "name") if value.type in FUNCTIONS or value.type == "class" else ""


_CONSTRUCTORS = frozenset({"function_declaration", "function_expression"})
_CASTS = frozenset({"as_expression", "satisfies_expression", "parenthesized_expression"})


def _plain(source: Source, value: Node | None) -> Node | None:
    """The value without casts, parentheses and ``Object.freeze``."""
    while value is not None:
        if value.type in _CASTS:
            value = next(named_children(value), None)
        elif value.type == "call_expression" and source.field_text(value, "function") == "Object.freeze":
            arguments = value.child_by_field_name("arguments")
            value = next(named_children(arguments), None) if arguments is not None else None
        else:
            break
    return value


def _wrapped(value: Node, name: str) -> Node | None:
    """The function inside ``memo(() => ...)``, where the name is a component's or a hook's."""
    is_hook = name.startswith("use") and name[3:4].isupper()
    if value.type != "call_expression" or not (is_hook or (name[:1].isupper() and not name.isupper())):
        return None
    arguments = value.child_by_field_name("arguments")
    for argument in named_children(arguments) if arguments is not None else ():
        if argument.type in ("arrow_function", "function_expression"):
            body = argument.child_by_field_name("body")
            return None if body is not None and body.type == "call_expression" and _is_dynamic(body) else argument
        if argument.type == "call_expression":
            inner = _wrapped(argument, name)
            if inner is not None:
                return inner
    return None


def _is_dynamic(call: Node) -> bool:
    while True:
        function = call.child_by_field_name("function")
        if function is None or function.type == "import":
            return function is not None
        target = function.child_by_field_name("object")
        if target is None or target.type != "call_expression":
            return False
        call = target


def _lazy(source: Source, value: Node) -> Chain:
    """``lazy(() => import("./x"))`` is the default export of that module."""
    arguments = value.child_by_field_name("arguments")
    argument = next(named_children(arguments), None) if arguments is not None else None
    body = argument.child_by_field_name("body") if argument is not None and argument.type == "arrow_function" else None
    module = required_module(source, body) if body is not None and body.type == "call_expression" else None
    function = value.child_by_field_name("function")
    if module is None or function is None or not source.text(function).lower().endswith(("lazy", "dynamic")):
        return ()
    return f"%import:0:{module}", ".default"


def _properties_type(source: Source, function: Node, name: str) -> str:
    """The name of the type of a component's properties, to learn which of them are required."""
    nodes = parameter_nodes(function)
    annotation = nodes[0].child_by_field_name("type") if nodes else None
    if annotation is None or not is_component(source, function, name):
        return ""
    inner = next(named_children(annotation), None)
    return source.text(inner) if inner is not None and inner.type == "type_identifier" else ""


def _destructured(place: Place, declarator: Node, pattern: Node, value: Node | None) -> Iterator[str]:
    source = place.outline.source
    chain = value_chain(source, value, place.look_up)
    span = first_line(declarator), last_line(declarator)
    walked = True
    for bound, steps, default in _bound(source, pattern, chain):
        name = source.text(bound)
        own = [node for node in (bound, default, value) if node is not None]
        draft = Draft(place.qualify(name), SymbolKind.VARIABLE, own, type=steps, frame=place.frame, span=span)
        draft.walked = walked  # the first name holds the references of the whole pattern
        walked = False
        if steps and steps[-1].startswith("."):
            draft.extra.append(Reference(first_line(bound), steps, Form.LOAD))
        place.add(draft)
        yield name


def _bound(source: Source, pattern: Node, chain: Chain) -> Iterator[tuple[Node, Chain, Node | None]]:
    """All names of a pattern with what each is bound to and its default."""
    if pattern.type in ("identifier", "shorthand_property_identifier_pattern"):
        yield pattern, chain, None
    elif pattern.type == "object_pattern":
        for key, bound, default in pattern_parts(source, pattern):
            taken = (*chain, f".{key}") if chain and key and key != "?" else ()
            for name, steps, inner in _bound(source, bound, taken):
                yield name, steps, inner or default
    elif pattern.type in ("array_pattern", "assignment_pattern", "rest_pattern"):
        parts = list(named_children(pattern))
        for part in parts[:1] if pattern.type == "assignment_pattern" else parts:
            element = (*chain, "[]") if chain and pattern.type == "array_pattern" else ()
            yield from _bound(source, part, element)


def _object_members(place: Place, owner: Draft, node: Node) -> None:
    """The properties of an object literal: functions are methods, everything else fields."""
    source = place.outline.source
    first, *rest = owner.qualname.split(".")
    this: Chain = (first, *(f".{part}" for part in rest))
    for part in named_children(node):
        key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
        if part.type == "shorthand_property_identifier":
            name, chain = source.text(part), place.look_up(source.text(part))
            draft = Draft(name, SymbolKind.FIELD, [part], type=chain, static=True)
        elif part.type == "method_definition" or (value is not None and value.type in FUNCTIONS):
            function = part if value is None else value
            name = classes.member_name(source, key or part.child_by_field_name("name"))
            draft = classes.method_draft(place, "", name, function, [part], this=this, static=True)
        else:
            name = classes.member_name(source, key)
            chain = value_chain(source, value, place.look_up)
            draft = Draft(name, SymbolKind.FIELD, [part], type=chain if chain != ("%dict",) else (), static=True)
        if name:
            draft.qualname = f"{owner.qualname}.{name}"
            draft.frame = owner.frame
            place.add(draft)
            owner.holes.append(part)
