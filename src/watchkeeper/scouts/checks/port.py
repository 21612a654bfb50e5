"""What a check is, and what it says: values that cannot call a look clean that did not happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.model.scouting import Checked, KindId
from watchkeeper.sandbox.job import Cancel, Network, Outcome
from watchkeeper.scouts.config import ScoutConfig


class Raw(msgspec.Struct, frozen=True):
    """What a check says of one place, before it has an identity. ``quote`` is the code, ``line`` 1-based (0: none).

    ``severity`` is 1 to 4, ``confidence`` 0 to 1; ``kind`` is of the catalogue, ``""`` where the rule is of none.
    ``anchor`` stands for the quoted code in the key, where the code itself is not what makes it the same one (a
    package's name, an address of an error); ``subject`` is the symbol around it.
    """

    rule: str
    path: str
    claim: str
    line: int = 0
    quote: str = ""
    symbol: str = ""
    evidence: str = ""
    disprove: str = ""
    severity: int = 2
    confidence: float = 0.5
    kind: KindId = KindId("")
    anchor: str = ""


class Looked(msgspec.Struct, frozen=True):
    """What one check says of one tree, made by ``looked``, ``not_applicable`` or ``could_not_look`` alone.

    ``checked.reason`` says why it could not look, ``absent`` why there is nothing to look at; where either is said,
    ``found`` may hold what was seen all the same, and what is not among it is not gone.
    """

    checked: Checked
    found: tuple[Raw, ...] = ()
    absent: str = ""

    @property
    def is_whole(self) -> bool:
        """It looked at everything that it is for: what it does not say is not there."""
        return not (self.checked.reason or self.absent)


def looked(check: str, found: Sequence[Raw], *, what: str, proof: str, version: str = "") -> Looked:
    """It looked. ``what`` at and the ``proof`` that it did are required: without them nobody may call it clean."""
    if not (what and proof):
        raise ValueError(f"{check}: a look says what it looked at, and how that is known")
    return Looked(Checked(check, version, what, proof), tuple(found))


def not_applicable(check: str, why: str) -> Looked:
    """There is nothing for it in this tree, and why."""
    return Looked(Checked(check), absent=why)


def could_not_look(check: str, reason: str, found: Sequence[Raw] = (), *, version: str = "") -> Looked:
    """It could not, or not in whole. ``reason`` names the program and what to do."""
    return Looked(Checked(check, version, reason=reason), tuple(found))


class Ground(msgspec.Struct, frozen=True):
    """A tree that is looked at: its files on the disk, byte for byte, without ``.git``, and free to be written to.

    ``files`` are its paths as git has them, without those that ``.scout.toml`` ignores, sorted; ``sources`` reads one.
    ``scratch`` is an empty folder for reports and for planted faults, outside ``folder``. ``tools`` is where programs
    are looked for, as in PATH. ``environ`` are further variables of the user's that tools may be given by name.
    ``names`` has, for a file that was renamed, the name by which its findings are known: who has to choose one of
    equals chooses by that, so that no renaming makes another finding of it.
    """

    folder: Path
    scratch: Path
    commit: Sha
    files: tuple[str, ...]
    config: ScoutConfig
    tools: str
    environ: Mapping[str, str] = {}
    names: Mapping[str, str] = {}

    def read(self, path: str) -> bytes:
        """A file's bytes; ``b""`` where it is no regular file."""
        place = self.folder / path
        return place.read_bytes() if place.is_file() and not place.is_symlink() else b""

    def having(self, *suffixes: str) -> tuple[str, ...]:
        """The files whose names end so."""
        return tuple(path for path in self.files if path.endswith(suffixes))


class Runs(Protocol):
    """Runs a program in the sandbox."""

    def run(
        self,
        command: Sequence[str],
        ground: Ground,
        *,
        wall_s: float,
        network: Network = Network.NONE,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """In ``ground.folder``, which it may write to, as it may to ``ground.scratch``. Never raises. Blocks."""
        ...


class Check(Protocol):
    """One way to look. The same tree gives the same answer. Stateless."""

    @property
    def name(self) -> str: ...

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:
        """Look at everything that it is for. Blocks. Never raises for what a tree or a program does."""
        ...
