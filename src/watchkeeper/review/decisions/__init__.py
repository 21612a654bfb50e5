"""Decisions that nobody made but an agent: read from what it changed, and from what it said."""

from watchkeeper.review.decisions.finding import find_decisions, find_recorded
from watchkeeper.review.decisions.found import Found, decision_id, names_it

__all__ = ["Found", "decision_id", "find_decisions", "find_recorded", "names_it"]
