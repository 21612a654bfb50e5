"""A decision before it is known whose it is, and by what it is known again. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from watchkeeper.model.review import DecisionId, DecisionKind

_LEAST_NAME = 3
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")


class Found(NamedTuple):
    """What was chosen, and where it stands. ``names`` are the words by which an issue would have asked for it."""

    kind: DecisionKind
    title: str
    choice: str
    subject: str
    origin: str = "diff"
    path: str = ""
    line: int = 0
    names: tuple[str, ...] = ()
    why: str = ""


def decision_id(project: str, found: Found, mark: str) -> DecisionId:
    """The same whenever the same change is looked at again; ``mark`` names the change, or the session that said it."""
    told = (project, found.kind.value, found.subject, found.choice, found.title, mark)
    text = "\x1f".join(told).encode("utf-8", "surrogatepass")
    return DecisionId(f"d-{hashlib.sha256(text).hexdigest()[:8]}")


def names_it(name: str, text: str) -> bool:
    """Whether ``text`` names a thing, however it writes the words: ``retry_limit``, ``retryLimit``, ``retry limit``."""
    words = [each for each in _WORD_ENDS.split(name.strip("_")) if each]
    if sum(map(len, words)) < _LEAST_NAME or not text:
        return False
    pattern = r"[\s_\-.]*".join(map(re.escape, words))
    return re.search(rf"(?<![\w-]){pattern}(?![\w-])", text, re.IGNORECASE) is not None
