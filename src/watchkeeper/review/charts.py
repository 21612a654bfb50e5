"""A chart as SVG. Pure. It takes its colours from the page, and says in words what it shows.

Lines are told apart by dashes, marks and a label at their end, never by colour alone. Colours are ``currentColor`` and
the page's ``--series-1`` to ``--series-6``, so dark and light are the page's own; no style and no script is inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from watchkeeper.review.numbers import Chart, Point, Series

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 168, 34, 30
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "12 4")
_MOST_LABEL = 26
_LINE_HEIGHT = 15


class _Scale(NamedTuple):
    """Where a day and a value lie."""

    days: Sequence[str]
    most: float

    def x(self, day: str) -> float:
        place = self.days.index(day) if len(self.days) > 1 else 0
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * place / max(1, len(self.days) - 1), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self.most, 1)


def render_chart(chart: Chart) -> str:
    """The drawing, as an ``svg`` element to be put into a page. The same chart gives the same text."""
    return "\n".join(_lines(chart)) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    key = escape(chart.key, quote=True)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-labelledby="{key}-title {key}-said" font-family="system-ui, sans-serif" font-size="12">'
    )
    yield f'<title id="{key}-title">{escape(chart.title)}</title>'
    yield f'<desc id="{key}-said">{escape(chart.said)}</desc>'
    yield f'<text x="{_LEFT}" y="16" font-weight="600" fill="currentColor">{escape(chart.title)}</text>'
    known = [each for each in chart.series if each.points]
    if not known:
        yield f'<text x="{_LEFT}" y="{HEIGHT // 2}" fill="currentColor">nothing is known yet</text></svg>'
        return
    scale = _Scale(chart.days, _nice(max(point.value for each in known for point in each.points)))
    yield from _axes(chart, scale)
    labels = _label_places([scale.y(each.points[-1].value) for each in known])
    for number, (series, label) in enumerate(zip(known, labels, strict=True)):
        yield from _series(series, number, scale, label)
    yield "</svg>"


def _axes(chart: Chart, scale: _Scale) -> Iterator[str]:
    right = WIDTH - _RIGHT
    for value in (0.0, scale.most / 2, scale.most):
        y = scale.y(value)
        yield (
            f'<line x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" fill="currentColor">{_number(value)}</text>'
        )
    yield (f'<text x="{right}" y="16" text-anchor="end" fill="currentColor">{escape(chart.unit)}</text>')
    shown = [chart.days[0], *([chart.days[-1]] if len(chart.days) > 1 else [])]
    for place, day in enumerate(shown):
        anchor = "start" if place == 0 else "end"
        place_x = f'x="{scale.x(day)}" y="{HEIGHT - 10}"'
        yield f'<text {place_x} text-anchor="{anchor}" fill="currentColor">{escape(day)}</text>'


def _series(series: Series, number: int, scale: _Scale, label: float) -> Iterator[str]:
    colour = f"var(--series-{number % 6 + 1}, currentColor)"
    dash = f' stroke-dasharray="{_DASHES[number % len(_DASHES)]}"' if number % len(_DASHES) else ""
    for run in _runs(series.points, scale.days):
        path = " ".join(f"{'M' if at == 0 else 'L'}{scale.x(p.day)} {scale.y(p.value)}" for at, p in enumerate(run))
        if len(run) > 1:
            yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    for point in series.points if len(series.points) <= 45 else (series.points[0], series.points[-1]):
        yield _mark(
            number,
            scale.x(point.day),
            scale.y(point.value),
            colour,
            f"{series.name}, {point.day}: {_number(point.value)}",
        )
    last = series.points[-1]
    end_x, end_y = scale.x(last.day), scale.y(last.value)
    name = series.name if len(series.name) <= _MOST_LABEL else f"{series.name[: _MOST_LABEL - 1]}…"
    yield (
        f'<line x1="{end_x + 4}" x2="{WIDTH - _RIGHT + 14}" y1="{end_y}" y2="{label}" stroke="currentColor"'
        f' stroke-opacity="0.3"/>{_mark(number, WIDTH - _RIGHT + 20, label, colour, "")}'
        f'<text x="{WIDTH - _RIGHT + 28}" y="{label + 4}" fill="currentColor">{escape(name)}</text>'
    )


def _runs(points: Sequence[Point], days: Sequence[str]) -> Iterator[list[Point]]:
    """Points of days one after another: no line is drawn over days of which nothing is known."""
    run: list[Point] = []
    places = {day: place for place, day in enumerate(days)}
    for point in points:
        if run and places[point.day] != places[run[-1].day] + 1:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _mark(number: int, x: float, y: float, colour: str, said: str) -> str:
    """A shape for each series; ``said`` is what it stands for."""
    title = f"<title>{escape(said)}</title>" if said else ""
    paint = f'fill="{colour}" stroke="{colour}"'
    match number % 6:
        case 0:
            return f'<circle cx="{x}" cy="{y}" r="3" {paint}>{title}</circle>'
        case 1:
            return f'<rect x="{x - 3}" y="{y - 3}" width="6" height="6" {paint}>{title}</rect>'
        case 2:
            return f'<path d="M{x} {y - 4}L{x + 4} {y + 3}L{x - 4} {y + 3}Z" {paint}>{title}</path>'
        case 3:
            return f'<path d="M{x} {y - 4}L{x + 4} {y}L{x} {y + 4}L{x - 4} {y}Z" {paint}>{title}</path>'
        case 4:
            return f'<circle cx="{x}" cy="{y}" r="3" fill="none" stroke="{colour}">{title}</circle>'
        case _:
            return f'<rect x="{x - 3}" y="{y - 3}" width="6" height="6" fill="none" stroke="{colour}">{title}</rect>'


def _label_places(wanted: Sequence[float]) -> list[float]:
    """Where labels stand so that none covers another, each as near to its line's end as can be."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    places = [0.0] * len(wanted)
    low = float(_TOP)
    for at in order:
        places[at] = low = max(low, wanted[at])
        low += _LINE_HEIGHT
    over = max(0.0, low - _LINE_HEIGHT - (HEIGHT - _BOTTOM))
    return [round(max(_TOP + _LINE_HEIGHT * rank, places[at] - over), 1) for at, rank in _ranks(order)]


def _ranks(order: Sequence[int]) -> list[tuple[int, int]]:
    ranks = {at: rank for rank, at in enumerate(order)}
    return [(at, ranks[at]) for at in range(len(order))]


def _nice(most: float) -> float:
    """The end of the axis: 1, 2 or 5 times a power of ten, at or above the greatest value."""
    if most <= 0 or not math.isfinite(most):
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most * (1 - 1e-9))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:g}"
