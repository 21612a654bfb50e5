"""Drawings as SVG that takes its colours from the page's style sheet. Everything in them is others' text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup, escape

from watchkeeper.landing.view import QueueView
from watchkeeper.landing.waiters import Place
from watchkeeper.model.redaction import redact
from watchkeeper.review.words import short
from watchkeeper.web.words import Look

_CELL, _LABEL, _CHARS = 30, 190, 26
_BOX_WIDTH, _BOX_HEIGHT, _GAP, _PER_LANE = 184, 54, 26, 12


class Cell(NamedTuple):
    """Where two meet: the page of their gravest conflict, and how that looks."""

    one: str
    other: str
    page: str
    look: Look
    summary: str


def draw_matrix(names: Sequence[str], cells: Sequence[Cell]) -> Markup:
    """Who meets whom; ``""`` where nobody does. Each cell is a link that says what it is; the list says it in words."""
    if not cells:
        return Markup("")
    at = {name: number for number, name in enumerate(names)}
    size = _CELL * len(names)
    width, height = _LABEL + size + 8, size + 34
    parts = [
        Markup(
            '<svg class="drawing matrix" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="group"'
            ' aria-label="Who meets whom: {n} of open conflicts">'
        ).format(w=width, h=height, n=f"{len(cells)} {'pair' if len(cells) == 1 else 'pairs'}")
    ]
    for name, number in at.items():
        y = 26 + number * _CELL
        parts.append(
            Markup('<text x="{x}" y="{y}" text-anchor="end">{n}<title>{whole}</title></text>').format(
                x=_LABEL - 8, y=y + 19, n=_text(f"{number + 1}. {name}"), whole=_whole(name)
            )
        )
        parts.append(
            Markup('<text x="{x}" y="18" text-anchor="middle" class="dim">{n}</text>').format(
                x=_LABEL + number * _CELL + _CELL // 2, n=number + 1
            )
        )
        parts += [
            Markup('<rect class="cell{own}" x="{x}" y="{y}" width="28" height="28" rx="4"/>').format(
                x=_LABEL + column * _CELL + 1, y=y + 1, own=" own" if column == number else ""
            )
            for column in range(len(names))
        ]
    for cell in cells:
        for row, column in ((at[cell.one], at[cell.other]), (at[cell.other], at[cell.one])):
            parts.append(_linked(cell, row, column, is_first=row < column))
    return Markup("").join([*parts, Markup("</svg>")])


def _linked(cell: Cell, row: int, column: int, *, is_first: bool) -> Markup:
    """Each pair is one stop of the keyboard, though it is drawn on both sides of the diagonal."""
    x, y = _LABEL + column * _CELL + 1, 26 + row * _CELL + 1
    label = f"{cell.look.word}: {short(cell.one, 40)} and {short(cell.other, 40)}: {short(cell.summary, 120)}"
    return Markup(
        '<a href="{page}" class="hit {hue}"{reach}><title>{label}</title>'
        '<rect x="{x}" y="{y}" width="28" height="28" rx="4"/>'
        '<text x="{tx}" y="{ty}" text-anchor="middle">{letter}</text></a>'
    ).format(
        page=cell.page,
        hue=cell.look.hue,
        reach=Markup("") if is_first else Markup(' tabindex="-1" aria-hidden="true"'),
        label=_whole(label),
        x=x,
        y=y,
        tx=x + 14,
        ty=y + 19,
        letter=cell.look.word[:1].upper(),
    )


def draw_lane(view: QueueView, project: str) -> Markup:
    """The line of one queue: the branch first, then who is next; what rests on others' landing is dashed.

    ``""`` where nobody is in the line.
    """
    line = [each for each in view.rows if each.position > 0][:_PER_LANE]
    if not line:
        return Markup("")
    width = 74 + len(line) * (_BOX_WIDTH + _GAP) + 8
    height = _BOX_HEIGHT + 16
    parts = [
        Markup(
            '<svg class="drawing lane" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="group"'
            ' aria-label="The line of {project}: {n} waiting">'
        ).format(w=width, h=height, project=_text(project), n=len(line)),
        Markup(
            '<circle class="tip" cx="30" cy="{y}" r="22"/>'
            '<text x="30" y="{ty}" text-anchor="middle" font-size="10">{tip}</text>'
        ).format(y=height // 2, ty=height // 2 + 4, tip=(view.tip or "none")[:7]),
    ]
    for number, row in enumerate(line):
        x = 74 + number * (_BOX_WIDTH + _GAP)
        kind = (
            "sought" if row.place is Place.QUARANTINED else "runs" if row.waits_for.startswith("its run") else "rests"
        )
        parts.append(
            Markup(
                '<path class="wire{speculative}" d="M{a} {y}H{b}"/><a href="{page}" class="box {kind}{speculative}">'
                '<title>{whole}</title><rect x="{x}" y="8" width="{w}" height="{h}" rx="6"/>'
                '<text x="{tx}" y="29">{name}</text><text x="{tx}" y="48" class="dim">{waits}</text></a>'
            ).format(
                a=x - _GAP + 4,
                b=x - 4,
                y=height // 2,
                page=f"/queue/{_quoted(row.id)}",
                kind=kind,
                speculative=" speculative" if row.on else "",
                whole=_whole(f"{row.position}. {row.id}: {row.title}; waits for {row.waits_for}"),
                x=x,
                w=_BOX_WIDTH,
                h=_BOX_HEIGHT,
                tx=x + 9,
                name=_text(f"{row.position}. {row.title or row.id}", 25),
                waits=_text(row.waits_for, 27),
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _text(text: str, most: int = _CHARS) -> Markup:
    return escape(redact(short(text, most)))


def _whole(text: str) -> Markup:
    return escape(redact(short(text, 300)))
