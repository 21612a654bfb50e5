"""Numbers over time, each a drawing and the same as a table."""

from __future__ import annotations

from markupsafe import Markup

from watchkeeper.model.redaction import redact
from watchkeeper.review.charts import render_chart
from watchkeeper.web.figures import DAYS, count_days
from watchkeeper.web.pages.asking import Answer, Asking

_CHOICES = tuple(zip(DAYS, ("a week", "30 days", "90 days"), strict=True))


def show(asking: Asking) -> Answer:
    """Of all projects, or of one; of the last 30 days, or as many as are asked for."""
    given = asking.query.get("days", "30")
    days = int(given) if given in DAYS else 30
    charts = count_days(asking.room.reader, (each for _, each in asking.projects()), days, asking.now)
    drawn = [(each, Markup(redact(render_chart(each)))) for each in charts]  # noqa: S704 escaped where it is drawn
    context = {"charts": drawn, "days": str(days), "choices": _CHOICES}
    return Answer("Numbers", "numbers.html", context, "numbers")
