"""One project as scouts see it: its tree, its record, its tracker. Opened for one look, closed after it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.app import Place, find_target_of, open_analysis
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.scouting_state import ScoutState, fold_scouting
from watchkeeper.record.codec import SCOUT_KINDS
from watchkeeper.record.home import make_home
from watchkeeper.record.log import Log
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.sandbox.folders import open_folder, sweep_folders
from watchkeeper.scouts.checks.port import Ground
from watchkeeper.scouts.config import SCOUT_FILE, ScoutConfig
from watchkeeper.scouts.config_reading import kept, parse_config, render_config
from watchkeeper.scouts.dimension import FOLDER, Dimension, all_dimensions

_SCRATCH = "scratch-"
_TREES = 2


@dataclass(frozen=True)
class Subject:
    """A project that is looked at. ``name`` is what people call it, ``folder`` where scouts keep what is theirs."""

    name: str
    place: Place
    hub: Hub
    log: Log
    folder: Path

    @property
    def project(self) -> ProjectId:
        """Under which its findings are recorded: the same on all hosts that share the record."""
        return self.place.shared

    def state(self) -> ScoutState:
        """Its findings as they are recorded now. Raises WatchkeeperError."""
        return fold_scouting(self.log.read(self.project, kinds=SCOUT_KINDS))

    def tip(self) -> Sha:
        """The commit that is looked at: the target branch's. Raises UsageError (``no-target``)."""
        found = find_target_of(self.place)
        if found is None:
            raise UsageError(
                f"{self.name} has no commits yet, so there is nothing to look at",
                slug="no-target",
                hint="make a first commit, or set the target: watchkeeper init",
                facts={"project": self.name},
            )
        return found.commit

    def text(self, commit: Sha, path: str) -> str:
        """What a file says in a commit; ``""`` where there is none."""
        entry = self.hub.objects.find_entry(commit, path)
        content = self.hub.objects.read(entry.sha) if entry is not None and entry.is_text_file else None
        return content.decode("utf-8", "replace") if content else ""

    def dimensions(self, commit: Sha) -> dict[str, Dimension]:
        """Ours and its own. Raises UsageError (``dimension-file``)."""
        paths = [path for path in self.paths(commit) if path.startswith(f"{FOLDER}/") and path.endswith(".md")]
        return all_dimensions({path: self.text(commit, path) for path in paths})

    def paths(self, commit: Sha) -> tuple[str, ...]:
        """All files of a commit; submodules and links are none."""
        return tuple(path for path, entry in self.hub.repository.tree_files(commit).items() if entry.is_text_file)

    def config(self, commit: Sha, dimensions: Mapping[str, Dimension]) -> ScoutConfig:
        """What ``.scout.toml`` says there; where it is missing, what one made now would. Raises UsageError."""
        told = self.text(commit, SCOUT_FILE)
        return parse_config(told or self.render_config(commit), dimensions)

    def render_config(self, commit: Sha) -> str:
        """A ``.scout.toml`` that fits the project as it is in a commit."""
        read = {path: self.text(commit, path) for path in ("pyproject.toml", "package.json")}
        return render_config(self.paths(commit), read, self.place.config.project.test)


@contextmanager
def open_subject(place: Place, log: Log, name: str) -> Iterator[Subject]:
    """A project with its hub. Raises WatchkeeperError."""
    folder = make_home(place.home) / "projects" / place.project / "scouts"
    with open_analysis(place) as analysis:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_folders(folder, _SCRATCH)
        yield Subject(name, place, analysis.hub, log, folder)


@contextmanager
def open_ground(subject: Subject, commit: Sha, config: ScoutConfig, environ: Mapping[str, str]) -> Iterator[Ground]:
    """The tree of a commit on the disk, as long as the block lasts. Raises WatchkeeperError (a full disk)."""
    pool = ScratchPool(subject.hub, subject.folder / "trees", _TREES)
    with pool.checkout(commit) as tree, open_folder(subject.folder, _SCRATCH) as scratch, tree.one_run() as ended:
        files = kept(subject.paths(commit), config.ignore)
        left_out = set(tree.left_out)
        yield Ground(
            tree.path, scratch, commit, tuple(path for path in files if path not in left_out), config,
            environ.get("PATH", os.defpath), dict(environ),
        )  # fmt: skip
        ended()
