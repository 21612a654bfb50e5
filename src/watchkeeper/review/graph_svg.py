"""A day's graph as a picture: a lane for each project, changes from left to right as they landed, arcs between them.

Pure. No script, no style from outside, no font to load. Whoever cannot see it reads ``<title>`` and ``<desc>``, and
each dot and arc has a title of its own; kinds are told apart by the dash of their arcs too, never by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

from watchkeeper.model.ids import Sha
from watchkeeper.review.holistic import DayGraph, LinkKind, Node, describe_graph, describe_link
from watchkeeper.review.words import counted, sentence

_WIDTH, _LEFT, _RIGHT, _TOP, _LANE = 960, 150, 24, 40, 64
_MOST_ARCS = 200
_READ_FIRST = 45


class _Pen(NamedTuple):
    colour: str
    dash: str
    width: float
    word: str


_PENS: Mapping[LinkKind, _Pen] = {
    LinkKind.CONFLICT: _Pen("#b42318", "", 3, "may not go together"),
    LinkKind.CONTRADICTS: _Pen("#b42318", "8 3", 2, "decided differently"),
    LinkKind.REWRITTEN: _Pen("#9a6700", "2 3", 2.5, "rewrote the other"),
    LinkKind.SAME_SYMBOL: _Pen("#9a6700", "", 1.5, "same symbol"),
    LinkKind.SAME_RESOURCE: _Pen("#0550ae", "6 3", 1.5, "same resource"),
    LinkKind.READS: _Pen("#0550ae", "", 1, "relies on the other"),
    LinkKind.SAME_CODE: _Pen("#57606a", "1 4", 2, "same code"),
    LinkKind.ISSUES: _Pen("#57606a", "4 4", 1, "issues overlapped"),
}


def draw_graph(graph: DayGraph, title: str, identity: str = "day-graph") -> str:
    """An ``<svg>`` element. ``identity`` keeps its ids apart from others on the same page (letters, digits, dashes)."""
    lanes = {name: at for at, name in enumerate(dict.fromkeys(each.project for each in graph.nodes))}
    places = {each.commit: _place(at, len(graph.nodes), lanes[each.project]) for at, each in enumerate(graph.nodes)}
    used = [kind for kind in LinkKind if any(each.kind is kind for each in graph.links)]
    height = _TOP + _LANE * max(1, len(lanes)) + 22 * ((len(used) + 2) // 3) + 24
    told = sentence("; ".join(describe_graph(graph)), 2000)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        f'aria-labelledby="{identity}-title {identity}-desc" font-family="system-ui, sans-serif" font-size="13">',
        f'<title id="{identity}-title">{_text(title)}</title>',
        f'<desc id="{identity}-desc">{_text(told)}</desc>',
        f'<text x="{_LEFT}" y="20" fill="currentColor">{_text(_summary(graph))}</text>',
        *_lanes(lanes),
        *_arcs(graph, places),
        *(_dot(each, places[each.commit]) for each in graph.nodes),
        *_legend(used, _TOP + _LANE * max(1, len(lanes)) + 16),
        "</svg>",
    ]
    return "\n".join(parts)


def _summary(graph: DayGraph) -> str:
    hidden = max(0, len(graph.links) - _MOST_ARCS)
    more = f", of which {hidden} are not drawn" if hidden else ""
    return f"{counted(len(graph.nodes), 'change')}, {counted(len(graph.links), 'link')}{more}"


def _place(at: int, of: int, lane: int) -> tuple[float, float]:
    room = _WIDTH - _LEFT - _RIGHT
    return round(_LEFT + room * ((at + 0.5) / max(1, of)), 1), _TOP + _LANE * lane + _LANE * 0.6


def _lanes(lanes: Mapping[str, int]) -> Iterator[str]:
    for name, lane in lanes.items():
        y = _TOP + _LANE * lane + _LANE * 0.6
        yield f'<text x="8" y="{y + 4}" fill="currentColor">{_text(sentence(name, 18))}</text>'
        yield (
            f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="currentColor" stroke-opacity="0.25"/>'
        )


def _arcs(graph: DayGraph, places: Mapping[Sha, tuple[float, float]]) -> Iterator[str]:
    """The gravest are drawn last, over the others."""
    known = {each.commit: each for each in graph.nodes}
    for link in reversed(graph.links[:_MOST_ARCS]):
        (x1, y1), (x2, y2) = places[link.one], places[link.other]
        rise = min(_LANE * 0.5, 8 + abs(x2 - x1) * 0.12)
        pen = _PENS[link.kind]
        dash = f' stroke-dasharray="{pen.dash}"' if pen.dash else ""
        middle = (x1 + x2) / 2, (y1 + y2) / 2 - rise * 1.6
        words = _text(describe_link(link, known[link.one], known[link.other]))
        yield (
            f'<path d="M{x1} {y1} Q{middle[0]:.1f} {middle[1]:.1f} {x2} {y2}" fill="none" stroke="{pen.colour}" '
            f'stroke-width="{pen.width}"{dash}><title>{words}</title></path>'
        )


def _dot(node: Node, place: tuple[float, float]) -> str:
    """Dangerous ones are squares, others circles; what was taken out again is hollow."""
    x, y = place
    fill = "none" if node.is_reverted else "#b42318" if node.score >= _READ_FIRST else "currentColor"
    stroke = "#b42318" if node.score >= _READ_FIRST else "currentColor"
    way = ", past the queue" if node.past_queue else ""
    again = ", taken out again" if node.is_reverted else ""
    words = _text(f"{node.project}: {node.title} ({node.commit[:10]}, danger {node.score}{way}{again})")
    drawn = f'fill="{fill}" stroke="{stroke}"'
    if node.score >= _READ_FIRST:
        return f'<rect x="{x - 6}" y="{y - 6}" width="12" height="12" {drawn}><title>{words}</title></rect>'
    return f'<circle cx="{x}" cy="{y}" r="5" {drawn}><title>{words}</title></circle>'


def _legend(used: list[LinkKind], top: float) -> Iterator[str]:
    for at, kind in enumerate(used):
        x, y = _LEFT + (at % 3) * 260, top + 22 * (at // 3)
        pen = _PENS[kind]
        dash = f' stroke-dasharray="{pen.dash}"' if pen.dash else ""
        yield f'<line x1="{x}" y1="{y}" x2="{x + 34}" y2="{y}" stroke="{pen.colour}" stroke-width="{pen.width}"{dash}/>'
        yield f'<text x="{x + 42}" y="{y + 4}" fill="currentColor">{_text(pen.word)}</text>'


def _text(text: str) -> str:
    """One line of characters that XML allows, escaped."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return escape(shown, {'"': "&quot;"})
