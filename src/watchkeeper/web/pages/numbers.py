"""Numbers over time, each a drawing and the same as a table."""

from __future__ import annotations

from markupsafe import Markup

from watchkeeper.fleet.hours import parse_clock
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import redact
from watchkeeper.review.calendar import Boundary
from watchkeeper.review.charts import render_chart
from watchkeeper.review.numbers import Chart, count_numbers
from watchkeeper.web.pages.asking import Answer, Asking

_DAY_MS = 86_400_000
_BEGINS = 240
"""Minutes after midnight: where nothing says when a day begins, at four in the morning."""
CHOICES = (("7", "a week"), ("30", "30 days"), ("90", "90 days"))


def show(asking: Asking) -> Answer:
    """Of all projects, or of one; of the last 30 days, or as many as are asked for."""
    given = asking.query.get("days", "30")
    days = int(given) if given in {each for each, _ in CHOICES} else 30
    since = Millis(asking.now - (days - 1) * _DAY_MS)
    sources = [each for name, project in asking.projects() for each in (project.source.project, project.source.shared)]
    log = asking.room.reader.log
    config = asking.room.scope.config
    begins = parse_clock(config.fleet.day_begins) if config is not None else None
    boundary = Boundary(_BEGINS if begins is None else begins, asking.room.scope.zone)
    events = sorted((each for source in dict.fromkeys(sources) for each in log.read(source)), key=lambda each: each.seq)
    charts: tuple[Chart, ...] = count_numbers(events, boundary, since, asking.now) if sources else ()
    drawn = [(each, Markup(redact(render_chart(each)))) for each in charts]  # noqa: S704 escaped where it is drawn
    context = {"charts": drawn, "days": str(days), "choices": CHOICES}
    return Answer("Numbers", "numbers.html", context, "numbers")
