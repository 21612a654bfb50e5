"""What a channel's server said of its limits, and when the next question may be asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

_MOST_WAIT_S = 3600.0


class Limits:
    """Shared by all that speak to one server: a global limit holds for all of them. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float], first_s: float = 0.0) -> None:
        """``first_s``: for so long nothing is asked, since nobody knows what a process before this one had asked."""
        self._clock = clock
        self._opens = clock() + first_s
        self._routes: dict[str, float] = {}
        self._buckets: dict[str, str] = {}

    def wait_s(self, route: str) -> float:
        """Seconds until the route may be asked; 0: now."""
        opens = max(self._opens, self._routes.get(self._buckets.get(route, route), 0.0))
        return max(0.0, opens - self._clock())

    def take(self, route: str, major: str, headers: Mapping[str, str]) -> None:
        """What an answer's headers say. A bucket holds for all routes that name it, of one room or webhook."""
        name = headers.get("x-ratelimit-bucket")
        if name:
            self._buckets[route] = f"{major}/{name}"
        remaining, after = (
            _number(headers.get("x-ratelimit-remaining")),
            _number(headers.get("x-ratelimit-reset-after")),
        )
        if remaining is not None and remaining < 1 and after is not None:
            self._close(route, after)

    def refuse(self, route: str, wait_s: float, *, is_global: bool) -> None:
        """It was too much: nothing is asked for so long, anywhere where it is global."""
        if is_global:
            self._opens = max(self._opens, self._clock() + min(wait_s, _MOST_WAIT_S))
        else:
            self._close(route, wait_s)

    def _close(self, route: str, wait_s: float) -> None:
        bucket = self._buckets.get(route, route)
        until = self._clock() + min(max(wait_s, 0.0), _MOST_WAIT_S)
        self._routes[bucket] = max(self._routes.get(bucket, 0.0), until)


def read_wait(headers: Mapping[str, str], body: object) -> tuple[float, bool]:
    """How long a refusal says to wait, and whether everywhere; 5 seconds where it says nothing that can be read."""
    said = body if isinstance(body, dict) else {}
    value = said.get("retry_after")
    wait = _number(value if isinstance(value, (int, float)) and not isinstance(value, bool) else None)
    wait = wait if wait is not None else _number(headers.get("retry-after"))
    is_global = said.get("global") is True or headers.get("x-ratelimit-global", "").lower() == "true"
    return (min(wait, _MOST_WAIT_S) if wait is not None else 5.0), is_global


def _number(text: object) -> float | None:
    if not isinstance(text, (str, int, float)):
        return None
    try:
        found = float(text)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None
