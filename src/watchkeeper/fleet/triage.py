"""What is to become of an issue by its labels, and, where it has none that says, by rule: code, never a model. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from watchkeeper.model.fleet import Issue

PREPARES_ISSUE = "preparer-prepares-issue"
"""The atom of an engagement that makes an issue ready: what, where, how it is known to be done."""

SPLITS_ISSUE = "planner-splits-issue"
"""The atom of an engagement that makes two to five issues of one."""


class Route(StrEnum):
    """Where an issue goes next, the most urgent first."""

    READY = "ready"
    PREP = "prep"
    SPLIT = "split"
    BLOCKED = "blocked"  # it says so itself
    LATER = "later"  # somebody put it off
    PERSON = "person"


class Triage(NamedTuple):
    """Where an issue goes, and why. ``by_rule``: it has no label that says."""

    route: Route
    why: str
    by_rule: bool = False


LABELS = {
    "needs-person": Route.PERSON,
    "human-needed": Route.PERSON,
    "needs-human": Route.PERSON,
    "merge-conflict": Route.PERSON,  # a person looks, instead of try after try against the same wall
    "question": Route.PERSON,
    "duplicate": Route.PERSON,
    "invalid": Route.PERSON,
    "wontfix": Route.PERSON,
    "backlog": Route.LATER,
    "stale": Route.LATER,
    "blocked": Route.BLOCKED,
    "needs-decompose": Route.SPLIT,
    "needs-prep": Route.PREP,
    "ready-for-prep": Route.PREP,
    "ready": Route.READY,
    "ready-for-dev": Route.READY,
    "ready-for-grind": Route.READY,
}
"""Labels that say where an issue goes, the strongest first; written with spaces or ``_`` they are the same."""

_SHORT = 40
_MANY_TASKS = 6
_TASK = re.compile(r"^\s*[-*+] \[ \] ", re.MULTILINE)
_NAME_OF_CODE = re.compile(r"`[^`\s][^`]*`|\w+\.\w{1,4}\b|\b\w+_\w+\b|\b[a-z]+[A-Z]\w+\b|\w\(\)")


def triage(issue: Issue, untouched_days: float = 0.0, stale_days: int = 14) -> Triage:
    """Where ``issue`` goes. Of several labels the one that holds it back the most counts."""
    has = {"-".join(re.split(r"[\s_]+", label.strip().lower())): label for label in issue.labels}
    for name, route in LABELS.items():
        if name in has:
            return Triage(route, f"labelled {has[name][:60].strip()}")
    if untouched_days >= stale_days:
        return Triage(Route.LATER, f"nobody touched it for {stale_days} days: is it still wanted?", by_rule=True)
    return _by_rule(issue)


def _by_rule(issue: Issue) -> Triage:
    text = " ".join(issue.body.split())
    if issue.title.rstrip().endswith("?") and len(text) < _SHORT:
        return Triage(Route.PERSON, "it is a question", by_rule=True)
    tasks = len(_TASK.findall(issue.body))
    if tasks >= _MANY_TASKS:
        return Triage(Route.SPLIT, f"it lists {tasks} tasks", by_rule=True)
    if len(text) < _SHORT and not _NAME_OF_CODE.search(f"{issue.title} {text}"):
        return Triage(Route.PREP, "it says too little, and names no code", by_rule=True)
    return Triage(Route.READY, "it says what is to be done", by_rule=True)
