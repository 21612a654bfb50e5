"""The rule ``undeclared-dependency`` for TypeScript and JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from watchkeeper.scouts.rules.project import SCRIPTS, Project, place_of
from watchkeeper.scouts.rules.rule import Hit, Rule

_NODE = frozenset(
    "assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain "
    "events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl "
    "stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib test sqlite".split()
)
_DENO = re.compile(r"/(deno\.jsonc?|import_map\.json)$|(^|/)supabase/functions/")
"""Where packages are asked for in another way, folder by folder."""
_GROUPS = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies", "bundledDependencies")
_VIRTUAL = re.compile(
    r"^([.~/#$]|@/|@@/|node:|bun:|virtual:|astro:|https?:|data:|[a-z]+:)|\?|^server-only$|^client-only$|^next/"
)


def find_undeclared(project: Project) -> Iterator[Hit]:
    """Packages that no ``package.json`` on the way up asks for; not aliases, folders of the project or types alone."""
    manifests = {
        path.removesuffix("package.json"): _names(project.text(path))
        for path in project.paths
        if path.endswith("package.json")
    }
    if not manifests:
        return
    aliases = _aliases(project)
    own = {part for path in project.paths for part in path.split("/")[:-1]}
    own |= {path.rpartition("/")[2].partition(".")[0] for path in project.paths if path.endswith(SCRIPTS)}
    deno = tuple(path[: path.rindex("/") + 1] for path in project.paths if _DENO.search(path))
    told: set[tuple[str, str]] = set()
    for path, facts in sorted(project.facts.items()):
        if not path.endswith(SCRIPTS) or place_of(path) != "code" or path.startswith(deno):
            continue
        above = [folder for folder in manifests if path.startswith(folder)]
        nearest = max(above, key=len, default=None)
        if nearest is None:
            continue
        declared = set().union(*(manifests[folder] for folder in above))
        for one in facts.imports:
            name = _package(one.module)
            if not name or one.is_optional or name in _NODE or name in declared or f"@types/{name}" in declared:
                continue
            if (
                name.split("/")[0] in own
                or any(one.module.startswith(alias) for alias in aliases)
                or (nearest, name) in told
            ):
                continue
            told.add((nearest, name))
            yield one.hit._replace(path=path, words=(name,), anchor=name)


def _package(module: str) -> str:
    if _VIRTUAL.search(module):
        return ""
    parts = module.split("/")
    return "/".join(parts[:2]) if module.startswith("@") else parts[0]


def _names(text: str) -> frozenset[str]:
    try:
        tree = json.loads(text)
    except ValueError:
        return frozenset()
    if not isinstance(tree, dict):
        return frozenset()
    found = {str(tree.get("name", ""))}
    for group in _GROUPS:
        given = tree.get(group)
        found |= set(given) if isinstance(given, dict | list) else set()
    return frozenset(found)


def _aliases(project: Project) -> tuple[str, ...]:
    """What the project's own configuration leads elsewhere, as far as it is written as text."""
    found: set[str] = set()
    for path in project.paths:
        name = path.rpartition("/")[2]
        if re.match(
            r"(ts|js)config[\w.-]*\.json$|(vite|vitest|webpack|rollup|babel|next|astro|nuxt|jest)[\w.-]*\.[cm]?[jt]s$",
            name,
        ):
            text = project.text(path)
            found |= {each.rstrip("*") for each in re.findall(r"[\"']([@\w$~][\w$@/.-]*/?\*?)[\"']\s*:", text)}
            found |= {
                f"{each}/" for each in re.findall(r"^\s+(\w+):\s*(?:path|resolve|fileURLToPath)", text, re.MULTILINE)
            }
    return tuple(each for each in found if each)


_PACKAGE = '{"name": "a", "dependencies": {"react": "19"}}'

RULES = (
    Rule(
        "undeclared-dependency", "dependencies", "undeclared-dependency", 2, 0.85,
        "{0} is imported, and no package.json above asks for it: it is there by chance, or not at all",
        "Show what asks for it, or what leads the name elsewhere.",
        {"package.json": _PACKAGE, "src/a.ts": "import React from 'react';\nimport _ from 'lodash';\n"},
        {"package.json": _PACKAGE, "src/a.ts": "import React from 'react';\nimport fs from 'fs';\n"
                    "import b from './b';\n"},
        project=find_undeclared, reads=SCRIPTS,
    ),
)  # fmt: skip
