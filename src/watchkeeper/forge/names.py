"""From what people type to the issue that they mean; and what depends on what. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import IssueId


def project_name(folder: str) -> str:
    """The short name that ids begin with, from the name of the repository's folder."""
    name = re.sub(r"[^\w.-]+", "-", folder.removesuffix(".git")).strip("-.")
    return name[:40] or "project"


def find_issue(known: Iterable[IssueId], text: str) -> IssueId:
    """The issue that ``text`` names: its id, or ``#12`` or ``12`` where only one has that number.

    Raises UsageError: ``unknown-issue``, with near ids, or ``ambiguous-issue``, with those that it may mean.
    """
    ids = list(known)
    wanted = text.strip()
    if wanted in ids:
        return IssueId(wanted)
    folded = [each for each in ids if each.casefold() == wanted.casefold()]
    number = re.fullmatch(r"#?(\d+)", wanted)
    meant = folded or [each for each in ids if number and each.rpartition("#")[2] == number[1]]
    meant = meant or [each for each in ids if "#" in wanted.strip("#") and each.casefold().endswith(wanted.casefold())]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UsageError(
            f"{text!r} may mean {len(meant)} issues: {', '.join(meant[:8])}",
            slug="ambiguous-issue",
            hint=f"give the whole id, as in {meant[0]}",
            facts={"given": text, "candidates": " ".join(meant)},
        )
    near = _near(ids, wanted)
    raise UsageError(
        f"There is no issue {text!r} in this project" + (f"; did you mean {', '.join(near)}?" if near else ""),
        slug="unknown-issue",
        hint=f"watchkeeper issue show {near[0]}" if near else "watchkeeper issue list --state all",
        facts={"given": text, "suggestions": " ".join(near)},
    )


def require_no_cycle(depends: Mapping[IssueId, Sequence[IssueId]], changed: Iterable[IssueId]) -> None:
    """Raises UsageError (``issue-cycle``) where one of ``changed`` would wait for itself, with the way round."""
    for start in changed:
        way = _way_back(depends, start)
        if way:
            raise UsageError(
                f"{start} would wait for itself: {' -> '.join(way)}",
                slug="issue-cycle",
                hint="leave one of these dependencies out",
                facts={"cycle": " ".join(way)},
            )


def _way_back(depends: Mapping[IssueId, Sequence[IssueId]], start: IssueId) -> list[IssueId]:
    """From ``start`` over what it depends on to itself again; empty where no way leads there."""
    came: dict[IssueId, IssueId] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for there in depends.get(here, ()):
            if there == start:
                way = [start, here]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return [*reversed(way[1:]), start]
            if there not in came:
                came[there] = here
                waiting.append(there)
    return []


def _near(ids: Sequence[IssueId], wanted: str) -> list[IssueId]:
    """A number is near the next ones, and those that are written like it; a word is by its letters."""
    if number := re.fullmatch(r"#?(\d{1,18})", wanted):
        numbers = {each: each.rpartition("#")[2] for each in ids if each.rpartition("#")[2].isdecimal()}
        alike = difflib.get_close_matches(number[1], list(numbers.values()), n=3, cutoff=0.6)
        beside = {str(int(number[1]) + step) for step in (-1, 1)}
        near = sorted(numbers, key=lambda each: numbers[each] not in beside)
        return [each for each in near if numbers[each] in (*beside, *alike)][:3]
    by_folded = {each.casefold(): each for each in ids}
    return [by_folded[each] for each in difflib.get_close_matches(wanted.casefold(), list(by_folded), n=3, cutoff=0.6)]
