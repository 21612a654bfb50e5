"""Text that others wrote, made fit to be shown on one line. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` on one line, without anything that moves the cursor, paints, or turns the direction of writing.

    Paths, names and code come from others; what they contain must not act on whoever reads it.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text.replace("\t", " "))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
