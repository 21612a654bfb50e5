"""What rules that look across files are given: what each file imports, defines and mentions, not its tree."""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from watchkeeper.code.footprint import is_test_path
from watchkeeper.scouts.rules.pythonfile import FUNCTIONS, PythonFile
from watchkeeper.scouts.rules.rule import Hit
from watchkeeper.scouts.rules.scriptfile import ScriptFile

PYTHON = (".py", ".pyi")
SCRIPTS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
PAGES = (".html", ".htm")
_MODULE = re.compile(r"(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*[\"']([^\"'\n]+)[\"']")
_EXPORTED = re.compile(
    r"^export\s+(?:(?:default\s+)?(?:async\s+)?(?:function|class)\s+(\w+)|const\s+(\w+)[^=\n]*=\s*(?:async\b|\(|function\b))",
    re.MULTILINE,
)
"""Functions and classes; not constants, of which there is nothing to try."""
_DOTTED = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(:[\w.]+)?$")
"""What is imported by its name, when it is needed: ``shop.jobs.billing``, ``shop.cli:main``."""
_ASIDE = re.compile(
    r"(^|/)(\.[^/]+|tests?|testing|__tests__|__mocks__|fixtures?|examples?|samples?|docs?|docs_src|bench(marks?)?|stories|e2e"
    r"|cypress|playwright|testdata|playground|demos?|\.storybook)/|\.(stories|test|spec|e2e|cy)\.|(^|/)conftest\.py$"
    r"|(^|/)(test|tests)\.py$|(^|/)test_[^/]*\.py$|(^|/)(vitest|jest|playwright|cypress)[\w.]*\.[cm]?[jt]s$",
    re.IGNORECASE,
)


def place_of(path: str) -> str:
    """``tests``, ``aside`` (examples, documentation, what tests are made with) or ``code``."""
    if is_test_path(path) and path.endswith((*PYTHON, *SCRIPTS)):
        return "tests"
    return "aside" if _ASIDE.search(path) else "code"


class Import(NamedTuple):
    """One module that a file imports; ``is_optional`` where the file copes without it, or only types need it."""

    module: str
    hit: Hit
    is_optional: bool = False


class Facts(NamedTuple):
    """What one file says to rules about others. ``words`` are the identifiers in it, and how often each stands there.

    ``leads`` are the places of what it imports, without suffixes and as far as it says them: ``app/billing``.
    """

    imports: tuple[Import, ...] = ()
    private: tuple[Hit, ...] = ()  # definitions that only this project can use; their names are ``words[0]``
    public: tuple[str, ...] = ()
    lines: int = 0
    words: Mapping[str, int] = {}
    leads: tuple[str, ...] = ()


class Project(NamedTuple):
    """A tree. ``facts`` are of the files that could be read, ``paths`` of all that are looked at."""

    paths: tuple[str, ...]
    facts: Mapping[str, Facts]
    read: Callable[[str], bytes]

    def text(self, path: str) -> str:
        """A file as text, ``""`` where it is none."""
        return self.read(path).decode("utf-8", "replace")


def python_words(path: str, text: str) -> Mapping[str, int]:
    """The identifiers of a file, whether it is sound or not: all of a test, else those that begin with ``_``."""
    is_test = place_of(path) == "tests"
    return Counter(re.findall(r"[A-Za-z_]\w*" if is_test else r"\b_[A-Za-z]\w*", text))


def python_facts(file: PythonFile, text: str) -> Facts:
    """What other files' rules have to know of a Python file; ``text`` is all of it, unsound parts too."""
    words = python_words(file.path, text)
    top = [node for node in file.tree.body if isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    private = tuple(file.hit(node, node.name) for node in top if _is_private(node))
    public = [node.name for node in top if not node.name.startswith("_")]
    return Facts(_python_imports(file), private, tuple(public), len(file.lines), words, _python_leads(file))


def _python_leads(file: PythonFile) -> tuple[str, ...]:
    found: list[str] = [alias.name.replace(".", "/") for one in file.of(ast.Import) for alias in one.names]
    folder = file.path.split("/")[:-1]
    for each in file.of(ast.ImportFrom):
        above = folder[: len(folder) - each.level + 1] if each.level else []
        base = [*above, *(each.module.split(".") if each.module else [])]
        found += ["/".join(base), *("/".join([*base, alias.name]) for alias in each.names)]
    for one in file.of(ast.Constant):
        if isinstance(one.value, str) and _DOTTED.match(one.value):
            found.append(one.value.partition(":")[0].replace(".", "/"))
            found.append(found[-1].rpartition("/")[0])  # of a name in it
    if any(name.rpartition(".")[2] in ("import_module", "iter_modules", "__import__") for _, name in file.calls):
        found.append("/".join([*folder, "*"]))  # whatever stands beside it may be meant
        found += [f"{each.replace('.', '/')}*" for each in re.findall(r"f\"([\w.]+\.)\{", "\n".join(file.lines))]
    return tuple(dict.fromkeys(filter(None, found)))


def _is_private(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return node.name.startswith("_") and not node.name.startswith("__") and not node.decorator_list and node.name != "_"


def _python_imports(file: PythonFile) -> tuple[Import, ...]:
    found: list[Import] = []
    for one in file.of(ast.Import):
        found += [Import(alias.name, file.hit(one), _is_optional(file, one)) for alias in one.names]
    for each in file.of(ast.ImportFrom):
        if each.level == 0 and each.module:
            found.append(Import(each.module, file.hit(each), _is_optional(file, each)))
            found += [Import(f"{each.module}.{alias.name}", file.hit(each), is_optional=True) for alias in each.names]
    return tuple(found)


def _is_optional(file: PythonFile, node: ast.AST) -> bool:
    for above in file.outward(node):
        if isinstance(above, ast.Try | ast.With | ast.If | ast.ExceptHandler):
            return True  # it copes without, asks first, or wants types alone
        if isinstance(above, FUNCTIONS):
            return True  # imported where it is used: usually for those who have it
    return False


def script_facts(file: ScriptFile) -> Facts:
    """What other files' rules have to know of a TypeScript or JavaScript file."""
    imports = [
        Import(module.text[1:-1], file.hit(one), one.text.startswith("import type"))
        for one in file.of("import_statement")
        if (module := one.field("source")) is not None
    ]
    for call, name in file.calls:
        if name == "require" and (given := call.field("arguments")) is not None:
            first = next(iter(given.children()), None)
            if first is not None and first.kind == "string":
                imports.append(Import(first.text[1:-1], file.hit(call), file.function(call) is not None))
    exported = [name for names in _EXPORTED.findall(file.text) for name in names if name]
    is_test = place_of(file.path) == "tests"
    words = Counter(re.findall(r"[A-Za-z_$][\w$]*", file.text)) if is_test else Counter[str]()
    return Facts(tuple(imports), _unexported(file), tuple(exported), file.text.count("\n"), words, _script_leads(file))


def _script_leads(file: ScriptFile) -> tuple[str, ...]:
    folder = posixpath.dirname(file.path)
    found: list[str] = []
    for module in _MODULE.findall(file.text):
        if module.startswith("."):
            found.append(posixpath.normpath(posixpath.join(folder, module)))
        elif "/" in module:
            found.append(module.partition("/")[2])
    return tuple(re.sub(r"(/index)?(\.[cm]?[jt]sx?)?$", "", each) for each in dict.fromkeys(found))


def _unexported(file: ScriptFile) -> tuple[Hit, ...]:
    """Functions of the module that are named once in it: nothing uses or exports them."""
    found: list[Hit] = []
    if not re.search(r"^\s*(import|export)\b|\brequire\(", file.text, re.MULTILINE):
        return ()  # a classic script: what it defines belongs to the whole page
    for kind in ("function_declaration", "variable_declarator"):
        for node in file.of(kind):
            holder = node.parent if kind == "variable_declarator" else node
            value, name = node.field("value"), node.field("name")
            above = holder.parent if holder is not None else None
            if name is None or name.kind != "identifier" or above is None or above.kind != "program":
                continue
            if kind == "variable_declarator" and (value is None or value.kind != "arrow_function"):
                continue
            if len(re.findall(rf"(?<![\w$]){re.escape(name.text)}(?![\w$])", file.text)) == 1:
                found.append(file.hit(name, name.text))
    return tuple(found)
