"""Where in a checkout the file is that an agent told of."""

from __future__ import annotations

import os

from watchkeeper.model.agents import AgentEvent


def local_path_of(root: str, event: AgentEvent) -> str:
    """The event's path in the checkout; ``""`` for one outside, or none. What is told is not trusted."""
    if not event.path or "\0" in event.path:
        return ""
    place = os.path.join(event.cwd or root, event.path)  # noqa: PTH118 a text of anything
    for top, there in ((root, os.path.normpath(place)), (os.path.realpath(root), _real(place))):
        if there.startswith(top.rstrip("/") + "/"):
            return there[len(top.rstrip("/")) + 1 :]
    return ""


def _real(place: str) -> str:
    """Without links in its folders; the file itself may be one."""
    folder, _, name = place.rpartition("/")
    try:
        return f"{os.path.realpath(folder)}/{name}"
    except (OSError, ValueError):
        return place
