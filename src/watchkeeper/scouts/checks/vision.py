"""The check ``vision``: names that the product's own document promises, and that stand nowhere in the code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable

_CODE = (
    ".py",
    ".ts",
    ".tsx",
    ".js",
    ".jsx",
    ".html",
    ".sql",
    ".toml",
    ".json",
    ".yml",
    ".yaml",
    ".sh",
    ".vue",
    ".svelte",
)
_NAMED = re.compile(r"`([^`\n]{2,80})`")
_ROUTE = re.compile(r"/[a-z][\w-]*(?:/[\w:{}\[\]<>-]+)*/?$")
_OPTION = re.compile(r"--[a-z][\w-]+$")
_NAME = re.compile(r"[A-Za-z_][\w]*(?:[._-]\w+)+(?:\(\))?$")
_LATER = re.compile(r"\b(later|future|planned|not yet|roadmap|someday|out of scope|non-goals?)\b", re.IGNORECASE)
_DISPROVE = (
    "Search for the feature under another name, in another package, behind a flag, or in a change that waits to land."
)
_MOST_BYTES = 64 << 20


class Vision:
    """Routes, options and names in the document of ``.scout.toml``'s ``vision`` that no file of the code has.

    What is promised in prose alone is for agents: this looks at what can be looked up.
    """

    name = "vision"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 nothing is run
        """Reads the document, and all code."""
        path = ground.config.vision
        if not path:
            return not_applicable(self.name, ".scout.toml names no document that says what the product is to be")
        text = ground.read(path).decode("utf-8", "replace")
        if not text.strip():
            return could_not_look(self.name, f"{path}, which .scout.toml names as vision, is not there or is empty")
        sources = [each for each in ground.having(*_CODE) if each != path]
        code = "\n".join(ground.read(each).decode("utf-8", "replace") for each in sources)
        if len(code) > _MOST_BYTES:
            return could_not_look(self.name, f"{len(code) >> 20} MB of code are more than is read at once: see ignore")
        promised = list(_promised(text))
        found = [_raw(path, name, number, line) for name, number, line in promised if not _stands(name, code, ground)]
        what = f"{len(promised)} names of {path}, in {len(sources)} files"
        return looked(self.name, found, what=what, proof=f"{len(promised) - len(found)} of them were found")


CHECK = Vision()


def _promised(text: str) -> Iterator[tuple[str, int, str]]:
    seen, later, in_fence = set(), False, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            later = bool(_LATER.search(line))
        if line.lstrip().startswith("```"):
            in_fence = not in_fence
        if later or in_fence or _LATER.search(line):
            continue
        for name in _NAMED.findall(line):
            if name not in seen and any(form.match(name) for form in (_ROUTE, _OPTION, _NAME)):
                seen.add(name)
                yield name, number, line.strip()[:200]


def _stands(name: str, code: str, ground: Ground) -> bool:
    """The name, or the part of a route that does not vary, or a file that is called so."""
    if any(name.strip("/") in path for path in ground.files):
        return True
    parts = [part for part in re.split(r"[/:{}\[\]<>().]+", name) if len(part) > 1]
    return name in code or (bool(parts) and all(part in code or _file_named(part, ground) for part in parts[-2:]))


def _file_named(part: str, ground: Ground) -> bool:
    return any(f"/{part}/" in f"/{path}" or f"/{part}." in f"/{path}" for path in ground.files)


def _raw(path: str, name: str, number: int, line: str) -> Raw:
    return Raw(
        "promised-name", path, f"{path} promises {name}, and no file has it", number, line, "", disprove=_DISPROVE,
        severity=2, confidence=0.55, anchor=name,
    )  # fmt: skip
