"""Remove what a job left, whatever it did to it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress


def remove_folder(folder: str) -> None:
    """A folder with all in it, also where its owner closed folders of it to itself."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, _, _ in os.walk(folder):  # top down: a folder is opened before it is listed
        with suppress(OSError):
            os.chmod(place, 0o700)
        for name in os.listdir(place):
            inner = os.path.join(place, name)
            if os.path.isdir(inner) and not os.path.islink(inner):
                with suppress(OSError):
                    os.chmod(inner, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
