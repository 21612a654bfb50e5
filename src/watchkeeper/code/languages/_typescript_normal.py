"""A definition's own text as a sequence of tokens that layout and style do not change.

What a formatter such as Prettier may do leaves the sequence as it was: white space, comments, quotes, semicolons,
trailing commas, the parentheses of a lone arrow parameter, those around a whole value, leading ``|`` of a union.
Semicolons follow from the tree, so that two statements never look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node

from watchkeeper.code.languages._typescript_draft import Draft
from watchkeeper.code.languages._typescript_source import Source, named_children


def normal_text(source: Source, group: Iterable[Draft]) -> str:
    """The tokens of a symbol's definitions, joined by blanks."""
    tokens: list[str] = []
    for draft in group:
        holes = frozenset(hole.id for hole in draft.holes)
        for node in draft.own:
            _tokens(source, node, holes, tokens)
        tokens.append(_END)
    return " ".join(_tidy(tokens))


_END = ";"
_CLOSERS = frozenset(")]}>")
_ENDED = frozenset(
    "expression_statement lexical_declaration variable_declaration return_statement throw_statement break_statement "
    "continue_statement debugger_statement do_statement import_statement export_statement type_alias_declaration "
    "function_signature public_field_definition field_definition method_signature abstract_method_signature "
    "property_signature call_signature construct_signature index_signature import_alias".split()
)
_SEPARATED = frozenset({"interface_body", "object_type", "class_body"})
_OPEN_PARENTS = frozenset(
    "return_statement variable_declarator assignment_expression arguments pair jsx_expression parenthesized_expression "
    "template_substitution array expression_statement throw_statement public_field_definition field_definition".split()
)
_KEYED = frozenset({"pair", "pair_pattern", "property_signature", "method_signature", "enum_assignment"})
_LISTS = frozenset({"object", "enum_body"})
_SPACE = re.compile(r"\s+")


def _tokens(source: Source, node: Node, holes: frozenset[int], tokens: list[str]) -> None:
    kind = node.type
    if kind == "comment" or node.id in holes:
        return
    if kind == "string" and node.is_named:
        tokens.append(_string(source, node))
        return
    if kind == "template_string":
        _template(source, node, holes, tokens)
        return
    if kind in ("jsx_text", "regex"):
        text = source.text(node)
        text = _SPACE.sub(" ", text).strip() if kind == "jsx_text" else text
        if text:
            tokens.append(text)
        return
    children = node.children
    if not children:
        text = source.text(node)
        if text and not (text == ";" and _is_optional_semicolon(node)):
            tokens.append(text)
        return
    if holes and kind in _LISTS:
        children = [child for child in children if child.type != ","]  # members are symbols of their own
    for child in _significant(node, children):
        _tokens(source, child, holes, tokens)
    if kind in _ENDED:
        tokens.append(_END)


def _significant(node: Node, children: list[Node]) -> list[Node]:
    """The children without marks that the author may as well leave out."""
    kind = node.type
    if kind == "parenthesized_expression" and _is_spare(node):
        return children[1:-1]
    if kind == "formal_parameters" and _is_lone_parameter(node):
        return children[1:-1]
    if kind in ("union_type", "intersection_type") and children[0].type in ("|", "&"):
        return children[1:]
    if kind in _SEPARATED:
        return [child for child in children if child.type not in (";", ",")]
    if kind in _ENDED:
        return [child for child in children if child.type != ";"]
    return children


def _is_optional_semicolon(node: Node) -> bool:
    parent = node.parent
    if parent is None or parent.type == "for_statement":
        return False
    if parent.type == "empty_statement":
        above = parent.parent
        return above is not None and above.type in ("program", "statement_block")
    return True


def _is_spare(node: Node) -> bool:
    """Whether the parentheses group nothing: around a whole value, where any expression may stand."""
    parent = node.parent
    inner = next(named_children(node), None)
    if parent is None or inner is None or inner.type == "sequence_expression":
        return False
    if parent.type == "arrow_function":
        return inner.type != "object"
    if parent.type == "expression_statement":
        return inner.type not in ("object", "function_expression", "class")
    return parent.type in _OPEN_PARENTS


def _is_lone_parameter(node: Node) -> bool:
    parent = node.parent
    if parent is None or parent.type != "arrow_function" or parent.child_by_field_name("return_type") is not None:
        return False
    if parent.child_by_field_name("type_parameters") is not None:
        return False
    parts = list(named_children(node))
    if len(parts) != 1:
        return False
    if parts[0].type == "identifier":
        return True
    return parts[0].type == "required_parameter" and [child.type for child in parts[0].children] == ["identifier"]


def _string(source: Source, node: Node) -> str:
    text = source.text(node)[1:-1].replace("\\'", "'").replace('\\"', '"')
    parent = node.parent
    if parent is not None and parent.type in _KEYED and text.isidentifier() and text.isascii():
        key = parent.child_by_field_name("key") or parent.child_by_field_name("name")
        if key is not None and key.id == node.id:
            return text
    return f'"{text}"'


def _template(source: Source, node: Node, holes: frozenset[int], tokens: list[str]) -> None:
    at = node.start_byte
    for child in node.children:
        if child.type == "template_substitution":
            tokens.append(source.between(at, child.start_byte))
            _tokens(source, child, holes, tokens)
            at = child.end_byte
    tokens.append(source.between(at, node.end_byte))


def _tidy(tokens: list[str]) -> list[str]:
    """Without trailing commas and without doubled ends."""
    kept: list[str] = []
    for token in tokens:
        last = kept[-1] if kept else ""
        if token in _CLOSERS and last == "," and (len(kept) < 2 or kept[-2] not in (",", "[")):
            kept.pop()
        elif token == _END and (last == _END or not kept):
            continue
        kept.append(token)
    return kept
