"""Plants defects and their innocent twins into the sources of a real program, at places that a seed chooses.

Nothing is copied from the program, and nothing in it is changed but by lines that are added. A defect and its twin
stand in different files, and no file has two plants of one kind while there are others; every file that is planted in
parses afterwards as it did before.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scouts_variants import VARIANTS, Variant
from watchkeeper.code.languages.script_syntax import ScriptNode, read_script

EACH = 4
"""Defects of each kind in a repository, and as many twins."""

_ASIDE = re.compile(
    r"(^|/)(\.[^/]+|tests?(_\w+)?|testing|__tests__|__mocks__|spec|e2e|fixtures?|examples?|samples?|docs?|bench(marks?)?|demos?"
    r"|stories|migrations|alembic|management|scripts?|seeds?|bin|tools|vendor|node_modules|dist|build|static|locale|emails?"
    r"|prisma|playground)/|(^|/)(test_[^/]*|conftest|tests?|setup|seed)\.\w+$|\.(test|spec|stories|config|d)\.\w+$|\.min\.",
    re.IGNORECASE,
)
_SECRET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_MIGRATIONS = "supabase/migrations"
_PARTS = ("function_declaration", "method_definition", "arrow_function", "jsx_opening_element")


class Plant(NamedTuple):
    """One defect or twin where it stands: 1-based lines, both included."""

    variant: str
    kind: str
    is_defect: bool
    path: str
    first: int
    last: int


class _Spot(NamedTuple):
    """Where lines go: before this line (0-based), so far from the left; ``argument`` is what ``__ARG__`` means."""

    line: int
    indent: str
    argument: str = ""


class _Added(NamedTuple):
    """Lines that go before a line of the file as it was; ``number`` of the plant, -1 for imports."""

    line: int
    lines: tuple[str, ...]
    number: int


class _Source:
    """One file that is planted in: its spots by way, and what is added to it so far."""

    def __init__(self, path: str, text: str, spots: Mapping[str, Sequence[_Spot]], top: int) -> None:
        self.path, self.lines, self.spots, self.top = path, text.split("\n"), spots, top
        self.added: list[_Added] = []
        self.kinds: list[str] = []
        self.imports: list[str] = []

    def add(self, variant: Variant, text: str, number: int, chance: random.Random) -> bool:
        taken = {each.line for each in self.added}
        free = [each for each in self.spots.get(variant.way, ()) if each.line not in taken]
        if not free:
            return False
        spot = chance.choice(free)
        body = [spot.indent + line if line else "" for line in text.replace("__ARG__", spot.argument).split("\n")]
        is_apart = variant.way in ("function", "method", "module", "component")
        self.added.append(_Added(spot.line, tuple(["", *body, ""] if is_apart else body), number))
        needed = [each for each in variant.imports if _is_used(each, text)]
        self.imports += [each for each in needed if each not in (*self.imports, *self.lines)]
        self.kinds.append(variant.kind)
        return True

    def written(self) -> tuple[str, dict[int, tuple[int, int]]]:
        """The text with all that is added, and for each plant its first and last line."""
        imports = [_Added(self.top, tuple(self.imports), -1)] if self.imports else []
        out: list[str] = []
        where: dict[int, tuple[int, int]] = {}
        done = 0
        for each in sorted([*imports, *self.added], key=lambda one: (one.line, one.number)):
            out += self.lines[done : each.line]
            done = each.line
            where[each.number] = (
                len(out) + 1 + (each.lines[0] == ""),
                len(out) + len(each.lines) - (each.lines[-1] == ""),
            )
            out += each.lines
        where.pop(-1, None)
        return "\n".join([*out, *self.lines[done:]]), where


def _is_used(line: str, text: str) -> bool:
    """Whether a text uses a name that an import gives."""
    clause = line.partition(" from ")[0] if line.rstrip().endswith(";") else line.rpartition("import ")[2]
    given = [part.split()[-1] for part in re.sub(r"^import |[{};]", " ", clause).split(",") if part.strip()]
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in given)


def plant(repo: Path, paths: Sequence[str], language: str, seed: str) -> list[Plant]:
    """Plants into the work tree ``repo``. ``language``: of most of its sources. Equal seeds plant equally."""
    chance = random.Random(seed)
    sources = list(_open(repo, sorted(paths), language))
    chance.shuffle(sources)
    halves = {True: sources[::2], False: sources[1::2]}
    chosen = list(_choose(language, chance))
    planted: list[Plant] = []
    placed: dict[int, tuple[Variant, bool, _Source]] = {}
    for number, (variant, is_defect) in enumerate(chosen):
        text = fill(variant, chance, number, is_defect=is_defect)
        if variant.way == "file":
            planted.append(_write_file(repo, variant, text, number, is_defect))
            continue
        for source in sorted(halves[is_defect], key=lambda each: (each.kinds.count(variant.kind), len(each.kinds))):
            if source.add(variant, text, number, chance):
                placed[number] = (variant, is_defect, source)
                break
    for source in sources:
        if source.added:
            text, where = source.written()
            assert parses(source.path, text), f"{source.path} does not parse after planting"
            Path(repo, source.path).write_text(text, encoding="utf-8", newline="")
            for number, (first, last) in where.items():
                variant, is_defect, _ = placed[number]
                planted.append(Plant(variant.id, variant.kind, is_defect, source.path, first, last))
    return sorted(planted, key=lambda each: (each.kind, each.variant, not each.is_defect, each.path))


def fill(variant: Variant, chance: random.Random, number: int, *, is_defect: bool) -> str:
    """A variant's text as it is planted, but for ``__ARG__``."""
    secret = "".join(chance.sample(_SECRET, 30))
    text = variant.bad if is_defect else variant.good
    return text.replace("__N__", f"{number:02d}").replace("__SECRET__", secret)


def parses(path: str, text: str) -> bool:
    """Whether it is sound syntax, to the parsers that know its language."""
    if path.endswith(".py"):
        try:
            ast.parse(text)
        except SyntaxError:
            return False
        return True
    root, _ = read_script(path, text.encode())
    return root is not None and not root.is_broken


def top_of(path: str, text: str) -> int:
    """Before which line (0-based) further imports and definitions may stand."""
    if path.endswith(".py"):
        return _python_top(ast.parse(text))
    root, _ = read_script(path, text.encode())
    return 0 if root is None else next((each.line - 1 for each in root.children() if not _is_directive(each)), 0)


def _choose(language: str, chance: random.Random) -> Iterator[tuple[Variant, bool]]:
    """For each kind some of its variants, each once as a defect and once as its twin."""
    languages = (language, "sql") if language == "script" else (language,)
    by_kind: dict[str, list[Variant]] = {}
    for each in VARIANTS:
        if each.language in languages:
            by_kind.setdefault(each.kind, []).append(each)
    for variants in by_kind.values():
        for variant in chance.sample(variants, min(EACH, len(variants))):
            yield variant, True
            yield variant, False


def _write_file(repo: Path, variant: Variant, text: str, number: int, is_defect: bool) -> Plant:
    path = f"{_MIGRATIONS}/20300101{number:06d}_{variant.id.removeprefix('sql-').replace('-', '_')}_{number}.sql"
    place = Path(repo, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text + "\n", encoding="utf-8")
    return Plant(variant.id, variant.kind, is_defect, path, 1, text.count("\n") + 1)


def _open(repo: Path, paths: Sequence[str], language: str) -> Iterator[_Source]:
    endings = (".py",) if language == "python" else (".ts", ".tsx")
    for path in paths:
        place = Path(repo, path)
        if not path.endswith(endings) or _ASIDE.search(path) or place.is_symlink():
            continue
        text = place.read_bytes().decode("utf-8", "replace")
        if (
            "\r" in text
            or text.count("\n") < 20
            or re.search(r"@generated|auto-?generated", text[:2000], re.IGNORECASE)
        ):
            continue
        if parses(path, text):
            source = _python_source(path, text) if language == "python" else _script_source(path, text)
            if source is not None:
                yield source


def _python_source(path: str, text: str) -> _Source:
    tree = ast.parse(text)
    lines = text.split("\n")
    spots: dict[str, list[_Spot]] = {}
    defined = [each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    after = [_Spot(each.end_lineno or each.lineno, "") for each in defined]
    spots["function"] = spots["module"] = after
    spots["method"] = [
        _Spot(each.end_lineno or each.lineno, " " * each.body[-1].col_offset)
        for each in defined
        if isinstance(each, ast.ClassDef) and each.body[-1].lineno > each.lineno
    ]
    spots["body"] = list(_python_bodies(tree, lines))
    return _Source(path, text, spots, top_of(path, text))


def _python_bodies(tree: ast.Module, lines: Sequence[str]) -> Iterator[_Spot]:
    """Before the last statement of functions that take something."""
    for each in ast.walk(tree):
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        given = [one.arg for one in (*each.args.posonlyargs, *each.args.args) if one.arg not in ("self", "cls")]
        last = each.body[-1]
        first = min([last.lineno, *(one.lineno for one in getattr(last, "decorator_list", []))])
        is_own = not lines[first - 1][: last.col_offset].strip() and first > each.lineno
        if given and len(each.body) > 1 and is_own:
            yield _Spot(first - 1, " " * last.col_offset, given[0])


def _python_top(tree: ast.Module) -> int:
    """Before the first statement that is neither the module's words nor an import of the future."""
    for number, each in enumerate(tree.body):
        is_words = number == 0 and isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        if not is_words and not (isinstance(each, ast.ImportFrom) and each.module == "__future__"):
            decorators: list[ast.expr] = getattr(each, "decorator_list", [])
            return min([each.lineno, *(one.lineno for one in decorators)]) - 1
    return 0


def _script_source(path: str, text: str) -> _Source | None:
    root, _ = read_script(path, text.encode())
    if root is None:
        return None
    lines = text.split("\n")
    ends = [each.last_line for each in root.children() if each.kind in ("export_statement", "function_declaration")]
    after = [_Spot(line, "") for line in ends if _ends_alone(root, line)]
    spots = {"function": after, "module": after, "component": after if path.endswith("x") else []}
    if path.endswith("x"):
        spots["element"] = list(_elements(root, lines))
    return _Source(path, text, spots, top_of(path, text))


def _is_directive(node: ScriptNode) -> bool:
    return node.kind == "expression_statement" and node.text.strip("; \n")[:1] in ("'", '"')


def _ends_alone(root: ScriptNode, line: int) -> bool:
    """No other statement of the module stands on that line or goes on after it."""
    return sum(each.line <= line <= each.last_line for each in root.children()) == 1


def _elements(root: ScriptNode, lines: Sequence[str]) -> Iterator[_Spot]:
    """After the opening tags of plain blocks that end their line."""
    for each in root.find(_PARTS).get("jsx_opening_element", []):
        name = each.field("name")
        line = lines[each.last_line - 1]
        if name is not None and name.text in ("div", "section", "main", "header") and line.rstrip().endswith(">"):
            indent = len(line) - len(line.lstrip())
            if each.text.endswith(line.strip()) or line.strip() == ">":
                yield _Spot(each.last_line, " " * (indent + 2))
