"""The tag in front of a statement: where in the code it comes from. Whatever a statement says is untrusted. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

from watchkeeper.model.incidents import Tag

_MAX_TAG = 4_000
_MAX_VALUE = 400
_MAX_NUMBER = 2**53
_BEGIN = re.compile(r"\s*(?:/\*(?!wk:)[^*]{0,500}\*/\s*){0,3}/\*wk:")
_REVISION = re.compile(r"[0-9a-f]{7,64}")


def split_tag(statement: str) -> tuple[Tag | None, str]:
    """The tag of a statement, None where it has none, and the statement without it. Total: never raises.

    Other comments may stand before the tag. Where the server has cut the statement inside of its tag, the values that
    came through whole count, and nothing is left of the statement.
    """
    begin = _BEGIN.match(statement)
    if begin is None:
        return None, statement
    end = statement.find("*/", begin.end(), begin.end() + _MAX_TAG)
    if end < 0:
        # What stands behind the last comma may be half a value.
        whole, _, _ = statement[begin.end() : begin.end() + _MAX_TAG].rpartition(",")
        return _read(whole), ""
    return _read(statement[begin.end() : end]), statement[end + 2 :].lstrip()


def _read(text: str) -> Tag:
    values = dict[str, str]()
    for part in text.split(",")[:20]:
        key, _, value = part.partition("=")
        values.setdefault(key.strip(), _decode(value))
    revision = values.get("rev", "")
    return Tag(
        revision=revision if _REVISION.fullmatch(revision) else "",
        symbol=values.get("sym", ""),
        site=values.get("at", ""),
        set=values.get("set", ""),
        process=_number(values.get("pid", "")),
        thread=_number(values.get("tid", "")),
        task=values.get("task", ""),
    )


def _decode(value: str) -> str:
    text = unquote(value[: 3 * _MAX_VALUE].replace("~", "%"), errors="replace")[:_MAX_VALUE].strip()
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        return 0
    return min(int(text), _MAX_NUMBER)
