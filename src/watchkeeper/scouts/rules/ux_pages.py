"""Rules of the dimension ``ux`` for HTML files and templates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.scouts.rules.rule import Hit, Rule

_TAG = re.compile(r"<(img|html|input|a|button|div|span)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<!--.*?-->|<script\b.*?</script>|<style\b.*?</style>|\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}",
    re.DOTALL | re.IGNORECASE,
)
_SPREAD = re.compile(r"\{[{%].*?(attrs|attributes|props).*?[%}]\}|\{%|\.\.\.")


def _tags(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Line, attributes and whole tag; not what templates put together themselves, comments or scripts."""
    bare = _HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for found in _TAG.finditer(bare):
        if found[1].lower() == name and not _SPREAD.search(found[2]):
            yield bare.count("\n", 0, found.start()) + 1, found[2], found[0]


def find_image_without_alt(_path: str, text: str) -> Iterator[Hit]:
    """``<img>`` without ``alt``."""
    for line, given, whole in _tags(text, "img"):
        if not re.search(r"(^|\s)(:|v-bind:|\[)?(alt|aria-hidden|role|aria-label)\b", given, re.IGNORECASE):
            yield Hit(line, whole[:400], words=("img",))


def find_without_language(path: str, text: str) -> Iterator[Hit]:
    """``<html>`` that does not say its language; not of letters, which no browser opens."""
    if re.search(r"mail|pdf|letter|invoice", path, re.IGNORECASE):
        return
    for line, given, whole in _tags(text, "html"):
        if not re.search(r"\blang\b", given, re.IGNORECASE) and not re.search(r"xmlns:[vo]=", given):
            yield Hit(line, whole[:400])


def find_positive_tabindex(_path: str, text: str) -> Iterator[Hit]:
    """An order of its own for the key Tab."""
    for name in ("input", "a", "button", "div", "span"):
        for line, given, whole in _tags(text, name):
            if re.search(r"\btabindex=[\"']?[1-9]", given, re.IGNORECASE):
                yield Hit(line, whole[:400])


RULES = (
    Rule(
        "image-without-alt", "ux", "accessibility", 2, 0.95,
        "<{0}> has no alternative text", "Show the alt, or that the picture is hidden from screen readers.",
        {"a.html": "<p><img src='/a.png'></p>\n"}, {"a.html": "<p><img src='/a.png' alt=''></p>\n"},
        page=find_image_without_alt,
    ),
    Rule(
        "html-without-lang", "ux", "accessibility", 1, 0.95,
        "<html> does not say its language", "Show where the language is set.",
        {"a.html": "<!doctype html><html><body></body></html>\n"},
        {"a.html": "<!doctype html><html lang='en'><body></body></html>\n"}, page=find_without_language,
    ),
    Rule(
        "positive-tabindex", "ux", "accessibility", 1, 0.9,
        "a positive tabindex takes this out of the order of the page", "Show that the order is the one that is seen.",
        {"a.html": "<a href='/' tabindex='3'>A</a>\n"}, {"a.html": "<a href='/' tabindex='0'>A</a>\n"},
        page=find_positive_tabindex,
    ),
)  # fmt: skip
