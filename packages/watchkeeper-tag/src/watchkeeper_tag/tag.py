"""The tag: one comment in front of a statement, constant for a line of code and a slot."""

from __future__ import annotations

import re

from watchkeeper_tag.where import Site

_UNSAFE = re.compile(r"[^A-Za-z0-9_./:<>-]")


def render_tag(revision: str, site: Site, *, assigned: str, process: int, thread: int, slot: int) -> str:
    """``/*wk:rev=..,sym=..,at=..,set=..,pid=..,tid=..,task=..*/ ``, without what is not known.

    It stands in front: what the server shows of a long statement is its beginning.
    """
    named = (
        ("rev", revision),
        ("sym", site.symbol),
        ("at", site.shown),
        ("set", assigned),
        ("pid", str(process)),
        ("tid", str(thread)),
        ("task", str(slot)),
    )
    return f"/*wk:{','.join(f'{key}={encode(value)}' for key, value in named if value)}*/ "


def encode(value: str) -> str:
    """``~`` and two digits for what could end the comment; a percent sign would be a parameter to some drivers."""
    return _UNSAFE.sub(lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode()), value)
