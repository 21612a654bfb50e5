"""Who waits for whom as a drawing: SVG for pages, lines for terminals. Everything in it is others' text. Pure."""

from __future__ import annotations

from html import escape

from watchkeeper.model.incidents import Edge, Incident, Party, Role

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 190, 46, 40, 54, 12
_MOST_ROW = 5
_MOST_LABEL = 26
_ROWS = (Role.HOLDER, Role.BOTH, Role.WAITER, Role.QUEUED)


def render_svg(incident: Incident) -> str:
    """The graph as one SVG element that takes the colour of the text around it: light and dark pages need no other.

    Holders stand at the top; an arrow leads from who waits to whom it waits for, dashed through the program.
    """
    places = _places(incident.parties)
    columns = max((x for x, _ in places.values()), default=0) + 1
    rows = max((y for _, y in places.values()), default=0) + 1
    width = 2 * _MARGIN + columns * _WIDTH + (columns - 1) * _GAP_X
    height = 2 * _MARGIN + rows * _HEIGHT + (rows - 1) * _GAP_Y
    mark = f"wk-arrow-{escape(incident.id, quote=True)}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
        ' role="img" font-family="sans-serif" font-size="12" fill="none" stroke="currentColor">',
        f"<title>{_text(incident.summary)}</title>",
        f'<defs><marker id="{mark}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"',
        ' orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor" stroke="none"/></marker></defs>',
    ]
    parts += [_arrow(each, places, mark) for each in incident.edges if {each.waiter, each.holder} <= places.keys()]
    parts += [_box(each, *places[each.backend]) for each in incident.parties if each.backend in places]
    return "".join((*parts, "</svg>"))


def render_lines(incident: Incident) -> tuple[str, ...]:
    """The same as lines: each party once, and below it what it waits for. Text of others is as it came."""
    names = {each.backend: _label(each) for each in incident.parties}
    lines = list[str]()
    for party in incident.parties:
        lines.append(f"{party.role.value} {_label(party)}")
        for edge in incident.edges:
            if edge.waiter == party.backend:
                through = " (in the program)" if edge.in_application else ""
                what = f": {edge.what}" if edge.what else ""
                lines.append(f"  waits for {names.get(edge.holder, f'backend {edge.holder}')}{what}{through}")
    return tuple(lines)


def _places(parties: tuple[Party, ...]) -> dict[int, tuple[int, int]]:
    """Column and row of each; a row has one role, and at most five."""
    places, row = dict[int, tuple[int, int]](), 0
    for role in _ROWS:
        members = [each.backend for each in parties if each.role is role]
        for start in range(0, len(members), _MOST_ROW):
            for column, backend in enumerate(members[start : start + _MOST_ROW]):
                places[backend] = (column, row)
            row += 1
    return places


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return _MARGIN + place[0] * (_WIDTH + _GAP_X), _MARGIN + place[1] * (_HEIGHT + _GAP_Y)


def _box(party: Party, column: int, row: int) -> str:
    x, y = _corner((column, row))
    weight = 2 if party.role in (Role.HOLDER, Role.BOTH) else 1
    state = party.state or party.wants
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" stroke-width="{weight}"/>'
        f'<g fill="currentColor" stroke="none"><text x="{x + 8}" y="{y + 19}">{_text(_label(party))}</text>'
        f'<text x="{x + 8}" y="{y + 36}" opacity="0.75">{_text(f"{party.role.value}, {state}")}</text></g>'
    )


def _arrow(edge: Edge, places: dict[int, tuple[int, int]], mark: str) -> str:
    (from_x, from_y), (to_x, to_y) = _corner(places[edge.waiter]), _corner(places[edge.holder])
    shift = 14 if edge.in_application else -14  # two arrows between the same boxes stand apart
    middle = _WIDTH // 2 + shift
    if places[edge.waiter][1] > places[edge.holder][1]:
        start, end = (from_x + middle, from_y), (to_x + middle, to_y + _HEIGHT)
    elif places[edge.waiter][1] < places[edge.holder][1]:
        start, end = (from_x + middle, from_y + _HEIGHT), (to_x + middle, to_y)
    else:
        is_right = from_x < to_x
        side = _HEIGHT // 2 + (8 if is_right else -8)
        start = (from_x + (_WIDTH if is_right else 0), from_y + side)
        end = (to_x + (0 if is_right else _WIDTH), to_y + side)
    dashes = ' stroke-dasharray="4 3"' if edge.in_application else ""
    return (
        f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" marker-end="url(#{mark})"{dashes}>'
        f"<title>{_text(edge.what, 200)}</title></line>"
    )


def _label(party: Party) -> str:
    if party.backend == 0:
        return "prepared transaction"
    origins = party.attribution.origins
    name = (origins[0].symbol if origins else "") or (party.tag.symbol if party.tag else "") or party.application
    return f"{name} ({party.backend})" if name else f"backend {party.backend}"


def _text(text: str, most: int = _MOST_LABEL) -> str:
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return escape("".join(each if each.isprintable() else " " for each in cut))
