"""Rules of the dimension ``dead``: code that never runs."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence

from watchkeeper.code.languages.script_syntax import ScriptNode, parse_script
from watchkeeper.scouts.rules.project import PYTHON, SCRIPTS, Project, place_of
from watchkeeper.scouts.rules.pythonfile import PythonFile
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import ScriptFile

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_FEWEST_LINES = 5
_SCRIPT_LEAVES = frozenset({"return_statement", "throw_statement", "break_statement", "continue_statement"})
_HOISTED = frozenset(
    "function_declaration generator_function_declaration empty_statement type_alias_declaration interface_declaration "
    "comment break_statement class_declaration enum_declaration".split()
)
_PROSE = re.compile(r"(^|\n)\s*(e\.g|i\.e|note|todo|fixme|example|usage|see|args?|returns?)\b", re.IGNORECASE)


def find_unreachable_python(file: PythonFile) -> Iterator[Hit]:
    """Statements after one that leaves their block. Not ``return`` before ``yield``, which makes a generator."""
    for kind in (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.If,
        ast.For,
        ast.While,
        ast.With,
        ast.Try,
        ast.ExceptHandler,
    ):
        for node in file.of(kind):
            for name in ("body", "orelse", "finalbody"):
                block: list[ast.stmt] = getattr(node, name, [])
                for left, after in itertools.pairwise(block):
                    if isinstance(left, _LEAVES) and not _makes_generator(after):
                        yield file.hit(after)
                        break


def _makes_generator(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(statement, ast.Pass) or isinstance(value, ast.Yield | ast.YieldFrom | ast.Constant)


def find_unreachable_script(file: ScriptFile) -> Iterator[Hit]:
    """Statements after one that leaves their block."""
    for block in file.of("statement_block"):
        inside = block.children()
        for left, after in itertools.pairwise(inside):
            if left.kind in _SCRIPT_LEAVES and after.kind not in _HOISTED and not block.is_broken:
                if not (after.kind == "variable_declaration" and "=" not in after.text):
                    yield file.hit(after)
                break


def find_unused(project: Project) -> Iterator[Hit]:
    """Private definitions that are named where they are defined, and nowhere else in the project."""
    counts: dict[str, int] = {}
    for facts in project.facts.values():
        for word, count in facts.words.items():
            counts[word] = counts.get(word, 0) + count
    for path, facts in sorted(project.facts.items()):
        if place_of(path) != "code":
            continue
        for hit in facts.private:
            if path.endswith(SCRIPTS) or (path.endswith(PYTHON) and counts.get(hit.words[0], 0) == 1):
                yield hit._replace(path=path)


def find_commented_python(file: PythonFile) -> Iterator[Hit]:
    """Runs of comment lines that are statements."""
    for first, lines in _runs(list(file.lines), "#"):
        if _is_python(lines):
            yield _hit(file.lines, first, len(lines))


def find_commented_script(file: ScriptFile) -> Iterator[Hit]:
    """Runs of comment lines that are statements."""
    for first, lines in _runs(file.lines, "//"):
        if _is_script(lines):
            yield _hit(file.lines, first, len(lines))


def _hit(lines: Sequence[str], first: int, count: int) -> Hit:
    return Hit(first, "\n".join(each.strip() for each in lines[first - 1 : first + 5])[:400], words=(str(count),))


def _runs(lines: list[str], sign: str) -> Iterator[tuple[int, list[str]]]:
    run: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        bare = line.strip()
        if bare.startswith(sign) and not bare.startswith((sign + sign[0], sign + "!", sign + ":")):
            run.append(line[line.index(sign) + len(sign) :])
            continue
        if len(run) >= _FEWEST_LINES:
            yield number - len(run), run
        run = []


def _is_python(lines: list[str]) -> bool:
    text = "\n".join(line.removeprefix(" ") for line in lines)
    if _PROSE.search(text) or ">>>" in text:
        return False
    margin = min((len(line) - len(line.lstrip()) for line in text.split("\n") if line.strip()), default=0)
    try:
        tree = ast.parse("\n".join(line[margin:] for line in text.split("\n")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    does = [each for each in ast.walk(tree) if isinstance(each, ast.stmt) and _does_something(each)]
    return len(does) >= 3


def _does_something(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call | ast.Await)
    return not isinstance(statement, ast.AnnAssign | ast.Pass)


def _is_script(lines: list[str]) -> bool:
    text = "\n".join(lines)
    if (
        _PROSE.search(text)
        or len(re.findall(r"[;{}]\s*$", text, re.MULTILINE)) < len(lines) // 2
        or text.count("@") > 1
    ):
        return False
    root = parse_script("a.tsx", text.encode())
    if root is None or root.is_broken:
        return False
    return sum(_is_statement(each) for each in root.walk()) >= 3


def _is_statement(node: ScriptNode) -> bool:
    return node.kind in (
        "lexical_declaration", "if_statement", "return_statement", "call_expression", "assignment_expression",
        "import_statement", "function_declaration", "for_statement", "jsx_element",
    )  # fmt: skip


_UNREACHABLE = ("this never runs: the statement before it leaves the block", "Show a way that leads there.")
_UNUSED = ("{0} is defined here, and nothing in the project names it again", "Show what calls it, by whatever way.")
_COMMENTED = ("{0} lines of code are commented out", "Show that they are an example for readers.")
_LINES = ["a = load()", "b = parse(a)", "if b:", "    save(b)", "    send(b)", "close(a)"]

RULES = (
    Rule(
        "unreachable-code", "dead", "dead-code", 2, 0.95, *_UNREACHABLE,
        {"a.py": "def f():\n    return 1\n    tidy()\n"}, {"a.py": "def f():\n    return\n    yield\n"},
        python=find_unreachable_python,
    ),
    Rule(
        "unreachable-code", "dead", "dead-code", 2, 0.95, *_UNREACHABLE,
        {"a.ts": "export function f() {\n  return 1;\n  tidy();\n}\n"},
        {"a.ts": "export function f() {\n  return g();\n  function g() { return 1; }\n}\n"},
        script=find_unreachable_script,
    ),
    Rule(
        "unused-definition", "dead", "dead-code", 1, 0.9, *_UNUSED,
        {"a.py": "def _old():\n    return 1\n", "b.ts": "import x from 'x';\nfunction old() { return x; }\n"},
        {"a.py": "def _old():\n    return 1\n\n\nx = _old()\n", "b.ts": "function old() { return 1; }\n"
                    "export const x = old();\n"},
        project=find_unused, reads=(*PYTHON, *SCRIPTS),
    ),
    Rule(
        "commented-out-code", "dead", "dead-code", 1, 0.8, *_COMMENTED,
        {"a.py": "".join(f"# {line}\n" for line in _LINES)},
        {"a.py": "# This is why:\n# the first is loaded,\n# the second is parsed,\n# both are saved,\n"
                    "# and then sent\n"},
        python=find_commented_python,
    ),
    Rule(
        "commented-out-code", "dead", "dead-code", 1, 0.75, *_COMMENTED,
        {"a.ts": "// const a = load();\n// const b = parse(a);\n// if (b) {\n//   save(b);\n// }\n// close(a);\n"},
        {"a.ts": "// This is why:\n// the first is loaded,\n// the second is parsed,\n// both are saved,\n"
                    "// and then sent\n"},
        script=find_commented_script,
    ),
)  # fmt: skip
