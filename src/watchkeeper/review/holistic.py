"""The day's changes as one graph: which touched, contradict, rewrote or repeated each other. Pure.

Each link says what it rests on. What everybody touches (a hub symbol) links each change with the one before it only:
forty changes of one file are a chain and not 780 lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import combinations, pairwise
from typing import NamedTuple

from watchkeeper.controlroom.picture import Picture
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.review.contradictions import find_contradictions
from watchkeeper.review.landedchanges import (
    LandedChange,
    find_landed,
    find_meetings,
    find_migration_clashes,
)
from watchkeeper.review.ranking import dangers_of, describe_resource, score_of
from watchkeeper.review.words import counted, names, sentence, short

_HUB = 4
"""From so many changes on that touch a thing it says little that two of them do."""
_CODE_NAME = re.compile(r"`([^`\s]{3,60})`|\b([A-Za-z]\w*(?:[._]\w+)+)\b|\b([a-z]+[A-Z]\w+)\b|\b(\w{3,})\(\)")
_WORD = re.compile(r"[a-z][a-z0-9-]{3,}")
_LEAST_WORDS = 5
_COMMON_WORDS = 0.6
"""Of the words of the shorter of two issue texts."""


class LinkKind(StrEnum):
    """How two changes have to do with each other, the gravest first."""

    CONFLICT = "conflict"  # they do not go together, or may not, and both are in
    CONTRADICTS = "contradicts"  # their decisions about one subject differ
    REWRITTEN = "rewritten"  # the later one took away or rewrote lines of the earlier one
    SAME_SYMBOL = "same-symbol"  # both wrote it
    SAME_RESOURCE = "same-resource"
    READS = "reads"  # the second relies on what the first wrote
    SAME_CODE = "same-code"  # the same thing was written twice: in two projects it has converged
    ISSUES = "issues"  # their issues spoke of the same

    @property
    def rank(self) -> int:
        return list(LinkKind).index(self)


class Node(NamedTuple):
    """A landed change of the day. ``score`` is how dangerous it is."""

    commit: Sha
    project: str
    title: str
    at: Millis
    score: int = 0
    past_queue: bool = False
    is_reverted: bool = False


class Link(NamedTuple):
    """``one`` landed before ``other``. ``what`` names what links them, the first few; ``total`` how many there are."""

    kind: LinkKind
    one: Sha
    other: Sha
    what: tuple[str, ...]
    total: int = 1
    evidence: tuple[Seq, ...] = ()


class DayGraph(NamedTuple):
    """Changes in the order in which they landed, and their links, the gravest first."""

    since: Millis
    until: Millis
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()

    def of_project(self, name: str) -> DayGraph:
        """The part of one project, with what links it to others left out."""
        nodes = tuple(each for each in self.nodes if each.project == name)
        inside = {each.commit for each in nodes}
        links = tuple(each for each in self.links if each.one in inside and each.other in inside)
        return self._replace(nodes=nodes, links=links)

    def find(self, commit: Sha) -> Node:
        """The node of a commit that is in it."""
        return next(each for each in self.nodes if each.commit == commit)


Rewritings = Mapping[tuple[Sha, Sha], int]
"""(earlier, later) -> how many of the earlier one's lines the later one took away."""


def make_graph(picture: Picture, since: Millis, until: Millis, rewritings: Rewritings | None = None) -> DayGraph:
    """The graph of what landed from ``since`` to before ``until`` in all projects."""
    landed = {
        name: [each for each in find_landed(project) if since <= each.at < until]
        for name, project in picture.projects.items()
    }
    changes = sorted((each for them in landed.values() for each in them), key=lambda each: (each.at, each.commit))
    order = {each.commit: at for at, each in enumerate(changes)}
    links: list[Link] = [*_contradicting(picture, order), *_same_code(changes)]
    for name, them in landed.items():
        links += [*_meeting(them), *_same_symbols(them), *_same_resources(them), *_reading(them)]
        links += _overlapping(them, picture, name)
    for (one, other), count in (rewritings or {}).items():
        if one in order and other in order:
            links.append(Link(LinkKind.REWRITTEN, one, other, (counted(count, "line"),)))
    nodes = tuple(_node(each) for each in changes)
    return DayGraph(since, until, nodes, _in_order(links, order))


def describe_graph(graph: DayGraph) -> tuple[str, ...]:
    """One sentence for each link, the gravest first; then how many changes have to do with no other."""
    known = {each.commit: each for each in graph.nodes}
    lines = [describe_link(each, known[each.one], known[each.other]) for each in graph.links]
    linked = {commit for each in graph.links for commit in (each.one, each.other)}
    alone = len(graph.nodes) - len(linked)
    if not graph.nodes:
        return ("nothing landed",)
    if alone:
        lines.append(f"{counted(alone, 'change')} of {len(graph.nodes)} had to do with no other")
    return tuple(lines)


def describe_link(link: Link, one: Node, other: Node) -> str:
    """``shop: "a" and "b" both wrote pay:total``."""
    first, second = f'"{short(one.title, 50)}"', f'"{short(other.title, 50)}"'
    where = one.project if one.project == other.project else f"{one.project} and {other.project}"
    more = f" and {link.total - len(link.what)} more" if link.total > len(link.what) else ""
    what = f"{names(link.what)}{more}" if link.what else ""
    twice = " twice" if one.project == other.project else ""
    said = {
        LinkKind.CONFLICT: f"{first} and {second} are both in, and may not go together: {what}",
        LinkKind.CONTRADICTS: f"{first} and {second} decided differently about {what}",
        LinkKind.REWRITTEN: f"{second} took away {what} that {first} had added",
        LinkKind.SAME_SYMBOL: f"{first} and {second} both wrote {what}",
        LinkKind.SAME_RESOURCE: f"{first} and {second} both touched {what}",
        LinkKind.READS: f"{second} relies on what {first} wrote: {what}",
        LinkKind.SAME_CODE: f"{first} and {second} wrote the same code{twice}",
        LinkKind.ISSUES: f"the issues of {first} and {second} both spoke of {what}",
    }[link.kind]
    return sentence(f"{where}: {said}")


# -- links -------------------------------------------------------------------------------------------------------------


def _meeting(changes: Sequence[LandedChange]) -> Iterator[Link]:
    for each in find_meetings(changes):
        first, *rest = sorted(each.changes, key=lambda change: change.at)
        for other in rest:
            what = (each.state.conflict.summary,)
            yield Link(LinkKind.CONFLICT, first.commit, other.commit, what, evidence=(each.state.seq,))
    for clash in find_migration_clashes(changes):
        for first, other in pairwise(clash.changes):
            what = (f"both migrations follow {short(clash.parent, 40)}",)
            yield Link(LinkKind.CONFLICT, first.commit, other.commit, what, evidence=other.evidence)


def _contradicting(picture: Picture, order: Mapping[Sha, int]) -> Iterator[Link]:
    for each in find_contradictions(picture.projects):
        made = [one for one in each.decisions if one.decision.commit in order]
        for first, other in combinations(made, 2):
            one, two = first.decision.commit, other.decision.commit
            if one is not None and two is not None and first.decision.choice != other.decision.choice:
                yield Link(LinkKind.CONTRADICTS, one, two, (each.subject,), evidence=(first.seq, other.seq))


def _same_symbols(changes: Sequence[LandedChange]) -> Iterator[Link]:
    yield from _shared(LinkKind.SAME_SYMBOL, changes, {each.commit: _symbols(each) for each in changes})


def _symbols(change: LandedChange) -> tuple[str, ...]:
    """Without a module's own statements: every change of its imports writes them."""
    return tuple(each for each in change.survey.writes if not each.endswith(":"))


def _same_resources(changes: Sequence[LandedChange]) -> Iterator[Link]:
    yield from _shared(
        LinkKind.SAME_RESOURCE,
        changes,
        {each.commit: tuple(map(describe_resource, each.survey.resources)) for each in changes},
    )


def _reading(changes: Sequence[LandedChange]) -> Iterator[Link]:
    """A later one reads what an earlier one wrote, and did not write it itself."""
    writers: dict[str, list[LandedChange]] = {}
    found: dict[tuple[Sha, Sha], list[str]] = {}
    for change in changes:
        own = set(change.survey.writes)
        for symbol in change.survey.reads:
            known = writers.get(symbol, [])
            if known and symbol not in own:
                found.setdefault((known[-1].commit, change.commit), []).append(symbol)
        for symbol in _symbols(change):
            writers.setdefault(symbol, []).append(change)
    for (one, other), what in found.items():
        yield Link(LinkKind.READS, one, other, tuple(what[:3]), len(what))


def _same_code(changes: Sequence[LandedChange]) -> Iterator[Link]:
    yield from _shared(LinkKind.SAME_CODE, changes, {each.commit: each.survey.digests for each in changes})


def _overlapping(changes: Sequence[LandedChange], picture: Picture, name: str) -> Iterator[Link]:
    """Issues whose texts name the same code, or consist of the same words."""
    issues = picture.projects[name].fleet.issues
    texts = {}
    for change in changes:
        known = issues.get(IssueId(change.survey.issue))
        if known is not None:
            texts[change.commit] = f"{known.issue.title}\n{known.issue.body}"
    of = {each.commit: each.survey.issue for each in changes}
    named = {commit: tuple(sorted(_code_names(text))) for commit, text in texts.items()}
    told: set[tuple[Sha, Sha]] = set()
    for link in _shared(LinkKind.ISSUES, [each for each in changes if each.commit in texts], named):
        if of[link.one] != of[link.other]:
            told.add((link.one, link.other))
            yield link
    words = {commit: frozenset(_WORD.findall(text.lower())) for commit, text in texts.items()}
    for first, second in combinations(words, 2):
        both, least = words[first] & words[second], min(len(words[first]), len(words[second]))
        is_new = of[first] != of[second] and (first, second) not in told
        if is_new and least >= _LEAST_WORDS and len(both) / least >= _COMMON_WORDS:
            yield Link(LinkKind.ISSUES, first, second, tuple(sorted(both))[:3], len(both))


def _shared(kind: LinkKind, changes: Sequence[LandedChange], things: Mapping[Sha, Sequence[str]]) -> Iterator[Link]:
    """Pairs that have a thing in common; of what many have, each with the one before it."""
    having: dict[str, list[LandedChange]] = {}
    for change in changes:
        for thing in dict.fromkeys(things[change.commit]):
            having.setdefault(thing, []).append(change)
    found: dict[tuple[Sha, Sha], list[str]] = {}
    for thing, them in having.items():
        for one, other in combinations(them, 2) if len(them) < _HUB else pairwise(them):
            found.setdefault((one.commit, other.commit), []).append(thing)
    for (first, second), what in found.items():
        yield Link(kind, first, second, tuple(what[:3]) if kind is not LinkKind.SAME_CODE else (), len(what))


def _code_names(text: str) -> set[str]:
    return {next(filter(None, found)).rstrip("()") for found in _CODE_NAME.findall(text)}


def _node(change: LandedChange) -> Node:
    score = score_of(dangers_of(change))
    title = sentence(change.survey.title, 120)
    return Node(change.commit, change.project, title, change.at, score, change.past_queue, change.is_reverted)


def _in_order(links: Iterable[Link], order: Mapping[Sha, int]) -> tuple[Link, ...]:
    """The gravest first, then as they landed; one of a kind for each pair; who landed first stands first."""
    known: dict[tuple[LinkKind, Sha, Sha], Link] = {}
    for each in links:
        if each.one not in order or each.other not in order or each.one == each.other:
            continue
        turned = each if order[each.one] <= order[each.other] else each._replace(one=each.other, other=each.one)
        known.setdefault((turned.kind, turned.one, turned.other), turned)
    return tuple(sorted(known.values(), key=lambda each: (each.kind.rank, order[each.one], order[each.other])))
