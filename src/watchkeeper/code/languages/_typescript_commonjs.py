"""CommonJS: what assignments to ``module.exports`` and to members of what the file defines offer.

Such a module may be any value as a whole: a function, a class, an instance. ``Outline.whole`` says which.
"""

from __future__ import annotations

from tree_sitter import Node

from watchkeeper.code.languages import _typescript_classes as classes
from watchkeeper.code.languages._typescript_draft import Draft, Outline
from watchkeeper.code.languages._typescript_modules import export_name, mention
from watchkeeper.code.languages._typescript_place import Place
from watchkeeper.code.languages._typescript_signature import FUNCTIONS
from watchkeeper.code.languages._typescript_source import first_line, named_children
from watchkeeper.code.languages._typescript_types import required_module, value_chain
from watchkeeper.code.languages._typescript_values import draft_value, own_name
from watchkeeper.model.reading import Chain, Export, Form, Reference, SymbolKind


def draft_assignment(place: Place, node: Node, whole: Node) -> list[str] | None:
    """``module.exports = ...``, ``exports.x = ...``, ``F.prototype.m = ...``, ``F.x = ...``; None for any other."""
    source = place.outline.source
    targets: list[str] = []
    value: Node | None = node
    while value is not None and value.type == "assignment_expression":
        targets.append("".join(source.field_text(value, "left").split()))
        value = value.child_by_field_name("right")
    if value is None:
        return None
    known = len(place.outline.drafts)
    names = _assigned(place, targets, value, whole)
    for draft in place.outline.drafts[known:]:
        if draft.own == [whole]:
            draft.reads = [value]  # what stands to the left is a definition, not a use
    return names


def draft_merged(place: Place, call: Node) -> list[str] | None:
    """``Object.assign(module.exports, { ... }, require("m"))``; None for any other call."""
    source = place.outline.source
    arguments = call.child_by_field_name("arguments")
    given = list(named_children(arguments)) if arguments is not None else []
    if source.field_text(call, "function") != "Object.assign" or not given or source.text(given[0]) not in _EXPORTS:
        return None
    if any(part.type != "object" and _spread_module(place.outline, part) is None for part in given[1:]):
        return None
    names: list[str] = []
    for part in given[1:]:
        names += _export_members(place, part) if part.type == "object" else []
        if part.type != "object":
            _export_spread(place.outline, part)
    return names


_EXPORTS = frozenset({"exports", "module.exports"})
_OWN: Chain = ("exports",)


def _assigned(place: Place, targets: list[str], value: Node, whole: Node) -> list[str] | None:
    for target in targets:
        if target == "module.exports" or (target == "exports" and len(targets) > 1):
            return _export_all(place, value, whole)
        owner, _, name = target.rpartition(".")
        if owner in _EXPORTS and name.isidentifier():
            return _export_one(place, name, value, whole)
    return _attached(place, targets[0], value, whole)


def _export_all(place: Place, value: Node, whole: Node) -> list[str]:
    outline = place.outline
    if value.type == "identifier":
        export_name(outline, outline.source.text(value), "default", value)
        outline.whole = (outline.source.text(value),)
        return []
    if value.type == "object":
        outline.whole = _OWN
        return _export_members(place, value)
    if value.type == "call_expression" and required_module(outline.source, value) is not None:
        module = required_module(outline.source, value) or ""
        outline.exports.append(Export("*", "*", module, first_line(whole)))
        outline.exports.append(Export("default", "default", module, first_line(whole)))
        mention(outline, module, "", value)
        outline.whole = (f"%import:0:{module}",)
        return []
    name = own_name(place, value) or "default"
    outline.whole = (name,)
    draft_value(place, name, value, whole)
    outline.exports.append(Export("default", name, "", first_line(whole)))
    return [name]


def _export_members(place: Place, value: Node) -> list[str]:
    """``module.exports = { a, b: c, d() {} }``: each property is an export; what has no name yet gets the key's."""
    outline = place.outline
    source = outline.source
    names: list[str] = []
    outline.whole = outline.whole or _OWN
    for part in named_children(value):
        bound = part.child_by_field_name("value")
        key = part.child_by_field_name("key") or part.child_by_field_name("name")
        name = classes.member_name(source, key)
        if part.type == "shorthand_property_identifier":
            export_name(outline, source.text(part), source.text(part), part)
        elif bound is not None and bound.type == "identifier" and name:
            export_name(outline, source.text(bound), name, part)
        elif name and (part.type == "method_definition" or bound is not None):
            _draft_member(place, name, bound if bound is not None else part, part)
            outline.exports.append(Export(name, name, "", first_line(part)))
            names.append(name)
        elif part.type == "spread_element":
            inner = next(named_children(part), None)
            if inner is None or not _export_spread(outline, inner):
                outline.statements.append(part)
    return names


def _draft_member(place: Place, name: str, value: Node, part: Node) -> None:
    known = len(place.outline.drafts)
    draft_value(place, name, value, part)
    for draft in place.outline.drafts[known:]:
        if draft.function is not None and draft.qualname == place.qualify(name):
            draft.this = draft.this or _OWN


def _export_spread(outline: Outline, node: Node) -> bool:
    """``...require("m")``, ``...m`` of an imported ``m``: all that the module offers; False for any other value."""
    module = _spread_module(outline, node)
    if module is None:
        return False
    outline.exports.append(Export("*", "*", module, first_line(node)))
    if node.type == "identifier":
        outline.mentions.append(Reference(first_line(node), (outline.source.text(node),), Form.LOAD))
    else:
        mention(outline, module, "", node)
    return True


def _spread_module(outline: Outline, node: Node) -> str | None:
    if node.type == "call_expression":
        return required_module(outline.source, node)
    name = outline.source.text(node) if node.type == "identifier" else ""
    return next((item.module for item in outline.imports if item.local == name and not item.name), None)


def _export_one(place: Place, name: str, value: Node, whole: Node) -> list[str]:
    outline = place.outline
    outline.whole = outline.whole or _OWN
    if value.type == "identifier":
        export_name(outline, outline.source.text(value), name, value)
        return []
    module = required_module(outline.source, value) if value.type == "call_expression" else None
    if module is not None:
        outline.exports.append(Export(name, "*", module, first_line(whole)))
        mention(outline, module, "", value)
        return []
    if value.type == "member_expression":
        target = value.child_by_field_name("object")
        module = (
            required_module(outline.source, target) if target is not None and target.type == "call_expression" else None
        )
        if module is not None:
            taken = outline.source.field_text(value, "property")
            outline.exports.append(Export(name, taken, module, first_line(whole)))
            mention(outline, module, taken, value)
            return []
    draft_value(place, name, value, whole)
    outline.exports.append(Export(name, name, "", first_line(whole)))
    return [name]


def _attached(place: Place, target: str, value: Node, whole: Node) -> list[str] | None:
    """A member that is assigned to something the file defines: ``F.prototype.m = function``, ``app.use = function``."""
    owner, _, name = target.rpartition(".")
    is_prototype = owner.endswith(".prototype")
    owner = owner.removesuffix(".prototype")
    known = next((draft for draft in place.outline.drafts if draft.qualname == owner), None)
    if known is None or not name.isidentifier() or not owner:
        return None
    place_type = (SymbolKind.FUNCTION, SymbolKind.CLASS)
    this: Chain = (f"%{owner}",) if is_prototype or known.kind not in place_type else (f"%%{owner}",)
    if known.kind is SymbolKind.VARIABLE:
        this = (owner,)
    if value.type in FUNCTIONS:
        draft = classes.method_draft(
            place, owner, f"{owner}.{name}", value, [whole], this=this, static=not is_prototype
        )
        if known.kind is not SymbolKind.CLASS:
            draft.owner = ""
    else:
        chain = value_chain(place.outline.source, value, place.look_up)
        draft = Draft(f"{owner}.{name}", SymbolKind.FIELD, [whole], type=chain, static=not is_prototype)
    place.add(draft)
    return []
