"""What a session is told of an incident: as all notices short, one next step, and what others wrote quoted."""

from __future__ import annotations

import hashlib

from watchkeeper.conflicts.incident_news import IncidentNews
from watchkeeper.conflicts.notice import closed, quote
from watchkeeper.model.agents import NoticeId, SessionId
from watchkeeper.model.incidents import IncidentId

_MOST_SUMMARY, _MOST_NAME, _MOST_LINE = 200, 60, 100


def incident_notice_id(session: SessionId, incident: IncidentId) -> NoticeId:
    """The same for the same session and incident, however often it changes or comes back."""
    told = f"{session}\0{incident}\0incident"
    return NoticeId(f"n-{hashlib.blake2b(told.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}")


def incident_text(news: IncidentNews, *, is_party: bool, show_verb: str) -> str:
    """``is_party``: lines of the session's own change take part; else it touches a function that does."""
    incident = news.incident
    whose = "Your change takes part" if is_party else "A function that you touch takes part"
    places = [(f"{each.path}:{each.line}", each.code) for each in news.origins()]
    advice = quote(incident.advice[0], _MOST_SUMMARY) if incident.advice else "look at both lines."
    lines = [
        f"Watchkeeper: {whose} in a {incident.kind.value} of database {quote(incident.database, _MOST_NAME)}.",
        f"What happens where the code runs: {quote(incident.summary, _MOST_SUMMARY)}",
        *(f"- {quote(place, _MOST_NAME)} {quote(code, _MOST_LINE)}" for place, code in dict.fromkeys(places)),
        f"Next: {advice} All of it: {show_verb}",
    ]
    return closed(lines)
