"""Dependencies: packages that manifests and locks name, and modules that code imports from them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import msgspec

from watchkeeper.code.resources.keyed_text import read_keys
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.script_text import SUFFIXES
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_REQUIREMENTS = re.compile(
    r"(^|/)(requirements[\w.-]*|constraints[\w.-]*)\.(txt|in)$|(^|/)requirements/[\w.-]+\.(txt|in)$"
)
_KEYED = re.compile(r"(^|/)(pyproject\.toml|Pipfile|setup\.cfg|package\.json|Cargo\.toml)$")
_LOCK = re.compile(r"(^|/)(poetry|uv|pdm|Cargo)\.lock$")
_SPEC = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*((?:[=<>!~^]=?=?|@)[^;#]*)?(?:[;#].*)?$")
_LIST = re.compile(r"[\"']([^\"']+)[\"']")
_LISTS = re.compile(r"^(project\.dependencies|project\.optional-dependencies\.[^.]+|dependency-groups\.[^.]+)$")
_CFG = re.compile(r"^options\.(install_requires|extras_require\.[^.]+)$")
_TABLES = re.compile(
    r"^(?:tool\.poetry\.(?:group\.[^.]+\.)?(?:dev-)?dependencies|packages|dev-packages|"
    r"(?:workspace\.)?(?:dev-|build-)?dependencies|dependencies|devDependencies|peerDependencies|optionalDependencies)"
    r"\.(.+)$"
)
_LOCKED = re.compile(r"\[\[package\]\]\s*\nname = \"([^\"]+)\"\s*\nversion = \"([^\"]+)\"")
_NPM_LOCKED = re.compile(r"\"(?:[^\"]*node_modules/)([^\"]+)\":\s*\{\s*\"version\":\s*\"([^\"]+)\"")
_YARN = re.compile(r"^\"?((?:@[^/\s\"]+/)?[^@\s\"]+)@[^\n]*:\n\s+version:?\s+\"?([^\"\s]+)", re.MULTILINE)
_GO = re.compile(r"^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/[\w./-]+)\s+(v\S+)", re.MULTILINE)
_DISTRIBUTIONS = {
    "yaml": "pyyaml", "PIL": "pillow", "sklearn": "scikit-learn", "cv2": "opencv-python", "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil", "jwt": "pyjwt", "dotenv": "python-dotenv", "attr": "attrs", "OpenSSL": "pyopenssl",
    "rest_framework": "djangorestframework", "magic": "python-magic", "psycopg2": "psycopg2-binary",
}  # fmt: skip


class DependencyExtractor(msgspec.Struct, frozen=True):
    """Named ``pypi:name``, ``npm:name``, ``cargo:name``, ``go:path``; the value is the version or range."""

    kind: ResourceKind = ResourceKind.DEPENDENCY

    def wants(self, path: str, /) -> bool:
        name = path.rpartition("/")[2]
        return path.endswith((".py", *SUFFIXES)) or name in _NAMES or bool(_REQUIREMENTS.search(path))

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        name = path.rpartition("/")[2]
        if path.endswith((".py", *SUFFIXES)):
            _imports(page)
        elif _LOCK.search(path):
            _locked(page, "cargo" if name == "Cargo.lock" else "pypi", _LOCKED)
        elif name == "package-lock.json":
            _locked(page, "npm", _NPM_LOCKED)
        elif name == "yarn.lock":
            _locked(page, "npm", _YARN)
        elif name == "go.mod":
            _locked(page, "go", _GO)
        elif _KEYED.search(path):
            _keyed(page, {"package.json": "npm", "Cargo.toml": "cargo"}.get(name, "pypi"))
        else:
            _requirements(page)
        return page.reading()


_NAMES = frozenset({
    "pyproject.toml", "Pipfile", "setup.cfg", "package.json", "Cargo.toml", "poetry.lock", "uv.lock", "pdm.lock",
    "Cargo.lock", "package-lock.json", "yarn.lock", "go.mod",
})  # fmt: skip


def is_lock(path: str) -> bool:
    """Whether the file is written by a tool: what clashes there is made anew, not merged."""
    return path.endswith((".lock", "package-lock.json"))


def _imports(page: Page) -> None:
    reading = page.tree.reading(page.path)
    is_python = page.path.endswith(".py")
    for item in reading.imports if reading is not None else ():
        name = _python_package(item.module, item.level) if is_python else _npm_package(item.module)
        if name:
            page.add(name, AccessMode.READ, item.line)


def _python_package(module: str, level: int) -> str:
    top = module.partition(".")[0]
    if level or not top or top in sys.stdlib_module_names:
        return ""
    return f"pypi:{_normal(_DISTRIBUTIONS.get(top, top))}"


def _npm_package(module: str) -> str:
    if not module or module[0] in "./#~" or module.startswith(("@/", "node:", "http")):
        return ""
    return "npm:" + "/".join(module.split("/")[: 2 if module[0] == "@" else 1])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(page: Page, registry: str, pattern: re.Pattern[str]) -> None:
    for match in pattern.finditer(page.text):
        name = _normal(match[1]) if registry == "pypi" else match[1]
        page.add(f"{registry}:{name}", AccessMode.DEFINE, page.line_at(match.start(1)), value=match[2])


def _requirements(page: Page) -> None:
    for number, line in enumerate(page.lines, 1):
        bare = line.strip().removesuffix("\\").strip()
        if bare.startswith(("-e", "git+", "http")):
            page.miss(number, f"a requirement without a name: {bare[:60]}")
        _specified(page, bare, number)


def _specified(page: Page, text: str, line: int) -> None:
    match = _SPEC.match(text)
    if match is not None:
        version = (match[2] or "").replace(" ", "").replace("\t", "")
        page.add(f"pypi:{_normal(match[1])}", AccessMode.DEFINE, line, value=version)


def _keyed(page: Page, registry: str) -> None:
    for key in read_keys(page.path, page.text):
        table = _TABLES.match(key.name)
        if registry == "pypi" and _LISTS.match(key.name):
            for text, line in _listed(page, key.line):
                _specified(page, text, line)
        elif registry == "pypi" and _CFG.match(key.name):
            for text in key.value.split():
                _specified(page, text, key.line)
        elif table is not None and key.value and table[1] != "python":
            name = table[1] if registry == "npm" else table[1].partition(".")[0]
            page.add(f"{registry}:{_normal(name) if registry == 'pypi' else name}", AccessMode.DEFINE, key.line,
                     value=key.value)  # fmt: skip


def _listed(page: Page, first: int) -> Iterator[tuple[str, int]]:
    """The strings of a TOML list that begins on the line, with their lines."""
    depth = 0
    for number, line in enumerate(page.lines[first - 1 :], first):
        code = re.sub(r"#.*$", "", line) if '"' not in line.partition("#")[2] else line
        for text in _LIST.findall(code):
            yield text, number
        code = _LIST.sub("", code)
        depth += code.count("[") - code.count("]")
        if depth <= 0:
            return


EXTRACTOR = DependencyExtractor()
