"""The block of ``AGENTS.md`` that holds the standards: written anew as a whole, everything around it left as it is."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from watchkeeper.model.errors import UsageError
from watchkeeper.model.scouting import Standard, StandardId, StandardState
from watchkeeper.model.scouting_state import StandardStanding

BEGIN = "<!-- watchkeeper:standards begin -->"
END = "<!-- watchkeeper:standards end -->"
BUDGET = 15_000
"""Characters of the whole file: an agent reads it at every start."""

_HEAD = """## Standards of all projects

Written by Watchkeeper; what is changed here is lost. `enforced`: no change that adds a violation lands."""


class Written(msgspec.Struct, frozen=True):
    """The file as it is to be. ``left_out`` are standards for which there was no room, which the file says too."""

    text: str
    left_out: tuple[StandardId, ...] = ()


def write_standards(text: str, standings: Iterable[StandardStanding], budget: int = BUDGET) -> Written:
    """``text`` with the block of what is adopted and enforced, enforced ones first, then by name.

    Doing it twice is doing it once. Every byte outside the block stays, and line ends are those of the file. The block
    is as long as ``budget`` leaves room for; where even naming what was left out is too long, it is counted. Without
    any standard there is no block. Raises UsageError (``agents-md-markers``): nothing is changed.
    """
    before, after, has_block = _split(text)
    chosen = [each for each in standings if each.state in (StandardState.ADOPTED, StandardState.ENFORCED)]
    chosen.sort(key=lambda each: (each.state is not StandardState.ENFORCED, each.standard.id))
    if not chosen:
        return Written(before + after if has_block else text)
    newline = "\r\n" if "\r\n" in text or text.endswith("\r") else "\n"
    if not has_block and before:
        before += newline * (1 if before.endswith("\n") else 2)
    room = budget - len(before) - len(after)
    block, left_out = _fit([(each.standard, each.state) for each in chosen], room, len(newline) - 1)
    return Written(before + block.replace("\n", newline) + after, left_out)


def _split(text: str) -> tuple[str, str, bool]:
    """What stands before and after the block, whose lines go from marker to marker."""
    lines = text.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [number for number, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return text, "", False
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        places = ", ".join(str(each + 1) for each in sorted((*begins, *ends)))
        raise UsageError(
            f"AGENTS.md has {len(begins)} beginnings and {len(ends)} ends of the standards' block (lines {places})",
            slug="agents-md-markers",
            hint=f"leave one {BEGIN} and one {END} after it, or neither",
        )
    return "".join(lines[: begins[0]]), "".join(lines[ends[0] + 1 :]), True


def _fit(chosen: list[tuple[Standard, StandardState]], room: int, more: int) -> tuple[str, tuple[StandardId, ...]]:
    """As many whole standards as there is room for. ``more`` is what a line end costs beyond one character."""
    whole = _join([_render(*each) for each in chosen], [])
    if _size(whole, more) <= room:
        return whole, ()
    parts: list[str] = []
    left_out: list[StandardId] = []
    for standard, state in chosen:
        part = _render(standard, state)
        names = [*left_out, *(each.id for each, _ in chosen[len(parts) + len(left_out) + 1 :])]
        if _size(_join([*parts, part], names), more) <= room:
            parts.append(part)
        else:
            left_out.append(standard.id)
    block = _join(parts, left_out)
    if left_out and _size(block, more) > room:
        block = _join(parts, left_out, by_name=False)
    return block, tuple(left_out)


def _render(standard: Standard, state: StandardState) -> str:
    """Its text must not end the block, nor open a comment that hides what comes after it."""
    title, text = (each.replace("<!--", "&lt;!--").replace("-->", "--&gt;") for each in (standard.title, standard.text))
    body = text.replace("\r", "").strip()
    return f"### {' '.join(title.split())} ({standard.id}, {state.value})\n\n{body}"


def _join(parts: list[str], left_out: list[StandardId], *, by_name: bool = True) -> str:
    said = []
    if left_out:
        names = f": {', '.join(left_out)}" if by_name else ""
        said = [f"There was no room for {len(left_out)} of them{names}. Watchkeeper has their texts."]
    return "\n\n".join([f"{BEGIN}\n{_HEAD}", *parts, *said]) + f"\n{END}\n"


def _size(block: str, more: int) -> int:
    return len(block) + more * block.count("\n")
