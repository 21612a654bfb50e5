"""A repository whose changes land through the queue, and the desk that looks at them: real git, a real record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.app import now
from watchkeeper.controlroom.picture import ProjectPicture, Reader
from watchkeeper.controlroom.scope import find_scope, open_scope_log
from watchkeeper.model.ids import Millis


class Clock:
    """A time that tests set."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> Millis:
        return Millis(self.at)


@contextmanager
def open_reader(folder: Path, clock: Clock | None = None) -> Iterator[Reader]:
    """The record of the repository in ``folder``."""
    scope = find_scope(None, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        yield Reader(log, scope, clock or now)


def the_project(reader: Reader) -> ProjectPicture:
    """The one project, as it is now."""
    return next(iter(reader.look().projects.values()))
