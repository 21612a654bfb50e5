"""Real agents, each with a home of its own, that talk to a scripted model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from installed import CODEX, GOOSE, NotInstallableError, Pin, install
from scripted_model import ScriptedModel


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as running:
        yield running


@pytest.fixture(scope="session")
def goose() -> Path:
    """Goose's program."""
    return _installed(GOOSE)


@pytest.fixture(scope="session")
def codex() -> Path:
    """Codex's program."""
    return _installed(CODEX)


def _installed(pin: Pin) -> Path:
    try:
        return install(pin)
    except NotInstallableError as error:
        print(f"NOT TESTED: {pin.package} is not installed: {error}", file=sys.stderr)
        pytest.skip(f"no {pin.package} here: {error}")
