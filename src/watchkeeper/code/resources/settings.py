"""Configuration keys: TOML, YAML, JSON and INI files by their keys, and Django's settings by their constants."""

from __future__ import annotations

import ast
import re

import msgspec

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.keyed_text import read_keys
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.python_values import assigned, attributes_in, calls_in, compact, dotted, text_of
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_SUFFIXES = (".toml", ".yaml", ".yml", ".json", ".jsonc", ".ini", ".cfg", ".conf", ".properties")
_LOCKS = re.compile(r"(^|/)(package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|[^/]+\.lock(\.json)?)$")
_SETTINGS = re.compile(r"(^|/)(settings[\w]*\.py|settings/\w+\.py)$")
_DEPENDENCIES = re.compile(
    r"^(dependencies|devDependencies|peerDependencies|optionalDependencies|dev-dependencies|build-dependencies"
    r"|packages|project\.(dependencies|optional-dependencies)|dependency-groups|tool\.poetry\.(dependencies|group)"
    r"|options\.(install_requires|extras_require)|workspace\.dependencies)(\.|$)"
)
_MANIFESTS = re.compile(r"(^|/)(pyproject\.toml|package\.json|Cargo\.toml|setup\.cfg)$")
_LOADERS = frozenset({"tomllib.load", "tomllib.loads", "yaml.safe_load", "yaml.load", "configparser.ConfigParser"})
_HINTS = (b"django.conf", b"tomllib", b"yaml.", b"configparser")
_MOST_KEYS = 5_000


class SettingExtractor(msgspec.Struct, frozen=True):
    """A file's key is named ``path:key``; a Django setting by its name alone, because readers know nothing else."""

    kind: ResourceKind = ResourceKind.SETTING

    def wants(self, path: str, /) -> bool:
        return path.endswith((".py", *_SUFFIXES)) and _LOCKS.search(path) is None

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        if not path.endswith(".py"):
            _keys(page)
        elif _SETTINGS.search(path) or any(hint in source for hint in _HINTS):
            _python(page)
        return page.reading()


def _keys(page: Page) -> None:
    keys = read_keys(page.path, page.text)
    if len(keys) > _MOST_KEYS:
        page.miss(0, f"more than {_MOST_KEYS} keys")
        return
    is_manifest = _MANIFESTS.search(page.path) is not None
    for key in keys:
        if not (is_manifest and _DEPENDENCIES.match(key.name)):
            page.add(f"{page.path}:{key.name}", AccessMode.DEFINE, key.line, value=key.value)


def _python(page: Page) -> None:
    tree = parse_source(page.source).tree
    if tree is None:
        page.miss(0, "the file does not parse")
        return
    if _SETTINGS.search(page.path):
        for statement in tree.body:
            pair = assigned(statement)
            if pair is not None and pair[0].isupper():
                page.add(pair[0], AccessMode.DEFINE, statement.lineno, value=compact(pair[1]))
    if b"django.conf" in page.source:
        _django_reads(page, tree)
    for call in calls_in(tree):
        if dotted(call.func) in _LOADERS:
            page.miss(call.lineno, f"which keys are read after {dotted(call.func)} is not followed")


def _django_reads(page: Page, tree: ast.Module) -> None:
    for node in attributes_in(tree):
        if dotted(node.value) == "settings" and node.attr.isupper():
            page.add(node.attr, AccessMode.READ, node.lineno)
    for call in calls_in(tree):
        if dotted(call.func) == "getattr" and len(call.args) > 1 and dotted(call.args[0]) == "settings":
            name = text_of(call.args[1])
            if name is None:
                page.miss(call.lineno, f"the setting's name is computed: {compact(call.args[1])}")
            else:
                page.add(name, AccessMode.READ, call.lineno, value=compact(call.args[2]) if call.args[2:] else "")


EXTRACTOR = SettingExtractor()
