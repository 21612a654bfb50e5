"""The two ways to speak: lines for people, documents for programs. Data on stdout, talk on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import msgspec

VERSION = 1
"""Of the documents; raised when a field changes its meaning or goes. Fields may be added without."""

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "dim": 2, "bold": 1}


class Terminal(msgspec.Struct, frozen=True):
    """What the reader's screen can show. Colour never says anything alone."""

    colour: bool = False
    symbols: bool = True  # other characters than ASCII

    def paint(self, colour: str, text: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.colour else text

    def symbol(self, fancy: str, plain: str) -> str:
        return fancy if self.symbols else plain


def find_terminal(stream: TextIO, environ: Mapping[str, str]) -> Terminal:
    """What ``stream`` can show: no colour where NO_COLOR is set, on a dumb terminal, or into a file or pipe."""
    colour = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "") != "dumb"
    return Terminal(colour=colour, symbols="utf" in (getattr(stream, "encoding", None) or "").lower())


def show(lines: Iterable[str], next_step: str) -> None:
    """Print the result for people; it ends with the one thing to do next."""
    sys.stdout.write("".join(f"{line}\n" for line in (*lines, f"next: {next_step}")))


def show_document(document: Mapping[str, object], stream: TextIO | None = None) -> None:
    """Print the result for programs: one JSON object, on one line, at once."""
    out = stream or sys.stdout
    out.write(render_document(document) + "\n")
    out.flush()


def render_document(document: Mapping[str, object]) -> str:
    """The JSON text. What is no text (file names of undecodable bytes) is escaped rather than refused."""
    whole = {"version": VERSION, **document}
    text = json.dumps(whole, ensure_ascii=False, default=msgspec.to_builtins)
    return text if text.isprintable() else json.dumps(whole, default=msgspec.to_builtins)


def say(text: str) -> None:
    """Talk to the person who waits; never part of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
