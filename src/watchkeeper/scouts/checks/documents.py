"""The check ``documents``: what people and agents are told of a project, and is not so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from watchkeeper.model.scouting import KindId
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, looked, not_applicable
from watchkeeper.scouts.config_reading import find_stale

MOST = 15_000
"""Characters of a file that agents are given: beyond, nobody reads it as it was meant."""

_GIVEN = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".watchkeeper/role.md", ".watchkeeper/guide.md")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
_PATH = re.compile(r"`((?:\.{0,2}/)?[\w.-]+(?:/[\w.-]+)+\.\w{1,5})(?::\d+)?`")
_HISTORY = re.compile(
    r"(^|/)(CHANGELOG|CHANGES|HISTORY|NEWS|RELEASES?)|(^|/)(changelogs?|releases?|adr|decisions|archive)/",
    re.IGNORECASE,
)
_DISPROVE = (
    "Is the path relative to another folder, made at run time, or an example? Does the document say that it is history?"
)
_DRIFT = KindId("documentation-drift")


class Documents:
    """Links and paths that lead nowhere, what agents are given and cannot read, and a stale ``.scout.toml``."""

    name = "documents"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 nothing is run
        """Reads every markdown document."""
        files = ground.having(".md", ".mdx")
        if not files:
            return not_applicable(self.name, "there is no document")
        have = ground.folder
        found = [raw for path in files for raw in _look_into(path, ground.read(path).decode("utf-8", "replace"), have)]
        found += [
            Raw(
                "stale-config", ".scout.toml", f"What .scout.toml says is not so any more: {what}", anchor=what,
                disprove="watchkeeper scout --init prints one that fits",
                kind=KindId("configuration-drift"), confidence=0.95,
            )
            for what in find_stale(ground.config, ground.files)
            if (have / ".scout.toml").is_file()
        ]  # fmt: skip
        links = sum(len(_LINK.findall(ground.read(path).decode("utf-8", "replace"))) for path in files)
        return looked(
            self.name, found, what=f"{len(files)} documents, {links} links", proof="all were read to their end"
        )


CHECK = Documents()


def _look_into(path: str, text: str, have: Path) -> Iterator[Raw]:
    if path in _GIVEN and len(text) > MOST:
        claim = f"{path} has {len(text):,} characters, and is given to every agent: at most {MOST:,} are read as meant"
        yield Raw("too-long", path, claim, 1, anchor="too-long", disprove="Count again.", confidence=0.9, kind=_DRIFT)
    if path in _GIVEN and len(text.strip()) < 40:
        claim = f"{path} is given to every agent, and says nothing"
        yield Raw("empty", path, claim, 1, anchor="empty", disprove="Read it.", confidence=0.9, kind=_DRIFT)
    if _HISTORY.search(path):
        return
    in_fence = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            in_fence = not in_fence
        elif not in_fence:
            yield from _dead(path, number, line, have)


def _dead(path: str, number: int, line: str, have: Path) -> Iterator[Raw]:
    for target in _LINK.findall(line):
        if not _is_outside(target) and not _leads(path, target, have):
            claim = f"The link in {path} to {target} leads nowhere"
            yield Raw(
                "dead-link", path, claim, number, line.strip()[:200], disprove=_DISPROVE, severity=1,
                confidence=0.9, kind=_DRIFT, anchor=target,
            )  # fmt: skip
    for target in _PATH.findall(line):
        if path in _GIVEN and not _leads(path, target, have) and not _leads("x", target, have):
            claim = f"{path} names {target}, which is not there"
            yield Raw(
                "dead-path", path, claim, number, line.strip()[:200], disprove=_DISPROVE, severity=2,
                confidence=0.7, kind=_DRIFT, anchor=target,
            )  # fmt: skip


def _is_outside(target: str) -> bool:
    return bool(re.match(r"[a-z][a-z0-9+.-]*:|//|<|\{|\$|mailto", target, re.IGNORECASE)) or target.startswith("/")


def _leads(path: str, target: str, have: Path) -> bool:
    """The target, seen from the document or from the top, is a file or a folder of the tree."""
    for folder in (PurePosixPath(path).parent, PurePosixPath()):
        parts: list[str] = []
        for part in (folder / target.rstrip("/")).parts:
            if part == "..":
                if not parts:
                    return True  # it leads out of the repository: nobody here knows
                parts.pop()
            elif part != ".":
                parts.append(part)
        whole = "/".join(parts)
        if not whole or any((have / f"{whole}{end}").exists() for end in ("", ".md", ".mdx")):
            return True
    return False
