"""Sentences of the review: one line each, cut to what a list shows; names and amounts. Pure.

What others wrote is quoted in them: it stays on its line, nothing in it acts on whoever reads it, and what looks like
a secret is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.controlroom.wording.fleet import spend_words
from watchkeeper.model.fleet import Spend
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import redact

MOST_BYTES = 200
"""Of one sentence, in UTF-8."""
_MOST_READ = 20_000

_STEPS = ((90, 1, "s"), (5400, 60, "min"), (2 * 86400, 3600, "h"), (float("inf"), 86400, "d"))


def sentence(text: str, most: int = MOST_BYTES) -> str:
    """``text`` on one line of printable characters, at most ``most`` bytes; what is cut ends with ``...``."""
    line = redact(" ".join("".join(each if each.isprintable() else " " for each in text[:_MOST_READ]).split()))
    raw = line.encode("utf-8", "replace")
    if len(raw) <= most:
        return raw.decode("utf-8")
    return raw[: most - 3].decode("utf-8", "ignore").rstrip(" ,;:(") + "..."


def short(text: str, most: int = 80) -> str:
    """A name or title inside a sentence."""
    return sentence(text, most)


def names(them: Sequence[str], most: int = 3) -> str:
    """``a, b and 3 more``; each cut."""
    shown = [short(each, 80) for each in them[:most]]
    if len(them) > most:
        return f"{', '.join(shown)} and {len(them) - most} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 change``, ``3 changes``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def lasted(milliseconds: int) -> str:
    """``45 s``, ``12 min``, ``7 h``, ``3 d``."""
    seconds = max(0, milliseconds) // 1000
    limit = next(step for step in _STEPS if seconds < step[0])
    return f"{seconds // limit[1]} {limit[2]}"


def since(at: Millis, now: Millis) -> str:
    """``for 12 min``."""
    return f"for {lasted(now - at)}"


def spent(spend: Spend) -> str:
    """``1.20, 48,000 tokens, 12 min of agents``; what is not known is left out."""
    return f"{spend_words(spend)} of agents"
