"""Every page: its path, what makes it, and whether its rows are kept current while somebody looks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.routing import compile_path

from watchkeeper.web.pages.asking import Answer, Asking

Maker = Callable[[Asking], Answer]


class Page(NamedTuple):
    """``maker`` is ``module.function`` of ``pages``: imported when it is first asked for."""

    path: str
    maker: str
    is_live: bool = True

    def make(self) -> Maker:
        module, _, name = self.maker.partition(".")
        found: Maker = getattr(importlib.import_module(f"watchkeeper.web.pages.{module}"), name)
        return found


PAGES = (
    Page("/", "home.show"),
    Page("/matters", "home.show_all"),
    Page("/more", "home.show_more"),
    Page("/fleet", "fleet.show"),
    Page("/projects/{project}", "fleet.show_one"),
    Page("/engagements/{engagement}", "engagement.show"),
    Page("/engagements/{engagement}/diff", "engagement.show_diff", is_live=False),
    Page("/conflicts", "conflicts.show_list"),
    Page("/conflicts/{conflict}", "conflicts.show_one"),
    Page("/queue", "queue.show"),
    Page("/queue/{entry:path}", "queue.show_one"),
    Page("/incidents", "incidents.show_list"),
    Page("/incidents/{incident}", "incidents.show_one"),
    Page("/brief", "brief.show", is_live=False),
    Page("/changes", "changes.show_list"),
    Page("/changes/{commit}", "changes.show_one", is_live=False),
    Page("/decisions", "decisions.show"),
    Page("/log", "logs.show_list"),
    Page("/log/{project}/{day}", "logs.show_one", is_live=False),
    Page("/numbers", "numbers.show", is_live=False),
    Page("/rules", "rules.show", is_live=False),
    Page("/scouts", "scouts.show", is_live=False),
    Page("/findings", "scouts.show_findings"),
    Page("/findings/{finding}", "scouts.show_finding"),
    Page("/standards", "scouts.show_standards"),
    Page("/standards/{standard}", "scouts.show_standard"),
    Page("/events", "events.show"),
    Page("/settings", "settings.show", is_live=False),
    Page("/doctor", "doctor.show", is_live=False),
)
"""In the order in which a path is looked for."""

_PATTERNS = tuple((each, compile_path(each.path)[0]) for each in PAGES)


def find_page(path: str) -> tuple[Page, Mapping[str, str]] | None:
    """The page of a decoded path, and what stands in it; None where there is none."""
    for each, pattern in _PATTERNS:
        if (found := pattern.match(path)) is not None:
            return each, found.groupdict()
    return None
