"""The vendors whose agents can be hooked, by name."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.claude import Claude
from watchkeeper.agents.hooks.codex import Codex
from watchkeeper.agents.hooks.copilot import Copilot
from watchkeeper.agents.hooks.cursor import Cursor
from watchkeeper.agents.hooks.gemini import Gemini
from watchkeeper.agents.hooks.goose import Goose
from watchkeeper.agents.hooks.opencode import OpenCode
from watchkeeper.agents.hooks.openhands import OpenHands
from watchkeeper.agents.hooks.vendor import HookVendor

_ALL: tuple[HookVendor, ...] = (
    Claude(), Codex(), Copilot(), Cursor(), Gemini(), Goose(), OpenCode(), OpenHands(),
)  # fmt: skip

VENDORS: Mapping[str, HookVendor] = {each.name: each for each in _ALL}


def vendor(name: str) -> HookVendor | None:
    """The vendor with that name; None for a name that nobody knows, which may come from anyone."""
    return VENDORS.get(name)
