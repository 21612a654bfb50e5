"""Fixtures of the control room's tests. This folder is importable: ``from webscene import make_scene``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from roomserver import Served


@pytest.fixture
def browser() -> Iterator[Browser]:
    """One for each test: while Playwright runs, no other test of the process could run a loop of its own."""
    from browsing import open_browser

    with open_browser() as found:
        yield found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Served]:
    """A served control room over a scene of its own."""
    from roomserver import served

    with served(tmp_path) as found:
        yield found
