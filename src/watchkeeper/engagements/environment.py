"""What an agent's process is given of our environment: a list of names, and nothing that is not on it."""

from __future__ import annotations

from collections.abc import Mapping

ALWAYS = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""Where programs and their configurations are, and how words are written: nothing that opens a door."""

MARK = "WK_ENGAGEMENT"
"""Says which engagement a process belongs to; not ``WATCHKEEPER_...``, which is configuration."""


def build_environment(
    allowed: Mapping[str, str], environ: Mapping[str, str], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """All variables of an agent's process. ``allowed`` has the name there and the name here that it comes from.

    So a key can be kept under a name that no program looks for by itself. What is not set here is not set there.
    """
    kept = {name: value for name, value in environ.items() if name in ALWAYS or name.startswith("LC_")}
    named = {there: environ[here] for there, here in allowed.items() if here in environ}
    return {**kept, **named, **(given or {})}
