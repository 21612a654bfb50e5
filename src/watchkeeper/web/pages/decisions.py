"""Decisions that nobody made but an agent: accepted, questioned or taken back here."""

from __future__ import annotations

from watchkeeper.web.pages.asking import Answer, Asking, cut


def show(asking: Asking) -> Answer:
    """What nobody has judged, the oldest first; ``show=all``: all, the newest first."""
    words = asking.query.get("q", "").strip().lower()
    found = [
        (name, each)
        for name, project in asking.projects()
        for each in (project.review.decisions.values() if asking.is_all else project.review.open_decisions())
        if words
        in f"{each.decision.title} {each.decision.choice} {each.decision.subject} {each.decision.agent}".lower()
    ]
    found.sort(key=lambda pair: -pair[1].seq if asking.is_all else pair[1].seq)
    return Answer("Decisions", "decisions.html", {"part": cut(asking, found)}, "decisions")
