"""A tree that checks look at, the sandbox that they run in, and programs that fail in every way there is."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.model.ids import Sha
from watchkeeper.sandbox.run import find_sandbox
from watchkeeper.scouts.checks.port import Check, Ground, Looked
from watchkeeper.scouts.checks.running import SandboxRuns
from watchkeeper.scouts.config import ScoutConfig

COMMIT = Sha("c" * 40)


class Tree:
    """Files on the disk; ``look`` lets a check look at them, and takes away what was planted for it."""

    def __init__(self, root: Path, files: Mapping[str, str | bytes]) -> None:
        self.root = root
        self.folder, self.scratch, self.programs = root / "tree", root / "scratch", root / "programs"
        for folder in (self.folder, self.programs):
            folder.mkdir(parents=True)
        self.config = ScoutConfig()
        self.environ: dict[str, str] = {}
        self.tools = os.environ.get("PATH", os.defpath)
        self._looks = 0
        for path, text in files.items():
            self.write(path, text)

    def write(self, path: str, text: str | bytes) -> None:
        """One more file, or another one."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)

    def program(self, name: str, text: str) -> None:
        """A program that is found before all others: Python, or a shell's where it begins with ``#!``."""
        place = self.programs / name
        place.write_text(text if text.startswith("#!") else f"#!{sys.executable}\n{text}")
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
        self.tools = os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)])

    def ground(self) -> Ground:
        """As a check sees it, with a scratch folder of its own."""
        self._looks += 1
        scratch = self.scratch / str(self._looks)
        scratch.mkdir(parents=True)
        files = sorted(str(each.relative_to(self.folder)) for each in self.folder.rglob("*") if each.is_file())
        return Ground(self.folder, scratch, COMMIT, tuple(files), self.config, self.tools, self.environ)

    def look(self, check: Check) -> Looked:
        """What it says."""
        cancel = threading.Event()
        found = check.look(self.ground(), SandboxRuns(find_sandbox(self.root / "jobs"), cancel), cancel)
        for planted in self.folder.glob("canary_*"):
            shutil.rmtree(planted)
        return found
