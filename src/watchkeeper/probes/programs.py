"""The virtual environments that a command needs to see: homes are hidden from it, and that is where they often lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_PROGRAM = re.compile(r"""(?<![^\s"'=;&|(])/[^\s"';&|()<>]+""")


def find_environments(command: str, search_path: str) -> tuple[Path, ...]:
    """The environments of the programs that the shell line names by absolute path, and of those on ``search_path``.

    A folder on the search path alone is not enough: a virtual environment's packages lie beside its programs.
    """
    folders = [Path(found).parent for found in _PROGRAM.findall(command)]
    folders += [Path(folder) for folder in search_path.split(os.pathsep) if folder.startswith("/")]
    return tuple(dict.fromkeys(_environments(folders)))


def _environments(programs: list[Path]) -> Iterator[Path]:
    for folder in programs:
        if _is_environment(folder.parent):
            yield folder.parent


def _is_environment(folder: Path) -> bool:
    try:
        return (folder / "pyvenv.cfg").is_file()
    except OSError:  # of somebody else: it could not be used either
        return False
