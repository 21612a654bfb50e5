"""Random edits of real sources: what people, editors and broken disks do to files. The same dice give the same edit."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Edit = Callable[[random.Random, bytes, bytes], bytes]
"""(dice, the file, another file to take text from) -> the edited file."""

_NAME = re.compile(rb"\b[A-Za-z_][A-Za-z0-9_]{2,}\b")
_CALLABLE = re.compile(rb"(?:def|function)\s+[\w$]+\s*\(|^\s+(?:async\s+)?[\w$]+\(", re.MULTILINE)
_NOISE = (b"(", b")", b"'''", b'"', b"`", b"${", b"{", b"}", b":", b"\\", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\t")


def edit_randomly(dice: random.Random, source: bytes, other: bytes) -> bytes:
    """One to three edits; most keep the file parsable, some do not."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        source = dice.choices(list(EDITS), weights=list(EDITS.values()))[0](dice, source, other)
    return source


def rename_name(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    """A name gets another one, everywhere or once."""
    names = _NAME.findall(source)
    if not names:
        return source
    name = dice.choice(names)
    count = dice.choice((0, 1))
    return re.sub(rb"\b" + re.escape(name) + rb"\b", name + dice.choice((b"2", b"_new", b"Async")), source, count=count)


def change_parameters(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    """A function gets one more parameter."""
    places = [found.end() for found in _CALLABLE.finditer(source)]
    if not places:
        return source
    at = dice.choice(places)
    return source[:at] + dice.choice((b"extra, ", b"*, ", b"extra=None, ", b"self, ")) + source[at:]


def touch_line(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    """A number or operator of one line changes."""
    lines = source.split(b"\n")
    at = dice.randrange(len(lines))
    swaps = (
        (b"==", b"!="),
        (b"0", b"1"),
        (b"True", b"False"),
        (b" + ", b" - "),
        (b"return ", b"return not "),
        (b"(", b"(1, "),
    )
    old, new = dice.choice(swaps)
    lines[at] = lines[at].replace(old, new)
    return b"\n".join(lines)


def delete_lines(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    lines = source.split(b"\n")
    at = dice.randrange(len(lines))
    del lines[at : at + dice.choice((1, 1, 3, 12, 60))]
    return b"\n".join(lines)


def copy_lines(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    lines = source.split(b"\n")
    start, to = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[to:to] = lines[start : start + dice.choice((1, 5, 25))]
    return b"\n".join(lines)


def move_lines(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    lines = source.split(b"\n")
    start = dice.randrange(len(lines))
    moved = lines[start : start + dice.choice((1, 5, 25))]
    del lines[start : start + len(moved)]
    to = dice.randrange(len(lines) + 1)
    lines[to:to] = moved
    return b"\n".join(lines)


def take_lines(dice: random.Random, source: bytes, other: bytes) -> bytes:
    """Lines of another file."""
    lines, theirs = source.split(b"\n"), other.split(b"\n")
    start, to = dice.randrange(len(theirs)), dice.randrange(len(lines))
    lines[to:to] = theirs[start : start + dice.choice((2, 10, 40))]
    return b"\n".join(lines)


def truncate(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    return source[: dice.randrange(len(source) + 1)]


def add_noise(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    for _ in range(dice.choice((1, 1, 4, 30))):
        at = dice.randrange(len(source) + 1)
        noise = dice.choice(_NOISE) if dice.random() < 0.7 else dice.randbytes(dice.choice((1, 3)))
        source = source[:at] + noise + source[at + dice.choice((0, 0, 1, 4)) :]
    return source


def reindent(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    """A run of lines moves right or left; or the line ends change."""
    if dice.random() < 0.2:
        return source.replace(b"\n", b"\r\n")
    lines = source.split(b"\n")
    start = dice.randrange(len(lines))
    for at in range(start, min(len(lines), start + 15)):
        lines[at] = b"    " + lines[at] if dice.random() < 0.9 else lines[at].removeprefix(b"    ")
    return b"\n".join(lines)


def nest(dice: random.Random, source: bytes, _other: bytes) -> bytes:
    """A deep expression: what a parser's recursion has to bear."""
    depth = dice.choice((50, 400, 3000))
    at = source.find(b"\n", dice.randrange(len(source) + 1)) + 1
    opened, closed = dice.choice(((b"(", b")"), (b"[", b"]"), (b"f(", b")"), (b"not ", b""), (b"-", b""), (b"a.", b"")))
    return source[:at] + b"value = " + opened * depth + b"1" + closed * depth + b"\n" + source[at:]


EDITS: dict[Edit, int] = {
    touch_line: 8,
    rename_name: 6,
    change_parameters: 6,
    delete_lines: 4,
    copy_lines: 3,
    move_lines: 4,
    take_lines: 3,
    truncate: 2,
    add_noise: 4,
    reindent: 2,
    nest: 1,
}
