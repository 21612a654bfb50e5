"""Globs of paths, as CODEOWNERS means them."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, path: str) -> bool:
    """Whether a glob of CODEOWNERS means the path: without a slash at any depth, a folder means all that is in it."""
    return _glob(pattern).match(path) is not None


@lru_cache(maxsize=512)
def _glob(pattern: str) -> re.Pattern[str]:
    whole = pattern.strip("/")
    anywhere = "" if pattern.startswith("/") or "/" in whole else "(?:.*/)?"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", whole)
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(signs.get(part, re.escape(part)) for part in parts)
    return re.compile(f"{anywhere}{body}(?:/.*)?$" if not whole.endswith("*") else f"{anywhere}{body}$")
