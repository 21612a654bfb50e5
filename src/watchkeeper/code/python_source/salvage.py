"""Which statements of a file hold its syntax errors.

Two answers, because neither is always the better one: tree-sitter's tree knows strings and brackets, but one unclosed
bracket can swallow the rest of a file; indentation does not care about brackets, and people keep it right while typing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_python

from watchkeeper.model.reading import Span

Blank = tuple[Span, str]
"""Lines to leave out, and what stands in their first line (``pass`` where a class would be left empty)."""

_CONTINUES = re.compile(r"(?:else|elif|except|finally|case)\b|[)\]}]")
_CLASS = re.compile(r"class\b")
_BEGINS = re.compile(r"""(?:class|def|async)\b|@|[^"']*[=(\[{,]\s*[a-zA-Z]{0,2}(?:\"{3}|'{3})""")


def find_broken(lines: list[str], error_line: int) -> list[Blank]:
    """By tree-sitter: the top-level or class-level statements with an error, else the one over ``error_line``."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    root = parser.parse("\n".join(lines).encode("utf-8", "surrogatepass")).root_node
    found = list(_erroneous(root))
    return found or list(_covering(root, error_line - 1, lines))


def find_broken_chunk(lines: list[str], error_line: int) -> list[Blank]:
    """By indentation: the top-level statement, or the class's member, that ``error_line`` is part of."""
    if not 1 <= error_line <= len(lines):
        return []
    if not lines[error_line - 1].strip():  # an error at the end of the file belongs to the last statement
        error_line = next((at for at in range(error_line, 0, -1) if lines[at - 1].strip()), 0)
    chunk = _chunk(lines, error_line, 1, len(lines), "")
    while chunk and _CLASS.match(lines[_header(lines, chunk) - 1].lstrip()):
        inner = _member(lines, error_line, chunk)
        if inner is None:
            break
        chunk = inner
    if chunk is None:
        return []
    return [(chunk, _stand_in(lines, chunk))]


def find_unclosed_string(lines: list[str], error_line: int) -> list[Blank]:  # noqa: ARG001
    """The one top-level statement or class member with an odd number of triple quotes.

    The error itself is no guide: an unclosed docstring turns all later ones inside out.
    """
    for quotes in ('"""', "'''"):
        if sum(line.count(quotes) for line in lines) % 2:
            return _odd_blank(lines, quotes, (1, len(lines)), "")
    return []


def _odd_blank(lines: list[str], quotes: str, within: Span, indent: str) -> list[Blank]:
    odd = _odd_chunks(lines, quotes, within, indent)
    if len(odd) != 1:
        return []
    chunk = odd[0]
    body = _first_member(lines, chunk) if _CLASS.match(lines[_header(lines, chunk) - 1].lstrip()) else None
    inner = _odd_blank(lines, quotes, (body, chunk[1]), _indent(lines[body - 1])) if body is not None else []
    return inner or [(chunk, _stand_in(lines, chunk))]


def _odd_chunks(lines: list[str], quotes: str, within: Span, indent: str) -> list[Span]:
    """The statements with an odd number of ``quotes``; the lines of a closed string count as one statement."""
    first, last = within
    starts = [at for at in range(first, last + 1) if _starts_statement(lines[at - 1], indent)]
    odd: list[Span] = []
    begun: int | None = None  # where an odd statement began that the next lines may complete
    for start, after in zip(starts, [*starts[1:], last + 1], strict=False):
        if begun is not None and _BEGINS.match(lines[start - 1].lstrip()):
            odd.append((begun, start - 1))
            begun = None
        if sum(line.count(quotes) for line in lines[start - 1 : after - 1]) % 2:
            begun = start if begun is None else None
    if begun is not None:
        odd.append((begun, last))
    return [(_chunk(lines, start, first, last, indent) or (start, end)) for start, end in odd]


def _erroneous(block: tree_sitter.Node) -> Iterator[Blank]:
    for child in block.children:
        if not (child.has_error or child.is_error or child.is_missing):
            continue
        body = _class_body(child)
        inner = list(_erroneous(body)) if body is not None and _header_is_whole(child) else []
        if not inner:
            yield _span(child), ""
        elif body is not None and len(inner) == body.named_child_count:
            (span, _), *others = inner
            yield span, " " * body.start_point[1] + "pass"
            yield from others
        else:
            yield from inner


def _covering(block: tree_sitter.Node, row: int, lines: list[str]) -> Iterator[Blank]:
    for child in block.named_children:
        if child.start_point[0] <= row <= _span(child)[1] - 1:
            body = _class_body(child)
            if body is not None and body.start_point[0] <= row:
                stand_in = " " * body.start_point[1] + "pass" if body.named_child_count == 1 else ""
                yield from ((span, stand_in) for span, _ in _covering(body, row, lines))
            elif any(lines[child.start_point[0] : _span(child)[1]]):
                yield _span(child), ""


def _class_body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    inner = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
    return inner.child_by_field_name("body") if inner is not None and inner.type == "class_definition" else None


def _header_is_whole(node: tree_sitter.Node) -> bool:
    inner = node.child_by_field_name("definition") or node
    broken = [child for child in inner.children if child.has_error or child.is_missing]
    return all(child.type == "block" for child in broken)


def _span(node: tree_sitter.Node) -> Span:
    first, last = node.start_point[0] + 1, node.end_point[0] + 1
    return first, max(first, last if node.end_point[1] else last - 1)


def _chunk(lines: list[str], line: int, first: int, last: int, indent: str) -> Span | None:
    starts = [at for at in range(first, last + 1) if _starts_statement(lines[at - 1], indent)]
    before = [at for at in starts if at <= line]
    if not before:
        return (first, line) if line >= first else None
    start = before[-1]
    while start - 1 in starts and lines[start - 2].lstrip().startswith("@"):
        start -= 1
    while lines[before[-1] - 1].lstrip().startswith("@") and (after := [at for at in starts if at > before[-1]]):
        before.append(after[0])
    end = min((at - 1 for at in starts if at > before[-1]), default=last)
    while end > line and not lines[end - 1].strip():
        end -= 1
    return start, end


def _starts_statement(line: str, indent: str) -> bool:
    rest = line[len(indent) :]
    return line.startswith(indent) and rest[:1] not in ("", " ", "\t", "#", "\f") and not _CONTINUES.match(rest)


def _header(lines: list[str], chunk: Span) -> int:
    return next((at for at in range(chunk[0], chunk[1] + 1) if not lines[at - 1].lstrip().startswith("@")), chunk[0])


def _member(lines: list[str], line: int, chunk: Span) -> Span | None:
    first = _first_member(lines, chunk)
    if first is None or line < first:
        return None
    return _chunk(lines, line, first, chunk[1], _indent(lines[first - 1]))


def _first_member(lines: list[str], chunk: Span) -> int | None:
    header = _header(lines, chunk)
    own = _indent(lines[header - 1])
    inside = (at for at in range(header + 1, chunk[1] + 1) if lines[at - 1].strip())
    return next((at for at in inside if len(_indent(lines[at - 1])) > len(own)), None)


def _stand_in(lines: list[str], chunk: Span) -> str:
    indent = _indent(lines[chunk[0] - 1])
    return f"{indent}pass" if indent else ""


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
