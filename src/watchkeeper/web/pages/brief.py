"""The brief: what the fleet did, each sentence looked at again before it is shown."""

from __future__ import annotations

from watchkeeper.model.ids import Millis
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier
from watchkeeper.review.render import TITLES, evidence_words
from watchkeeper.web.pages.asking import Answer, Asking

_HOUR_MS = 3_600_000
_MOST_HOURS = 24 * 35
CHOICES = (("12", "12 hours"), ("24", "a day"), ("72", "3 days"), ("168", "a week"))


def show(asking: Asking) -> Answer:
    """Of the last day, or of as many hours as are asked for."""
    given = asking.query.get("hours", "24")
    hours = min(max(1, int(given)), _MOST_HOURS) if given.isascii() and given.isdigit() and len(given) < 6 else 24
    since = Millis(asking.now - hours * _HOUR_MS)
    verifier = LiveVerifier(asking.room.reader)
    brief = build_brief(verifier.picture, asking.room.scope, since, verifier)
    context = {
        "brief": brief,
        "titles": TITLES,
        "hours": str(hours),
        "choices": CHOICES,
        "rests_on": lambda claim: "; ".join([*evidence_words(claim)][:4]),
        "weights": {each.id: each for each in asking.room.matters(asking.picture)},
    }
    return Answer("Brief", "brief.html", context, "brief")
