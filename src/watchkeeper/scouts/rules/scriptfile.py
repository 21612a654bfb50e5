"""One TypeScript or JavaScript file as the rules see it: nodes by kind, what stands around them, what they call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.scouts.rules.rule import Hit

FUNCTIONS = frozenset(
    "function_declaration function_expression arrow_function method_definition generator_function "
    "generator_function_declaration".split()
)
KINDS = (
    "call_expression", "catch_clause", "expression_statement", "statement_block", "assignment_expression", "pair",
    "variable_declarator", "function_declaration", "import_statement", "jsx_opening_element",
    "jsx_self_closing_element", "jsx_attribute",
)  # fmt: skip
_LONGEST_QUOTE = 400
_MOST_LINES = 8
_LONGEST_NAME = 2_000
_END = 300


class ScriptFile:
    """A parsed file. What no grammar understands is left out of what ``of`` gives."""

    def __init__(self, path: str, text: str, root: ScriptNode) -> None:
        self.path = path
        self.text = text
        self.root = root
        self._kinds = root.find(KINDS)

    def of(self, kind: str) -> list[ScriptNode]:
        """All nodes of one of ``KINDS``, in the order of the text."""
        return self._kinds.get(kind, [])

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def calls(self) -> list[tuple[ScriptNode, str]]:
        """Every call, and what it calls as written without spaces: ``supabase.from("a").select``."""
        return [(call, callee(call)) for call in self.of("call_expression")]

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name -> module that it comes from."""
        found: dict[str, str] = {}
        for one in self.of("import_statement"):
            source = one.field("source")
            module = source.text.strip("\"'`") if source is not None else ""
            names = re.sub(r"\bfrom\b.*", "", one.text, flags=re.DOTALL)
            for name in re.findall(r"(?:\w+\s+as\s+)?([A-Za-z_$][\w$]*)", names.replace("import", " ", 1)):
                found[name] = module
        return found

    def function(self, node: ScriptNode) -> ScriptNode | None:
        """The function that it stands in."""
        return next((each for each in node.outward() if each.kind in FUNCTIONS), None)

    def symbol(self, node: ScriptNode) -> str:
        """The names of the functions and classes around it."""
        names = [name for each in (node, *node.outward()) if (name := _own_name(each))]
        return ".".join(reversed(names))

    def hit(self, node: ScriptNode, *words: str, confidence: float | None = None) -> Hit:
        """A finding at a node."""
        last = min(node.last_line, node.line + _MOST_LINES - 1)
        quote = "\n".join(line.strip() for line in self.lines[node.line - 1 : last])
        return Hit(node.line, quote[:_LONGEST_QUOTE], self.symbol(node), words, confidence)


def _own_name(node: ScriptNode) -> str:
    if node.kind in (
        "function_declaration",
        "method_definition",
        "class_declaration",
        "generator_function_declaration",
    ):
        name = node.field("name")
        return name.text if name is not None else ""
    if node.kind == "variable_declarator":
        value, name = node.field("value"), node.field("name")
        return name.text if name is not None and value is not None and value.kind in FUNCTIONS else ""
    return ""


def callee(call: ScriptNode) -> str:
    """What a call calls, as written, without spaces and question marks."""
    function = call.field("function")
    text = function.text if function is not None else ""
    if len(text) > _LONGEST_NAME:  # a chain with whole functions in it: its ends say what it is
        text = f"{text[:_END]}...{text[-_END:]}"
    return re.sub(r"\s+|\?(?=\.)|!(?=\.)", "", text)


def arguments(call: ScriptNode) -> list[ScriptNode]:
    given = call.field("arguments")
    return given.children() if given is not None else []


def is_async(function: ScriptNode) -> bool:
    return any(piece.kind == "async" for piece in function.pieces())


def member(call: ScriptNode) -> str:
    """The last name of what is called: ``select`` of ``a.from(b).select()``; ``""`` for a plain name."""
    function = call.field("function")
    name = function.field("property") if function is not None and function.kind == "member_expression" else None
    return name.text if name is not None else ""


def substitutions(node: ScriptNode) -> list[ScriptNode]:
    """What is put into a template or added to a text; nothing where it is neither."""
    if node.kind == "template_string":
        return [
            each.children()[0] for each in node.children() if each.kind == "template_substitution" and each.children()
        ]
    if node.kind == "binary_expression" and re.search(r"[\"'`]", node.text):
        sides = [side for name in ("left", "right") if (side := node.field(name)) is not None]
        return [one for side in sides for one in (substitutions(side) if _is_text(side) else [side])]
    return []


def _is_text(node: ScriptNode) -> bool:
    return node.kind in ("string", "template_string", "number") or (
        node.kind == "binary_expression" and re.search(r"[\"'`]", node.text) is not None
    )


def attributes(element: ScriptNode) -> dict[str, str] | None:
    """The attributes of a JSX tag and their values as written; None where more are spread into it."""
    found: dict[str, str] = {}
    for each in element.children():
        if each.kind == "jsx_expression":
            return None
        if each.kind == "jsx_attribute":
            parts = each.children()
            found[parts[0].text] = parts[1].text if len(parts) > 1 else ""
    return found


def tag(element: ScriptNode) -> str:
    name = element.field("name")
    return name.text if name is not None else ""


def outside(node: ScriptNode, kinds: frozenset[str], *, until: frozenset[str] = FUNCTIONS) -> Iterator[ScriptNode]:
    """What it stands in of these kinds, the nearest first, up to the first of ``until``."""
    for each in node.outward():
        if each.kind in kinds:
            yield each
        if each.kind in until:
            return
