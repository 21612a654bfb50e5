"""The rule ``undeclared-dependency`` for Python: what is imported and nowhere asked for."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from watchkeeper.scouts.rules.project import PYTHON, Project, place_of
from watchkeeper.scouts.rules.rule import Hit, Rule

_DISTRIBUTIONS = {
    "yaml": "pyyaml", "pil": "pillow", "cv2": "opencv-python", "bs4": "beautifulsoup4", "sklearn": "scikit-learn",
    "dateutil": "python-dateutil", "dotenv": "python-dotenv", "jwt": "pyjwt", "attr": "attrs", "openssl": "pyopenssl",
    "mysqldb": "mysqlclient", "psycopg2": "psycopg2-binary", "serial": "pyserial", "usb": "pyusb",
    "jose": "python-jose",
    "magic": "python-magic", "docx": "python-docx", "pptx": "python-pptx", "fitz": "pymupdf", "zmq": "pyzmq",
    "git": "gitpython", "github": "pygithub", "gitlab": "python-gitlab", "slugify": "python-slugify",
    "ldap": "python-ldap",
    "multipart": "python-multipart", "telegram": "python-telegram-bot", "discord": "discord-py",
    "crypto": "pycryptodome",
    "nacl": "pynacl", "rest_framework": "djangorestframework", "corsheaders": "django-cors-headers",
    "faiss": "faiss-cpu",
    "django_filters": "django-filter", "environ": "django-environ", "debug_toolbar": "django-debug-toolbar",
    "skimage": "scikit-image", "wx": "wxpython",
    "markdown_it": "markdown-it-py", "levenshtein": "python-levenshtein", "memcache": "python-memcached",
    "pkg_resources": "setuptools", "_pytest": "pytest", "mpl_toolkits": "matplotlib", "socks": "pysocks",
    "tree_sitter_languages": "tree-sitter-languages", "win32api": "pywin32", "ruamel": "ruamel-yaml",
    "flask_sqlalchemy": "flask-sqlalchemy",
}  # fmt: skip
"""What a package is imported as -> what it is asked for as, where the two are not alike."""
_SHARED = frozenset(
    "google azure zope ruamel backports jaraco sphinxcontrib opentelemetry win32com win32con pythoncom".split()
)
_NAME = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)")
_FILES = re.compile(
    r"(^|/)([\w.-]*requirements[\w.-]*\.(txt|in|lock)|requirements/[\w.-]+\.(txt|in)|constraints\.txt)$"
)


_COMES_WITH = {
    "asgiref": "django", "sqlparse": "django", "pydantic_core": "pydantic", "annotated_types": "pydantic",
    "starlette": "fastapi",
    "pydantic": "fastapi", "werkzeug": "flask", "jinja2": "flask", "markupsafe": "jinja2", "itsdangerous": "flask",
    "click": "flask", "botocore": "boto3", "numpy": "pandas", "httpcore": "httpx", "kombu": "celery",
    "urllib3": "requests",
    "billiard": "celery", "grpc": "grpcio", "google": "protobuf", "typing_extensions": "", "h11": "uvicorn",
    "anyio": "starlette",
    "greenlet": "sqlalchemy", "mako": "alembic", "pluggy": "pytest", "multidict": "aiohttp", "yarl": "aiohttp",
}  # fmt: skip
"""What is there for certain where something else is asked for, of whose interface it is a part."""


def find_undeclared(project: Project) -> Iterator[Hit]:
    """Top names that neither the language, nor the project, nor what it asks for has. Where that is not known: none."""
    declared = _declared(project)
    if not declared:
        return
    own = {part for path in project.paths if path.endswith(PYTHON) for part in _parts(path)}
    told: set[tuple[str, str]] = set()
    for path, facts in sorted(project.facts.items()):
        if (
            not path.endswith(".py")
            or place_of(path) != "code"
            or re.search(r"(^|/)(setup|conf|noxfile|fabfile)\.py$", path)
        ):
            continue
        for one in facts.imports:
            top = one.module.partition(".")[0]
            if one.is_optional or top in sys.stdlib_module_names or top in own or top in _SHARED or top.startswith("_"):
                continue
            if _COMES_WITH.get(top, "?") in {*declared, ""} or (top == "anyio" and declared & {"fastapi", "httpx"}):
                continue
            if not _is_declared(top, declared) and ("", top) not in told:
                told.add(("", top))
                yield one.hit._replace(path=path, words=(top,), anchor=top)


def _parts(path: str) -> set[str]:
    place = PurePosixPath(path)
    return {place.stem, *place.parts[:-1]}


def _is_declared(top: str, declared: frozenset[str]) -> bool:
    name = _folded(top)
    mapped = _DISTRIBUTIONS.get(top.lower(), name)
    alike = {
        name,
        mapped,
        f"python-{name}",
        f"py{name}",
        f"django-{name}",
        f"{name}-python",
        f"{name}-binary",
        name.replace("-", ""),
    }
    if alike & declared:
        return True
    flat = name.replace("-", "")
    return any(each.startswith((f"{mapped}-", f"{name}-")) or flat in each.replace("-", "") for each in declared)


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared(project: Project) -> frozenset[str]:
    """All that any file of the project asks for, whatever for; empty where none does in a way that can be read."""
    found: set[str] = set()
    for path in project.paths:
        name = path.rpartition("/")[2]
        if _FILES.search(path):
            found |= {_folded(name) for line in project.text(path).split("\n") for name in _asked_for(line)}
        elif name in ("pyproject.toml", "Pipfile", "poetry.lock", "uv.lock", "pdm.lock"):
            found |= _of_toml(project.text(path))
        elif name in ("setup.py", "setup.cfg", "environment.yml", "environment.yaml", "meta.yaml", "tox.ini"):
            found |= {_folded(word) for word in re.findall(r"[A-Za-z][\w.-]+", project.text(path))}
    return frozenset(found)


def _of_toml(text: str) -> set[str]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return set()
    return {_folded(each) for each in _requirements(tree)}


def _requirements(node: Any, inside: bool = False) -> Iterator[str]:
    """Every name under a table or list that is called after dependencies, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            asks = inside or bool(re.search(r"dependenc|^(requires|packages|package|dev-packages)$", key))
            if asks and not isinstance(value, list) and key not in ("dependencies", "dependency-groups"):
                yield key
            if key == "name" and isinstance(value, str):
                yield value
            yield from _requirements(value, asks)
    elif isinstance(node, list):
        for each in node:
            if isinstance(each, str) and inside:
                yield from _asked_for(each)
            elif not isinstance(each, str):
                yield from _requirements(each, inside)


def _asked_for(line: str) -> list[str]:
    """The package of a requirement, and its extras, which are often called after what they bring."""
    found = _NAME.match(line)
    if found is None:
        return []
    extras = re.match(r"\s*[\w.-]+\s*\[([^\]]*)\]", line)
    return [found[1], *(re.split(r"[,\s]+", extras[1].strip()) if extras else [])]


_PROJECT = "[project]\nname = 'a'\ndependencies = ['flask>=3']\n"

RULES = (
    Rule(
        "undeclared-dependency", "dependencies", "undeclared-dependency", 2, 0.8,
        "{0} is imported, and nothing in the project asks for it: it is there by chance, or not at all",
        "Show what asks for it, under whatever name it is installed.",
        {"pyproject.toml": _PROJECT, "app/a.py": "import flask\nimport lxml\n"},
        {"pyproject.toml": _PROJECT, "app/a.py": "import flask\nimport json\nfrom app import b\n", "app/b.py": ""},
        project=find_undeclared, reads=PYTHON,
    ),
)  # fmt: skip
